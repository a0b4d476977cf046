//! Lines for people and programs, a file that outlives runs, and a buffer that overflows.

use std::{
    io::{self, Write},
    sync::{Arc, mpsc},
    time::Duration,
};

use super::{Mood, Reader, Reading, Record, SupervisionLog, read, span};
use crate::{
    id::Incarnation,
    supervise::event::{Note, What},
    time::Wall,
};

fn note(child: &str, what: What) -> Note {
    Note {
        child: Some(child.into()),
        what,
        why: None,
        incarnation: Incarnation(7),
        attempt: 2,
        took: None,
        delay: None,
    }
}

fn line_of(child: &str) -> String {
    let record = Record::new("node", &note(child, What::Started), AT);
    serde_json::to_string(&record).unwrap() + "\n"
}

#[test]
fn a_reader_goes_on_where_it_was_and_leaves_a_line_until_it_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut reader = Reader::of(&path);
    assert_eq!(reader.read_on().unwrap_err().kind(), crate::error::ErrorKind::NotFound);

    let read_on = |reader: &mut Reader| {
        let Reading { records, unreadable } = reader.read_on().unwrap();
        let who: Vec<String> = records.into_iter().map(|record| record.who).collect();
        (who.join(" "), unreadable, reader.has_rest())
    };
    let (first, second) = (line_of("a") + "{torn\n", line_of("b"));
    let (begun, ended) = second.split_at(20);
    std::fs::write(&path, format!("{first}{begun}")).unwrap();
    assert_eq!(read_on(&mut reader), ("node/a".to_owned(), 1, true));
    assert_eq!(read_on(&mut reader), (String::new(), 0, true));
    std::fs::write(&path, format!("{first}{begun}{ended}")).unwrap();
    assert_eq!(read_on(&mut reader), ("node/b".to_owned(), 0, false));
    std::fs::write(&path, line_of("c")).unwrap();
    assert_eq!(read_on(&mut reader), ("node/c".to_owned(), 0, false));
}

const AT: Wall = Wall::from_ms(1_795_262_624_120);

#[test]
fn a_line_reads_well_and_is_aligned() {
    let restarted = Note {
        why: Some("panicked: boom".into()),
        delay: Some(Duration::from_millis(1_234)),
        took: Some(Duration::from_millis(3)),
        ..note("secrets", What::Restarted)
    };
    let line = |note: &Note| Record::new("node/agents", note, AT).line(20);
    assert_eq!(
        line(&restarted),
        "12:03:44.120  node/agents/secrets   restarted     try 2 after 1.2 s  (panicked: boom)"
    );
    let stopped = Note { took: Some(Duration::from_millis(15)), ..note("a", What::Stopped) };
    assert_eq!(line(&stopped), "12:03:44.120  node/agents/a         stopped       took 15 ms");
    let own = Note { child: None, ..note("", What::GaveUp) };
    assert_eq!(line(&own), "12:03:44.120  node/agents           gave up       after 2 tries");
    assert_eq!(Record::new("n", &own, AT).mood(), Mood::Bad);
}

#[test]
fn a_span_is_told_in_the_unit_that_fits() {
    let told = [7, 1_250, 125_000, 12_000_000].map(|ms| span(Duration::from_millis(ms)));
    assert_eq!(told, ["7 ms", "1.2 s", "2 min 5 s", "3 h 20 min"]);
}

#[test]
fn a_line_is_json_with_a_version() {
    let record = Record::new("node", &note("a", What::StartFailed), Wall::from_ms(5));
    assert_eq!(
        serde_json::to_string(&record).unwrap(),
        r#"{"v":1,"seq":0,"at":5,"who":"node/a","what":"start_failed","incarnation":7,"try":2}"#
    );
    let later = r#"{"v":2,"seq":9,"at":5,"who":"a","what":"started"}"#;
    assert_eq!(Record::from_line(later.as_bytes()), None, "a later version is not guessed at");
}

#[tokio::test]
async fn the_next_run_goes_on_where_the_last_was_torn_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("supervision.jsonl");
    let first = SupervisionLog::open(&path).unwrap();
    first.note("node", &note("a", What::Started), AT);
    first.note("node", &note("b", What::Started), AT);
    first.flush().await;
    drop(first);
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(br#"{"v":1,"seq":3,"at":17"#).unwrap();
    assert_eq!(read(&path).unwrap().unreadable, 1);

    let second = SupervisionLog::open(&path).unwrap();
    second.note("node", &note("c", What::Started), AT);
    second.flush().await;
    let Reading { records, unreadable } = read(&path).unwrap();
    let told: Vec<_> = records.iter().map(|record| (record.seq, record.who.as_str())).collect();
    assert_eq!(told, [(1, "node/a"), (2, "node/b"), (3, "node/c")]);
    assert_eq!(unreadable, 1);
}

