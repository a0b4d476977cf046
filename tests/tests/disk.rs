//! A disk that becomes full in the middle of a run: a real one where this machine lets us have one,
//! and a bounded store everywhere.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must end")]

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use orkestra_agents::{Context, Work, kinds::function::FunctionAgent};
use orkestra_coordinator::{
    system::{Member, System, SystemSpec},
    task::{Answer, Query, RunOpening},
};
use orkestra_runtime::{
    ErrorKind,
    fabric::{
        Fabric,
        embedded::{Embedded, Settings},
    },
    id::{AgentId, RunId, TaskId},
    protocol::{
        payload::Json,
        task::{Failure, TaskSpec},
    },
};
use orkestra_tests::command::{Desk, Running};
use serde_json::Value;

/// Naps one after the other, a program that works in a folder, and one that puts out much.
const SCENARIO: &str = r#"
[scenario]
name = "full"

[agents.sleeper]
kind = "function"
function = "demo-sleep"
capabilities = ["sleeps"]

[agents.writer]
kind = "command"
argv = ["sh", "-c", "sleep 1.5; printf '\"'; i=0; while [ $i -lt 3000 ]; do printf 'more than an event holds '; i=$((i+1)); done; printf '\"'"]
protocol = "plain"
stdin = "none"
parse_stdout_as_json = true
capabilities = ["writes"]

[[tasks]]
id = "large"
requires = ["writes"]
retry = { max = 9, base = "100ms", factor = 1, jitter = 0 }

[[tasks]]
id = "nap-{{ n }}"
requires = ["sleeps"]
needs = ["{% if n > 0 %}nap-{{ n - 1 }}{% endif %}"]
input = { ms = 100 }
repeat = { n = 16 }
"#;

/// How long nothing must happen before the run counts as standing still; longer than the writer's
/// work.
const STILL: Duration = Duration::from_millis(2_500);

fn desk() -> Desk {
    Desk::with(env!("CARGO_BIN_EXE_orkestra-under-test"))
}

/// Mounts the disk, runs the program, and stays until its input ends: the disk goes with it.
const AS_LONG_AS_IT_IS_LOOKED_AT: &str = "mount -t tmpfs -o size=8m tmpfs \"$0\" || exit 9; \
     \"$@\"; code=$?; exec >&- 2>&-; read -r end; exit $code";

/// A program of ours with a small disk of its own, which only it and its children see.
fn on_small_disk(desk: &Desk, mount: &Path, program: &Path, args: &[&str]) -> Command {
    let mut command = desk.command(&[""; 0]);
    let environment: Vec<_> = command
        .get_envs()
        .map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned)))
        .collect();
    command = Command::new("unshare");
    command
        .args(["-Urm", "sh", "-c", AS_LONG_AS_IT_IS_LOOKED_AT])
        .arg(mount)
        .arg(program)
        .args(args)
        .current_dir(desk.home())
        .stdin(Stdio::piped());
    for (name, value) in environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

/// Whether this machine lets an ordinary process have a disk of its own.
fn may_have_a_disk(desk: &Desk, mount: &Path) -> bool {
    let mut tried = on_small_disk(desk, mount, Path::new("true"), &[]);
    let tried = tried.stdin(Stdio::null()).stderr(Stdio::null()).status();
    tried.is_ok_and(|status| status.success())
}

/// Writes until there is no room left, not for a byte.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    for portion in [64 * 1024, 4_096, 64, 1] {
        while file.write_all(&vec![7; portion]).is_ok() {}
    }
}

