//! Lines of bytes, bounded before anything is made of them.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// How many bytes are asked for at once.
const PORTION: usize = 16 * 1024;

/// Why there is no next line.
#[derive(Debug)]
pub(super) enum Broken {
    /// The line is longer than is allowed; what follows cannot be told from it.
    TooLong,
    /// The other side ended in the middle of a line.
    Cut,
    /// Reading failed.
    Io(io::Error),
}

/// Reads lines of a stream.
#[derive(Debug)]
pub(super) struct Lines<R> {
    stream: R,
    bytes: BytesMut,
    /// How many of the bytes are known to hold no end of a line.
    searched: usize,
    line_max: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn of(stream: R, line_max: usize) -> Self {
        Self { stream, bytes: BytesMut::new(), searched: 0, line_max }
    }

    /// The next line that is not empty, without its end; none when the stream ends after a line.
    ///
    /// # Cancellation
    /// Loses nothing.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        loop {
            let rest = self.bytes.get(self.searched..).unwrap_or_default();
            if let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
                let line = self.bytes.split_to(self.searched + at + 1).freeze();
                self.searched = 0;
                let line = line.slice(..line.trim_ascii_end().len());
                if line.is_empty() {
                    continue;
                }
                return if line.len() > self.line_max {
                    Err(Broken::TooLong)
                } else {
                    Ok(Some(line))
                };
            }
            self.searched = self.bytes.len();
            if self.bytes.len() > self.line_max {
                return Err(Broken::TooLong);
            }
            self.bytes.reserve(PORTION);
            let read = self.stream.read_buf(&mut self.bytes).await.map_err(Broken::Io)?;
            if read == 0 {
                let is_blank = self.bytes.trim_ascii().is_empty();
                return if is_blank { Ok(None) } else { Err(Broken::Cut) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    async fn all(bytes: &[u8], line_max: usize) -> (Vec<String>, Option<Broken>) {
        let mut lines = Lines::of(bytes, line_max);
        let mut read = Vec::new();
        loop {
            match lines.next().await {
                Ok(Some(line)) => read.push(String::from_utf8_lossy(&line).into_owned()),
                Ok(None) => return (read, None),
                Err(broken) => return (read, Some(broken)),
            }
        }
    }

    #[tokio::test]
    async fn lines_are_read_one_by_one_however_they_are_cut() {
        assert!(
            matches!(all(b"one\r\n\n  \ntwo\n", 8).await, (lines, None) if lines == ["one", "two"])
        );
        assert!(matches!(all(b"", 8).await, (lines, None) if lines.is_empty()));

        let (mut end, stream) = tokio::io::duplex(4);
        let mut lines = Lines::of(stream, 8);
        let write = async {
            for part in ["o", "ne\nt", "wo", "\n"] {
                end.write_all(part.as_bytes()).await.unwrap();
            }
            drop(end);
        };
        let read = async {
            (lines.next().await.unwrap(), lines.next().await.unwrap(), lines.next().await.unwrap())
        };
        let ((), read) = tokio::join!(write, read);
        assert_eq!(read, (Some("one".into()), Some("two".into()), None));
    }

    #[tokio::test]
    async fn a_line_is_bounded_with_or_without_an_end() {
        assert!(matches!(all(b"12345678\n", 8).await, (lines, None) if lines == ["12345678"]));
        assert!(matches!(all(b"123456789\n", 8).await, (_, Some(Broken::TooLong))));
        assert!(matches!(all(&vec![b'x'; 1 << 20], 8).await, (_, Some(Broken::TooLong))));
        assert!(
            matches!(all(b"one\nhal", 8).await, (lines, Some(Broken::Cut)) if lines == ["one"])
        );
    }

    #[tokio::test]
    async fn whoever_stops_waiting_for_a_line_gets_it_the_next_time() {
        let (mut end, stream) = tokio::io::duplex(64);
        let mut lines = Lines::of(stream, 8);
        end.write_all(b"ha").await.unwrap();
        tokio::select! {
            biased;
            _ = lines.next() => panic!("there is no whole line yet"),
            () = tokio::task::yield_now() => {}
        }
        end.write_all(b"lf\n").await.unwrap();
        assert_eq!(lines.next().await.unwrap(), Some("half".into()));
    }
}
