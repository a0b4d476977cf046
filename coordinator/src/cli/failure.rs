//! What went wrong with a command, and how that is told.

use orkestra_runtime::{Error, ErrorKind};

use crate::{
    output::{Console, Exit, Format},
    written::Faults,
};

/// What went wrong with a command.
#[derive(Debug)]
pub(super) enum Failure {
    /// Something was attempted and failed.
    Error(Error),
    /// Something that was written is wrong.
    Faults(Faults),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        Self::Faults(faults)
    }
}

impl Failure {
    pub(super) fn from_io(error: std::io::Error) -> Self {
        Self::Error(Error::new(ErrorKind::Io, "cannot begin").because(error))
    }

    /// Tells it, and answers how the command ends.
    pub(super) fn tell(self, console: &mut Console) -> Exit {
        match self {
            Self::Error(error) => {
                let mut told = console.error(&error);
                if error.kind() == ErrorKind::Corrupt {
                    let help = "help: `orkestra recover --into DIR` saves what is left of it";
                    told = told.and_then(|()| console.say(help));
                }
                if told.is_err() {
                    return Exit::Unreachable;
                }
                match error.kind() {
                    ErrorKind::Invalid | ErrorKind::NotFound => Exit::Invalid,
                    _ => Exit::Unreachable,
                }
            }
            Self::Faults(faults) => {
                let told = if matches!(console.format(), Format::Json | Format::Yaml) {
                    console.item(&faults, ToString::to_string)
                } else {
                    console.error(&faults)
                };
                if told.is_ok() { Exit::Invalid } else { Exit::Unreachable }
            }
        }
    }
}
