//! The error of this crate: a kind that one can match, a sentence that one can read, a source.

use std::{error::Error as StdError, fmt};

/// The result of anything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, for whoever decides what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// What was given is not allowed; the same again fails again.
    Invalid,
    /// What was named does not exist.
    NotFound,
    /// It exists already, or is held by somebody else.
    Conflict,
    /// A queue, a disk or a limit is full; later may work.
    Full,
    /// Nobody answered, or not in time; it may or may not have happened.
    Unavailable,
    /// What was read is torn, corrupt or of a version that never was.
    Corrupt,
    /// What was read was written by a newer program, which should be run instead of this one.
    TooNew,
    /// The operating system refused or failed.
    Io,
    /// The program itself is wrong.
    Fault,
}

/// An error: lower case, no full stop, says what was attempted and with what.
pub struct Error {
    kind: ErrorKind,
    message: Box<str>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of a kind, with a sentence that says what was being attempted.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into().into_boxed_str(), source: None }
    }

    /// The same error with what caused it.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What went wrong.
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the same attempt may work later.
    pub const fn is_retryable(&self) -> bool {
        matches!(self.kind, ErrorKind::Full | ErrorKind::Unavailable)
    }
}

/// The sentence, and after it each cause that says something new.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = self.message.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Many errors tell their causes themselves.
            if !told.contains(&text) {
                told.push_str(": ");
                told.push_str(&text);
            }
            cause = error.source();
        }
        f.write_str(&told)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({self})", self.kind)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reads_as_one_sentence_with_its_causes() {
        let error = Error::new(ErrorKind::Io, "cannot open \"a\"")
            .because(std::io::Error::other("disk on fire"));
        assert_eq!(error.to_string(), "cannot open \"a\": disk on fire");
        assert_eq!(error.kind(), ErrorKind::Io);
        let outer = Error::new(ErrorKind::Io, "cannot start").because(error);
        assert_eq!(outer.to_string(), "cannot start: cannot open \"a\": disk on fire");
        assert!(!outer.is_retryable());
    }
}
