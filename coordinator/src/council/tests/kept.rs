//! What was written of councils decodes for ever.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use orkestra_runtime::{
    id::{Epoch, Number, RunId, ShardId, TaskId, TaskNo},
    protocol::{
        council::{ChecksSpec, DryRunSpec, LintSpec, Pattern, PolicySpec, TextFormat},
        payload::Json,
    },
    record::{Head, Kind as RecordKind, Record, decode, encode_event, seal},
    time::Wall,
};

use super::script::agent;
use crate::{
    committee::tally::Method,
    council::{
        Capabilities, CheckWeights, CouncilConfig, CouncilEvent, DeliberationRequest, EndStatus,
        Ending, Exchange, Kind, LeftOut, Marks, Opening, Out, Phase, Place, Ranked, Seat,
        Selection, Step, StepRole, Version,
    },
    shard::machine::Event,
};

fn said() -> BTreeMap<String, String> {
    [("k".to_owned(), "v".to_owned())].into()
}

fn checks() -> ChecksSpec {
    let pattern = Pattern {
        text: "p".to_owned(),
        regex: true,
        ignore_case: true,
        message: "m".to_owned(),
        ..Pattern::default()
    };
    let policy = PolicySpec { required: vec![pattern.clone()], forbidden: vec![pattern] };
    let lint = LintSpec {
        format: TextFormat::Markdown,
        max_line: Some(80),
        required_headings: vec!["H".to_owned()],
        no_trailing_space: true,
        ..LintSpec::default()
    };
    ChecksSpec { policy, lint, dry_run: Some(DryRunSpec { agent: agent("val") }) }
}

fn config(selection: Selection, exchange: Exchange) -> Box<CouncilConfig> {
    Box::new(CouncilConfig {
        deliberation_rounds: 2,
        enable_peer_review: false,
        model_profile: "m".to_owned(),
        custom_params: said(),
        agent_type: "VLLM".to_owned(),
        exchange,
        selection,
        checks: checks(),
        weights: CheckWeights { policy: 1, lint: 2, dry_run: 3 },
        judges: vec![agent("jo")],
    })
}

fn seat() -> Seat {
    let capabilities = Capabilities {
        supported_tasks: vec!["draft".to_owned()],
        model_profile: "m".to_owned(),
        max_concurrent_tasks: 2,
        languages: vec!["rust".to_owned()],
    };
    Seat {
        id: agent("agent-dev-001"),
        worker: agent("ann"),
        capabilities,
        endpoint: "e".to_owned(),
        metadata: said(),
    }
}

fn opening() -> Box<Opening> {
    let request = DeliberationRequest {
        id: "one".to_owned(),
        namespace: "n".to_owned(),
        role: "dev".to_owned(),
        task: "t".to_owned(),
        rubric: "r".to_owned(),
        requirements: vec!["q".to_owned()],
        metadata: said(),
        max_iterations: 3,
        timeout_ms: 9,
        rounds: Some(2),
        num_agents: 2,
        selection: Some(Selection::Architect { k: 2 }),
        exchange: Some(Exchange::All),
        checks: Some(checks()),
        seed: Some(7),
        notes: Json::parse("[1]").unwrap(),
        kind: Kind::Orchestrate,
    };
    Box::new(Opening {
        request,
        role: "DEV".to_owned(),
        run: RunId::new("deliberation:n:one").unwrap(),
        seats: vec![Place { id: agent("agent-dev-001"), worker: agent("ann") }],
        left_out: vec![LeftOut { seat: agent("agent-dev-002"), why: "w".to_owned() }],
        until: Wall::from_ms(1_795_236_060_000),
        seed: 7,
        tries: 3,
        rounds: 2,
        exchange: Exchange::None,
        selection: Selection::Score,
        checks: checks(),
        weights: CheckWeights::default(),
        judges: vec![agent("jo")],
        params: said(),
        task: Some(TaskNo(40)),
    })
}

fn task(name: &str) -> TaskId {
    TaskId::new(name).unwrap()
}

