//! The files of a data directory.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use orkestra_runtime::{
    Error,
    fabric::{
        BlobName, Durability,
        embedded::{Verification, holder, missing_blobs, verify},
    },
    protocol::check::{Category, Level},
    time::{Now, Wall},
};

use super::{Finding, Questions};
use crate::{door::Link, inspect::Inspection, ops::MANIFEST};

/// How many blobs are read unless all are asked for.
const BLOBS_SAMPLED: u64 = 200;
/// How old the newest backup may be.
const BACKUP_AGE_MAX: Duration = Duration::from_hours(7 * 24);

/// Looks at the files as they lie there. `opened`: why the folder could not be opened, if so.
pub(super) async fn files(
    questions: &Questions<'_>,
    now: Now,
    opened: Option<&Error>,
    findings: &mut Vec<Finding>,
) {
    findings.push(opening(opened));
    findings.push(door(&questions.data_dir).await);
    let (dir, backups) = (questions.data_dir.clone(), questions.backups.clone());
    let blobs_max = if questions.deep { u64::MAX } else { BLOBS_SAMPLED };
    // Reading files takes its time, for which nobody else should wait.
    let read = tokio::task::spawn_blocking(move || {
        vec![
            integrity(verify(&dir, blobs_max), blobs_max),
            permissions(&dir),
            backup(&dir, backups.as_deref(), now.wall),
        ]
    });
    match read.await {
        Ok(found) => findings.extend(found),
        Err(error) => {
            findings.push(finding("Files", Level::Warning, format!("cannot check: {error}")));
        }
    }
}

fn finding(name: &str, level: Level, message: impl Into<String>) -> Finding {
    Finding::new(("store", Category::FileSystem), name, level, message)
}

fn opening(error: Option<&Error>) -> Finding {
    let version = env!("CARGO_PKG_VERSION");
    match error {
        None => finding(
            "Version Compatibility",
            Level::Pass,
            format!("orkestra {version} reads what is there: store, journal and snapshots"),
        ),
        Some(error) => finding("Version Compatibility", Level::Critical, error.to_string())
            .advise("save what is sound with `orkestra recover --into DIR`, or use the program that wrote it"),
    }
}

fn integrity(verified: Result<Verification, Error>, blobs_max: u64) -> Finding {
    let name = "File Integrity";
    let found = match verified {
        Ok(found) => found,
        Err(error) => {
            return finding(name, Level::Fail, error.to_string())
                .advise("save what is sound with `orkestra recover --into DIR`");
        }
    };
    let Verification { logs, records, blobs, blobs_read, unfinished, faults, .. } = found;
    let message = format!(
        "{records} records of {logs} logs match their checksums, {blobs_read} of {blobs} blobs \
         were read"
    );
    let mut details = Vec::new();
    if blobs > blobs_read && blobs_max != u64::MAX {
        details.push("`orkestra doctor --deep` reads all blobs".to_owned());
    }
    if unfinished > 0 {
        details.push(format!("{unfinished} blobs were left half written by a crash"));
    }
    if faults.is_empty() {
        return finding(name, Level::Pass, message).details(details.join("; "));
    }
    let count = faults.len();
    details.extend(faults);
    finding(name, Level::Fail, format!("{count} faults; {message}"))
        .details(details.join("; "))
        .advise("stop what runs here, and save what is sound with `orkestra recover --into DIR`")
}

fn permissions(dir: &Path) -> Finding {
    let named =
        |level, message| Finding::new(("store", Category::Security), "Permissions", level, message);
    let mode = match fs::metadata(dir) {
        Ok(about) => about.permissions().mode() & 0o777,
        Err(error) => return named(Level::Warning, format!("cannot check: {error}")),
    };
    let advice = format!("run `chmod 700 {}`", dir.display());
    if mode & 0o022 != 0 {
        named(Level::Fail, format!("others can write there (mode {mode:03o})")).advise(advice)
    } else if mode & 0o077 != 0 {
        named(Level::Warning, format!("others can read inputs and results (mode {mode:03o})"))
            .advise(advice)
    } else {
        named(Level::Pass, format!("only its owner can read it (mode {mode:03o})"))
    }
}

/// Whether who is at work in the folder can be asked.
async fn door(dir: &Path) -> Finding {
    let name = "Control Door";
    let pid = match holder(dir) {
        Ok(Some(pid)) => pid,
        Ok(None) => return finding(name, Level::Pass, "nobody is at work here"),
        Err(error) => return finding(name, Level::Warning, format!("cannot check: {error}")),
    };
    let why = match Link::open(dir).await {
        Ok(Some(_)) => {
            return finding(name, Level::Pass, format!("process {pid} is at work, and answers"));
        }
        Ok(None) => "it has no door".to_owned(),
        Err(error) => error.to_string(),
    };
    finding(name, Level::Warning, format!("process {pid} is at work, and does not answer: {why}"))
        .advise("see its supervision log: `orkestra supervision log`")
}

