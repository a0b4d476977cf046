//! What was written of locks decodes for ever.

use orkestra_runtime::id::{
    Attempt, LockKey, RequestNo, SessionId, SessionNo, TaskNo, Token, WaitNo,
};

use super::script::{exclusive, key, permits, shared};
use crate::{
    lock::{Cycle, Link, LockEvent, LockReason, Owner, Tie, Who, Withdrawal},
    shard::{kept, machine::Event},
};

/// One event of each kind, with everything that it can hold.
fn events() -> Vec<Event> {
    let (owner, request) = (Owner::Session(SessionNo(41)), RequestNo(7));
    let attempt = Owner::Attempt { task: TaskNo(9), attempt: Attempt(2) };
    let ann = || SessionId::new("ann").unwrap();
    let link = |key: Option<LockKey>, tie| Link {
        who: Who::Session(ann()),
        key,
        tie,
        whom: Who::Attempt { task: TaskNo(9), attempt: Attempt(2) },
    };
    let links = vec![
        link(Some(key("a")), Tie::Holds),
        link(Some(key("b")), Tie::AskedEarlier),
        link(None, Tie::Said),
    ];
    let cycle = Cycle { links, more: 3 };
    let by = || "eve".to_owned();
    let withdrawn = |why| LockEvent::Withdrawn { owner, request, wait: Some(WaitNo(43)), why };
    let ended = LockReason::ALL.map(|reason| LockEvent::Ended {
        owner: attempt,
        reason,
        by: by(),
        delay_ms: 15_000,
        why: String::new(),
    });
    let mut all = vec![
        LockEvent::Opened { session: ann(), nonce: 1 << 60, lease_ms: 30_000, by: by() },
        LockEvent::Queued {
            owner,
            request,
            wants: vec![exclusive("a"), shared("b"), permits("c", 2, 3)].into(),
            wait_ms: Some(5_000),
        },
        LockEvent::Granted {
            owner,
            request,
            wants: vec![exclusive("a")].into(),
            wait: Some(WaitNo(42)),
        },
        withdrawn(Withdrawal::Cancelled),
        withdrawn(Withdrawal::TimedOut { ms: 5_000 }),
        withdrawn(Withdrawal::Deadlock { cycle }),
        LockEvent::Released { owner, request, keys: vec![key("a")], reason: LockReason::Manual },
        LockEvent::Stolen {
            key: key("a"),
            token: Token(43),
            by: by(),
            why: "it hangs".to_owned(),
            from: vec![Who::Session(ann()), Who::Gone(SessionNo(3)), Who::Task(TaskNo(9))],
            delay_ms: 500,
        },
        LockEvent::Reopened { lost: vec![(key("a"), Token(43))] },
    ];
    all.extend(ended);
    all.into_iter().map(Event::Lock).collect()
}

#[test]
fn what_was_written_of_locks_decodes_for_ever() {
    kept::holds("v2-lock.hex", events());
}
