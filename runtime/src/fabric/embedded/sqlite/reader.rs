//! The thread that reads.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use rusqlite::{Connection, params};
use tokio::sync::{mpsc, oneshot};

use super::{
    QUEUE_MAX,
    fault::{damaged, explain},
    layout::{self, Access},
    rows::{Found, LogRow, RegisterRow, record_checksum, sequence_at},
    store_file, thread,
};
use crate::{
    error::Result,
    fabric::{Entry, Key, LogName, Sequence, Value},
};

/// Something to be read, and who wants it.
#[derive(Debug)]
pub(super) enum ReadJob {
    End {
        log: LogName,
        reply: oneshot::Sender<Result<Sequence>>,
    },
    Read {
        log: LogName,
        from: Sequence,
        bytes_max: usize,
        reply: oneshot::Sender<Result<Vec<Entry>>>,
    },
    Get {
        key: Key,
        reply: oneshot::Sender<Result<Option<Value>>>,
    },
    List {
        prefix: Key,
        reply: oneshot::Sender<Result<Vec<(Key, Value)>>>,
    },
    Close {
        reply: oneshot::Sender<()>,
    },
}

/// Opens a connection and starts its thread, which ends when all senders are gone.
pub(super) fn start(dir: &Path, access: Access) -> Result<mpsc::Sender<ReadJob>> {
    let db = layout::connect(dir, access)?;
    let file = store_file(dir);
    if access == Access::ReadOnly {
        layout::check_rows(&db, &file)?;
    }
    let (sender, mut jobs) = mpsc::channel(QUEUE_MAX);
    let reader = Reader { db, file };
    thread("store-reader", move || {
        while let Some(job) = jobs.blocking_recv() {
            // Whoever asked may have gone; then his answer is for nobody.
            match job {
                ReadJob::End { log, reply } => drop(reply.send(reader.end(&log))),
                ReadJob::Read { log, from, bytes_max, reply } => {
                    drop(reply.send(reader.read(&log, from, bytes_max)));
                }
                ReadJob::Get { key, reply } => drop(reply.send(reader.get(&key))),
                ReadJob::List { prefix, reply } => drop(reply.send(reader.list(&prefix))),
                ReadJob::Close { reply } => {
                    drop(reader);
                    let _ = reply.send(());
                    return;
                }
            }
        }
    })?;
    Ok(sender)
}

/// A connection that reads, and checks what it reads.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) db: Connection,
    pub(super) file: PathBuf,
}

impl Reader {
    fn log(&self, log: &LogName) -> Result<Option<LogRow>> {
        let found = LogRow::load(&self.db, log)
            .map_err(|error| explain(&self.file, &format!("find log {log}"), error))?;
        match found {
            None => Ok(None),
            Some(Found::Sound(row)) => Ok(Some(row)),
            Some(Found::Damaged) => {
                Err(damaged(&self.file, &format!("the end of log {log} is unreadable")))
            }
        }
    }

    fn end(&self, log: &LogName) -> Result<Sequence> {
        Ok(Sequence(self.log(log)?.map_or(0, |row| row.ends)))
    }

    fn read(&self, log: &LogName, from: Sequence, bytes_max: usize) -> Result<Vec<Entry>> {
        let attempt = |error| explain(&self.file, &format!("read log {log}"), error);
        // One view for the log's row and its records, whatever is appended or trimmed meanwhile.
        let view = self.db.unchecked_transaction().map_err(attempt)?;
        let Some(row) = self.log(log)? else { return Ok(Vec::new()) };
        let (entries, fault) = self.records(log, &row, from, bytes_max).map_err(attempt)?;
        view.finish().map_err(attempt)?;
        match fault {
            Some(fault) => Err(damaged(&self.file, &fault)),
            None => Ok(entries),
        }
    }

    /// Records from `from` on as far as they are sound, and what is wrong with the next one.
    pub(super) fn records(
        &self,
        log: &LogName,
        row: &LogRow,
        from: Sequence,
        bytes_max: usize,
    ) -> rusqlite::Result<(Vec<Entry>, Option<String>)> {
        let mut next = from.0.max(row.trimmed + 1);
        let mut entries = Vec::new();
        if next > row.ends {
            return Ok((entries, None));
        }
        let mut query = self.db.prepare_cached(
            "SELECT place, checksum, bytes FROM record WHERE place BETWEEN ? AND ? ORDER BY place",
        )?;
        let mut rows = query.query(params![row.place(next), row.place(row.ends)])?;
        let mut bytes = 0;
        // Looks no further than it must, so that a damage behind what is asked for does not matter.
        while entries.is_empty() || bytes < bytes_max {
            let Some(found) = rows.next()? else { break };
            let sequence = sequence_at(row, found.get(0)?);
            if sequence.0 != next {
                break;
            }
            let record = found.get_ref(2)?.as_blob()?;
            if !entries.is_empty() && bytes + record.len() > bytes_max {
                return Ok((entries, None));
            }
            if record_checksum(log, next, record) != found.get::<_, i64>(1)? {
                let fault = format!("record {next} of log {log} does not match its checksum");
                return Ok((entries, Some(fault)));
            }
            bytes += record.len();
            entries.push(Entry { sequence, record: Bytes::copy_from_slice(record) });
            next += 1;
        }
        if !entries.is_empty() && bytes >= bytes_max {
            return Ok((entries, None));
        }
        let fault = (next <= row.ends).then(|| {
            format!("record {next} of log {log} is missing, which should end at {}", row.ends)
        });
        Ok((entries, fault))
    }

    fn get(&self, key: &Key) -> Result<Option<Value>> {
        let found = RegisterRow::load(&self.db, key).map_err(|error| {
            explain(&self.file, &format!("read register {}", key.as_str()), error)
        })?;
        found.map(|found| self.sound(key.as_str(), found)).transpose()
    }

    /// All registers whose keys have more tokens behind `prefix`.
    fn list(&self, prefix: &Key) -> Result<Vec<(Key, Value)>> {
        let prefix = prefix.as_str();
        let attempt =
            |error| explain(&self.file, &format!("list the registers under {prefix}"), error);
        // The dot, and the character that follows it: between them lies every such key.
        let (first, behind) = (format!("{prefix}."), format!("{prefix}/"));
        let mut query = self
            .db
            .prepare_cached(
                "SELECT key, revision, checksum, bytes FROM register WHERE key > ? AND key < ? ORDER BY key",
            )
            .map_err(attempt)?;
        let rows = query.query_map([&first, &behind], RegisterRow::read).map_err(attempt)?;
        let mut listed = Vec::new();
        for row in rows {
            let (text, found) = row.map_err(attempt)?;
            listed.push((Key::new(&text)?, self.sound(&text, found)?));
        }
        Ok(listed)
    }

    fn sound(&self, key: &str, found: Found<RegisterRow>) -> Result<Value> {
        match found {
            Found::Sound(row) => Ok(Value { revision: row.revision, bytes: row.bytes.into() }),
            Found::Damaged => {
                let fault = format!("register {key} does not match its checksum");
                Err(damaged(&self.file, &fault))
            }
        }
    }
}
