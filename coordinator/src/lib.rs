//! coordinator

pub mod config;
pub mod output;
pub mod scenario;
pub mod written;
