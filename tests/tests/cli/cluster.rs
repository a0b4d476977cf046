//! A cluster from the command line: real nodes, a real nats-server.

use std::{path::Path, time::Duration};

use orkestra_runtime::{
    id::ShardId,
    leadership::placement::shard_of,
    time::{Clock as _, Moment, SystemClock},
};
use orkestra_tests::{
    command::{Desk, Running, Signal},
    nats::{Servers, Wishes, binary},
};
use rustix::process::{Pid, test_kill_process};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::{SLOW, desk};

/// How long a cluster may take to come to where a test wants it.
const PATIENCE: Duration = Duration::from_secs(40);

/// A server, and a desk whose commands find it.
pub(crate) struct Stage {
    pub(crate) desk: Desk,
    pub(crate) servers: Servers,
    // After the servers, which it drives.
    _runtime: Runtime,
}

impl Stage {
    pub(crate) fn with(wishes: Wishes) -> Self {
        let runtime = Runtime::new().unwrap();
        let servers = runtime.block_on(Servers::wished(wishes));
        let desk = desk();
        desk.write("slow.toml", SLOW);
        Self { desk, servers, _runtime: runtime }
    }

    pub(crate) fn new() -> Self {
        Self::with(Wishes::default())
    }

    /// A command with the address of the server.
    pub(crate) fn at<'a>(url: &'a str, args: &[&'a str]) -> Vec<&'a str> {
        [args, &["--nats", url]].concat()
    }

    pub(crate) fn run(&self, args: &[&str]) -> orkestra_tests::command::Said {
        let url = self.servers.url();
        self.desk.run(&Self::at(&url, args))
    }

    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let said = self.run(&[args, &["-o", "json"]].concat());
        serde_json::from_str(&said.out).unwrap_or_default()
    }

    pub(crate) fn node(&self, name: &str) -> Running {
        let url = self.servers.url();
        self.desk.write(
            &format!("{name}.toml"),
            &format!("data_dir = '{name}'\n[node]\nname = '{name}'\n[nats]\nurl = ['{url}']\n"),
        );
        let mut node = self.desk.start(&["node", "--config", &format!("{name}.toml")]);
        node.await_line("\"event\":\"up\"");
        node
    }

    /// Waits until what a command shows is as it should be.
    #[track_caller]
    pub(crate) fn await_that(&self, args: &[&str], wanted: impl Fn(&Value) -> bool) -> Value {
        let clock = SystemClock::start();
        loop {
            let seen = self.json(args);
            if wanted(&seen) {
                return seen;
            }
            assert!(
                clock.now().moment.since(Moment::START) < PATIENCE,
                "{args:?} never showed what was wanted, but {seen:#}"
            );
        }
    }

    pub(crate) fn leader_of(&self, shard: ShardId) -> String {
        let shards = self.await_that(&["shard", "list"], all_led);
        shards[usize::from(shard.0)]["leader"].as_str().unwrap().to_owned()
    }
}

fn all_led(shards: &Value) -> bool {
    shards
        .as_array()
        .is_some_and(|all| all.len() == 16 && all.iter().all(|s| s["leader"].is_string()))
}

fn states(nodes: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let nodes = nodes.as_array().cloned().unwrap_or_default();
    nodes.iter().map(|node| (text(&node["node"]), text(&node["state"]))).collect()
}

fn leads(nodes: &Value, node: &str) -> u64 {
    let nodes = nodes.as_array().cloned().unwrap_or_default();
    let found = nodes.iter().find(|one| one["node"] == node);
    found.and_then(|one| one["leads"].as_u64()).unwrap_or_default()
}

#[test]
fn a_run_over_two_nodes_goes_on_when_the_one_that_leads_it_is_killed() {
    let stage = Stage::new();
    let mut nodes = vec![("node-1", stage.node("node-1")), ("node-2", stage.node("node-2"))];
    let leader = stage.leader_of(shard_of("", 16));
    let url = stage.servers.url();
    let args = ["run", "slow.toml", "--set", "ms=50", "-o", "ndjson"];
    let mut running = stage.desk.start(&Stage::at(&url, &args));
    running.await_line("\"task\":\"nap-0\"");
    let at = nodes.iter().position(|(name, _)| *name == leader).unwrap();
    let (_, killed) = nodes.remove(at);
    killed.kill();
    let said = running.end().expect(0);
    let ended = said.lines().pop().unwrap();
    assert_eq!((&ended["event"], &ended["counts"]["completed"]), (&"run_ended".into(), &30.into()));

    let other = nodes[0].0;
    let members = stage.await_that(&["node", "list"], |nodes| {
        states(nodes).contains(&(leader.clone(), "down".to_owned()))
    });
    assert!(states(&members).contains(&(other.to_owned(), "up".to_owned())), "{members}");
    let tasks = stage.json(&["task", "list", "--state", "completed"]);
    assert_eq!(tasks.as_array().unwrap().len(), 30);
    stage.run(&["why", "nap-29"]).expect(0).shows(&["nap-29 is completed"]);
    stage.run(&["agent", "list"]).expect(0).shows(&["sleeper"]);
    stage.run(&["status"]).expect(0).shows(&["1 of 2 nodes are up, 16 of 16 shards are led"]);
    stage.run(&["audit", "list", "--limit", "3"]).expect(0).shows(&["nap-0"]);
    stage.run(&["context", "show"]).expect(0).shows(&["30 of 30 tasks completed"]);
    let alone = format!("{other} alone is up");
    let doctor = stage.run(&["doctor", "--heal"]).expect(0);
    doctor.shows(&[&alone, &format!("not heard of any more: {leader}"), "16 of 16 shards: "]);
    stage.run(&["health"]).expect(0).shows(&["of 2 active", "in 1 starts,"]);
    let log = stage.run(&["supervision", "log", "--child", "shard-0"]).expect(0);
    log.shows(&[other, "started"]);
    stage.run(&["task", "retry", "nap-99"]).expect(2).says(&["has no task \"nap-99\""]);

    let (_, last) = nodes.remove(0);
    last.signal(Signal::TERM);
    last.end().expect(0).says(&[
        "is up, life",
        "stopping: what it leads goes to others",
        "stopped",
    ]);
}

