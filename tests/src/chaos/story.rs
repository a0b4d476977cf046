//! What a journal says of its tasks, held against what it must never say.

use std::collections::{BTreeMap, HashMap};

use orkestra_coordinator::{
    shard::machine::Event,
    task::{RunNo, TaskEvent, Then},
};
use orkestra_runtime::{
    id::{Epoch, TaskNo},
    record::{Head, Kind, decode},
    time::Wall,
};

use crate::locks::table::Table;

/// How many findings are told: one is enough.
const FINDINGS_MAX: usize = 40;

/// The story of one task.
#[derive(Clone, Debug, Default)]
pub(super) struct Story {
    /// Its run.
    pub(super) run: String,
    /// Its name.
    pub(super) task: String,
    /// The attempts that were given out, the last one last.
    pub(super) given: Vec<u32>,
    open: Option<u32>,
    /// How it ended, and with which attempt.
    pub(super) ended: Option<(String, Option<u32>)>,
}

/// What the journal of one shard says, record by record.
#[derive(Debug, Default)]
pub(super) struct Told {
    shard: u16,
    /// The position of the last record.
    pub(super) sequence: u64,
    /// What each record was, by position: a record never becomes another.
    pub(super) records: Vec<u64>,
    /// The reigns, in order.
    pub(super) epochs: Vec<Epoch>,
    last: u64,
    at: Option<Wall>,
    runs: HashMap<RunNo, String>,
    tasks: BTreeMap<TaskNo, Story>,
    by_name: HashMap<(String, String), TaskNo>,
    /// How many tasks have ended.
    pub(super) ended: u64,
    /// How many outcomes were recorded of attempts that were not open.
    pub(super) stale: u64,
    /// What it says of locks.
    pub(super) locks: Table,
    /// What cannot be.
    pub(super) findings: Vec<String>,
}

impl Told {
    /// The journal of a shard, of which nothing was read yet.
    pub(super) fn of(shard: u16) -> Self {
        Self { shard, ..Self::default() }
    }

    /// The tasks' stories.
    pub(super) fn stories(&self) -> impl Iterator<Item = &Story> {
        self.tasks.values()
    }

    /// Takes in the next record.
    pub(super) fn hear(&mut self, sequence: u64, record: &[u8]) {
        if sequence != self.sequence + 1 {
            self.find(format!("record {sequence} follows record {}", self.sequence));
        }
        self.sequence = sequence;
        self.records.push(hash(record));
        let decoded = match decode::<Event>(record) {
            Ok(decoded) => decoded,
            Err(error) => return self.find(format!("record {sequence} cannot be read: {error}")),
        };
        let head = decoded.head;
        self.head(decoded.kind, &head);
        for (number, event) in (head.first.0..).zip(decoded.events) {
            match event {
                Event::Task(event) => self.event(number, event),
                Event::Lock(event) => self.locks.hear(number, &event),
                Event::Context(_) | Event::Committee(_) | Event::Council(_) => {}
            }
        }
    }

    fn head(&mut self, kind: Kind, head: &Head) {
        if self.at > Some(head.at) {
            self.find(format!("time goes back: {head:?}"));
        }
        self.at = Some(head.at);
        match kind {
            Kind::Epoch => {
                if self.epochs.last() >= Some(&head.epoch) {
                    self.find(format!(
                        "reigns do not rise: {head:?} after {:?}",
                        self.epochs.last()
                    ));
                }
                self.epochs.push(head.epoch);
            }
            Kind::Events => {
                if self.epochs.last() != Some(&head.epoch) {
                    let reign = self.epochs.last();
                    self.find(format!("written by a reign that is over: {head:?} in {reign:?}"));
                }
                if head.first.0 != self.last + 1 {
                    self.find(format!("numbers have a gap: {head:?} after {}", self.last));
                }
                self.last = head.last.0;
            }
        }
    }

    fn event(&mut self, number: u64, event: TaskEvent) {
        match event {
            TaskEvent::RunOpened { run, .. } => {
                self.runs.insert(RunNo(number), run.to_string());
            }
            TaskEvent::Submitted { run, spec } => {
                let run = self.runs.get(&run).cloned().unwrap_or_default();
                let name = (run.clone(), spec.id.to_string());
                if self.by_name.insert(name.clone(), TaskNo(number)).is_some() {
                    self.find(format!("{name:?} was submitted twice"));
                }
                let story = Story { run, task: name.1, ..Story::default() };
                self.tasks.insert(TaskNo(number), story);
            }
            TaskEvent::Assigned { task, attempt, .. } => self.given(task, attempt.0),
            TaskEvent::Completed { task, attempt, .. } => {
                self.over(task, attempt.0);
                self.end(task, "completed", Some(attempt.0));
            }
            TaskEvent::AttemptFailed { task, attempt, then, failure, .. } => {
                self.over(task, attempt.0);
                match then {
                    Then::Retry { .. } | Then::Again => {}
                    Then::Fail | Then::Exhausted | Then::Poison => {
                        self.end(task, &format!("{then:?}: {}", failure.message), Some(attempt.0));
                    }
                }
            }
            TaskEvent::Failed { task, reason, .. } => self.end(task, &format!("{reason}"), None),
            TaskEvent::Cancelled { task, .. } => self.end(task, "cancelled", None),
            _ => {}
        }
    }

    fn given(&mut self, task: TaskNo, attempt: u32) {
        let Some(story) = self.tasks.get_mut(&task) else {
            return self.find(format!("{task:?} is given and was never submitted"));
        };
        let next = story.given.last().map_or(1, |last| last + 1);
        let is_sound = story.open.is_none() && story.ended.is_none() && attempt == next;
        let said = format!("given out of turn as {attempt}: {story:?}");
        story.given.push(attempt);
        story.open = Some(attempt);
        if !is_sound {
            self.find(said);
        }
    }

    fn over(&mut self, task: TaskNo, attempt: u32) {
        let Some(story) = self.tasks.get_mut(&task) else {
            return self.find(format!("{task:?} has an outcome and was never submitted"));
        };
        if story.open.take() != Some(attempt) {
            let said = format!("an outcome of attempt {attempt}, which is not open: {story:?}");
            self.stale += 1;
            self.find(said);
        }
    }

    fn end(&mut self, task: TaskNo, how: &str, attempt: Option<u32>) {
        let Some(story) = self.tasks.get_mut(&task) else {
            return self.find(format!("{task:?} ends and was never submitted"));
        };
        story.open = None;
        let before = story.ended.replace((how.to_owned(), attempt));
        self.ended += u64::from(before.is_none());
        if let Some(before) = before {
            let said = format!("ended before with {before:?}: {story:?}");
            self.find(said);
        }
    }

    fn find(&mut self, what: impl std::fmt::Display) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(format!("shard {}: {what}", self.shard));
        }
    }
}

/// Tells records apart.
pub(super) fn hash(record: &[u8]) -> u64 {
    record.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
