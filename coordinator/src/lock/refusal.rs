//! Why nothing was done: typed for programs, and told to people with what to do.

use std::fmt;

use orkestra_runtime::{
    ErrorKind,
    id::{LockKey, RequestNo, SessionId, SessionNo, Token},
};
use serde::{Deserialize, Serialize};

use crate::lock::{
    event::Withdrawal,
    mode::{Kind, Mode},
    owner::{Cycle, Who},
    reason::LockReason,
    settings,
};

/// Why nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LockRefusal {
    /// Somebody else has a session of this name.
    SessionTaken {
        /// The name.
        session: SessionId,
        /// Whose it is, as was said when it was opened.
        by: String,
    },
    /// There is no such session any more.
    SessionGone {
        /// Which.
        session: SessionNo,
    },
    /// A lease is shorter or longer than allowed.
    LeaseOutOfBounds {
        /// What was asked for.
        lease_ms: u64,
        /// The shortest.
        min_ms: u64,
        /// The longest.
        max_ms: u64,
    },
    /// A request names no lock.
    NothingAsked,
    /// There is, or would be, more than may be.
    TooMany {
        /// Of what.
        what: Bound,
        /// How many there may be.
        max: u64,
    },
    /// A request names a lock twice.
    NamedTwice {
        /// Which.
        key: LockKey,
    },
    /// So many permits cannot be.
    PermitsOutOfBounds {
        /// Of which lock.
        key: LockKey,
        /// How many were asked for.
        permits: u32,
        /// Of how many.
        of: u32,
    },
    /// The lock is in use as something else.
    KindMismatch {
        /// Which.
        key: LockKey,
        /// As what.
        is: Kind,
    },
    /// It cannot be had now, and whoever asked did not want to wait.
    Busy {
        /// Which.
        key: LockKey,
        /// Who holds it, the first three.
        held_by: Vec<Who>,
        /// How many wait.
        waiting: u64,
    },
    /// It waited for as long as it was ready to.
    TimedOut {
        /// How long that was, in milliseconds.
        ms: u64,
    },
    /// It holds the lock, or waits for it, and wants more of it.
    Upgrade {
        /// Which.
        key: LockKey,
        /// How it is held.
        held: Mode,
        /// How it was wanted.
        wanted: Mode,
    },
    /// It would have waited for ever: those for whom it waits wait for it.
    Deadlock {
        /// In which circle.
        cycle: Cycle,
    },
    /// Whoever asked had said that it no longer wants it.
    Cancelled,
    /// The request was answered so long ago that the answer is forgotten.
    RequestForgotten {
        /// Which.
        request: RequestNo,
        /// The highest that is forgotten.
        forgotten: RequestNo,
    },
    /// A request of this number asked for something else.
    RequestConflict {
        /// Which.
        request: RequestNo,
    },
    /// Whoever says so does not hold the lock.
    NotHeld {
        /// Which.
        key: LockKey,
        /// Who does, the first three.
        held_by: Vec<Who>,
    },
    /// The token is no longer good: the lock was lost or released, or given to somebody else.
    StaleToken {
        /// Of which lock.
        key: LockKey,
        /// What was shown.
        token: Token,
        /// No token of it was ever greater than this.
        newest: Token,
    },
    /// A text is too long.
    TextTooLong {
        /// How many characters it has.
        chars: u64,
    },
    /// Only whoever keeps the locks may give this reason, or only a holder.
    ReasonNotYours {
        /// Which.
        reason: LockReason,
    },
}

/// Of what there can be too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Sessions of the shard.
    Sessions,
    /// Locks of the shard.
    Locks,
    /// Locks in one request.
    RequestLocks,
    /// Who waits for one lock.
    Waiters,
    /// Requests of one session that wait.
    Waits,
    /// Locks that one session holds.
    Holds,
    /// How often one session holds one lock.
    Depth,
}

impl Bound {
    pub(super) fn refused(self) -> LockRefusal {
        let max = match self {
            Self::Sessions => settings::SESSIONS_MAX,
            Self::Locks => settings::LOCKS_MAX,
            Self::RequestLocks => settings::REQUEST_LOCKS_MAX,
            Self::Waiters => settings::WAITERS_MAX,
            Self::Waits => settings::WAITS_MAX,
            Self::Holds => settings::HOLDS_MAX,
            Self::Depth => settings::DEPTH_MAX as usize,
        };
        LockRefusal::TooMany { what: self, max: max as u64 }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Sessions => "sessions: close one first",
            Self::Locks => "locks in use: release one first",
            Self::RequestLocks => {
                "locks in one request: ask for fewer, or for one that stands for all"
            }
            Self::Waiters => "waiting for one lock: ask again later",
            Self::Waits => "requests of one session waiting: cancel one, or open another session",
            Self::Holds => "locks held by one session: release one, or open another session",
            Self::Depth => "times held by one session: release it as often as it was acquired",
        }
    }
}

