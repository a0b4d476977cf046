//! Reads what a program writes, within bounds.

use std::time::Duration;

use orkestra_runtime::protocol::task::{Failure, FailureKind};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

const CHUNK_BYTES: usize = 16 * 1024;

/// Whether a listener wants to hear more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    More,
    /// The last word was said; the program should end now.
    LastWord,
}

/// Who listens to standard output.
pub(super) trait Listener: Send {
    fn hear(&mut self, chunk: &[u8]) -> Result<Heard, Failure>;
}

/// Why nobody listens any longer, before the output has ended.
#[derive(Debug)]
pub(super) enum Enough {
    Failed(Failure),
    /// The last word was said, and the program does not end.
    LastWord,
}

/// Hands all output to a listener.
pub(super) async fn listen(
    mut from: impl AsyncRead + Unpin + Send,
    listener: &mut impl Listener,
    bytes_max: usize,
    grace: Duration,
) -> Result<(), Enough> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let (mut total, mut heard) = (0, Heard::More);
    loop {
        let read = from.read(&mut chunk);
        let read = match heard {
            Heard::More => read.await,
            Heard::LastWord => {
                tokio::time::timeout(grace, read).await.map_err(|_| Enough::LastWord)?
            }
        };
        // A pipe that cannot be read any more has ended.
        let Ok(bytes @ 1..) = read else { return Ok(()) };
        total += bytes;
        if total > bytes_max {
            let why = format!("it wrote more than {bytes_max} bytes to standard output");
            return Err(Enough::Failed(Failure::new(FailureKind::BadOutput, why)));
        }
        heard = listener.hear(&chunk[..bytes]).map_err(Enough::Failed)?;
    }
}

/// The end of what was written.
#[derive(Debug)]
pub(super) struct Tail {
    bytes: Vec<u8>,
    kept_max: usize,
    cut: bool,
}

impl Tail {
    pub(super) const fn new(kept_max: usize) -> Self {
        Self { bytes: Vec::new(), kept_max, cut: false }
    }

    fn push(&mut self, chunk: &[u8]) {
        self.bytes.extend_from_slice(chunk);
        if self.bytes.len() > self.kept_max {
            let surplus = self.bytes.len() - self.kept_max;
            self.bytes.drain(..surplus);
            self.cut = true;
        }
    }

    /// Keeps the end of all there is to read.
    pub(super) async fn follow(&mut self, mut from: impl AsyncRead + Unpin + Send) {
        let mut chunk = vec![0; CHUNK_BYTES];
        while let Ok(bytes @ 1..) = from.read(&mut chunk).await {
            self.push(&chunk[..bytes]);
        }
    }

    /// The text, and whether its beginning is missing.
    pub(super) fn text(&self) -> (String, bool) {
        (String::from_utf8_lossy(&self.bytes).into_owned(), self.cut)
    }
}

/// Writes everything and closes. A program need not read its input.
pub(super) async fn feed(mut to: impl AsyncWrite + Unpin + Send, bytes: &[u8]) {
    if to.write_all(bytes).await.is_ok() {
        let _ = to.shutdown().await;
    }
}
