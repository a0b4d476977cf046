//! Answers to public requests.

use orkestra_runtime::{
    Error,
    fabric::{Headers, Reply},
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{door::Code, written::did_you_mean};

/// The header that says that a request was refused, as NATS micro services do.
pub const SERVICE_ERROR: &str = "Nats-Service-Error";
/// The header with the number of the refusal.
pub const SERVICE_ERROR_CODE: &str = "Nats-Service-Error-Code";

/// Why nothing came of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Trouble {
    pub(super) code: Code,
    pub(super) message: String,
    pub(super) advice: String,
}

impl Trouble {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), advice: advice(code).to_owned() }
    }

    pub(super) fn advised(mut self, advice: impl Into<String>) -> Self {
        self.advice = advice.into();
        self
    }

    /// What a body that could not be read as a request has wrong with it.
    pub(super) fn unread(error: &serde_json::Error) -> Self {
        let code = if error.is_data() { Code::Invalid } else { Code::Unreadable };
        let message = error.to_string();
        let help = help_of(&message);
        let trouble = Self::new(code, message);
        match help {
            Some(help) => trouble.advised(help),
            None => trouble,
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::new(error.kind().into(), error.to_string())
    }
}

impl From<Trouble> for Error {
    fn from(Trouble { code, message, advice }: Trouble) -> Self {
        let told = if advice.is_empty() { message } else { format!("{message}; {advice}") };
        Self::new(code.kind(), told)
    }
}

/// What could have been meant, where a name was not known.
pub(crate) fn help_of(message: &str) -> Option<String> {
    let rest = message.strip_prefix("unknown field `").or_else(|| {
        let (_, rest) = message.split_once("unknown variant `")?;
        Some(rest)
    })?;
    let (word, rest) = rest.split_once('`')?;
    let known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
    did_you_mean(word, known)
}

const fn advice(code: Code) -> &'static str {
    match code {
        Code::Unreadable => "send one JSON object",
        Code::TooLong => "send less at a time",
        Code::Busy | Code::Full => "ask again later",
        Code::NotFound | Code::Conflict => "look what there is",
        Code::Unavailable => "look whether it was done, then ask again",
        Code::UnknownCommand | Code::UnknownVersion | Code::Invalid | Code::Forbidden => {
            "ask differently: docs/nats.md says how"
        }
        Code::Corrupt | Code::Io | Code::Fault | Code::Unknown => "see the log of the node",
    }
}

/// The number of a refusal, after those of HTTP.
const fn number(code: Code) -> u16 {
    match code {
        Code::Unreadable | Code::Invalid => 400,
        Code::Forbidden => 403,
        Code::NotFound | Code::UnknownCommand => 404,
        Code::Conflict => 409,
        Code::TooLong => 413,
        Code::Busy | Code::Full => 429,
        Code::Unavailable => 503,
        Code::UnknownVersion => 501,
        Code::Corrupt | Code::Io | Code::Fault | Code::Unknown => 500,
    }
}

/// The name of a refusal, as it is written.
pub(super) fn name_of(code: Code) -> String {
    let name = serde_json::to_value(code).ok();
    name.as_ref().and_then(Value::as_str).unwrap_or("FAULT").to_owned()
}

/// What is done, as it is answered.
pub(super) fn told<T: Serialize>(answer: &T) -> Result<Map<String, Value>, Trouble> {
    match serde_json::to_value(answer) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) | Err(_) => Err(Trouble::new(Code::Fault, "cannot write an answer")),
    }
}

/// A list, under its name.
pub(super) fn list<T: Serialize>(name: &str, of: &[T]) -> Result<Map<String, Value>, Trouble> {
    told(&std::collections::BTreeMap::from([(name, of)]))
}

/// Answers whoever asked. What is larger than an answer may be is refused.
pub(super) fn send(reply: Reply, answer: Result<Map<String, Value>, Trouble>) {
    let answer = answer.and_then(|mut fields| {
        fields.insert("ok".to_owned(), Value::Bool(true));
        let body = serde_json::to_vec(&fields).unwrap_or_default();
        if body.len() > super::WORD_BYTES_MAX {
            let message = format!(
                "the answer has {} bytes, and at most {} are sent",
                body.len(),
                super::WORD_BYTES_MAX
            );
            return Err(Trouble::new(Code::TooLong, message).advised("ask for less at a time"));
        }
        Ok(body)
    });
    match answer {
        Ok(body) => reply.answer(body.into()),
        Err(trouble) => refuse(reply, &trouble),
    }
}

fn refuse(reply: Reply, trouble: &Trouble) {
    let mut fields = told(trouble).unwrap_or_default();
    fields.insert("ok".to_owned(), Value::Bool(false));
    let body = serde_json::to_vec(&fields).unwrap_or_default();
    let (name, number) = (name_of(trouble.code), number(trouble.code).to_string());
    let headers = Headers::new()
        .with(SERVICE_ERROR, &name)
        .and_then(|headers| headers.with(SERVICE_ERROR_CODE, &number));
    // These are names and numbers of ours, which fit.
    reply.answer_with(headers.unwrap_or_default(), body.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_mistypes_a_field_is_told_which_one_there_is() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Word {
            #[expect(dead_code, reason = "it is only read")]
            reason: String,
        }
        let error = serde_json::from_str::<Word>(r#"{"reson":"x"}"#).unwrap_err();
        let trouble = Trouble::unread(&error);
        assert_eq!(trouble.code, Code::Invalid);
        assert_eq!(trouble.advice, "did you mean \"reason\"?");
        let torn = serde_json::from_str::<Word>("{").unwrap_err();
        assert_eq!(Trouble::unread(&torn).code, Code::Unreadable);
        assert_eq!(name_of(Code::NotFound), "NOT_FOUND");
    }
}
