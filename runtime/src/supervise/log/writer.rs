//! The one thread that numbers lines, writes them, and shows them to whoever watches.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::Receiver,
    },
};

use tokio::sync::{broadcast, oneshot};

use super::Record;
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
        Self { sink, next, lost, watchers, line: Vec::new(), last: Wall::default() }
    }

    pub(super) fn run(mut self, inbox: &Receiver<Order>) {
        while let Ok(order) = inbox.recv() {
            match order {
                Order::Line(record) => {
                    self.last = record.at;
                    self.own_up();
                    self.write(*record);
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
        if lost > 0 {
            self.write(Record::lines_lost(lost, self.last));
        }
    }

    fn write(&mut self, mut record: Record) {
        record.seq = self.next;
        self.next += 1;
        self.line.clear();
        let whole = serde_json::to_writer(&mut self.line, &record).map_err(io::Error::from);
        self.line.push(b'\n');
        // One write a line, so that a line stands whole or is the last.
        let written = whole.and_then(|()| self.sink.write_all(&self.line));
        if let Err(error) = written.and_then(|()| self.sink.flush()) {
            self.lost.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(%error, "cannot write to the supervision log");
        }
        // An error means that nobody watches.
        let _ = self.watchers.send(Arc::new(record));
    }
}

/// Opens a log for appending, and finds the number to go on with. A torn last line is closed.
pub(super) fn open(path: &Path) -> io::Result<(File, u64)> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    if tail.last().is_some_and(|byte| *byte != b'\n') {
        file.write_all(b"\n")?;
    }
    let last = tail.split(|byte| *byte == b'\n').rev().find_map(Record::from_line);
    Ok((file, last.map_or(1, |record| record.seq + 1)))
}
