//! What time brings: leases that run out, deadlines that pass, retries that are due; and what a
//! leader keeps in mind of each event.

use std::{collections::BTreeSet, time::Duration};

use orkestra_runtime::{
    id::{AgentId, Attempt, TaskNo},
    protocol::{
        agent::ToAgent,
        task::{Failure, FailureKind},
    },
    time::{Now, Wall},
};

use crate::task::{
    assign::SCHEDULE_MAX,
    command::{Decision, Reply, Round, TaskCommand},
    event::{CancelReason, FailReason, TaskEvent, Then},
    live::{Lease, Live, Loss},
    machine::TaskMachine,
    queue::{Class, place},
    retry,
    state::{Ending, Phase, Task},
    summary::Ended,
};

/// How many deadlines one internal command looks at.
const DEADLINES_MAX: usize = 200;
/// How many attempts one internal command ends, so that a step stays small.
const LEASES_MAX: usize = 200;

impl TaskMachine {
    /// Rebuilds what is volatile with fresh terms.
    pub fn promote(&mut self, now: Now) {
        self.live = Live::default();
        self.live.began = now.moment;
        self.live.assign_swept = now.moment;
        self.live.recovery_swept = now.moment;
        let until = now.moment + self.settings.lease;
        for (no, task) in &self.durable.tasks {
            if let Phase::Assigned { agent, .. } = task.phase {
                let lease = Lease {
                    attempt: task.attempt,
                    agent,
                    incarnation: None,
                    until,
                    began: now.moment,
                    lost: None,
                };
                self.live.leases.insert(*no, lease);
            }
        }
        let locking: Vec<TaskNo> = self.durable.locking.iter().map(|(_, no)| *no).collect();
        let elsewhere: Vec<TaskNo> = self.decided_elsewhere().collect();
        for no in locking.into_iter().chain(elsewhere) {
            self.want_locks(no);
        }
        self.set_sweep(now);
    }

    /// Keeps in mind what follows from an applied event.
    pub fn lead(&mut self, now: Now, event: &TaskEvent) {
        let fresh = std::mem::take(&mut self.fresh);
        self.lead_event(now, event);
        for no in fresh {
            self.want_locks(no);
        }
    }

    fn lead_event(&mut self, now: Now, event: &TaskEvent) {
        match event {
            TaskEvent::Assigned { task, attempt, agent, .. } => {
                self.lead_assigned(now, (*task, *attempt), agent);
            }
            TaskEvent::AttemptFailed { task, failure, then, .. } => {
                if failure.kind == FailureKind::HandedBack {
                    self.doubt_credit(*task);
                }
                self.drop_lease(*task);
                if let Then::Retry { due } = then
                    && *due <= self.live.ripe_until
                {
                    self.ripen(*task);
                }
            }
            TaskEvent::Completed { task, .. }
            | TaskEvent::Failed { task, .. }
            | TaskEvent::Retried { task, .. } => self.forget_attempt(*task),
            TaskEvent::Cancelled { task, .. } => self.forget_below(*task),
            TaskEvent::RunCancelled { run, .. } => {
                let run = self.durable.runs.get(run);
                let tasks: Vec<TaskNo> =
                    run.into_iter().flat_map(|run| run.tasks.values().copied()).collect();
                for no in tasks {
                    self.forget_attempt(no);
                }
            }
            TaskEvent::RunEnded { run, .. } => {
                self.live.run_waiters.remove(run);
            }
            TaskEvent::RunForgotten { run } => {
                self.live.run_waiters.remove(run);
                self.live.followers.remove(run);
            }
            TaskEvent::ArtifactKept { .. }
            | TaskEvent::PersonDecided { .. }
            | TaskEvent::AskEscalated { .. }
            | TaskEvent::Redacted { .. }
            | TaskEvent::Revealed { .. }
            | TaskEvent::AgentDrained { .. }
            | TaskEvent::BreakerOpened { .. } => {}
            TaskEvent::Paused { scope, .. } => self.halt_locks(scope),
            TaskEvent::Resumed { .. } => {
                self.live.locks.go_on();
                self.live.settled = false;
            }
            TaskEvent::RunOpened { .. }
            // More may be waiting that the same step could not check.
            | TaskEvent::Checked { .. }
            | TaskEvent::AgentReturned { .. }
            | TaskEvent::BreakerClosed { .. }
            | TaskEvent::TasksForgotten { .. }
            | TaskEvent::Submitted { .. }
            | TaskEvent::RunSealed { .. }
            | TaskEvent::AgentDescribed { .. } => self.live.settled = false,
        }
    }

    fn lead_assigned(&mut self, now: Now, (task, attempt): (TaskNo, Attempt), agent: &AgentId) {
        self.live.given += 1;
        if self.live.given >= SCHEDULE_MAX {
            self.live.settled = false;
        }
        self.unripen(task);
        if let Some(found) = self.durable.tasks.get(&task)
            && !found.spec.locks.is_empty()
        {
            self.live.locks.begin(task, found);
        }
        let Some(agent) = self.durable.roster.no(agent) else { return };
        let lease = Lease {
            attempt,
            agent,
            incarnation: self.live.joined.get(&agent).copied(),
            until: now.moment + self.settings.lease,
            began: now.moment,
            lost: None,
        };
        self.live.leases.insert(task, lease);
        self.use_credit(agent);
        self.set_sweep(now);
    }

