//! What an agent says about its attempts.

use orkestra_runtime::{limits::NAME_BYTES_MAX, protocol::payload::Json};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::words::{Code, Key, Trouble, check_token, read_borrowed, short};

/// What an agent says about an attempt.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Say {
    pub(crate) session: String,
    pub(crate) key: Key,
    pub(crate) said: Said,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    Started,
    Progress { percent: u8, message: String },
    Completed { output: Json },
    Failed { message: String, retryable: bool },
    Declined { message: String },
    Kept { name: String, text: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSay<'a> {
    r#type: String,
    session: String,
    key: String,
    percent: Option<f64>,
    message: Option<String>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
    retryable: Option<bool>,
    name: Option<String>,
    text: Option<String>,
}

/// The types of what an agent may say.
const TYPES: &str = "started, progress, completed, failed, declined, kept";

impl Say {
    pub(crate) fn read(body: &[u8]) -> Result<Self, Trouble> {
        let written: WrittenSay<'_> = read_borrowed(body)?;
        check_token("a session", &written.session)?;
        let key = Key::read(&written.key)?;
        let WrittenSay { r#type, session, percent, message, output, retryable, name, text, .. } =
            written;
        let told = [
            ("percent", percent.is_some(), "progress"),
            ("output", output.is_some(), "completed"),
            ("retryable", retryable.is_some(), "failed"),
            ("name", name.is_some(), "kept"),
            ("text", text.is_some(), "kept"),
        ];
        if let Some((field, ..)) = told.iter().find(|(_, is_there, of)| *is_there && r#type != *of)
        {
            let message = format!("{field:?} is no field of type {:?}", short(&r#type));
            return Err(Trouble::new(Code::Invalid, message));
        }
        let message = message.unwrap_or_default();
        let said = match r#type.as_str() {
            "started" => Said::Started,
            "progress" => Said::Progress { percent: whole(percent.unwrap_or_default()), message },
            "completed" => {
                let text = output.map_or("null", RawValue::get);
                Said::Completed { output: Json::parse(text)? }
            }
            "failed" => Said::Failed { message, retryable: retryable.unwrap_or(true) },
            "declined" => Said::Declined { message },
            "kept" => match (name, text) {
                (Some(name), Some(text)) if (1..=NAME_BYTES_MAX).contains(&name.len()) => {
                    Said::Kept { name, text }
                }
                _ => {
                    let message = format!(
                        "what is kept has a name of 1 to {NAME_BYTES_MAX} bytes and a text"
                    );
                    return Err(Trouble::new(Code::Invalid, message));
                }
            },
            other => {
                let message = format!("nobody says {:?}: known are {TYPES}", short(other));
                return Err(Trouble::new(Code::Invalid, message));
            }
        };
        Ok(Self { session, key, said })
    }
}

/// Hundredths, whatever number was written.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it lies between 0 and 100; what is no number becomes 0"
)]
fn whole(percent: f64) -> u8 {
    percent.clamp(0.0, 100.0) as u8
}
