//! Kept state: what a released version wrote of a shard is restored for ever.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must end")]

use std::{fmt::Write as _, fs, path::Path, sync::Arc};

use orkestra_coordinator::{
    context::{
        ActiveTask, ContextAnswer, ContextEvent, ContextQuery, ProjectPhase, SnapshotNo,
        SnapshotReason, Tally,
    },
    shard::{
        Mind as _,
        machine::{Event, ShardMachine, ShardSettings},
    },
};
use orkestra_runtime::{
    id::{AgentId, Attempt, Epoch, Number, RunId, ShardId, TaskId},
    protocol::understanding::Understanding,
    record::{Head, Kind, Record, decode, encode_event, seal},
    time::Wall,
};

fn kept(name: &str, would_hold: &[u8]) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("kept").join(name);
    let text = fs::read_to_string(&path);
    assert!(text.is_ok(), "{} is missing; it would hold {}", path.display(), hex(would_hold));
    let text = text.unwrap();
    let text = text.trim();
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn agents(machine: &ShardMachine) -> Vec<String> {
    let query = ContextQuery::Show { agent: None, snapshot: None, events: 10 };
    let answer = machine.context().answer(&query, machine.tasks());
    // Without a context there are none, and each caller awaits some.
    let ContextAnswer::Context(Some(view)) = answer else { return Vec::new() };
    view.agents.into_iter().map(|agent| agent.agent_name.to_string()).collect()
}

#[test]
fn a_shard_that_was_kept_before_there_was_a_context_is_restored_and_begins_an_empty_one() {
    let bytes = kept("snapshots/v1-shard.hex", &[]);
    let mut machine = ShardMachine::restore(&bytes).unwrap();
    let run = RunId::new("r").unwrap();
    assert_eq!(machine.tasks().latest_run(), Some(&run));
    assert_eq!((agents(&machine), machine.context().version()), (vec!["ann".to_owned()], 0));

    // It goes on from there, and what is kept then holds both.
    let (agent, understanding) = (AgentId::new("ann").unwrap(), Understanding::of("it goes on"));
    let event = ContextEvent::Understood { agent, understanding: Arc::new(understanding) };
    machine.apply(Number(100), Wall::from_ms(1_795_236_060_000), &Event::Context(event));
    let again = ShardMachine::restore(&machine.snapshot()).unwrap();
    assert_eq!((again.snapshot(), again.context().version()), (machine.snapshot(), 1));
}

#[test]
fn a_shard_that_a_newer_program_kept_is_refused_with_advice() {
    // A map that begins with the version, 99; the newer program may hold anything behind it.
    for newer in [&[0x81, 0xa1, b'v', 99][..], &[0x82, 0xa1, b'v', 99, 0xa1, b'x', 0xc0]] {
        let refused = ShardMachine::restore(newer).map(drop).unwrap_err().to_string();
        let told = refused.contains("version 99") && refused.contains("use the newer program");
        assert!(told, "{refused}");
    }
}

/// One event of each kind, with everything that it can hold.
fn events() -> Vec<Event> {
    let ann = || AgentId::new("ann").unwrap();
    let understanding = Understanding {
        role: "r".into(),
        current_understanding: "u".into(),
        pending_decisions: vec!["p".into()],
        concerns: vec!["c".into()],
        suggestions: vec!["s".into()],
        confidence_milli: 650,
    };
    let active = ActiveTask {
        run: RunId::new("r").unwrap(),
        task: TaskId::new("t").unwrap(),
        attempt: Attempt(2),
        agent: ann(),
        since: Wall::from_ms(1_795_236_059_007),
    };
    let taken = |reason| ContextEvent::SnapshotTaken {
        reason,
        by: "b".into(),
        note: "n".into(),
        gone: vec![ann()],
        tally: Tally { total: 4, completed: 3, failed: 2, cancelled: 1 },
        active: vec![active.clone()],
    };
    let by = || "b".to_owned();
    let all = vec![
        ContextEvent::Understood { agent: ann(), understanding: understanding.into() },
        taken(SnapshotReason::Interval),
        taken(SnapshotReason::Disconnect),
        taken(SnapshotReason::Requested),
        taken(SnapshotReason::Restore),
        ContextEvent::SnapshotsForgotten { snapshots: vec![SnapshotNo(42)] },
        ContextEvent::Restored { snapshot: SnapshotNo(43), by: by() },
        ContextEvent::PhaseSet { phase: ProjectPhase::Deployment, by: by() },
        ContextEvent::Reconnected { agents: vec![ann()] },
    ];
    all.into_iter().map(Event::Context).collect()
}

#[test]
fn what_was_written_of_the_context_decodes_for_ever() {
    let events = events();
    let at = Wall::from_ms(1_795_236_059_007);
    let (first, last) = (Number(41), Number(40 + events.len() as u64));
    let head = Head { shard: ShardId(0), epoch: Epoch(7), first, last, at };
    let mut buffer = Vec::new();
    for event in &events {
        encode_event(event, &mut buffer).unwrap();
    }
    let written = seal(&head, &buffer).unwrap();
    let bytes = kept("records/v1-context.hex", &written);
    assert_eq!(decode::<Event>(&bytes).unwrap(), Record { kind: Kind::Events, head, events });
    // The record around them may be of a later version.
    assert!(hex(&bytes).contains(&hex(&buffer)), "only add fields, with a default");
    let mut machine = ShardMachine::new(ShardSettings::default());
    for (number, event) in (41..).zip(decode::<Event>(&bytes).unwrap().events) {
        machine.apply(Number(number), at, &event);
    }
    assert_eq!(machine.context().version(), 7);
}
