//! The life of one child: started, heard, ended, stopped, tried again, parked.

use std::{sync::Arc, time::Duration};

use super::{
    Mode, SupervisorMachine, Turn,
    roster::{After, Key, Phase, Stage},
};
use crate::{
    id::Incarnation,
    restart::{Exit, Restart},
    supervise::{
        event::{Effect, End, Refusal, Reply, What},
        rules::{AutoShutdown, Strategy},
    },
    time::Moment,
};

impl SupervisorMachine {
    pub(super) fn start(&mut self, turn: &mut Turn<'_>, key: Key) {
        self.lives += 1;
        let incarnation = Incarnation(self.lives);
        let Some(child) = self.roster.get_mut(key) else { return };
        child.restarts += u32::from(child.incarnation.0 > 0);
        child.incarnation = incarnation;
        child.held = false;
        turn.push(Effect::Start(child.id.clone(), incarnation));
        let since = turn.moment();
        let until = child.rules.start_within.map(|within| since + within);
        self.roster.set(key, Phase::Starting { since, until });
    }

    pub(super) fn started(&mut self, turn: &mut Turn<'_>, key: Key) {
        let Some(child) = self.roster.get(key) else { return };
        match child.phase().clone() {
            Phase::Starting { since, .. } => {
                let incarnation = child.incarnation;
                let now = turn.moment();
                let wanted = self.starts.contains_key(&key);
                let again = child.last.clone().filter(|_| child.restarts > 0 && !wanted);
                let silent_at = child.rules.heartbeat_within.map(|within| now + within);
                self.roster.set(key, Phase::Running { since: now, silent_at });
                let what = if again.is_some() { What::Restarted } else { What::Started };
                self.note(turn, key, what, |note| {
                    note.took = Some(now.since(since));
                    note.delay = again.as_ref().map(|(_, fell)| since.since(*fell));
                    note.why = again.map(|(exit, _)| exit.to_string().into());
                });
                self.answer_start(turn, key, Reply::Started(incarnation));
                self.pass(key);
            }
            // It came up although its start was let go of, and so goes down like any other.
            Phase::Stopping { stage: Stage::Abandoned, after, .. } => {
                self.ask_to_stop(turn, key, after);
            }
            Phase::Down
            | Phase::Running { .. }
            | Phase::Stopping { .. }
            | Phase::Waiting { .. }
            | Phase::Parked => {}
        }
    }

    pub(super) fn ignored(&mut self, turn: &mut Turn<'_>, key: Key) {
        match self.roster.get(key).map(|child| child.phase().clone()) {
            Some(Phase::Starting { .. }) => {
                self.note(turn, key, What::Ignored, |_| {});
                self.answer_start(turn, key, Reply::Ignored);
                self.pass(key);
                self.rest(turn, key);
            }
            Some(Phase::Stopping { stage: Stage::Abandoned, .. }) => {
                self.stopped(turn, key, Exit::Normal);
            }
            _ => {}
        }
    }

    /// A start has come to nothing, by itself or because it was let go of.
    pub(super) fn start_ended(&mut self, turn: &mut Turn<'_>, key: Key, reason: Arc<str>) {
        match self.roster.get(key).map(|child| child.phase().clone()) {
            Some(Phase::Starting { since, .. }) => {
                let took = turn.moment().since(since);
                self.start_failed(turn, key, reason, Some(took));
            }
            Some(Phase::Stopping { stage: Stage::Abandoned, .. }) => {
                self.stopped(turn, key, Exit::Failed(reason));
            }
            _ => {}
        }
    }

    pub(super) fn start_failed(
        &mut self,
        turn: &mut Turn<'_>,
        key: Key,
        reason: Arc<str>,
        took: Option<Duration>,
    ) {
        self.note(turn, key, What::StartFailed, |note| {
            note.why = Some(Arc::clone(&reason));
            note.took = took;
        });
        self.fall(turn, key, Exit::Failed(Arc::clone(&reason)));
        if let Some(waiter) = self.starts.remove(&key) {
            self.pass(key);
            turn.answer(waiter.to, Reply::Refused(Refusal::StartFailed(reason)));
            if waiter.fresh || self.is_dynamic() {
                self.forget(turn, key);
            }
        } else if matches!(self.mode, Mode::Opening { .. }) {
            let Some(child) = self.roster.get(key) else { return };
            let end = End::FailedToStart(child.id.clone(), reason);
            self.close(turn, end);
        } else if !self.is_closing() {
            self.retry(turn, key, &Exit::Failed(reason));
        }
    }

    /// A child that was up has ended.
    pub(super) fn exited(&mut self, turn: &mut Turn<'_>, key: Key, exit: Exit) {
        match self.roster.get(key).map(|child| child.phase().clone()) {
            Some(Phase::Running { since, .. }) => {
                let lived = turn.moment().since(since);
                self.note(turn, key, What::Ended, |note| {
                    note.why = Some(exit.to_string().into());
                    note.took = Some(lived);
                });
                self.forgive(key, lived);
                self.fell(turn, key, exit);
            }
            // Of each start comes one tale before that of the end.
            Some(Phase::Stopping { stage, .. }) if stage != Stage::Abandoned => {
                self.stopped(turn, key, exit);
            }
            _ => {}
        }
    }

    /// Whoever lived long enough begins anew with counting.
    pub(super) fn forgive(&mut self, key: Key, lived: Duration) {
        let period = self.intensity.period;
        let Some(child) = self.roster.get_mut(key) else { return };
        let healthy = child.rules.backoff.map_or(period, |backoff| backoff.reset_after);
        if lived >= healthy {
            child.failures = 0;
        }
    }

