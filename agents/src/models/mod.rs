//! Models: one way to ask any of them.
//!
//! A [`Model`] is asked with a [`ChatRequest`] and answers with an [`Answer`] or a [`ModelError`]
//! that is sorted once. [`HttpModel`] speaks the formats that providers document:
//!
//! | provider | format | structured answers |
//! |---|---|---|
//! | `anthropic` (Claude) | Messages, 2023-06-01 | `output_config.format`, or a tool for older models |
//! | `openai` (`ChatGPT`) | Chat Completions | `response_format` |
//! | `github` (Copilot), `xai` (Grok), `compatible` (Ollama, vLLM, llama.cpp) | Chat Completions | `response_format` |
//! | `gemini` | `generateContent` | `responseJsonSchema` |
//!
//! What is read of an answer is bounded in bytes, in depth, in silence and in time. Redirects are not
//! followed. A call ends when its future is dropped: its connection is closed. Keys are read at each
//! call, and stand in no error, log or `Debug`.
//!
//! [`Table`] knows what models cost, [`ModelSettings`] reads what the environment says of an agent.

mod address;
mod assembly;
mod body;
mod error;
mod http;
mod model;
mod pace;
mod prices;
mod provider;
mod retry_after;
mod settings;
mod sse;
mod statistics;
mod team;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod wire;
mod words;

pub use assembly::{ANSWER_BYTES_MAX, CALLS_MAX, Hear};
pub use error::{ModelError, Sort, Spent};
pub use http::{CallLimits, HttpModel, HttpSpec};
pub use model::{Credential, Model};
pub use pace::Pace;
pub use prices::{Cost, Known, Price, Structured, Table, Traits};
pub use provider::Provider;
pub use retry_after::RETRY_AFTER_MAX;
pub use settings::{
    MAX_TOKENS, ModelSettings, RATE_LIMIT, STANDARD, Standard, TEMPERATURE, TIMEOUT, Variables,
    environment,
};
pub use statistics::{Called, Counted, Ledger, Statistics};
pub use team::{Member, Probe, Response, Team};
pub use words::{Answer, AnswerSchema, ChatRequest, Message, Piece, Stop, Tool, ToolCall, Usage};
