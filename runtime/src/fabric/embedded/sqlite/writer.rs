//! The thread that writes: several jobs share a commit, each gets its own verdict.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use rusqlite::{Connection, params};
use tokio::sync::{mpsc, oneshot};

use super::{
    QUEUE_MAX,
    fault::{damaged, explain, is_full},
    job::{Failure, Verdict, WriteJob, fail},
    layout::{self, Access},
    lock::Lock,
    room,
    rows::{Found, LOG_STRIDE, LogRow, Meta, RegisterRow, record_checksum, register_checksum},
    store_file, thread,
};
use crate::{
    error::Result,
    fabric::{
        AppendError, Key, LogName, Revision, Sequence, SetError, Value,
        embedded::{Settings, signals::Signals},
    },
};

/// The most jobs that share one commit.
const BATCH_JOBS: usize = 256;
/// The most bytes that share one commit, unless one job alone has more.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Opens the connection that writes and starts its thread, which holds the lock and ends when it
/// is told to or when all senders are gone.
pub(super) fn start(
    dir: &Path,
    settings: &Settings,
    lock: Lock,
    (logs, registers): (Arc<Signals>, Arc<Signals>),
) -> Result<mpsc::Sender<WriteJob>> {
    let db = layout::connect(dir, Access::Write)?;
    let file = store_file(dir);
    let meta = layout::check_rows(&db, &file)?;
    if let Some(bytes) = settings.store_bytes_max {
        limit(&db, bytes).map_err(|error| explain(&file, "bound the store", error))?;
    }
    let (sender, mut jobs) = mpsc::channel(QUEUE_MAX);
    let mut writer = Writer { db, file, meta, rows: HashMap::new(), logs, registers };
    thread("store-writer", move || {
        let closing = writer.run(&mut jobs);
        writer.finish();
        drop(lock);
        if let Some(reply) = closing {
            let _ = reply.send(());
        }
    })?;
    Ok(sender)
}

fn limit(db: &Connection, bytes: u64) -> rusqlite::Result<()> {
    let page: i64 = db.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let pages = (bytes / page.max(1).cast_unsigned()).max(1);
    db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
}

struct Writer {
    db: Connection,
    file: PathBuf,
    meta: Meta,
    /// The rows of the logs as of the last commit, or as of now within a transaction.
    rows: HashMap<LogName, LogRow>,
    logs: Arc<Signals>,
    registers: Arc<Signals>,
}

impl Writer {
    fn run(&mut self, jobs: &mut mpsc::Receiver<WriteJob>) -> Option<oneshot::Sender<()>> {
        let mut batch = Vec::new();
        let mut next = jobs.blocking_recv();
        while let Some(job) = next.take() {
            match job {
                WriteJob::Close { reply } => return Some(reply),
                WriteJob::Shrink { step, reply } => {
                    // Whoever asked may have gone.
                    let _ = reply.send(
                        room::take(&self.db, step)
                            .map_err(|error| explain(&self.file, "give room back", error)),
                    );
                    next = jobs.blocking_recv();
                    continue;
                }
                _ => {}
            }
            let mut bytes = job.bytes();
            batch.push(job);
            // Whoever is alone waits one commit; whoever has company shares it.
            while batch.len() < BATCH_JOBS && bytes < BATCH_BYTES {
                let Ok(job) = jobs.try_recv() else { break };
                if let WriteJob::Close { .. } | WriteJob::Shrink { .. } = job {
                    next = Some(job);
                    break;
                }
                bytes += job.bytes();
                batch.push(job);
            }
            self.carry_out(std::mem::take(&mut batch));
            next = next.or_else(|| jobs.blocking_recv());
        }
        None
    }

    /// Moves what was committed into the file, as far as that is possible; it is safe either way.
    fn finish(&mut self) {
        self.db.flush_prepared_statement_cache();
        let moved = self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(error) = moved {
            tracing::warn!(file = %self.file.display(), %error, "store closed without a checkpoint");
        }
    }

    fn carry_out(&mut self, jobs: Vec<WriteJob>) {
        match self.transaction(&jobs) {
            Ok(verdicts) => {
                for (job, verdict) in jobs.into_iter().zip(verdicts) {
                    self.answer(job, verdict);
                }
            }
            // One of them spoiled it for all, and nothing was written: each alone, then.
            Err(failure) if jobs.len() > 1 && !failure.unknown => {
                for job in jobs {
                    self.carry_out(vec![job]);
                }
            }
            Err(failure) => {
                tracing::warn!(error = %failure.error, "write failed");
                for job in jobs {
                    fail(job, &failure);
                }
            }
        }
    }

