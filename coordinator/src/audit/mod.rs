//! The audit: the journal, told event by event.
//!
//! Promises: one row for each event, with an id that no other event ever has; nothing is written a
//! second time, so nothing can be lost between the journal and its audit. Payloads stand in rows as
//! they stand in the journal; secrets never get there.

mod committee;
mod context;
mod council;
mod lock;
mod row;
mod types;

use std::collections::BTreeMap;

use orkestra_runtime::{
    id::{AgentId, Number, RunId, TaskId, TaskNo},
    time::Wall,
};
use serde_json::Value;

pub use row::AuditRow;
pub use types::{TYPES, known_type};

use crate::{
    shard::machine::Event,
    task::{RunNo, Scope, TaskEvent, TaskMachine},
};

/// What rows are wanted; what is `None` is not asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Not before.
    pub since: Option<Wall>,
    /// Before.
    pub until: Option<Wall>,
    /// Of this type, or of the family that it names (`task`, `run`, `agent`, `context`, `lock`); see
    /// [`known_type`].
    pub event_type: Option<String>,
    /// About this task.
    pub task: Option<TaskId>,
    /// About this agent.
    pub agent: Option<AgentId>,
    /// Of this run.
    pub run: Option<RunId>,
}

impl AuditFilter {
    /// Whether a row is wanted.
    pub fn admits(&self, row: &AuditRow) -> bool {
        let type_fits = |wanted: &String| {
            row.event_type == wanted || types::family_of(row.event_type) == wanted
        };
        self.since.is_none_or(|since| row.timestamp >= since)
            && self.until.is_none_or(|until| row.timestamp < until)
            && self.event_type.as_ref().is_none_or(type_fits)
            && (self.task.is_none() || self.task == row.task_id)
            && (self.agent.is_none() || self.agent == row.agent_name)
            && (self.run.is_none() || self.run == row.run)
    }
}

/// Turns events into rows. Events name runs and tasks by number, so it remembers names on the way:
/// feed it a journal from its beginning, or from where a machine was folded to.
#[derive(Debug, Default)]
pub struct Auditor {
    shard: u16,
    runs: BTreeMap<RunNo, RunId>,
    tasks: BTreeMap<TaskNo, (RunNo, TaskId)>,
    /// Who holds, or last held, each task.
    held: BTreeMap<TaskNo, AgentId>,
}

impl Auditor {
    /// An auditor of one shard.
    pub fn of_shard(shard: u16) -> Self {
        Self { shard, ..Self::default() }
    }

    /// An auditor who knows what a machine knows: for a journal whose beginning was trimmed.
    pub fn knowing(shard: u16, machine: &TaskMachine) -> Self {
        let mut auditor = Self::of_shard(shard);
        auditor.runs = machine.runs_by_number().map(|(no, id)| (no, id.clone())).collect();
        for (no, task, agent) in machine.tasks_by_number() {
            auditor.tasks.insert(no, (task.run, task.spec.id.clone()));
            auditor.held.extend(agent.map(|agent| (no, agent.clone())));
        }
        auditor
    }

    /// Goes past the next event without a row: what it is called, and of which run it is.
    pub(crate) fn pass(&mut self, number: Number, event: &Event) -> (&'static str, Option<&RunId>) {
        let event = match event {
            Event::Task(event) => event,
            Event::Context(event) => return (context::type_of(event), None),
            Event::Lock(event) => return (lock::type_of(event), None),
            Event::Committee(event) => return (committee::type_of(event), None),
            Event::Council(event) => return (council::type_of(event), None),
        };
        self.remember(number, event);
        let (run, task) = Self::subject(number, event);
        let run = run.or_else(|| self.tasks.get(&task?).map(|(run, _)| *run));
        (row::type_of(event), run.and_then(|no| self.runs.get(&no)))
    }

    /// A row that is about no task and no agent.
    fn plain(
        &self,
        (number, timestamp): (Number, Wall),
        event_type: &'static str,
        details: Value,
    ) -> AuditRow {
        AuditRow {
            event_id: format!("s{}-{number}", self.shard),
            number,
            timestamp,
            event_type,
            run: None,
            task_id: None,
            agent_name: None,
            details,
        }
    }

    /// The row of the next event.
    pub fn row(&mut self, number: Number, at: Wall, event: &Event) -> AuditRow {
        let event = match event {
            Event::Task(event) => event,
            Event::Context(event) => {
                return AuditRow {
                    event_id: format!("s{}-{number}", self.shard),
                    number,
                    timestamp: at,
                    event_type: context::type_of(event),
                    run: None,
                    task_id: None,
                    agent_name: context::agent_of(event).cloned(),
                    details: context::details_of(event),
                };
            }
            Event::Lock(event) => {
                return self.plain((number, at), lock::type_of(event), lock::details_of(event));
            }
            Event::Committee(event) => {
                let details = committee::details_of(number, event);
                return self.plain((number, at), committee::type_of(event), details);
            }
            Event::Council(event) => {
                let details = council::details_of(number, event);
                return self.plain((number, at), council::type_of(event), details);
            }
        };
        self.remember(number, event);
        let (run, task) = Self::subject(number, event);
        let names = task.and_then(|no| self.tasks.get(&no));
        let run = run.or_else(|| names.map(|(run, _)| *run));
        AuditRow {
            event_id: format!("s{}-{number}", self.shard),
            number,
            timestamp: at,
            event_type: row::type_of(event),
            run: run.and_then(|no| self.runs.get(&no).cloned()),
            task_id: names.map(|(_, id)| id.clone()),
            agent_name: match event {
                TaskEvent::AgentDescribed { profile } => Some(profile.id.clone()),
                TaskEvent::PersonDecided { by, .. } => Some(by.clone()),
                TaskEvent::AgentDrained { agent, .. }
                | TaskEvent::AgentReturned { agent, .. }
                | TaskEvent::BreakerOpened { agent, .. }
                | TaskEvent::BreakerClosed { agent } => Some(agent.clone()),
                _ => task.and_then(|no| self.held.get(&no).cloned()),
            },
            details: row::details_of(event),
        }
    }

