//! `orkestra compact`: less room for the same state.

use std::{fmt::Write as _, path::Path};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{Shrunk, embedded::holder},
    time::{Clock, SystemClock},
};

use crate::{
    ops::{self, Compaction},
    output::{self, Console, Exit},
    shard::actor::Settings as ShardPace,
};

/// Compacts a data directory in which no process is at work, and tells what came of it.
pub(super) async fn compact(
    data_dir: &Path,
    keep_records: Option<u64>,
    console: &mut Console,
    clock: &SystemClock,
) -> Result<Exit> {
    if let Some(pid) = holder(data_dir)? {
        return Err(held(data_dir, pid));
    }
    let kept = keep_records.unwrap_or(ShardPace::default().records_kept);
    let compacted = ops::compact_folder(data_dir, kept, clock.now()).await?;
    tell(&compacted, console)?;
    Ok(Exit::Done)
}

/// Tells what came of a compaction, whoever did it.
pub(super) fn tell(compacted: &Compaction, console: &mut Console) -> Result<()> {
    console.item(compacted, text)?;
    if let Some(why) = &compacted.blobs_kept_since {
        console.say(format!("no blob was looked for: {why}"))?;
    }
    if compacted.room == Shrunk::Later {
        console.say(
            "the store was made by an older version and gives no room back while a run goes on: \
             compact it once when none does",
        )?;
    }
    Ok(())
}

fn text(compacted: &Compaction) -> String {
    let Compaction { before, after, blobs_forgotten, .. } = compacted;
    let mut text =
        format!("{} before, {} now\n", output::size(before.total()), output::size(after.total()));
    let mut line = |key: &str, value: String| {
        let _ = writeln!(text, "{key:<10} {value}");
    };
    let change = |before, after| format!("{} -> {}", output::size(before), output::size(after));
    line("store", change(before.store + before.write_ahead, after.store + after.write_ahead));
    line("blobs", change(before.blobs, after.blobs));
    line("snapshot", format!("up to event {}", compacted.snapshot_at));
    line(
        "forgotten",
        format!(
            "{} records (the journal begins at {}) and {} blobs",
            compacted.records_forgotten, compacted.first_record, blobs_forgotten.blobs
        ),
    );
    text
}

fn held(data_dir: &Path, pid: u32) -> Error {
    let message = format!(
        "cannot compact {}: process {pid} is at work there; \
         interrupt it (Ctrl-C, or `kill {pid}`), then ask again",
        data_dir.display()
    );
    Error::new(ErrorKind::Conflict, message)
}
