//! `orkestra lock list` and `orkestra lock get`.

use std::{fmt::Write as _, time::Duration};

use orkestra_runtime::{
    Result,
    id::LockKey,
    time::{Clock as _, Now},
};

use super::keeper::{look, odd};
use crate::{
    cli::change::Asking,
    lock::{
        LockAnswer, LockQuery,
        view::{LockDetail, LockView},
    },
    output::{Console, Exit, Table, age, duration},
};

/// How many locks are listed unless more are asked for.
const LIMIT: u64 = 500;
/// How many holders and waiters of one lock are shown.
const ROWS: u64 = 100;

/// Shows all locks that are in use.
pub(super) async fn list(
    limit: Option<u64>,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let wanted = limit.unwrap_or(LIMIT);
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let left = wanted.saturating_sub(rows.len() as u64);
        let page = match look(LockQuery::List { after, limit: left }, asking).await? {
            LockAnswer::Locks(page) => page,
            answer => return Err(odd(&answer)),
        };
        rows.extend(page.rows);
        after = rows.last().map(|lock: &LockView| lock.key.clone());
        if !page.more || rows.len() as u64 >= wanted {
            console.list(&rows, table)?;
            if page.more && limit.is_none() {
                console.say("there are more: --limit shows them")?;
            }
            return Ok(Exit::Done);
        }
    }
}

fn table(locks: &[LockView]) -> Table {
    let mut table = Table::new(["LOCK", "KIND", "HELD BY", "TOKEN", "WAITING", "LOST"]);
    for lock in locks {
        let mut names: Vec<String> = lock.held_by.iter().map(ToString::to_string).collect();
        let shown = names.len() as u64;
        if lock.holders > shown {
            names.push(format!("and {} more", lock.holders - shown));
        }
        table.row([
            lock.key.to_string(),
            lock.kind.to_string(),
            names.join(", "),
            lock.newest.to_string(),
            lock.waiting.to_string(),
            lock.lost.to_string(),
        ]);
    }
    table
}

/// Shows one lock; the answer is no if nobody holds it.
pub(super) async fn get(key: &str, asking: &Asking<'_>, console: &mut Console) -> Result<Exit> {
    let key = LockKey::new(key)?;
    let query = LockQuery::Get { key: key.clone(), skip: 0, limit: ROWS };
    let lock = match look(query, asking).await? {
        LockAnswer::Lock(lock) => lock,
        answer => return Err(odd(&answer)),
    };
    let Some(lock) = lock else {
        console.say(format!("lock {key} is free: nobody holds it, has lost it or waits for it"))?;
        return Ok(Exit::Negative);
    };
    let is_held = lock.lock.holders > 0;
    let now = asking.clock.now();
    console.item(&lock, |lock| text(lock, now))?;
    Ok(if is_held { Exit::Done } else { Exit::Negative })
}

fn text(LockDetail { lock, holders, lost, waiters }: &LockDetail, now: Now) -> String {
    let mut text =
        format!("lock {}: {}; its newest token is {}\n", lock.key, lock.kind, lock.newest);
    for holder in holders {
        // Writing to a text cannot fail.
        let _ = write!(text, "held by {} ({}), token {}", holder.who, holder.mode, holder.token);
        let times =
            if holder.depth > 1 { format!(", {} times", holder.depth) } else { String::new() };
        let _ = writeln!(text, "{times}, for {}", age(now.wall, holder.since));
    }
    for gone in lost {
        let left = duration(Duration::from_millis(gone.left_ms));
        let _ = write!(text, "lost by {} ({}), token {}", gone.who, gone.mode, gone.token);
        let _ = writeln!(text, ": kept back for {left}");
    }
    for waiter in waiters {
        let mode = waiter.wants.iter().find(|want| want.key == lock.key);
        let mode = mode.map(|want| format!(" ({})", want.mode)).unwrap_or_default();
        let since = age(now.wall, waiter.since);
        let _ = write!(text, "{}. waits: {}{mode}, for {since}", waiter.place, waiter.who);
        let left = waiter.left_ms.map(|ms| duration(Duration::from_millis(ms)));
        let _ = writeln!(text, "{}", left.map(|left| format!(", {left} more")).unwrap_or_default());
    }
    text
}
