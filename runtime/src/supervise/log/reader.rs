//! Reads a supervision log from where it was read last: the whole of a dead one, a live one as it grows.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Reading, Record, rotate::older};
use crate::error::{Error, ErrorKind, Result};

/// A supervision log that is read on and on: first the file that was put aside, if there is one,
/// then the one that is written.
///
/// A line counts once its end is there; what a writer has not ended is left for the next reading.
#[derive(Clone, Debug)]
pub struct Reader {
    path: PathBuf,
    open: Option<Open>,
    rest: Vec<u8>,
}

/// The file that is read, whatever it is called meanwhile.
#[derive(Clone, Debug)]
struct Open {
    file: Arc<File>,
    id: (u64, u64),
    offset: u64,
}

fn id(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

impl Open {
    fn of(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let id = id(&file.metadata()?);
        Ok(Self { file: Arc::new(file), id, offset: 0 })
    }

    /// Reads what was added; what has become shorter was begun anew.
    fn read_on(&mut self, into: &mut Vec<u8>) -> io::Result<()> {
        let mut file = &*self.file;
        if file.metadata()?.len() < self.offset {
            self.offset = 0;
            into.clear();
        }
        file.seek(SeekFrom::Start(self.offset))?;
        self.offset += file.read_to_end(into)? as u64;
        Ok(())
    }
}

impl Reader {
    /// A reader that stands at the beginning of the file.
    pub fn of(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned(), open: None, rest: Vec::new() }
    }

    /// Reads the lines that were added since it was asked last. A file that has become shorter
    /// was begun anew, and is read from its beginning; one that was put aside is read to its end.
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
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.begin()?,
        };
        open.read_on(&mut self.rest)?;
        let now = fs::metadata(&self.path).ok().map(|file| id(&file));
        if now.is_some_and(|now| now != open.id) {
            // It was put aside: what was added before that is read, and then its successor.
            open.read_on(&mut self.rest)?;
            open = Open::of(&self.path)?;
            open.read_on(&mut self.rest)?;
        }
        self.open = Some(open);
        Ok(())
    }

    /// Opens the file, and reads what was put aside before it.
    fn begin(&mut self) -> io::Result<Open> {
        let open = Open::of(&self.path)?;
        // If it was put aside in this moment, it is the one that is open.
        if let Ok(mut before) = Open::of(&older(&self.path))
            && before.id != open.id
        {
            before.read_on(&mut self.rest)?;
        }
        Ok(open)
    }
}
