//! What becomes of records: sent, durable, lost, or kept back while the journal is full.

use std::time::Duration;

use orkestra_runtime::{
    fabric::{AppendError, Sequence},
    id::Number,
};

use super::{Effect, EffectOf, LINGER, Mind, Parked, Phase, Pool, Reason, Release, Sequencer};

/// How long a full journal is left alone at first, and at most.
const FULL_WAIT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

impl<M: Mind> Sequencer<M> {
    pub(super) fn close(&mut self, bytes: usize, last: Number, effects: &mut Vec<EffectOf<M>>) {
        if let Err(error) = self.outgoing.close(&mut self.step.buffer, bytes, last) {
            self.restart(Reason::Fault(error.to_string()), effects);
        }
        if self.outgoing.gathering.is_none() {
            self.lingering = None;
        }
    }

    pub(super) fn appended(&mut self, at: Sequence, effects: &mut Vec<EffectOf<M>>) {
        let Some(sealed) = self.outgoing.in_flight.take() else {
            self.restart(Reason::Fault("an append was answered twice".into()), effects);
            return;
        };
        if at.0 != self.outgoing.end.0 + 1 {
            let why = format!("a record went to {} after {}", at.0, self.outgoing.end.0);
            self.restart(Reason::Fault(why), effects);
            return;
        }
        self.outgoing.end = at;
        self.durable = sealed.last;
        if self.parked.take().is_some() {
            effects.push(Effect::Resumed);
        }
        self.send(effects); // the journal works while the effects are carried out
        let mut freed = [0_u32; Pool::ALL.len()];
        while let Some((number, _)) = self.waiting.front()
            && *number <= self.durable
        {
            match self.waiting.pop_front() {
                Some((_, Release::Free(pool))) => {
                    if let Some(count) = freed.get_mut(pool.index()) {
                        *count += 1;
                    }
                }
                Some((_, release)) => effects.push(release.into_effect(true)),
                None => {}
            }
        }
        for (pool, count) in Pool::ALL.into_iter().zip(freed).filter(|(_, count)| *count > 0) {
            effects.push(Effect::Free { pool, count });
        }
    }

    pub(super) fn append_failed(&mut self, error: AppendError, effects: &mut Vec<EffectOf<M>>) {
        match error {
            AppendError::Unknown(why) => self.restart(Reason::Unknown(why), effects),
            AppendError::Conflict(end) => self.restart(Reason::Conflict(end), effects),
            AppendError::TooLarge => {
                self.restart(
                    Reason::Fault("the journal refused a record as too large".into()),
                    effects,
                );
            }
            AppendError::Full => self.park(effects),
        }
    }

    /// Leaves a full journal alone for a while. Queries that wait for it are answered as they are.
    pub(super) fn park(&mut self, effects: &mut Vec<EffectOf<M>>) {
        if self.parked.is_none() {
            effects.push(Effect::Parked);
            for (number, release) in std::mem::take(&mut self.waiting) {
                match release {
                    Release::Answer(..) => effects.push(release.into_effect(false)),
                    Release::Act(_) | Release::Free(_) => self.waiting.push_back((number, release)),
                }
            }
        }
        let tries = self.parked.map_or(0, |parked| parked.tries + 1);
        let wait = FULL_WAIT.1.min(FULL_WAIT.0 * 2_u32.pow(tries.min(10)));
        let until = Some(self.now.moment + wait / 2 + self.chance.up_to(wait / 2));
        self.parked = Some(Parked { tries, until });
    }

    /// Sends what is ready, if nothing is away.
    pub(super) fn send(&mut self, effects: &mut Vec<EffectOf<M>>) {
        if self.outgoing.in_flight.is_some() || self.phase == Phase::Ended {
            return;
        }
        if !self.outgoing.has_sealed() && self.outgoing.gathering.is_some() {
            if self.may_linger() {
                return;
            }
            let (bytes, last) = (self.step.buffer.len(), self.numbered());
            self.close(bytes, last, effects);
        }
        let end = self.outgoing.end;
        if let Some(sealed) = self.outgoing.send() {
            let (last, record) = (sealed.last, sealed.record.clone());
            effects.push(Effect::Append { end, last, record });
        }
    }

    /// Whether what gathers can wait for company: nobody is answered with it, and it is young.
    fn may_linger(&self) -> bool {
        let is_young = self.lingering.is_some_and(|since| self.now.moment < since + LINGER);
        is_young && self.phase == Phase::Open
    }

    /// Sends the record that found no room once more.
    pub(super) fn try_again(&mut self, effects: &mut Vec<EffectOf<M>>) {
        let Some(parked) = &mut self.parked else { return };
        if parked.until.is_none_or(|until| until > self.now.moment) {
            return;
        }
        parked.until = None;
        if let Some(sealed) = &self.outgoing.in_flight {
            let (last, record) = (sealed.last, sealed.record.clone());
            effects.push(Effect::Append { end: self.outgoing.end, last, record });
        }
    }
}
