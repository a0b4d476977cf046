//! Giving room back to the file system, on the connection that writes.

use rusqlite::Connection;

/// A store up to this size is written anew while others wait, since that takes less than a second;
/// an append that waits much longer would end a reign.
pub(super) const WHOLE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How many pages are given back at a time, while whoever writes waits: a few milliseconds' worth.
pub(super) const PAGES: u32 = 1_024;

/// One thing that is done about room, between two commits.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// Nothing: to see how much there is.
    Look,
    /// Gives so many pages back.
    Pages(u32),
    /// Writes the whole store anew, without what is not used.
    Whole,
    /// Moves what was committed into the file, and empties the write-ahead log.
    Checkpoint,
}

/// What room there is in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// All pages.
    pub(super) pages: u64,
    /// Those that are not used.
    pub(super) free: u64,
    pub(super) page_bytes: u64,
    /// Whether single pages can be given back.
    pub(super) is_incremental: bool,
}

impl Room {
    fn of(db: &Connection) -> rusqlite::Result<Self> {
        let ask = |pragma: &str| {
            db.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0))
                .map(i64::cast_unsigned)
        };
        Ok(Self {
            pages: ask("page_count")?,
            free: ask("freelist_count")?,
            page_bytes: ask("page_size")?,
            is_incremental: ask("auto_vacuum")? == 2,
        })
    }

    /// The size of the file.
    pub(super) const fn bytes(&self) -> u64 {
        self.pages * self.page_bytes
    }
}

/// Takes a step, and says what room there is then.
pub(super) fn take(db: &Connection, step: Step) -> rusqlite::Result<Room> {
    match step {
        Step::Look => {}
        Step::Pages(most) => {
            // Each row that it yields is a page that was given back.
            let mut pages = db.prepare(&format!("PRAGMA incremental_vacuum({most})"))?;
            let mut rows = pages.query([])?;
            while rows.next()?.is_some() {}
        }
        Step::Whole => {
            db.flush_prepared_statement_cache();
            db.execute_batch("PRAGMA auto_vacuum = INCREMENTAL; VACUUM")?;
        }
        // Where somebody reads an older state it is not emptied, and will be later.
        Step::Checkpoint => db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?,
    }
    Room::of(db)
}
