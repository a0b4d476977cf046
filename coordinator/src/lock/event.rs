//! What happened to locks: stored for ever, so it only grows at its ends.

use std::sync::Arc;

use orkestra_runtime::id::{LockKey, RequestNo, SessionId, Token, WaitNo};
use serde::{Deserialize, Serialize};

use crate::lock::{
    mode::Want,
    owner::{Cycle, Owner, Who},
    reason::LockReason,
};

/// Why a request that waited, or was about to, came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Withdrawal {
    /// Whoever asked no longer wants it.
    Cancelled,
    /// It waited for as long as it was ready to.
    TimedOut {
        /// How long that was, in milliseconds.
        ms: u64,
    },
    /// It was in a circle of waits, and the youngest of them.
    Deadlock {
        /// Which.
        cycle: Cycle,
    },
}

/// What happened. Numbers of events are names: a session's is that of its `Opened`, a place's in the
/// queues that of its `Queued`, a token that of its `Granted`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockEvent {
    /// A session was opened.
    Opened {
        /// What it is called.
        session: SessionId,
        /// What whoever opened it proves to be the same by.
        nonce: u64,
        /// For how long it lives without a renewal.
        lease_ms: u64,
        /// Whose it is, in words.
        #[serde(default)]
        by: String,
    },
    /// Somebody holds nothing more and waits for nothing more.
    Ended {
        /// Who.
        owner: Owner,
        /// Why.
        reason: LockReason,
        /// Who ended it, where it was not the owner or the time.
        #[serde(default)]
        by: String,
        /// For how long what it held is kept back from others, in milliseconds; 0: not at all.
        #[serde(default)]
        delay_ms: u64,
        /// What whoever ended it said of that.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        why: String,
    },
    /// A request waits, behind all that wait for the same locks.
    Queued {
        /// Whose.
        owner: Owner,
        /// Which, of its owner's.
        request: RequestNo,
        /// What it wants: all of it or nothing.
        wants: Arc<[Want]>,
        /// For how long; none: without end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wait_ms: Option<u64>,
    },
    /// Locks were given, all in this moment.
    Granted {
        /// To whom.
        owner: Owner,
        /// By which of its requests.
        request: RequestNo,
        /// Which.
        wants: Arc<[Want]>,
        /// Its place in the queues; none if it did not wait.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wait: Option<WaitNo>,
    },
    /// A request waits no more, or will never be done.
    Withdrawn {
        /// Whose.
        owner: Owner,
        /// Which.
        request: RequestNo,
        /// Its place; none if it did not wait.
        #[serde(default)]
        wait: Option<WaitNo>,
        /// Why.
        why: Withdrawal,
    },
    /// Locks are held once less, and free if that was the last time.
    Released {
        /// By whom.
        owner: Owner,
        /// By which of its requests.
        request: RequestNo,
        /// Which.
        keys: Vec<LockKey>,
        /// Why.
        reason: LockReason,
    },
    /// A lock was taken from all who held it.
    Stolen {
        /// Which.
        key: LockKey,
        /// Its newest token until then. That of this event is its newest since.
        token: Token,
        /// Who took it.
        by: String,
        /// Why.
        why: String,
        /// From whom, the first ten.
        from: Vec<Who>,
        /// For how long it is kept back, in milliseconds; 0: not at all.
        #[serde(default)]
        delay_ms: u64,
    },
    /// What was lost without a word is kept back no longer.
    Reopened {
        /// Which lock, and the token that was lost.
        lost: Vec<(LockKey, Token)>,
    },
}
