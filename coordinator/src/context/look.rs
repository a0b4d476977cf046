//! Finds out what a view shows.

use std::collections::{BTreeMap, VecDeque};

use orkestra_runtime::id::{AgentId, RunId, TaskId, TaskNo};

use crate::{
    context::{
        command::{ContextAnswer, ContextQuery},
        event::{ProjectPhase, SnapshotNo},
        machine::{ContextMachine, active},
        row::{Kind, Row},
        state::{Decision, Snapshot, Understood},
        tally::Tally,
        view::{
            AgentUnderstanding, ContextView, DecisionView, EventView, SnapshotView, Standing,
            Summary,
        },
    },
    task::{AgentNo, RunNo, TaskMachine},
};

/// How much a summary holds: events, active tasks, decisions.
const SUMMARY: (usize, usize, usize) = (10, 10, 5);
/// How many of an agent's tasks are named, and how many open questions.
const TASKS_NAMED: usize = 10;

impl ContextMachine {
    /// Answers a question.
    pub fn answer(&self, query: &ContextQuery, tasks: &TaskMachine) -> ContextAnswer {
        let look = Look { context: self, tasks };
        match query {
            ContextQuery::Show { agent, snapshot, events } => {
                let events = usize::try_from(*events).unwrap_or(usize::MAX);
                let view = look.show(agent.as_ref(), *snapshot, events);
                ContextAnswer::Context(view.map(Box::new))
            }
            ContextQuery::Snapshots => ContextAnswer::Snapshots(look.snapshots().collect()),
            ContextQuery::Summary => ContextAnswer::Summary(Box::new(look.summary())),
        }
    }
}

struct Look<'a> {
    context: &'a ContextMachine,
    tasks: &'a TaskMachine,
}

impl Look<'_> {
    fn summary(&self) -> Summary {
        let (events, active_tasks, decisions) = SUMMARY;
        let made = self.context.durable.decisions.iter();
        Summary {
            standing: self.standing(),
            latest_snapshot: self.snapshots().next(),
            events: self.events(&self.context.durable.events, events),
            agents: self.agents(None, None),
            active_tasks: active(self.tasks, active_tasks),
            decisions: last(made, decisions).map(|made| self.decision(made)).collect(),
            pending_decisions: self.tasks.questions().into_iter().take(TASKS_NAMED).collect(),
        }
    }

    fn show(
        &self,
        agent: Option<&AgentId>,
        snapshot: Option<SnapshotNo>,
        events: usize,
    ) -> Option<ContextView> {
        let durable = &self.context.durable;
        let no = agent.map(|agent| self.tasks.agent_no(agent));
        let nothing = VecDeque::new();
        let rows = match no {
            Some(no) => durable.log_of(no?).unwrap_or(&nothing),
            None => &durable.events,
        };
        let Some(snapshot) = snapshot else {
            return Some(ContextView {
                standing: self.standing(),
                snapshot: None,
                agents: self.agents(agent, None),
                active_tasks: active(self.tasks, TASKS_NAMED),
                events: self.events(rows, events),
            });
        };
        let found = durable.snapshots.get(&snapshot)?;
        Some(ContextView {
            standing: Standing {
                context_version: found.version,
                phase: phase_name(found.phase, self.tasks).into(),
                completion_percent: found.tally.completion_percent(),
                tasks: found.tally,
            },
            snapshot: Some(snapshot_view(snapshot, found)),
            agents: self.agents(agent, Some(found)),
            active_tasks: found.active.clone(),
            events: self.events(
                &rows.iter().filter(|row| row.number.0 <= snapshot.0).copied().collect(),
                events,
            ),
        })
    }

    fn standing(&self) -> Standing {
        let tasks = Tally::of(self.tasks);
        Standing {
            context_version: self.context.durable.version,
            phase: phase_name(self.context.durable.phase, self.tasks).into(),
            completion_percent: tasks.completion_percent(),
            tasks,
        }
    }

    fn snapshots(&self) -> impl Iterator<Item = SnapshotView> {
        let snapshots = self.context.durable.snapshots.iter().rev();
        snapshots.map(|(no, snapshot)| snapshot_view(*no, snapshot))
    }

    /// What agents understand, or understood at a snapshot.
    fn agents(&self, only: Option<&AgentId>, at: Option<&Snapshot>) -> Vec<AgentUnderstanding> {
        let understood = at.map_or(&self.context.durable.understood, |at| &at.understood);
        let active = match at {
            Some(at) => by_agent(at.active.iter().map(|one| (&one.agent, &one.task))),
            None => self.active_by_agent(),
        };
        let agents = self.tasks.agents();
        let wanted = agents.filter(|(_, record)| only.is_none_or(|id| record.profile.id == *id));
        wanted
            .map(|(no, record)| {
                let id = &record.profile.id;
                let mut view = self.understanding(id, understood);
                if view.role.is_empty() {
                    view.role.clone_from(&record.profile.description);
                }
                view.active_tasks = active.get(id).cloned().unwrap_or_default();
                // What was completed since then does not belong to a snapshot.
                if at.is_none() {
                    view.completed_tasks = self.completed(no);
                }
                view
            })
            .collect()
    }

    fn understanding(&self, agent: &AgentId, understood: &Understood) -> AgentUnderstanding {
        let version = understood.get(agent).copied();
        let kept = version.and_then(|version| self.context.durable.kept.get(&version));
        let said = kept.map(|kept| (*kept.understanding).clone());
        let confidence = said.as_ref().map(|it| f64::from(it.confidence_milli) / 1_000.0);
        let said = said.unwrap_or_default();
        AgentUnderstanding {
            agent_name: agent.clone(),
            role: said.role,
            last_updated: kept.map(|kept| kept.at),
            current_understanding: said.current_understanding,
            active_tasks: Vec::new(),
            completed_tasks: Vec::new(),
            pending_decisions: said.pending_decisions,
            concerns: said.concerns,
            suggestions: said.suggestions,
            confidence,
            context_version: version,
        }
    }

    fn active_by_agent(&self) -> BTreeMap<AgentId, Vec<TaskId>> {
        by_agent(
            self.tasks.active().filter_map(|(_, task, agent)| {
                Some((self.tasks.agent_name(agent)?, &task.spec.id))
            }),
        )
    }

    fn completed(&self, no: AgentNo) -> Vec<TaskId> {
        let rows = self.context.durable.log_of(no).into_iter().flatten();
        let completed = rows.filter(|row| row.kind == Kind::TaskCompleted);
        let named = completed.filter_map(|row| self.tasks.task(TaskNo(row.subject)));
        let mut latest: Vec<TaskId> =
            named.rev().take(TASKS_NAMED).map(|task| task.spec.id.clone()).collect();
        latest.reverse();
        latest
    }

    fn events(&self, rows: &VecDeque<Row>, count: usize) -> Vec<EventView> {
        last(rows.iter(), count).map(|row| self.event(row)).collect()
    }

    fn event(&self, row: &Row) -> EventView {
        let (run, task) = self.names(row.subject);
        let details = match row.kind {
            Kind::ErrorOccurred => {
                let task = self.tasks.task(TaskNo(row.subject));
                task.and_then(|task| Some(task.last_failure.as_ref()?.to_string()))
            }
            Kind::DecisionMade => {
                let mut made = self.context.durable.decisions.iter();
                let made = made.find(|made| made.number == row.number);
                made.map(|made| format!("{} (by {})", made.what, made.by))
            }
            Kind::ContextRefresh => {
                let snapshot = self.context.durable.snapshots.get(&SnapshotNo(row.number.0));
                snapshot.map(|snapshot| format!("snapshot, {}", snapshot.reason.as_str()))
            }
            _ => None,
        };
        let agent = row.agent.and_then(|no| self.tasks.agent_name(no)).cloned();
        let (number, at, kind) = (row.number, row.at, row.kind);
        EventView { number, at, kind, run, task, agent, details }
    }

    fn decision(&self, made: &Decision) -> DecisionView {
        let (run, task) = self.names(made.subject);
        let Decision { number, at, by, what, .. } = made.clone();
        DecisionView { number, at, by, what, run, task }
    }

    /// The names of a task and its run, or of a run: their numbers are those of events, and no two
    /// events of a shard have the same.
    fn names(&self, subject: u64) -> (Option<RunId>, Option<TaskId>) {
        let run_of = |no| self.tasks.run_of(no).map(|run| run.id.clone());
        match self.tasks.task(TaskNo(subject)) {
            Some(task) => (run_of(task.run), Some(task.spec.id.clone())),
            None => (run_of(RunNo(subject)), None),
        }
    }
}

