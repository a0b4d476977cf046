//! The durable state as bytes: MessagePack with named fields, versioned.

use std::collections::BTreeMap;

use orkestra_runtime::Result;
use serde::{Deserialize, Serialize};

use super::{
    command::DeliberationNo,
    machine::CouncilMachine,
    state::{Council, CouncilKey, Deliberation, Durable},
    stats::Stats,
};
use crate::versioned;

/// The version that this program writes.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Written<'a> {
    v: u32,
    councils: &'a BTreeMap<CouncilKey, Council>,
    deliberations: &'a BTreeMap<DeliberationNo, Deliberation>,
    stats: &'a Stats,
}

#[derive(Deserialize)]
struct ReadBack {
    councils: BTreeMap<CouncilKey, Council>,
    #[serde(default)]
    deliberations: BTreeMap<DeliberationNo, Deliberation>,
    #[serde(default)]
    stats: Stats,
}

impl CouncilMachine {
    /// The durable state as bytes: the same for the same events, wherever they were applied.
    pub fn snapshot(&self) -> Vec<u8> {
        let Durable { councils, deliberations, stats, .. } = &self.durable;
        let written = Written { v: VERSION, councils, deliberations, stats };
        // Writing plain data to memory cannot fail; an empty snapshot is refused when it is read.
        rmp_serde::to_vec_named(&written).unwrap_or_default()
    }

    /// The machine of a snapshot. An error is of kind `Corrupt`, or of kind `TooNew` and says what to
    /// do.
    pub fn restore(bytes: &[u8]) -> Result<Self> {
        let ReadBack { councils, deliberations, stats } =
            versioned::read("the councils", VERSION, bytes)?;
        let mut durable = Durable { councils, deliberations, stats, ..Durable::default() };
        let all: Vec<DeliberationNo> = durable.deliberations.keys().copied().collect();
        for no in all {
            durable.index(no);
        }
        Ok(Self { durable, ..Self::default() })
    }
}