    fn drop_lease(&mut self, task: TaskNo) {
        self.live.settled = false;
        self.leave_locks(task);
        self.live.leases.remove(&task);
        self.live.progress.remove(&task);
    }

    /// Forgets what is in mind of a task that nobody works on any more.
    fn forget_attempt(&mut self, task: TaskNo) {
        self.drop_lease(task);
        self.unripen(task);
    }

    /// The same for a task with all its children.
    fn forget_below(&mut self, task: TaskNo) {
        let mut todo = vec![task];
        while let Some(no) = todo.pop() {
            self.forget_attempt(no);
            todo.extend(self.task(no).into_iter().flat_map(|task| &task.children));
        }
    }

    fn ripen(&mut self, no: TaskNo) {
        let Some(task) = self.durable.tasks.get(&no) else { return };
        if !task.spec.locks.is_empty() {
            return self.want_locks(no);
        }
        self.live.ripe.insert(Class::of(task.run, &task.spec), place(no, &task.spec, 0));
        self.live.settled = false;
    }

    fn unripen(&mut self, no: TaskNo) {
        if self.live.ripe.is_empty() {
            return;
        }
        let Some(task) = self.durable.tasks.get(&no) else { return };
        self.live.ripe.remove(&Class::of(task.run, &task.spec), &place(no, &task.spec, 0));
    }

    /// The first retry that is not ripe yet.
    pub(super) fn next_retry(&self) -> Option<&(Wall, TaskNo)> {
        let after = self.live.ripe_until + Duration::from_millis(1);
        self.durable.retries.range((after, TaskNo(0))..).next()
    }

    fn set_sweep(&mut self, now: Now) {
        self.live.sweep = if self.live.leases.is_empty() {
            None
        } else {
            Some(self.live.sweep.unwrap_or(now.moment + self.settings.lease / 4))
        };
    }

    /// Before the internal command: ripens what is due, and forgets leases of what has ended.
    pub(super) fn plan_sweep(&mut self, now: Now) {
        let due: Vec<TaskNo> = self
            .durable
            .retries
            .range((self.live.ripe_until, TaskNo(0))..=(now.wall, TaskNo(u64::MAX)))
            .map(|(_, no)| *no)
            .collect();
        for no in due {
            self.ripen(no);
        }
        self.live.ripe_until = self.live.ripe_until.max(now.wall);
        self.cool_breakers(now);
        self.plan_nets(now);
        self.live.looks_through = self.live.sweep.is_some_and(|at| at <= now.moment);
        if self.live.looks_through {
            let tasks = &self.durable.tasks;
            self.live.leases.retain(|no, lease| {
                tasks.get(no).is_some_and(|task| {
                    task.attempt == lease.attempt && matches!(task.phase, Phase::Assigned { .. })
                })
            });
            let over = |lease: &&Lease| lease.is_over(now.moment);
            // What one sweep does not end, the next ends at once.
            let more = self.live.leases.values().filter(over).count() > LEASES_MAX;
            self.live.sweep = more.then_some(now.moment);
            self.set_sweep(now);
        }
    }

    pub(super) fn expire_deadlines(&self, round: &mut Round<'_>) {
        let end = (round.now.wall, TaskNo(u64::MAX));
        for (_, no) in self.durable.deadlines.range(..=end).take(DEADLINES_MAX) {
            // What is doomed already was ended by the same command.
            if self.durable.doomed.contains_key(no) {
                continue;
            }
            let reason = FailReason::DeadlineExceeded;
            self.record(TaskEvent::Failed { task: *no, reason }, round.out);
            self.tell_to_stop(*no, "its deadline passed", round.out);
        }
    }

    pub(super) fn expire_leases(&self, round: &mut Round<'_>) {
        if !self.live.looks_through {
            return;
        }
        let mut ended = 0;
        let mut blamed = BTreeSet::new();
        for (no, lease) in &self.live.leases {
            if ended >= LEASES_MAX {
                break;
            }
            let Some(task) = self.task(*no).filter(|task| task.attempt == lease.attempt) else {
                continue;
            };
            let overdue = task.deadline.is_some_and(|deadline| deadline <= round.now.wall);
            if overdue || !matches!(task.phase, Phase::Assigned { .. }) {
                continue;
            }
            if let Some(failure) = self.verdict_on(task, lease, round.now) {
                if lease.lost.is_none() {
                    self.tell_to_stop(*no, "its term is over", round.out);
                }
                if failure.kind.counts() {
                    blamed.insert(lease.agent);
                }
                self.fail_attempt((*no, task), failure, round);
                ended += 1;
            }
        }
        round.out.then.extend(blamed.into_iter().map(TaskCommand::Guard));
    }

