//! `orkestra lock acquire`, `release` and `steal`.

use std::{collections::BTreeSet, time::Duration};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    id::{LockKey, RequestNo, SessionId, SessionNo, Token},
    time::Clock as _,
};
use serde::Serialize;

use super::{
    args::{AcquireArgs, ReleaseArgs, StealArgs},
    is_not_got,
    keeper::{Keeper, change, look, odd},
    ms, patience, session_name, wants,
};
use crate::{
    cli::{change::Asking, run::interrupted},
    client::locks::{LockError, Session, SessionSpec},
    door::{Asker, LockAsk},
    lock::{Grant, LockAnswer, LockQuery, LockReason, LockReply, Release, Theft},
    output::{Console, Exit, duration},
};

/// What is held, and by what it is given back.
#[derive(Serialize)]
struct Held {
    session: SessionId,
    session_number: SessionNo,
    locks: Vec<Grant>,
    lease_ms: u64,
}

/// Takes locks, and leaves them to a session that nobody renews.
pub(super) async fn acquire(
    args: &AcquireArgs,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let (wants, name) = (wants(&args.keys, &args.want)?, session_name(&args.want)?);
    let keeper = Keeper::find(asking).await?;
    let spec = SessionSpec { name, lease: Some(args.lease), by: keeper.by.clone() };
    let session = keeper.locks.open(spec).await?;
    let acquired = tokio::select! {
        acquired = session.acquire(wants, patience(&args.want)) => acquired,
        () = interrupted() => {
            closed(session, console).await?;
            keeper.close().await;
            return Ok(Exit::Interrupted);
        }
    };
    let exit = match acquired {
        Ok(guard) => {
            let (name, session_number) = (session.name().clone(), session.number());
            let (locks, lease_ms) = (guard.leave(), ms(args.lease));
            let held = Held { session: name, session_number, locks, lease_ms };
            session.leave().await?;
            console.item(&held, text)?;
            Exit::Done
        }
        Err(LockError::Refused(refusal)) if is_not_got(&refusal) => {
            console.say(refusal)?;
            closed(session, console).await?;
            Exit::Negative
        }
        Err(error) => {
            closed(session, console).await?;
            keeper.close().await;
            return Err(error.into());
        }
    };
    keeper.close().await;
    Ok(exit)
}

/// Closes a session that holds nothing; what cannot be closed ends with its lease.
async fn closed(session: Session, console: &mut Console) -> Result<()> {
    if let Err(error) = session.close().await {
        console.warn(format!("the session is left open, and ends with its lease: {error}"))?;
    }
    Ok(())
}

fn names<'a>(keys: impl Iterator<Item = &'a LockKey>) -> String {
    keys.map(LockKey::as_str).collect::<Vec<_>>().join(" ")
}

fn text(Held { session, locks, lease_ms, .. }: &Held) -> String {
    let keys = names(locks.iter().map(|grant| &grant.key));
    let token = locks.first().map_or(Token(0), |grant| grant.token);
    let lease = duration(Duration::from_millis(*lease_ms));
    format!(
        "held with token {token} by session {session}: {keys}\n\
         nobody renews it: after {lease} it is no longer sure\n\
         give it back with `orkestra lock release {keys} --session {session} --token {token}`"
    )
}

/// What was given back.
#[derive(Serialize)]
struct Released<'a> {
    session: &'a SessionId,
    locks: Vec<Grant>,
    /// Whether the session is closed, since it held nothing more.
    closed: bool,
}

/// Gives back what a session holds, and closes it if that was all.
pub(super) async fn release(
    args: &ReleaseArgs,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let (name, token) = (SessionId::new(&args.session)?, Token(args.token));
    let grant = |key: &String| Ok(Grant { key: LockKey::new(key)?, token });
    let locks: Vec<Grant> = args.keys.iter().map(grant).collect::<Result<_>>()?;
    let found = match look(LockQuery::Session(name.clone()), asking).await? {
        LockAnswer::Session(found) => found,
        answer => return Err(odd(&answer)),
    };
    let Some(found) = found else {
        let message = format!(
            "there is no session {name}: it was closed, or its lease has run out, and it holds \
             nothing any more"
        );
        return Err(Error::new(ErrorKind::NotFound, message));
    };
    let session = found.session.number;
    // Higher than what its owner may have asked, and its own: nobody releases twice in one moment.
    let request = RequestNo(asking.clock.now().wall.as_ms());
    let reason = LockReason::Manual;
    let given_back = LockAsk::Release(Release { session, request, locks: locks.clone(), reason });
    match change(given_back, asking).await? {
        LockReply::Released => {}
        reply => return Err(odd(&reply)),
    }
    let released: BTreeSet<&LockKey> = locks.iter().map(|grant| &grant.key).collect();
    let mut rest = found.held.iter().filter(|held| !released.contains(&held.key) || held.depth > 1);
    let is_all = rest.next().is_none()
        && found.session.waits == 0
        && found.session.holds == found.held.len() as u64;
    if is_all {
        change(LockAsk::Close { session }, asking).await?;
    }
    let done = Released { session: &name, locks, closed: is_all };
    console.item(&done, |done| {
        let keys = names(done.locks.iter().map(|grant| &grant.key));
        let closed = if done.closed { ", which is closed" } else { "" };
        format!("released: {keys}, by session {name}{closed}")
    })?;
    Ok(Exit::Done)
}

/// What was taken.
#[derive(Serialize)]
struct Stolen {
    key: LockKey,
    /// No token up to this one is good.
    token: Token,
}

/// Takes a lock from whoever holds it.
pub(super) async fn steal(
    args: &StealArgs,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let key = LockKey::new(&args.key)?;
    let token = match args.token {
        Some(token) => Token(token),
        None => match look(LockQuery::Get { key: key.clone(), skip: 0, limit: 1 }, asking).await? {
            LockAnswer::Lock(Some(lock)) => lock.lock.newest,
            LockAnswer::Lock(None) => {
                let message = format!("nobody holds lock {key}: `orkestra lock list` shows all");
                return Err(Error::new(ErrorKind::NotFound, message));
            }
            answer => return Err(odd(&answer)),
        },
    };
    let by = Asker::of_process().await.to_string();
    let (why, delay_ms) = (args.reason.clone(), args.delay.map(ms));
    let theft = Theft { key: key.clone(), token, by, why, delay_ms };
    let token = match change(LockAsk::Steal(theft), asking).await? {
        LockReply::Stolen { token } => token,
        reply => return Err(odd(&reply)),
    };
    console.item(&Stolen { key, token }, |Stolen { key, token }| {
        format!("lock {key} is stolen: no token up to {token} is good any more")
    })?;
    Ok(Exit::Done)
}
