//! Those who work: the [`Agent`] trait, the kinds of agent, their worker, and ready-made agents.

pub mod agent;
pub mod builtin;
pub mod context;

pub use agent::{Agent, Work};
pub use context::Context;
