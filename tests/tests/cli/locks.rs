//! Locks from a shell: beside a run in a folder, and over NATS.

use orkestra_tests::command::{Desk, Running, Said, Signal};
use serde_json::Value;

use crate::{RUN_SLOW, cluster::Stage, desk, slow};

/// What says that it runs, and then takes longer than any test.
const LONG: [&str; 3] = ["sh", "-c", "echo on; sleep 900"];

fn at<'a>(args: &[&'a str]) -> Vec<&'a str> {
    let place = ["--data-dir", "data"];
    match args.iter().position(|word| *word == "--") {
        Some(end) => [&args[..end], &place, &args[end..]].concat(),
        None => [args, &place].concat(),
    }
}

fn lock(desk: &Desk, args: &[&str]) -> Said {
    desk.run(&at(&[&["lock"], args].concat()))
}

/// A program that runs under a lock.
fn under(desk: &Desk, args: &[&str], program: &[&str]) -> Running {
    desk.start(&at(&[&["lock", "run"], args, &["--"], program].concat()))
}

/// A run that goes on for longer than any test, which keeps the locks.
fn keeper(desk: &Desk) -> Running {
    let mut running = desk.start(&[&RUN_SLOW[..], &["--set", "ms=900000"]].concat());
    running.await_line("\"task\":\"nap-0\"");
    running
}

/// The same, where a lock that was lost is kept back for a moment only.
fn hasty() -> Desk {
    let desk = desk().env("ORKESTRA_LOCKS__DELAY", "100ms");
    desk.write("slow.toml", crate::SLOW);
    desk
}

fn acquired(desk: &Desk, args: &[&str]) -> (String, u64) {
    let held = lock(desk, &[&["acquire"], args, &["-o", "json"]].concat()).expect(0).json();
    let token = held["locks"][0]["token"].as_u64().unwrap();
    (held["session"].as_str().unwrap().to_owned(), token)
}

/// Waits until so many wait for a lock.
fn until_waiting(desk: &Desk, key: &str, count: u64) {
    let clock = orkestra_runtime::time::SystemClock::start();
    loop {
        let shown = lock(desk, &["get", key, "-o", "json"]);
        let seen: Value = serde_json::from_str(&shown.out).unwrap_or_default();
        if seen["lock"]["waiting"].as_u64() == Some(count) {
            return;
        }
        let waited = orkestra_runtime::time::Clock::now(clock.as_ref()).moment;
        let limit = orkestra_tests::command::LIMIT;
        assert!(
            waited.since(orkestra_runtime::time::Moment::START) < limit,
            "never {count} waited for {key}, but {shown:?}"
        );
    }
}

#[test]
fn who_waits_for_a_lock_gets_it_when_it_is_given_back_and_runs_with_a_greater_token() {
    let desk = slow();
    let _keeper = keeper(&desk);
    let (session, token) = acquired(&desk, &["deploy", "--lease", "10m"]);
    lock(&desk, &["get", "deploy"]).expect(0).shows(&[
        "lock deploy: a lock that is exclusive or shared",
        &format!("held by session {session} (exclusive), token {token}"),
    ]);
    lock(&desk, &["list"]).expect(0).shows(&["LOCK", "deploy", &session]);

    let refused = under(&desk, &["deploy", "--no-wait"], &["echo", "never"]).end().expect(120);
    assert_eq!(refused.says(&["lock deploy cannot be had now", &session]).out, "");
    lock(&desk, &["acquire", "deploy", "--no-wait"]).expect(1).says(&["cannot be had now"]);
    let waited = lock(&desk, &["acquire", "deploy", "--wait", "50ms"]).expect(1);
    waited.says(&["waited for 50 ms in vain"]);

    let program = ["sh", "-c", "echo $ORKESTRA_LOCK_KEY $ORKESTRA_LOCK_TOKEN; exit 7"];
    let waiting = under(&desk, &["deploy", "--wait", "100s"], &program);
    until_waiting(&desk, "deploy", 1);
    let old = (token + 1).to_string();
    let wrong = lock(&desk, &["release", "deploy", "--session", &session, "--token", &old]);
    wrong.expect(4).says(&["is no longer good"]);
    let shown = token.to_string();
    let done = lock(&desk, &["release", "deploy", "--session", &session, "--token", &shown]);
    done.expect(0).shows(&["released: deploy", "which is closed"]);
    let said = waiting.end().expect(7);
    let (key, next) = said.out.trim().split_once(' ').unwrap();
    assert_eq!(key, "deploy");
    assert!(next.parse::<u64>().unwrap() > token, "tokens rise: {next} after {token}");
    lock(&desk, &["get", "deploy"]).expect(1).says(&["lock deploy is free"]);
}

