//! `orkestra lock sessions`, `end` and `clean`.

use std::time::Duration;

use orkestra_runtime::{
    Error, ErrorKind, Result,
    id::{LockKey, SessionId, SessionNo},
    time::{Clock as _, Now},
};
use serde::Serialize;

use super::{
    args::{CleanArgs, EndArgs},
    keeper::{change, look, odd},
    ms,
};
use crate::{
    cli::change::Asking,
    door::LockAsk,
    lock::{
        LockAnswer, LockQuery, LockReason, LockReply,
        view::{SessionView, StaleView},
    },
    output::{Console, Exit, Table, age, counted, duration},
};

/// How many sessions are listed unless more are asked for.
const LIMIT: u64 = 500;

/// Shows all sessions.
pub(super) async fn list(
    limit: Option<u64>,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let wanted = limit.unwrap_or(LIMIT);
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let left = wanted.saturating_sub(rows.len() as u64);
        let page = match look(LockQuery::Sessions { after, limit: left }, asking).await? {
            LockAnswer::Sessions(page) => page,
            answer => return Err(odd(&answer)),
        };
        rows.extend(page.rows);
        after = rows.last().map(|session: &SessionView| session.session.clone());
        if !page.more || rows.len() as u64 >= wanted {
            let now = asking.clock.now();
            console.list(&rows, |rows| table(rows, now))?;
            if page.more && limit.is_none() {
                console.say("there are more: --limit shows them")?;
            }
            return Ok(Exit::Done);
        }
    }
}

fn table(sessions: &[SessionView], now: Now) -> Table {
    let header = ["SESSION", "WHOSE", "HOLDS", "WAITS", "LOST", "LEASE", "LEFT", "OPEN FOR"];
    let mut table = Table::new(header);
    for session in sessions {
        // Where nobody leads, no lease runs.
        let left = match session.left_ms {
            0 => "-".to_owned(),
            left => told(left),
        };
        table.row([
            session.session.to_string(),
            session.by.clone(),
            session.holds.to_string(),
            session.waits.to_string(),
            session.losses.to_string(),
            told(session.lease_ms),
            left,
            age(now.wall, session.since),
        ]);
    }
    table
}

fn told(ms: u64) -> String {
    duration(Duration::from_millis(ms))
}

/// What was ended.
#[derive(Serialize)]
struct Ended {
    session: SessionId,
    session_number: SessionNo,
    reason: LockReason,
    /// How many locks it held.
    locks: u64,
}

/// Ends a session for whoever opened it.
pub(super) async fn end(
    args: &EndArgs,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let name = SessionId::new(&args.session)?;
    let found = match look(LockQuery::Session(name.clone()), asking).await? {
        LockAnswer::Session(found) => found,
        answer => return Err(odd(&answer)),
    };
    let Some(found) = found else {
        let message = format!(
            "there is no session {name}: it has ended, and `orkestra lock sessions` shows all that \
             there are"
        );
        return Err(Error::new(ErrorKind::NotFound, message));
    };
    let (session, locks) = (found.session.number, found.session.holds);
    let reason = if args.dead { LockReason::DeadProcess } else { LockReason::Manual };
    let (why, delay_ms) = (args.reason.clone(), args.delay.map(ms));
    match change(LockAsk::End { session, reason, why, delay_ms }, asking).await? {
        LockReply::Closed => {}
        reply => return Err(odd(&reply)),
    }
    let ended = Ended { session: name, session_number: session, reason, locks };
    console.item(&ended, |ended| {
        let held = counted(ended.locks, "lock");
        let free = match delay_ms {
            _ if ended.locks == 0 => "it held nothing".to_owned(),
            Some(0) => format!("{held} of it may be given to others now"),
            Some(delay) => format!("{held} of it may be given to others in {}", told(delay)),
            None => format!("{held} of it may be given to others in a while"),
        };
        format!("session {} is ended: {free}", ended.session)
    })?;
    Ok(Exit::Done)
}

/// Ends what is stale, or only shows it.
pub(super) async fn clean(
    args: &CleanArgs,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let silent_ms = Some(ms(args.stale.unwrap_or(asking.settings.config.locks_lease)));
    if args.dry_run {
        let page = match look(LockQuery::Stale { silent_ms }, asking).await? {
            LockAnswer::Stale(page) => page,
            answer => return Err(odd(&answer)),
        };
        console.list(&page.rows, stale)?;
        if page.more {
            console.say("and more, which are shown when these are gone")?;
        }
        return Ok(Exit::Done);
    }
    let mut gone = Vec::new();
    loop {
        match change(LockAsk::Clean { silent_ms }, asking).await? {
            LockReply::Cleaned { gone: some, more, .. } => {
                gone.extend(some);
                if !more {
                    break;
                }
            }
            reply => return Err(odd(&reply)),
        }
    }
    console.list(&gone, stale)?;
    Ok(Exit::Done)
}

fn stale(rows: &[StaleView]) -> Table {
    let mut table = Table::new(["WHO", "WHOSE", "WHY", "SILENT FOR", "HOLDS", "LOCKS"]);
    for StaleView { who, reason, by, silent_ms, holds, keys } in rows {
        let mut names: Vec<&str> = keys.iter().map(LockKey::as_str).collect();
        if *holds > names.len() as u64 {
            names.push("...");
        }
        table.row([
            who.to_string(),
            by.clone(),
            reason.to_string(),
            silent_ms.map(told).unwrap_or_default(),
            holds.to_string(),
            names.join(" "),
        ]);
    }
    table
}
