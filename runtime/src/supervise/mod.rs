//! Supervision: children that are started in order, restarted by rule, and stopped in order.
//!
//! [`machine`] decides, and is pure.
//!
//! The words and their meaning are Erlang/OTP's; whoever knows `supervisor` knows this one.

pub mod event;
pub mod machine;
pub mod rules;
