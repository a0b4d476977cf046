//! Secrets and sensitive contents through a whole run, its crash and its deletion: they stand where
//! they must, and nowhere else, however they are spelled.

#[path = "canary/net.rs"]
mod net;

use std::{fs, path::Path, process::Command, sync::mpsc};

use orkestra_runtime::fabric::is_sealed;
use orkestra_tests::command::{Desk, LIMIT, Said};
use serde_json::Value;

use self::net::{Canary, files, search};
use crate::desk;

const AGENT: &str = include_str!("canary/agent.py");

const SCENARIO: &str = r#"
[scenario]
name = "canary"

[inputs.token]
type = "string"
sensitive = true

[agents.loud]
kind = "command"
argv = ["python3", "{{ scenario.folder }}/agent.py", "MODE"]
capabilities = ["MODE"]
restart_on = ["killed"]
restart = { backoff = { base = "1ms" } }
secrets = { ENV_SECRET = { env = "CANARY_ENV" }, FILE_SECRET = { file = "SECRETS/secret.txt" } }

[agents.gossip]
kind = "command"
argv = ["python3", "{{ scenario.folder }}/agent.py", "gossip"]
capabilities = ["gossip"]

[agents.plain]
kind = "command"
argv = ["sh", "-c", "read line; echo $line $ENV_SECRET; echo $line $ENV_SECRET >&2; test $ENV_SECRET"]
protocol = "plain"
capabilities = ["plain"]
secrets = { ENV_SECRET = { env = "CANARY_ENV" } }

[agents.env]
kind = "command"
argv = ["env"]
protocol = "plain"
stdin = "none"
capabilities = ["env"]

[agents.files]
kind = "command"
argv = ["ls", "/proc/self/fd"]
protocol = "plain"
stdin = "none"
capabilities = ["files"]

[agents.panics]
kind = "function"
function = "demo-panic"
restart = { backoff = { base = "1ms" } }
capabilities = ["panics"]

[[tasks]]
id = "gossip"
requires = ["gossip"]

[[tasks]]
id = "env"
requires = ["env"]

[[tasks]]
id = "files"
requires = ["files"]

[[tasks]]
id = "plain"
requires = ["plain"]
input = "{{ inputs.token }}"

[[tasks]]
id = "panics"
requires = ["panics"]
input = { times = 1, token = "{{ inputs.token }}" }
retry = { base = "1ms" }

[[tasks]]
id = "unreadable"
requires = ["panics"]
input = { times = "{{ inputs.token }}" }

[[tasks]]
id = "after"
requires = ["bad"]
needs = ["made"]
input = "nothing of importance"
"#;

const TASK: &str = r#"
[[tasks]]
id = "MODE"
requires = ["MODE"]
input = { token = "{{ inputs.token }}" }
retry = { base = "1ms" }
"#;

/// Modes of the loud agent, each an agent and a task of its own.
const MODES: [&str; 5] = ["bad", "fails", "crashes", "killed", "made"];

fn scenario(secrets: &Path) -> String {
    let (before, rest) = SCENARIO.split_once("[agents.loud]").unwrap();
    let (loud, after) = rest.split_once("[agents.gossip]").unwrap();
    let mut text = before.to_owned();
    for mode in MODES {
        text += &format!("[agents.{mode}]{}", loud.replace("MODE", mode));
    }
    text += &format!("[agents.gossip]{after}");
    for mode in MODES {
        let task = TASK.replace("MODE", mode);
        text += &if mode == "made" { task + "sensitive = [\"output\"]\n" } else { task };
    }
    text.replace("SECRETS", &secrets.to_string_lossy())
}

/// A desk for the scenario, and its canaries: two secrets, an input, an output.
struct Stage {
    desk: Desk,
    canaries: [Canary; 4],
    said: Vec<(String, Said)>,
}

