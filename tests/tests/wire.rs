//! The spelling of frames: kept bytes, round trips, and everything that is not a frame.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must end")]

use std::{fmt::Debug, fmt::Write as _, path::Path};

use orkestra_runtime::{
    fabric::BlobName,
    id::{
        AgentId, Attempt, Capability, Epoch, Incarnation, LockKey, NodeId, RunId, ShardId, TaskId,
        TaskNo, Token,
    },
    limits::FRAME_BYTES_MAX,
    protocol::{
        agent::{
            AgentProfile, Artifact, Assignment, Availability, FromAgent, Locked, Progress, Report,
            ToAgent,
        },
        check::{CheckName, CheckResult, Level, Switch, Switches, Workspace},
        desk::{FromDesk, Muster, Said, ToDesk, tagged},
        lock::Grant,
        node::{Hosts, NodeBeat, Reads, Roles, Staying},
        payload::{Json, Payload},
        task::{Failure, FailureKind, Outcome},
        understanding::Understanding,
    },
    time::Wall,
    wire::{self, Wire, WireError},
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

fn agent() -> AgentId {
    AgentId::new("a1").unwrap()
}

fn workspace() -> Workspace {
    Workspace {
        dir: "/w".into(),
        output_dir: Some("out".into()),
        output_file: None,
        input_files: vec!["in".into()],
    }
}

/// Every check by name, with every way to switch it.
fn switches() -> Switches {
    let ways = [Switch::Off, Switch::On, Switch::Warning, Switch::Fail, Switch::Critical];
    Switches(CheckName::ALL.into_iter().zip(ways.into_iter().cycle()).collect())
}

/// A result of every check, at every level.
fn checks() -> Vec<CheckResult> {
    let levels = [Level::Pass, Level::Warning, Level::Fail, Level::Critical];
    let named = CheckName::ALL.into_iter().zip(levels.into_iter().cycle());
    let result =
        |(name, level)| CheckResult::new(name, level, Wall::from_ms(9), "m").with_details("d");
    named.map(|one| result(one).advise("s")).collect()
}

fn to_agent() -> Vec<(&'static str, ToAgent)> {
    let (task, attempt) = (TaskNo(300), Attempt(2));
    let assignment = Assignment {
        task,
        attempt,
        run: RunId::new("r").unwrap(),
        id: TaskId::new("t").unwrap(),
        title: "title".into(),
        instructions: "do".into(),
        input: Payload::Inline(Json::parse("{}").unwrap()),
        results: vec![(
            TaskId::new("d").unwrap(),
            Payload::Blob { name: BlobName::of(b"x"), bytes: 70_000 },
        )],
        timeout_ms: Some(1_000),
        effect_key: "key".into(),
        workspace: Some(Box::new(workspace())),
        checks: switches(),
        sensitive_output: true,
        locks: Vec::new(),
    };
    let (incarnation, number) = (Incarnation(7), 5_000_000_000);
    let want = ToAgent::Want { incarnation, number, count: 300, held: 2, heard: 41 };
    let hidden = Payload::Sensitive { name: BlobName::of(b"y"), bytes: 9 };
    let hidden = Assignment { input: hidden, sensitive_output: false, ..assignment.clone() };
    let token = Token(41);
    let locks = vec![Grant { key: LockKey::new("db").unwrap(), token }];
    let locked = Locked::of(Assignment { locks, ..assignment.clone() });
    vec![
        ("assign", ToAgent::Assign(vec![assignment, hidden])),
        ("cancel", ToAgent::Cancel { task, attempt, reason: "why".into() }),
        ("acknowledged", ToAgent::Acknowledged(vec![(task, attempt)])),
        ("who_is_there", ToAgent::WhoIsThere),
        ("want", want),
        ("assign_locked", ToAgent::AssignLocked(vec![locked])),
    ]
}

fn from_agent() -> Vec<(&'static str, FromAgent)> {
    let (task, attempt, incarnation) = (TaskNo(300), Attempt(2), Incarnation(7));
    let profile = |availability| AgentProfile {
        id: agent(),
        kind: "function".into(),
        description: "d".into(),
        capabilities: vec![Capability::new("rust").unwrap()],
        specialties: vec!["s".into()],
        capacity: 4,
        availability,
    };
    let report = |outcome| Report { task, attempt, outcome, worked_ms: 1_500, checks: checks() };
    let kinds = [
        FailureKind::Error,
        FailureKind::Panicked,
        FailureKind::TimedOut,
        FailureKind::Hung,
        FailureKind::Killed,
        FailureKind::ExitCode,
        FailureKind::BadOutput,
        FailureKind::Lost,
        FailureKind::HandedBack,
        FailureKind::Unavailable,
    ];
    let mut reports = vec![report(Outcome::Completed(Payload::null())), report(Outcome::Cancelled)];
    reports.extend(kinds.map(|kind| report(Outcome::Failed(Failure::new(kind, "m").for_good()))));
    let granted = FromAgent::Granted {
        agent: agent(),
        incarnation,
        number: 42,
        asked: 5_000_000_000,
        credits: 300,
        for_ms: 3_750,
    };
    let away = Availability::Unavailable { reason: "no".into() };
    let blob = BlobName::of(b"abc");
    let artifact = Artifact { name: "notes".into(), blob, bytes: 3 };
    let progress = Progress { percent: 50, message: "half".into() };
    let understanding = Understanding {
        role: "r".into(),
        current_understanding: "u".into(),
        pending_decisions: vec!["p".into()],
        concerns: vec!["c".into()],
        suggestions: Vec::new(),
        confidence_milli: 800,
    };
    vec![
        ("joined", FromAgent::Joined { profile: profile(Availability::Available), incarnation }),
        ("joined_unavailable", FromAgent::Joined { profile: profile(away), incarnation }),
        ("beat", FromAgent::Beat { agent: agent(), incarnation, held: vec![(task, attempt)] }),
        ("progressed", FromAgent::Progressed { agent: agent(), task, attempt, progress }),
        ("ended", FromAgent::Ended { agent: agent(), incarnation, reports }),
        ("left", FromAgent::Left { agent: agent(), incarnation }),
        ("leaving", FromAgent::Leaving { agent: agent(), incarnation }),
        ("kept", FromAgent::Kept { agent: agent(), task, attempt, artifact }),
        ("understood", FromAgent::Understood { agent: agent(), incarnation, understanding }),
        ("granted", granted),
    ]
}

fn beats() -> Vec<(&'static str, NodeBeat)> {
    let beat = |staying| NodeBeat {
        node: NodeId::new("n1").unwrap(),
        boot: Incarnation(7),
        number: 300,
        roles: Roles { coordinator: true, agents: false, hosts: Hosts::Functions },
        since: Wall::from_ms(1_700_000_000_000),
        capacity: 16,
        running: 3,
        led: 5,
        version: "0.1.0".into(),
        reads: Reads { record: 2, events: 1 },
        staying,
    };
    let all = [Staying::Stays, Staying::Draining, Staying::Leaving];
    ["stays", "draining", "leaving"].into_iter().zip(all.map(beat)).collect()
}

fn to_desk() -> Vec<(&'static str, ToDesk)> {
    let (shard, epoch) = (ShardId(3), Epoch(300));
    let task = tagged(shard, TaskNo(5));
    let cancel = ToAgent::Cancel { task, attempt: Attempt(2), reason: "why".into() };
    let words = vec![(agent(), cancel), (agent(), ToAgent::WhoIsThere)];
    vec![("words", ToDesk::Words { shard, epoch, words }), ("roll", ToDesk::Roll { shard, epoch })]
}

fn from_desk() -> Vec<(&'static str, FromDesk)> {
    let said = |said| FromDesk { node: NodeId::new("n1").unwrap(), boot: 7, said };
    let left = FromAgent::Left { agent: agent(), incarnation: Incarnation(7) };
    vec![
        ("words", said(Said::Words(vec![left]))),
        ("muster", said(Said::Muster(Muster { agents: 300, digest: u64::MAX }))),
    ]
}

/// Compares with the bytes that a released version wrote, one line a variant: `name hex`.
fn check_kept<W: Wire + PartialEq + Debug>(said: &[(&str, W)]) {
    let file = format!("{}.v{}.txt", W::KIND.name, W::KIND.version);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("kept").join(&file);
    let written: Vec<_> = said
        .iter()
        .map(|(name, what)| format!("{name} {}", hex(&wire::encode(what).unwrap())))
        .collect();
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        kept.lines().collect::<Vec<_>>(),
        written,
        "the spelling of {} has changed: raise its version, and keep kept/{file} as it is",
        W::KIND
    );
    for (line, (_, what)) in kept.lines().zip(said) {
        let (_, frame) = line.split_once(' ').unwrap();
        assert_eq!(wire::decode::<W>(&bytes(frame)).unwrap(), *what);
    }
}

