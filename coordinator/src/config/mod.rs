//! Configuration: flags over environment over file over defaults.
//!
//! Every key stands in one table ([`KEYS`]) with its meaning and default; `config/embedded.toml` is
//! that table written out. An environment variable is `ORKESTRA_` and the key in capitals, with
//! `__` for the dot: `ORKESTRA_TASKS__LEASE`. Unknown keys and variables are errors. No key holds a
//! secret, so everything can be shown.
//!
//! Nothing here reads a file or an environment: [`Layers`] come in.

mod keys;
mod layers;
#[cfg(test)]
mod tests;
mod words;

pub use keys::{Config, KEYS, Key, embedded};
pub use layers::{Explained, Layers, Origin};
pub use words::{Bytes, Checks, Every, Listen, LogLevel};
