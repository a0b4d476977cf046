//! Decides what becomes of councils and of what they deliberate about. Pure: see the module's
//! promises.

use std::{collections::BTreeSet, time::Duration};

use orkestra_runtime::{
    id::{Number, TaskNo},
    time::{Moment, Now},
};

use super::{
    command::{CouncilCommand, DeliberationNo},
    decision::{CouncilDecision, CouncilNews},
    event::{CouncilEvent, EndStatus},
    refusal::CouncilRefusal,
    reply::CouncilReply,
    state::{Deliberation, Durable},
    words::{Begun, DeliberationRequest},
};
use crate::task::{RunNo, TaskEvent, TaskMachine};

/// How long what is due is left where nothing may be written.
const LATER: Duration = Duration::from_secs(1);
/// How often each deliberation is looked at though nothing happened: whether an agent has gone for
/// good, and a safety net.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// How many deliberations one event forgets.
const FORGET_MAX: usize = 200;

/// What a leader knows and never journals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Live {
    /// Deliberations of which something may have ended.
    looks: BTreeSet<DeliberationNo>,
    /// When all are looked at again.
    again: Option<Moment>,
    /// Whether a run was forgotten.
    tidy: bool,
    /// Nothing is due before this moment.
    later: Option<Moment>,
}

/// The councils of one shard.
#[derive(Clone, Debug, Default)]
pub struct CouncilMachine {
    pub(super) durable: Durable,
    pub(super) live: Live,
}

impl CouncilMachine {
    /// Decides one command.
    pub fn decide(
        &self,
        now: Now,
        command: &CouncilCommand,
        tasks: &TaskMachine,
    ) -> CouncilDecision {
        let mut decision = CouncilDecision::default();
        let out = &mut decision;
        match command {
            CouncilCommand::Create { to, council } => {
                let answer = self.decide_create(now, council, tasks, out);
                out.answered(*to, answer);
            }
            CouncilCommand::Register { to, registration } => {
                let answer = self.decide_register(registration, out);
                out.answered(*to, answer);
            }
            CouncilCommand::Unregister { to, namespace, role, agent } => {
                let answer = self.decide_unregister((namespace, role), agent, out);
                out.answered(*to, answer);
            }
            CouncilCommand::Delete { to, namespace, role, force } => {
                let answer = self.decide_delete((namespace, role), *force, tasks, out);
                out.answered(*to, answer);
            }
            CouncilCommand::Deliberate { to, request } => {
                let answer = self.decide_deliberate(now, (request, None), tasks, out);
                out.answered(*to, answer.map(CouncilReply::Begun));
            }
            CouncilCommand::DeliberateFor { task, request } => {
                self.decide_deliberate_for(now, (*task, request), tasks, out);
            }
            CouncilCommand::Cancel { to, namespace, id, by, why } => {
                let answer = self.decide_cancel((namespace, id), (by, why), tasks, out);
                out.answered(*to, answer);
            }
            CouncilCommand::WithdrawFor { task } => self.decide_withdraw(*task, tasks, out),
            CouncilCommand::Look(no) => self.decide_look(now, *no, tasks, out),
            CouncilCommand::Tidy => self.decide_tidy(tasks, out),
            CouncilCommand::Later => {}
        }
        decision
    }

    /// For a task the same is asked again and again; where it is over already, it is told so.
    fn decide_deliberate_for(
        &self,
        now: Now,
        (task, request): (TaskNo, &DeliberationRequest),
        tasks: &TaskMachine,
        out: &mut CouncilDecision,
    ) {
        match self.decide_deliberate(now, (request, Some(task)), tasks, out) {
            Ok(Begun { existed: false, .. }) => {}
            Ok(Begun { existed: true, .. }) => {
                let found = self.durable.named(&request.namespace, &request.id);
                if let Some((no, _)) = found.filter(|(_, found)| !found.is_open()) {
                    out.news.push(CouncilNews::Over { task, no });
                }
            }
            Err(refusal) => out.news.push(CouncilNews::Refused { task, refusal }),
        }
    }

    fn decide_cancel(
        &self,
        (namespace, id): (&str, &str),
        (by, why): (&str, &str),
        tasks: &TaskMachine,
        out: &mut CouncilDecision,
    ) -> Result<CouncilReply, CouncilRefusal> {
        let found = self.durable.named(namespace, id);
        let (no, found) = found.ok_or_else(|| CouncilRefusal::NotFound { id: id.to_owned() })?;
        let changed = found.is_open();
        if changed {
            let mut told = format!("cancelled by {by}");
            if !why.is_empty() {
                told = format!("{told}: {why}");
            }
            Self::end((no, found), (EndStatus::Cancelled, Some(told)), tasks, out);
        }
        Ok(CouncilReply::Cancelled { changed })
    }

    fn decide_withdraw(&self, task: TaskNo, tasks: &TaskMachine, out: &mut CouncilDecision) {
        let of_task = |found: &&(DeliberationNo, &Deliberation)| found.1.opening.task == Some(task);
        let open: Vec<_> = self.durable.open().collect();
        for found in open.iter().filter(of_task) {
            let why = "the task that waited for it waits no more".to_owned();
            Self::end(*found, (EndStatus::Cancelled, Some(why)), tasks, out);
        }
    }

