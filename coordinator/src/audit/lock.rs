//! Rows of locks.

use serde_json::{Value, json};

use crate::lock::{LockEvent, Owner, Withdrawal};

/// The type of an event, by name.
pub(super) const fn type_of(event: &LockEvent) -> &'static str {
    match event {
        LockEvent::Opened { .. } => "lock_session_opened",
        LockEvent::Ended { owner: Owner::Session(_), .. } => "lock_session_ended",
        LockEvent::Ended { owner: Owner::Attempt { .. }, .. } => "lock_attempt_ended",
        LockEvent::Queued { .. } => "lock_queued",
        LockEvent::Granted { .. } => "lock_granted",
        LockEvent::Withdrawn { why: Withdrawal::Cancelled, .. } => "lock_cancelled",
        LockEvent::Withdrawn { why: Withdrawal::TimedOut { .. }, .. } => "lock_timed_out",
        LockEvent::Withdrawn { why: Withdrawal::Deadlock { .. }, .. } => "lock_deadlock",
        LockEvent::Released { .. } => "lock_released",
        LockEvent::Stolen { .. } => "lock_stolen",
        LockEvent::Reopened { .. } => "lock_reopened",
    }
}

/// What an event says beyond its subject.
pub(super) fn details_of(event: &LockEvent) -> Value {
    match event {
        LockEvent::Opened { session, lease_ms, by, .. } => {
            json!({ "session": session, "lease_ms": lease_ms, "by": by })
        }
        LockEvent::Ended { owner, reason, by, delay_ms, why } => json!({
            "owner": owner,
            "reason": reason,
            "by": by,
            "why": why,
            "delay_ms": delay_ms,
        }),
        LockEvent::Queued { owner, request, wants, wait_ms } => {
            json!({ "owner": owner, "request": request, "wants": wants, "wait_ms": wait_ms })
        }
        LockEvent::Granted { owner, request, wants, wait } => {
            json!({ "owner": owner, "request": request, "wants": wants, "wait": wait })
        }
        LockEvent::Withdrawn { owner, request, wait, why } => {
            let told = match why {
                Withdrawal::Cancelled => "it was no longer wanted".to_owned(),
                Withdrawal::TimedOut { ms } => format!("it waited for {ms} ms"),
                Withdrawal::Deadlock { cycle } => cycle.to_string(),
            };
            json!({ "owner": owner, "request": request, "wait": wait, "why": told })
        }
        LockEvent::Released { owner, request, keys, reason } => {
            json!({ "owner": owner, "request": request, "keys": keys, "reason": reason })
        }
        LockEvent::Stolen { key, token, by, why, from, delay_ms } => json!({
            "key": key,
            "token": token,
            "by": by,
            "why": why,
            "from": from.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "delay_ms": delay_ms,
        }),
        LockEvent::Reopened { lost } => json!({ "lost": lost }),
    }
}
