//! Decides what becomes of the context. Pure: see the module's promises.

use std::{collections::BTreeSet, time::Duration};

use orkestra_runtime::{
    id::{AgentId, Number},
    machine::ReplyTo,
    protocol::agent::FromAgent,
    time::{Moment, Now},
};

use crate::{
    context::{
        command::{ContextCommand, ContextDecision, ContextRefusal, ContextReply},
        event::{ActiveTask, ContextEvent, SnapshotNo, SnapshotReason},
        state::Durable,
        tally::Tally,
    },
    task::{PERSON, Phase, TaskCommand, TaskMachine},
};

/// How many snapshots are kept.
pub(super) const SNAPSHOTS_MAX: usize = 20;
/// How many bytes understandings may take before the oldest snapshots are forgotten.
pub(super) const KEPT_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// How long what is said of a snapshot may be.
pub(super) const NOTE_CHARS_MAX: usize = 500;
/// How many active tasks and gone agents an event names.
pub(super) const NAMED_MAX: usize = 10;
/// An agent that goes again and again must not drive older snapshots out.
const DISCONNECTS_APART: Duration = Duration::from_mins(1);

/// What an operator may set. Nothing here is read while events are applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextSettings {
    /// How long after something happened a snapshot is taken.
    pub snapshot_every: Duration,
}

impl Default for ContextSettings {
    fn default() -> Self {
        Self { snapshot_every: Duration::from_mins(10) }
    }
}

/// Who came and who went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct News {
    left: BTreeSet<AgentId>,
    back: BTreeSet<AgentId>,
}

impl News {
    fn is_none(&self) -> bool {
        self.left.is_empty() && self.back.is_empty()
    }
}

/// What a leader knows and never journals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Live {
    news: News,
    /// The news that the command which runs is about.
    tended: News,
    /// Whose going was told, and who has not come back.
    gone: BTreeSet<AgentId>,
    /// Whether runs were open when this reign began, and no agent has come since.
    expects_team: bool,
    stopping: bool,
}

/// The context of one shard.
#[derive(Clone, Debug, Default)]
pub struct ContextMachine {
    pub(super) settings: ContextSettings,
    pub(super) durable: Durable,
    live: Live,
}

