//! Record checks around the attempts of tasks that ask for checks: which facts they are made from,
//! and what follows.
//!
//! Before: the assignment is an event already, and the checks look at the state that it leaves,
//! within the same step; only then is the agent told. After: they look at what the outcome would
//! leave, and then the one terminal record is written. For tasks that ask for no checks these facts
//! hold by construction, and nothing is put on record.

use orkestra_runtime::{
    id::{Attempt, LockKey, TaskNo},
    protocol::{
        agent::{Availability, Report},
        check::{CheckResult, Phase as When, Switches, blocked},
        task::{Outcome, TaskSpec},
    },
    time::Wall,
};
use serde::{Deserialize, Serialize};

use crate::{
    safety::record::{self, After, Before, Hand},
    task::{
        command::Round,
        event::TaskEvent,
        graph::{self, Verdict},
        machine::TaskMachine,
        state::{Durable, Phase, Task},
    },
};

/// How many tasks with checks one step gives out: what was found must fit its record.
pub(super) const CHECKED_MAX: usize = 64;

/// What checks found around one attempt, as a task keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Which try.
    pub attempt: Attempt,
    /// What they found, in the order in which they were made.
    pub results: Vec<CheckResult>,
}

impl Durable {
    /// Keeps what checks found of a task's latest attempt.
    pub(super) fn keep_checks(&mut self, no: TaskNo, attempt: Attempt, results: &[CheckResult]) {
        let Some(task) = self.tasks.get_mut(&no) else { return };
        match &mut task.checked {
            Some(kept) if kept.attempt == attempt => kept.results.extend_from_slice(results),
            kept => *kept = Some(Box::new(Checked { attempt, results: results.to_vec() })),
        }
    }
}

impl TaskMachine {
    /// Which checks are made for a task: as it says, else as the node says. Empty for a task that
    /// asks for none.
    pub(super) fn switches_of(&self, spec: &TaskSpec) -> Switches {
        if spec.is_checked() { spec.checks.or(&self.settings.checks) } else { Switches::default() }
    }

    /// Checks a task that this step has just given out, and tells its agent unless that is blocked.
    pub(super) fn decide_examine(&self, no: TaskNo, round: &mut Round<'_>) {
        let Some(task) = self.task(no) else { return };
        let Phase::Assigned { agent, .. } = task.phase else { return };
        let Some(record) = self.durable.roster.get(agent) else { return };
        let hand = Hand {
            id: &record.profile.id,
            others: record.outstanding.saturating_sub(1),
            is_active: self.live.joined.contains_key(&agent)
                && record.profile.availability == Availability::Available,
        };
        let facts = self.before(no, task, hand);
        let results = record::before(&facts, &self.switches_of(&task.spec), round.now.wall);
        let failure = blocked(When::Pre, &results);
        let (task_no, attempt, phase) = (no, task.attempt, When::Pre);
        round.out.events.push(TaskEvent::Checked { task: task_no, attempt, phase, results });
        if let Some(failure) = failure {
            return self.fail_attempt((no, task), failure, round);
        }
        let assignments = self.assignment(no, task, attempt).into_iter().collect();
        round.out.give(&record.profile.id, assignments);
    }

    fn before<'a>(&'a self, no: TaskNo, task: &'a Task, hand: Hand<'a>) -> Before<'a> {
        let run = self.durable.runs.get(&task.run);
        let (mut missing, mut blocking) = (Vec::new(), Vec::new());
        for dependency in &task.spec.dependencies {
            let on = run.and_then(|run| self.task(*run.tasks.get(&dependency.on)?));
            match on.map(|on| &on.phase) {
                Some(Phase::Ended { ending, .. })
                    if graph::judge(dependency, ending) == Verdict::Allows => {}
                Some(_) => blocking.push(&dependency.on),
                // What a stream forgot had ended.
                None if run.is_some_and(|run| run.opening.stream) => {}
                None => missing.push(&dependency.on),
            }
        }
        let lease = self.live.leases.get(&no);
        let held = self.live.locks.held(no, task.attempt).unwrap_or_default();
        let is_held = |key: &LockKey| held.iter().any(|held| held.key == *key);
        let wanted = task.spec.locks.iter().map(|want| &want.key);
        Before {
            locks: &task.spec.locks,
            unheld: wanted.filter(|key| !is_held(key)).collect(),
            counts: run.map(|run| run.counts),
            is_listed: run.and_then(|run| run.tasks.get(&task.spec.id)) == Some(&no),
            was_pending: lease.is_some_and(|lease| lease.attempt == task.attempt),
            missing,
            blocking,
            agent: Some(hand),
            failures: task.failures,
        }
    }

    /// What checks found of a reported attempt, on record; and the outcome, which is a failure if a
    /// record check blocks it. Nothing for a task that asks for no checks.
    pub(super) fn examine_report(
        &self,
        task: &Task,
        report: &Report,
        round: &mut Round<'_>,
    ) -> Option<Outcome> {
        if !task.spec.is_checked() {
            return None;
        }
        let mut found = report.checks.clone();
        found.sort_by_key(|result| result.check_name);
        let (before, mut results): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|result| result.check_name.phase() == When::Pre);
        let mut failure = None;
        if matches!(report.outcome, Outcome::Completed(_)) {
            let of_record = self.after(task, round.now.wall);
            failure = blocked(When::Post, &of_record);
            results.extend(of_record);
            results.sort_by_key(|result| result.check_name);
        }
        for (phase, results) in [(When::Pre, before), (When::Post, results)] {
            if !results.is_empty() {
                let (task, attempt) = (report.task, report.attempt);
                round.out.events.push(TaskEvent::Checked { task, attempt, phase, results });
            }
        }
        failure.map(Outcome::Failed)
    }

    fn after(&self, task: &Task, now: Wall) -> Vec<CheckResult> {
        let facts = After {
            completes: true,
            began: match task.phase {
                Phase::Assigned { since, .. } => Some(since),
                _ => None,
            },
            counts: self.durable.runs.get(&task.run).map(|run| run.counts),
            locks: task.spec.locks.len(),
        };
        record::after(&facts, &self.switches_of(&task.spec), now)
    }
}
