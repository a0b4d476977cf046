//! How attempts end, and with them sometimes the worker.

use std::time::Duration;

use orkestra_runtime::{
    id::Attempt,
    protocol::{
        agent::{Availability, Report},
        desk::untagged,
        task::{Failure, FailureKind, Outcome},
    },
    time::Moment,
};

use super::{Stage, WorkerMachine, handed_back, key_of, report_of};
use crate::{
    context::AttemptKey,
    worker::{
        held::{Due, Phase},
        words::Effect,
    },
};

impl WorkerMachine {
    /// An attempt that is assigned makes the earlier ones of its task worthless.
    pub(super) fn end_earlier(
        &mut self,
        now: Moment,
        (task, attempt): AttemptKey,
        effects: &mut Vec<Effect>,
    ) {
        let earlier = (task, Attempt(0))..(task, attempt);
        let found: Vec<AttemptKey> = self.held.range(earlier).map(|(key, _)| *key).collect();
        for key in found {
            self.end(now, key, Outcome::Cancelled, effects);
        }
    }

    /// Tells an attempt to end; its outcome stands from now on.
    pub(super) fn end(
        &mut self,
        now: Moment,
        key: AttemptKey,
        outcome: Outcome,
        effects: &mut Vec<Effect>,
    ) {
        let Some(held) = self.held.get_mut(&key) else { return };
        if held.is_running() {
            held.phase = Phase::Ending { outcome, until: now + self.terms.grace };
            self.ending += 1;
            self.list(key);
            effects.push(Effect::Cancel(key));
        }
    }

    pub(super) fn cancel(&mut self, now: Moment, key: AttemptKey, effects: &mut Vec<Effect>) {
        if let Some(index) = self.waiting.iter().position(|waiting| key_of(waiting) == key) {
            self.waiting.remove(index);
            let report = report_of(key, Outcome::Cancelled, Duration::ZERO);
            self.report(now, vec![report], effects);
        } else {
            self.end(now, key, Outcome::Cancelled, effects);
        }
    }

    /// Takes an attempt out; `outcome` counts unless another one stands already.
    pub(super) fn take(
        &mut self,
        now: Moment,
        key: AttemptKey,
        outcome: Outcome,
    ) -> Option<Report> {
        let held = self.held.remove(&key)?;
        if let Some(listed) = held.listed {
            self.due.remove(&(listed, key));
        }
        let outcome = match held.phase {
            Phase::Running => outcome,
            Phase::Ending { outcome, .. } => {
                self.ending -= 1;
                outcome
            }
        };
        Some(Report { checks: held.checks, ..report_of(key, outcome, now.since(held.began)) })
    }

    /// Reports ends; begins who waited, or ends the worker if one of them demands it.
    pub(super) fn finish(
        &mut self,
        now: Moment,
        mut reports: Vec<Report>,
        effects: &mut Vec<Effect>,
    ) {
        let fatal = reports.iter().find_map(|report| match &report.outcome {
            Outcome::Failed(failure) if self.terms.restart_on.contains(&failure.kind) => {
                // As people know it: which shard it is of is for leaders.
                let task = untagged(report.task).1;
                Some(format!("attempt {} of task {task}: {failure}", report.attempt))
            }
            Outcome::Failed(_) | Outcome::Completed(_) | Outcome::Cancelled => None,
        });
        if let Some(reason) = fatal {
            self.hand_back_all(now, "the agent is restarted", &mut reports);
            self.report(now, reports, effects);
            self.stage = Stage::Over;
            // Said before it goes, so that nothing is given to it while nobody is there.
            effects.extend(self.understood.last_word().map(|it| self.understands(it)));
            effects.push(self.left());
            effects.push(Effect::Fail(reason));
            return;
        }
        if let Some(reason) = reports.iter().find_map(cannot_work) {
            // Said before the end is, so that the task is not given to this agent at once again.
            self.found(now, Availability::Unavailable { reason }, effects);
        }
        self.report(now, reports, effects);
        let mut begin = Vec::new();
        while self.held.len() < self.capacity()
            && let Some(assignment) = self.waiting.pop_front()
        {
            self.begin(now, key_of(&assignment), &assignment);
            begin.push(assignment);
        }
        if !begin.is_empty() {
            effects.push(Effect::Begin(begin));
        }
    }

