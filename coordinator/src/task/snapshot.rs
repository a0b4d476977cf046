//! The durable state as bytes: MessagePack with named fields, versioned.
//!
//! Everything is kept in order (no hash map), so the same state gives the same bytes everywhere.

use std::collections::BTreeMap;

use orkestra_runtime::{Result, id::TaskNo};
use serde::{Deserialize, Serialize};

use crate::{
    task::{
        roster::Roster,
        standing::{Pause, Scope},
        state::{Doom, Durable, Run, RunNo, Task},
    },
    versioned,
};

/// The version that this program writes.
const VERSION: u32 = 2;

#[derive(Serialize)]
struct Written<'a> {
    v: u32,
    runs: &'a BTreeMap<RunNo, Run>,
    tasks: &'a BTreeMap<TaskNo, Task>,
    roster: &'a Roster,
    doomed: &'a BTreeMap<TaskNo, Doom>,
    // A list, since a scope is no text and so no key of a map that other programs can read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    paused: Vec<(&'a Scope, &'a Pause)>,
}

#[derive(Deserialize)]
struct ReadBack {
    #[serde(default)]
    runs: BTreeMap<RunNo, Run>,
    #[serde(default)]
    tasks: BTreeMap<TaskNo, Task>,
    #[serde(default)]
    roster: Roster,
    #[serde(default)]
    doomed: BTreeMap<TaskNo, Doom>,
    #[serde(default)]
    paused: Vec<(Scope, Pause)>,
}

pub(super) fn write(durable: &Durable) -> Vec<u8> {
    let Durable { runs, tasks, roster, doomed, paused, .. } = durable;
    let paused = paused.iter().collect();
    let written = Written { v: VERSION, runs, tasks, roster, doomed, paused };
    // Writing plain data to memory cannot fail; an empty snapshot is refused when it is read.
    rmp_serde::to_vec_named(&written).unwrap_or_default()
}

pub(super) fn read(bytes: &[u8]) -> Result<Durable> {
    let ReadBack { runs, tasks, roster, doomed, paused } =
        versioned::read("the task machine", VERSION, bytes)?;
    let paused = paused.into_iter().collect();
    let mut durable = Durable { runs, tasks, roster, doomed, paused, ..Durable::default() };
    durable.derive();
    Ok(durable)
}
