//! The durable state as bytes: MessagePack with named fields, versioned.
//!
//! This is a part of the shard's own snapshot; the snapshots that people restore are in it.

use orkestra_runtime::Result;
use serde::{Deserialize, Serialize};

use crate::{
    context::{
        machine::{ContextMachine, ContextSettings},
        state::Durable,
    },
    versioned,
};

/// The version that this program writes.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Written<'a> {
    v: u32,
    context: &'a Durable,
}

#[derive(Deserialize)]
struct ReadBack {
    context: Durable,
}

impl ContextMachine {
    /// The durable state as bytes: the same for the same events, wherever they were applied.
    pub fn snapshot(&self) -> Vec<u8> {
        // Writing plain data to memory cannot fail; an empty snapshot is refused when it is read.
        let written = Written { v: VERSION, context: &self.durable };
        rmp_serde::to_vec_named(&written).unwrap_or_default()
    }

    /// The context of a snapshot. An error is of kind `Corrupt`, or of kind `TooNew` and says what
    /// to do.
    pub fn restore(settings: ContextSettings, bytes: &[u8]) -> Result<Self> {
        let ReadBack { context: durable } = versioned::read("the context", VERSION, bytes)?;
        let mut machine = Self::new(settings);
        machine.durable = durable;
        Ok(machine)
    }
}