    fn decide_tidy(&self, tasks: &TaskMachine, out: &mut CouncilDecision) {
        let is_gone = |found: &Deliberation| {
            let run = &found.opening.run;
            // Of a stream the oldest tasks are forgotten first, and a deliberation with them.
            let first = found.stages.first().and_then(|stage| stage.steps.first());
            let is_first_there =
                first.is_none_or(|step| tasks.task_called(run, &step.task).is_some());
            found.ended.is_some() && (tasks.run_called(run).is_none() || !is_first_there)
        };
        let gone = self.durable.deliberations.iter().filter(|(_, found)| is_gone(found));
        let deliberations: Vec<_> = gone.map(|(no, _)| *no).take(FORGET_MAX).collect();
        if !deliberations.is_empty() {
            out.events.push(CouncilEvent::Forgotten { deliberations });
        }
    }

    /// Notes whose tasks end, and that a run is forgotten; called after the task machine has applied
    /// the event.
    pub fn observe(&mut self, event: &TaskEvent, tasks: &TaskMachine) {
        let of_run = |run: RunNo| self.durable.runs.get(&tasks.run_of(run)?.id).copied();
        let of_task = |task: &TaskNo| {
            let task = tasks.task(*task).filter(|task| task.has_ended())?;
            of_run(task.run)
        };
        let noted = match event {
            TaskEvent::RunForgotten { .. } | TaskEvent::TasksForgotten { .. } => {
                self.live.tidy |= !self.durable.deliberations.is_empty();
                None
            }
            _ if self.durable.deadlines.is_empty() => None,
            TaskEvent::Completed { task, .. }
            | TaskEvent::AttemptFailed { task, .. }
            | TaskEvent::Failed { task, .. }
            | TaskEvent::Cancelled { task, .. }
            | TaskEvent::PersonDecided { task, .. } => of_task(task),
            TaskEvent::RunCancelled { run, .. } => of_run(*run),
            _ => None,
        };
        self.live.looks.extend(noted);
    }

    /// Volatile changes that a command brings before it is decided.
    pub fn hear(&mut self, now: Now, command: &CouncilCommand) {
        match command {
            CouncilCommand::Look(no) => {
                if self.live.again.is_some_and(|again| again <= now.moment) {
                    self.live.looks.extend(self.durable.open().map(|(no, _)| no));
                    self.live.again = None;
                }
                self.live.looks.remove(no);
                self.live.again.get_or_insert(now.moment + LOOK_EVERY);
            }
            CouncilCommand::Tidy => self.live.tidy = false,
            CouncilCommand::Later => self.live.later = Some(now.moment + LATER),
            CouncilCommand::Create { .. }
            | CouncilCommand::Register { .. }
            | CouncilCommand::Unregister { .. }
            | CouncilCommand::Delete { .. }
            | CouncilCommand::Deliberate { .. }
            | CouncilCommand::DeliberateFor { .. }
            | CouncilCommand::WithdrawFor { .. }
            | CouncilCommand::Cancel { .. } => {}
        }
    }

    /// Keeps in mind what follows from an applied event.
    pub fn lead(&mut self, now: Now, number: Number, event: &CouncilEvent) {
        match event {
            // Its first step is one of its own: it may write much.
            CouncilEvent::Opened { .. } => {
                self.live.looks.insert(number.0);
                self.live.again.get_or_insert(now.moment + LOOK_EVERY);
            }
            CouncilEvent::Ended { no, .. } => {
                self.live.looks.remove(no);
            }
            CouncilEvent::Forgotten { deliberations } => {
                self.live.tidy |= deliberations.len() >= FORGET_MAX;
            }
            CouncilEvent::Created { .. }
            | CouncilEvent::Registered { .. }
            | CouncilEvent::Unregistered { .. }
            | CouncilEvent::Deleted { .. }
            | CouncilEvent::PhaseBegun { .. } => {}
        }
    }

    /// Rebuilds volatile state when a leader begins: everything that goes on is looked at.
    pub fn promote(&mut self) {
        let looks = self.durable.open().map(|(no, _)| no).collect();
        let tidy = !self.durable.deliberations.is_empty();
        self.live = Live { looks, tidy, ..Live::default() };
    }

    /// When it next has something to do by itself.
    pub fn wakeup(&self, now: Now) -> Option<Moment> {
        let Live { looks, again, tidy, later } = &self.live;
        let at_once = (!looks.is_empty() || *tidy).then_some(now.moment);
        let deadline = self.durable.deadlines.first();
        let deadline = deadline.map(|(until, _)| now.moment + until.since(now.wall));
        let again = again.filter(|_| !self.durable.deadlines.is_empty());
        let at = [at_once, deadline, again].into_iter().flatten().min()?;
        Some(later.map_or(at, |later| at.max(later)))
    }

    /// The internal command that does what is due.
    pub fn due(&self, now: Now) -> Option<CouncilCommand> {
        let Live { looks, again, tidy, later } = &self.live;
        if later.is_some_and(|later| now.moment < later) {
            return None;
        }
        if let Some(no) = looks.first() {
            return Some(CouncilCommand::Look(*no));
        }
        let (until, no) = match self.durable.deadlines.first() {
            Some((until, no)) => (*until, *no),
            None => return tidy.then_some(CouncilCommand::Tidy),
        };
        let is_due = until <= now.wall || again.is_some_and(|again| again <= now.moment);
        if is_due {
            return Some(CouncilCommand::Look(no));
        }
        tidy.then_some(CouncilCommand::Tidy)
    }
}
