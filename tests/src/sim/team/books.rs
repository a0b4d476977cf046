//! What workers and whoever follows the run were told. It never reads the machine.

use std::collections::{BTreeMap, BTreeSet};

use orkestra_coordinator::task::{Ended, Ending, TaskEvent, view::TaskView};
use orkestra_runtime::{
    id::{AgentId, Attempt, Number, TaskId, TaskNo},
    protocol::{
        agent::Assignment,
        payload::Payload,
        task::{DependencyKind, TaskSpec},
    },
    time::Wall,
};

use super::{asks::AskBooks, locks::LockBooks, stops::StopBooks};

type Outcome = Result<(), String>;

/// What was seen of the tasks of one run.
#[derive(Debug, Default)]
pub(super) struct TeamBooks {
    /// What was asked for, and acknowledged.
    specs: BTreeMap<TaskId, TaskSpec>,
    /// The latest attempt of each task that anybody was given, and who.
    given: BTreeMap<TaskNo, (Attempt, AgentId)>,
    keys: BTreeMap<TaskNo, String>,
    /// What was told of ended tasks.
    told: BTreeMap<TaskId, &'static str>,
    /// What workers reported: the attempt and the result.
    reported: BTreeSet<(TaskId, Attempt, String)>,
    /// Names of tasks, as they are recorded.
    names: BTreeMap<TaskNo, TaskId>,
    /// Questions to people.
    pub(super) asks: AskBooks,
    /// What is stopped.
    pub(super) stops: StopBooks,
    /// Locks that tasks hold.
    pub(super) locks: LockBooks,
}

impl TeamBooks {
    pub(super) fn asked(&mut self, spec: &TaskSpec) {
        self.specs.insert(spec.id.clone(), spec.clone());
        self.asks.asked(spec);
        self.locks.asked(spec);
    }

    pub(super) fn reported(&mut self, id: &TaskId, attempt: Attempt, output: &str) {
        self.reported.insert((id.clone(), attempt, output.to_owned()));
    }

    /// Something stands on the record, for everybody to read.
    pub(super) fn recorded(&mut self, (number, at): (Number, Wall), event: &TaskEvent) -> Outcome {
        match event {
            TaskEvent::Submitted { spec, .. } => {
                self.names.insert(TaskNo(number.0), spec.id.clone());
            }
            TaskEvent::AskEscalated { task } => {
                let id = self.names.get(task).ok_or("what nobody submitted is handed on")?;
                self.asks.escalated(id)?;
            }
            _ => {}
        }
        self.locks.recorded((number.0, at), event)?;
        self.stops.recorded(at, event)
    }

    /// How many attempts were given out.
    pub(super) fn attempts(&self) -> u64 {
        self.given.values().map(|(attempt, _)| u64::from(attempt.0)).sum()
    }

    /// A worker is given an attempt.
    pub(super) fn given(&mut self, one: &Assignment, agent: &AgentId) -> Outcome {
        self.locks.given(one)?;
        let Assignment { task, attempt, id, effect_key, results, .. } = one;
        let spec = self.specs.get(id).ok_or_else(|| format!("{id} is given, and nobody asked"))?;
        if let Some(how) = self.told.get(id) {
            return Err(format!("{id} is given after it was said to have {how}"));
        }
        for need in spec.dependencies.iter().filter(|need| need.kind == DependencyKind::Hard) {
            if self.told.get(&need.on) != Some(&"completed") {
                return Err(format!("{id} is given before {} has completed", need.on));
            }
            let result = results.iter().find(|(on, _)| *on == need.on).map(|(_, result)| result);
            let known = result.is_some_and(|result| {
                self.asks.is_question(&need.on) || self.is_reported(&need.on, result).is_some()
            });
            if !known {
                return Err(format!("{id} is given {result:?} of {}, and nobody said so", need.on));
            }
        }
        if self.keys.entry(*task).or_insert_with(|| effect_key.clone()) != effect_key {
            return Err(format!("the effect key of {id} changed at attempt {attempt}"));
        }
        match self.given.insert(*task, (*attempt, agent.clone())) {
            Some((known, _)) if known > *attempt => {
                Err(format!("attempt {attempt} of {id} is given after {known}"))
            }
            Some((known, other)) if known == *attempt && other != *agent => {
                Err(format!("attempt {attempt} of {id} is given to {other} and to {agent}"))
            }
            _ => Ok(()),
        }
    }

    /// Which attempt reported this result.
    fn is_reported(&self, id: &TaskId, result: &Payload) -> Option<Attempt> {
        let Payload::Inline(json) = result else { return None };
        let same = |it: &&(TaskId, Attempt, String)| it.0 == *id && it.2 == json.as_str();
        self.reported.iter().find(same).map(|(_, attempt, _)| *attempt)
    }

    /// Whoever follows the run is told of ends.
    pub(super) fn ended(&mut self, ended: &[Ended]) -> Outcome {
        for Ended { id, ending, .. } in ended {
            let how = match ending {
                Ending::Completed(_) => "completed",
                Ending::Failed(_) => "failed",
                Ending::Cancelled(_) => "cancelled",
            };
            self.asks.ended(id);
            if let Some(before) = self.told.insert(id.clone(), how) {
                return Err(format!("{id} was said to have {before}, and then {how}"));
            }
        }
        Ok(())
    }

    /// At rest every task that was asked for has ended once, as it was told, by an attempt that
    /// reported what stands as its result.
    pub(super) fn close(&self, views: &[TaskView]) -> Outcome {
        if views.len() != self.specs.len() {
            return Err(format!("{} tasks of {} are there", views.len(), self.specs.len()));
        }
        for view in views {
            if self.told.get(&view.id) != Some(&&*view.state) {
                let told = self.told.get(&view.id);
                return Err(format!("{} is {}, and was told as {told:?}", view.id, view.state));
            }
            self.asks.close(view)?;
            if self.asks.is_question(&view.id) {
                continue;
            }
            let Some(output) = &view.output else { continue };
            let by = self.is_reported(&view.id, output);
            if by != Some(view.attempt) {
                return Err(format!(
                    "{} completed with attempt {}, and {by:?} reported its result",
                    view.id, view.attempt
                ));
            }
        }
        Ok(())
    }
}