#[test]
fn what_runs_under_a_lock_is_ended_when_the_lock_is_stolen_and_the_theft_is_audited() {
    let desk = hasty();
    let _keeper = keeper(&desk);
    let log = desk.run(&at(&["supervision", "log", "--child", "shard-0/locks"])).expect(0);
    log.shows(&["shard-0/locks", "started"]);
    let mut running = under(&desk, &["deploy"], &LONG);
    running.await_line("on");
    lock(&desk, &["steal", "deploy", "--reason", "its owner is on holiday"])
        .expect(0)
        .shows(&["lock deploy is stolen"]);
    running.end().expect(121).says(&["lock deploy is lost, so the program is ended"]);
    let rows = desk.run(&at(&["audit", "list", "--type", "lock_stolen", "-o", "json"])).expect(0);
    let details = &rows.json()[0]["details"];
    assert_eq!(
        (&details["key"], &details["why"]),
        (&"deploy".into(), &"its owner is on holiday".into())
    );
    let uid = rustix::process::geteuid().as_raw();
    assert!(details["by"].as_str().unwrap().contains(&format!("uid {uid}")), "{details}");
    under(&desk, &["deploy"], &["true"]).end().expect(0);
}

#[test]
fn a_program_that_does_not_listen_is_killed_after_the_grace() {
    let desk = hasty();
    let _keeper = keeper(&desk);
    let deaf = ["sh", "-c", "trap '' TERM; echo on; while :; do sleep 1; done"];
    let mut running = under(&desk, &["deploy", "--grace", "200ms"], &deaf);
    running.await_line("on");
    lock(&desk, &["steal", "deploy", "--reason", "tried out"]).expect(0);
    running.end().expect(121);
}

#[test]
fn a_lock_outlives_who_was_killed_by_its_lease_and_the_program_does_not() {
    let desk = hasty();
    let _keeper = keeper(&desk);
    let program = ["sh", "-c", "echo $$; exec sleep 900"];
    let mut killed = under(&desk, &["deploy", "--lease", "2s"], &program);
    let heard = killed.await_line("");
    let pid = heard.trim().parse().unwrap();
    let waiting = under(&desk, &["deploy"], &["echo", "mine"]);
    until_waiting(&desk, "deploy", 1);
    killed.kill();
    waiting.end().expect(0).shows(&["mine"]);
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    assert!(rustix::process::test_kill_process(pid).is_err(), "the program goes on alone");
    let ended = desk.run(&at(&["audit", "list", "--type", "lock_session_ended"])).expect(0);
    ended.shows(&["TIMEOUT"]);
}

#[test]
fn a_signal_reaches_the_program_and_its_exit_code_comes_back() {
    let desk = slow();
    let _keeper = keeper(&desk);
    let program =
        ["sh", "-c", "trap 'echo asked; exit 9' TERM; echo on; while :; do sleep 0.05; done"];
    let mut running = under(&desk, &["deploy"], &program);
    running.await_line("on");
    running.signal(Signal::TERM);
    running.end().expect(9).shows(&["asked"]);
    // Whoever starts these tests in the background may have them ignore it, and so their children.
    let heeds = ["env", "--default-signal=INT", "sh", "-c", "echo on; exec sleep 900"];
    let mut running = under(&desk, &["deploy"], &heeds);
    running.await_line("on");
    running.signal(Signal::INT);
    running.end().expect(130);
    lock(&desk, &["get", "deploy"]).expect(1);
    let _held = acquired(&desk, &["deploy"]);
    let waiting = under(&desk, &["deploy"], &["true"]);
    until_waiting(&desk, "deploy", 1);
    waiting.signal(Signal::TERM);
    waiting.end().expect(130);
    until_waiting(&desk, "deploy", 0);
}

