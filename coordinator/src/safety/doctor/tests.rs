//! Folders with something wrong, and what is said of them.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use orkestra_agents::kinds::function::BlockingPool;
use orkestra_runtime::{
    fabric::{Fabric, Sequence, embedded::Embedded},
    id::{
        AgentId, Attempt, Epoch, LockKey, Number, RequestNo, RunId, SessionId, SessionNo, ShardId,
        TaskId, TaskNo,
    },
    journal::Journal,
    protocol::{
        agent::{AgentProfile, Availability},
        payload::Payload,
        task::{Dependency, DependencyKind, TaskSpec},
    },
    record::{Head, encode_event, seal},
    time::{Clock as _, SystemClock, Wall},
};

use super::*;
use crate::{
    lock::{LockEvent, Mode, Owner, Want},
    safety::heal::heal,
    scenario::Scenario,
    shard::machine::Event,
    system::{System, SystemSpec},
    task::{RunNo, RunOpening, Score, TaskEvent},
};

/// What a record may say though no submission would have let it in: `a` is in progress since `at`,
/// and `z` needs what is not there.
fn impossible() -> Vec<TaskEvent> {
    let id = |name| TaskId::new(name).unwrap();
    let mut z = TaskSpec::new(id("z"));
    z.dependencies = vec![Dependency { on: id("ghost"), kind: DependencyKind::Hard }];
    let profile = AgentProfile {
        id: AgentId::new("ann").unwrap(),
        kind: "function".into(),
        description: String::new(),
        capabilities: Vec::new(),
        specialties: Vec::new(),
        capacity: 1,
        availability: Availability::Unavailable { reason: "python3 is not on PATH".into() },
    };
    vec![
        TaskEvent::RunOpened { run: RunId::new("r").unwrap(), opening: RunOpening::default() },
        TaskEvent::Submitted { run: RunNo(1), spec: Arc::new(TaskSpec::new(id("a"))) },
        TaskEvent::Submitted { run: RunNo(1), spec: Arc::new(z) },
        TaskEvent::RunSealed { run: RunNo(1) },
        TaskEvent::AgentDescribed { profile },
        TaskEvent::Assigned {
            task: TaskNo(2),
            attempt: Attempt(1),
            agent: AgentId::new("ann").unwrap(),
            score: Score::default(),
        },
    ]
}

/// Writes these events as the one record of a new folder.
async fn written(dir: &Path, at: Wall, events: Vec<TaskEvent>) {
    written_of_all(dir, at, events.into_iter().map(Event::Task).collect()).await;
}

async fn written_of_all(dir: &Path, at: Wall, events: Vec<Event>) {
    let fabric = Embedded::open(dir).unwrap();
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).unwrap();
    let journal = Journal::of(&fabric, ShardId(0)).unwrap();
    let last = Number(events.len() as u64);
    let mut buffer = Vec::new();
    for event in events {
        encode_event(&event, &mut buffer).unwrap();
    }
    let head = Head { shard: ShardId(0), epoch: Epoch(0), first: Number(1), last, at };
    let record = Bytes::from(seal(&head, &buffer).unwrap());
    journal.append(Sequence(0), record).await.unwrap();
    fabric.close().await;
}

async fn diagnosed(dir: &Path) -> Diagnosis {
    let questions = Questions { data_dir: dir.to_owned(), deep: true, ..Questions::default() };
    examine(&questions, SystemClock::start().now(), Vec::new()).await
}

/// What is said of a part, but for what passes: `name level`.
fn faults(diagnosis: &Diagnosis, section: &str) -> Vec<String> {
    let of_part = diagnosis.findings.iter().filter(|finding| finding.section == section);
    let faults = of_part.filter(|finding| finding.level > Level::Pass);
    faults.map(|finding| format!("{} {}", finding.name, finding.level)).collect()
}

fn found<'a>(diagnosis: &'a Diagnosis, name: &str) -> &'a Finding {
    let found = diagnosis.findings.iter().find(|finding| finding.name == name);
    found.unwrap_or_else(|| panic!("nothing is said of {name}"))
}

