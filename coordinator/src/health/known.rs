//! Where a journal's beginning was trimmed: vitals that begin with what a snapshot holds.

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::Sequence,
    journal::{Journal, Position},
    time::{Now, Wall},
};

use super::{
    facts::End,
    milestones::{MILESTONES, Milestone, RunProgress},
    vitals::Vitals,
};
use crate::{
    shard::{
        Mind as _,
        machine::{Event, ShardMachine},
    },
    task::{
        Answer, CancelReason, Ending, FailReason, PERSON, Phase, Query, RunNo, Task, TaskMachine,
        view::RunView,
    },
};

impl Vitals {
    /// Vitals that stand where a journal begins: before its first event or, where that was trimmed,
    /// at the oldest snapshot that is kept.
    pub async fn beginning(journal: &Journal) -> Result<(Self, Position)> {
        let (mut vitals, mut position) = (Self::default(), Position::default());
        let first = journal.read_on(&mut position, Sequence(1), |number, at, event: &Event| {
            if let Event::Task(event) = event {
                vitals.apply(number, at, event, &mut |_| {});
            }
        });
        let trimmed: Error = match first.await {
            Ok(_) => return Ok((vitals, position)),
            Err(error) if error.kind() == ErrorKind::NotFound => error,
            Err(error) => return Err(error),
        };
        let Some(snapshot) = journal.oldest().await? else { return Err(trimmed) };
        let machine = ShardMachine::restore(&snapshot.bytes)?;
        Ok((Self::knowing(machine.tasks()), snapshot.position))
    }

    /// Vitals that know what a machine knows. Which of an agent's outcomes came last is not among
    /// it, so its window is empty; a milestone has the time at which the task ended that reached it.
    pub fn knowing(machine: &TaskMachine) -> Self {
        let mut vitals = Self::default();
        if let Answer::Agents(agents) = machine.answer(Now::default(), &Query::Agents) {
            for view in agents {
                let agent = vitals.agents.entry(view.id).or_default();
                (agent.completed, agent.failed) = (view.completed, view.failed);
                agent.is_person = view.kind == PERSON;
                match &*view.state {
                    "drained" => agent.drained = view.reason,
                    "unavailable" => agent.unavailable = view.reason,
                    _ => {}
                }
            }
        }
        let mut ends: std::collections::BTreeMap<RunNo, Vec<Wall>> =
            std::collections::BTreeMap::new();
        for (no, task, agent) in machine.tasks_by_number() {
            vitals.note(no, task.run, task.submitted, &task.spec);
            match &task.phase {
                Phase::Assigned { .. } => {
                    if let Some(agent) = agent {
                        vitals.assign(no, agent);
                    }
                }
                Phase::Ended { ending, at } => {
                    ends.entry(task.run).or_default().push(*at);
                    vitals.know_end(task, no, ending);
                }
                _ => {}
            }
        }
        let Answer::Runs(views) = machine.answer(Now::default(), &Query::Runs) else {
            return vitals;
        };
        for (no, id) in machine.runs_by_number() {
            let Some(view) = views.iter().find(|view| view.summary.run == *id) else { continue };
            vitals.linked.extend((view.sealed || view.opening.stream).then_some(no));
            let mut ends = ends.remove(&no).unwrap_or_default();
            ends.sort_unstable();
            vitals.runs.insert(no, progress(view, &ends));
        }
        vitals
    }

    fn know_end(&mut self, task: &Task, no: orkestra_runtime::id::TaskNo, ending: &Ending) {
        let (end, on) = match ending {
            Ending::Completed(_) => (End::Completed, None),
            Ending::Failed(FailReason::DependencyFailed { on }) => (End::Failed, Some(on)),
            Ending::Failed(_) => (End::Failed, None),
            Ending::Cancelled(
                CancelReason::DependencyCancelled { on } | CancelReason::ConditionNotMet { on },
            ) => (End::Cancelled, Some(on)),
            Ending::Cancelled(_) => (End::Cancelled, None),
        };
        if let Some(on) = on {
            self.fell(no, on);
        }
        if let Some(noted) = self.tasks.get_mut(&no) {
            noted.end = Some(end);
            noted.stumbled = false;
            noted.submitted = task.submitted;
        }
    }
}

/// A run as it is seen, and when those of its tasks ended that are kept.
fn progress(view: &RunView, ends: &[Wall]) -> RunProgress {
    let counts = view.summary.counts;
    let mut run = RunProgress::opened(view.summary.run.clone(), view.summary.opened);
    (run.sealed, run.ended, run.total) = (view.sealed, view.summary.ended, counts.total);
    (run.completed, run.failed, run.cancelled) =
        (counts.completed, counts.failed, counts.cancelled);
    if !run.sealed {
        return run;
    }
    let (ended, total) = (run.tasks_ended(), run.total);
    let forgotten = ended.saturating_sub(ends.len() as u64);
    for percent in MILESTONES {
        let needed = (u64::from(percent) * total).div_ceil(100);
        if needed > ended {
            break;
        }
        let index = usize::try_from(needed.saturating_sub(1).saturating_sub(forgotten));
        let at = index.ok().and_then(|index| ends.get(index)).copied().unwrap_or(run.opened);
        run.milestones.push(Milestone { percent, at, ended: needed, total });
    }
    run
}
