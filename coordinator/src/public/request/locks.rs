//! What can be asked of locks.

use orkestra_runtime::id::{AgentId, LockKey, RequestNo, SessionId, SessionNo, Token};
use serde::Deserialize;

use super::{Trouble, word};
use crate::{
    door::Reason,
    lock::{Grant, LockReason, Mode},
};

/// Something that is asked of locks.
#[derive(Clone, Debug)]
pub enum LockWord {
    /// Opens a session.
    Open(OpenSession),
    /// Lets a session live for another lease.
    Renew(OfSession),
    /// Ends a session; all that it holds is free.
    Close(OfSession),
    /// Wants locks.
    Acquire(AcquireLocks),
    /// Wants no more what a request asked for.
    Cancel(CancelRequest),
    /// Gives locks back.
    Release(ReleaseLocks),
    /// Asks whether a token is good.
    Check(CheckToken),
    /// Takes a lock from whoever holds it.
    Steal(StealLock),
    /// Shows a lock.
    Get(OfLock),
    /// Lists locks.
    List(ListLocks),
}

/// A session that is to be opened.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenSession {
    /// Whose locks it holds.
    pub namespace: Option<String>,
    /// What it is called; one of a name at a time.
    pub name: SessionId,
    /// For how long it lives without a renewal.
    pub lease_ms: Option<u64>,
    /// The same again is the same opening.
    pub nonce: Option<u64>,
    /// Whose it is, for people.
    pub r#as: Option<AgentId>,
}

/// One session.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfSession {
    /// Whose locks it holds.
    pub namespace: Option<String>,
    /// Its number.
    pub session: SessionNo,
}

/// Locks that a session wants.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcquireLocks {
    /// Whose locks.
    pub namespace: Option<String>,
    /// For which session.
    pub session: SessionNo,
    /// Its number for this: from 1 and rising; the same again is the same request.
    pub request: RequestNo,
    /// Which: all of them or none.
    pub locks: Vec<Wanted>,
    /// How long it waits for them, in milliseconds.
    #[serde(default)]
    pub wait_ms: u64,
}

/// A lock that is wanted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Which.
    pub key: LockKey,
    /// How.
    #[serde(default = "exclusive")]
    pub mode: Mode,
}

const fn exclusive() -> Mode {
    Mode::Exclusive
}

/// A request that is no longer wanted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CancelRequest {
    /// Whose locks.
    pub namespace: Option<String>,
    /// Of which session.
    pub session: SessionNo,
    /// Its number.
    pub request: RequestNo,
}

/// Locks that a session gives back.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseLocks {
    /// Whose locks.
    pub namespace: Option<String>,
    /// Which session.
    pub session: SessionNo,
    /// Its number for this; the same again is the same request.
    pub request: RequestNo,
    /// Which, each with the token that it was given with.
    pub locks: Vec<Grant>,
    /// Why.
    #[serde(default)]
    pub reason: LockReason,
}

/// A token that somebody shows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckToken {
    /// Whose locks.
    pub namespace: Option<String>,
    /// Of which lock.
    pub key: LockKey,
    /// Which.
    pub token: Token,
}

/// A lock that is to be taken from whoever holds it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StealLock {
    /// Whose locks.
    pub namespace: Option<String>,
    /// Which.
    pub key: LockKey,
    /// Its newest token.
    pub token: Token,
    /// Why, for the record.
    pub reason: Reason,
    /// For whom it is asked, for the record.
    pub r#as: Option<AgentId>,
    /// For how long it is kept back, in milliseconds.
    pub delay_ms: Option<u64>,
}

/// One lock.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfLock {
    /// Whose locks.
    pub namespace: Option<String>,
    /// Which.
    pub key: LockKey,
}

/// Locks.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListLocks {
    /// Whose.
    pub namespace: Option<String>,
    /// Only those whose names come after this one.
    pub after: Option<LockKey>,
    /// How many at most.
    pub limit: Option<u64>,
}

impl LockWord {
    /// Reads what was sent to a subject below `lock.`; none if there is none such.
    pub(super) fn read(verb: &str, body: &[u8]) -> Result<Option<Self>, Trouble> {
        Ok(Some(match verb {
            "open" => Self::Open(word(body)?),
            "renew" => Self::Renew(word(body)?),
            "close" => Self::Close(word(body)?),
            "acquire" => Self::Acquire(word(body)?),
            "cancel" => Self::Cancel(word(body)?),
            "release" => Self::Release(word(body)?),
            "check" => Self::Check(word(body)?),
            "steal" => Self::Steal(word(body)?),
            "get" => Self::Get(word(body)?),
            "list" => Self::List(word(body)?),
            _ => return Ok(None),
        }))
    }
}