    /// Why an attempt must end now, if it must.
    fn verdict_on(&self, task: &Task, lease: &Lease, now: Now) -> Option<Failure> {
        let term = self.settings.lease;
        match lease.lost {
            Some(Loss::WithNode) => return Some(retry::lost_with_node()),
            Some(Loss::WithWorker) => return Some(retry::lost_with_worker()),
            Some(Loss::HandedBack) => return Some(retry::left_with_worker()),
            None => {}
        }
        if lease.until <= now.moment {
            // One of whose holder nobody has heard in this reign is nobody's fault.
            let is_known = lease.incarnation.is_some();
            return Some(if is_known {
                retry::lease_ran_out(term)
            } else {
                retry::lost_with_node()
            });
        }
        let ms = task.spec.timeout_ms?;
        // Its worker ends it in time; this is for a worker that lives and does not.
        let overdue = lease.began + Duration::from_millis(ms) + term <= now.moment;
        let message = format!("it ran for longer than {ms} ms and its worker did not end it");
        overdue.then(|| Failure::new(FailureKind::TimedOut, message))
    }

    /// Records that the current attempt of a task failed, and what follows.
    pub(super) fn fail_attempt(
        &self,
        (no, task): (TaskNo, &Task),
        failure: Failure,
        round: &mut Round<'_>,
    ) {
        let then = retry::judge(task, &failure, &self.settings, round.now.wall, round.chance);
        let attempt = task.attempt;
        let event = TaskEvent::AttemptFailed { task: no, attempt, failure, then, worked_ms: 0 };
        self.record(event, round.out);
    }

    pub(super) fn tell_to_stop(&self, no: TaskNo, why: &str, out: &mut Decision) {
        let Some(task) = self.task(no) else { return };
        let Phase::Assigned { agent, .. } = task.phase else { return };
        let Some(agent) = self.durable.roster.get(agent) else { return };
        let reason = why.to_owned();
        let message = ToAgent::Cancel { task: no, attempt: task.attempt, reason };
        out.tell(&agent.profile.id, message);
    }

    /// Pushes an event, and notes which tasks it ends for those who follow their run.
    pub(super) fn record(&self, event: TaskEvent, out: &mut Decision) {
        self.let_go_by(&event, false, out);
        self.record_end(event, out);
    }

    /// The same for what a worker says of its own attempt.
    pub(super) fn record_told(&self, event: TaskEvent, out: &mut Decision) {
        self.let_go_by(&event, true, out);
        self.record_end(event, out);
    }

    fn record_end(&self, event: TaskEvent, out: &mut Decision) {
        if !self.live.followers.is_empty() {
            self.note_end(&event, out);
        }
        out.events.push(event);
    }

    fn note_end(&self, event: &TaskEvent, out: &mut Decision) {
        let (no, ending) = match event {
            TaskEvent::Completed { task, output, .. } => (task, Ending::Completed(output.clone())),
            TaskEvent::Failed { task, reason } => (task, Ending::Failed(reason.clone())),
            TaskEvent::AttemptFailed { task, then, .. } => match then {
                Then::Fail => (task, Ending::Failed(FailReason::NotRetryable)),
                Then::Exhausted => (task, Ending::Failed(FailReason::RetriesExhausted)),
                Then::Poison => (task, Ending::Failed(FailReason::Poisoned)),
                Then::Again | Then::Retry { .. } => return,
            },
            TaskEvent::Cancelled { task, reason } => {
                return self.note_cancelled(*task, reason, out);
            }
            _ => return,
        };
        self.note(*no, ending, out);
    }

    fn note_cancelled(&self, no: TaskNo, reason: &CancelReason, out: &mut Decision) {
        let mut todo = vec![(no, reason.clone())];
        while let Some((no, reason)) = todo.pop() {
            let Some(task) = self.task(no) else { continue };
            for child in &task.children {
                let parent = task.spec.id.clone();
                todo.push((*child, CancelReason::Parent { parent }));
            }
            if !task.has_ended() {
                self.note(no, Ending::Cancelled(reason), out);
            }
        }
    }

    pub(super) fn note(&self, no: TaskNo, ending: Ending, out: &mut Decision) {
        let Some(task) = self.task(no) else { return };
        if self.live.followers.contains_key(&task.run) {
            let ended = Ended { task: no, id: task.spec.id.clone(), ending };
            out.notices.entry(task.run).or_default().push(ended);
        }
    }

    pub(super) fn tell_followers(&self, out: &mut Decision) {
        for (run, ended) in std::mem::take(&mut out.notices) {
            let Some((last, others)) =
                self.live.followers.get(&run).and_then(|tokens| Some((tokens.last()?, tokens)))
            else {
                continue;
            };
            for to in others.range(..last) {
                out.reply(*to, Reply::TasksEnded(ended.clone()));
            }
            out.reply(*last, Reply::TasksEnded(ended));
        }
    }
}
