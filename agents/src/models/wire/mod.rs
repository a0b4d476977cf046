//! The formats that providers document, each in its file: what is sent, and what an answer means.

mod anthropic;
mod gemini;
mod openai;
mod read;

pub(super) use read::broken_off;

use std::fmt;

use serde_json::Value;

use super::{
    assembly::{Assembly, Hear},
    error::{ModelError, Sort},
    prices::{Structured, Traits},
    provider::{Format, Provider},
    sse::Event,
    words::ChatRequest,
};

/// What is asked, of which model, and how the answer is to come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) model: &'a str,
    pub(super) traits: Traits,
    pub(super) request: &'a ChatRequest,
    pub(super) is_streamed: bool,
}

/// What a provider says instead of an answer, sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) sort: Sort,
    /// What it says itself; empty where it says nothing.
    pub(super) said: String,
}

/// Whether a stream goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    More,
    Whole,
}

/// One documented format.
pub(super) trait Wire: Send + Sync + fmt::Debug {
    /// Where the call goes to, after the base URL.
    fn path(&self, asked: &Asked<'_>) -> String;
    /// What goes with every call.
    fn headers(&self) -> &'static [(&'static str, &'static str)];
    /// The header that carries the key.
    fn key(&self, key: &str) -> (&'static str, String);
    /// What is asked.
    fn body(&self, asked: &Asked<'_>) -> Value;
    /// Whether the form of the answer must be told in words, since nothing else tells it.
    fn is_told_in_words(&self, asked: &Asked<'_>) -> bool {
        asked.traits.structured == Structured::Prompt
    }
    /// Reads an answer that came whole.
    fn read(&self, whole: &Value, asked: &Asked<'_>) -> Result<Assembly, ModelError>;
    /// Reads an answer that comes in pieces.
    fn reader(&self, asked: &Asked<'_>) -> Box<dyn Reader>;
    /// What an answer with a status that is no success means.
    fn refusal(&self, status: u16, body: &Value) -> Refusal;
}

/// Puts an answer together from events.
pub(super) trait Reader: Send {
    /// One event.
    fn event(&mut self, event: &Event, hear: &mut Option<Hear<'_>>) -> Result<Heard, ModelError>;
    /// What was put together.
    fn assembly(self: Box<Self>) -> Assembly;
}

/// The format of a provider.
pub(super) fn wire(provider: Provider) -> Box<dyn Wire> {
    match provider.format() {
        Format::Anthropic => Box::new(anthropic::Anthropic),
        Format::OpenAi(dialect) => Box::new(openai::OpenAi { dialect }),
        Format::Gemini => Box::new(gemini::Gemini),
    }
}
