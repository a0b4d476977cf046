//! A circuit breaker for each agent: one on which task after task fails is given nothing for a
//! while, then one trial; a success closes it, a failure opens it anew.
//!
//! What is counted are tasks, not attempts: a task that fails again and again on the same agent
//! says as much of the task as of the agent, and the poison pill is for that. A failure that no
//! other attempt can mend is the agent's considered answer, and one whose attempt was handed back
//! is nobody's: neither counts.

use std::time::Duration;

use orkestra_runtime::{
    id::TaskNo,
    protocol::task::Failure,
    time::{Now, Wall},
};
use serde::{Deserialize, Serialize};

use crate::task::{
    command::Round,
    event::TaskEvent,
    machine::TaskMachine,
    roster::{AgentNo, AgentRecord},
    state::Durable,
};

/// More tasks than this are not told apart: so many open a breaker, however many it may take.
const FAILING_MAX: u32 = 64;

/// What is known of an agent's failures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// Which tasks failed on it since it last completed one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    failing: Vec<TaskNo>,
    /// Whether it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    open: Option<Open>,
}

/// A breaker that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// From when on one trial is made, in shard time.
    pub until: Wall,
    /// How many tasks had failed in a row.
    pub failures: u32,
    /// How the trial went.
    trial: Trial,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Trial {
    Awaited,
    Failed,
    Passed,
}

impl Breaker {
    /// What it says while it is open: since how many failures, and until when.
    pub const fn open(&self) -> Option<Open> {
        self.open
    }

    /// How many attempts an agent may hold that can hold `capacity`.
    pub(super) fn room(&self, capacity: u32, now: Wall) -> u32 {
        match self.open {
            None => capacity,
            Some(open) if open.until > now => 0,
            // One at a time, until it is known how the first goes.
            Some(_) => capacity.min(1),
        }
    }

    fn passed(&mut self) {
        self.failing.clear();
        if let Some(open) = &mut self.open {
            open.trial = Trial::Passed;
        }
    }

    fn failed(&mut self, task: TaskNo, at: Wall) {
        if self.failures() < FAILING_MAX && !self.failing.contains(&task) {
            self.failing.push(task);
        }
        if let Some(open) = &mut self.open
            && open.until <= at
        {
            open.trial = Trial::Failed;
        }
    }

    fn failures(&self) -> u32 {
        u32::try_from(self.failing.len()).unwrap_or(u32::MAX)
    }
}

impl AgentRecord {
    /// An attempt ended with a result.
    pub(super) fn succeed(&mut self) {
        self.completed += 1;
        self.failed_in_a_row = 0;
        self.breaker.passed();
    }

    /// An attempt failed in a way that counts.
    pub(super) fn fail(&mut self, task: TaskNo, at: Wall, failure: &Failure) {
        self.failed += 1;
        self.failed_in_a_row = self.failed_in_a_row.saturating_add(1);
        if failure.retryable {
            self.breaker.failed(task, at);
        }
    }
}

impl Durable {
    pub(super) fn open_breaker(&mut self, no: AgentNo, until: Wall, failures: u32) {
        let Some(record) = self.roster.get_mut(no) else { return };
        let open = Open { until, failures, trial: Trial::Awaited };
        if let Some(before) = record.breaker.open.replace(open) {
            self.breakers.remove(&(before.until, no));
        }
        self.breakers.insert((until, no));
    }

    pub(super) fn close_breaker(&mut self, no: AgentNo) {
        let Some(record) = self.roster.get_mut(no) else { return };
        if let Some(before) = record.breaker.open.take() {
            self.breakers.remove(&(before.until, no));
        }
    }
}

impl TaskMachine {
    /// Whether what an agent did may move its breaker.
    pub(super) fn must_guard(&self, agent: AgentNo, any_failed: bool) -> bool {
        let record = self.durable.roster.get(agent);
        any_failed || record.is_some_and(|record| record.breaker.open.is_some())
    }

    /// Moves the breaker of an agent by what has been folded.
    pub(super) fn decide_guard(&self, no: AgentNo, round: &mut Round<'_>) {
        let Some(record) = self.durable.roster.get(no) else { return };
        let agent = record.profile.id.clone();
        let Breaker { open, .. } = &record.breaker;
        let failures = record.breaker.failures();
        let max = self.settings.breaker_failures;
        let opens = match open {
            None => max > 0 && failures >= max.min(FAILING_MAX),
            Some(open) if open.trial == Trial::Passed => {
                return round.out.events.push(TaskEvent::BreakerClosed { agent });
            }
            Some(open) => open.trial == Trial::Failed,
        };
        if opens {
            let until = round.now.wall + self.settings.breaker_cooldown;
            round.out.events.push(TaskEvent::BreakerOpened { agent, until, failures });
        }
    }

    /// When the next breaker lets a trial through, if somebody waits for it.
    pub(super) fn next_trial(&self) -> Option<Wall> {
        if self.durable.breakers.is_empty() || self.has_nothing_ready() {
            return None;
        }
        let after = self.live.cooled_until + Duration::from_millis(1);
        self.durable.breakers.range((after, AgentNo(0))..).next().map(|(until, _)| *until)
    }

    /// Before the internal command: lets those be given a trial whose time has come.
    pub(super) fn cool_breakers(&mut self, now: Now) {
        if self.next_trial().is_some_and(|until| until <= now.wall) {
            self.live.settled = false;
        }
        self.live.cooled_until = self.live.cooled_until.max(now.wall);
    }
}
