//! Shared parts of the tests.

pub mod chaos;
pub mod command;
pub mod contract;
pub mod crooked;
pub mod faulty;
pub mod junk;
pub mod locks;
pub mod nats;
pub mod openmetrics;
pub mod otp;
pub mod proxy;
pub mod sim;
pub mod store;
mod through;
