//! What the formats have in common when they are read.

use serde_json::Value;

use super::{
    super::error::{ModelError, Sort, said},
    Event, Refusal,
};

/// The text at a path; empty where there is none.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The text at a path, if it says anything.
pub(super) fn word(value: &Value, pointer: &str) -> Option<String> {
    Some(text(value, pointer)).filter(|text| !text.is_empty()).map(said)
}

/// The number at a path; zero where there is none.
pub(super) fn count(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

/// The list at a path; empty where there is none.
pub(super) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The JSON of an event.
pub(super) fn data(event: &Event) -> Result<Value, ModelError> {
    serde_json::from_str(&event.data)
        .map_err(|error| ModelError::spoiled(format!("a piece of the answer is no JSON: {error}")))
}

/// An error within a stream that had begun well.
pub(in super::super) fn broken_off(refusal: Refusal) -> ModelError {
    let Refusal { sort, said } = refusal;
    let why = format!("the provider broke its answer off: {said}");
    ModelError { sort, ..ModelError::spoiled(why) }
}

/// What a status means, where the body says nothing more exact.
pub(super) fn by_status(status: u16) -> Sort {
    match status {
        401..=403 => Sort::NoAccess,
        413 => Sort::TooLong,
        408 | 409 | 425 | 429 | 500.. => Sort::Retry { after: None },
        _ => Sort::FixTheRequest,
    }
}

/// Whether a provider's sentence says that a conversation is longer than its model takes. Each is
/// documented, or what the provider is known to say; they have no code of their own.
pub(super) fn says_too_long(said: &str) -> bool {
    const SENTENCES: [&str; 6] = [
        "prompt is too long",
        "exceed context limit",
        "maximum context length",
        "maximum prompt length",
        "input token count",
        "exceeds the available context size",
    ];
    let said = said.to_ascii_lowercase();
    SENTENCES.iter().any(|sentence| said.contains(sentence))
}
