//! Copying what is kept in one fabric into another one, shard by shard.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{AppendError, BlobName, Fabric, Key, LogName, Logs, Sequence, SetError},
    id::ShardId,
    journal::{Journal, READ_BYTES, blobs_named},
    names,
};

use crate::shard::{Mind as _, machine::ShardMachine};

/// How many shards are copied at a time.
const SHARDS_AT_ONCE: usize = 8;
/// How many blobs of one shard are.
const BLOBS_AT_ONCE: usize = 4;
/// How often the snapshots of a shard are looked at again that were replaced meanwhile.
const TRIES: u32 = 5;

/// What the keys under `shard` end with that are not copied as they are: leases are nobody's
/// elsewhere, and snapshots are copied with their blobs.
const LEFT_OUT: [&str; 2] = [".leader", ".snapshots"];

/// Copies one consistent cut of each shard, and then the registers. `into` is empty.
pub(super) async fn copy(from: &dyn Fabric, into: &dyn Fabric, shards: u16) -> Result<()> {
    stream::iter((0..shards).map(ShardId))
        .map(|shard| copy_shard(from, into, shard))
        .buffer_unordered(SHARDS_AT_ONCE)
        .try_collect::<()>()
        .await?;
    copy_registers(from, into).await
}

async fn copy_shard(from: &dyn Fabric, into: &dyn Fabric, shard: ShardId) -> Result<()> {
    let journal = Journal::of(from, shard)?;
    journal.check(ShardMachine::SNAPSHOT_VERSION).await?;
    // Before the records: the journal is kept behind the older of them.
    let (mut named, first) = copy_snapshots(from, into, &journal).await?;
    let last = journal.end().await?;
    named.extend(copy_log((&*from.logs(), &*into.logs()), journal.log(), (first, last)).await?);
    copy_blobs(from, into, named).await
}

/// Copies the snapshots that a journal has now, and then says so in the register. Answers the blobs
/// that they name, since of what was forgotten of the journal nothing else does, and where the
/// journal began while it had these snapshots: behind none of them.
async fn copy_snapshots(
    from: &dyn Fabric,
    into: &dyn Fabric,
    journal: &Journal,
) -> Result<(BTreeSet<BlobName>, Sequence)> {
    let key = Key::new(&format!("shard.{}.snapshots", journal.shard()))?;
    for _ in 0..TRIES {
        let before = from.registers().get(&key).await?;
        let marks = journal.snapshots().await?;
        let mut named = BTreeSet::new();
        for mark in &marks {
            for name in mark.blobs() {
                copy_blob(from, into, name).await?;
            }
            // What is not there though nobody replaced it is lost: the look at the copy says so.
            if let Ok(snapshot) = journal.load(mark).await {
                blobs_named(&snapshot.bytes, &mut |name| {
                    named.insert(name);
                })?;
            }
        }
        let first = journal.first().await?;
        if from.registers().get(&key).await? != before {
            continue;
        }
        if let Some(before) = before {
            create(into, &key, before.bytes).await?;
        }
        return Ok((named, first));
    }
    let message = format!("the snapshots of shard {} are replaced all the time", journal.shard());
    Err(Error::new(ErrorKind::Conflict, message))
}

