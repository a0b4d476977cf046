//! An attempt that a worker holds, as far as its machine knows.

use std::time::Duration;

use orkestra_runtime::{
    protocol::{agent::Progress, check::CheckResult, task::Outcome},
    time::Moment,
};

/// One attempt that has begun.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) began: Moment,
    /// When it has taken too long.
    pub(super) late_at: Option<Moment>,
    /// When it was last heard of.
    pub(super) heard: Moment,
    /// Where it stands in the order of what is due; may be earlier than what really is.
    pub(super) listed: Option<Moment>,
    pub(super) phase: Phase,
    /// Rare, so it is boxed.
    pub(super) told: Option<Box<Told>>,
    /// What checks of its files found so far.
    pub(super) checks: Vec<CheckResult>,
}

#[derive(Debug)]
pub(super) enum Phase {
    Running,
    /// It was told to end, and its outcome stands.
    Ending {
        outcome: Outcome,
        until: Moment,
    },
}

/// What was told of its progress.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) at: Moment,
    /// The newest that was not told, since the last telling was too short ago.
    pub(super) next: Option<Progress>,
}

/// What has become due of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Late,
    Silent,
    GraceOver,
    Tell,
}

impl Held {
    pub(super) fn new(now: Moment, limit: Option<Duration>) -> Self {
        Self {
            began: now,
            late_at: limit.map(|limit| now + limit),
            heard: now,
            listed: None,
            phase: Phase::Running,
            told: None,
            checks: Vec::new(),
        }
    }

    pub(super) const fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running)
    }

    /// What is due next of it, and when.
    pub(super) fn next_due(
        &self,
        silence_max: Option<Duration>,
        progress_every: Duration,
    ) -> Option<(Moment, Due)> {
        match &self.phase {
            Phase::Ending { until, .. } => Some((*until, Due::GraceOver)),
            Phase::Running => {
                let late = self.late_at.map(|at| (at, Due::Late));
                let silent = silence_max.map(|silence| (self.heard + silence, Due::Silent));
                let told = self.told.as_ref().filter(|told| told.next.is_some());
                let tell = told.map(|told| (told.at + progress_every, Due::Tell));
                [late, silent, tell].into_iter().flatten().min_by_key(|(at, _)| *at)
            }
        }
    }
}