#[test]
fn shared_locks_and_permits_are_held_together_up_to_their_number() {
    let desk = slow();
    let _keeper = keeper(&desk);
    acquired(&desk, &["table", "--shared"]);
    acquired(&desk, &["table", "--shared"]);
    lock(&desk, &["acquire", "table", "--no-wait"]).expect(1);
    acquired(&desk, &["seats", "--permits", "3", "--take", "2"]);
    acquired(&desk, &["seats", "--permits", "3"]);
    lock(&desk, &["acquire", "seats", "--permits", "3", "--no-wait"]).expect(1);
    let other = lock(&desk, &["acquire", "seats", "--permits", "4"]);
    other.expect(4).says(&["in use as a semaphore of 3 permits"]);
    let (session, token) = acquired(&desk, &["a", "b"]);
    let token = token.to_string();
    let half =
        lock(&desk, &["release", "a", "--session", &session, "--token", &token, "-o", "json"]);
    assert_eq!(half.expect(0).json()["closed"], false);
    let rest =
        lock(&desk, &["release", "b", "--session", &session, "--token", &token, "-o", "json"]);
    assert_eq!(rest.expect(0).json()["closed"], true);
    let listed = lock(&desk, &["list", "-o", "json"]).expect(0).json();
    let names: Vec<&str> =
        listed.as_array().unwrap().iter().filter_map(|l| l["key"].as_str()).collect();
    assert_eq!(names, ["seats", "table"]);
}

#[test]
fn what_is_wrong_is_told_before_anything_is_begun_and_a_folder_at_rest_is_only_looked_at() {
    let desk = hasty();
    lock(&desk, &["list"]).expect(2).says(&["there is no run in"]);
    let nobody = under(&desk, &["deploy"], &["true"]).end().expect(4);
    nobody.says(&["nobody is at work in", "orkestra run", "--nats URL"]);
    desk.run(&at(&["lock", "run", "deploy"])).expect(2);
    lock(&desk, &["acquire", "deploy", "--shared", "--permits", "2"]).expect(2);
    lock(&desk, &["acquire", "deploy", "--wait", "soon"]).expect(2).says(&["is not a duration"]);

    let keeper = keeper(&desk);
    lock(&desk, &["acquire", ""]).expect(2);
    let short = lock(&desk, &["acquire", "deploy", "--lease", "1ms"]);
    short.expect(2).says(&["a lease of 1 ms is not allowed"]);
    let missing = under(&desk, &["deploy"], &["/no/such/program"]).end().expect(127);
    missing.says(&["cannot start \"/no/such/program\""]);
    under(&desk, &["deploy"], &["/"]).end().expect(126);
    let gone = lock(&desk, &["release", "deploy", "--session", "who", "--token", "1"]);
    gone.expect(2).says(&["there is no session who"]);
    lock(&desk, &["steal", "deploy", "--reason", "x"])
        .expect(2)
        .says(&["nobody holds lock deploy"]);
    let (session, token) = acquired(&desk, &["deploy"]);
    let again = lock(&desk, &["acquire", "other", "--session", &session]);
    again.expect(4).says(&["is somebody else's"]);
    keeper.kill();

    lock(&desk, &["get", "deploy"]).expect(0).shows(&[&session]);
    lock(&desk, &["acquire", "other"]).expect(4).says(&["nobody is at work in"]);
    let token = token.to_string();
    let done = lock(&desk, &["release", "deploy", "--session", &session, "--token", &token]);
    done.expect(0).shows(&["released: deploy"]);
    lock(&desk, &["get", "deploy"]).expect(1).says(&["lock deploy is free"]);
}

