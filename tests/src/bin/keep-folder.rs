//! Makes what is kept of a released version: a data directory as it stands when its process is
//! killed in the middle of a run, and the audit that it reads.
//!
//! `cargo run -p orkestra-tests --bin keep-folder -- tests/kept/folder.v2`

use std::{error::Error, fs, path::Path};

use orkestra_runtime::fabric::{Fabric as _, embedded::Embedded};
use orkestra_tests::command::{Desk, Signal};

const SCENARIO: &str = include_str!("../../kept/folder.v1/kept.toml");
const RUN: [&str; 6] = ["run", "kept.toml", "--data-dir", "data", "-o", "ndjson"];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let into =
        std::env::args_os().nth(1).ok_or("give the folder to make, like tests/kept/folder.v2")?;
    let into = Path::new(&into);
    let program = std::env::current_exe()?.with_file_name("orkestra-under-test");
    // A snapshot now and then, so that a short run has two.
    let desk = Desk::with(&program.to_string_lossy())
        .env("ORKESTRA_JOURNAL__SNAPSHOT_EVERY_RECORDS", "25");
    desk.write("kept.toml", SCENARIO);
    end_after(&desk, &[], "nap-0", Signal::INT);
    end_after(&desk, &["--fresh"], "nap-1", Signal::INT);
    let cancel =
        ["task", "cancel", "unwanted", "--data-dir", "data", "--reason", "nobody wants it"];
    desk.run(&cancel).expect(0);
    end_after(&desk, &[], "nap-3", Signal::KILL);
    let data = desk.path("data");
    // Moves what was committed into the one file.
    Embedded::open(&data)?.close().await;
    let audit = desk.run(&["audit", "export", "--data-dir", "data", "-o", "ndjson"]).expect(0).out;
    fs::create_dir_all(into)?;
    fs::write(into.join("kept.toml"), SCENARIO)?;
    fs::write(into.join("audit.jsonl"), audit)?;
    copy(&data, &into.join("data"))?;
    Ok(())
}

/// Runs until a task has ended in this run, and sends a signal.
fn end_after(desk: &Desk, more: &[&str], task: &str, signal: Signal) {
    let mut running = desk.start(&[&RUN[..], more].concat());
    let named = format!("\"{task}\"");
    let has_ended = |line: &str| {
        line.contains("task_ended") && line.contains(&named) && !line.contains("caught_up\":true")
    };
    let _ = running.hear(orkestra_tests::command::LIMIT, has_ended);
    running.signal(signal);
    running.end();
}

/// Copies what outlives a process.
fn copy(from: &Path, into: &Path) -> std::io::Result<()> {
    fs::create_dir_all(into)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        let is_of_the_process =
            ["attempts", "lock", "store.db-shm", "store.db-wal"].iter().any(|other| name == *other);
        if is_of_the_process {
            continue;
        }
        if path.is_dir() {
            copy(&path, &into.join(name))?;
        } else {
            fs::copy(&path, into.join(name))?;
        }
    }
    Ok(())
}
