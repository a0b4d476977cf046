//! From what an agent answered to what is reported, and from what was assigned to what it is given.
//!
//! Large values live in blobs: an output is kept there before its name is reported, and an input is
//! fetched before the agent is called, so that agents only ever see JSON.

use std::{any::Any, sync::Arc};

use bytes::Bytes;
use orkestra_runtime::{
    ErrorKind,
    fabric::{Blobs, keep_sealed, unseal},
    limits::{BLOB_BYTES_MAX, PAYLOAD_INLINE_BYTES_MAX},
    protocol::{
        payload::{Json, Payload},
        task::{Failure, FailureKind, Outcome},
    },
};

/// Makes an agent's answer into an outcome; an output too large for an event goes to a blob, a
/// sensitive one to a sealed blob whatever its size.
pub async fn settle(
    answer: Result<Json, Failure>,
    is_sensitive: bool,
    blobs: &Arc<dyn Blobs>,
) -> Outcome {
    match answer {
        Err(failure) => Outcome::Failed(failure),
        Ok(json) if is_sensitive => match keep_sealed(&json, blobs.as_ref()).await {
            Ok(payload) => Outcome::Completed(payload),
            Err(error) if error.kind() == ErrorKind::Invalid => {
                Outcome::Failed(Failure::new(FailureKind::BadOutput, error.to_string()))
            }
            Err(error) => {
                Outcome::Failed(Failure::error(format!("cannot keep the output: {error}")))
            }
        },
        Ok(json) if json.as_str().len() <= PAYLOAD_INLINE_BYTES_MAX => {
            Outcome::Completed(Payload::Inline(json))
        }
        Ok(json) => match keep(&json, blobs).await {
            Ok(payload) => Outcome::Completed(payload),
            Err(failure) => Outcome::Failed(failure),
        },
    }
}

async fn keep(json: &Json, blobs: &Arc<dyn Blobs>) -> Result<Payload, Failure> {
    let bytes = json.as_str().len();
    if bytes > BLOB_BYTES_MAX {
        return Err(Failure::new(
            FailureKind::BadOutput,
            format!("the output has {bytes} bytes, and at most {BLOB_BYTES_MAX} are kept"),
        ));
    }
    let put = blobs.put(Bytes::copy_from_slice(json.as_str().as_bytes())).await;
    let name = put.map_err(|error| Failure::error(format!("cannot keep the output: {error}")))?;
    Ok(Payload::Blob { name, bytes: bytes as u64 })
}

/// Fetches a payload; `what` names it in the failure.
pub async fn fetch(payload: Payload, what: &str, blobs: &Arc<dyn Blobs>) -> Result<Json, Failure> {
    let (name, is_sealed) = match payload {
        Payload::Inline(json) => return Ok(json),
        Payload::Blob { name, .. } => (name, false),
        Payload::Sensitive { name, .. } => (name, true),
    };
    let failed = |error| Failure::error(format!("cannot fetch {what}: {error}"));
    let found = blobs.get(&name).await.map_err(failed)?;
    let mut bytes = found.ok_or_else(|| {
        if is_sealed {
            Failure::error(format!("{what} was sensitive, and is deleted")).for_good()
        } else {
            Failure::error(format!("{what} is gone: no blob is named {name}"))
        }
    })?;
    if is_sealed {
        bytes = unseal(&bytes).map_err(failed)?;
    }
    std::str::from_utf8(&bytes)
        .map_err(|error| Failure::error(format!("{what} is not text: {error}")).for_good())
        .and_then(|text| {
            Json::parse(text).map_err(|error| Failure::error(format!("{what}: {error}")).for_good())
        })
}

/// What a panic said.
pub fn panicked(payload: &(dyn Any + Send)) -> Failure {
    let said = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it did not say why");
    Failure::new(FailureKind::Panicked, format!("the agent panicked: {said}"))
}
