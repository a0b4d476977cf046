//! Carries out what is asked of locks.

use std::time::Duration;

use orkestra_runtime::{Error, ErrorKind};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    answer::{Trouble, told},
    desk::{Desk, LIST, LIST_MAX, WAIT_MAX, by},
    kept_namespace,
    request::locks::{AcquireLocks, ListLocks, LockWord, OpenSession, StealLock},
};
use crate::{
    client::locks::{LockError, Locks},
    lock::{
        Acquire, Grant, LockAnswer, LockCommand, LockQuery, LockRefusal, LockReply, Opening,
        Patience, Release, Theft, Want,
    },
};

/// How long what does not wait may take.
const WITHIN: Duration = Duration::from_secs(30);
/// How many holders and waiters of one lock are shown.
const ROWS: u64 = 100;

type Answered = Result<Map<String, Value>, Trouble>;

impl Desk {
    /// Carries out one request; `key` is the idempotency key that stood beside it.
    pub(super) async fn lock(&self, word: LockWord, key: Option<&str>) -> Answered {
        match word {
            LockWord::Open(open) => self.open_session(open, key).await,
            LockWord::Renew(of) => {
                let (locks, session) = (self.locks(of.namespace.as_deref()), of.session);
                match locks.asked(|to| LockCommand::Renew { to, session }, WITHIN).await? {
                    LockReply::Renewed { lease_ms, losses } => {
                        told(&json!({ "session": session, "lease_ms": lease_ms, "losses": losses }))
                    }
                    reply => Err(other(reply)),
                }
            }
            LockWord::Close(of) => {
                let (locks, session) = (self.locks(of.namespace.as_deref()), of.session);
                match locks.asked(|to| LockCommand::Close { to, session }, WITHIN).await? {
                    LockReply::Closed => told(&json!({ "session": session, "closed": true })),
                    reply => Err(other(reply)),
                }
            }
            LockWord::Acquire(ask) => self.acquire(ask).await,
            LockWord::Cancel(of) => {
                let (locks, session) = (self.locks(of.namespace.as_deref()), of.session);
                let request = of.request;
                let cancel = |to| LockCommand::Cancel { to, session, request };
                match locks.asked(cancel, WITHIN).await? {
                    LockReply::Cancelled => told(&json!({ "request": request, "cancelled": true })),
                    reply => Err(other(reply)),
                }
            }
            LockWord::Release(of) => {
                let release = Release {
                    session: of.session,
                    request: of.request,
                    locks: of.locks,
                    reason: of.reason,
                };
                self.locks(of.namespace.as_deref()).release(release).await?;
                told(&json!({ "request": of.request, "released": true }))
            }
            LockWord::Check(of) => {
                let shown = Grant { key: of.key, token: of.token };
                match self.locks(of.namespace.as_deref()).check(shown).await {
                    Ok(()) => told(&json!({ "good": true })),
                    Err(LockError::Refused(refusal)) => {
                        told(&json!({ "good": false, "message": refusal.to_string() }))
                    }
                    Err(error) => Err(error.into()),
                }
            }
            LockWord::Steal(theft) => self.steal(theft).await,
            LockWord::Get(of) => {
                let query = LockQuery::Get { key: of.key, skip: 0, limit: ROWS };
                match self.locks(of.namespace.as_deref()).query(query).await? {
                    LockAnswer::Lock(lock) => told(&json!({ "lock": lock })),
                    answer => Err(odd(&answer)),
                }
            }
            LockWord::List(list) => self.list_locks(list).await,
        }
    }

    fn locks(&self, namespace: Option<&str>) -> Locks {
        self.shards.of(kept_namespace(namespace)).locks
    }

