//! What the server is told to answer, and how each format puts it.

use std::time::Duration;

use serde_json::Value;

use super::{anthropic, gemini, openai};
use crate::models::{Provider, Usage};

/// What is answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// As text.
    pub text: String,
    /// Which calls it asks for: names and arguments.
    pub calls: Vec<(String, Value)>,
    /// Whether it was cut for its length.
    pub is_cut: bool,
    /// Whether the model refuses.
    pub is_refused: bool,
    /// What it took; none: the server does not say.
    pub usage: Option<Usage>,
    /// How much of the output were thoughts.
    pub thought: u64,
}

impl Said {
    /// A text, and what it took.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            calls: Vec::new(),
            is_cut: false,
            is_refused: false,
            usage: Some(Usage { input: 20, cached_input: 5, output: 7 }),
            thought: 3,
        }
    }

    /// A call.
    pub fn call(name: impl Into<String>, arguments: Value) -> Self {
        Self { calls: vec![(name.into(), arguments)], ..Self::text("") }
    }
}

/// What goes wrong instead of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Too many calls; with what `Retry-After` says.
    RateLimited(Option<String>),
    /// The account is empty.
    NoCredit,
    /// The key may not do this.
    Forbidden,
    /// The server is busy.
    Overloaded,
    /// The server is broken.
    Broken,
    /// The conversation is too long.
    TooLong,
    /// There is no such model.
    NoSuchModel,
    /// It is elsewhere.
    Moved(String),
}

/// How an answer comes.
#[derive(Clone, Debug, PartialEq)]
pub enum Manner {
    /// At once.
    AtOnce(Said),
    /// With a pause before each piece, or before the whole.
    Slowly(Said, Duration),
    /// Only so many pieces, or bytes of the whole; then the connection breaks.
    BrokenAfter(Said, usize),
    /// Only so many pieces; then the server says that it is busy.
    BusyAfter(Said, usize),
    /// Never.
    Never,
    /// For ever: the same again and again.
    Endless,
    /// As something that is no answer.
    Junk(&'static str),
    /// Not: this goes wrong.
    Trouble(Trouble),
}

/// A question that breaks the format, and how.
pub(super) type Wrong = String;

/// An error as a format spells it.
#[derive(Debug)]
pub(super) struct Error {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Value,
}

/// How a provider puts things.
pub(super) trait Format: Send + Sync {
    /// What a question breaks of the format.
    fn check(&self, path: &str, body: &Value) -> Result<(), Wrong>;
    /// Whether it is to come in pieces.
    fn is_streamed(&self, path: &str, body: &Value) -> bool;
    /// An answer to a question.
    fn whole(&self, said: &Said, body: &Value) -> Value;
    /// The same in pieces, as they travel.
    fn pieces(&self, said: &Said, body: &Value) -> Vec<String>;
    /// A piece that says that the server is busy.
    fn busy(&self) -> String;
    /// An error.
    fn trouble(&self, trouble: &Trouble) -> Error;
    /// A key that is not known.
    fn wrong_key(&self, key: &str) -> Error;
    /// A question that breaks the format.
    fn wrong(&self, why: &str) -> Error;
}

pub(super) fn format(provider: Provider) -> &'static dyn Format {
    match provider {
        Provider::Anthropic => &anthropic::Anthropic,
        Provider::Openai => &openai::OPENAI,
        Provider::Github => &openai::GITHUB,
        Provider::Xai => &openai::XAI,
        Provider::Compatible => &openai::COMPATIBLE,
        Provider::Gemini => &gemini::Gemini,
    }
}

/// A text in small pieces.
pub(super) fn cut(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(3).map(|chunk| chunk.iter().collect()).collect()
}

/// Refuses what is not so.
pub(super) fn demand(is_so: bool, why: &str) -> Result<(), Wrong> {
    if is_so { Ok(()) } else { Err(why.to_owned()) }
}

/// Refuses a field that the format does not know.
pub(super) fn only(body: &Value, known: &[&str]) -> Result<(), Wrong> {
    let Some(fields) = body.as_object() else { return Err("the question is no object".into()) };
    let odd = fields.keys().find(|field| !known.contains(&field.as_str()));
    odd.map_or(Ok(()), |odd| Err(format!("{odd}: Extra inputs are not permitted")))
}

/// The list of a field; empty where there is none.
pub(super) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The text of a field; empty where there is none.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// An event without a name.
pub(super) fn data(data: &Value) -> String {
    format!("data: {data}\n\n")
}
