//! The one thread that numbers lines, writes them, and shows them to whoever watches.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::Receiver,
    },
};

use tokio::sync::{broadcast, oneshot};

use super::{Record, rotate::older};
use crate::time::Wall;

/// What the writer is told to do.
pub(super) enum Order {
    Line(Box<Record>),
    Flush(oneshot::Sender<()>),
}

/// How much of a file's end is read to find its last number.
const TAIL_BYTES: u64 = 256 * 1024;

pub(super) struct Writer {
    sink: Box<dyn Write + Send>,
    next: u64,
    lost: Arc<AtomicU64>,
    watchers: broadcast::Sender<Arc<Record>>,
    line: Vec<u8>,
    /// The last line may have been written in part.
    is_torn: bool,
    /// The time of the latest line.
    last: Wall,
}

impl Writer {
    pub(super) fn new(
        sink: Box<dyn Write + Send>,
        next: u64,
        lost: Arc<AtomicU64>,
        watchers: broadcast::Sender<Arc<Record>>,
    ) -> Self {
        Self { sink, next, lost, watchers, line: Vec::new(), is_torn: false, last: Wall::default() }
    }

    pub(super) fn run(mut self, inbox: &Receiver<Order>) {
        while let Ok(order) = inbox.recv() {
            match order {
                Order::Line(record) => {
                    self.last = record.at;
                    self.own_up();
                    if !self.write(*record) {
                        self.lost.fetch_add(1, Ordering::Relaxed);
                    }
                }
                Order::Flush(done) => {
                    self.own_up();
                    // Whoever waited for it may have gone.
                    let _ = done.send(());
                }
            }
        }
        self.own_up();
    }

    /// Tells of the lines that were lost since it last did.
    fn own_up(&mut self) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 && !self.write(Record::lines_lost(lost, self.last)) {
            // They are told of when there is room.
            self.lost.fetch_add(lost, Ordering::Relaxed);
        }
    }

    /// Writes a line, and shows it to whoever watches; says whether it is written.
    fn write(&mut self, mut record: Record) -> bool {
        record.seq = self.next;
        self.next += 1;
        self.line.clear();
        if self.is_torn {
            self.line.push(b'\n');
        }
        let whole = serde_json::to_writer(&mut self.line, &record).map_err(io::Error::from);
        self.line.push(b'\n');
        // One write a line, so that a line stands whole or is the last.
        let written = whole.and_then(|()| self.sink.write_all(&self.line));
        let written = written.and_then(|()| self.sink.flush());
        self.is_torn = written.is_err();
        if let Err(error) = written {
            tracing::warn!(%error, "cannot write to the supervision log");
        }
        // An error means that nobody watches.
        let _ = self.watchers.send(Arc::new(record));
        !self.is_torn
    }
}

/// Opens a log for appending, and finds the number to go on with. A torn last line is closed.
pub(super) fn open(path: &Path) -> io::Result<(File, u64)> {
    // Reasons of failures stand in it: it is for its owner alone.
    let mut file =
        OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(path)?;
    let tail = tail_of(&mut file)?;
    if tail.last().is_some_and(|byte| *byte != b'\n') {
        file.write_all(b"\n")?;
    }
    let last = match last_of(&tail) {
        // Its writer may have been killed just when it had put the file before this one aside.
        None => File::open(older(path))
            .and_then(|mut file| tail_of(&mut file))
            .ok()
            .and_then(|tail| last_of(&tail)),
        last => last,
    };
    Ok((file, last.map_or(1, |record| record.seq + 1)))
}

fn tail_of(file: &mut File) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    Ok(tail)
}

fn last_of(tail: &[u8]) -> Option<Record> {
    tail.split(|byte| *byte == b'\n').rev().find_map(Record::from_line)
}
