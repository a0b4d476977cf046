//! A `nats-server` of our own: found or fetched, started on this machine, looked after, stopped.
//!
//! Promises: [`find`] gives a server that is new enough, or says what was tried and what to do;
//! what is fetched is the one program whose hash is pinned here, or nothing. A [`Server`] speaks on
//! loopback only, is ready when [`Server::start`] returns, and does not outlive this process, not
//! even when this process is killed.
//!
//! It does not promise to be a server for production: that is set up by `config/nats/`.
//!
//! [`find`] looks, [`ServerSpec`] says what is wanted, [`Server`] is one that runs, and [`run`]
//! keeps one as a duty.

mod fetch;
mod find;
mod health;
mod leash;
mod server;
mod spec;

pub use find::{Binary, Search, Version, find};
pub use server::{Server, run};
pub use spec::{Ports, Routes, ServerSpec, Syncing};
