//! What belongs to whom among locks and sessions: namespaces that live in one shard share its names.
//!
//! What another namespace than the default one names is kept under its own name with `/`; whoever has
//! the default namespace, which is that of the operator, sees all of it. A session is known by its
//! name with its number: the number alone could be guessed.

use orkestra_proto::orkestra::v1::SessionRequest;
use orkestra_runtime::id::{LockKey, SessionId, SessionNo};
use tonic::Status;

use super::name;
use crate::{
    client::locks::Locks,
    grpc::{
        credential::Caller,
        status::{Reason, failed, invalid_field, refused},
    },
    lock::{LockAnswer, LockQuery},
};

/// How a lock is kept that a caller names.
pub(super) fn kept_key(caller: &Caller, field: &str, key: &str) -> Result<LockKey, Status> {
    name(field, &kept(caller, field, key)?)
}

/// How a session is kept that a caller names.
pub(super) fn kept_session(
    caller: &Caller,
    field: &str,
    name_of: &str,
) -> Result<SessionId, Status> {
    name(field, &kept(caller, field, name_of)?)
}

fn kept(caller: &Caller, field: &str, named: &str) -> Result<String, Status> {
    if named.is_empty() {
        return Err(invalid_field(field, "is empty"));
    }
    let prefix = prefix(caller);
    Ok(format!("{prefix}{named}"))
}

/// What stands before all that a caller names.
pub(super) fn prefix(caller: &Caller) -> String {
    if caller.namespace.is_empty() { String::new() } else { format!("{}/", caller.namespace) }
}

/// What a caller calls a lock; none if it is not his.
pub(super) fn told_key<'a>(caller: &Caller, key: &'a LockKey) -> Option<&'a str> {
    key.as_str().strip_prefix(prefix(caller).as_str())
}

/// The number of a caller's own session, which is open.
pub(super) async fn own(
    locks: &Locks,
    caller: &Caller,
    session: Option<&SessionRequest>,
) -> Result<SessionNo, Status> {
    let Some(session) = session else { return Err(invalid_field("session", "is missing")) };
    let kept = kept_session(caller, "session.name", &session.name)?;
    let answer = locks.query(LockQuery::Session(kept)).await.map_err(|error| failed(&error))?;
    match answer {
        LockAnswer::Session(Some(found)) if found.session.number.0 == session.number => {
            Ok(found.session.number)
        }
        _ => {
            let why = format!(
                "there is no session {:?} with number {}: its lease has run out, or it was closed; \
                 open another one",
                session.name, session.number
            );
            Err(refused(Reason::NotFound, why))
        }
    }
}
