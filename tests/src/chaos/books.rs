//! What those outside write down: the client each call before and after it, agents each execution.
//!
//! A line is one write to a file that is only ever appended to, so that a writer who is killed
//! leaves whole lines behind.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    path::Path,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// What the client wrote down.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// It is about to submit these.
    Asks {
        /// Whose.
        namespace: String,
        /// In which run.
        run: String,
        /// How many, named `t0` and so on.
        tasks: usize,
    },
    /// It was told that they are taken.
    Acknowledged {
        /// In which run.
        run: String,
    },
    /// It was told otherwise, or nothing; it asks the same again.
    Failed {
        /// In which run.
        run: String,
        /// Why.
        why: String,
    },
}

/// What an agent wrote down.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Execution {
    /// The run.
    pub run: String,
    /// The task.
    pub task: String,
    /// Which try.
    pub attempt: u32,
    /// On which node.
    pub node: String,
    /// In which process.
    pub process: u32,
    /// When, in milliseconds of the machine's clock.
    pub at: u64,
    /// Whether this is its end.
    pub ended: bool,
}

/// A book that lines are written in.
#[derive(Debug)]
pub struct Book(File);

impl Book {
    /// A book, new or with what it has.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        OpenOptions::new().create(true).append(true).open(path).map(Self)
    }

    /// Writes one line.
    pub fn write(&self, line: &impl Serialize) -> std::io::Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        (&self.0).write_all(text.as_bytes())
    }
}

/// The lines of a book that may not be there.
pub fn read<T: DeserializeOwned>(path: &Path) -> std::io::Result<Vec<T>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    text.lines().map(|line| serde_json::from_str(line).map_err(Into::into)).collect()
}