#[test]
fn a_node_is_drained_and_comes_back_and_a_shard_is_moved_by_hand() {
    let stage = Stage::new();
    let _nodes = [stage.node("node-1"), stage.node("node-2")];
    stage.await_that(&["node", "list"], |nodes| {
        leads(nodes, "node-1") > 0 && leads(nodes, "node-2") > 0
    });
    stage.run(&["node", "drain", "node-1"]).expect(0).says(&["node node-1 is drained"]);
    stage.run(&["node", "drain", "node-1"]).expect(0).says(&["was drained before"]);
    let nodes = stage.await_that(&["node", "list"], |nodes| leads(nodes, "node-2") == 16);
    assert!(states(&nodes).contains(&("node-1".to_owned(), "draining".to_owned())), "{nodes}");
    stage.run(&["node", "resume", "node-1"]).expect(0).says(&["leads and works again"]);
    stage.await_that(&["node", "list"], |nodes| leads(nodes, "node-1") > 0);

    let from = stage.leader_of(ShardId(3));
    let to = if from == "node-1" { "node-2" } else { "node-1" };
    stage.run(&["shard", "move", "3", "--to", to]).expect(0).says(&["shard 3 goes to node"]);
    let moved = stage.await_that(&["shard", "list"], |shards| {
        shards[3]["leader"] == to && shards[3]["epoch"].as_u64() > Some(0)
    });
    assert!(moved[3]["epoch"].as_u64().is_some_and(|reign| reign >= 2), "{moved}");
    stage.run(&["shard", "move", "3", "--anywhere"]).expect(0);
    stage.await_that(&["shard", "list"], |shards| shards[3]["leader"] == from.as_str());
    stage.run(&["shard", "move", "99", "--to", to]).expect(2).says(&["there is no shard 99"]);
    stage.run(&["shard", "move", "3", "--to", "nobody"]).expect(2).says(&["node-1, node-2"]);
    stage.run(&["node", "drain", "nobody"]).expect(2).says(&["there are: node-1, node-2"]);
}

#[test]
fn what_is_wrong_with_an_address_or_a_role_is_told_before_anything_is_begun() {
    let desk = desk();
    desk.run(&["node"]).expect(2).says(&["no server is named", "--nats URL", "orkestra up"]);
    let far = "nats://far.example:4222";
    let refused = desk.run(&["node", "--nats", far]).expect(2);
    refused.says(&["will not speak in the clear to far.example:4222", "--insecure"]);
    desk.run(&["node", "list", "--nats", "http://x"]).expect(2).says(&["write nats://HOST:PORT"]);
    let boss = desk.run(&["node", "--role", "boss", "--nats", "nats://127.0.0.1:1"]).expect(2);
    boss.says(&["there is no role \"boss\"", "coordinator, agents, or both"]);
    let nobody = desk.run(&["node", "list", "--nats", "nats://127.0.0.1:1"]).expect(4);
    nobody.says(&["cannot connect to NATS at 127.0.0.1:1", "is the server running"]);
    let doctor = desk.run(&["doctor", "--deep", "--nats", "nats://127.0.0.1:1"]).expect(2);
    doctor.says(&["reading every blob is not done over NATS", "name a folder"]);
    let word = "open".to_owned() + "-sesame";
    let url = format!("nats://ada:{word}@127.0.0.1:1");
    let shown = desk.run(&["config", "show", "--nats", &url]).expect(0).shows(&["nats://***@127"]);
    assert!(!shown.out.contains(&word), "{}", shown.out);
}

