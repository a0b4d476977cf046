//! The durable state: what the events add up to.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use orkestra_runtime::{
    id::{AgentId, Number},
    protocol::understanding::Understanding,
    time::Wall,
};
use serde::{Deserialize, Serialize};

use crate::{
    context::{
        event::{ActiveTask, ProjectPhase, SnapshotNo, SnapshotReason},
        row::Row,
        tally::Tally,
    },
    task::AgentNo,
};

/// How many events are kept.
pub(super) const EVENTS_MAX: usize = 1_000;
/// How many entries of one agent's log are kept, at most and at least.
pub(super) const LOG_MAX: usize = 100;
const LOG_MIN: usize = 5;
/// How many entries of all logs together, before each is kept shorter.
const LOGS_MAX: usize = 50_000;
/// How many decisions are kept.
pub(super) const DECISIONS_MAX: usize = 50;

/// What somebody decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Decision {
    pub(super) number: Number,
    pub(super) at: Wall,
    /// The number of the task or the run that it is about; 0: neither.
    pub(super) subject: u64,
    pub(super) by: String,
    pub(super) what: String,
}

/// What an agent said, by the version in which it said it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) understanding: Arc<Understanding>,
    pub(super) at: Wall,
    /// How often the present and snapshots name it.
    pub(super) uses: u32,
}

/// Which understanding each agent has, by version.
pub(super) type Understood = BTreeMap<AgentId, u64>;

/// A point to which the context can be brought back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Snapshot {
    pub(super) at: Wall,
    pub(super) version: u64,
    pub(super) reason: SnapshotReason,
    #[serde(default)]
    pub(super) by: String,
    #[serde(default)]
    pub(super) note: String,
    #[serde(default)]
    pub(super) gone: Vec<AgentId>,
    #[serde(default)]
    pub(super) tally: Tally,
    #[serde(default)]
    pub(super) active: Vec<ActiveTask>,
    /// What somebody said that the phase is, if anybody did.
    #[serde(default)]
    pub(super) phase: Option<ProjectPhase>,
    #[serde(default)]
    pub(super) understood: Understood,
}

/// Everything durable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Durable {
    /// How often the context was saved.
    pub(super) version: u64,
    pub(super) phase: Option<ProjectPhase>,
    /// When the first thing happened that no snapshot has seen.
    pub(super) changed: Option<Wall>,
    pub(super) events: VecDeque<Row>,
    /// By the number of the agent; short where nobody of a high number did anything.
    pub(super) logs: Vec<VecDeque<Row>>,
    pub(super) decisions: VecDeque<Decision>,
    pub(super) kept: BTreeMap<u64, Kept>,
    pub(super) understood: Understood,
    pub(super) snapshots: BTreeMap<SnapshotNo, Snapshot>,
    /// How many bytes of text `kept` holds.
    pub(super) kept_bytes: u64,
}

impl Durable {
    /// Adds what happened, to all events and to the log of whose it is.
    pub(super) fn push(&mut self, row: Row) {
        push_bounded(&mut self.events, row, EVENTS_MAX);
        self.log(row);
    }

    /// Adds what happened to the log of whose it is alone.
    pub(super) fn log(&mut self, row: Row) {
        self.changed.get_or_insert(row.at);
        let Some(AgentNo(no)) = row.agent else { return };
        let no = usize::try_from(no).unwrap_or(usize::MAX);
        if no >= self.logs.len() {
            self.logs.resize_with(no.saturating_add(1), VecDeque::new);
        }
        let max = (LOGS_MAX / self.logs.len()).clamp(LOG_MIN, LOG_MAX);
        if let Some(log) = self.logs.get_mut(no) {
            push_bounded(log, row, max);
        }
    }

    pub(super) fn log_of(&self, AgentNo(no): AgentNo) -> Option<&VecDeque<Row>> {
        self.logs.get(usize::try_from(no).ok()?)
    }

    /// Keeps what an agent said in a version, instead of what it said before.
    pub(super) fn keep(&mut self, agent: &AgentId, at: Wall, understanding: &Arc<Understanding>) {
        self.kept_bytes += bytes_of(understanding);
        let kept = Kept { understanding: Arc::clone(understanding), at, uses: 1 };
        self.kept.insert(self.version, kept);
        if let Some(before) = self.understood.insert(agent.clone(), self.version) {
            self.release([before]);
        }
    }

    /// Names understandings once more.
    pub(super) fn name(&mut self, understood: &Understood) {
        for version in understood.values() {
            if let Some(kept) = self.kept.get_mut(version) {
                kept.uses += 1;
            }
        }
    }

    /// Names them once less; what nobody names any more is forgotten.
    pub(super) fn release(&mut self, versions: impl IntoIterator<Item = u64>) {
        for version in versions {
            let Some(kept) = self.kept.get_mut(&version) else { continue };
            kept.uses = kept.uses.saturating_sub(1);
            if kept.uses == 0
                && let Some(kept) = self.kept.remove(&version)
            {
                let freed = bytes_of(&kept.understanding);
                self.kept_bytes = self.kept_bytes.saturating_sub(freed);
            }
        }
    }
}

/// What one understanding counts: its text, and a little for what holds it.
fn bytes_of(understanding: &Understanding) -> u64 {
    understanding.bytes() as u64 + 128
}

pub(super) fn push_bounded<T>(to: &mut VecDeque<T>, item: T, max: usize) {
    while to.len() >= max {
        to.pop_front();
    }
    to.push_back(item);
}
