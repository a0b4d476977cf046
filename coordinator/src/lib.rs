//! coordinator
pub mod task;
