//! Server-sent events, read as they come (WHATWG HTML, "9.2.6 Interpreting an event stream").
//!
//! Only what the providers use is kept: the name and the data of an event. What is kept of one event
//! is bounded, and an event whose end never came is none.

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// Its name; empty where none was said.
    pub(super) name: String,
    /// Its data, lines joined by `\n`.
    pub(super) data: String,
}

/// An event is larger than may be, or is not text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spoiled {
    TooLarge,
    NotText,
}

/// Reads bytes, cut anywhere, into events.
#[derive(Debug)]
pub(super) struct Events {
    bytes_max: usize,
    line: Vec<u8>,
    /// The last byte was the first half of a line break, perhaps.
    after_return: bool,
    is_first_line: bool,
    name: String,
    data: String,
    has_data: bool,
}

impl Events {
    /// Keeps at most so many bytes of one event.
    pub(super) const fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            line: Vec::new(),
            after_return: false,
            is_first_line: true,
            name: String::new(),
            data: String::new(),
            has_data: false,
        }
    }

    /// Reads on; adds the events that are whole by now.
    pub(super) fn feed(&mut self, bytes: &[u8], whole: &mut Vec<Event>) -> Result<(), Spoiled> {
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            if std::mem::take(&mut self.after_return) && *first == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let part = &rest[..end.unwrap_or(rest.len())];
            if self.line.len() + self.data.len() + part.len() > self.bytes_max {
                return Err(Spoiled::TooLarge);
            }
            self.line.extend_from_slice(part);
            let Some(end) = end else { break };
            self.after_return = rest.get(end) == Some(&b'\r');
            rest = rest.get(end + 1..).unwrap_or_default();
            let line = std::mem::take(&mut self.line);
            let line = String::from_utf8(line).map_err(|_| Spoiled::NotText)?;
            self.line(&line, whole);
        }
        Ok(())
    }

    fn line(&mut self, line: &str, whole: &mut Vec<Event>) {
        let line = if std::mem::take(&mut self.is_first_line) {
            line.strip_prefix('\u{feff}').unwrap_or(line)
        } else {
            line
        };
        if line.is_empty() {
            let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
            if std::mem::take(&mut self.has_data) {
                whole.push(Event { name, data });
            }
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.data.push_str(value);
                self.has_data = true;
            }
            // Comments, which keep a connection alive, and fields that nobody here needs.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Result<Vec<(String, String)>, Spoiled> {
        let (mut events, mut whole) = (Events::new(64), Vec::new());
        for piece in pieces {
            events.feed(piece, &mut whole)?;
        }
        Ok(whole.into_iter().map(|event| (event.name, event.data)).collect())
    }

    const TEXT: &str = "\u{feff}: hello\r\nevent: a\ndata: one\r\ndata:two\n\n\r\rdata\r\n\r\ndata: \
                        \u{e4}\nid: 7\n\nevent: none\n\ndata: never ended";

    #[test]
    fn events_are_read_with_every_kind_of_line_break() {
        let event = |name: &str, data: &str| (name.to_owned(), data.to_owned());
        let expected = [event("a", "one\ntwo"), event("", ""), event("", "\u{e4}")];
        assert_eq!(read(&[TEXT.as_bytes()]).unwrap(), expected);
    }

    #[test]
    fn where_the_bytes_are_cut_changes_nothing() {
        let bytes = TEXT.as_bytes();
        let expected = read(&[bytes]).unwrap();
        for cut in 0..bytes.len() {
            assert_eq!(read(&[&bytes[..cut], &bytes[cut..]]).unwrap(), expected, "cut at {cut}");
        }
        let each: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(read(&each).unwrap(), expected);
    }

    #[test]
    fn an_event_without_an_end_is_not_kept_for_ever() {
        let line = [b'x'; 65];
        assert_eq!(read(&[&line]), Err(Spoiled::TooLarge));
        let many: Vec<&[u8]> = vec![b"data: 0123456789\n"; 7];
        assert_eq!(read(&many), Err(Spoiled::TooLarge));
        assert_eq!(read(&[b"data: \xff\n\n"]), Err(Spoiled::NotText));
    }
}