fn snapshot_view(id: SnapshotNo, snapshot: &Snapshot) -> SnapshotView {
    SnapshotView {
        id,
        at: snapshot.at,
        reason: snapshot.reason.as_str().to_owned(),
        by: snapshot.by.clone(),
        note: snapshot.note.clone(),
        gone: snapshot.gone.clone(),
        context_version: snapshot.version,
        completion_percent: snapshot.tally.completion_percent(),
        understandings: snapshot.understood.len() as u64,
    }
}

/// The phase that somebody said, or the one that the runs let one see.
fn phase_name(said: Option<ProjectPhase>, tasks: &TaskMachine) -> &'static str {
    let seen = || {
        let mut open = tasks.runs().filter(|(_, run)| run.ended.is_none()).peekable();
        if open.peek().is_none() {
            let is_anything_done = tasks.runs().next().is_some();
            return if is_anything_done {
                ProjectPhase::Maintenance
            } else {
                ProjectPhase::Planning
            };
        }
        let is_begun = open.any(|(_, run)| run.sealed || run.opening.stream);
        if is_begun { ProjectPhase::Development } else { ProjectPhase::Planning }
    };
    said.unwrap_or_else(seen).as_str()
}

fn by_agent<'a>(
    tasks: impl Iterator<Item = (&'a AgentId, &'a TaskId)>,
) -> BTreeMap<AgentId, Vec<TaskId>> {
    let mut by_agent: BTreeMap<AgentId, Vec<TaskId>> = BTreeMap::new();
    for (agent, task) in tasks {
        let named = by_agent.entry(agent.clone()).or_default();
        if named.len() < TASKS_NAMED {
            named.push(task.clone());
        }
    }
    by_agent
}

fn last<'a, T: 'a>(
    items: impl ExactSizeIterator<Item = &'a T>,
    count: usize,
) -> impl Iterator<Item = &'a T> {
    let skipped = items.len().saturating_sub(count);
    items.skip(skipped)
}
