//! What locks are, said as simply as it can be: lists that are looked through from one end to the
//! other, one command at a time. It shares nothing with the machine but the words.

use std::collections::{BTreeMap, BTreeSet};

use orkestra_runtime::id::{LockKey, RequestNo, SessionNo};

use crate::lock::{Grant, Mode, Patience, Want};

/// In nanoseconds.
pub(super) type Time = u64;

pub(super) const MS: Time = 1_000_000;

/// A request of a session.
pub(super) type Asked = (SessionNo, RequestNo);

/// What is answered; of a refusal only which it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Said {
    Granted(Vec<(LockKey, u64)>),
    Released,
    Cancelled,
    Closed,
    Stolen,
    Good,
    Refused(&'static str),
}

#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) key: LockKey,
    pub(super) by: SessionNo,
    pub(super) mode: Mode,
    /// 0: it is not known yet.
    pub(super) token: u64,
    pub(super) depth: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Lost {
    pub(super) key: LockKey,
    pub(super) mode: Mode,
    pub(super) delay: Time,
    pub(super) until: Time,
}

#[derive(Clone, Debug)]
pub(super) struct Waits {
    pub(super) asked: Asked,
    pub(super) wants: Vec<Want>,
    pub(super) wait: Option<Time>,
    pub(super) until: Option<Time>,
    pub(super) askers: Vec<u64>,
}