    fn transaction(&mut self, jobs: &[WriteJob]) -> Result<Vec<Verdict>, Failure> {
        let meta = self.meta;
        let done = self.work(jobs).and_then(|verdicts| match self.db.execute_batch("COMMIT") {
            Ok(()) => Ok(verdicts),
            Err(error) => Err(Failure {
                full: is_full(&error),
                unknown: !is_full(&error),
                error: explain(&self.file, "commit", error),
            }),
        });
        if done.is_err() {
            // Some failures have rolled back already.
            if !self.db.is_autocommit()
                && let Err(error) = self.db.execute_batch("ROLLBACK")
            {
                tracing::warn!(file = %self.file.display(), %error, "cannot roll back");
            }
            self.meta = meta;
            self.rows.clear();
        }
        done
    }

    fn work(&mut self, jobs: &[WriteJob]) -> Result<Vec<Verdict>, Failure> {
        self.db.execute_batch("BEGIN IMMEDIATE").map_err(|error| self.failed("begin", error))?;
        jobs.iter().map(|job| self.apply(job)).collect()
    }

    fn failed(&self, attempted: &str, error: rusqlite::Error) -> Failure {
        Failure {
            full: is_full(&error),
            unknown: false,
            error: explain(&self.file, attempted, error),
        }
    }

    fn apply(&mut self, job: &WriteJob) -> Result<Verdict, Failure> {
        match job {
            WriteJob::Append { log, end, record, .. } => {
                self.append(log, *end, record).map(Verdict::Appended)
            }
            WriteJob::Begin { log, first, .. } => {
                self.begin(log, *first).map(|()| Verdict::Trimmed)
            }
            WriteJob::Trim { log, first, .. } => self.trim(log, *first).map(|()| Verdict::Trimmed),
            WriteJob::Set { key, expected, bytes, .. } => {
                self.set(key, *expected, bytes.as_ref()).map(Verdict::Set)
            }
            WriteJob::Shrink { .. } | WriteJob::Close { .. } => Ok(Verdict::Trimmed),
        }
    }

    fn row(&mut self, log: &LogName) -> Result<Option<LogRow>, Failure> {
        if let Some(row) = self.rows.get(log) {
            return Ok(Some(*row));
        }
        match LogRow::load(&self.db, log).map_err(|error| self.failed("find a log", error))? {
            None => Ok(None),
            Some(Found::Sound(row)) => {
                self.rows.insert(log.clone(), row);
                Ok(Some(row))
            }
            Some(Found::Damaged) => Err(Failure {
                full: false,
                unknown: false,
                error: damaged(&self.file, &format!("the end of log {log} is unreadable")),
            }),
        }
    }

    fn append(
        &mut self,
        log: &LogName,
        end: Sequence,
        record: &Bytes,
    ) -> Result<Result<Sequence, AppendError>, Failure> {
        let known = self.row(log)?;
        let ends = known.map_or(0, |row| row.ends);
        if ends != end.0 {
            return Ok(Err(AppendError::Conflict(Sequence(ends))));
        }
        let next = ends + 1;
        if next >= LOG_STRIDE.cast_unsigned() {
            return Ok(Err(AppendError::Full));
        }
        let row = match known {
            Some(row) => row,
            None => self.next_log(0)?,
        };
        let row = LogRow { ends: next, ..row };
        let written = self
            .db
            .prepare_cached("INSERT INTO record (place, checksum, bytes) VALUES (?, ?, ?)")
            .and_then(|mut insert| {
                let sum = record_checksum(log, next, record);
                insert.execute(params![row.place(next), sum, &record[..]])
            })
            .and_then(|_| row.save(&self.db, log));
        written.map_err(|error| self.failed("append a record", error))?;
        self.rows.insert(log.clone(), row);
        Ok(Ok(Sequence(next)))
    }