    pub(super) fn fall(&mut self, turn: &Turn<'_>, key: Key, exit: Exit) {
        if let Some(child) = self.roster.get_mut(key) {
            child.last = Some((exit, turn.moment()));
        }
        self.roster.set(key, Phase::Down);
    }

    /// Decides what follows from an end that nobody wanted.
    pub(super) fn fell(&mut self, turn: &mut Turn<'_>, key: Key, exit: Exit) {
        self.fall(turn, key, exit.clone());
        let Some(child) = self.roster.get(key) else { return };
        match &self.mode {
            Mode::Closing(_) | Mode::Closed => {}
            Mode::Opening { .. } => self.deferred.push((key, child.incarnation, exit)),
            // It would have been stopped next.
            Mode::Group(group) if group.is_stopping(key) => {
                if child.rules.restart == Restart::Temporary {
                    self.forget(turn, key);
                }
            }
            Mode::New | Mode::Open | Mode::Group(_) => self.judge(turn, key, &exit),
        }
    }

    pub(super) fn judge(&mut self, turn: &mut Turn<'_>, key: Key, exit: &Exit) {
        let Some(child) = self.roster.get(key) else { return };
        let significant = child.rules.significant;
        if child.rules.restart.wants(exit) {
            return self.retry(turn, key, exit);
        }
        self.rest(turn, key);
        let over = match self.auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => true,
            AutoShutdown::AllSignificant => self.roster.significant() == 0,
        };
        if significant && over {
            self.close(turn, End::Significant);
        }
    }

    /// A child is down for good; whether its spec is kept depends on what it is.
    pub(super) fn rest(&mut self, turn: &mut Turn<'_>, key: Key) {
        self.roster.set(key, Phase::Down);
        let temporary =
            self.roster.get(key).is_some_and(|child| child.rules.restart == Restart::Temporary);
        if temporary || self.is_dynamic() {
            self.forget(turn, key);
        }
    }

    pub(super) fn forget(&mut self, turn: &mut Turn<'_>, key: Key) {
        if let Some(child) = self.roster.remove(key) {
            turn.push(Effect::Forget(child.id));
        }
    }

    /// A child must run again: at once, later, or no more.
    fn retry(&mut self, turn: &mut Turn<'_>, key: Key, exit: &Exit) {
        let Some(child) = self.roster.get_mut(key) else { return };
        child.failures = child.failures.saturating_add(1);
        let rules = Arc::clone(&child.rules);
        let failures = child.failures;
        if rules.attempts_max.is_some_and(|max| failures >= max) {
            self.roster.set(key, Phase::Parked);
            return self.note(turn, key, What::Parked, |note| {
                note.attempt = failures;
                note.why = Some(exit.to_string().into());
            });
        }
        let delay = rules.backoff.map(|backoff| backoff.wait(failures, &mut self.chance));
        if let Some(delay) = delay {
            self.note(turn, key, What::BackingOff, |note| {
                note.delay = Some(delay);
                note.why = Some(exit.to_string().into());
            });
        } else if !self.window.admit(turn.moment(), self.intensity) {
            return self.give_up(turn, key);
        }
        let until = delay.map(|delay| turn.moment() + delay);
        match (self.strategy, until) {
            (Strategy::OneForAll, _) => self.regroup(Key::FIRST, key, until),
            (Strategy::RestForOne, _) => self.regroup(key, key, until),
            (Strategy::OneForOne | Strategy::Dynamic { .. }, None) => self.start(turn, key),
            (Strategy::OneForOne | Strategy::Dynamic { .. }, Some(until)) => {
                self.roster.set(key, Phase::Waiting { until });
                if until <= turn.moment() {
                    self.ring(turn, key);
                }
            }
        }
    }

    /// A start has taken too long.
    pub(super) fn overrun(&mut self, turn: &mut Turn<'_>, key: Key) {
        let within = self.roster.get(key).and_then(|child| child.rules.start_within);
        let within = within.unwrap_or_default();
        let reason = format!("not started within {within:?}");
        self.stop(turn, key, After::Unstarted(reason.into()));
    }

    /// A child may be silent; ask its heart before judging.
    pub(super) fn listen(&mut self, turn: &mut Turn<'_>, key: Key, since: Moment) {
        let Some(child) = self.roster.get(key) else { return };
        let silent_at = child.rules.heartbeat_within.map(|within| turn.moment() + within);
        turn.push(Effect::Listen(child.id.clone(), child.incarnation));
        self.roster.set(key, Phase::Running { since, silent_at });
    }

    pub(super) fn heard(&mut self, turn: &mut Turn<'_>, key: Key, at: Moment) {
        let Some(child) = self.roster.get(key) else { return };
        let (Some(within), &Phase::Running { since, .. }) =
            (child.rules.heartbeat_within, child.phase())
        else {
            return;
        };
        // A heart that has not beaten yet counts from the start of its child.
        let at = at.max(since);
        let now = turn.moment();
        if at + within > now {
            return self.roster.set(key, Phase::Running { since, silent_at: Some(at + within) });
        }
        self.note(turn, key, What::Hung, |note| note.took = Some(now.since(at)));
        let lived = self.roster.lived(key, now);
        self.forgive(key, lived);
        self.kill(turn, key, now, After::Fail(Exit::Hung));
    }
}