    async fn open_session(&self, open: OpenSession, key: Option<&str>) -> Answered {
        let OpenSession { namespace, name, lease_ms, nonce, r#as } = open;
        let nonce = match (nonce, key) {
            (Some(nonce), _) => nonce,
            (None, Some(key)) => number_of(key),
            (None, None) => crate::reach::nobodys_token()?,
        };
        let by = by(r#as.as_ref());
        let opening = Opening { session: name.clone(), nonce, lease_ms, by };
        let open = |to| LockCommand::Open { to, opening: opening.clone() };
        match self.locks(namespace.as_deref()).asked(open, WITHIN).await? {
            LockReply::Opened { session, lease_ms, existed } => told(&json!({
                "session": session,
                "name": name,
                "lease_ms": lease_ms,
                "existed": existed,
            })),
            reply => Err(other(reply)),
        }
    }

    /// Answers when the locks are given or will not be, and after a while in any case: then whoever
    /// wants to wait on asks the same again, and keeps its place.
    async fn acquire(&self, ask: AcquireLocks) -> Answered {
        let AcquireLocks { namespace, session, request, locks, wait_ms } = ask;
        let wants = locks.into_iter().map(|want| Want { key: want.key, mode: want.mode });
        let wait = if wait_ms == 0 { Patience::Try } else { Patience::For { ms: wait_ms } };
        let ask = Acquire { session, request, locks: wants.collect(), wait };
        let acquire = |to| LockCommand::Acquire { to, ask: ask.clone() };
        let locks = self.locks(namespace.as_deref());
        let asked = tokio::time::timeout(WAIT_MAX, locks.asked(acquire, WITHIN)).await;
        let Ok(asked) = asked else {
            let message = "it waits still: ask the same again, under the same number";
            return not_granted("waiting", message);
        };
        match asked? {
            LockReply::Granted { locks } => told(&json!({ "granted": true, "locks": locks })),
            LockReply::Refused(refusal) => match why_not(&refusal) {
                Some(why) => not_granted(why, &refusal.to_string()),
                None => Err(other(LockReply::Refused(refusal))),
            },
            reply => Err(other(reply)),
        }
    }

    async fn steal(&self, theft: StealLock) -> Answered {
        let StealLock { namespace, key, token, reason, r#as, delay_ms } = theft;
        let (by, why) = (by(r#as.as_ref()), reason.as_str().to_owned());
        let theft = Theft { key: key.clone(), token, by, why, delay_ms };
        let token = self.locks(namespace.as_deref()).steal(theft).await?;
        told(&json!({ "key": key, "token": token }))
    }

    async fn list_locks(&self, list: ListLocks) -> Answered {
        let ListLocks { namespace, after, limit } = list;
        let limit = limit.unwrap_or(LIST as u64).min(LIST_MAX as u64);
        let query = LockQuery::List { after, limit };
        match self.locks(namespace.as_deref()).query(query).await? {
            LockAnswer::Locks(page) => told(&json!({ "locks": page.rows, "more": page.more })),
            answer => Err(odd(&answer)),
        }
    }
}

/// A number that follows from a text, and from no other that anybody will find.
fn number_of(text: &str) -> u64 {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Why locks were not given that others have, in a word; none if the request itself is wrong.
pub(crate) const fn why_not(refusal: &LockRefusal) -> Option<&'static str> {
    match refusal {
        LockRefusal::Busy { .. } => Some("busy"),
        LockRefusal::TimedOut { .. } => Some("timed_out"),
        LockRefusal::Deadlock { .. } => Some("deadlock"),
        LockRefusal::Cancelled => Some("cancelled"),
        LockRefusal::SessionTaken { .. }
        | LockRefusal::SessionGone { .. }
        | LockRefusal::LeaseOutOfBounds { .. }
        | LockRefusal::NothingAsked
        | LockRefusal::TooMany { .. }
        | LockRefusal::NamedTwice { .. }
        | LockRefusal::PermitsOutOfBounds { .. }
        | LockRefusal::KindMismatch { .. }
        | LockRefusal::Upgrade { .. }
        | LockRefusal::RequestForgotten { .. }
        | LockRefusal::RequestConflict { .. }
        | LockRefusal::NotHeld { .. }
        | LockRefusal::StaleToken { .. }
        | LockRefusal::TextTooLong { .. }
        | LockRefusal::ReasonNotYours { .. } => None,
    }
}

fn not_granted(why: &str, message: &str) -> Answered {
    told(&json!({ "granted": false, "why": why, "message": message }))
}

/// A refusal, or an answer to something else.
fn other(reply: LockReply) -> Trouble {
    match reply {
        LockReply::Refused(refusal) => LockError::Refused(refusal).into(),
        reply => odd(&reply),
    }
}

fn odd(answer: &impl std::fmt::Debug) -> Trouble {
    Error::new(ErrorKind::Fault, format!("the locks answered something else: {answer:?}")).into()
}

impl From<LockError> for Trouble {
    fn from(error: LockError) -> Self {
        Error::from(error).into()
    }
}
