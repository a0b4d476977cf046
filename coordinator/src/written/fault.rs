//! What is wrong in a file, where, and what to do about it.

use std::fmt;

use serde::Serialize;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The line, from 1; 0 when it is in no file.
    pub line: usize,
    /// The column in characters, from 1; 0 when it is in no file.
    pub column: usize,
    /// The key: `tasks[2].needs[0]`; empty for the document itself.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The line as it is written.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// How many characters of it are meant.
    #[serde(skip)]
    pub width: usize,
}

impl Fault {
    /// A fault that is in no file: in an argument, or in the environment.
    pub fn outside(key: &str, message: impl Into<String>, help: Option<String>) -> Self {
        Self {
            line: 0,
            column: 0,
            key: key.to_owned(),
            message: message.into(),
            help,
            text: String::new(),
            width: 0,
        }
    }
}

/// Everything that is wrong in a file, in the order in which it stands there; never empty.
///
/// Shown, it reads as a compiler's messages do: where, what, the line, a caret, help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Faults {
    /// The file's name, as it was given.
    pub file: String,
    /// What is wrong.
    pub faults: Vec<Fault>,
}

impl Faults {
    /// Nothing wrong: `Ok`; anything: the faults, in order of place, each only once.
    pub fn unless_none(file: &str, mut faults: Vec<Fault>) -> Result<(), Self> {
        if faults.is_empty() {
            return Ok(());
        }
        faults.sort_by_key(|fault| (fault.line, fault.column));
        faults.dedup();
        Err(Self { file: file.to_owned(), faults })
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, fault) in self.faults.iter().enumerate() {
            if position > 0 {
                writeln!(f)?;
            }
            if fault.line == 0 {
                write!(f, "{}", fault.message)?;
                if let Some(help) = &fault.help {
                    write!(f, "\n  = help: {help}")?;
                }
                continue;
            }
            let gutter = " ".repeat(fault.line.to_string().len());
            writeln!(f, "{}:{}:{}: {}", self.file, fault.line, fault.column, fault.message)?;
            writeln!(f, "{gutter} |")?;
            writeln!(f, "{} | {}", fault.line, fault.text)?;
            let indent = " ".repeat(fault.column.saturating_sub(1));
            write!(f, "{gutter} | {indent}{}", "^".repeat(fault.width.max(1)))?;
            if let Some(help) = &fault.help {
                write!(f, "\n{gutter} = help: {help}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
