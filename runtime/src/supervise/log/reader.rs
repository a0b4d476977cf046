//! Reads a supervision log from where it was read last: the whole of a dead one, a live one as it grows.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use super::{Reading, Record};
use crate::error::{Error, ErrorKind, Result};

/// A supervision log that is read on and on.
///
/// A line counts once its end is there; what a writer has not ended is left for the next reading.
#[derive(Clone, Debug)]
pub struct Reader {
    path: PathBuf,
    offset: u64,
    rest: Vec<u8>,
}

impl Reader {
    /// A reader that stands at the beginning of the file.
    pub fn of(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned(), offset: 0, rest: Vec::new() }
    }

    /// Reads the lines that were added since it was asked last. A file that has become shorter
    /// was begun anew, and is read from its beginning.
    ///
    /// An error of kind `NotFound` means that there is no such file.
    pub fn read_on(&mut self) -> Result<Reading> {
        self.fetch().map_err(|error| {
            let kind = match error.kind() {
                io::ErrorKind::NotFound => ErrorKind::NotFound,
                _ => ErrorKind::Io,
            };
            let text = format!("cannot read the supervision log {}", self.path.display());
            Error::new(kind, text).because(error)
        })?;
        let mut reading = Reading::default();
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else {
            return Ok(reading);
        };
        let whole: Vec<u8> = self.rest.drain(..=end).collect();
        for line in whole.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match Record::from_line(line) {
                Some(record) => reading.records.push(record),
                None => reading.unreadable += 1,
            }
        }
        Ok(reading)
    }

    /// Whether something stands after the last whole line: a line that is being written or, when
    /// nobody writes, one that was torn by the end of its writer.
    pub const fn has_rest(&self) -> bool {
        !self.rest.is_empty()
    }

    fn fetch(&mut self) -> io::Result<()> {
        let mut file = File::open(&self.path)?;
        if file.metadata()?.len() < self.offset {
            (self.offset, self.rest) = (0, Vec::new());
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let read = file.read_to_end(&mut self.rest)?;
        self.offset += read as u64;
        Ok(())
    }
}
