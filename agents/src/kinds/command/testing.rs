//! The reader of what programs say, for tests that try to break it.

use orkestra_runtime::{
    Result,
    protocol::{payload::Json, task::Failure},
};

use super::{lines, process::Confidences};
use crate::{Context, Secret, redaction::Redaction};

/// Hears all that a program of the protocol `json-lines` says, in these pieces, to its end. Answers
/// its last word, if it said one; a failure is what it said against the protocol.
pub fn hear(
    context: &Context,
    secrets: &[Secret],
    line_bytes_max: usize,
    chunks: &[&[u8]],
) -> Result<Option<Result<Json, Failure>>, Failure> {
    let mut redaction = Redaction::default();
    for secret in secrets {
        redaction.add_secret(secret);
    }
    let confidences = Confidences::hiding(redaction);
    lines::hear(context, &confidences, line_bytes_max, chunks)
}
