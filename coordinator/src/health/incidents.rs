//! What went wrong, whether it was mended, and how long that took.

use std::collections::{BTreeMap, VecDeque};

use orkestra_runtime::time::Wall;
use serde::Serialize;

/// How many incidents that are over are kept; all are counted.
pub const INCIDENTS_KEPT: usize = 1_000;

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentKind {
    /// An agent's worker ended, hung or did not start; mended when it is up again.
    AgentEnded,
    /// Another part of the node did.
    PartEnded,
    /// The process was killed; mended when the node begins again.
    NodeKilled,
    /// An attempt failed; mended when the task is completed after all.
    AttemptFailed,
    /// The journal was full; mended when there is room.
    JournalFull,
    /// Task after task failed on an agent; mended when it completes one.
    BreakerOpen,
}

impl IncidentKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::AgentEnded,
        Self::PartEnded,
        Self::NodeKilled,
        Self::AttemptFailed,
        Self::JournalFull,
        Self::BreakerOpen,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AgentEnded => "agent_ended",
            Self::PartEnded => "part_ended",
            Self::NodeKilled => "node_killed",
            Self::AttemptFailed => "attempt_failed",
            Self::JournalFull => "journal_full",
            Self::BreakerOpen => "breaker_open",
        }
    }
}

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Incident {
    /// What.
    #[serde(rename = "type")]
    pub kind: IncidentKind,
    /// Who or what: an agent, a part of the tree, a task as `run/task`.
    pub subject: String,
    /// Why, as it was told; may be empty.
    pub reason: String,
    /// When.
    pub began: Wall,
    /// When it was mended or given up; none while it goes on.
    pub ended: Option<Wall>,
    /// Whether it was mended.
    pub recovered: bool,
    /// How long that took, in milliseconds; only if it was mended.
    #[serde(rename = "time_to_recovery_ms")]
    pub time_to_recovery: Option<u64>,
}

/// Incidents of one kind, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// How many go on.
    pub open: u64,
    /// How many were mended.
    pub recovered: u64,
    /// How many were given up.
    pub given_up: u64,
    /// How long mending took, all together, in milliseconds.
    pub recovery_total_ms: u64,
    /// How long it took at most, in milliseconds.
    pub recovery_longest_ms: u64,
}

/// All incidents of a kind and of a subject, one at a time: what goes wrong while something is
/// wrong already belongs to the same incident.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incidents {
    open: BTreeMap<(IncidentKind, String), Incident>,
    over: VecDeque<Incident>,
    tallies: BTreeMap<IncidentKind, Tally>,
}

impl Incidents {
    /// Something went wrong.
    pub fn begin(&mut self, kind: IncidentKind, subject: &str, reason: &str, at: Wall) {
        let begun = Incident {
            kind,
            subject: subject.to_owned(),
            reason: reason.to_owned(),
            began: at,
            ended: None,
            recovered: false,
            time_to_recovery: None,
        };
        self.open.entry((kind, subject.to_owned())).or_insert(begun);
    }

    /// It was mended, if anything was wrong.
    pub fn recover(&mut self, kind: IncidentKind, subject: &str, at: Wall) -> Option<Incident> {
        self.end(kind, subject, at, true)
    }

    /// It was given up, if anything was wrong.
    pub fn give_up(&mut self, kind: IncidentKind, subject: &str, at: Wall) -> Option<Incident> {
        self.end(kind, subject, at, false)
    }

    fn end(
        &mut self,
        kind: IncidentKind,
        subject: &str,
        at: Wall,
        recovered: bool,
    ) -> Option<Incident> {
        let mut incident = self.open.remove(&(kind, subject.to_owned()))?;
        let took = u64::try_from(at.since(incident.began).as_millis()).unwrap_or(u64::MAX);
        incident.ended = Some(at);
        incident.recovered = recovered;
        incident.time_to_recovery = recovered.then_some(took);
        let tally = self.tallies.entry(kind).or_default();
        if recovered {
            tally.recovered += 1;
            tally.recovery_total_ms = tally.recovery_total_ms.saturating_add(took);
            tally.recovery_longest_ms = tally.recovery_longest_ms.max(took);
        } else {
            tally.given_up += 1;
        }
        self.over.push_back(incident.clone());
        if self.over.len() > INCIDENTS_KEPT {
            self.over.pop_front();
        }
        Some(incident)
    }

    /// Takes in those of a node of a cluster, under its name.
    pub(super) fn join(&mut self, node: &str, other: Self) {
        let named = |mut incident: Incident| {
            incident.subject = format!("{node}:{}", incident.subject);
            incident
        };
        for incident in other.open.into_values().map(named) {
            self.open.insert((incident.kind, incident.subject.clone()), incident);
        }
        self.over.extend(other.over.into_iter().map(named));
        self.over.make_contiguous().sort_by_key(|incident| incident.ended);
        let surplus = self.over.len().saturating_sub(INCIDENTS_KEPT);
        self.over.drain(..surplus);
        for (kind, more) in other.tallies {
            let tally = self.tallies.entry(kind).or_default();
            tally.recovered += more.recovered;
            tally.given_up += more.given_up;
            tally.recovery_total_ms += more.recovery_total_ms;
            tally.recovery_longest_ms = tally.recovery_longest_ms.max(more.recovery_longest_ms);
        }
    }

    /// Those that are kept and those that go on, in the order in which they began.
    pub fn list(&self) -> Vec<Incident> {
        let mut all: Vec<Incident> = self.over.iter().chain(self.open.values()).cloned().collect();
        all.sort_by(|a, b| (a.began, a.kind, &a.subject).cmp(&(b.began, b.kind, &b.subject)));
        all
    }

    /// How many there were, of each kind of which there was any.
    pub fn tallies(&self) -> BTreeMap<IncidentKind, Tally> {
        let mut tallies = self.tallies.clone();
        for (kind, _) in self.open.keys() {
            tallies.entry(*kind).or_default().open += 1;
        }
        tallies
    }
}