#[derive(Clone, Debug)]
pub(super) enum Fate {
    Waits,
    Granted(Vec<(LockKey, u64)>),
    Refused(&'static str),
    /// Refused by a leader who wrote nothing of it.
    RefusedHere(&'static str),
    Released,
}

/// What is to be said: of a grant the tokens are known only when all is done.
#[derive(Clone, Debug)]
pub(super) enum Word {
    Granted(Asked),
    Said(Said),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    /// Leases, and until when they run.
    pub(super) sessions: BTreeMap<SessionNo, (Time, Time)>,
    pub(super) held: Vec<Held>,
    pub(super) lost: Vec<Lost>,
    pub(super) queue: Vec<Waits>,
    pub(super) fates: BTreeMap<Asked, Fate>,
    newest: BTreeMap<LockKey, u64>,
    pub(super) words: Vec<(u64, Word)>,
}

impl Model {
    /// What was said since it was last asked, and to whom.
    pub(super) fn said(&mut self) -> Vec<(u64, Said)> {
        let words = std::mem::take(&mut self.words);
        let said = words.into_iter().map(|(to, word)| match word {
            Word::Said(said) => (to, said),
            Word::Granted(asked) => match self.fates.get(&asked) {
                Some(Fate::Granted(given)) => (to, Said::Granted(given.clone())),
                other => panic!("{asked:?} was granted, and is {other:?}"),
            },
        });
        said.collect()
    }

    pub(super) fn say(&mut self, to: u64, said: Said) {
        self.words.push((to, Word::Said(said)));
    }

    pub(super) fn is_alive(&self, session: SessionNo) -> bool {
        self.sessions.contains_key(&session)
    }

    pub(super) fn hold(&self, by: SessionNo, key: &LockKey) -> Option<&Held> {
        self.held.iter().find(|held| held.by == by && held.key == *key)
    }

    /// As what a lock is in use.
    fn modes(&self, key: &LockKey) -> Vec<Mode> {
        let held = self.held.iter().filter(|held| held.key == *key).map(|held| held.mode);
        let lost = self.lost.iter().filter(|lost| lost.key == *key).map(|lost| lost.mode);
        held.chain(lost).collect()
    }

    fn fits(&self, key: &LockKey, mode: Mode) -> bool {
        let all = self.modes(key);
        match mode {
            Mode::Exclusive => all.is_empty(),
            Mode::Shared => !all.contains(&Mode::Exclusive),
            Mode::Permits { permits, of } => {
                let taken = all.iter().map(|mode| match mode {
                    Mode::Permits { permits, .. } => *permits,
                    other => panic!("{other} among permits"),
                });
                taken.sum::<u32>() + permits <= of
            }
        }
    }

    /// Whether a request could be given now, if these were ahead of it.
    fn may(&self, by: SessionNo, wants: &[Want], ahead: &[Waits]) -> bool {
        wants.iter().all(|want| {
            if let Some(held) = self.hold(by, &want.key) {
                return held.mode.covers(want.mode);
            }
            let wanted = |waits: &Waits| waits.wants.iter().any(|other| other.key == want.key);
            !ahead.iter().any(wanted) && self.fits(&want.key, want.mode)
        })
    }

    fn give(&mut self, (by, request): Asked, wants: &[Want]) {
        let mut given = Vec::new();
        for Want { key, mode } in wants {
            let mut held = self.held.iter_mut();
            let found = held.find(|held| held.by == by && held.key == *key);
            let token = if let Some(held) = found {
                held.depth += 1;
                held.token
            } else {
                let (key, mode) = (key.clone(), *mode);
                self.held.push(Held { key, by, mode, token: 0, depth: 1 });
                0
            };
            given.push((key.clone(), token));
        }
        self.fates.insert((by, request), Fate::Granted(given));
    }

    /// The number of the event that granted a request: greater than every token of its locks before.
    pub(super) fn learn(&mut self, asked: Asked, number: u64) {
        let Some(Fate::Granted(given)) = self.fates.get_mut(&asked) else {
            panic!("{asked:?} was not to be granted")
        };
        for (key, token) in given.iter_mut().filter(|(_, token)| *token == 0) {
            let mut held = self.held.iter_mut();
            let held = held.find(|held| held.by == asked.0 && held.key == *key);
            *token = held.as_ref().map_or(0, |held| held.token);
            if *token == 0 {
                let newest = self.newest.insert(key.clone(), number).unwrap_or_default();
                assert!(number > newest, "the tokens of {key} do not rise");
                *token = number;
            }
            if let Some(held) = held {
                held.token = *token;
            }
        }
    }

    /// A lock was stolen by the event of this number.
    pub(super) fn learn_theft(&mut self, key: &LockKey, number: u64) {
        let newest = self.newest.insert(key.clone(), number).unwrap_or_default();
        assert!(number > newest, "the tokens of {key} do not rise");
    }

    /// Serves whoever can be, the first first, until nobody can.
    pub(super) fn serve(&mut self) {
        while let Some(place) = (0..self.queue.len()).find(|place| {
            let waits = &self.queue[*place];
            self.may(waits.asked.0, &waits.wants, &self.queue[..*place])
        }) {
            let waits = self.queue.remove(place);
            self.give(waits.asked, &waits.wants);
            let words = waits.askers.iter().map(|to| (*to, Word::Granted(waits.asked)));
            self.words.extend(words);
        }
    }

    /// Refuses a request that waited.
    pub(super) fn turn_away(&mut self, waits: &Waits, why: &'static str) {
        self.fates.insert(waits.asked, Fate::Refused(why));
        let words = waits.askers.iter().map(|to| (*to, Word::Said(Said::Refused(why))));
        self.words.extend(words);
    }

    pub(super) fn acquire(
        &mut self,
        (to, now): (u64, Time),
        asked: Asked,
        wants: &[Want],
        wait: Patience,
    ) {
        if !self.is_alive(asked.0) {
            return self.say(to, Said::Refused("gone"));
        }
        match self.fates.get(&asked).cloned() {
            Some(Fate::Waits) => {
                let found = self.queue.iter_mut().find(|waits| waits.asked == asked).unwrap();
                if found.wants == wants {
                    found.askers.push(to);
                } else {
                    self.say(to, Said::Refused("conflict"));
                }
            }
            Some(Fate::Granted(given)) => {
                if given.iter().map(|(key, _)| key).eq(wants.iter().map(|want| &want.key)) {
                    self.words.push((to, Word::Granted(asked)));
                } else {
                    self.say(to, Said::Refused("conflict"));
                }
            }
            Some(Fate::Refused(why) | Fate::RefusedHere(why)) => self.say(to, Said::Refused(why)),
            Some(Fate::Released) => self.say(to, Said::Refused("conflict")),
            None => self.judge((to, now), asked, wants, wait),
        }
    }

    fn judge(&mut self, (to, now): (u64, Time), asked: Asked, wants: &[Want], wait: Patience) {
        if let Some(why) = self.why_not(asked.0, wants, wait) {
            self.fates.insert(asked, Fate::RefusedHere(why));
            return self.say(to, Said::Refused(why));
        }
        if self.may(asked.0, wants, &self.queue) {
            self.give(asked, wants);
            return self.words.push((to, Word::Granted(asked)));
        }
        let wait = match wait {
            Patience::For { ms } => Some(ms * MS),
            Patience::Try | Patience::Endless => None,
        };
        let (wants, until, askers) = (wants.to_vec(), wait.map(|wait| now + wait), vec![to]);
        self.queue.push(Waits { asked, wants, wait, until, askers });
        self.fates.insert(asked, Fate::Waits);
    }

    fn why_not(&self, by: SessionNo, wants: &[Want], wait: Patience) -> Option<&'static str> {
        for Want { key, mode } in wants {
            let wanted = |waits: &Waits| {
                let mut found = waits.wants.iter().filter(|want| want.key == *key);
                found.next().map(|want| want.mode)
            };
            let mut modes = self.modes(key);
            modes.extend(self.queue.iter().filter_map(wanted));
            if modes.first().is_some_and(|other| other.kind() != mode.kind()) {
                return Some("kind");
            }
            let own = self.queue.iter().filter(|waits| waits.asked.0 == by).filter_map(wanted);
            let held = self.hold(by, key).map(|held| held.mode);
            if held.into_iter().chain(own).any(|own| !own.covers(*mode)) {
                return Some("upgrade");
            }
        }
        if self.may(by, wants, &self.queue) {
            return None;
        }
        if matches!(wait, Patience::Try | Patience::For { ms: 0 }) {
            return Some("busy");
        }
        let mut after = self.clone();
        let asked = (by, RequestNo(0));
        let (wants, askers) = (wants.to_vec(), Vec::new());
        after.queue.push(Waits { asked, wants, wait: None, until: None, askers });
        after.stuck().contains(&by).then_some("deadlock")
    }

    /// Sessions that never go on, though all do that can: whoever waits for nothing lets go of
    /// everything, and what was lost comes back.
    pub(super) fn stuck(&self) -> BTreeSet<SessionNo> {
        let mut after = self.clone();
        after.lost.clear();
        loop {
            after.serve();
            let waits: BTreeSet<SessionNo> =
                after.queue.iter().map(|waits| waits.asked.0).collect();
            let before = after.held.len();
            after.held.retain(|held| waits.contains(&held.by));
            if after.held.len() == before {
                return waits;
            }
        }
    }

    pub(super) fn check(&mut self, to: u64, shown: &Grant) {
        let mut held = self.held.iter();
        let good = held.any(|held| held.key == shown.key && held.token == shown.token.0);
        self.say(to, if good { Said::Good } else { Said::Refused("stale") });
    }
}
