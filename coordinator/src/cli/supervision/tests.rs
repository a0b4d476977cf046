//! Lives that end and lives that are cut off, as lines and as a tree.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use orkestra_runtime::{
    id::Incarnation,
    supervise::{event::What, log::Record},
    time::Wall,
};

use super::*;
use crate::output::Surroundings;

/// 2026-11-21T09:00:00Z.
const NINE: u64 = 1_795_251_600_000;

fn record(ms: u64, who: &str, what: What, life: u64) -> Record {
    Record {
        v: 1,
        seq: ms,
        at: Wall::from_ms(NINE + ms),
        who: who.to_owned(),
        what,
        why: None,
        incarnation: Incarnation(life),
        attempt: 1,
        took_ms: None,
        delay_ms: None,
        lost: None,
    }
}

fn because(why: &str, record: Record) -> Record {
    Record { why: Some(why.to_owned()), ..record }
}

/// A node that was killed after one of its agents was restarted twice and waits for a third try.
fn killed() -> Vec<Record> {
    let a = "node/house/agents/a";
    vec![
        record(0, "node/fabric", What::Started, 1),
        record(1, a, What::Started, 1),
        record(2, "node/house/agents/b", What::Started, 2),
        record(3, "node/house/agents", What::Started, 1),
        record(4, "node/house", What::Started, 2),
        because("panicked: boom", record(1_000, a, What::Ended, 1)),
        because("panicked: boom", record(1_100, a, What::Restarted, 3)),
        because("no such file", record(2_000, a, What::StartFailed, 4)),
        Record {
            delay_ms: Some(8_000),
            attempt: 2,
            ..because("no such file", record(2_001, a, What::BackingOff, 4))
        },
    ]
}

/// A short life that ends in order, a day later.
fn ended() -> Vec<Record> {
    let day = 86_400_000;
    vec![
        record(day, "node/fabric", What::Started, 1),
        because("shutdown", record(day + 5, "node/fabric", What::Stopped, 1)),
        because("asked to", record(day + 6, "node", What::Stopped, 0)),
    ]
}

fn folded(records: &[Record], pid: Option<u32>) -> fold::Shown {
    let mut fold = Fold::default();
    for record in records {
        fold.add(record);
    }
    fold.shown(pid).unwrap()
}

#[test]
fn a_node_that_was_killed_begins_a_new_life_with_its_first_child() {
    let mut lives = Lives::default();
    let starts = |lives: &mut Lives, records: Vec<Record>| {
        records.iter().map(|record| lives.of(record)).collect::<Vec<_>>()
    };
    assert_eq!(starts(&mut lives, killed()), [1; 9]);
    assert_eq!(starts(&mut lives, ended()), [2; 3]);
    assert_eq!(starts(&mut lives, ended()), [3; 3]);
}

#[test]
fn each_start_and_each_day_heads_its_lines() {
    let mut sheet = Sheet::new(false);
    let mut lines = String::new();
    let records = [
        record(0, "node/fabric", What::Started, 1),
        because("panicked:\n\u{1b}[2J", record(86_400_000, "node/a", What::Ended, 2)),
    ];
    sheet.widen(records.iter());
    for (start, record) in [(1, &records[0]), (1, &records[1]), (2, &records[0])] {
        lines.push_str(&sheet.line(start, record));
    }
    assert_eq!(
        lines,
        "── start 1, 2026-11-21 ──\n\
         09:00:00.000  node/fabric  started\n\
         ── 2026-11-22 ──\n\
         09:00:00.000  node/a       ended         (panicked:  [2J)\n\
         ── start 2, 2026-11-21 ──\n\
         09:00:00.000  node/fabric  started\n"
    );
}

#[test]
fn colour_says_how_a_line_is_to_be_taken() {
    let line = |what| painted(&record(0, "a", what, 1), 0, true);
    assert_eq!(line(What::Started), "09:00:00.000  a  started");
    assert_eq!(line(What::Restarted), "\u{1b}[33m09:00:00.000  a  restarted\u{1b}[0m");
    assert_eq!(
        line(What::Parked),
        "\u{1b}[31m09:00:00.000  a  parked        after 1 tries\u{1b}[0m"
    );
}