#[tokio::test]
async fn whoever_watches_sees_every_line_with_its_number() {
    let log = SupervisionLog::unkept();
    let mut seen = log.watch();
    log.note("node", &note("a", What::Started), AT);
    log.note("node", &note("a", What::Ended), AT);
    let (first, second) = (seen.recv().await.unwrap(), seen.recv().await.unwrap());
    assert_eq!(
        [(first.seq, first.what), (second.seq, second.what)],
        [(1, What::Started), (2, What::Ended)]
    );
}

/// A disk that stands still until it is let go on.
struct Stuck {
    gate: mpsc::Receiver<()>,
    entered: mpsc::Sender<()>,
    written: Arc<std::sync::Mutex<Vec<u8>>>,
}

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.entered.send(());
        // Open for good once the other end is dropped.
        let _ = self.gate.recv();
        self.written.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_stuck_disk_blocks_nobody_and_lost_lines_are_counted() {
    let (open, gate) = mpsc::channel();
    let (entered, inside) = mpsc::channel();
    let written = Arc::new(std::sync::Mutex::new(Vec::new()));
    let sink = Stuck { gate, entered, written: Arc::clone(&written) };
    let log = SupervisionLog::with(Box::new(sink), 1, 4);
    log.note("node", &note("0", What::Started), AT);
    inside.recv().unwrap();
    for n in 1..=10 {
        log.note("node", &note(&n.to_string(), What::Started), AT);
    }
    drop(open);
    log.flush().await;
    let bytes = written.lock().unwrap().clone();
    let lines: Vec<Record> =
        bytes.split(|byte| *byte == b'\n').filter_map(Record::from_line).collect();
    let told: Vec<_> = lines.iter().map(|line| (line.seq, line.what, line.lost)).collect();
    assert_eq!(
        told,
        [
            (1, What::Started, None),
            (2, What::LinesLost, Some(6)),
            (3, What::Started, None),
            (4, What::Started, None),
            (5, What::Started, None),
            (6, What::Started, None),
        ]
    );
}

#[tokio::test]
async fn a_large_file_is_put_aside_and_read_across() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("supervision.jsonl");
    let bytes_max = 4 * line_of("00").len() as u64;
    let mut follower = Reader::of(&path);
    let mut seen = Vec::new();
    for life in 0..2 {
        let log = SupervisionLog::open_bounded(&path, bytes_max).unwrap();
        for n in 0..5 {
            log.note("node", &note(&format!("{life}{n}"), What::Started), AT);
            log.flush().await;
            seen.extend(follower.read_on().unwrap().records.into_iter().map(|r| r.seq));
        }
    }
    assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    let aside = folder.path().join("supervision.1.jsonl");
    let sizes = [&path, &aside].map(|path| std::fs::metadata(path).unwrap().len());
    assert!(sizes.iter().all(|size| *size <= bytes_max), "{sizes:?}");
    // The first ones are forgotten, and what is left goes on to the end.
    let Reading { records, unreadable } = read(&path).unwrap();
    let seqs: Vec<u64> = records.iter().map(|record| record.seq).collect();
    assert_eq!((seqs.as_slice(), unreadable), (&[5, 6, 7, 8, 9, 10][..], 0));

    // Killed just after it put the file aside.
    std::fs::rename(&path, &aside).unwrap();
    let log = SupervisionLog::open(&path).unwrap();
    log.note("node", &note("c", What::Started), AT);
    log.flush().await;
    let Reading { records, .. } = read(&path).unwrap();
    assert_eq!(records.last().map(|record| record.seq), Some(11));
}

/// A disk that takes half of the second line, then nothing, and then has room again.
struct Full(usize, Arc<std::sync::Mutex<Vec<u8>>>);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += 1;
        let taken = match self.0 {
            2 => &bytes[..bytes.len() / 2],
            3..=5 => return Err(io::ErrorKind::StorageFull.into()),
            _ => bytes,
        };
        self.1.lock().unwrap().extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_line_that_found_no_room_costs_no_other_and_is_counted() {
    let written = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = SupervisionLog::with(Box::new(Full(0, Arc::clone(&written))), 1, 8);
    for child in ["a", "b", "c", "d"] {
        log.note("node", &note(child, What::Started), AT);
    }
    log.flush().await;
    let bytes = written.lock().unwrap().clone();
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let told: Vec<_> = lines.map(|line| Record::from_line(line).map(|r| (r.who, r.lost))).collect();
    let told: Vec<_> =
        told.iter().map(|line| line.as_ref().map(|(who, lost)| (who.as_str(), *lost))).collect();
    assert_eq!(told[..2], [Some(("node/a", None)), None]);
    let rest: Vec<_> = told[2..].iter().copied().map(Option::unwrap).collect();
    let lost: u64 = rest.iter().filter_map(|(_, lost)| *lost).sum();
    assert_eq!((rest.last().map(|last| last.0), lost), (Some("node/d"), 2));
}