impl LockRefusal {
    /// What kind of error it is to whoever asked.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::SessionGone { .. } => ErrorKind::NotFound,
            Self::LeaseOutOfBounds { .. }
            | Self::NothingAsked
            | Self::NamedTwice { .. }
            | Self::PermitsOutOfBounds { .. }
            | Self::TextTooLong { .. }
            | Self::ReasonNotYours { .. } => ErrorKind::Invalid,
            Self::SessionTaken { .. }
            | Self::TooMany { .. }
            | Self::KindMismatch { .. }
            | Self::Busy { .. }
            | Self::TimedOut { .. }
            | Self::Upgrade { .. }
            | Self::Deadlock { .. }
            | Self::Cancelled
            | Self::RequestForgotten { .. }
            | Self::RequestConflict { .. }
            | Self::NotHeld { .. }
            | Self::StaleToken { .. } => ErrorKind::Conflict,
        }
    }
}

impl From<&Withdrawal> for LockRefusal {
    fn from(why: &Withdrawal) -> Self {
        match why {
            Withdrawal::Cancelled => Self::Cancelled,
            Withdrawal::TimedOut { ms } => Self::TimedOut { ms: *ms },
            Withdrawal::Deadlock { cycle } => Self::Deadlock { cycle: cycle.clone() },
        }
    }
}

/// Names, joined; "nobody" if there are none.
fn names(who: &[Who]) -> String {
    let names: Vec<String> = who.iter().map(ToString::to_string).collect();
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

impl fmt::Display for LockRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SessionTaken { session, by } => write!(
                f,
                "session {session} is somebody else's ({by:?}): wait until it is closed or its \
                 lease has run out, or take another name"
            ),
            Self::SessionGone { session } => write!(
                f,
                "session number {session} is gone, and with it all that it held: open another, and \
                 do nothing more under its locks"
            ),
            Self::LeaseOutOfBounds { lease_ms, min_ms, max_ms } => write!(
                f,
                "a lease of {lease_ms} ms is not allowed: say one from {min_ms} to {max_ms} ms"
            ),
            Self::NothingAsked => f.write_str("the request names no lock: name one at least"),
            Self::TooMany { what, max } => {
                write!(f, "there may be no more than {max} {}", what.as_str())
            }
            Self::NamedTwice { key } => {
                write!(f, "the request names lock {key} twice: name it once, as strong as needed")
            }
            Self::PermitsOutOfBounds { key, permits, of } => tell_permits(f, key, *permits, *of),
            Self::KindMismatch { key, is } => {
                write!(f, "lock {key} is in use as {is}: ask for it as that, or use another key")
            }
            Self::Busy { key, held_by, waiting } => write!(
                f,
                "lock {key} cannot be had now: {} holds it, and {waiting} wait; ask with a time to \
                 wait, or again later",
                names(held_by)
            ),
            Self::TimedOut { ms } => {
                write!(f, "it waited for {ms} ms in vain: ask again, or with more time")
            }
            Self::Upgrade { key, held, wanted } => tell_upgrade(f, key, *held, *wanted),
            Self::Deadlock { cycle } => write!(
                f,
                "this would wait for ever: {cycle}; release what is held and begin again, and ask \
                 for all locks in one request"
            ),
            Self::Cancelled => f.write_str("the request was cancelled: ask with a new number"),
            Self::RequestForgotten { request, forgotten } => write!(
                f,
                "request {request} is too old: what was asked up to {forgotten} is forgotten; \
                 number requests from 1 upwards, and use no number again"
            ),
            Self::RequestConflict { request } => write!(
                f,
                "request {request} asked for something else before: use a new number for what is new"
            ),
            Self::NotHeld { key, held_by } => {
                write!(f, "lock {key} is not held by this session, but by {}", names(held_by))
            }
            Self::StaleToken { key, token, newest } => tell_stale(f, key, *token, *newest),
            Self::TextTooLong { chars } => write!(
                f,
                "a text has {chars} characters, and at most {} are allowed",
                settings::TEXT_CHARS_MAX
            ),
            Self::ReasonNotYours { reason } => {
                write!(f, "the reason {reason} cannot be given here: say another")
            }
        }
    }
}

fn tell_permits(f: &mut fmt::Formatter<'_>, key: &LockKey, permits: u32, of: u32) -> fmt::Result {
    write!(
        f,
        "lock {key} cannot be had with {permits} of {of} permits: take at least 1 and no more than \
         there are, and let there be at most {}",
        settings::PERMITS_MAX
    )
}

fn tell_upgrade(
    f: &mut fmt::Formatter<'_>,
    key: &LockKey,
    held: Mode,
    wanted: Mode,
) -> fmt::Result {
    write!(
        f,
        "lock {key} is held or awaited as {held} by the same session, and cannot become {wanted} on \
         the way, since two who wait for that wait for each other: release it first, or ask for it \
         as {wanted} from the beginning"
    )
}

fn tell_stale(
    f: &mut fmt::Formatter<'_>,
    key: &LockKey,
    token: Token,
    newest: Token,
) -> fmt::Result {
    write!(
        f,
        "token {token} of lock {key} is no longer good (the newest is {newest}): the lock was lost or \
         released; do nothing more under it, and acquire it anew"
    )
}