#[test]
fn the_tree_of_a_killed_node_shows_what_it_was_at() {
    let shown = folded(&killed(), None);
    assert_eq!(
        shown.standing(),
        "nothing runs here now; start 1 was killed after 2026-11-21T09:00:02.001Z: \
         what stands as running ran then"
    );
    assert_eq!(
        draw(&shown.tree),
        "CHILD          STATE                        RESTARTS   LAST EXIT\n\
         node           running                      0          -\n\
         ├─ fabric      running                      0          -\n\
         └─ house       running                      0          -\n   \
            └─ agents   running                      0          -\n      \
               ├─ a     backing off until 09:00:10   2          start failed at 09:00:02: no such file\n      \
               └─ b     running                      0          -\n"
    );
}

#[test]
fn a_new_start_of_the_node_begins_to_count_anew() {
    let records: Vec<Record> = killed().into_iter().chain(ended()).collect();
    let shown = folded(&records, None);
    assert_eq!(
        shown.standing(),
        "nothing runs here now; start 2 ended at 2026-11-22T09:00:00.006Z"
    );
    assert_eq!(
        draw(&shown.tree),
        "CHILD       STATE     RESTARTS   LAST EXIT\n\
         node        stopped   0          stopped at 09:00:00: asked to\n\
         └─ fabric   stopped   0          stopped at 09:00:00: shutdown\n"
    );
    let alive = folded(&killed(), Some(7)).standing();
    assert_eq!(
        alive,
        "process 7 is at work; this is what its log says until 2026-11-21T09:00:02.001Z"
    );
}

#[test]
fn nobody_outlives_a_supervisor_and_a_failure_stays_in_sight() {
    let agents = "node/house/agents";
    let mut records = killed();
    records.push(because("killed", record(3_000, agents, What::Ended, 1)));
    records.push(because("killed", record(3_001, agents, What::Restarted, 2)));
    records.push(record(3_002, "node/house/agents/a", What::Started, 1));
    records.push(because("shutdown", record(4_000, "node/house/agents/a", What::Stopped, 1)));
    let tree = folded(&records, None).tree;
    let agents = &tree.children[1].children[0];
    assert_eq!((agents.state, agents.restarts), (fold::State::Running, 1));
    let [a, b] = &agents.children[..] else { panic!("two agents") };
    assert_eq!((a.state, a.restarts), (fold::State::Stopped, 3));
    assert_eq!(a.last_exit.as_ref().unwrap().what, What::Stopped);
    assert_eq!(a.last_failure.as_ref().unwrap().why.as_deref(), Some("no such file"));
    assert_eq!((b.state, b.since), (fold::State::Stopped, Wall::from_ms(NINE + 3_000)));
}

/// Keeps what is written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a command writes about a folder with this log: data, talk.
async fn told(log: &str, format: Format, command: SupervisionCommand) -> (String, String) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(SUPERVISION_LOG), log).unwrap();
    let (out, talk) = (Kept::default(), Kept::default());
    let streams: (Box<dyn Write + Send>, Box<dyn Write + Send>) =
        (Box::new(out.clone()), Box::new(talk.clone()));
    let mut console = Console::new(streams, format, Surroundings::default());
    let exit = serve(&command, dir.path(), &mut console).await.unwrap();
    assert_eq!(exit, Exit::Done);
    let text = |kept: &Kept| String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    (text(&out), text(&talk))
}

fn written(records: &[Record]) -> String {
    records.iter().map(|record| serde_json::to_string(record).unwrap() + "\n").collect()
}

