//! Decides what is done with tasks. Pure: see the module's promises.

use orkestra_runtime::{
    Result,
    chance::Chance,
    id::{AgentId, RunId, TaskId, TaskNo},
    machine::ReplyTo,
    time::{Moment, Now, Wall},
};

use crate::task::{
    command::{Answer, Decision, Query, RefusalCode, Reply, Round, TaskCommand},
    event::{CancelReason, TaskEvent},
    live::Live,
    people,
    settings::TaskSettings,
    state::{Doom, Durable, RunNo, Task},
    summary::RunSummary,
    view,
    why::{self, Beside},
};

/// How many tasks one internal command ends, and how many runs. All that one sweep may end, with
/// names as long as they may be, fits a decision: see the test of that.
const SWEEP_MAX: usize = 300;
const RUNS_MAX: usize = 100;

/// The task machine of one shard.
#[derive(Clone, Debug, Default)]
pub struct TaskMachine {
    pub(super) settings: TaskSettings,
    pub(super) durable: Durable,
    pub(super) live: Live,
    /// Tasks with locks that the last event let begin.
    pub(super) fresh: Vec<TaskNo>,
}

impl TaskMachine {
    /// An empty machine.
    pub fn new(settings: TaskSettings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Decides one command.
    pub fn decide(&self, now: Now, chance: &mut Chance, command: &TaskCommand, out: &mut Decision) {
        self.decide_command(&mut Round { now, chance, out }, command);
        self.tell_followers(out);
    }

    fn decide_command(&self, round: &mut Round<'_>, command: &TaskCommand) {
        let out = &mut *round.out;
        match command {
            TaskCommand::Open { to, run, opening } => self.decide_open(*to, run, opening, out),
            TaskCommand::Submit { to, run, tasks } => self.decide_submit(*to, run, tasks, out),
            TaskCommand::Seal { to, run, tasks } => self.decide_seal(*to, run, *tasks, out),
            TaskCommand::Cancel { to, run, task, by, reason } => {
                let Some((no, task)) = self.find(*to, run, task, out) else { return };
                let reason = CancelReason::Requested { by: by.clone(), reason: reason.clone() };
                self.decide_cancel(*to, (no, task), reason, out);
            }
            TaskCommand::CancelRun { to, run, by, reason } => {
                self.decide_cancel_run(*to, run, (by, reason), out);
            }
            TaskCommand::Retry { to, run, task, by } => {
                let Some((no, task)) = self.find(*to, run, task, out) else { return };
                if let Some(why) = self.why_not_again(task) {
                    return out.refuse(*to, RefusalCode::TaskState, why);
                }
                Self::decide_retry(*to, (no, task), by, out);
            }
            TaskCommand::AwaitRun { to, run } => match self.durable.run_named(run) {
                Some((_, found)) if found.ended.is_some() => {
                    out.reply(*to, Reply::RunEnded(view::summary(found)));
                }
                Some(_) => {}
                None => Self::refuse_run(*to, run, out),
            },
            TaskCommand::Follow { to, run } => {
                if self.durable.run_named(run).is_none() {
                    Self::refuse_run(*to, run, out);
                }
            }
            TaskCommand::Sensitive(command) => self.decide_sensitive(command, out),
            TaskCommand::Heard(news) => self.decide_heard(round, news),
            TaskCommand::NodeLost(_) => out.then.push(TaskCommand::Sweep),
            TaskCommand::Heal { to } => self.decide_heal(*to, round),
            TaskCommand::Decide { to, run, task, word } => {
                self.decide_word(*to, (run, task), word, round);
            }
            TaskCommand::Pause { to, scope, by, reason } => {
                self.decide_pause(*to, scope, (by, reason), out);
            }
            TaskCommand::Resume { to, scope, by } => self.decide_resume(*to, scope, by, out),
            TaskCommand::Drain { to, agent, by, reason } => {
                self.decide_drain(*to, agent, (by, reason), out);
            }
            TaskCommand::Return { to, agent, by } => self.decide_return(*to, agent, by, out),
            TaskCommand::Guard(agent) => self.decide_guard(*agent, round),
            TaskCommand::Confirm(submitted) => self.confirm(submitted, out),
            TaskCommand::Examine(task) => self.decide_examine(*task, round),
            TaskCommand::Locks(word) => self.decide_locks(word, round),
            TaskCommand::Unfollow { .. }
            | TaskCommand::WantLocks(_)
            | TaskCommand::VoteOver(..) => {}
            TaskCommand::AskForLocks => self.decide_asking(out),
            TaskCommand::AskForVotes => self.decide_votes(out),
            TaskCommand::Vote(word) => self.decide_vote(word, round),
            TaskCommand::Council(word) => self.decide_council(word, round),
            TaskCommand::Want => self.decide_wants(out),
            TaskCommand::Schedule => self.decide_schedule(round.now, out),
            TaskCommand::Sweep => self.decide_sweep(round),
        }
    }

    /// Volatile changes that a command brings before it is decided.
    pub fn hear(&mut self, now: Now, command: &TaskCommand) {
        match command {
            TaskCommand::AwaitRun { to, run } => {
                if let Some((no, found)) = self.durable.run_named(run)
                    && found.ended.is_none()
                {
                    self.live.run_waiters.entry(no).or_default().push(*to);
                }
            }
            TaskCommand::Follow { to, run } => {
                if let Some((no, _)) = self.durable.run_named(run) {
                    self.live.followers.entry(no).or_default().insert(*to);
                }
            }
            TaskCommand::Unfollow { to } => {
                self.live.followers.retain(|_, tokens| {
                    tokens.remove(to);
                    !tokens.is_empty()
                });
            }
            TaskCommand::Heard(news) => self.hear_agent(now, news),
            TaskCommand::NodeLost(gone) => self.hear_node_lost(now, gone),
            TaskCommand::Schedule => {
                self.live.settled = true;
                self.live.given = 0;
            }
            TaskCommand::Locks(word) => self.hear_locks(now, word),
            TaskCommand::WantLocks(task) => self.want_locks(*task),
            TaskCommand::AskForLocks => self.plan_asking(now),
            TaskCommand::AskForVotes => self.plan_votes(now),
            TaskCommand::Want => self.plan_wants(now),
            TaskCommand::Sweep => self.plan_sweep(now),
            TaskCommand::Confirm(_)
            | TaskCommand::Vote(_)
            | TaskCommand::VoteOver(..)
            | TaskCommand::Council(_)
            | TaskCommand::Examine(_)
            | TaskCommand::Heal { .. }
            | TaskCommand::Open { .. }
            | TaskCommand::Submit { .. }
            | TaskCommand::Seal { .. }
            | TaskCommand::Cancel { .. }
            | TaskCommand::CancelRun { .. }
            | TaskCommand::Retry { .. }
            | TaskCommand::Decide { .. }
            | TaskCommand::Sensitive(_)
            | TaskCommand::Pause { .. }
            | TaskCommand::Resume { .. }
            | TaskCommand::Drain { .. }
            | TaskCommand::Return { .. }
            | TaskCommand::Guard(_) => {}
        }
    }

    /// When it next has something to do by itself.
    pub fn wakeup(&self, now: Now) -> Option<Moment> {
        if self.can_schedule() || self.has_certain_ends(now) {
            return Some(now.moment);
        }
        let walls = [self.next_retry(), self.durable.deadlines.first()];
        let walls = walls.into_iter().flatten().map(|(wall, _)| *wall);
        let more = [self.next_forgetting(), self.next_ask(), self.next_trial()];
        let due = walls.chain(more.into_iter().flatten()).min();
        let due = due.map(|wall| now.moment + wall.since(now.wall));
        let asks = [self.live.locks.due(now.moment), self.live.votes.due(now.moment)];
        let asks = asks.into_iter().flatten().min();
        let more = [self.live.sweep, self.live.credit_look, self.next_net(), asks];
        more.into_iter().chain([due]).flatten().min()
    }

    /// The internal command that does what is due.
    pub fn due(&self, now: Now) -> Option<TaskCommand> {
        if self.can_schedule() {
            return Some(TaskCommand::Schedule);
        }
        let reached = |entry: Option<&(Wall, TaskNo)>| entry.is_some_and(|(at, _)| *at <= now.wall);
        let swept = self.live.sweep.is_some_and(|at| at <= now.moment);
        let any = swept
            || self.has_certain_ends(now)
            || reached(self.next_retry())
            || reached(self.durable.deadlines.first())
            || self.next_ask().is_some_and(|at| at <= now.wall)
            || self.next_trial().is_some_and(|at| at <= now.wall)
            || self.next_net().is_some_and(|at| at <= now.moment);
        let is_due = |at: Option<Moment>| at.is_some_and(|at| at <= now.moment);
        let for_locks = is_due(self.live.locks.due(now.moment)).then_some(TaskCommand::AskForLocks);
        let for_votes = is_due(self.live.votes.due(now.moment)).then_some(TaskCommand::AskForVotes);
        let asks = for_locks.or(for_votes);
        any.then_some(TaskCommand::Sweep).or(asks).or_else(|| self.due_want(now))
    }

    /// Answers a question.
    pub fn answer(&self, now: Now, query: &Query) -> Answer {
        self.answer_with(now, query, None)
    }

    /// The same with what locks and votes say of the tasks that wait for them.
    pub fn answer_beside(&self, now: Now, query: &Query, beside: Beside<'_>) -> Answer {
        self.answer_with(now, query, Some(beside))
    }

    fn answer_with(&self, now: Now, query: &Query, beside: Option<Beside<'_>>) -> Answer {
        match query {
            Query::Runs => Answer::Runs(view::runs(self)),
            Query::Run(run) => Answer::Run(view::run(self, run).map(Box::new)),
            Query::Tasks { run, limit } => Answer::Tasks(view::tasks(self, run, *limit)),
            Query::Task(run, task) => Answer::Task(view::task(self, run, task).map(Box::new)),
            Query::Why(run, task) => {
                let sight = why::Sight { machine: self, now, beside };
                Answer::Why(why::explain(sight, run, task).map(Box::new))
            }
            Query::Agents => Answer::Agents(view::agents(self)),
            Query::Blobs => Answer::Blobs(self.blobs_named()),
            Query::Pending(run) => Answer::Pending(people::pending(self, run.as_ref())),
            Query::Gauges => Answer::Gauges(Box::new(self.gauges(now))),
        }
    }

    /// The durable state as bytes: the same for the same events, wherever they were applied.
    pub fn snapshot(&self) -> Vec<u8> {
        crate::task::snapshot::write(&self.durable)
    }

    /// The machine of a snapshot.
    pub fn restore(settings: TaskSettings, bytes: &[u8]) -> Result<Self> {
        let durable = crate::task::snapshot::read(bytes)?;
        Ok(Self { settings, durable, live: Live::default(), fresh: Vec::new() })
    }

    /// How it behaves.
    pub const fn settings(&self) -> &TaskSettings {
        &self.settings
    }

    /// Makes it behave otherwise from now on; what was decided stands.
    pub fn configure(&mut self, settings: TaskSettings) {
        self.settings = settings;
    }

    /// A task by number.
    pub fn task(&self, no: TaskNo) -> Option<&Task> {
        self.durable.tasks.get(&no)
    }

    /// All runs that are kept, for who must tell a number's name.
    pub(crate) fn runs_by_number(&self) -> impl Iterator<Item = (RunNo, &RunId)> {
        self.durable.runs.iter().map(|(no, run)| (*no, &run.id))
    }

    /// All tasks that are kept, each with its agent, or its last one.
    pub(crate) fn tasks_by_number(
        &self,
    ) -> impl Iterator<Item = (TaskNo, &Task, Option<&AgentId>)> {
        self.durable.tasks.iter().map(|(no, task)| {
            let record = task.agent.and_then(|agent| self.durable.roster.get(agent));
            (*no, task, record.map(|record| &record.profile.id))
        })
    }

    fn has_certain_ends(&self, now: Now) -> bool {
        !self.durable.doomed.is_empty()
            || !self.durable.finished.is_empty()
            || self.must_forget(now.wall)
    }

    /// Ends at a pace what must end: those whose dependencies failed, those whose time is up, runs
    /// that are through; and begins again what was waiting for its time.
    fn decide_sweep(&self, round: &mut Round<'_>) {
        for (no, doom) in self.durable.doomed.iter().take(SWEEP_MAX) {
            let event = match doom {
                Doom::Fails(reason) => TaskEvent::Failed { task: *no, reason: reason.clone() },
                Doom::IsCancelled(reason) => {
                    TaskEvent::Cancelled { task: *no, reason: reason.clone() }
                }
            };
            self.record(event, round.out);
        }
        self.expire_deadlines(round);
        self.expire_asks(round);
        self.expire_leases(round);
        self.recover_stuck(round);
        for run in self.durable.finished.iter().take(RUNS_MAX) {
            self.end_run(*run, round);
        }
        round.out.events.extend(self.forget(round.now.wall));
        round.out.then.push(TaskCommand::Schedule);
    }

    fn end_run(&self, no: RunNo, Round { now, out, .. }: &mut Round<'_>) {
        let Some(run) = self.durable.runs.get(&no) else { return };
        let counts = run.counts;
        out.events.push(TaskEvent::RunEnded {
            run: no,
            completed: counts.completed,
            failed: counts.failed,
            cancelled: counts.cancelled,
        });
        for to in self.live.run_waiters.get(&no).into_iter().flatten() {
            let summary = RunSummary { ended: Some(now.wall), ..view::summary(run) };
            out.reply(*to, Reply::RunEnded(summary));
        }
    }

    pub(super) fn find(
        &self,
        to: ReplyTo,
        run: &RunId,
        task: &TaskId,
        out: &mut Decision,
    ) -> Option<(TaskNo, &Task)> {
        if self.durable.run_named(run).is_none() {
            Self::refuse_run(to, run, out);
            return None;
        }
        let found = self.durable.task_named(run, task);
        if found.is_none() {
            let message = format!("run {run:?} has no task {task:?}");
            out.refuse(to, RefusalCode::TaskNotFound, message);
        }
        found
    }

    pub(super) fn refuse_run(to: ReplyTo, run: &RunId, out: &mut Decision) {
        out.refuse(to, RefusalCode::RunNotFound, format!("there is no run {run:?}"));
    }
}
