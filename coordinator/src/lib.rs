//! coordinator

pub mod scenario;
pub mod written;