#[tokio::test]
async fn the_last_lines_of_a_child_are_shown_and_a_torn_line_is_owned_up_to() {
    let log = written(&killed()) + "{\"v\":1,\"se";
    let command = || SupervisionCommand::Log {
        child: Some("agents/a".to_owned()),
        limit: Some(2),
        follow: false,
    };
    let (out, talk) = told(&log, Format::Table, command()).await;
    assert_eq!(
        out,
        "── start 1, 2026-11-21 ──\n\
         09:00:02.000  node/house/agents/a  start failed  try 1  (no such file)\n\
         09:00:02.001  node/house/agents/a  backing off   try 2 in 8.0 s  (no such file)\n"
    );
    assert_eq!(talk, "note: the last line is torn: its writer was killed while it wrote\n");
    let (out, _) = told(&log, Format::Ndjson, command()).await;
    assert_eq!(out.lines().count(), 2);
    assert!(out.starts_with("{\"start\":1,\"v\":1,\"seq\":2000,"), "{out}");
}

#[tokio::test]
async fn the_tree_is_one_document_for_programs() {
    let (out, talk) = told(&written(&ended()), Format::Json, SupervisionCommand::Tree).await;
    let shown: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(shown["ended"], true);
    assert_eq!(shown["tree"]["children"][0]["path"], "node/fabric");
    assert_eq!(shown["tree"]["children"][0]["state"], "stopped");
    assert_eq!(talk, "nothing runs here now; start 1 ended at 2026-11-22T09:00:00.006Z\n");
}

#[tokio::test]
async fn where_nothing_was_run_one_is_told_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let streams: (Box<dyn Write + Send>, Box<dyn Write + Send>) =
        (Box::new(io::sink()), Box::new(io::sink()));
    let mut console = Console::new(streams, Format::Table, Surroundings::default());
    let error = serve(&SupervisionCommand::Tree, dir.path(), &mut console).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(
        error.to_string(),
        format!(
            "there is no supervision log in {}: name another folder with --data-dir, or run something",
            dir.path().display()
        )
    );
}

/// Whoever reads this adds a line to the log as soon as he has seen something, and goes away once
/// he has seen that as well.
struct Reading {
    log: std::path::PathBuf,
    seen: Kept,
}

impl Write for Reading {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let is_first = self.seen.0.lock().unwrap().is_empty();
        self.seen.write_all(bytes)?;
        if is_first {
            let mut log = std::fs::OpenOptions::new().append(true).open(&self.log)?;
            log.write_all(written(&ended()).as_bytes())?;
            return Ok(bytes.len());
        }
        Err(io::ErrorKind::BrokenPipe.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_log_that_grows_is_followed_until_its_reader_goes_away() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join(SUPERVISION_LOG);
    std::fs::write(&log, written(&killed())).unwrap();
    let seen = Kept::default();
    let streams: (Box<dyn Write + Send>, Box<dyn Write + Send>) =
        (Box::new(Reading { log, seen: seen.clone() }), Box::new(io::sink()));
    let mut console = Console::new(streams, Format::Table, Surroundings::default());
    let child = Some("node/fabric".to_owned());
    let command = SupervisionCommand::Log { child, limit: Some(1), follow: true };
    let exit = serve(&command, dir.path(), &mut console).await.unwrap();
    assert_eq!(exit, Exit::Done);
    assert_eq!(
        String::from_utf8(seen.0.lock().unwrap().clone()).unwrap(),
        "── start 1, 2026-11-21 ──\n\
         09:00:00.000  node/fabric  started\n\
         ── start 2, 2026-11-22 ──\n\
         09:00:00.000  node/fabric  started\n\
         09:00:00.005  node/fabric  stopped       (shutdown)\n"
    );
}

#[tokio::test]
async fn a_document_has_an_end_and_so_nothing_to_follow() {
    let dir = tempfile::tempdir().unwrap();
    let streams: (Box<dyn Write + Send>, Box<dyn Write + Send>) =
        (Box::new(io::sink()), Box::new(io::sink()));
    let mut console = Console::new(streams, Format::Json, Surroundings::default());
    let command = SupervisionCommand::Log { child: None, limit: None, follow: true };
    let error = serve(&command, dir.path(), &mut console).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "--follow writes line by line, and a document has an end: use -o table or -o ndjson"
    );
}
