//! The durable state: what the events add up to.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub use orkestra_runtime::protocol::lock::Grant;
use orkestra_runtime::{
    id::{LockKey, RequestNo, SessionId, SessionNo, Token, WaitNo},
    time::Wall,
};
use serde::{Deserialize, Serialize};

use crate::lock::{
    event::Withdrawal,
    mode::{Kind, Mode, Want},
    owner::{Owner, Who},
    pairs,
    settings::{HOLDERS_MAX, REQUESTS_KEPT},
};

/// How somebody holds a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hold {
    pub(super) mode: Mode,
    pub(super) token: Token,
    /// How often.
    pub(super) depth: u32,
    pub(super) since: Wall,
}

/// A hold that was lost without a word. Until it is over it counts as if it were there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ghost {
    pub(super) who: Who,
    pub(super) mode: Mode,
    pub(super) delay_ms: u64,
}

/// A lock that somebody holds, has lost or waits for; there is no other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lock {
    pub(super) kind: Kind,
    /// The newest token that it was given, or stolen, with.
    pub(super) newest: Token,
    #[serde(default, with = "pairs")]
    pub(super) holders: BTreeMap<Owner, Hold>,
    #[serde(default)]
    pub(super) ghosts: BTreeMap<Token, Ghost>,
    /// The last theft: which token was the newest before, and which since.
    #[serde(default)]
    pub(super) stolen: Option<(Token, Token)>,
    /// Who waits, in order. Known from the waits.
    #[serde(skip)]
    pub(super) queue: BTreeSet<WaitNo>,
    /// How many permits are taken. Known from holders and ghosts.
    #[serde(skip)]
    pub(super) taken: u32,
    /// With which tokens it is held. Known from the holders.
    #[serde(skip)]
    pub(super) tokens: BTreeSet<Token>,
}

impl Lock {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            newest: Token(0),
            holders: BTreeMap::new(),
            ghosts: BTreeMap::new(),
            stolen: None,
            queue: BTreeSet::new(),
            taken: 0,
            tokens: BTreeSet::new(),
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.holders.is_empty() && self.ghosts.is_empty() && self.queue.is_empty()
    }

    /// Whether one more may hold it so beside all who do. An exclusive hold is always alone, so the
    /// first tells.
    pub(super) fn has_room_for(&self, mode: Mode) -> bool {
        if self.holders.len() >= HOLDERS_MAX {
            return false;
        }
        match (mode, self.kind) {
            (Mode::Exclusive, _) => self.holders.is_empty() && self.ghosts.is_empty(),
            (Mode::Shared, _) => {
                let held =
                    self.holders.values().next().is_some_and(|hold| hold.mode.is_exclusive());
                let lost = self.ghosts.values().next().is_some_and(|lost| lost.mode.is_exclusive());
                !held && !lost
            }
            (Mode::Permits { permits, .. }, Kind::Semaphore { of }) => {
                self.taken.checked_add(permits).is_some_and(|taken| taken <= of)
            }
            (Mode::Permits { .. }, Kind::ReadWrite) => false,
        }
    }
}

/// A request that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Waiting {
    pub(super) owner: Owner,
    pub(super) request: RequestNo,
    pub(super) wants: Arc<[Want]>,
    pub(super) wait_ms: Option<u64>,
    pub(super) since: Wall,
}

/// What a request of a session came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Waits(WaitNo),
    Granted(Arc<[Grant]>),
    Withdrawn(Withdrawal),
    Released,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) name: SessionId,
    pub(super) nonce: u64,
    #[serde(default)]
    pub(super) by: String,
    pub(super) lease_ms: u64,
    pub(super) since: Wall,
    #[serde(default)]
    pub(super) requests: BTreeMap<RequestNo, Outcome>,
    /// The highest request that is remembered no more.
    #[serde(default)]
    pub(super) forgotten: RequestNo,
    /// How many locks were taken from it.
    #[serde(default)]
    pub(super) losses: u64,
}

impl Session {
    /// Remembers what a request came to, and forgets the lowest that is settled beyond the bound.
    pub(super) fn remember(&mut self, request: RequestNo, outcome: Outcome) {
        self.requests.insert(request, outcome);
        if self.requests.len() > REQUESTS_KEPT {
            let settled = |outcome: &Outcome| !matches!(outcome, Outcome::Waits(_));
            let lowest = self.requests.iter().find(|(_, outcome)| settled(outcome));
            if let Some((lowest, _)) = lowest.map(|(request, outcome)| (*request, outcome)) {
                self.requests.remove(&lowest);
                self.forgotten = self.forgotten.max(lowest);
            }
        }
    }
}

/// What somebody holds and waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Owned {
    pub(super) held: BTreeSet<LockKey>,
    pub(super) waits: BTreeSet<WaitNo>,
}

/// Everything durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Durable {
    pub(super) sessions: BTreeMap<SessionNo, Session>,
    pub(super) locks: BTreeMap<LockKey, Lock>,
    pub(super) waits: BTreeMap<WaitNo, Waiting>,
    /// No lock that is not there was ever given a token greater than this.
    pub(super) floor: Token,
    /// Sessions by name. Known from the sessions.
    pub(super) names: BTreeMap<SessionId, SessionNo>,
    /// Known from the locks and the waits.
    pub(super) owned: BTreeMap<Owner, Owned>,
}

impl Durable {
    pub(super) fn session_named(&self, name: &SessionId) -> Option<(SessionNo, &Session)> {
        let no = *self.names.get(name)?;
        Some((no, self.sessions.get(&no)?))
    }

    /// What an owner is called.
    pub(super) fn who(&self, owner: Owner) -> Who {
        match owner {
            Owner::Session(no) => {
                let session = self.sessions.get(&no);
                session.map_or(Who::Gone(no), |session| Who::Session(session.name.clone()))
            }
            Owner::Attempt { task, attempt } => Who::Attempt { task, attempt },
        }
    }

    pub(super) fn hold(&self, owner: Owner, key: &LockKey) -> Option<&Hold> {
        self.locks.get(key)?.holders.get(&owner)
    }

    /// Works out what is known from the rest.
    pub(super) fn derive(&mut self) {
        for (no, session) in &self.sessions {
            self.names.insert(session.name.clone(), *no);
        }
        for (key, lock) in &mut self.locks {
            let held = lock.holders.values().map(|hold| hold.mode);
            let lost = lock.ghosts.values().map(|ghost| ghost.mode);
            lock.taken = held.chain(lost).map(Mode::permits).sum();
            lock.tokens = lock.holders.values().map(|hold| hold.token).collect();
            for owner in lock.holders.keys() {
                self.owned.entry(*owner).or_default().held.insert(key.clone());
            }
        }
        for (no, waiting) in &self.waits {
            self.owned.entry(waiting.owner).or_default().waits.insert(*no);
            for want in waiting.wants.iter() {
                if let Some(lock) = self.locks.get_mut(&want.key) {
                    lock.queue.insert(*no);
                }
            }
        }
    }
}
