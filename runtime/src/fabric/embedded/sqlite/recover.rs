//! Saving what is sound of a damaged store into a new one.

use std::{fmt, fs, path::Path};

use rusqlite::{Connection, params};

use super::{
    blobs::FileBlobs,
    fault::explain,
    holder,
    layout::{self, Access},
    lock::Lock,
    private,
    reader::Reader,
    rows::{Found, LOG_STRIDE, LogRow, Meta, RegisterRow, record_checksum, to_sql},
    store_file,
};
use crate::{
    error::{Error, ErrorKind, Result},
    fabric::{BlobName, LogName, Sequence},
};

/// Records that share a commit.
const BATCH: u64 = 1_000;
/// How far revisions are moved on when it is not known which was the last: further than any store
/// counts between two copies, so that no revision is given out twice.
const REVISION_LEAP: u64 = 1 << 32;

/// A log as far as it was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveredLog {
    /// Its name.
    pub name: LogName,
    /// How many records were saved.
    pub records: u64,
    /// The last one: where the log ends now.
    pub last: Sequence,
}

/// What was saved, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Each log, up to its first damage.
    pub logs: Vec<RecoveredLog>,
    /// How many registers were saved.
    pub registers: u64,
    /// How many blobs were saved.
    pub blobs: u64,
    /// What was left out: one sentence for each thing. Empty when all was sound.
    pub left_out: Vec<String>,
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for log in &self.logs {
            writeln!(f, "log {}: {} records saved, up to {}", log.name, log.records, log.last.0)?;
        }
        writeln!(f, "{} registers and {} blobs saved", self.registers, self.blobs)?;
        for what in &self.left_out {
            writeln!(f, "left out: {what}")?;
        }
        Ok(())
    }
}

/// Copies the longest sound beginning of each log, and all sound registers and blobs, into a
/// directory that has no store yet. Blocks. The damaged directory is only read.
///
/// An error of kind `Conflict` says that a process writes in `dir`, or that `into` has a store;
/// `Corrupt` that `dir` is damaged beyond reading.
pub fn recover(dir: impl AsRef<Path>, into: impl AsRef<Path>) -> Result<Recovery> {
    let (dir, into) = (dir.as_ref(), into.as_ref());
    if let Some(pid) = holder(dir)? {
        return Err(Error::new(
            ErrorKind::Conflict,
            format!("cannot recover {}: process {pid} holds it; stop it first", dir.display()),
        ));
    }
    if store_file(into).exists() {
        return Err(Error::new(
            ErrorKind::Conflict,
            format!("cannot recover into {}: there is a store; use another", into.display()),
        ));
    }
    let from = Reader { db: layout::connect(dir, Access::ReadOnly)?, file: store_file(dir) };
    private::make_dir(into).map_err(|error| {
        Error::new(ErrorKind::Io, format!("cannot make the directory {}", into.display()))
            .because(error)
    })?;
    let lock = Lock::take(into)?;
    layout::create_if_absent(into)?;
    let db = layout::connect(into, Access::Write)?;
    let mut saving = Saving { from, db, meta: Meta::default(), report: Recovery::default() };
    saving.run().map_err(|error| explain(&store_file(into), "save what is sound", error))?;
    let Saving { mut report, db, .. } = saving;
    drop(db);
    save_blobs(dir, into, &mut report)?;
    drop(lock);
    Ok(report)
}

struct Saving {
    from: Reader,
    db: Connection,
    meta: Meta,
    report: Recovery,
}

