//! Keeps order: tasks, the shard that orders them, the supervision tree, and the `orkestra` command.

pub mod audit;
pub mod bench;
pub mod cli;
pub mod client;
pub mod config;
pub mod context;
pub mod door;
pub mod health;
pub mod inspect;
pub mod metrics;
pub mod nats_server;
pub mod node;
pub mod ops;
pub mod output;
pub mod pin;
mod reach;
pub mod safety;
pub mod scenario;
pub mod sensitive;
pub mod shard;
pub mod system;
pub mod task;
pub mod team;
pub mod tree;
mod versioned;
pub mod written;