fn two_hours_ago() -> Wall {
    Wall::from_ms(SystemClock::start().now().wall.as_ms() - 2 * 3_600_000)
}

#[tokio::test]
async fn a140_a_sick_folder_is_diagnosed_healed_in_order_and_well_afterwards() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("data");
    written(&dir, two_hours_ago(), impossible()).await;

    let sick = diagnosed(&dir).await;
    assert_eq!(faults(&sick, "tasks"), ["Valid References fail", "Stale Tasks warning"]);
    assert_eq!(found(&sick, "Valid References").details, "r/z needs ghost");
    assert_eq!(faults(&sick, "team"), ["Agent ann warning"]);
    assert_eq!(found(&sick, "Agent ann").message, "unavailable: python3 is not on PATH");
    assert_eq!(faults(&sick, "store"), ["Backup Age warning"]);
    assert_eq!((sick.durability, sick.summary.is_well()), (Some("fsync"), false));

    let fabric: Arc<dyn Fabric> = Arc::new(Embedded::open(&dir).unwrap());
    let spec = SystemSpec::new(Arc::clone(&fabric), dir.clone()).unwrap();
    let node = spec.node.clone();
    let system = System::start(spec).await.unwrap();
    // A start removes what it finds; this is as if it had not been able to.
    let dead = dir.join("attempts/ann/1-2-1");
    fs::create_dir_all(&dead).unwrap();
    let actions = heal(system.tasks(), &dir, &node).await.unwrap();
    let again = heal(system.tasks(), &dir, &node).await.unwrap();
    system.stop().await.unwrap();
    fabric.close().await;
    let told: Vec<String> = actions.iter().map(Action::told).collect();
    assert!(told[0].starts_with("task a of run r waits again: attempt 1 of ann"), "{told:?}");
    assert_eq!(
        told[1..3],
        [
            "task z of run r has failed: it needs ghost, which is not there".to_owned(),
            format!("the folder of a dead attempt was removed: {}", dead.display()),
        ]
    );
    assert!(told[3].ends_with("are sound"), "{told:?}");
    assert_eq!((told.len(), again.len()), (4, 1), "again, only the snapshots are read");

    let well = diagnosed(&dir).await;
    assert_eq!(faults(&well, "tasks"), [] as [&str; 0]);
    let report = serde_json::to_value(&actions).unwrap();
    assert_eq!(report[0]["action"], "released");
    assert_eq!(report[1]["action"], "failed");
}

/// What a record may say though no leader would have let it in: `ann` and `bob` wait for each other,
/// and an attempt that is not the next holds a lock.
fn entangled() -> Vec<Event> {
    let name = |text: &str| SessionId::new(text).unwrap();
    let wants = |key: &str| {
        let key = LockKey::new(key).unwrap();
        Arc::from([Want { key, mode: Mode::Exclusive }])
    };
    let opened = |session, nonce| LockEvent::Opened {
        session,
        nonce,
        lease_ms: 60_000,
        by: "a test".to_owned(),
    };
    let granted = |owner, key| {
        let (wants, request) = (wants(key), RequestNo(1));
        LockEvent::Granted { owner, request, wants, wait: None }
    };
    let queued = |owner, key| {
        let (wants, request) = (wants(key), RequestNo(2));
        LockEvent::Queued { owner, request, wants, wait_ms: None }
    };
    let [ann, bob] = [4, 5].map(|no| Owner::Session(SessionNo(no)));
    let over = Owner::Attempt { task: TaskNo(2), attempt: Attempt(7) };
    let run = || RunId::new("r").unwrap();
    let tasks = vec![
        TaskEvent::RunOpened { run: run(), opening: RunOpening::default() },
        TaskEvent::Submitted { run: RunNo(1), spec: Arc::new(TaskSpec::named("a").unwrap()) },
        TaskEvent::RunSealed { run: RunNo(1) },
    ];
    let locks = vec![
        opened(name("ann"), 1),
        opened(name("bob"), 2),
        granted(ann, "x"),
        granted(bob, "y"),
        granted(over, "z"),
        queued(ann, "y"),
        queued(bob, "x"),
    ];
    tasks.into_iter().map(Event::Task).chain(locks.into_iter().map(Event::Lock)).collect()
}

