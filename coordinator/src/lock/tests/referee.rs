//! Keeps its own books from the journal alone, and cries out when a promise is broken.

use std::collections::{BTreeMap, BTreeSet};

use orkestra_runtime::{
    id::{LockKey, SessionNo},
    time::Moment,
};

use crate::lock::{LockEvent, LockReason, Mode, Owner, Want};

#[derive(Clone, Debug, Default)]
struct Book {
    holders: BTreeMap<Owner, (Mode, u64, u32)>,
    /// What was lost, by token, and from when on it may be back.
    lost: BTreeMap<u64, (Mode, Moment)>,
    /// Places in the queue.
    queue: BTreeSet<u64>,
    newest: u64,
}

/// What the journal says so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Referee {
    locks: BTreeMap<LockKey, Book>,
    waits: BTreeMap<u64, (Owner, Vec<Want>)>,
    /// Until when each session surely lives.
    alive: BTreeMap<SessionNo, (u64, Moment)>,
    /// After how much silence a session may be cleaned though its lease is longer.
    pub(super) silent_ms: Option<u64>,
}

fn after(now: Moment, ms: u64) -> Moment {
    now + std::time::Duration::from_millis(ms)
}

impl Referee {
    /// A session was heard of.
    pub(super) fn renewed(&mut self, session: SessionNo, now: Moment) {
        if let Some((lease_ms, until)) = self.alive.get_mut(&session) {
            *until = after(now, *lease_ms);
        }
    }

    /// Another leader has begun: everybody has a full term again.
    pub(super) fn promoted(&mut self, now: Moment) {
        for (lease_ms, until) in self.alive.values_mut() {
            *until = after(now, *lease_ms);
        }
    }

    pub(super) fn hear(&mut self, number: u64, now: Moment, event: &LockEvent) {
        match event {
            LockEvent::Opened { lease_ms, .. } => {
                self.alive.insert(SessionNo(number), (*lease_ms, after(now, *lease_ms)));
            }
            LockEvent::Queued { owner, wants, .. } => {
                for want in wants.iter() {
                    self.lock(want).queue.insert(number);
                }
                self.waits.insert(number, (*owner, wants.to_vec()));
            }
            LockEvent::Granted { owner, wants, wait, .. } => {
                let place = wait.map_or(u64::MAX, |wait| wait.0);
                if let Some(wait) = wait {
                    let asked = self.waits.get(&wait.0).cloned();
                    assert_eq!(asked, Some((*owner, wants.to_vec())), "not what was asked for");
                }
                for want in wants.iter() {
                    self.granted(number, *owner, want, place);
                }
                self.leave(wait.map(|wait| wait.0));
            }
            LockEvent::Withdrawn { wait, .. } => self.leave(wait.map(|wait| wait.0)),
            LockEvent::Released { owner, keys, .. } => {
                for key in keys {
                    let lock = self.locks.get_mut(key).unwrap();
                    let held = lock.holders.get_mut(owner).expect("released, and not held");
                    held.2 -= 1;
                    if held.2 == 0 {
                        lock.holders.remove(owner);
                    }
                }
            }
            LockEvent::Ended { owner, reason, delay_ms, .. } => {
                self.ended(*owner, *reason, now);
                let keys: Vec<LockKey> = self.locks.keys().cloned().collect();
                for key in &keys {
                    self.lose(key, *owner, now, *delay_ms);
                }
                let theirs = self.waits.iter().filter(|(_, (who, _))| who == owner);
                let theirs: Vec<u64> = theirs.map(|(wait, _)| *wait).collect();
                for wait in theirs {
                    self.leave(Some(wait));
                }
            }
            LockEvent::Stolen { key, token, delay_ms, .. } => {
                let lock = self.locks.get_mut(key).unwrap();
                assert_eq!(lock.newest, token.0, "stolen from somebody else");
                lock.newest = number;
                if *delay_ms == 0 {
                    lock.lost.clear();
                }
                let owners: Vec<Owner> = lock.holders.keys().copied().collect();
                for owner in owners {
                    self.lose(key, owner, now, *delay_ms);
                }
            }
            LockEvent::Reopened { lost } => {
                for (key, token) in lost {
                    let (_, until) =
                        self.locks.get_mut(key).unwrap().lost.remove(&token.0).unwrap();
                    assert!(until <= now, "{key} is back too early");
                }
            }
        }
    }

    fn lock(&mut self, want: &Want) -> &mut Book {
        self.locks.entry(want.key.clone()).or_default()
    }

    fn granted(&mut self, number: u64, owner: Owner, want: &Want, place: u64) {
        let (key, mode) = (&want.key, want.mode);
        let lock = self.locks.entry(key.clone()).or_default();
        if let Some(held) = lock.holders.get_mut(&owner) {
            assert!(held.0.covers(mode), "{key} became more on the way");
            held.2 += 1;
            return;
        }
        let first = lock.queue.first().copied().unwrap_or(u64::MAX);
        assert!(first >= place, "{place} overtook {first} at {key}");
        assert!(number > lock.newest, "the tokens of {key} do not rise");
        let modes = lock.holders.values().map(|held| held.0);
        let modes: Vec<Mode> = modes.chain(lock.lost.values().map(|lost| lost.0)).collect();
        match mode {
            Mode::Exclusive => assert!(modes.is_empty(), "{key} is held twice"),
            Mode::Shared => {
                assert!(modes.iter().all(|mode| *mode == Mode::Shared), "{key} is not shared");
            }
            Mode::Permits { permits, of } => {
                let taken = modes.iter().map(|mode| match mode {
                    Mode::Permits { permits, of: as_many } if *as_many == of => *permits,
                    other => panic!("{key} is {other} and a semaphore of {of}"),
                });
                assert!(taken.sum::<u32>() + permits <= of, "{key} has no permit left");
            }
        }
        lock.newest = number;
        lock.holders.insert(owner, (mode, number, 1));
    }

    fn leave(&mut self, wait: Option<u64>) {
        let Some(wait) = wait else { return };
        let (_, wants) = self.waits.remove(&wait).expect("who does not wait waits no more");
        for want in wants {
            self.lock(&want).queue.remove(&wait);
        }
    }

    fn lose(&mut self, key: &LockKey, owner: Owner, now: Moment, delay_ms: u64) {
        let lock = self.locks.get_mut(key).unwrap();
        if let Some((mode, token, _)) = lock.holders.remove(&owner)
            && delay_ms > 0
        {
            lock.lost.insert(token, (mode, after(now, delay_ms)));
        }
    }

    fn ended(&mut self, owner: Owner, reason: LockReason, now: Moment) {
        let Owner::Session(session) = owner else { return };
        let (lease_ms, until) = self.alive.remove(&session).expect("a session ended twice");
        if matches!(reason, LockReason::Timeout | LockReason::Stale) {
            let silent_ms = self.silent_ms.filter(|_| reason == LockReason::Stale);
            let early = silent_ms.map_or(0, |silent_ms| lease_ms.saturating_sub(silent_ms));
            assert!(after(now, early) > until, "session {session} was ended before its time");
        }
    }
}
