//! What tests share: agents that behave on request in councils, and what the tests of this crate
//! stand on.

pub mod behaviours;
#[cfg(test)]
mod shared;

#[cfg(test)]
pub(crate) use shared::*;