#[tokio::test]
async fn who_holds_locks_and_waits_too_long_is_told_and_what_nobody_should_hold_is_healed() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("data");
    written_of_all(&dir, two_hours_ago(), entangled()).await;
    let sick = diagnosed(&dir).await;
    let expected = ["Long Waits warning", "No Orphaned Locks warning", "No Circles of Waits fail"];
    assert_eq!(faults(&sick, "locks"), expected);
    let holders = found(&sick, "Holders");
    let held = "2 sessions are open, 3 locks are held by sessions and tasks";
    assert_eq!(holders.message, held);
    assert!(holders.details.starts_with("session ann holds x for 2h"), "{holders:?}");
    assert!(holders.details.contains("attempt 7 of task a of run r holds z"), "{holders:?}");
    let waits = found(&sick, "Long Waits");
    assert!(
        waits.details.contains("session ann waits for y, which session bob holds"),
        "{waits:?}"
    );
    let orphan = "attempt 7 of task a of run r holds z";
    assert_eq!(found(&sick, "No Orphaned Locks").details, orphan);
    let circle = "session ann waits for lock y, which session bob holds; \
                  session bob waits for lock x, which session ann holds";
    assert_eq!(found(&sick, "No Circles of Waits").details, circle);

    let fabric: Arc<dyn Fabric> = Arc::new(Embedded::open(&dir).unwrap());
    let spec = SystemSpec::new(Arc::clone(&fabric), dir.clone()).unwrap();
    let node = spec.node.clone();
    let system = System::start(spec).await.unwrap();
    heal(system.tasks(), &dir, &node).await.unwrap();
    system.stop().await.unwrap();
    fabric.close().await;
    assert_eq!(faults(&diagnosed(&dir).await, "locks"), ["Long Waits warning"]);
}

#[tokio::test]
async fn a140_what_is_damaged_is_named_with_advice() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("data");
    written(&dir, two_hours_ago(), impossible()).await;
    let db = rusqlite::Connection::open(dir.join("store.db")).unwrap();
    db.execute("UPDATE record SET bytes = zeroblob(length(bytes))", []).unwrap();
    drop(db);
    let diagnosis = diagnosed(&dir).await;
    assert_eq!(
        faults(&diagnosis, "store"),
        ["Version Compatibility critical", "File Integrity fail", "Backup Age warning"]
    );
    let integrity = found(&diagnosis, "File Integrity");
    assert!(integrity.details.contains("does not match its checksum"), "{integrity:?}");
    assert!(integrity.suggestion.contains("orkestra recover --into"), "{integrity:?}");
}

#[tokio::test]
async fn a140_a_blob_that_is_gone_is_missed_and_a_damaged_one_is_found() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("data");
    let fabric = Embedded::open(&dir).unwrap();
    let blobs = fabric.blobs();
    let (gone, torn) = (
        blobs.put(Bytes::from_static(b"gone")).await.unwrap(),
        blobs.put(Bytes::from_static(b"torn")).await.unwrap(),
    );
    fabric.close().await;
    let file = |name: &str| dir.join("blobs").join(&name[..2]).join(name);
    fs::remove_file(file(gone.as_str())).unwrap();
    fs::write(file(torn.as_str()), "else").unwrap();
    let mut spec = TaskSpec::named("a").unwrap();
    spec.input = Payload::Blob { name: gone, bytes: 4 };
    let run = RunId::new("r").unwrap();
    let events = vec![
        TaskEvent::RunOpened { run, opening: RunOpening::default() },
        TaskEvent::Submitted { run: RunNo(1), spec: Arc::new(spec) },
    ];
    written(&dir, two_hours_ago(), events).await;
    let diagnosis = diagnosed(&dir).await;
    assert_eq!(
        faults(&diagnosis, "store"),
        ["File Integrity fail", "Backup Age warning", "Named Blobs fail"]
    );
    assert!(found(&diagnosis, "Named Blobs").details.starts_with("input of a: "));
    assert!(found(&diagnosis, "File Integrity").details.contains("does not match its name"));
}

