//! How each kind of agent works: a Rust [`function`], or any program as a [`command`].

pub mod command;
pub mod function;
