//! What a journal says of locks, held against what it must never say. Exclusive locks of sessions;
//! what is shared, counted or a task's is not looked at.

use std::collections::{BTreeMap, BTreeSet};

use orkestra_coordinator::{
    lock::{LockEvent, Mode, Owner},
    shard::machine::Event,
};
use orkestra_runtime::{
    Result,
    fabric::{Fabric, Sequence},
    id::{LockKey, SessionNo, ShardId},
    journal::Journal,
    record::decode,
};

/// How many bytes are read at once.
const READ_BYTES: usize = 4 * 1024 * 1024;
/// How many findings are told.
const FINDINGS_MAX: usize = 20;

#[derive(Clone, Debug, Default)]
struct Lock {
    holder: Option<(SessionNo, u64)>,
    newest: u64,
    given: BTreeSet<u64>,
    /// Who waits, in the order of asking.
    queue: BTreeSet<u64>,
    /// Tokens that were taken from their holders, or ended with them.
    taken: BTreeSet<u64>,
}

/// The locks of a journal.
#[derive(Clone, Debug, Default)]
pub struct Table {
    locks: BTreeMap<LockKey, Lock>,
    waits: BTreeMap<u64, (Owner, Vec<LockKey>)>,
    /// How many grants there were.
    pub grants: u64,
    /// What cannot be.
    pub findings: Vec<String>,
}

impl Table {
    /// Reads a journal that was never trimmed.
    pub async fn read(fabric: &dyn Fabric, shard: ShardId) -> Result<Self> {
        let (mut table, mut from) = (Self::default(), 1);
        let journal = Journal::of(fabric, shard)?;
        loop {
            let read = fabric.logs().read(journal.log(), Sequence(from), READ_BYTES).await?;
            let Some(last) = read.last() else { return Ok(table) };
            from = last.sequence.0 + 1;
            for entry in &read {
                let record = decode::<Event>(&entry.record)?;
                for (number, event) in (record.head.first.0..).zip(&record.events) {
                    if let Event::Lock(event) = event {
                        table.hear(number, event);
                    }
                }
            }
        }
    }

    /// Takes in the next event.
    pub fn hear(&mut self, number: u64, event: &LockEvent) {
        match event {
            LockEvent::Queued { owner, wants, .. } => {
                let keys: Vec<LockKey> = wants.iter().map(|want| want.key.clone()).collect();
                for key in &keys {
                    self.lock(key).queue.insert(number);
                }
                self.waits.insert(number, (*owner, keys));
            }
            LockEvent::Granted { owner: Owner::Session(session), wants, wait, .. } => {
                self.grants += 1;
                let place = wait.map_or(u64::MAX, |wait| wait.0);
                for want in wants.iter().filter(|want| want.mode == Mode::Exclusive) {
                    self.granted(&want.key, (*session, number), place);
                }
                self.leave(wait.map(|wait| wait.0));
            }
            LockEvent::Withdrawn { wait, .. } => self.leave(wait.map(|wait| wait.0)),
            LockEvent::Released { owner: Owner::Session(session), keys, .. } => {
                for key in keys {
                    let lock = self.lock(key);
                    lock.holder = lock.holder.filter(|(holder, _)| holder != session);
                }
            }
            LockEvent::Ended { owner: owner @ Owner::Session(session), .. } => {
                let theirs = self.waits.iter().filter(|(_, (waits, _))| waits == owner);
                let theirs: Vec<u64> = theirs.map(|(wait, _)| *wait).collect();
                for wait in theirs {
                    self.leave(Some(wait));
                }
                for lock in self.locks.values_mut() {
                    if let Some((_, token)) = lock.holder.filter(|(holder, _)| holder == session) {
                        lock.holder = None;
                        lock.taken.insert(token);
                    }
                }
            }
            LockEvent::Stolen { key, .. } => {
                let lock = self.lock(key);
                if let Some((_, token)) = lock.holder.take() {
                    lock.taken.insert(token);
                }
                lock.newest = number;
            }
            LockEvent::Opened { .. }
            | LockEvent::Ended { .. }
            | LockEvent::Granted { .. }
            | LockEvent::Released { .. }
            | LockEvent::Reopened { .. } => {}
        }
    }

    /// The locks that were ever given.
    pub fn keys(&self) -> impl Iterator<Item = &LockKey> {
        self.locks.keys()
    }

    /// Tokens of a lock that their holders did not give back themselves.
    pub fn taken(&self, key: &LockKey) -> impl Iterator<Item = u64> {
        self.locks.get(key).into_iter().flat_map(|lock| &lock.taken).copied()
    }

    /// Whether a lock was ever given with a token.
    pub fn was_given(&self, key: &LockKey, token: u64) -> bool {
        self.locks.get(key).is_some_and(|lock| lock.given.contains(&token))
    }

    fn lock(&mut self, key: &LockKey) -> &mut Lock {
        self.locks.entry(key.clone()).or_default()
    }

    fn granted(&mut self, key: &LockKey, (session, token): (SessionNo, u64), place: u64) {
        let lock = self.lock(key);
        if lock.holder.is_some_and(|(holder, _)| holder == session) {
            return;
        }
        let Lock { holder, newest, .. } = *lock;
        let first = lock.queue.first().copied().unwrap_or(u64::MAX);
        (lock.holder, lock.newest) = (Some((session, token)), token);
        lock.given.insert(token);
        if let Some((holder, held)) = holder {
            self.find(format!(
                "lock {key} is given with {token} while {holder} has it with {held}"
            ));
        }
        if token <= newest {
            self.find(format!("the tokens of lock {key} do not rise: {token} after {newest}"));
        }
        if first < place {
            self.find(format!("lock {key} is given to {session} before the first who waits"));
        }
    }

    fn leave(&mut self, wait: Option<u64>) {
        let Some(wait) = wait else { return };
        let keys = self.waits.remove(&wait).map(|(_, keys)| keys);
        for key in keys.unwrap_or_default() {
            self.lock(&key).queue.remove(&wait);
        }
    }

    fn find(&mut self, what: String) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(what);
        }
    }
}