    fn remember(&mut self, number: Number, event: &TaskEvent) {
        match event {
            TaskEvent::RunOpened { run, .. } => {
                self.runs.insert(RunNo(number.0), run.clone());
            }
            TaskEvent::Submitted { run, spec } => {
                self.tasks.insert(TaskNo(number.0), (*run, spec.id.clone()));
            }
            TaskEvent::Assigned { task, agent, .. } => {
                self.held.insert(*task, agent.clone());
            }
            _ => {}
        }
    }

    /// Which run or task an event is about.
    fn subject(number: Number, event: &TaskEvent) -> (Option<RunNo>, Option<TaskNo>) {
        match event {
            TaskEvent::RunOpened { .. } => (Some(RunNo(number.0)), None),
            TaskEvent::Paused { scope: Scope::Run(run), .. }
            | TaskEvent::Resumed { scope: Scope::Run(run), .. }
            | TaskEvent::RunSealed { run }
            | TaskEvent::RunEnded { run, .. }
            | TaskEvent::RunCancelled { run, .. }
            | TaskEvent::RunForgotten { run } => (Some(*run), None),
            TaskEvent::TasksForgotten { .. }
            | TaskEvent::AgentDescribed { .. }
            | TaskEvent::Paused { .. }
            | TaskEvent::Resumed { .. }
            | TaskEvent::AgentDrained { .. }
            | TaskEvent::AgentReturned { .. }
            | TaskEvent::BreakerOpened { .. }
            | TaskEvent::BreakerClosed { .. } => (None, None),
            TaskEvent::Submitted { run, .. } => (Some(*run), Some(TaskNo(number.0))),
            TaskEvent::Assigned { task, .. }
            | TaskEvent::Completed { task, .. }
            | TaskEvent::AttemptFailed { task, .. }
            | TaskEvent::Failed { task, .. }
            | TaskEvent::Cancelled { task, .. }
            | TaskEvent::Retried { task, .. }
            | TaskEvent::ArtifactKept { task, .. }
            | TaskEvent::PersonDecided { task, .. }
            | TaskEvent::Checked { task, .. }
            | TaskEvent::Redacted { task, .. }
            | TaskEvent::Revealed { task, .. }
            | TaskEvent::AskEscalated { task } => (None, Some(*task)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use orkestra_runtime::{
        id::Attempt,
        protocol::task::{Failure, TaskSpec},
    };

    use super::*;
    use crate::task::{RunOpening, Score, Then};

    fn rows() -> Vec<AuditRow> {
        let id = |name| TaskId::new(name).unwrap();
        let events = [
            TaskEvent::RunOpened { run: RunId::new("r").unwrap(), opening: RunOpening::default() },
            TaskEvent::Submitted { run: RunNo(1), spec: Arc::new(TaskSpec::new(id("a"))) },
            TaskEvent::Assigned {
                task: TaskNo(2),
                attempt: Attempt(1),
                agent: AgentId::new("ann").unwrap(),
                score: Score::default(),
            },
            TaskEvent::AttemptFailed {
                task: TaskNo(2),
                attempt: Attempt(1),
                failure: Failure::error("no"),
                then: Then::Poison,
                worked_ms: 3,
            },
        ];
        let mut auditor = Auditor::of_shard(0);
        let at = |n: u64| Wall::from_ms(n * 1_000);
        let numbered = (1..).zip(events);
        numbered.map(|(n, event)| auditor.row(Number(n), at(n), &Event::Task(event))).collect()
    }

    #[test]
    fn a118_each_event_has_a_row_with_its_names_and_an_id_of_its_own() {
        let rows = rows();
        let short: Vec<String> = rows
            .iter()
            .map(|row| {
                let task = row.task_id.as_ref().map_or("-", TaskId::as_str);
                let agent = row.agent_name.as_ref().map_or("-", AgentId::as_str);
                format!("{} {} {task} {agent}", row.event_id, row.event_type)
            })
            .collect();
        assert_eq!(
            short,
            [
                "s0-1 run_opened - -",
                "s0-2 task_submitted a -",
                "s0-3 task_assigned a ann",
                "s0-4 task_poison_pill a ann"
            ]
        );
    }

    #[test]
    fn a118_rows_are_found_by_time_type_task_and_agent() {
        let found = |filter: AuditFilter| {
            rows()
                .iter()
                .filter(|row| filter.admits(row))
                .map(|row| row.number.0)
                .collect::<Vec<_>>()
        };
        let all = AuditFilter::default;
        assert_eq!(found(all()), [1, 2, 3, 4]);
        assert_eq!(found(AuditFilter { since: Some(Wall::from_ms(3_000)), ..all() }), [3, 4]);
        assert_eq!(found(AuditFilter { until: Some(Wall::from_ms(3_000)), ..all() }), [1, 2]);
        assert_eq!(found(AuditFilter { event_type: Some("task".into()), ..all() }), [2, 3, 4]);
        assert_eq!(found(AuditFilter { event_type: Some("run_opened".into()), ..all() }), [1]);
        assert_eq!(found(AuditFilter { task: TaskId::new("a").ok(), ..all() }), [2, 3, 4]);
        assert_eq!(found(AuditFilter { agent: AgentId::new("ann").ok(), ..all() }), [3, 4]);
    }
}