fn begun() -> impl Iterator<Item = CouncilEvent> {
    let roles = [
        (Phase::Drafting, StepRole::Draft),
        (Phase::Critique, StepRole::Critique),
        (Phase::Revising, StepRole::Revise),
        (Phase::Checking, StepRole::Check),
        (Phase::Checking, StepRole::DryRun),
        (Phase::Judging, StepRole::Judge),
        (Phase::Judging, StepRole::Verdict),
    ];
    roles.into_iter().map(|(phase, role)| CouncilEvent::PhaseBegun {
        no: 3,
        phase,
        round: 1,
        versions: vec![Version { seat: 0, task: task("draft-1") }],
        out: vec![Out { seat: 1, why: "w".to_owned() }],
        tasks: vec![Step { task: task("a-step"), role, seat: 0, of: vec![1] }],
        remarks: vec!["x".to_owned()],
    })
}

fn ended(status: EndStatus) -> CouncilEvent {
    let marks = Marks { checked: true, policy: true, lint: false, dry_run: true, findings: 2 };
    let ranked = Ranked { seat: 0, task: task("draft-1"), marks, points: 2, of: 3 };
    let ending = Ending {
        status,
        ranking: vec![ranked],
        winner: Some(0),
        selected_by: "s".to_owned(),
        out: vec![Out { seat: 1, why: "w".to_owned() }],
        why: Some("y".to_owned()),
        remarks: vec!["x".to_owned()],
        answered: 4,
        answered_ms: 5,
    };
    CouncilEvent::Ended { no: 3, ending: Box::new(ending) }
}

/// One event of each kind, with everything that it can hold.
fn events() -> Vec<Event> {
    let (namespace, role) = (|| "n".to_owned(), || "DEV".to_owned());
    let committee = Selection::Committee { method: Method::SchulzeMargins };
    let configs = [
        config(Selection::Score, Exchange::Ring),
        config(Selection::Architect { k: 3 }, Exchange::All),
        config(committee, Exchange::None),
    ];
    let created = configs.map(|config| CouncilEvent::Created {
        namespace: namespace(),
        role: role(),
        config,
        seats: vec![seat()],
    });
    let seated = Box::new(seat());
    let rest = [
        CouncilEvent::Registered { namespace: namespace(), role: role(), seat: seated },
        CouncilEvent::Unregistered { namespace: namespace(), role: role(), seat: agent("ann") },
        CouncilEvent::Deleted { namespace: namespace(), role: role() },
        CouncilEvent::Opened { opening: opening() },
        CouncilEvent::Forgotten { deliberations: vec![3] },
    ];
    let statuses =
        [EndStatus::Completed, EndStatus::Failed, EndStatus::Timeout, EndStatus::Cancelled];
    let all = created.into_iter().chain(rest).chain(begun()).chain(statuses.map(ended));
    all.map(Event::Council).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

#[test]
fn what_was_written_of_councils_decodes_for_ever() {
    let events = events();
    let head = Head {
        shard: ShardId(3),
        epoch: Epoch(7),
        first: Number(1),
        last: Number(events.len() as u64),
        at: Wall::from_ms(1_795_236_059_007),
    };
    let mut buffer = Vec::new();
    for event in &events {
        encode_event(event, &mut buffer).unwrap();
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/kept/records");
    let path = Path::new(folder).join("v2-council.hex");
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let kept = kept.trim();
    let would_hold = hex(&seal(&head, &buffer).unwrap());
    assert!(!kept.is_empty(), "{} is missing; it would hold {would_hold}", path.display());
    let digit = |at: usize| u8::from_str_radix(&kept[at..at + 2], 16).unwrap();
    let bytes: Vec<u8> = (0..kept.len()).step_by(2).map(digit).collect();
    let record = Record { kind: RecordKind::Events, head, events };
    assert_eq!(decode::<Event>(&bytes).unwrap(), record);
    // The record around them may be of a later version.
    assert!(kept.contains(&hex(&buffer)), "only add fields, with a default");
}
