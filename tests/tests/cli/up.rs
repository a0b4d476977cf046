//! A cluster on one machine: real processes, started, killed, and gone afterwards.

use std::{fs, net::TcpListener, path::Path, time::Duration};

use orkestra_runtime::time::{Clock as _, Moment, SystemClock};
use orkestra_tests::{
    command::{Desk, Running, Signal},
    nats::binary,
};
use rustix::process::{Pid, kill_process};
use serde_json::Value;

use crate::desk;

/// How long anything here may take.
const WITHIN: Duration = Duration::from_secs(110);

/// A desk whose commands find a server, and make temporary folders in a place of their own.
fn desk_with_server() -> Desk {
    let binary = tokio::runtime::Runtime::new().unwrap().block_on(binary());
    let desk = desk();
    let scratch = desk.path("tmp");
    fs::create_dir(&scratch).unwrap();
    let scratch = scratch.to_string_lossy().into_owned();
    desk.env("NATS_SERVER", &binary.path.to_string_lossy()).env("TMPDIR", &scratch)
}

/// The processes that were started with something in this folder.
fn processes_of(folder: &Path) -> Vec<String> {
    let folder = folder.to_string_lossy().into_owned();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        // One that has ended meanwhile has no command line.
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        if words.contains(&folder) && words.contains("--config") {
            found.push(words);
        }
    }
    found
}

#[track_caller]
fn await_end_of_all(folder: &Path) {
    let clock = SystemClock::start();
    while !processes_of(folder).is_empty() {
        let waited = clock.now().moment.since(Moment::START);
        assert!(waited < Duration::from_secs(30), "still there: {:?}", processes_of(folder));
        #[expect(clippy::disallowed_methods, reason = "the end of a process tells nobody else")]
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn ready(up: &mut Running) -> Value {
    serde_json::from_str(&up.await_line("\"event\":\"ready\"")).unwrap()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap()
}

#[track_caller]
fn hear(up: &mut Running, wanted: impl Fn(&Value) -> bool) -> Value {
    let line = up.hear(WITHIN, |line| serde_json::from_str(line).is_ok_and(|line| wanted(&line)));
    serde_json::from_str(&line.unwrap()).unwrap()
}

#[test]
fn a_cluster_comes_up_answers_brings_back_what_was_killed_and_leaves_nothing() {
    let desk = desk_with_server();
    let mut up = desk.start(&["up", "--nodes", "2"]);
    let told = ready(&mut up);
    let (url, folder) = (text(&told, "nats").to_owned(), text(&told, "dir").to_owned());
    let folder = Path::new(&folder);
    let processes = processes_of(folder);
    assert_eq!(processes.len(), 3, "two nodes and a server: {processes:?}");

    let nodes = desk.run(&["node", "list", "--nats", &url, "-o", "json"]).expect(0).json();
    let nodes = nodes.as_array().unwrap();
    let names: Vec<&str> = nodes.iter().map(|node| text(node, "node")).collect();
    assert_eq!(names, ["node-1", "node-2"]);

    let victim = told["nodes"]["node-1"].as_i64().unwrap();
    let pid = Pid::from_raw(i32::try_from(victim).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    let ended = hear(&mut up, |line| line["who"] == "up/nodes/node-1" && line["what"] == "ended");
    let why = text(&ended, "why");
    assert!(why.contains(&format!("process {victim} ended, signal: 9")), "{why}");
    let back = hear(&mut up, |line| line["event"] == "up" && line["node"] == "node-1");
    assert_ne!(back["pid"].as_i64().unwrap(), victim);
    assert!(back["life"].as_u64() > Some(1), "a node that comes back begins a new life: {back}");

    up.signal(Signal::INT);
    up.end().expect(0).says(&[
        &format!("node list --nats {url}"),
        &format!("run examples/release-review.toml --nats {url}"),
        &format!("supervision log --follow --nats {url}"),
        "kill -9 ",
        "host every agent",
        "stopping: nodes first; once more aborts",
        "stopped; nothing is left of it",
    ]);
    assert_eq!(processes_of(folder), [""; 0]);
    assert_eq!(fs::read_dir(desk.path("tmp")).unwrap().count(), 0, "a folder was left");
}

#[test]
fn nothing_outlives_a_cluster_that_was_killed_and_its_folder_is_gone_on_with() {
    let desk = desk_with_server();
    let args = ["up", "--nodes", "1", "--dir", "kept", "-o", "ndjson"];
    let mut up = desk.start(&args);
    let told = ready(&mut up);
    let folder = Path::new(text(&told, "dir"));
    assert_eq!(processes_of(folder).len(), 2);
    desk.run(&args).expect(4).says(&["another `orkestra up` is at work in"]);
    up.kill();
    await_end_of_all(folder);

    let mut up = desk.start(&args);
    let node = hear(&mut up, |line| line["event"] == "up");
    assert!(node["life"].as_u64() > Some(1), "it is the same cluster: {node}");
    ready(&mut up);
    up.signal(Signal::TERM);
    let told = up.end().expect(0);
    told.says(&["`orkestra up --dir kept` goes on with what is kept there"]);
    assert!(desk.path("kept/node-1/node.toml").exists());
    assert_eq!(processes_of(folder), [""; 0]);
}

#[test]
fn whoever_asks_twice_to_end_it_waits_for_nothing() {
    let desk = desk_with_server();
    let mut up = desk.start(&["up", "--nodes", "1"]);
    let told = ready(&mut up);
    up.signal(Signal::INT);
    up.signal(Signal::TERM);
    let said = up.end();
    // It may have been done before the second was heard.
    assert!(matches!(said.code, Some(0 | 130)), "{said:?}");
    assert_eq!(processes_of(Path::new(text(&told, "dir"))), [""; 0]);
    assert_eq!(fs::read_dir(desk.path("tmp")).unwrap().count(), 0, "a folder was left");
}

#[test]
fn what_cannot_be_begun_is_told_with_what_to_do() {
    let desk = desk();
    desk.run(&["up", "--nodes", "0"]).expect(2).says(&["0 is not in 1..=32"]);
    desk.run(&["up", "--nodes", "2", "--agents", "3"])
        .expect(2)
        .says(&["3 nodes cannot host agents where there are 2", "--nodes 3"]);
    desk.run(&["up", "--data-dir", "x"]).expect(2).says(&["name a folder for all with --dir"]);
    desk.run(&["up", "-o", "json"]).expect(2).says(&["use -o table or -o ndjson"]);
    desk.write("thesis/one.txt", "words");
    desk.run(&["up", "--dir", "thesis"]).expect(2).says(&["holds no cluster of `orkestra up`"]);
}

#[test]
fn a_server_that_is_not_there_is_told_with_what_to_do() {
    let desk = desk();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nowhere = format!("nats://{free}");
    desk.run(&["up", "--nats", &nowhere])
        .expect(4)
        .says(&["cannot connect to NATS at", "is the server running"]);

    let desk = desk.env("NATS_SERVER", "/nowhere/nats-server");
    desk.run(&["up"]).expect(4).says(&["NATS_SERVER does not name a server", "unset it"]);

    let nothing = desk.path("empty");
    fs::create_dir(&nothing).unwrap();
    let nothing = nothing.to_string_lossy().into_owned();
    let desk = desk.env("NATS_SERVER", "").env("PATH", &nothing).env("XDG_CACHE_HOME", &nothing);
    desk.run(&["up"]).expect(2).says(&[
        "no nats-server is on PATH: fetching one",
        "install nats-server 2.10 or newer",
        "name it with NATS_SERVER",
    ]);
}
