//! Lines of what comes in parts.

/// The longest line that is looked at; a longer one is passed over.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// What has come of a line that is not whole yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    begun: Vec<u8>,
    is_too_long: bool,
}

impl Lines {
    /// The lines that are whole now.
    pub(super) fn take(&mut self, chunk: &[u8]) -> Vec<Vec<u8>> {
        let mut whole = Vec::new();
        for part in chunk.split_inclusive(|byte| *byte == b'\n') {
            let text = part.strip_suffix(b"\n");
            self.is_too_long |= self.begun.len() + part.len() > LINE_BYTES_MAX;
            if !self.is_too_long {
                self.begun.extend_from_slice(text.unwrap_or(part));
            }
            if text.is_some() {
                let line = std::mem::take(&mut self.begun);
                if !std::mem::take(&mut self.is_too_long) {
                    whole.push(line);
                }
            }
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_whatever_their_parts_and_a_boundless_one_is_passed_over() {
        let mut lines = Lines::default();
        assert!(lines.take(b"on").is_empty());
        assert_eq!(lines.take(b"e\ntwo\nth"), [b"one".to_vec(), b"two".to_vec()]);
        for _ in 0..3 {
            assert!(lines.take(&vec![b'x'; LINE_BYTES_MAX]).is_empty());
            assert!(lines.begun.len() <= LINE_BYTES_MAX);
        }
        assert_eq!(lines.take(b"\nfour\n"), [b"four".to_vec()]);
    }
}