#[test]
fn what_is_said_to_an_agent_is_spelled_as_it_always_was() {
    check_kept(&to_agent());
}

#[test]
fn what_an_agent_says_is_spelled_as_it_always_was() {
    check_kept(&from_agent());
}

#[test]
fn what_nodes_say_of_themselves_is_spelled_as_it_always_was() {
    check_kept(&beats());
}

#[test]
fn what_leaders_and_desks_say_to_each_other_is_spelled_as_it_always_was() {
    check_kept(&to_desk());
    check_kept(&from_desk());
}

#[test]
fn a_frame_that_was_cut_short_or_goes_on_is_refused() {
    for (_, what) in from_agent() {
        let frame = wire::encode(&what).unwrap();
        for length in 0..frame.len() {
            let cut = wire::decode::<FromAgent>(&frame[..length]);
            assert!(matches!(cut, Err(WireError::Junk(_))), "{length} bytes of {what:?}: {cut:?}");
        }
        let longer = [&frame[..], b"xy"].concat();
        let refused = wire::decode::<FromAgent>(&longer);
        assert_eq!(refused, Err(WireError::Trailing { bytes: 2 }));
    }
}

#[test]
fn a_frame_of_another_kind_or_version_is_refused_by_name() {
    let frame = wire::encode(&ToAgent::WhoIsThere).unwrap();
    let expected = "agent.from";
    let refused = wire::decode::<FromAgent>(&frame);
    assert_eq!(refused, Err(WireError::UnknownKind { name: "agent.to".into(), expected }));
    let mut newer = frame.to_vec();
    // The version stands after the length of the name and the name.
    newer[8 + "agent.to".len()] = 9;
    let refused = wire::decode::<ToAgent>(&newer);
    let unknown = |version| WireError::UnknownVersion { kind: "agent.to", version, expected: 3 };
    assert_eq!(refused, Err(unknown(9)));
    let told = unknown(9).to_string();
    assert!(told.contains("newer than version 3") && told.contains("upgrade this node"), "{told}");
}

