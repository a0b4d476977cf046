//! What is shown of locks and sessions.

use orkestra_runtime::{
    id::{LockKey, SessionId, SessionNo, Token, WaitNo},
    time::Wall,
};
use serde::{Deserialize, Serialize};

use crate::lock::{
    mode::{Kind, Mode, Want},
    owner::{Link, Who},
    reason::LockReason,
};

/// The most rows of any list that one answer holds.
pub const ROWS_MAX: usize = 500;

/// A question that changes nothing. Lists answer 500 rows at most, however many are asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockQuery {
    /// Locks that are held, lost or waited for, by name.
    List {
        /// Only those after this one.
        #[serde(default)]
        after: Option<LockKey>,
        /// How many at most.
        limit: u64,
    },
    /// One lock, with its waiters in order.
    Get {
        /// Which.
        key: LockKey,
        /// Only holders and waiters after so many.
        #[serde(default)]
        skip: u64,
        /// How many of each at most.
        limit: u64,
    },
    /// Who waits for whom because of a lock.
    Why(LockKey),
    /// Sessions, by name.
    Sessions {
        /// Only those after this one.
        #[serde(default)]
        after: Option<SessionId>,
        /// How many at most.
        limit: u64,
    },
    /// One session, with what it holds and waits for.
    Session(SessionId),
    /// How many there are of what.
    Gauges,
    /// Who would go if what is stale were cleaned now, and why.
    Stale {
        /// After how much silence a session is stale though its lease is longer, in milliseconds.
        #[serde(default)]
        silent_ms: Option<u64>,
    },
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockAnswer {
    /// Locks.
    Locks(Page<LockView>),
    /// A lock; none if nobody holds it, has lost it or waits for it.
    Lock(Option<Box<LockDetail>>),
    /// Who waits for whom, nearest first; at most 50 links.
    Why(Vec<Link>),
    /// Sessions.
    Sessions(Page<SessionView>),
    /// A session.
    Session(Option<Box<SessionDetail>>),
    /// Figures.
    Gauges(LockGauges),
    /// Who is stale.
    Stale(Page<StaleView>),
}

/// Some rows of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Whether there are more after them.
    pub more: bool,
}

/// A lock in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockView {
    /// Its name.
    pub key: LockKey,
    /// What it is.
    pub kind: Kind,
    /// Its newest token: who steals it names it.
    pub newest: Token,
    /// How many hold it.
    pub holders: u64,
    /// Who, the first three; also who has lost it.
    pub held_by: Vec<Who>,
    /// How many wait for it.
    pub waiting: u64,
    /// How many have lost it, so that it is kept back.
    pub lost: u64,
}

/// A lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockDetail {
    /// What a list shows of it.
    pub lock: LockView,
    /// Who holds it.
    pub holders: Vec<HolderView>,
    /// Who has lost it.
    pub lost: Vec<LostView>,
    /// Who waits, in order.
    pub waiters: Vec<WaiterView>,
}

/// One who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HolderView {
    /// Who.
    pub who: Who,
    /// How.
    pub mode: Mode,
    /// With which token.
    pub token: Token,
    /// How often.
    pub depth: u32,
    /// Since when.
    pub since: Wall,
}

/// One who has lost a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostView {
    /// Who.
    pub who: Who,
    /// How it was held.
    pub mode: Mode,
    /// With which token.
    pub token: Token,
    /// For how much longer it is kept back, in milliseconds.
    pub left_ms: u64,
}

/// One who waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaiterView {
    /// At which place of the queue, from 1.
    pub place: u64,
    /// By what number.
    pub wait: WaitNo,
    /// Who.
    pub who: Who,
    /// For all this.
    pub wants: Vec<Want>,
    /// Since when.
    pub since: Wall,
    /// For how much longer, in milliseconds; none: without end.
    pub left_ms: Option<u64>,
}

/// A session in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionView {
    /// Its name.
    pub session: SessionId,
    /// Its number.
    pub number: SessionNo,
    /// Whose it is, as was said.
    pub by: String,
    /// Since when.
    pub since: Wall,
    /// For how long it lives without a renewal.
    pub lease_ms: u64,
    /// For how much longer it does now.
    pub left_ms: u64,
    /// How many locks it holds.
    pub holds: u64,
    /// How many of its requests wait.
    pub waits: u64,
    /// How many locks were taken from it.
    pub losses: u64,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionDetail {
    /// What a list shows of it.
    pub session: SessionView,
    /// What it holds, the first 500.
    pub held: Vec<HeldView>,
    /// What it waits for.
    pub waits: Vec<WaitView>,
}

/// One who holds locks, or waits for them, though nobody stands up for it any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaleView {
    /// Who.
    pub who: Who,
    /// Why it goes.
    pub reason: LockReason,
    /// Whose it is, as was said.
    #[serde(default)]
    pub by: String,
    /// For how long nobody renewed it, in milliseconds; none of what is not renewed.
    #[serde(default)]
    pub silent_ms: Option<u64>,
    /// How many locks it holds.
    pub holds: u64,
    /// Which, the first ten.
    pub keys: Vec<LockKey>,
}

/// A lock that a session holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldView {
    /// Which.
    pub key: LockKey,
    /// How.
    pub mode: Mode,
    /// With which token.
    pub token: Token,
    /// How often.
    pub depth: u32,
}

/// A request that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitView {
    /// By what number.
    pub wait: WaitNo,
    /// For all this.
    pub wants: Vec<Want>,
    /// Since when.
    pub since: Wall,
}

/// How many there are of what; what is counted is counted since the leader of the shard began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockGauges {
    /// Sessions that are open.
    pub sessions: u64,
    /// Locks that are held, lost or waited for.
    pub locks: u64,
    /// Requests that wait.
    pub waiting: u64,
    /// Holds that were lost and are kept back.
    pub lost: u64,
    /// Requests that were granted.
    pub granted: u64,
    /// Requests that waited in vain.
    pub timed_out: u64,
    /// Circles of waits that were broken.
    pub deadlocks: u64,
    /// Locks that were stolen.
    pub stolen: u64,
    /// Sessions whose lease ran out.
    pub expired: u64,
}