#[test]
fn a_node_that_does_not_fit_the_cluster_or_its_folder_says_why() {
    let stage = Stage::new();
    let none = stage.run(&["node", "list"]);
    assert_ne!(none.code, Some(0), "{}", none.out);
    let _node = stage.node("node-1");
    let url = stage.servers.url();
    stage
        .desk
        .write("other.toml", "data_dir = 'other'\n[cluster]\nshards = 8\n[node]\nname = 'o'\n");
    let differs = stage.desk.run(&Stage::at(&url, &["node", "--config", "other.toml"])).expect(4);
    differs.says(&["configured for 8 shards", "set cluster.shards = 16"]);
    let again = stage.desk.run(&["node", "--config", "node-1.toml"]).expect(4);
    again.says(&["another node is at work in node-1"]);
    stage.desk.write("same.toml", "data_dir = 'other'\n[node]\nname = 'p'\n");
    let other = stage.desk.run(&Stage::at(&url, &["node", "--config", "same.toml"])).expect(4);
    other.says(&["belongs to node o of cluster main", "a folder of its own"]);
}

#[test]
fn a_wrong_password_is_refused_and_the_right_one_is_read_from_a_file() {
    let word = "open".to_owned() + "-sesame";
    let more = format!("authorization {{ user: \"ada\", password: \"{word}\" }}\n");
    let stage = Stage::with(Wishes { more, ..Wishes::default() });
    stage.desk.write("wrong", "something else\n");
    stage.desk.write("right", &format!("{word}\n"));
    let config = |file: &str| {
        let url = stage.servers.url();
        format!("data_dir = 'n'\n[nats]\nurl = '{url}'\nuser = 'ada'\npassword_file = '{file}'\n")
    };
    stage.desk.write("wrong.toml", &config("wrong"));
    stage.desk.write("right.toml", &config("right"));
    let refused = stage.desk.run(&["node", "--config", "wrong.toml"]).expect(2);
    let refused = refused.says(&["the server refused the credentials"]);
    assert!(!refused.err.contains("something else"), "{}", refused.err);
    let mut node = stage.desk.start(&["node", "--config", "right.toml"]);
    node.await_line("\"event\":\"up\"");
    node.signal(Signal::INT);
    node.end().expect(0);
}

/// The processes of the nodes, as they tell of themselves.
fn await_ready(up: &mut Running) -> (Vec<i32>, String) {
    let mut pids = Vec::new();
    loop {
        let line = up.await_line("\"event\":");
        let told: Value = serde_json::from_str(&line).unwrap();
        match told["event"].as_str() {
            Some("up") => pids.push(i32::try_from(told["pid"].as_i64().unwrap()).unwrap()),
            Some("ready") => return (pids, told["nats"].as_str().unwrap().to_owned()),
            _ => {}
        }
    }
}

fn is_there(pid: i32) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid).is_ok())
}

fn up() -> (Desk, Running) {
    let server = Runtime::new().unwrap().block_on(binary()).path.clone();
    let desk = desk();
    let tmp = desk.path("tmp");
    std::fs::create_dir(&tmp).unwrap();
    let desk = desk.env("TMPDIR", &tmp.to_string_lossy());
    let desk = desk.env("NATS_SERVER", &server.to_string_lossy());
    desk.write("slow.toml", SLOW);
    let running = desk.start(&["up", "--nodes", "2", "-o", "ndjson"]);
    (desk, running)
}

fn left_in(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[test]
fn a_cluster_for_trying_things_runs_an_example_and_leaves_nothing() {
    let (desk, mut up) = up();
    let (pids, url) = await_ready(&mut up);
    assert_eq!(pids.len(), 2, "no node was started twice");
    let said = desk.run(&["run", "slow.toml", "--set", "ms=1", "--nats", &url]).expect(0);
    said.says(&["run slow-1 is in shard", "30 tasks (30 completed, 0 failed, 0 cancelled)"]);
    up.signal(Signal::INT);
    up.end().expect(0).says(&["nothing is left of it"]);
    assert_eq!(left_in(&desk.path("tmp")), 0, "a folder is left");
    for pid in pids {
        assert!(!is_there(pid), "process {pid} is left");
    }
}

#[test]
fn nodes_end_when_whoever_started_them_is_killed_and_the_next_start_removes_what_was_left() {
    let (desk, mut up) = up();
    let (pids, _) = await_ready(&mut up);
    up.kill();
    let clock = SystemClock::start();
    while pids.iter().any(|pid| is_there(*pid)) {
        assert!(
            clock.now().moment.since(Moment::START) < PATIENCE,
            "nodes outlived the one who started them: {pids:?}"
        );
        std::thread::yield_now();
    }
    assert_eq!(left_in(&desk.path("tmp")), 1, "its folder is left");
    let mut next = desk.start(&["up", "--nodes", "1", "-o", "ndjson"]);
    await_ready(&mut next);
    assert_eq!(left_in(&desk.path("tmp")), 1, "only the folder of this one is there");
    next.signal(Signal::INT);
    next.end().expect(0);
    assert_eq!(left_in(&desk.path("tmp")), 0);
}
