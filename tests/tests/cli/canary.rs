//! Secrets and sensitive contents through a whole run, its crash and its deletion: they stand where
//! they must, and nowhere else, however they are spelled.

#[path = "canary/net.rs"]
mod net;
#[path = "canary/stage.rs"]
mod stage;

use std::{fs, process::Command};

use orkestra_runtime::fabric::is_sealed;
use serde_json::Value;

use self::{
    net::{files, search},
    stage::{Stage, inline},
};

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
