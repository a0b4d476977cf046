//! The supervision log: every start, end, restart and give-up, with who, what, why and how long.
//!
//! A line is a [`Record`]. Supervisors never wait for the log: they put a line into a bounded
//! buffer, and one thread numbers the lines, writes them to the file and shows them to whoever
//! watches. Should the buffer overflow, the lines that were lost are counted, and the count
//! becomes a line of its own. Each line is handed to the operating system before the next; a run
//! that is killed leaves at most one torn line, and the next run begins a new one after it. A file
//! that has become large is put aside under another name, and the one before it forgotten.

mod reader;
mod record;
mod rotate;
mod writer;

use std::{
    fmt, io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
};

use tokio::sync::{broadcast, oneshot};

use self::writer::Order;
pub use self::{
    reader::Reader,
    record::{Mood, Record, span},
};
use super::event::Note;
use crate::{
    error::{Error, ErrorKind, Result},
    time::Wall,
};

/// How many lines may wait for the writer.
pub const LINES_WAITING_MAX: usize = 8_192;

/// How large the file becomes before it is put aside; the one before it is kept as well.
pub const LOG_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// How many lines someone who watches may lag behind before he misses some.
pub const WATCH_LAG_MAX: usize = 1_024;

/// A supervision log. Cheap to clone; its writer ends with the last clone.
#[derive(Clone)]
pub struct SupervisionLog {
    orders: SyncSender<Order>,
    lost: Arc<AtomicU64>,
    watchers: broadcast::Sender<Arc<Record>>,
}

impl SupervisionLog {
    /// A log that is kept nowhere, and can be watched.
    pub fn unkept() -> Self {
        Self::with(Box::new(io::sink()), 1, LINES_WAITING_MAX)
    }

    /// A log that is appended to a file, made if there is none; its numbers go on.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_bounded(path.as_ref(), LOG_BYTES_MAX)
    }

    fn open_bounded(path: &Path, bytes_max: u64) -> Result<Self> {
        let opened = writer::open(path)
            .and_then(|(file, next)| Ok((rotate::Rotating::on(path, file, bytes_max)?, next)));
        let (file, next) = opened.map_err(|error| {
            let text = format!("cannot append to the supervision log {}", path.display());
            Error::new(ErrorKind::Io, text).because(error)
        })?;
        Ok(Self::with(Box::new(file), next, LINES_WAITING_MAX))
    }

    fn with(sink: Box<dyn io::Write + Send>, next: u64, waiting_max: usize) -> Self {
        let (orders, inbox) = sync_channel(waiting_max);
        let lost = Arc::new(AtomicU64::new(0));
        let (watchers, _) = broadcast::channel(WATCH_LAG_MAX);
        let writer = writer::Writer::new(sink, next, Arc::clone(&lost), watchers.clone());
        // It ends when the last sender is gone, so nobody needs to hold it. Where no thread can be
        // had, lines are counted as lost, and supervision goes on.
        let _ = std::thread::Builder::new()
            .name("supervision-log".into())
            .spawn(move || writer.run(&inbox));
        Self { orders, lost, watchers }
    }

    /// Adds a line about a child of the supervisor at `path`, or about that supervisor. Never
    /// waits.
    pub fn note(&self, path: &str, note: &Note, at: Wall) {
        let record = Box::new(Record::new(path, note, at));
        match self.orders.try_send(Order::Line(record)) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Every line from now on.
    pub fn watch(&self) -> broadcast::Receiver<Arc<Record>> {
        self.watchers.subscribe()
    }

    /// Waits until every line that was added before is written.
    pub async fn flush(&self) {
        let (done, written) = oneshot::channel();
        let mut order = Order::Flush(done);
        // The buffer may be full; its writer makes room.
        while let Err(TrySendError::Full(back)) = self.orders.try_send(order) {
            order = back;
            tokio::task::yield_now().await;
        }
        let _ = written.await;
    }
}

impl fmt::Debug for SupervisionLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lost = self.lost.load(Ordering::Relaxed);
        f.debug_struct("SupervisionLog").field("lost", &lost).finish_non_exhaustive()
    }
}

/// What was read from a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Its lines, in order.
    pub records: Vec<Record>,
    /// How many lines could not be read: torn, or of a later version.
    pub unreadable: usize,
}

/// Reads a supervision log, and what was put aside before it; a line that is torn is counted and
/// passed over.
pub fn read(path: impl AsRef<Path>) -> Result<Reading> {
    let mut reader = Reader::of(path);
    let mut reading = reader.read_on()?;
    reading.unreadable += usize::from(reader.has_rest());
    Ok(reading)
}

#[cfg(test)]
mod tests;