/// Copies the records of a log; answers the blobs that they name. An error of kind `Conflict`: it was
/// trimmed meanwhile, and has to be copied anew.
pub(super) async fn copy_log(
    (from, into): (&dyn Logs, &dyn Logs),
    log: &LogName,
    (first, last): (Sequence, Sequence),
) -> Result<BTreeSet<BlobName>> {
    let mut named = BTreeSet::new();
    if last.0 == 0 {
        return Ok(named);
    }
    let mut end = into.end(log).await?;
    if end.0 == 0 {
        into.begin(log, first).await?;
        end = Sequence(first.0 - 1);
    }
    while end < last {
        let entries = from.read(log, Sequence(end.0 + 1), READ_BYTES).await?;
        if entries.first().is_none_or(|entry| entry.sequence.0 != end.0 + 1) {
            let message = format!(
                "log {log} has no record {} any more: it was trimmed while it was copied; try again",
                end.0 + 1
            );
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        for entry in entries.into_iter().take_while(|entry| entry.sequence <= last) {
            blobs_named(&entry.record, &mut |name| {
                named.insert(name);
            })?;
            end = append(into, log, end, entry.record).await?;
        }
    }
    Ok(named)
}

async fn append(into: &dyn Logs, log: &LogName, end: Sequence, record: Bytes) -> Result<Sequence> {
    into.append(log, end, record).await.map_err(|error| {
        let kind = match &error {
            AppendError::Full => ErrorKind::Full,
            AppendError::Conflict(_) => ErrorKind::Conflict,
            AppendError::TooLarge => ErrorKind::Invalid,
            AppendError::Unknown(_) => ErrorKind::Unavailable,
        };
        Error::new(kind, format!("cannot copy record {} of log {log}", end.0 + 1)).because(error)
    })
}

/// Copies blobs, as far as they are there: what is missing is told by whoever looks at the copy.
pub(super) async fn copy_blobs(
    from: &dyn Fabric,
    into: &dyn Fabric,
    named: BTreeSet<BlobName>,
) -> Result<()> {
    stream::iter(named)
        .map(|name| async move { copy_blob(from, into, &name).await.map(drop) })
        .buffer_unordered(BLOBS_AT_ONCE)
        .try_collect::<()>()
        .await
}

/// Copies a blob; answers whether it is there.
async fn copy_blob(from: &dyn Fabric, into: &dyn Fabric, name: &BlobName) -> Result<bool> {
    let Some(bytes) = from.blobs().get(name).await? else { return Ok(false) };
    into.blobs().put(bytes).await?;
    Ok(true)
}

/// Copies registers; the one that makes a cluster of it all comes last.
pub(super) async fn copy_registers(from: &dyn Fabric, into: &dyn Fabric) -> Result<()> {
    let registers = from.registers();
    let mut found = Vec::new();
    for (key, value) in registers.list(&Key::new("shard")?).await? {
        if !LEFT_OUT.iter().any(|end| key.as_str().ends_with(end)) {
            found.push((key, value.bytes));
        }
    }
    for under in [names::pins_key()?, names::nodes_key()?] {
        found.extend(registers.list(&under).await?.into_iter().map(|(key, at)| (key, at.bytes)));
    }
    copy_hosted(from, into).await?;
    for key in [names::lives_key()?, names::cluster_key()?] {
        let value = registers.get(&key).await?;
        found.extend(value.map(|value| (key, value.bytes)));
    }
    for (key, bytes) in found {
        create(into, &key, bytes).await?;
    }
    Ok(())
}

/// Copies what the register of hosted agents names, and then the register.
async fn copy_hosted(from: &dyn Fabric, into: &dyn Fabric) -> Result<()> {
    let key = names::hosted_key()?;
    for _ in 0..TRIES {
        let Some(held) = from.registers().get(&key).await? else { return Ok(()) };
        let is_there = match blob_in(&held.bytes) {
            Some(name) => copy_blob(from, into, &name).await?,
            None => true,
        };
        if is_there {
            return create(into, &key, held.bytes).await;
        }
    }
    let message =
        "the blob that says which agents the cluster hosts is gone: offer them anew first";
    Err(Error::new(ErrorKind::Corrupt, message))
}

/// The blob that a register names, if it names one.
pub(in crate::ops) fn blob_in(register: &[u8]) -> Option<BlobName> {
    #[derive(serde::Deserialize)]
    struct Names {
        blob: BlobName,
    }
    serde_json::from_slice(register).ok().map(|Names { blob }| blob)
}

/// Sets a register that is absent, or holds the same.
pub(super) async fn create(into: &dyn Fabric, key: &Key, bytes: Bytes) -> Result<()> {
    match into.registers().create(key, bytes.clone()).await {
        Ok(_) => Ok(()),
        Err(SetError::Conflict(Some(held))) if held.bytes == bytes => Ok(()),
        Err(error) => {
            let kind = match &error {
                SetError::Conflict(_) => ErrorKind::Conflict,
                SetError::Full => ErrorKind::Full,
                SetError::Unknown(_) => ErrorKind::Unavailable,
            };
            Err(Error::new(kind, format!("cannot copy register {}", key.as_str())).because(error))
        }
    }
}