/// The frames of an earlier version, as they were kept.
fn earlier(name: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("kept").join(name);
    let kept = std::fs::read_to_string(path).unwrap();
    kept.lines().map(|line| bytes(line.split_once(' ').unwrap().1)).collect()
}

#[test]
fn a_frame_of_the_version_before_is_refused_and_it_is_said_who_must_be_upgraded() {
    let to = earlier("agent.to.v2.txt")
        .iter()
        .map(|frame| wire::decode::<ToAgent>(frame).map(drop))
        .collect::<Vec<_>>();
    let from = earlier("agent.from.v2.txt");
    let from = from.iter().map(|frame| wire::decode::<FromAgent>(frame).map(drop));
    let refused: Vec<_> = to.into_iter().chain(from).map(Result::unwrap_err).collect();
    assert_eq!(refused.len(), 13);
    for error in refused {
        let told = error.to_string();
        assert!(matches!(error, WireError::UnknownVersion { version: 2, .. }), "{told}");
        assert!(
            told.contains("older than version 3") && told.contains("upgrade its sender"),
            "{told}"
        );
    }
}

#[test]
fn a_frame_that_is_too_long_is_neither_written_nor_read() {
    let reason = "x".repeat(FRAME_BYTES_MAX);
    let long = ToAgent::Cancel { task: TaskNo(1), attempt: Attempt(1), reason };
    assert!(matches!(wire::encode(&long), Err(WireError::TooLong { .. })));
    let read = wire::decode::<ToAgent>(&vec![0; FRAME_BYTES_MAX + 1]);
    assert_eq!(read, Err(WireError::TooLong { bytes: FRAME_BYTES_MAX + 1 }));
}

#[test]
fn a_length_that_a_peer_claims_is_not_believed() {
    let empty = wire::encode(&ToAgent::Acknowledged(Vec::new())).unwrap();
    // The last byte is the length of the list: now it claims 2^60 entries, and brings none.
    let mut lying = empty[..empty.len() - 1].to_vec();
    lying.push(253);
    lying.extend((1_u64 << 60).to_le_bytes());
    assert!(matches!(wire::decode::<ToAgent>(&lying), Err(WireError::Junk(_))));
}

#[test]
fn junk_is_refused_and_never_read_as_something_else() {
    let mut chance = orkestra_runtime::chance::Chance::from_seed(7);
    let sound = wire::encode(&from_agent()[0].1).unwrap();
    for _ in 0..2_000 {
        let junk: Vec<_> = (0..chance.below(200)).map(|_| chance.draw().to_le_bytes()[0]).collect();
        assert!(wire::decode::<ToAgent>(&junk).is_err());
        // One byte changed: an error, or something that is spelled exactly so.
        let mut changed = sound.to_vec();
        let at = usize::try_from(chance.below(changed.len() as u64)).unwrap();
        changed[at] = chance.draw().to_le_bytes()[0];
        if let Ok(read) = wire::decode::<FromAgent>(&changed) {
            assert_eq!(wire::encode(&read).unwrap(), changed);
        }
    }
}
