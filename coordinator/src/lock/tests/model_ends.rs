//! The same model: how holding and waiting end.

use orkestra_runtime::id::{LockKey, SessionNo};

use super::model::{Asked, Fate, Held, Lost, MS, Model, Said, Time, Waits};
use crate::lock::Grant;

/// For how long what was lost is kept back.
const DELAY: Time = 15_000 * MS;

impl Model {
    pub(super) fn opened(&mut self, session: SessionNo, lease: Time, now: Time) {
        self.sessions.insert(session, (lease, now + lease));
    }

    pub(super) fn renew(&mut self, session: SessionNo, now: Time) -> bool {
        let found = self.sessions.get_mut(&session);
        found.map(|(lease, until)| *until = now + *lease).is_some()
    }

    pub(super) fn release(&mut self, to: u64, asked: Asked, shown: &Grant) {
        let said = self.judge_release(asked, shown);
        self.say(to, said);
        self.serve();
    }

    fn judge_release(&mut self, asked: Asked, shown: &Grant) -> Said {
        let (key, token) = (&shown.key, shown.token.0);
        if !self.is_alive(asked.0) {
            return Said::Refused("gone");
        }
        match self.fates.get(&asked) {
            Some(Fate::Released) => return Said::Released,
            Some(Fate::Waits | Fate::Granted(_) | Fate::Refused(_)) => {
                return Said::Refused("conflict");
            }
            Some(Fate::RefusedHere(_)) | None => {}
        }
        let is_of_others = self.held.iter().any(|held| held.key == *key && held.token == token);
        match self.hold(asked.0, key) {
            Some(held) if held.token == token => {}
            None if is_of_others => return Said::Refused("not held"),
            Some(_) | None => return Said::Refused("stale"),
        }
        self.let_go(asked.0, key);
        self.fates.insert(asked, Fate::Released);
        Said::Released
    }

    fn let_go(&mut self, by: SessionNo, key: &LockKey) {
        let mut held = self.held.iter_mut();
        if let Some(held) = held.find(|held| held.by == by && held.key == *key) {
            held.depth -= 1;
        }
        self.held.retain(|held| held.depth > 0);
    }

    pub(super) fn cancel(&mut self, to: u64, asked: Asked) {
        if !self.is_alive(asked.0) {
            return self.say(to, Said::Refused("gone"));
        }
        match self.fates.get(&asked).cloned() {
            Some(Fate::Waits) => {
                let place = self.queue.iter().position(|waits| waits.asked == asked).unwrap();
                let waits = self.queue.remove(place);
                self.turn_away(&waits, "cancelled");
            }
            Some(Fate::Granted(given)) => {
                for (key, token) in given {
                    if self.hold(asked.0, &key).is_some_and(|held| held.token == token) {
                        self.let_go(asked.0, &key);
                    }
                }
                self.fates.insert(asked, Fate::Released);
            }
            Some(Fate::Refused(_) | Fate::Released) => {}
            Some(Fate::RefusedHere(_)) | None => {
                self.fates.insert(asked, Fate::Refused("cancelled"));
            }
        }
        self.say(to, Said::Cancelled);
        self.serve();
    }

    /// The machine says that a request would wait for ever.
    pub(super) fn withdraw(&mut self, asked: Asked) {
        assert!(self.stuck().contains(&asked.0), "{asked:?} was withdrawn, and was in no circle");
        for waits in self.take_from_queue(|waits| waits.asked == asked) {
            self.turn_away(&waits, "deadlock");
        }
        self.serve();
    }

    pub(super) fn close(&mut self, to: u64, by: SessionNo) {
        self.end(by, None);
        self.say(to, Said::Closed);
        self.serve();
    }

    fn end(&mut self, by: SessionNo, lost: Option<(Time, Time)>) {
        self.sessions.remove(&by);
        for waits in self.take_from_queue(|waits| waits.asked.0 == by) {
            self.turn_away(&waits, "gone");
        }
        self.lose(|held| held.by == by, lost);
    }

    fn take_from_queue(&mut self, is: impl Fn(&Waits) -> bool) -> Vec<Waits> {
        let all = std::mem::take(&mut self.queue);
        let (taken, stay) = all.into_iter().partition(is);
        self.queue = stay;
        taken
    }

    fn lose(&mut self, is: impl Fn(&Held) -> bool, lost: Option<(Time, Time)>) {
        let all = std::mem::take(&mut self.held);
        let (gone, stay): (Vec<Held>, Vec<Held>) = all.into_iter().partition(is);
        self.held = stay;
        if let Some((now, delay)) = lost {
            let until = now + delay;
            let lost = |Held { key, mode, .. }| Lost { key, mode, delay, until };
            self.lost.extend(gone.into_iter().map(lost));
        }
    }

    /// Somebody takes a lock from whoever holds it now.
    pub(super) fn steal(&mut self, (to, now): (u64, Time), key: &LockKey, delay_ms: Option<u64>) {
        let held = self.held.iter().any(|held| held.key == *key);
        let lost = self.lost.iter().any(|lost| lost.key == *key);
        if !held && (!lost || delay_ms != Some(0)) {
            return self.say(to, Said::Refused("not there"));
        }
        let delay = delay_ms.map_or(DELAY, |ms| ms * MS);
        if delay == 0 {
            self.lost.retain(|lost| lost.key != *key);
        }
        self.lose(|held| held.key == *key, (delay > 0).then_some((now, delay)));
        self.say(to, Said::Stolen);
        self.serve();
    }

    /// When something happens by itself next.
    pub(super) fn next(&self) -> Option<Time> {
        let leases = self.sessions.values().map(|(_, until)| until + 1);
        let waits = self.queue.iter().filter_map(|waits| waits.until);
        let lost = self.lost.iter().map(|lost| lost.until);
        leases.chain(waits).chain(lost).min()
    }

    pub(super) fn tick(&mut self, now: Time) {
        let late = self.sessions.iter().filter(|(_, (_, until))| *until < now);
        let late: Vec<SessionNo> = late.map(|(no, _)| *no).collect();
        for session in late {
            self.end(session, Some((now, DELAY)));
        }
        for waits in self.take_from_queue(|waits| waits.until.is_some_and(|until| until <= now)) {
            self.turn_away(&waits, "timed out");
        }
        self.lost.retain(|lost| lost.until > now);
        self.serve();
    }

    /// Another leader: everything begins anew that is measured in time, and nobody waits for answers.
    pub(super) fn take_over(&mut self, now: Time) {
        for (lease, until) in self.sessions.values_mut() {
            *until = now + *lease;
        }
        for lost in &mut self.lost {
            lost.until = now + lost.delay;
        }
        for waits in &mut self.queue {
            waits.askers.clear();
            waits.until = waits.wait.map(|wait| now + wait);
        }
        self.fates.retain(|_, fate| !matches!(fate, Fate::RefusedHere(_)));
        self.serve();
    }
}