#[test]
fn sessions_are_shown_ended_by_hand_and_cleaned_each_on_record_with_who_and_why() {
    let desk = hasty();
    let keeper = keeper(&desk);
    let (ann, _) = acquired(&desk, &["a", "b", "--lease", "10m"]);
    let (bob, _) = acquired(&desk, &["c", "--lease", "2h"]);
    lock(&desk, &["sessions"]).expect(0).shows(&["SESSION", &ann, &bob, "10m", "2h"]);
    let rows = lock(&desk, &["sessions", "-o", "json"]).expect(0).json();
    let held = rows.as_array().unwrap().iter().map(|row| row["holds"].as_u64().unwrap());
    assert_eq!(held.sum::<u64>(), 3, "{rows}");

    lock(&desk, &["end", &ann]).expect(2);
    let gone = lock(&desk, &["end", "nobody", "--reason", "x"]).expect(2);
    gone.says(&["there is no session nobody"]);
    let why = ["--reason", "its machine burnt down", "--dead", "--delay", "0s"];
    let ended = lock(&desk, &[&["end", &ann][..], &why].concat()).expect(0);
    ended.shows(&["is ended: 2 locks of it may be given to others now"]);
    lock(&desk, &["acquire", "a", "--no-wait", "--session", "next"]).expect(0);
    lock(&desk, &["end", "next", "--reason", "tried out", "-o", "json"]).expect(0);

    // Nobody renews it, and an hour is not over.
    let dry = lock(&desk, &["clean", "--dry-run", "-o", "json"]).expect(0).json();
    assert_eq!(dry, serde_json::json!([]));
    let dry = lock(&desk, &["clean", "--dry-run", "--stale", "1ms", "-o", "json"]).expect(0);
    let shown = dry.json();
    assert_eq!(
        (&shown[0]["who"]["session"], &shown[0]["reason"]),
        (&bob[..].into(), &"STALE".into())
    );
    assert_eq!((&shown[0]["keys"][0], &shown[1]), (&"c".into(), &Value::Null), "{shown}");
    lock(&desk, &["get", "c"]).expect(0).shows(&[&bob]);
    lock(&desk, &["clean", "--stale", "1ms"]).expect(0).shows(&[&bob, "STALE"]);
    lock(&desk, &["clean", "--stale", "1ms"]).expect(0).says(&["nothing found"]);
    lock(&desk, &["get", "c"]).expect(1);

    let rows = desk.run(&at(&["audit", "list", "--type", "lock_session_ended", "-o", "json"]));
    let rows = rows.expect(0).json();
    let told = rows.as_array().unwrap().iter().map(|row| row["details"]["reason"].clone());
    let mut told: Vec<String> = told.map(|reason| reason.as_str().unwrap().to_owned()).collect();
    told.sort_unstable();
    assert_eq!(told, ["DEAD_PROCESS", "MANUAL", "STALE"]);
    let dead = rows.as_array().unwrap().iter().find(|row| row["details"]["delay_ms"] == 0).unwrap();
    let details = &dead["details"];
    assert_eq!(details["why"], "its machine burnt down");
    let uid = rustix::process::geteuid().as_raw();
    assert!(details["by"].as_str().unwrap().contains(&format!("uid {uid}")), "{details}");

    let (eve, _) = acquired(&desk, &["d"]);
    keeper.kill();
    lock(&desk, &["sessions"]).expect(0).shows(&[&eve]);
    // In a folder at rest no lease runs, so nobody is silent.
    lock(&desk, &["clean", "--dry-run", "--stale", "1ms"]).expect(0).says(&["nothing found"]);
    lock(&desk, &["end", &eve, "--reason", "nobody is at work", "--delay", "0s"]).expect(0);
    lock(&desk, &["sessions"]).expect(0).says(&["nothing found"]);
}