impl ContextMachine {
    /// An empty context.
    pub fn new(settings: ContextSettings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// How it behaves.
    pub const fn settings(&self) -> &ContextSettings {
        &self.settings
    }

    /// Makes it behave otherwise from now on; what was decided stands.
    pub fn configure(&mut self, settings: ContextSettings) {
        self.settings = settings;
    }

    /// How often it was saved.
    pub const fn version(&self) -> u64 {
        self.durable.version
    }

    /// Decides one command; its first event will have the number `next`.
    pub fn decide(
        &self,
        now: Now,
        next: Number,
        command: &ContextCommand,
        tasks: &TaskMachine,
    ) -> ContextDecision {
        let mut out = ContextDecision::default();
        match command {
            ContextCommand::Understood { agent, incarnation, understanding } => {
                let now = self.durable.understood.get(agent);
                let now = now.and_then(|version| self.durable.kept.get(version));
                let is_news = now.is_none_or(|kept| *kept.understanding != *understanding);
                if is_news && tasks.is_there(agent, *incarnation) && understanding.check().is_ok() {
                    let (agent, understanding) = (agent.clone(), understanding.clone().into());
                    out.events.push(ContextEvent::Understood { agent, understanding });
                }
            }
            ContextCommand::Snapshot { to, by, note } => {
                let chars = note.chars().count();
                if chars > NOTE_CHARS_MAX {
                    let refusal = ContextRefusal::NoteTooLong { chars: chars as u64 };
                    out.reply(*to, ContextReply::Refused(refusal));
                    return out;
                }
                let reason = SnapshotReason::Requested;
                out.events.push(taken(reason, (by, note), &[], tasks));
                let (snapshot, version) = (SnapshotNo(next.0), self.durable.version + 1);
                out.reply(*to, ContextReply::Taken { snapshot, version });
            }
            ContextCommand::Restore { to, snapshot, by } => {
                self.decide_restore((*to, by), *snapshot, (next, tasks), &mut out);
            }
            ContextCommand::SetPhase { to, phase, by } => {
                let is_so = self.durable.phase == Some(*phase);
                if !is_so {
                    out.events.push(ContextEvent::PhaseSet { phase: *phase, by: by.clone() });
                }
                let version = self.durable.version + u64::from(!is_so);
                out.reply(*to, ContextReply::PhaseSet { version });
            }
            ContextCommand::Stopping => {}
            ContextCommand::Tend => self.decide_tend(now, tasks, &mut out),
        }
        self.forget_beyond(&mut out);
        out
    }

    fn decide_restore(
        &self,
        (to, by): (ReplyTo, &str),
        snapshot: SnapshotNo,
        (next, tasks): (Number, &TaskMachine),
        out: &mut ContextDecision,
    ) {
        if !self.durable.snapshots.contains_key(&snapshot) {
            let known = self.durable.snapshots.keys().rev().take(NAMED_MAX).copied().collect();
            let refusal = ContextRefusal::SnapshotNotFound { snapshot, known };
            return out.reply(to, ContextReply::Refused(refusal));
        }
        let note = format!("before snapshot {snapshot} was restored");
        out.events.push(taken(SnapshotReason::Restore, (by, &note), &[], tasks));
        out.events.push(ContextEvent::Restored { snapshot, by: by.to_owned() });
        let (before, version) = (SnapshotNo(next.0), self.durable.version + 2);
        out.reply(to, ContextReply::Restored { snapshot, before, version });
    }

    fn decide_tend(&self, now: Now, tasks: &TaskMachine, out: &mut ContextDecision) {
        let News { left, back } = &self.live.tended;
        if self.live.expects_team && !back.is_empty() {
            out.events.push(ContextEvent::Reconnected { agents: Vec::new() });
        } else {
            let agents = back.intersection(&self.live.gone).take(NAMED_MAX).cloned();
            let agents: Vec<AgentId> = agents.collect();
            if !agents.is_empty() {
                out.events.push(ContextEvent::Reconnected { agents });
            }
        }
        if !left.is_empty() && self.minds_going(now, tasks) {
            // Where all go, it is the node that goes.
            let named = if self.live.stopping { 0 } else { NAMED_MAX };
            let gone: Vec<AgentId> = left.iter().take(named).cloned().collect();
            out.events.push(taken(SnapshotReason::Disconnect, ("", ""), &gone, tasks));
        } else if self.is_time(now) {
            out.events.push(taken(SnapshotReason::Interval, ("", ""), &[], tasks));
        }
    }

    /// Whether a snapshot is taken because agents went.
    fn minds_going(&self, now: Now, tasks: &TaskMachine) -> bool {
        if self.durable.changed.is_none() {
            return false;
        }
        if self.live.stopping {
            return !tasks.is_anybody_there();
        }
        let of_going = |reason| reason == SnapshotReason::Disconnect;
        let mut earlier = self.durable.snapshots.values().rev();
        let last = earlier.find(|snapshot| of_going(snapshot.reason)).map(|snapshot| snapshot.at);
        last.is_none_or(|last| last + DISCONNECTS_APART <= now.wall)
    }

    fn is_time(&self, now: Now) -> bool {
        let changed = self.durable.changed;
        changed.is_some_and(|at| at + self.settings.snapshot_every <= now.wall)
    }

    /// Forgets the oldest snapshots where there are too many, or too much is kept for them.
    fn forget_beyond(&self, out: &mut ContextDecision) {
        let is_taken = |event: &&ContextEvent| matches!(event, ContextEvent::SnapshotTaken { .. });
        let taken = out.events.iter().filter(is_taken).count();
        let have = self.durable.snapshots.len();
        let beyond = (have + taken).saturating_sub(SNAPSHOTS_MAX);
        let count = beyond.max(usize::from(self.is_heavy())).min(have);
        if count > 0 {
            let oldest = self.durable.snapshots.keys().take(count).copied().collect();
            out.events.push(ContextEvent::SnapshotsForgotten { snapshots: oldest });
        }
    }

    fn is_heavy(&self) -> bool {
        self.durable.kept_bytes > KEPT_BYTES_MAX && !self.durable.snapshots.is_empty()
    }

    /// Volatile changes that a command brings before it is decided.
    pub fn hear(&mut self, command: &ContextCommand) {
        match command {
            ContextCommand::Stopping => self.live.stopping = true,
            ContextCommand::Tend => self.live.tended = std::mem::take(&mut self.live.news),
            _ => {}
        }
    }

    /// Notes who comes and goes; called before the task machine hears the same.
    pub fn hear_task(&mut self, command: &TaskCommand, tasks: &TaskMachine) {
        match command {
            TaskCommand::Heard(FromAgent::Left { agent, incarnation })
                if tasks.is_there(agent, *incarnation) =>
            {
                self.live.news.left.insert(agent.clone());
            }
            TaskCommand::NodeLost(gone) => {
                let gone = gone.iter().filter(|(agent, life)| tasks.is_there(agent, *life));
                self.live.news.left.extend(gone.map(|(agent, _)| agent.clone()));
            }
            TaskCommand::Heard(FromAgent::Joined { profile, .. }) => {
                // A person is only described by this, and neither comes nor goes.
                let is_agent = profile.kind != PERSON;
                if is_agent && (self.live.expects_team || self.live.gone.contains(&profile.id)) {
                    self.live.news.back.insert(profile.id.clone());
                }
            }
            _ => {}
        }
    }

    /// Volatile changes after an applied event.
    pub fn lead(&mut self, event: &ContextEvent) {
        match event {
            ContextEvent::SnapshotTaken { gone, .. } => self.live.gone.extend(gone.iter().cloned()),
            ContextEvent::Reconnected { agents } => {
                self.live.expects_team = false;
                self.live.gone.retain(|agent| !agents.contains(agent));
            }
            _ => {}
        }
    }

    /// Rebuilds volatile state when a leader begins.
    pub fn promote(&mut self, tasks: &TaskMachine) {
        let expects_team = tasks.runs().any(|(_, run)| run.ended.is_none());
        self.live = Live { expects_team, ..Live::default() };
    }

    /// When it next has something to do by itself.
    pub fn wakeup(&self, now: Now) -> Option<Moment> {
        if !self.live.news.is_none() || self.is_heavy() {
            return Some(now.moment);
        }
        let due = self.durable.changed? + self.settings.snapshot_every;
        Some(now.moment + due.since(now.wall))
    }

    /// The internal command that does what is due.
    pub fn due(&self, now: Now) -> Option<ContextCommand> {
        let is_due = !self.live.news.is_none() || self.is_time(now) || self.is_heavy();
        is_due.then_some(ContextCommand::Tend)
    }
}

/// A snapshot of what is now.
fn taken(
    reason: SnapshotReason,
    (by, note): (&str, &str),
    gone: &[AgentId],
    tasks: &TaskMachine,
) -> ContextEvent {
    ContextEvent::SnapshotTaken {
        reason,
        by: by.to_owned(),
        note: note.to_owned(),
        gone: gone.to_owned(),
        tally: Tally::of(tasks),
        active: active(tasks, NAMED_MAX),
    }
}

/// Tasks that are with an agent.
pub(super) fn active(tasks: &TaskMachine, max: usize) -> Vec<ActiveTask> {
    let named = tasks.active().filter_map(|(_, task, agent)| {
        let Phase::Assigned { since, .. } = task.phase else { return None };
        Some(ActiveTask {
            run: tasks.run_of(task.run)?.id.clone(),
            task: task.spec.id.clone(),
            attempt: task.attempt,
            agent: tasks.agent_name(agent)?.clone(),
            since,
        })
    });
    named.take(max).collect()
}
