//! What stands around the committee machine: whoever checks signatures before the sequencer sees a
//! ballot, whoever counts what is too long to be counted there, and proposals as people write them.
//!
//! Promises: the sequencer checks no signature that can be checked before it, and waits for no long
//! count; whatever happens to what stands here, no vote comes to anything else, since the machine
//! checks what was not checked, and asks for a count again until it has it.

mod gate;
mod teller;
pub mod written;

#[cfg(test)]
mod tests;

pub(crate) use gate::checked;
pub(crate) use teller::{Teller, teller_of};
