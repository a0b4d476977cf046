//! The durable state as bytes: MessagePack with named fields, versioned.

use std::collections::BTreeMap;

use orkestra_runtime::{
    Result,
    id::{LockKey, SessionNo, Token, WaitNo},
};
use serde::{Deserialize, Serialize};

use crate::{
    lock::{
        machine::LockMachine,
        settings::LockSettings,
        state::{Durable, Lock, Session, Waiting},
    },
    versioned,
};

/// The version that this program writes.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Written<'a> {
    v: u32,
    floor: Token,
    sessions: &'a BTreeMap<SessionNo, Session>,
    locks: &'a BTreeMap<LockKey, Lock>,
    waits: &'a BTreeMap<WaitNo, Waiting>,
}

#[derive(Deserialize)]
struct ReadBack {
    floor: Token,
    #[serde(default)]
    sessions: BTreeMap<SessionNo, Session>,
    #[serde(default)]
    locks: BTreeMap<LockKey, Lock>,
    #[serde(default)]
    waits: BTreeMap<WaitNo, Waiting>,
}

impl LockMachine {
    /// The durable state as bytes: the same for the same events, wherever they were applied.
    pub fn snapshot(&self) -> Vec<u8> {
        let Durable { floor, sessions, locks, waits, .. } = &self.durable;
        let written = Written { v: VERSION, floor: *floor, sessions, locks, waits };
        // Writing plain data to memory cannot fail; an empty snapshot is refused when it is read.
        rmp_serde::to_vec_named(&written).unwrap_or_default()
    }

    /// The machine of a snapshot. An error is of kind `Corrupt`, or of kind `TooNew` and says what to
    /// do.
    pub fn restore(settings: LockSettings, bytes: &[u8]) -> Result<Self> {
        let ReadBack { floor, sessions, locks, waits } =
            versioned::read("the lock machine", VERSION, bytes)?;
        let mut durable = Durable { sessions, locks, waits, floor, ..Durable::default() };
        durable.derive();
        Ok(Self { settings, durable, ..Self::default() })
    }
}
