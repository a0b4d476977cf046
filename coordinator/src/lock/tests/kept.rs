//! What was written of locks decodes for ever.

use std::{fmt::Write as _, fs, path::Path};

use orkestra_runtime::{
    id::{
        Attempt, Epoch, LockKey, Number, RequestNo, SessionId, SessionNo, ShardId, TaskNo, Token,
        WaitNo,
    },
    record::{Head, Kind, Record, decode, encode_event, seal},
    time::Wall,
};

use super::script::{exclusive, key, permits, shared};
use crate::{
    lock::{Cycle, Link, LockEvent, LockReason, Owner, Tie, Who, Withdrawal},
    shard::machine::Event,
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

#[test]
fn what_was_written_of_locks_decodes_for_ever() {
    let events = events();
    let (first, last) = (Number(41), Number(40 + events.len() as u64));
    let at = Wall::from_ms(1_795_236_059_007);
    let head = Head { shard: ShardId(0), epoch: Epoch(7), first, last, at };
    let mut buffer = Vec::new();
    for event in &events {
        encode_event(event, &mut buffer).unwrap();
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/kept/records");
    let path = Path::new(folder).join("v2-lock.hex");
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let kept = kept.trim();
    let would_hold = hex(&seal(&head, &buffer).unwrap());
    assert!(!kept.is_empty(), "{} is missing; it would hold {would_hold}", path.display());
    let digit = |at: usize| u8::from_str_radix(&kept[at..at + 2], 16).unwrap();
    let bytes: Vec<u8> = (0..kept.len()).step_by(2).map(digit).collect();
    assert_eq!(decode::<Event>(&bytes).unwrap(), Record { kind: Kind::Events, head, events });
    // The record around them may be of a later version.
    assert!(kept.contains(&hex(&buffer)), "only add fields, with a default");
}
