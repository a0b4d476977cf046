//! What comes over a connection, and what it means when it does not.

use std::{error::Error as _, time::Duration};

use reqwest::{Response, header::CONTENT_TYPE};

use super::error::{ModelError, Sort, Spent};

/// Reads a body, but not more than so much of it.
pub(super) async fn read(
    mut response: Response,
    most: usize,
    idle: Duration,
) -> Result<Vec<u8>, ModelError> {
    let told = response.content_length().and_then(|told| usize::try_from(told).ok());
    if told.is_some_and(|told| told > most) {
        return Err(too_large(most));
    }
    let mut body = Vec::new();
    loop {
        let next = tokio::time::timeout(idle, response.chunk()).await.map_err(|_| silent(idle))?;
        let Some(chunk) = next.map_err(|error| failed(&error))? else { return Ok(body) };
        if body.len() + chunk.len() > most {
            return Err(too_large(most));
        }
        body.extend_from_slice(&chunk);
    }
}

/// Whether an answer comes in pieces.
pub(super) fn is_stream(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.trim_start().starts_with("text/event-stream"))
}

/// Nothing came for too long.
pub(super) fn silent(idle: Duration) -> ModelError {
    ModelError::spoiled(format!("the server said nothing for {idle:?}"))
}

/// Too much came.
pub(super) fn too_large(most: usize) -> ModelError {
    let why = format!("what came is larger than the {most} bytes that are read");
    ModelError::new(Sort::FixTheRequest, why).having_spent(Spent::Unknown)
}

/// What it means that a connection broke. Without the address: that is known, and may hold what nobody should see.
pub(super) fn failed(error: &reqwest::Error) -> ModelError {
    let mut why = if error.is_connect() {
        "cannot connect".to_owned()
    } else {
        "the connection broke".to_owned()
    };
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !why.contains(&text) {
            why.push_str(": ");
            why.push_str(&text);
        }
        cause = error.source();
    }
    // Who was never reached never answered.
    let spent =
        if error.is_connect() || error.is_builder() { Spent::Nothing } else { Spent::Unknown };
    ModelError::spoiled(why).having_spent(spent)
}
