//! Decides what becomes of locks. Pure: see the module's promises.

use std::time::Duration;

use orkestra_runtime::{
    id::{Number, SessionNo, WaitNo},
    time::{Moment, Now},
};

use crate::lock::{
    apply::Trace,
    command::{LockCommand, LockReply},
    decision::LockDecision,
    event::{LockEvent, Withdrawal},
    live::Live,
    owner::Owner,
    reason::LockReason,
    sessions::End,
    settings::LockSettings,
    state::Durable,
};

/// How many grants one step makes before it lets others come between.
const GRANTS_MAX: u16 = 256;
/// How long what is due is left where nothing may be written.
const LATER: Duration = Duration::from_secs(1);

/// The lock machine of one shard.
#[derive(Clone, Debug, Default)]
pub struct LockMachine {
    pub(super) settings: LockSettings,
    pub(super) durable: Durable,
    pub(super) live: Live,
    /// What the last event did.
    pub(super) trace: Trace,
}

impl LockMachine {
    /// An empty machine.
    pub fn new(settings: LockSettings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// How it behaves.
    pub const fn settings(&self) -> &LockSettings {
        &self.settings
    }

    /// Makes it behave otherwise from now on; what was decided stands.
    pub fn configure(&mut self, settings: LockSettings) {
        self.settings = settings;
    }

    /// Decides one command; its first event will have the number `next`.
    pub fn decide(&self, now: Now, next: Number, command: &LockCommand) -> LockDecision {
        let mut decision = LockDecision::new(next);
        let out = &mut decision;
        match command {
            LockCommand::Open { to, opening } => self.decide_open(*to, opening, out),
            LockCommand::Renew { to, session } => {
                if let Some(found) = self.session(*session, *to, out) {
                    let (lease_ms, losses) = (found.lease_ms, found.losses);
                    out.reply(*to, LockReply::Renewed { lease_ms, losses });
                }
            }
            LockCommand::Close { to, session } => self.decide_close(*to, *session, out),
            LockCommand::Acquire { to, ask } => self.decide_acquire(*to, ask, out),
            LockCommand::Cancel { to, session, request } => {
                self.decide_cancel(*to, *session, *request, out);
            }
            LockCommand::Release { to, release } => self.decide_release(*to, release, out),
            LockCommand::Steal { to, theft } => self.decide_steal(*to, theft, out),
            LockCommand::End { to, session, reason, by, why, delay_ms } => {
                let end = End { reason: *reason, by, why, delay_ms: *delay_ms };
                self.decide_end(*to, *session, end, out);
            }
            LockCommand::Clean { to, by, silent_ms } => {
                self.decide_clean(now, *to, (by, *silent_ms), out);
            }
            LockCommand::Check { to, shown } => match self.check(&shown.key, shown.token) {
                Ok(()) => out.reply(*to, LockReply::Good),
                Err(refusal) => out.refuse(*to, refusal),
            },
            LockCommand::AcquireFor { task, attempt, locks } => {
                self.decide_acquire_for((*task, *attempt), locks, out);
            }
            LockCommand::EndAttempts(_) => self.decide_end_attempts(out),
            LockCommand::Waits { who, whom } => self.decide_waits(who, whom, out),
            LockCommand::Grant { left } => self.decide_grant(*left, out),
            LockCommand::Look { wait } => self.decide_look(*wait, out),
            LockCommand::Sweep => self.decide_sweep(now, out),
            LockCommand::Await { .. } | LockCommand::Recall { .. } | LockCommand::Later => {}
        }
        decision
    }

    /// Lets what became free be given, in the same step.
    pub(super) fn then_grant(out: &mut LockDecision) {
        out.then.push(LockCommand::Grant { left: GRANTS_MAX });
    }

    /// Volatile changes that a command brings before it is decided.
    pub fn hear(&mut self, now: Now, command: &LockCommand) {
        match command {
            LockCommand::Open { opening, .. } => {
                let found = self.durable.session_named(&opening.session);
                let same = found.filter(|(_, session)| session.nonce == opening.nonce);
                if let Some((no, _)) = same {
                    self.renew(now, no);
                }
            }
            LockCommand::Renew { session, .. } => self.renew(now, *session),
            LockCommand::Await { to, wait } => {
                if self.durable.waits.contains_key(wait) {
                    self.live.hear_await(*to, *wait);
                }
            }
            LockCommand::Recall { session, request, refusal } => {
                if self.durable.sessions.contains_key(session) {
                    self.live.hear_refusal(*session, *request, refusal);
                }
            }
            LockCommand::EndAttempts(endings) => self.hear_endings(endings),
            LockCommand::Waits { who, whom } => self.live.hear_ties(who, whom),
            LockCommand::Grant { .. } => self.plan_grant(),
            LockCommand::Look { wait } => {
                self.live.bare.remove(wait);
            }
            LockCommand::Later => self.live.later = Some(now.moment + LATER),
            LockCommand::Close { .. }
            | LockCommand::Acquire { .. }
            | LockCommand::Cancel { .. }
            | LockCommand::Release { .. }
            | LockCommand::Steal { .. }
            | LockCommand::End { .. }
            | LockCommand::Clean { .. }
            | LockCommand::Check { .. }
            | LockCommand::AcquireFor { .. }
            | LockCommand::Sweep => {}
        }
    }

    fn renew(&mut self, now: Now, no: SessionNo) {
        if let Some(session) = self.durable.sessions.get(&no) {
            let lease = Duration::from_millis(session.lease_ms);
            self.live.leases.set(no, now.moment + lease);
        }
    }

    /// Keeps in mind what follows from an applied event.
    pub fn lead(&mut self, now: Now, number: Number, event: &LockEvent) {
        let Trace { open, kin, bare, over, lost, back } = std::mem::take(&mut self.trace);
        let live = &mut self.live;
        live.open.extend(open);
        live.kin.extend(kin);
        live.bare.extend(bare);
        for wait in over {
            live.deadlines.remove(&wait);
            live.askers.remove(&wait);
            live.kin.remove(&wait);
            live.bare.remove(&wait);
        }
        for (key, token, delay_ms) in lost {
            live.delays.set((key, token), now.moment + Duration::from_millis(delay_ms));
        }
        for lost in back {
            live.delays.remove(&lost);
        }
        match event {
            LockEvent::Opened { lease_ms, .. } => {
                let lease = Duration::from_millis(*lease_ms);
                live.leases.set(SessionNo(number.0), now.moment + lease);
            }
            LockEvent::Ended { owner, reason, .. } => {
                live.tally.expired += u64::from(*reason == LockReason::Timeout);
                live.over.remove(owner);
                if let Owner::Session(no) = owner {
                    live.leases.remove(no);
                    live.refused.remove(no);
                }
            }
            LockEvent::Queued { wait_ms: Some(ms), .. } => {
                let wait = Duration::from_millis(*ms);
                live.deadlines.set(WaitNo(number.0), now.moment + wait);
            }
            LockEvent::Withdrawn { why, .. } => match why {
                Withdrawal::Cancelled => {}
                Withdrawal::TimedOut { .. } => live.tally.timed_out += 1,
                Withdrawal::Deadlock { .. } => live.tally.deadlocks += 1,
            },
            LockEvent::Granted { .. } => live.tally.granted += 1,
            LockEvent::Stolen { .. } => live.tally.stolen += 1,
            LockEvent::Queued { wait_ms: None, .. }
            | LockEvent::Released { .. }
            | LockEvent::Reopened { .. } => {}
        }
    }

    /// Rebuilds what is volatile with fresh terms.
    pub fn promote(&mut self, now: Now) {
        self.trace = Trace::default();
        self.live = Live::default();
        let after = |ms: u64| now.moment + Duration::from_millis(ms);
        for (no, session) in &self.durable.sessions {
            self.live.leases.set(*no, after(session.lease_ms));
        }
        for (no, waiting) in &self.durable.waits {
            if let Some(ms) = waiting.wait_ms {
                self.live.deadlines.set(*no, after(ms));
            }
        }
        for (key, lock) in &self.durable.locks {
            for (token, ghost) in &lock.ghosts {
                self.live.delays.set((key.clone(), *token), after(ghost.delay_ms));
            }
        }
        // The leader before may not have come to all who could have been served.
        self.live.kin = self.durable.waits.keys().copied().collect();
        self.live.bare.clone_from(&self.live.kin);
    }

    /// When it next has something to do by itself.
    pub fn wakeup(&self, now: Now) -> Option<Moment> {
        let live = &self.live;
        let nothing = live.open.is_empty() && live.kin.is_empty() && live.bare.is_empty();
        let at = if nothing && live.over.is_empty() {
            // At its end a lease still holds; what comes right after is too late.
            let lapsed = live.leases.first().map(|until| until + Duration::from_nanos(1));
            let due = [lapsed, live.deadlines.first(), live.delays.first()];
            due.into_iter().flatten().min()?
        } else {
            now.moment
        };
        Some(live.later.map_or(at, |later| at.max(later)))
    }

    /// The internal command that does what is due.
    pub fn due(&self, now: Now) -> Option<LockCommand> {
        let live = &self.live;
        if live.later.is_some_and(|later| now.moment < later) {
            return None;
        }
        if !live.over.is_empty() {
            return Some(LockCommand::EndAttempts(Vec::new()));
        }
        if !live.open.is_empty() || !live.kin.is_empty() {
            return Some(LockCommand::Grant { left: GRANTS_MAX });
        }
        if let Some(wait) = live.bare.first() {
            return Some(LockCommand::Look { wait: *wait });
        }
        let reached = |at: Option<Moment>| at.is_some_and(|at| at <= now.moment);
        let any = live.leases.first().is_some_and(|until| until < now.moment)
            || reached(live.deadlines.first())
            || reached(live.delays.first());
        any.then_some(LockCommand::Sweep)
    }
}