#[test]
fn the_shell_lines_of_the_manual_do_what_it_says() {
    let desk = hasty().env("ORKESTRA_DATA_DIR", "data");
    let _keeper = keeper(&desk);
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let manual = std::fs::read_to_string(root.join("docs/locks.md")).unwrap();
    let script = manual.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    std::os::unix::fs::symlink(desk.program(), desk.path("orkestra")).unwrap();
    let mut shell = desk.command(&[] as &[&str]);
    let path = format!("{}:{}", desk.home().display(), std::env::var("PATH").unwrap());
    let envs: Vec<_> =
        shell.get_envs().map(|(n, v)| (n.to_owned(), v.map(ToOwned::to_owned))).collect();
    shell = std::process::Command::new("sh");
    shell.args(["-eu", "-c", script]).current_dir(desk.home()).env("PATH", path);
    for (name, value) in envs {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let said = Running::of(shell).end().expect(0);
    said.clone().shows(&["lock deploy: a lock", "not had: 120", "lock deploy is stolen"]);
    assert!(!said.out.contains("never said"), "{}", said.out);
    let line = said.out.lines().find(|line| line.contains("greater")).unwrap();
    let numbers: Vec<u64> = line.split([' ', ':']).filter_map(|word| word.parse().ok()).collect();
    assert!(matches!(numbers[..], [old, new] if old < new), "{line}");
}

#[test]
fn over_nats_a_lock_is_held_waited_for_stolen_and_outlives_the_death_of_its_leader() {
    let stage = Stage::new();
    let mut nodes = vec![("node-1", stage.node("node-1")), ("node-2", stage.node("node-2"))];
    let shard = orkestra_runtime::leadership::placement::shard_of("", 16);
    let leader = stage.leader_of(shard);
    let url = stage.servers.url();
    let start = |args: &[&str], program: &[&str]| {
        let words = [&["lock", "run", "deploy", "--nats", &url], args, &["--"], program].concat();
        stage.desk.start(&words)
    };
    let mut holder = start(&["--lease", "20s"], &LONG);
    holder.await_line("on");
    start(&["--no-wait"], &["true"]).end().expect(120).says(&["cannot be had now"]);
    let waiting = start(&[], &["sh", "-c", "echo $ORKESTRA_LOCK_TOKEN"]);
    let held = stage.await_that(&["lock", "get", "deploy"], |l| l["lock"]["waiting"] == 1);
    let token = held["lock"]["newest"].as_u64().unwrap();

    let at = nodes.iter().position(|(name, _)| *name == leader).unwrap();
    nodes.remove(at).1.kill();
    let kept = stage.await_that(&["lock", "get", "deploy"], |l| l["lock"]["waiting"] == 1);
    assert_eq!(kept["lock"]["newest"].as_u64(), Some(token));
    let stolen = stage.run(&["lock", "steal", "deploy", "--reason", "try it", "--delay", "0s"]);
    stolen.expect(0).shows(&["lock deploy is stolen"]);
    let next: u64 = waiting.end().expect(0).out.trim().parse().unwrap();
    assert!(next > token, "{next} after {token}");
    holder.end().expect(121).says(&["is lost"]);
    let rows = stage.json(&["audit", "list", "--type", "lock_stolen"]);
    assert_eq!(rows[0]["details"]["why"], "try it");

    let held = stage.json(&["lock", "acquire", "deploy", "--lease", "2h"]);
    let session = held["session"].as_str().unwrap();
    let shown = stage.json(&["lock", "sessions"]);
    assert_eq!(shown[0]["session"], session);
    let silent = stage.json(&["lock", "clean", "--dry-run", "--stale", "1ms"]);
    assert_eq!(silent[0]["who"]["session"], session);
    stage.run(&["lock", "clean", "--stale", "1ms"]).expect(0).shows(&[session, "STALE"]);
    let gone = stage.run(&["lock", "end", session, "--reason", "too late"]).expect(2);
    gone.says(&["there is no session"]);
}