/// Everything that can still be read of a table, and why no more, if it was cut off.
fn rows_of<T>(
    db: &Connection,
    sql: &str,
    read: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> (Vec<T>, Option<String>) {
    let mut found = Vec::new();
    let mut query = match db.prepare(sql) {
        Ok(query) => query,
        Err(error) => return (found, Some(error.to_string())),
    };
    let mut rows = match query.query([]) {
        Ok(rows) => rows,
        Err(error) => return (found, Some(error.to_string())),
    };
    loop {
        match rows.next().and_then(|row| row.map(&read).transpose()) {
            Ok(Some(row)) => found.push(row),
            Ok(None) => return (found, None),
            Err(error) => return (found, Some(error.to_string())),
        }
    }
}

impl Saving {
    /// An error is one of the new store; what is wrong with the old one goes into the report.
    fn run(&mut self) -> rusqlite::Result<()> {
        let known = Meta::load(&self.from.db).ok().flatten();
        self.db.execute_batch("BEGIN IMMEDIATE")?;
        let sql = "SELECT number, name, trimmed, ends, checksum FROM log ORDER BY number";
        let (logs, cut) =
            rows_of(&self.from.db, sql, |row| Ok((row.get::<_, i64>(0)?, LogRow::read(row)?)));
        self.note_cut("the list of logs", cut);
        for (number, (name, row)) in logs {
            self.save_log(number, &name, row)?;
        }
        self.save_registers()?;
        self.note_missing(known);
        self.meta.save(&self.db)?;
        self.db.execute_batch("COMMIT")?;
        self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }

    fn leave_out(&mut self, what: String) {
        self.report.left_out.push(what);
    }

    fn note_cut(&mut self, what: &str, cut: Option<String>) {
        if let Some(why) = cut {
            self.leave_out(format!("{what} can be read only in part: {why}"));
        }
    }

    fn save_log(&mut self, number: i64, name: &str, row: Found<LogRow>) -> rusqlite::Result<()> {
        let Ok(log) = LogName::new(name) else {
            self.leave_out(format!("log {name:?}: its name is damaged"));
            return Ok(());
        };
        let known_end = row != Found::Damaged;
        let old = match row {
            Found::Sound(row) => row,
            // Its records say by themselves which they are: those that follow each other are saved.
            Found::Damaged => {
                self.leave_out(format!("log {log}: where it should end is unreadable"));
                let first = self.first_place(number).unwrap_or(number * LOG_STRIDE + 1);
                let trimmed = (first - number * LOG_STRIDE - 1).cast_unsigned();
                LogRow { number, trimmed, ends: LOG_STRIDE.cast_unsigned() - 1 }
            }
        };
        self.meta.logs += 1;
        let mut new = LogRow {
            number: self.meta.logs.cast_signed(),
            trimmed: old.trimmed,
            ends: old.trimmed,
        };
        let fault = loop {
            let next = Sequence(new.ends + 1);
            let (entries, fault) = match self.from.records(&log, &old, next, 0) {
                Ok(found) => found,
                Err(error) => break Some(format!("record {} of log {log}: {error}", next.0)),
            };
            let Some(entry) = entries.first() else { break fault };
            self.db
                .prepare_cached("INSERT INTO record (place, checksum, bytes) VALUES (?, ?, ?)")?
                .execute(params![
                    new.place(next.0),
                    record_checksum(&log, next.0, &entry.record),
                    &entry.record[..]
                ])?;
            new.ends = next.0;
            if new.ends.is_multiple_of(BATCH) {
                new.save(&self.db, &log)?;
                self.db.execute_batch("COMMIT; BEGIN IMMEDIATE")?;
            }
        };
        new.save(&self.db, &log)?;
        // An end that is unreadable was said already; then the last record that follows is the end.
        if let (Some(fault), true) = (fault, known_end) {
            self.leave_out(fault);
        }
        let (records, last) = (new.ends - new.trimmed, Sequence(new.ends));
        self.report.logs.push(RecoveredLog { name: log, records, last });
        Ok(())
    }

    fn first_place(&self, number: i64) -> Option<i64> {
        let range = params![number * LOG_STRIDE, (number + 1) * LOG_STRIDE];
        let sql = "SELECT min(place) FROM record WHERE place > ? AND place < ?";
        self.from.db.query_row(sql, range, |row| row.get(0)).ok().flatten()
    }

    fn save_registers(&mut self) -> rusqlite::Result<()> {
        let sql = "SELECT key, revision, checksum, bytes FROM register";
        let (registers, cut) = rows_of(&self.from.db, sql, RegisterRow::read);
        self.note_cut("the list of registers", cut);
        for (key, row) in registers {
            let Found::Sound(row) = row else {
                self.leave_out(format!("register {key:?} does not match its checksum"));
                continue;
            };
            self.db
                .prepare_cached(
                    "REPLACE INTO register (key, revision, checksum, bytes) VALUES (?, ?, ?, ?)",
                )?
                .execute(params![key, to_sql(row.revision.0), row.checksum, row.bytes])?;
            self.meta.registers += 1;
            self.meta.sum ^= row.checksum;
            self.meta.revision = self.meta.revision.max(row.revision.0);
        }
        self.report.registers = self.meta.registers;
        Ok(())
    }

    fn note_missing(&mut self, known: Option<Meta>) {
        let Some(known) = known else {
            self.meta.revision += REVISION_LEAP;
            self.leave_out("what the store says of itself is unreadable".to_owned());
            return;
        };
        self.meta.revision = self.meta.revision.max(known.revision);
        for (what, before, now) in [
            ("logs", known.logs, self.meta.logs),
            ("registers", known.registers, self.meta.registers),
        ] {
            if now < before {
                self.leave_out(format!("{} of {before} {what} are missing", before - now));
            }
        }
    }
}

fn save_blobs(dir: &Path, into: &Path, report: &mut Recovery) -> Result<()> {
    let target = FileBlobs::beside(into, true);
    let blobs = dir.join("blobs");
    if !blobs.exists() {
        return Ok(());
    }
    let io = |error| {
        Error::new(ErrorKind::Io, format!("cannot list {}", blobs.display())).because(error)
    };
    for folder in fs::read_dir(&blobs).map_err(io)? {
        for file in fs::read_dir(folder.map_err(io)?.path()).map_err(io)? {
            let file = file.map_err(io)?;
            // Anything else was begun and never acknowledged.
            let Ok(name) = file.file_name().to_string_lossy().parse::<BlobName>() else { continue };
            match fs::read(file.path()) {
                Ok(bytes) if BlobName::of(&bytes) == name => {
                    target.put_now(&bytes.into())?;
                    report.blobs += 1;
                }
                Ok(_) => report.left_out.push(format!("blob {name} does not match its name")),
                Err(error) => report.left_out.push(format!("blob {name}: {error}")),
            }
        }
    }
    Ok(())
}