    pub(super) fn found(
        &mut self,
        now: Moment,
        availability: Availability,
        effects: &mut Vec<Effect>,
    ) {
        if self.profile.availability != availability {
            self.profile.availability = availability;
            effects.push(self.joined());
        }
        self.look_later(now);
    }

    pub(super) fn look_later(&mut self, now: Moment) {
        self.look_at = match self.profile.availability {
            Availability::Available => self.terms.watch_every.map(|every| now + every),
            Availability::Unavailable { .. } => Some(now + self.terms.look_every),
        };
    }

    pub(super) fn hand_back_all(&mut self, now: Moment, why: &str, reports: &mut Vec<Report>) {
        let keys: Vec<AttemptKey> = self.held.keys().copied().collect();
        reports.extend(keys.into_iter().filter_map(|key| self.take(now, key, handed_back(why))));
        let waited = self.waiting.drain(..);
        reports.extend(waited.map(|one| report_of(key_of(&one), handed_back(why), Duration::ZERO)));
    }

    /// Does what is due of one attempt; what only seemed due is set into the order again.
    pub(super) fn attend(&mut self, now: Moment, key: AttemptKey, effects: &mut Vec<Effect>) {
        let Some(held) = self.held.get_mut(&key) else { return };
        held.listed = None;
        let next = held.next_due(self.terms.silence_max, self.terms.progress_every);
        let due = next.filter(|(at, _)| *at <= now).map(|(_, due)| due);
        let failed = |kind, why| Outcome::Failed(Failure::new(kind, why));
        match due {
            None => {}
            Some(Due::Late) => {
                let took = now.since(held.began);
                let why = format!("it took longer than it may, {} ms", took.as_millis());
                self.end(now, key, failed(FailureKind::TimedOut, why), effects);
            }
            Some(Due::Silent) => {
                let silence = now.since(held.heard);
                let why = format!("it gave no sign of life for {} ms", silence.as_millis());
                self.end(now, key, failed(FailureKind::Hung, why), effects);
            }
            Some(Due::Tell) => {
                let next = held.told.as_mut().and_then(|told| {
                    told.at = now;
                    told.next.take()
                });
                effects.extend(next.map(|progress| self.progressed(key, progress)));
            }
            Some(Due::GraceOver) => {
                effects.push(Effect::Abandon(key));
                let report = self.take(now, key, handed_back("the attempt was dropped"));
                self.finish(now, report.into_iter().collect(), effects);
            }
        }
        self.list(key);
    }

    /// Ends once nothing is held and nothing is left to be heard, or the limit has come.
    pub(super) fn leave_if_done(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let Stage::Draining { until } = self.stage else { return };
        if now >= until {
            let keys: Vec<AttemptKey> = self.held.keys().copied().collect();
            let mut reports = Vec::new();
            self.hand_back_all(now, "the agent has stopped", &mut reports);
            self.report(now, reports, effects);
            effects.extend(keys.into_iter().map(Effect::Abandon));
        } else if !(self.held.is_empty() && self.unacknowledged.is_empty()) {
            return;
        }
        self.stage = Stage::Over;
        effects.extend(self.understood.last_word().map(|it| self.understands(it)));
        effects.extend([self.left(), Effect::Stop]);
    }

    pub(super) fn drain(&mut self, now: Moment, within: Duration, effects: &mut Vec<Effect>) {
        let until = match self.stage {
            Stage::Draining { until } => until.min(now + within),
            Stage::Working | Stage::Over => now + within,
        };
        if !(self.held.is_empty() && self.waiting.is_empty()) {
            // Said first, so that what ends or is handed back now makes no room for something new.
            effects.push(self.leaving());
        }
        self.stage = Stage::Draining { until };
        let why = "the agent is stopping";
        let waited = std::mem::take(&mut self.waiting).into_iter();
        let reports =
            waited.map(|one| report_of(key_of(&one), handed_back(why), Duration::ZERO)).collect();
        self.report(now, reports, effects);
    }
}

/// Why an agent that was thought to be available found, at work, that it cannot work.
fn cannot_work(report: &Report) -> Option<String> {
    match &report.outcome {
        Outcome::Failed(failure) if failure.kind == FailureKind::Unavailable => {
            Some(failure.message.clone())
        }
        Outcome::Failed(_) | Outcome::Completed(_) | Outcome::Cancelled => None,
    }
}
