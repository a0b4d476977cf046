//! Making a store, opening it, and checking that it is one.

use std::{
    fs::{self, File},
    path::Path,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

use super::{
    fault::{damaged, explain},
    private,
    rows::{FORMAT, Found, LogRow, Meta, RegisterRow, TABLES},
    store_file,
};
use crate::error::{Error, ErrorKind, Result};

/// How long a connection waits for another program that holds the file.
const BUSY: Duration = Duration::from_secs(5);

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// To write.
    Write,
    /// To read, beside our own writer.
    Shared,
    /// To read, whoever writes.
    ReadOnly,
}

fn io(attempted: &str, path: &Path, error: std::io::Error) -> Error {
    let kind = if error.kind() == std::io::ErrorKind::StorageFull {
        ErrorKind::Full
    } else {
        ErrorKind::Io
    };
    Error::new(kind, format!("cannot {attempted} {}", path.display())).because(error)
}

/// Makes what was written in a directory durable: names, not contents.
pub(super) fn sync_dir(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|error| io("sync", dir, error))
}

/// Makes a store if the directory has none and never had one.
///
/// The file is written under another name and renamed when it is whole, so that a crash leaves
/// either no store or a whole one, and an empty or torn file is known for what it is.
pub(super) fn create_if_absent(dir: &Path) -> Result<()> {
    let file = store_file(dir);
    if file.exists() {
        return Ok(());
    }
    for left in [dir.join("store.db-wal"), dir.join("blobs")] {
        if left.exists() {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!(
                    "{} is missing, but {} is there: put it back, or use an empty directory",
                    file.display(),
                    left.display()
                ),
            ));
        }
    }
    let new = dir.join("store.db.new");
    for left in ["store.db.new", "store.db.new-wal", "store.db.new-shm"] {
        match fs::remove_file(dir.join(left)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(io("remove", &dir.join(left), error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    private::make_file(&new).map_err(|error| io("make", &new, error))?;
    write_new(&new).map_err(|error| explain(&new, "make a store", error))?;
    File::open(&new).and_then(|file| file.sync_all()).map_err(|error| io("sync", &new, error))?;
    fs::rename(&new, &file).map_err(|error| io("put in place", &file, error))?;
    sync_dir(dir)
}

fn write_new(new: &Path) -> rusqlite::Result<()> {
    let db = Connection::open(new)?;
    // Before anything else stands in the file: so that room can be given back piece by piece.
    db.execute_batch("PRAGMA auto_vacuum = INCREMENTAL")?;
    db.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    for (_, table) in TABLES {
        db.execute_batch(table)?;
    }
    Meta::default().save(&db)?;
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    db.close().map_err(|(_, error)| error)
}

/// Opens a connection and checks that the file is a store that this program knows.
pub(super) fn connect(dir: &Path, access: Access) -> Result<Connection> {
    let file = store_file(dir);
    if !file.exists() {
        return Err(Error::new(
            ErrorKind::NotFound,
            format!("there is no store in {}: {} is missing", dir.display(), file.display()),
        ));
    }
    let flags = match access {
        Access::Write | Access::Shared => OpenFlags::SQLITE_OPEN_READ_WRITE,
        Access::ReadOnly => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(&file, flags)
        .and_then(|db| prepare(&db, access).map(|()| db))
        .map_err(|error| explain(&file, "open the store", error))?;
    check_format(&db, &file)?;
    check_tables(&db, &file)?;
    Ok(db)
}

fn prepare(db: &Connection, access: Access) -> rusqlite::Result<()> {
    db.busy_timeout(BUSY)?;
    db.set_prepared_statement_cache_capacity(32);
    match access {
        Access::Write => db.execute_batch("PRAGMA synchronous = FULL"),
        Access::Shared | Access::ReadOnly => db.execute_batch("PRAGMA query_only = ON"),
    }
}

fn check_format(db: &Connection, file: &Path) -> Result<()> {
    let format: i64 = db
        .query_row("SELECT format FROM meta", [], |row| row.get(0))
        .map_err(|error| explain(file, "read the version of the store", error))?;
    if format > FORMAT {
        return Err(Error::new(
            ErrorKind::TooNew,
            format!(
                "{} is a store of version {format}, and this program knows up to {FORMAT}: a newer program \
                 wrote it; run that one again, or restore what was kept before it ran",
                file.display()
            ),
        ));
    }
    if format < 1 {
        return Err(damaged(file, &format!("it claims to be of version {format}")));
    }
    Ok(())
}

fn check_tables(db: &Connection, file: &Path) -> Result<()> {
    let found = db
        .prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid")
        .and_then(|mut query| {
            query
                .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?
                .collect::<rusqlite::Result<Vec<_>>>()
        })
        .map_err(|error| explain(file, "read the tables", error))?;
    let same = found.len() == TABLES.len()
        && found.iter().zip(TABLES).all(|(found, table)| (&*found.0, &*found.1) == table);
    if same { Ok(()) } else { Err(damaged(file, "its tables are not those of a store")) }
}

/// Checks that no log and no register has gone without a trace.
pub(super) fn check_rows(db: &Connection, file: &Path) -> Result<Meta> {
    let attempt = |error| explain(file, "check the store", error);
    let Some(meta) = Meta::load(db).map_err(attempt)? else {
        return Err(damaged(file, "what it says of itself does not match its checksum"));
    };
    let mut query =
        db.prepare("SELECT number, name, trimmed, ends, checksum FROM log").map_err(attempt)?;
    let mut logs = 0;
    for row in query.query_map([], LogRow::read).map_err(attempt)? {
        let (name, row) = row.map_err(attempt)?;
        if row == Found::Damaged {
            return Err(damaged(file, &format!("the end of log {name:?} is unreadable")));
        }
        logs += 1;
    }
    let mut query =
        db.prepare("SELECT key, revision, checksum, bytes FROM register").map_err(attempt)?;
    let (mut registers, mut sum) = (0, 0);
    for row in query.query_map([], RegisterRow::read).map_err(attempt)? {
        match row.map_err(attempt)? {
            (key, Found::Damaged) => {
                return Err(damaged(file, &format!("register {key:?} is unreadable")));
            }
            (_, Found::Sound(register)) => sum ^= register.checksum,
        }
        registers += 1;
    }
    if (logs, registers, sum) == (meta.logs, meta.registers, meta.sum) {
        return Ok(meta);
    }
    Err(damaged(
        file,
        &format!(
            "it holds {logs} logs and {registers} registers where it should hold {} and {}",
            meta.logs, meta.registers
        ),
    ))
}
