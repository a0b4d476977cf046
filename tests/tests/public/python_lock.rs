//! The lock in Python, run for real against a real server.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
};

use orkestra_agents::kinds::remote::Pace;
use orkestra_runtime::fabric::nats::{Nats, NatsSettings};
use orkestra_tests::nats::Servers;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{
    python::{ask, packages, root, until},
    stage::Stage,
};

/// A program that counts, killed when it is dropped.
struct Counting(Child, BufReader<ChildStdout>);

impl Counting {
    fn start(url: &str, file: &Path, times: u32, pause: f64) -> Self {
        let mut command = Command::new("python3");
        command.arg(root().join("examples/python-lock/count.py")).arg(file).arg(times.to_string());
        command.env("PYTHONPATH", packages()).env("NATS_URL", url);
        command.env("LEASE_MS", "2000").env("PAUSE", pause.to_string());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self(child, out)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.1.read_line(&mut line).unwrap();
        line
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    fn end(mut self) -> String {
        let mut said = String::new();
        self.1.read_to_string(&mut said).unwrap();
        assert!(self.0.wait().unwrap().success(), "{said}");
        said
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn count_in(file: &Path) -> u64 {
    let kept: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    kept["count"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_in_python_count_in_turn_and_one_that_slept_past_its_lease_is_refused() {
    let servers = Servers::one().await;
    let url = servers.url();
    let nats = Nats::connect(NatsSettings::new(&url)).await.unwrap();
    let _stage = Stage::over(Arc::new(nats), Vec::new(), Pace::default()).await;
    let client = async_nats::connect(&url).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("numbers.json");
    // They would overwrite each other at once if both could read before one writes.
    let two = [0, 1].map(|_| Counting::start(&url, &file, 5, 0.02));
    for one in two {
        assert_eq!(one.end().matches("wrote").count(), 5);
    }
    assert_eq!(count_in(&file), 10);

    let mut sleeper = Counting::start(&url, &file, 1, 0.5);
    assert_eq!(sleeper.line(), "read 10\n");
    sleeper.signal(Signal::STOP);
    until("the end of its session", async || {
        let shown = ask(&client, "lock.get", json!({ "key": "count" })).await;
        let holders = &shown["lock"]["holders"];
        (holders.is_null() || holders == &json!([])).then_some(())
    })
    .await;
    let next = Counting::start(&url, &file, 1, 0.0);
    assert!(next.end().contains("wrote 11"));
    sleeper.signal(Signal::CONT);
    let said = sleeper.end();
    assert!(said.contains("refused: token"), "{said}");
    assert_eq!(count_in(&file), 11);
}