impl Stage {
    fn set() -> Self {
        let text = |what: &str| ["sings", what, "é\"/+", "4f1c9be2"].join("-");
        let canaries = [
            Canary::new("the secret of the environment", &text("env")),
            Canary::new("the secret of a file", &text("file")),
            Canary::new("the sensitive input", &text("input")),
            Canary::new("the sensitive output", &text("output")),
        ];
        let desk = desk().env("CANARY_ENV", &canaries[0].text);
        // The scenario and what the test writes lie apart from what is searched.
        desk.write("canary/agent.py", AGENT);
        desk.write("canary/canary.toml", &scenario(&desk.path("canary")));
        desk.write("canary/made.txt", &canaries[3].text);
        for (name, canary) in [("secret.txt", 1), ("token.txt", 2)] {
            let name = format!("canary/{name}");
            desk.write(&name, &canaries[canary].text);
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            fs::set_permissions(desk.path(&name), private).unwrap();
        }
        for pipe in ["here-gossip", "go-gossip", "here-made", "go-made"] {
            let path = desk.path(&format!("canary/{pipe}"));
            assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        }
        Self { desk, canaries, said: Vec::new() }
    }

    /// Waits for an agent; answers its process.
    fn meet(&self, mode: &str) -> u32 {
        let (path, (sender, receiver)) =
            (self.desk.path(&format!("canary/here-{mode}")), mpsc::channel());
        std::thread::spawn(move || sender.send(fs::read_to_string(path).unwrap()));
        let pid = receiver.recv_timeout(LIMIT).expect("the agent never came");
        pid.parse().unwrap()
    }

    fn let_go(&self, mode: &str) {
        fs::write(self.desk.path(&format!("canary/go-{mode}")), "").unwrap();
    }

    fn run(&mut self, args: &[&str]) -> Said {
        let said = self.desk.run(&[args, &["--data-dir", "data"]].concat());
        self.said.push((args.join(" "), said.clone()));
        said
    }

    /// Asks everything that can be asked, in every format.
    fn look(&mut self) {
        let mut all: Vec<Vec<&str>> = [
            "task list",
            "agent list",
            "audit list",
            "audit export",
            "supervision log",
            "supervision tree",
            "status",
            "config show",
        ]
        .map(|words| words.split(' ').collect())
        .to_vec();
        for task in MODES.into_iter().chain([
            "gossip",
            "env",
            "files",
            "plain",
            "panics",
            "unreadable",
            "after",
        ]) {
            all.push(vec!["task", "get", task]);
            all.push(vec!["why", task]);
        }
        for args in &all {
            for format in ["table", "json", "yaml", "ndjson"] {
                let said = self.run(&[&args[..], &["-vv", "-o", format]].concat());
                assert!(matches!(said.code, Some(0)), "{args:?}: {}", said.err);
            }
        }
    }

    /// Nothing was said that must not be, and nothing stands in the folder outside of sealed blobs,
    /// where only what is sensitive may be.
    #[track_caller]
    fn check(&mut self, sealed: bool) {
        let mut found = Vec::new();
        for (args, said) in self.said.drain(..) {
            for canary in &self.canaries {
                for (where_, text) in [("output", &said.out), ("talk", &said.err)] {
                    if let Some(spelling) = canary.spelling_in(text.as_bytes()) {
                        found.push(format!(
                            "{} was said {spelling} in the {where_} of {args}",
                            canary.name
                        ));
                    }
                }
            }
        }
        let data = self.desk.path("data");
        let (stands, looked_at) =
            search(&data, &self.canaries, &|bytes| sealed && is_sealed(bytes));
        found.extend(stands);
        assert_eq!(found, [""; 0], "this leaked");
        assert!(looked_at >= 3, "only {looked_at} files: this test is blind");
        let (secrets, _) = search(&data, &self.canaries[..2], &|_: &[u8]| false);
        assert_eq!(secrets, [""; 0], "secrets are kept nowhere at all");
    }