fn ended(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    (line["event"] == "task_ended").then(|| line["task"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_whose_disk_is_full_waits_tells_it_and_goes_on_when_there_is_room() {
    let desk = desk();
    let mount = desk.path("disk");
    fs::create_dir(&mount).unwrap();
    if !may_have_a_disk(&desk, &mount) {
        let told = "NOTE: this machine gives no test a disk of its own (unshare -Urm, mount -t tmpfs): \
                    only a bounded store is filled\n";
        io::stderr().write_all(told.as_bytes()).unwrap();
        return a_bounded_store_is_filled_and_helped().await;
    }
    desk.write("full.toml", SCENARIO);
    let run = ["run", "full.toml", "--data-dir", "disk/data", "-o", "ndjson"];
    let mut running = Running::of(on_small_disk(&desk, &mount, desk.program(), &run));
    running.await_line("nap-1");
    // What is written there, this process sees only through the eyes of that one.
    let seen = PathBuf::from(format!("/proc/{}/root{}", running.pid(), mount.display()));
    let pid = running.pid().to_string();
    let beside = |args: &[&str]| {
        let mut command = Command::new("nsenter");
        command.args(["-t", &pid, "-U", "-m", "--preserve-credentials"]);
        command.arg(desk.program()).args(args).arg("--data-dir").arg(mount.join("data"));
        Running::of(command).end()
    };
    fill(&seen.join("filler"));
    while running.hear(running.age() + STILL, |line| ended(line).is_some()).is_some() {}

    // It stands still, and whoever looks is told why.
    let full =
        ["is at work in", "is full (0 B left): nothing new is taken there until there is room"];
    let why = beside(&["why", "nap-15"]).expect(0).says(&full);
    why.shows(&["nap-15 is waiting"]);
    beside(&["task", "list"]).expect(0).shows(&["nap-15", "waiting"]);
    let refused = beside(&["backup", "--into", mount.join("saved").to_str().unwrap()]);
    assert_eq!(refused.code, Some(4), "{}", refused.err);
    let left: Vec<_> = fs::read_dir(&seen).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "the backup left something: {left:?}");

    // Room again: it goes on by itself, and nothing is lost or done twice.
    fs::remove_file(seen.join("filler")).unwrap();
    running.await_line("run_ended");
    let large = beside(&["task", "get", "large", "-o", "json"]);
    let said = running.end().expect(0).says(&[
        "the disk is full: nothing new is taken until there is room",
        "the disk has room again: going on",
    ]);
    let told: Vec<String> = said.out.lines().filter_map(ended).collect();
    assert_eq!((told.len(), told.iter().collect::<BTreeSet<_>>().len()), (17, 17), "{told:?}");
    // It had found no room for what it put out, said so, and was tried again.
    let large = large.expect(0).json();
    let failure = large["last_failure"]["message"].as_str().unwrap_or_default();
    assert!(failure.contains("cannot keep the output"), "{large}");
    assert!(failure.contains("No space left on device"), "{large}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_store_refuses_what_is_new_and_a_compaction_helps_it() {
    a_bounded_store_is_filled_and_helped().await;
}

/// A run that fits, and one that does not.
const RUNS: [(&str, usize); 2] = [("fits", 20), ("fills", 45)];

async fn wordy(work: Work, _: Context) -> Result<Json, Failure> {
    Json::of(&work.id.as_str().repeat(5_000)).map_err(|error| Failure::error(error.to_string()))
}

fn graph((run, tasks): (&str, usize)) -> (RunId, Vec<TaskSpec>) {
    let task = |n| TaskSpec::named(format!("t{n}")).unwrap();
    (RunId::new(run).unwrap(), (0..tasks).map(task).collect())
}

async fn a_bounded_store_is_filled_and_helped() {
    let home = tempfile::tempdir().unwrap();
    let mut settings = Settings::default();
    settings.store_bytes_max = Some(720 * 1024);
    let fabric: Arc<dyn Fabric> = Arc::new(Embedded::open_with(home.path(), &settings).unwrap());
    let mut spec = SystemSpec::new(Arc::clone(&fabric), home.path().to_owned()).unwrap();
    let factory = Arc::new(|| Arc::new(FunctionAgent::new(wordy)) as Arc<_>);
    spec.members = vec![Member::new(AgentId::new("wordy").unwrap(), "function", 2, factory)];
    let system = System::start(spec).await.unwrap();
    let [(fits, first), (fills, second)] = RUNS.map(graph);
    system.tasks().begin(&fits, first).await.unwrap();
    system.tasks().wait(&fits).await.unwrap();
    let compacted = system.compact(Some(0)).await.unwrap();
    assert_eq!((compacted.records_forgotten, compacted.blobs_kept_since), (0, None));
    system.tasks().begin(&fills, second).await.unwrap();
    system.standing().until_full_is(true).await;

    // Nothing new is taken, and everything that is known is told.
    let refused = system.tasks().open(&RunId::new("new").unwrap(), RunOpening::default()).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Full);
    let answer = system.tasks().query(Query::Run(fills.clone())).await.unwrap();
    let Answer::Run(run) = answer else { return assert_eq!(answer, Answer::Run(None)) };
    let counts = run.unwrap().summary.counts;
    assert!(counts.completed > 0 && counts.completed < counts.total, "{counts:?}");

    // What the older of two snapshots stands for is forgotten, and the run goes on in its room.
    let compacted = system.compact(Some(0)).await.unwrap();
    assert!(compacted.records_forgotten > 0);
    assert!(compacted.blobs_kept_since.is_some(), "agents may hold what they had put");
    system.standing().until_full_is(false).await;
    let ended = system.tasks().wait(&fills).await.unwrap();
    assert_eq!((ended.counts.completed, ended.counts.failed), (45, 0));
    for (run, tasks) in RUNS {
        for name in (0..tasks).map(|n| format!("t{n}")) {
            let (run, id) = (RunId::new(run).unwrap(), TaskId::new(&name).unwrap());
            let output = system.tasks().output(&run, &id).await.unwrap().unwrap();
            assert_eq!(output.as_str().len(), name.len() * 5_000 + 2, "{name}");
        }
    }
    system.stop().await.unwrap();
    fabric.close().await;
}
