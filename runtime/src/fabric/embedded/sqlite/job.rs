//! What the writer is asked to do, and what it answers.

use bytes::Bytes;
use tokio::sync::oneshot;

use super::room::{Room, Step};
use crate::{
    error::{Error, ErrorKind, Result},
    fabric::{AppendError, Key, LogName, Revision, Sequence, SetError},
};

/// Something to be written, and who waits for the verdict.
#[derive(Debug)]
pub(super) enum WriteJob {
    Append {
        log: LogName,
        end: Sequence,
        record: Bytes,
        reply: oneshot::Sender<Result<Sequence, AppendError>>,
    },
    /// For a log that is not there; nothing happens to one that is.
    Begin {
        log: LogName,
        first: Sequence,
        reply: oneshot::Sender<Result<()>>,
    },
    Trim {
        log: LogName,
        first: Sequence,
        reply: oneshot::Sender<Result<()>>,
    },
    Set {
        key: Key,
        expected: Option<Revision>,
        bytes: Option<Bytes>,
        reply: oneshot::Sender<Result<Revision, SetError>>,
    },
    /// Taken alone, between two commits.
    Shrink {
        step: Step,
        reply: oneshot::Sender<Result<Room>>,
    },
    Close {
        reply: oneshot::Sender<()>,
    },
}

impl WriteJob {
    /// How much it brings.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Append { record, .. } => record.len(),
            Self::Set { bytes, .. } => bytes.as_ref().map_or(0, Bytes::len),
            Self::Begin { .. } | Self::Trim { .. } | Self::Shrink { .. } | Self::Close { .. } => 0,
        }
    }
}

/// What became of a job, once its commit is done.
pub(super) enum Verdict {
    Appended(Result<Sequence, AppendError>),
    Trimmed,
    Set(Result<Revision, SetError>),
}

/// Why a transaction was not committed.
pub(super) struct Failure {
    pub(super) full: bool,
    /// It failed while committing, so that it may yet be found after a crash.
    pub(super) unknown: bool,
    pub(super) error: Error,
}

/// Tells whoever waits that it was not written, or perhaps not.
pub(super) fn fail(job: WriteJob, failure: &Failure) {
    let why = failure.error.to_string();
    match job {
        WriteJob::Append { reply, .. } => drop(reply.send(Err(if failure.full {
            AppendError::Full
        } else {
            AppendError::Unknown(why)
        }))),
        WriteJob::Set { reply, .. } => drop(reply.send(Err(if failure.full {
            SetError::Full
        } else {
            SetError::Unknown(why)
        }))),
        WriteJob::Begin { reply, .. } | WriteJob::Trim { reply, .. } => {
            let kind = if failure.full { ErrorKind::Full } else { failure.error.kind() };
            drop(reply.send(Err(Error::new(kind, why))));
        }
        WriteJob::Shrink { reply, .. } => {
            drop(reply.send(Err(Error::new(failure.error.kind(), why))));
        }
        WriteJob::Close { reply } => drop(reply.send(())),
    }
}