    /// What everybody can see of the processes below one: secrets in the environment of those alone
    /// that list them, and nothing else anywhere.
    fn check_processes(&self, of: u32, (gossip, loud): (u32, u32)) {
        let read =
            |pid: u32, what: &str| fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
        let finds =
            |canary: usize, bytes: &[u8]| self.canaries[canary].spelling_in(bytes).is_some();
        for pid in below(of).into_iter().chain([of]) {
            let (arguments, environment) = (read(pid, "cmdline"), read(pid, "environ"));
            assert!((0..4).all(|canary| !finds(canary, &arguments)), "in the arguments of {pid}");
            assert!(!(finds(2, &environment) || finds(3, &environment)), "in that of {pid}");
        }
        assert!(below(of).contains(&gossip) && below(of).contains(&loud));
        let (gossip, loud) = (read(gossip, "environ"), read(loud, "environ"));
        assert!(!gossip.is_empty() && !finds(0, &gossip) && !finds(1, &gossip));
        assert!(finds(0, &loud) && finds(1, &loud), "it was given no secret");
    }
}

/// The output of a task, where it stands in place.
fn inline(task: &Value) -> Value {
    serde_json::from_str(task["output"]["inline"].as_str().unwrap()).unwrap()
}

/// The children of a process, and theirs.
fn below(pid: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parent = |of: u32| {
        let stat = fs::read_to_string(format!("/proc/{of}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<u32>().ok()
    };
    let children: Vec<u32> = numbers.filter(|of| parent(*of) == Some(pid)).collect();
    children.iter().flat_map(|child| below(*child)).chain(children.clone()).collect()
}

const RUN: [&str; 9] = [
    "run",
    "canary/canary.toml",
    "--set",
    "token=@canary/token.txt",
    "-vv",
    "-o",
    "ndjson",
    "--data-dir",
    "data",
];

#[test]
fn secrets_and_sensitive_contents_stand_where_they_must_and_nowhere_else() {
    let mut stage = Stage::set();
    // Killed in the middle.
    let running = stage.desk.start(&RUN);
    let (gossip, made) = (stage.meet("gossip"), stage.meet("made"));
    stage.check_processes(running.pid(), (gossip, made));
    stage.look();
    stage.check(true);
    let node = running.pid();
    let said = running.kill();
    stage.said.push((format!("run, killed ({node})"), said));
    for pid in [gossip, made] {
        // Nobody is left who would end them.
        let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
    stage.check(true);

    // It goes on, with the same input and no other blob for it.
    let running = stage.desk.start(&RUN);
    let (gossip, made) = (stage.meet("gossip"), stage.meet("made"));
    stage.check_processes(running.pid(), (gossip, made));
    stage.look();
    let refused = stage.run(&["task", "redact", "made"]).expect(2);
    assert!(refused.err.contains("wait for it, or cancel it first"), "{}", refused.err);
    stage.let_go("gossip");
    stage.let_go("made");
    let said = running.end().expect(1);
    assert!(said.err.contains("goes on where it was"), "{}", said.err);
    stage.said.push(("run".to_owned(), said));
    stage.look();
    stage.check(true);
    stage.check_outcomes();

    // Shown to who asks by name, and then deleted.
    let shown =
        stage.desk.run(&["task", "get", "made", "--reveal", "-o", "json", "--data-dir", "data"]);
    let shown = shown.expect(0).json();
    let revealed = |part: &str| -> Value {
        serde_json::from_str(shown["revealed"][part].as_str().unwrap()).unwrap()
    };
    assert_eq!(revealed("output")["made"], stage.canaries[3].text);
    assert_eq!(revealed("output")["heard"][0], "[secret]");
    assert_eq!(revealed("input")["token"], stage.canaries[2].text);
    let audit = stage.run(&["audit", "list", "--type", "task_revealed", "-o", "json"]).json();
    assert_eq!(audit.as_array().unwrap().len(), 1, "{audit}");
    stage.run(&["task", "redact", "--all", "--run", "canary-1"]).expect(0).says(&["is deleted"]);
    stage.look();
    stage.check(false);
    let kept = files(&stage.desk.path("data")).into_iter().map(|path| fs::read(path).unwrap());
    assert_eq!(kept.filter(|bytes| is_sealed(bytes)).count(), 0, "a sealed blob is left");
    let get = stage.run(&["task", "get", "made"]).expect(0);
    get.shows(&["(sensitive, ", "deleted      input, output at 20"]);
    let again = stage.run(&["task", "retry", "unreadable"]).expect(2);
    assert!(again.err.contains("it cannot be tried again"), "{}", again.err);
}

impl Stage {
    /// The run did what it was to do: otherwise nothing was proved.
    fn check_outcomes(&mut self) {
        let get = |stage: &mut Self, task: &str| {
            stage.run(&["task", "get", task, "-o", "json"]).expect(0).json()
        };
        for mode in ["bad", "fails", "crashes", "killed"] {
            let task = get(self, mode);
            assert_eq!(
                (&task["state"], &task["failures"]),
                (&Value::from("completed"), &Value::from(1)),
                "{mode}: {task}"
            );
            let heard = &inline(&task)["heard"];
            assert_eq!(heard[0], "[secret]", "{task}");
            assert_eq!(heard[2]["token"], "[sensitive]", "{task}");
        }
        let unreadable = get(self, "unreadable");
        assert_eq!(unreadable["state"], "failed", "{unreadable}");
        let after = get(self, "after");
        assert_eq!(inline(&after)["heard"][3]["made"]["made"], "[sensitive]", "{after}");
        let gossip = inline(&get(self, "gossip"));
        let env = inline(&get(self, "env"))["stdout"].as_str().unwrap().to_owned();
        let mut names = env.lines().map(|line| line.split_once('=').unwrap().0);
        let usual = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"];
        assert!(names.clone().count() > 0 && names.all(|name| usual.contains(&name)), "{env}");
        // What this test hands on it hands on as well; of its own it adds nothing.
        let listed = Command::new("ls").arg("/proc/self/fd").output().unwrap().stdout;
        let files = inline(&get(self, "files"))["stdout"].as_str().unwrap().to_owned();
        assert_eq!(files, String::from_utf8(listed).unwrap());
        assert_eq!(gossip["mode"], "0o700");
        assert_eq!(gossip["umask"], "0o77");
        assert_eq!(gossip["core"], serde_json::json!(["0", "0"]));
        assert_eq!(gossip["leads_group"], true);
        assert!(gossip["folder"].as_str().unwrap().contains("/data/"), "{gossip}");
        let audit = self.run(&["audit", "export"]);
        assert!(audit.out.contains("[secret]") && audit.out.contains("[sensitive]"));
    }
}

#[test]
fn a_leak_is_found_however_it_is_spelled() {
    let stage = Stage::set();
    let data = stage.desk.path("data");
    for canary in &stage.canaries {
        for (spelling, bytes) in canary.spellings() {
            fs::create_dir_all(data.join("deep/er")).unwrap();
            let leak = [b"before".as_slice(), bytes, b"after"].concat();
            fs::write(data.join("deep/er/leak"), leak).unwrap();
            let (found, looked_at) = search(&data, std::slice::from_ref(canary), &|_: &[u8]| false);
            assert_eq!((found.len(), looked_at), (1, 1), "{spelling}: {found:?}");
            assert!(found[0].ends_with("deep/er/leak"), "{found:?}");
        }
    }
}

const ENCODES: &str = r#"
[scenario]
name = "encodes"

[agents.encodes]
kind = "command"
argv = ["sh", "-c", "printf %s $ENV_SECRET | od -An -v -tx1 | tr -d ' \n'"]
protocol = "plain"
stdin = "none"
secrets = { ENV_SECRET = { env = "CANARY_ENV" } }

[[tasks]]
id = "encodes"
"#;

/// A known limit, and the proof that the search would see it in the store.
#[test]
fn a_secret_that_a_program_encodes_leaks_and_is_found() {
    let stage = Stage::set();
    stage.desk.write("canary/encodes.toml", ENCODES);
    stage.desk.run(&["run", "canary/encodes.toml", "--data-dir", "data"]).expect(0);
    let (found, _) = search(&stage.desk.path("data"), &stage.canaries, &|_: &[u8]| false);
    assert!(
        !found.is_empty() && found.iter().all(|leak| leak.contains("in hexadecimal")),
        "{found:?}"
    );
}
