//! `orkestra backup` and `orkestra restore`: what was copied, as people and programs read it.

use std::{
    fmt::{self, Write as _},
    future::Future,
    path::Path,
    time::Duration,
};

use orkestra_runtime::{
    Result,
    fabric::{BlobName, embedded::Copying},
    time::{Clock, SystemClock},
};
use serde::Serialize;
use tokio::sync::watch;

use crate::{
    ops::{self, ClusterPlaces, Counts, Manifest, Place},
    output::{self, Console, Exit, Format},
};

/// How often a person is told how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(2);

/// What is said of a backup; its list of files is in its manifest.
#[derive(Debug, Serialize)]
struct Told<'a> {
    folder: String,
    program: &'a str,
    taken_at: &'a str,
    journal: Place,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'a ClusterPlaces>,
    counts: Counts,
    bytes: u64,
    files: usize,
    forgotten: usize,
    missing: Vec<&'a BlobName>,
    took_ms: u64,
}

impl<'a> Told<'a> {
    fn of(manifest: &'a Manifest, folder: impl fmt::Display, took: Duration) -> Self {
        let Manifest {
            program,
            taken_at,
            journal,
            cluster,
            counts,
            bytes,
            files,
            forgotten,
            missing,
            ..
        } = manifest;
        Self {
            folder: folder.to_string(),
            program,
            taken_at,
            journal: *journal,
            cluster: cluster.as_ref(),
            counts: *counts,
            bytes: *bytes,
            files: files.len(),
            forgotten: forgotten.len(),
            missing: missing.iter().collect(),
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        }
    }

    fn text(&self, verb: &str) -> String {
        let Self { folder, journal, cluster, counts, .. } = self;
        let took = output::duration(Duration::from_millis(self.took_ms));
        let mut text = format!("{verb} {folder}: {} in {took}\n", output::size(self.bytes));
        let mut line = |key: &str, value: String| {
            let _ = writeln!(text, "{key:<10} {value}");
        };
        line("taken", format!("{} by version {}", self.taken_at, self.program));
        let stands = match cluster {
            None => format!(
                "up to event {} (records {} to {}, reign {})",
                journal.last_event, journal.first_record, journal.last_record, journal.epoch
            ),
            Some(ClusterPlaces { name, shards }) => {
                let records: u64 =
                    shards.values().map(|at| at.last_record + 1 - at.first_record).sum();
                format!("those of {} shards of cluster {name}, {records} records", shards.len())
            }
        };
        line("journal", stands);
        line(
            "holds",
            format!(
                "{} runs with {} tasks, {} of them not ended, and {} blobs",
                counts.runs, counts.tasks, counts.open_tasks, counts.blobs
            ),
        );
        text
    }
}

/// Takes a backup, and tells what it holds.
pub(super) async fn backup(
    data_dir: &Path,
    into: &Path,
    console: &mut Console,
    clock: &SystemClock,
) -> Result<Exit> {
    let began = clock.now();
    let (told, far) = watch::channel(Copying::default());
    let copying = ops::back_up(data_dir, into, began.wall, move |at| {
        told.send_replace(at);
    });
    let manifest = telling(copying, far, console).await?;
    let took = clock.now().moment.since(began.moment);
    tell_backup(&manifest, (into, &data_dir.display().to_string()), took, console)
}

/// Tells what a backup of something holds.
pub(super) fn tell_backup(
    manifest: &Manifest,
    (into, of): (&Path, &str),
    took: Duration,
    console: &mut Console,
) -> Result<Exit> {
    let is_whole = manifest.missing.is_empty();
    if !manifest.forgotten.is_empty() {
        let count = manifest.forgotten.len();
        console
            .say(format!("{count} blobs were forgotten on purpose meanwhile, and are not in it"))?;
    }
    for name in &manifest.missing {
        console.warn(format!(
            "blob {name} is named in the journal and not in {of}: lost, or deleted on purpose"
        ))?;
    }
    console.item(&Told::of(manifest, into.display(), took), |told| told.text("backed up to"))?;
    Ok(if is_whole { Exit::Done } else { Exit::Negative })
}

/// Tells what was restored.
pub(super) fn tell_restored(
    manifest: &Manifest,
    to: impl fmt::Display,
    took: Duration,
    console: &mut Console,
) -> Result<()> {
    console.item(&Told::of(manifest, to, took), |told| told.text("restored"))
}

/// Makes a data directory of a backup, and tells how to go on.
pub(super) async fn restore(
    from: &Path,
    data_dir: &Path,
    console: &mut Console,
    clock: &SystemClock,
) -> Result<Exit> {
    let began = clock.now();
    let (told, far) = watch::channel(Copying::default());
    let copying = ops::restore(from, data_dir, move |at| {
        told.send_replace(at);
    });
    let manifest = telling(copying, far, console).await?;
    let took = clock.now().moment.since(began.moment);
    tell_restored(&manifest, data_dir.display(), took, console)?;
    let flag = format!("--data-dir {}", data_dir.display());
    console.say(match &manifest.cluster {
        Some(cluster) => format!(
            "it is that of cluster {} with {}: `orkestra task list {flag}` shows what shard 0 holds; \
             `orkestra restore --from {} --nats URL` makes a cluster of it again",
            cluster.name,
            output::counted(cluster.shards.len() as u64, "shard"),
            from.display(),
        ),
        None => format!(
            "`orkestra task list {flag}` shows what it holds; `orkestra run …` with {flag} goes on from \
             there"
        ),
    })?;
    console.say(
        "note: what agents did outside after the backup was taken is done again, under the same \
         effect keys",
    )?;
    Ok(Exit::Done)
}

/// Waits for a copy, and tells now and then how far it is.
async fn telling(
    copying: impl Future<Output = Result<Manifest>>,
    far: watch::Receiver<Copying>,
    console: &mut Console,
) -> Result<Manifest> {
    tokio::pin!(copying);
    let mut looks = tokio::time::interval(TOLD_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    looks.tick().await;
    loop {
        tokio::select! {
            biased;
            copied = &mut copying => return copied,
            _ = looks.tick() => {
                let Copying { done, total } = *far.borrow();
                if console.format() == Format::Table && done < total {
                    console.say(format!("{} of {}", output::size(done), output::size(total)))?;
                } else if console.format() == Format::Table {
                    console.say("checking the copy")?;
                }
            }
        }
    }
}
