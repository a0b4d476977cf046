//! `orkestra compact`: less room for the same state.

use std::fmt::Write as _;

use orkestra_runtime::{Result, fabric::Shrunk, time::Clock as _};

use crate::{
    cli::change::{Asking, Found, held},
    door::Request,
    ops::{self, Compaction},
    output::{self, Console, Exit},
    shard::actor::Settings as ShardPace,
};

/// Compacts a data directory, by the process that is at work there if one is, and tells what came
/// of it.
pub(super) async fn compact(
    keep_records: Option<u64>,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let compacted = match asking.find().await? {
        Found::Node(mut link) => link.ask(&Request::Compact { keep_records }, None).await?,
        Found::Closed(pid) => return Err(held(asking.data_dir(), pid)),
        Found::Nobody => {
            let kept = keep_records.unwrap_or_else(|| ShardPace::default().records_kept);
            ops::compact_folder(asking.data_dir(), kept, asking.clock.now()).await?
        }
    };
    tell(&compacted, console)?;
    Ok(Exit::Done)
}

fn tell(compacted: &Compaction, console: &mut Console) -> Result<()> {
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