    /// A log that is not there yet, and ends after so many records that are forgotten.
    fn next_log(&mut self, trimmed: u64) -> Result<LogRow, Failure> {
        self.meta.logs += 1;
        self.meta.save(&self.db).map_err(|error| self.failed("begin a log", error))?;
        Ok(LogRow { number: self.meta.logs.cast_signed(), trimmed, ends: trimmed })
    }

    fn begin(&mut self, log: &LogName, first: Sequence) -> Result<(), Failure> {
        if self.row(log)?.is_some() {
            return Ok(());
        }
        let row = self.next_log(first.0.saturating_sub(1))?;
        row.save(&self.db, log).map_err(|error| self.failed("begin a log", error))?;
        self.rows.insert(log.clone(), row);
        Ok(())
    }

    fn trim(&mut self, log: &LogName, first: Sequence) -> Result<(), Failure> {
        let Some(row) = self.row(log)? else { return Ok(()) };
        let trimmed = first.0.saturating_sub(1).min(row.ends);
        if trimmed <= row.trimmed {
            return Ok(());
        }
        let kept = LogRow { trimmed, ..row };
        let written = self
            .db
            .prepare_cached("DELETE FROM record WHERE place BETWEEN ? AND ?")
            .and_then(|mut delete| {
                delete.execute(params![row.place(row.trimmed + 1), row.place(trimmed)])
            })
            .and_then(|_| kept.save(&self.db, log));
        written.map_err(|error| self.failed("trim a log", error))?;
        self.rows.insert(log.clone(), kept);
        Ok(())
    }

    fn set(
        &mut self,
        key: &Key,
        expected: Option<Revision>,
        bytes: Option<&Bytes>,
    ) -> Result<Result<Revision, SetError>, Failure> {
        let found = RegisterRow::load(&self.db, key)
            .map_err(|error| self.failed("find a register", error))?;
        let found = match found {
            Some(Found::Sound(row)) => Some(row),
            None => None,
            Some(Found::Damaged) => {
                let what = format!("register {} does not match its checksum", key.as_str());
                let error = damaged(&self.file, &what);
                return Err(Failure { full: false, unknown: false, error });
            }
        };
        if found.as_ref().map(|row| row.revision) != expected {
            let holds = found.map(|row| Value { revision: row.revision, bytes: row.bytes.into() });
            return Ok(Err(SetError::Conflict(holds)));
        }
        if let Some(row) = &found {
            self.meta.registers -= 1;
            self.meta.sum ^= row.checksum;
        }
        self.meta.revision += 1;
        let revision = self.meta.revision;
        self.write_register(key, revision, bytes)
            .and_then(|()| self.meta.save(&self.db))
            .map_err(|error| self.failed("set a register", error))?;
        Ok(Ok(Revision(revision)))
    }

    fn write_register(
        &mut self,
        key: &Key,
        revision: u64,
        bytes: Option<&Bytes>,
    ) -> rusqlite::Result<()> {
        let Some(bytes) = bytes else {
            return self
                .db
                .prepare_cached("DELETE FROM register WHERE key = ?")?
                .execute([key.as_str()])
                .map(drop);
        };
        let sum = register_checksum(key.as_str(), revision, bytes);
        self.meta.registers += 1;
        self.meta.sum ^= sum;
        self.db
            .prepare_cached(
                "REPLACE INTO register (key, revision, checksum, bytes) VALUES (?, ?, ?, ?)",
            )?
            .execute(params![key.as_str(), revision.cast_signed(), sum, &bytes[..]])
            .map(drop)
    }

    /// Tells the verdict, and whoever follows. Whoever asked may have gone: then it is for nobody.
    fn answer(&self, job: WriteJob, verdict: Verdict) {
        match (job, verdict) {
            (WriteJob::Append { log, reply, .. }, Verdict::Appended(verdict)) => {
                if verdict.is_ok() {
                    self.logs.changed(log.as_str());
                }
                let _ = reply.send(verdict);
            }
            (WriteJob::Set { key, reply, .. }, Verdict::Set(verdict)) => {
                if verdict.is_ok() {
                    self.registers.changed(key.as_str());
                }
                let _ = reply.send(verdict);
            }
            (WriteJob::Begin { reply, .. } | WriteJob::Trim { reply, .. }, Verdict::Trimmed) => {
                drop(reply.send(Ok(())));
            }
            // A verdict of another kind cannot be; a dropped reply says that nothing is known.
            (_, _) => {}
        }
    }
}
