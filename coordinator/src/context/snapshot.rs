//! The durable state as bytes: MessagePack with named fields, versioned.
//!
//! This is a part of the shard's own snapshot; the snapshots that people restore are in it.

use orkestra_runtime::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use crate::context::{
    machine::{ContextMachine, ContextSettings},
    state::Durable,
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

#[derive(Deserialize)]
struct Version {
    v: u32,
}

impl ContextMachine {
    /// The durable state as bytes: the same for the same events, wherever they were applied.
    pub fn snapshot(&self) -> Vec<u8> {
        // Writing plain data to memory cannot fail; an empty snapshot is refused when it is read.
        let written = Written { v: VERSION, context: &self.durable };
        rmp_serde::to_vec_named(&written).unwrap_or_default()
    }

    /// The context of a snapshot.
    pub fn restore(settings: ContextSettings, bytes: &[u8]) -> Result<Self> {
        let corrupt = |error| {
            Error::new(ErrorKind::Corrupt, "cannot read the snapshot of the context").because(error)
        };
        let Version { v } = rmp_serde::from_slice(bytes).map_err(corrupt)?;
        if v > VERSION {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!(
                    "the snapshot of the context has version {v}, and this program reads up to \
                     {VERSION}: use the newer program"
                ),
            ));
        }
        let ReadBack { context: durable } = rmp_serde::from_slice(bytes).map_err(corrupt)?;
        let mut machine = Self::new(settings);
        machine.durable = durable;
        Ok(machine)
    }
}