fn backup(dir: &Path, backups: Option<&Path>, now: Wall) -> Finding {
    let name = "Backup Age";
    let Some(place) = backups else {
        let message = format!("nothing in {} tells of a backup", dir.display());
        return finding(name, Level::Warning, message)
            .advise("say where backups are with --backups DIR");
    };
    let Some(newest) = newest_manifest(place) else {
        return finding(name, Level::Warning, format!("there is no backup in {}", place.display()))
            .advise("make one with `orkestra backup`");
    };
    let age = now.since(newest);
    let days = age.as_secs() / 86_400;
    if age > BACKUP_AGE_MAX {
        finding(name, Level::Warning, format!("the newest backup is {days} days old"))
            .advise("make one at least every 7 days")
    } else {
        finding(name, Level::Pass, format!("the newest backup is of {newest}"))
    }
}

/// When the newest backup was made: the folder itself, or one of those in it.
fn newest_manifest(place: &Path) -> Option<Wall> {
    let below = fs::read_dir(place).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let folders = below.chain([place.to_owned()]);
    let made = |folder: PathBuf| {
        let at = fs::metadata(folder.join(MANIFEST)).ok()?.modified().ok()?;
        let ms = at.duration_since(UNIX_EPOCH).ok()?.as_millis();
        Some(Wall::from_ms(u64::try_from(ms).ok()?))
    };
    folders.filter_map(made).max()
}

/// Looks at what the opened folder says: durability, snapshots, and the blobs that it names.
pub(super) async fn record(dir: &Path, inspection: &Inspection, findings: &mut Vec<Finding>) {
    findings.push(durability(inspection.durability()));
    findings.push(snapshots(inspection).await);
    findings.push(blobs(dir, inspection).await);
}

pub(super) fn durability(class: Durability) -> Finding {
    let means = match class {
        Durability::Memory => "nothing outlives the process",
        Durability::Lazy => {
            "one server has it, and may lose the latest of it when its machine loses power"
        }
        Durability::Fsync => "what was acknowledged is on this disk, and as safe as this disk",
        Durability::ReplicatedLazy => "several servers have it, and write it to disk later",
        Durability::ReplicatedSync => "it is on the disks of several servers",
        _ => "see the manual",
    };
    let level = if class == Durability::Memory { Level::Warning } else { Level::Pass };
    finding("Durability", level, format!("{class}: {means}"))
}

pub(super) async fn snapshots(inspection: &Inspection) -> Finding {
    let (name, category) = ("Snapshots", Category::DataIntegrity);
    let named = |level, message| Finding::new(("store", category), name, level, message);
    let (sound, faults) = match inspection.verify_snapshots().await {
        Ok(verified) => verified,
        Err(error) => return named(Level::Fail, error.to_string()),
    };
    match (sound, faults.is_empty()) {
        (0, true) => named(Level::Pass, "none yet: the journal is whole".to_owned()),
        (sound, true) => named(Level::Pass, format!("{sound} are sound, and can be folded")),
        // One that is lost is passed over for the other, and the journal behind it is kept.
        (sound, false) => {
            let level = if sound == 0 { Level::Critical } else { Level::Fail };
            named(level, format!("{} are damaged, {sound} are sound", faults.len()))
                .details(faults.join("; "))
                .advise("run something, so that new ones are taken; or restore a backup")
        }
    }
}

async fn blobs(dir: &Path, inspection: &Inspection) -> Finding {
    let category = Category::DataIntegrity;
    let named = |level, message| Finding::new(("store", category), "Named Blobs", level, message);
    let tasks = inspection.tasks();
    let mut wanted: Vec<BlobName> = tasks.named_blobs().map(|(_, _, name)| name.clone()).collect();
    wanted.sort();
    wanted.dedup();
    let (count, dir) = (wanted.len(), dir.to_owned());
    let looked = tokio::task::spawn_blocking(move || missing_blobs(dir, &wanted));
    let missing = match looked.await {
        Ok(missing) => missing,
        Err(error) => return named(Level::Warning, format!("cannot check: {error}")),
    };
    if missing.is_empty() {
        return named(Level::Pass, format!("all {count} that tasks name are there"));
    }
    let whose = tasks.named_blobs().filter(|(_, _, name)| missing.contains(name));
    let shown = whose.take(10).map(|(task, what, name)| format!("{what} of {task}: {name}"));
    let shown = shown.collect::<Vec<_>>().join("; ");
    named(Level::Fail, format!("{} that tasks name are not there", missing.len()))
        .details(shown)
        .advise("put them back from a backup, or try those tasks again with `orkestra task retry`")
}
