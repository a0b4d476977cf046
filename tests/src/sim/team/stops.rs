//! What people and breakers have stopped, as it was told, and what the record says of those who
//! are given work. It never reads the machine.

use std::collections::{BTreeMap, BTreeSet};

use orkestra_coordinator::task::{TaskEvent, standing::ScopeName};
use orkestra_runtime::{
    id::{AgentId, Attempt, TaskNo},
    time::Wall,
};

type Outcome = Result<(), String>;

/// What is stopped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stop {
    /// Everything: by its run, or by its namespace.
    Run(String),
    /// An agent.
    Agent(AgentId),
}

impl Stop {
    pub(super) fn of(scope: &ScopeName) -> Self {
        Self::Run(scope.to_string())
    }
}

#[derive(Debug)]
struct Open {
    until: Wall,
    trial: Option<(TaskNo, Attempt)>,
}

/// What is stopped now.
#[derive(Debug, Default)]
pub(super) struct StopBooks {
    stopped: BTreeSet<Stop>,
    open: BTreeMap<AgentId, Open>,
    /// How many breakers have opened.
    pub(super) opened: u64,
}

impl StopBooks {
    /// It was acknowledged that it is stopped.
    pub(super) fn stopped(&mut self, stop: Stop) {
        self.stopped.insert(stop);
    }

    /// Somebody asks that it goes on: it may from now on.
    pub(super) fn goes_on(&mut self, stop: &Stop) {
        self.stopped.remove(stop);
    }

    pub(super) fn all(&self) -> Vec<Stop> {
        self.stopped.iter().cloned().collect()
    }

    /// Something is recorded.
    pub(super) fn recorded(&mut self, at: Wall, event: &TaskEvent) -> Outcome {
        match event {
            TaskEvent::Assigned { task, attempt, agent, .. } => {
                self.assigned(at, (*task, *attempt), agent)
            }
            TaskEvent::BreakerOpened { agent, until, .. } => {
                self.opened += 1;
                self.open.insert(agent.clone(), Open { until: *until, trial: None });
                Ok(())
            }
            TaskEvent::BreakerClosed { agent } => {
                self.open.remove(agent);
                Ok(())
            }
            TaskEvent::Completed { task, .. }
            | TaskEvent::AttemptFailed { task, .. }
            | TaskEvent::Failed { task, .. }
            | TaskEvent::Cancelled { task, .. } => {
                for open in self.open.values_mut() {
                    if open.trial.is_some_and(|(trial, _)| trial == *task) {
                        open.trial = None;
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn assigned(&mut self, at: Wall, one: (TaskNo, Attempt), agent: &AgentId) -> Outcome {
        let stops = |stop: &&Stop| match stop {
            Stop::Run(_) => true,
            Stop::Agent(stopped) => stopped == agent,
        };
        if let Some(stop) = self.stopped.iter().find(stops) {
            return Err(format!("{agent} is given task {}, and {stop:?} is stopped", one.0));
        }
        let Some(open) = self.open.get_mut(agent) else { return Ok(()) };
        if at < open.until {
            return Err(format!("{agent} is given task {} before its breaker's time", one.0));
        }
        match open.trial.replace(one) {
            None => Ok(()),
            Some(_) => Err(format!("{agent} is given a second trial before the first has ended")),
        }
    }

    /// Whose breaker came to its time so long ago that a trial was due, and none was made.
    pub(super) fn forgotten(&self, long_ago: Wall) -> Option<&AgentId> {
        let forgotten =
            |(_, open): &(&AgentId, &Open)| open.until < long_ago && open.trial.is_none();
        self.open.iter().find(forgotten).map(|(agent, _)| agent)
    }
}