#[tokio::test]
async fn a140_permissions_and_the_age_of_backups_are_looked_at() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("data");
    written(&dir, two_hours_ago(), impossible()).await;
    for (mode, level) in [(0o700, Level::Pass), (0o750, Level::Warning), (0o777, Level::Fail)] {
        fs::set_permissions(&dir, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(found(&diagnosed(&dir).await, "Permissions").level, level, "{mode:o}");
    }
    let backups = home.path().join("backups");
    let backup = |after: Duration| {
        let (dir, backups) = (dir.clone(), backups.clone());
        async move {
            let now = SystemClock::start().now();
            let now = Now { wall: now.wall + after, ..now };
            let questions =
                Questions { data_dir: dir, backups: Some(backups), ..Questions::default() };
            let diagnosis = examine(&questions, now, Vec::new()).await;
            found(&diagnosis, "Backup Age").level
        }
    };
    assert_eq!(backup(Duration::ZERO).await, Level::Warning);
    fs::create_dir_all(backups.join("monday")).unwrap();
    fs::write(backups.join("monday/manifest.json"), "{}").unwrap();
    assert_eq!(backup(Duration::ZERO).await, Level::Pass);
    assert_eq!(backup(Duration::from_hours(8 * 24)).await, Level::Warning);
}

#[tokio::test]
async fn a140_without_a_folder_the_machine_is_looked_at_and_nothing_is_made() {
    let home = tempfile::tempdir().unwrap();
    let diagnosis = diagnosed(&home.path().join("none")).await;
    assert_eq!(found(&diagnosis, "Folder").level, Level::Pass);
    for name in ["Disk Space", "Inodes", "Clock", "Open Files", "Processes"] {
        assert_eq!(found(&diagnosis, name).section, "host");
    }
    assert_eq!(diagnosis.durability, None);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a140_the_agents_of_a_scenario_are_asked_and_no_key_is_shown() {
    let home = tempfile::tempdir().unwrap();
    let key = home.path().join("key");
    fs::write(&key, "canary").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let text = format!(
        "[scenario]\nname = 's'\n[agents.a]\nkind = 'function'\nfunction = 'noop'\n\
         [agents.b]\nkind = 'command'\nargv = ['no-such-program-at-all']\n\
         [agents.b.secrets]\nHAVE = {{ file = '{}' }}\nLACK = {{ env = 'ORKESTRA_TEST_NOBODY_SETS' }}\n\
         [agents.p]\nkind = 'person'\n[[tasks]]\nid = 't'\n",
        key.display()
    );
    let scenario = Scenario::read(&text, "s.toml", &["noop"]).unwrap();
    let inputs = scenario.resolve(&[], |_| Err(String::new())).unwrap();
    let prepared = scenario.prepare(&inputs).unwrap();
    let shared = Shared {
        pool: BlockingPool::with_lost_max(1, 1),
        output_max: 1_024,
        beat_every: Duration::from_secs(1),
    };
    let mut findings = Vec::new();
    team::wanted(&prepared.agents, &shared, &mut findings).await;
    let told: Vec<_> = findings.iter().map(|f| format!("{} {}", f.name, f.level)).collect();
    assert_eq!(told, ["Agent a pass", "Agent b fail", "Key HAVE of b pass", "Key LACK of b fail"]);
    assert!(findings[1].message.contains("no-such-program-at-all"), "{:?}", findings[1]);
    assert!(!serde_json::to_string(&findings).unwrap().contains("canary"));
}

#[test]
fn a140_a_clock_that_was_set_back_and_what_runs_out_are_warned_of() {
    let at = Wall::from_ms(1_000_000);
    let clock = |last: u64| host::clock(at, Some(Wall::from_ms(last)));
    assert_eq!((clock(999_999).level, clock(1_002_000).level), (Level::Pass, Level::Pass));
    assert_eq!(clock(1_010_000).level, Level::Warning);
    assert!(clock(1_010_000).message.ends_with("was written 10 s later"));
    assert_eq!(host::clock(at, None).level, Level::Pass);
    let level = |free| host::share("Inodes", (free, 1_000), "x").level;
    assert_eq!([level(100), level(99), level(49)], [Level::Pass, Level::Warning, Level::Critical]);
}
