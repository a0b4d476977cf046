//! Those who work: the [`Agent`] trait, the kinds of agent, their worker, and ready-made agents.

pub mod agent;
pub mod builtin;
pub mod context;
pub mod demo;
pub mod kinds;
pub mod models;
pub mod outcome;
mod redaction;
mod safety;
pub mod secret;
pub mod shipped;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod worker;

pub use agent::{Agent, DynAgent, Work};
pub use context::Context;
pub use orkestra_runtime::protocol::agent::Artifact;
pub use secret::{Secret, SecretSource, Secrets};
