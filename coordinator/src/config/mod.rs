//! Configuration: flags over environment over file over defaults.
//!
//! Every key stands in one table ([`KEYS`]) with its meaning and default; `config/cluster.toml` is
//! that table written out, and `config/embedded.toml` the part of it that counts on one machine. An environment variable is `ORKESTRA_` and the key in capitals, with
//! `__` for the dot: `ORKESTRA_TASKS__LEASE`. The usual variables of NATS count as well,
//! less than ours. Unknown keys and variables are errors. No key holds a secret, but an address may
//! hold a password, which is never shown.
//!
//! Nothing here reads a file or an environment: [`Layers`] come in.

mod keys;
mod layers;
mod reach;
#[cfg(test)]
mod tests;
mod words;

pub use keys::{Config, KEYS, Key, cluster, embedded};
pub use layers::{Explained, Layers, Origin};
pub use reach::{ClusterName, MaybePath, NodeRoles, Replicas, Shards, Urls};
pub use words::{Bytes, Checks, Every, GrpcListen, Listen, LogLevel};
