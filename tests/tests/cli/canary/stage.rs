//! The stage: agents that cannot keep anything to themselves, and what is seen of them.

use std::{fs, process::Command, sync::mpsc};

use orkestra_runtime::fabric::is_sealed;
use orkestra_tests::command::{Desk, LIMIT, Said};
use serde_json::Value;

use super::net::{Canary, search};
use crate::desk;

const AGENT: &str = include_str!("agent.py");

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

pub(super) fn scenario(secrets: &std::path::Path) -> String {
    let (before, rest) = SCENARIO.split_once("[agents.loud]").unwrap();
    let (loud, after) = rest.split_once("[agents.gossip]").unwrap();
    let mut text = before.to_owned();
    for mode in MODES {
        text.push_str("[agents.MODE]".replace("MODE", mode).as_str());
        text.push_str(&loud.replace("MODE", mode));
    }
    text.push_str("[agents.gossip]");
    text.push_str(after);
    for mode in MODES {
        let task = TASK.replace("MODE", mode);
        text += &if mode == "made" { task + "sensitive = [\"output\"]\n" } else { task };
    }
    text.replace("SECRETS", &secrets.to_string_lossy())
}

/// A desk for the scenario, and its canaries: two secrets, an input, an output.
pub(super) struct Stage {
    pub(super) desk: Desk,
    pub(super) canaries: [Canary; 4],
    pub(super) said: Vec<(String, Said)>,
}

impl Stage {
    pub(super) fn set() -> Self {
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
    pub(super) fn meet(&self, mode: &str) -> u32 {
        let (path, (sender, receiver)) =
            (self.desk.path(&format!("canary/here-{mode}")), mpsc::channel());
        std::thread::spawn(move || sender.send(fs::read_to_string(path).unwrap()));
        let pid = receiver.recv_timeout(LIMIT).unwrap();
        pid.parse().unwrap()
    }

    pub(super) fn let_go(&self, mode: &str) {
        fs::write(self.desk.path(&format!("canary/go-{mode}")), "").unwrap();
    }

    pub(super) fn run(&mut self, args: &[&str]) -> Said {
        let said = self.desk.run(&[args, &["--data-dir", "data"]].concat());
        self.said.push((args.join(" "), said.clone()));
        said
    }

    /// Asks everything that can be asked, in every format.
    pub(super) fn look(&mut self) {
        let mut all: Vec<Vec<&str>> = [
            "task list",
            "agent list",
            "audit list",
            "audit export",
            "supervision log",
            "supervision tree",
            "status",
            "config show",
            "context show",
            "context summary",
            "context list",
            "task pending",
            "doctor",
            "health",
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
            // They say with their code that something is wrong, and here something is.
            let may_warn = matches!(args[..], ["doctor" | "health"]);
            for format in ["table", "json", "yaml", "ndjson"] {
                let said = self.run(&[&args[..], &["-vv", "-o", format]].concat());
                let is_answered = said.code == Some(0) || may_warn && said.code == Some(1);
                assert!(is_answered, "{args:?}: {}", said.err);
            }
        }
    }

    /// Nothing was said that must not be, and nothing stands in the folder outside of sealed blobs,
    /// where only what is sensitive may be.
    #[track_caller]
    pub(super) fn check(&mut self, sealed: bool) {
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
    pub(super) fn check_processes(&self, of: u32, (gossip, loud): (u32, u32)) {
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
pub(super) fn inline(task: &Value) -> Value {
    serde_json::from_str(task["output"]["inline"].as_str().unwrap()).unwrap()
}

/// The children of a process, and theirs.
pub(super) fn below(pid: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parent = |of: u32| {
        let stat = fs::read_to_string(format!("/proc/{of}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<u32>().ok()
    };
    let children: Vec<u32> = numbers.filter(|of| parent(*of) == Some(pid)).collect();
    children.iter().flat_map(|child| below(*child)).chain(children.clone()).collect()
}
