//! For tests: a local server that speaks the formats of all providers, a model that says what it was
//! told to, and cassettes.
//!
//! The server checks what it is asked as strictly as the documents of the format allow, answers what
//! it was told to, and knows who hung up. None of this exists in a build without the feature
//! `testing`, and no setting names any of it.

mod anthropic;
mod cassette;
mod format;
mod gemini;
mod openai;
mod scripted;
mod server;

pub use cassette::{Recorder, Replay};
pub use format::{Manner, Said, Trouble};
pub use scripted::{ScriptedModel, Turn};
pub use server::{Heard, ProviderServer};
