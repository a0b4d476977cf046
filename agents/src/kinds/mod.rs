//! How each kind of agent works: a Rust [`function`], any program as a [`command`], a [`model`], or a
//! program that joins from elsewhere as a [`remote`] one.

pub mod command;
pub mod function;
pub mod model;
pub mod remote;
mod tokens;
