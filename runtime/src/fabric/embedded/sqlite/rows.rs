//! What stands in the tables, each row with a checksum over everything that it says.
//!
//! A damaged page can also lose rows without a trace: so the row of a log says where it ends, and
//! the row `meta` how many logs and registers there are and what their checksums add up to.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use sha2::{Digest as _, Sha256};

use crate::fabric::{Key, LogName, Revision, Sequence};

/// The version of the tables that this program writes and reads.
pub(super) const FORMAT: i64 = 1;
/// A record's place is its log's number times this, plus its sequence: so records of one log lie
/// together, in order, and appending touches one page.
pub(super) const LOG_STRIDE: i64 = 1 << 40;

/// The tables, word for word: what is found in a file must be the same.
pub(super) const TABLES: [(&str, &str); 4] = [
    (
        "meta",
        "CREATE TABLE meta (format INTEGER, revision INTEGER, logs INTEGER, registers INTEGER, sum INTEGER, checksum INTEGER)",
    ),
    (
        "log",
        "CREATE TABLE log (number INTEGER PRIMARY KEY, name TEXT NOT NULL, trimmed INTEGER NOT NULL, ends INTEGER NOT NULL, checksum INTEGER NOT NULL)",
    ),
    (
        "record",
        "CREATE TABLE record (place INTEGER PRIMARY KEY, checksum INTEGER NOT NULL, bytes BLOB NOT NULL)",
    ),
    (
        "register",
        "CREATE TABLE register (key TEXT PRIMARY KEY, revision INTEGER NOT NULL, checksum INTEGER NOT NULL, bytes BLOB NOT NULL) WITHOUT ROWID",
    ),
];

/// The first eight bytes of a SHA-256 over parts, each with its length before it.
fn checksum(parts: &[&[u8]]) -> i64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hash.finalize()[..8]);
    i64::from_le_bytes(first)
}

/// The checksum of a record.
pub(super) fn record_checksum(log: &LogName, sequence: u64, bytes: &[u8]) -> i64 {
    checksum(&[b"record", log.as_str().as_bytes(), &sequence.to_le_bytes(), bytes])
}

/// The checksum of a register.
pub(super) fn register_checksum(key: &str, revision: u64, bytes: &[u8]) -> i64 {
    checksum(&[b"register", key.as_bytes(), &revision.to_le_bytes(), bytes])
}

/// A position as SQLite keeps it; positions stay below 2^40.
pub(super) const fn to_sql(number: u64) -> i64 {
    number.cast_signed()
}

/// What the store knows of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Meta {
    /// The last revision that was given out.
    pub(super) revision: u64,
    pub(super) logs: u64,
    pub(super) registers: u64,
    /// All checksums of registers, exclusive-or.
    pub(super) sum: i64,
}

impl Meta {
    fn checksum(&self) -> i64 {
        checksum(&[
            b"meta",
            &self.revision.to_le_bytes(),
            &self.logs.to_le_bytes(),
            &self.registers.to_le_bytes(),
            &self.sum.to_le_bytes(),
        ])
    }

    /// Reads it; none when it is absent or does not match its checksum.
    pub(super) fn load(db: &Connection) -> rusqlite::Result<Option<Self>> {
        let read = |row: &Row<'_>| {
            let meta = Self {
                revision: row.get::<_, i64>(0)?.cast_unsigned(),
                logs: row.get::<_, i64>(1)?.cast_unsigned(),
                registers: row.get::<_, i64>(2)?.cast_unsigned(),
                sum: row.get(3)?,
            };
            Ok((row.get::<_, i64>(4)? == meta.checksum()).then_some(meta))
        };
        db.prepare_cached("SELECT revision, logs, registers, sum, checksum FROM meta")?
            .query_row([], read)
            .optional()
            .map(Option::flatten)
    }

    pub(super) fn save(&self, db: &Connection) -> rusqlite::Result<()> {
        db.prepare_cached(
            "REPLACE INTO meta (rowid, format, revision, logs, registers, sum, checksum) VALUES (1, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            FORMAT,
            to_sql(self.revision),
            to_sql(self.logs),
            to_sql(self.registers),
            self.sum,
            self.checksum()
        ])?;
        Ok(())
    }
}

/// Where a log begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LogRow {
    /// Its number within the store, from 1.
    pub(super) number: i64,
    /// The last record that was forgotten.
    pub(super) trimmed: u64,
    pub(super) ends: u64,
}

/// A row that was found, or found not to match its checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found<T> {
    Sound(T),
    Damaged,
}

impl LogRow {
    fn checksum(&self, name: &str) -> i64 {
        checksum(&[
            b"log",
            name.as_bytes(),
            &self.number.to_le_bytes(),
            &self.trimmed.to_le_bytes(),
            &self.ends.to_le_bytes(),
        ])
    }

    /// The place of one of its records.
    pub(super) const fn place(&self, sequence: u64) -> i64 {
        self.number * LOG_STRIDE + to_sql(sequence)
    }

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<(String, Found<Self>)> {
        let found = Self {
            number: row.get(0)?,
            trimmed: row.get::<_, i64>(2)?.cast_unsigned(),
            ends: row.get::<_, i64>(3)?.cast_unsigned(),
        };
        let name: String = row.get(1)?;
        let sound = row.get::<_, i64>(4)? == found.checksum(&name);
        Ok((name, if sound { Found::Sound(found) } else { Found::Damaged }))
    }

    /// Reads a log's row; none when there is no such log.
    pub(super) fn load(db: &Connection, name: &LogName) -> rusqlite::Result<Option<Found<Self>>> {
        db.prepare_cached("SELECT number, name, trimmed, ends, checksum FROM log WHERE name = ?")?
            .query_row([name.as_str()], Self::read)
            .optional()
            .map(|found| found.map(|(_, row)| row))
    }

    pub(super) fn save(&self, db: &Connection, name: &LogName) -> rusqlite::Result<()> {
        db.prepare_cached(
            "REPLACE INTO log (number, name, trimmed, ends, checksum) VALUES (?, ?, ?, ?, ?)",
        )?
        .execute(params![
            self.number,
            name.as_str(),
            to_sql(self.trimmed),
            to_sql(self.ends),
            self.checksum(name.as_str())
        ])?;
        Ok(())
    }
}

/// A register's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RegisterRow {
    pub(super) revision: Revision,
    pub(super) checksum: i64,
    pub(super) bytes: Vec<u8>,
}

impl RegisterRow {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<(String, Found<Self>)> {
        let key: String = row.get(0)?;
        let found = Self {
            revision: Revision(row.get::<_, i64>(1)?.cast_unsigned()),
            checksum: row.get(2)?,
            bytes: row.get(3)?,
        };
        let sound = found.checksum == register_checksum(&key, found.revision.0, &found.bytes);
        Ok((key, if sound { Found::Sound(found) } else { Found::Damaged }))
    }

    pub(super) fn load(db: &Connection, key: &Key) -> rusqlite::Result<Option<Found<Self>>> {
        db.prepare_cached("SELECT key, revision, checksum, bytes FROM register WHERE key = ?")?
            .query_row([key.as_str()], Self::read)
            .optional()
            .map(|found| found.map(|(_, row)| row))
    }
}

/// Which record stands at a place.
pub(super) const fn sequence_at(row: &LogRow, place: i64) -> Sequence {
    Sequence((place - row.number * LOG_STRIDE).cast_unsigned())
}
