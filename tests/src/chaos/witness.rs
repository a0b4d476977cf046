//! Reads on in all journals and in the registers of their leaders, over a connection of its own.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::StreamExt as _;
use orkestra_runtime::{
    Error, ErrorKind,
    fabric::{Fabric, Sequence},
    id::ShardId,
    journal::Journal,
    names,
    patience::patiently,
};
use serde::Deserialize;
use tokio::task::JoinSet;

use super::story::{Told, hash};

/// How long is waited before a reader that failed begins again.
const AGAIN: Duration = Duration::from_millis(100);
/// How long one piece of a journal is waited for in the end.
const READ_WITHIN: Duration = Duration::from_mins(2);
/// How many bytes are read at once.
const READ_BYTES: usize = 8 * 1024 * 1024;

/// Who stands in the register of a shard's leader.
#[derive(Clone, Debug, Default, Deserialize)]
struct Holder {
    #[serde(default)]
    node: String,
    #[serde(default)]
    boot: u64,
    #[serde(default)]
    epoch: u64,
}

/// What was seen from outside.
#[derive(Debug)]
pub(super) struct Seen {
    /// The journals, by shard.
    pub(super) told: Vec<Told>,
    /// Who leads, by shard; empty when nobody does.
    pub(super) leaders: Vec<String>,
    /// Who said that they began a reign.
    reigns: BTreeMap<(u16, u64), BTreeSet<(String, u64)>>,
}

/// Whoever looks on.
#[derive(Debug)]
pub(super) struct Witness {
    seen: Arc<Mutex<Seen>>,
    fabric: Arc<dyn Fabric>,
    _reading: JoinSet<()>,
}

impl Witness {
    /// Looks on from now.
    pub(super) fn of(fabric: &Arc<dyn Fabric>, shards: u16) -> Self {
        let told = (0..shards).map(Told::of).collect();
        let leaders = vec![String::new(); usize::from(shards)];
        let seen = Arc::new(Mutex::new(Seen { told, leaders, reigns: BTreeMap::new() }));
        let mut reading = JoinSet::new();
        for shard in 0..shards {
            reading.spawn(read(Arc::clone(fabric), shard, Arc::clone(&seen)));
            reading.spawn(watch(Arc::clone(fabric), shard, Arc::clone(&seen)));
        }
        Self { seen, fabric: Arc::clone(fabric), _reading: reading }
    }

    /// What was seen so far.
    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many tasks have ended.
    pub(super) fn ended(&self) -> u64 {
        self.seen().told.iter().map(|told| told.ended).sum()
    }

    /// Who leads something, as far as the registers say.
    pub(super) fn leaders(&self) -> BTreeSet<String> {
        let seen = self.seen();
        seen.leaders.iter().filter(|leader| !leader.is_empty()).cloned().collect()
    }

    /// Which shards a node leads, as far as their registers say.
    pub(super) fn led_by(&self, node: &str) -> Vec<u16> {
        let seen = self.seen();
        let led = seen.leaders.iter().zip(0..).filter(|(leader, _)| *leader == node);
        led.map(|(_, shard)| shard).collect()
    }

    /// Waits until everything was read that the journals have now.
    pub(super) async fn catch_up(&self) -> Result<(), String> {
        let shards = self.seen().told.len();
        for shard in 0..shards {
            let number = u16::try_from(shard).unwrap_or(u16::MAX);
            let failed = |error| format!("the journal of shard {shard} has no end: {error}");
            let journal = Journal::of(self.fabric.as_ref(), ShardId(number)).map_err(failed)?;
            let logs = self.fabric.logs();
            let end =
                patiently("find the end", || logs.end(journal.log())).await.map_err(failed)?;
            let read = async {
                while self.seen().told[shard].sequence < end.0 {
                    tokio::time::sleep(AGAIN).await;
                }
            };
            let read = tokio::time::timeout(READ_WITHIN, read).await;
            read.map_err(|_| format!("the journal of shard {shard} is not read to its end"))?;
        }
        Ok(())
    }

    /// Reads what is left of all journals once more: a record never becomes another, and none is
    /// taken back.
    pub(super) async fn read_again(&self) -> Result<Vec<String>, String> {
        let mut findings = Vec::new();
        let shards = self.seen().told.len();
        for shard in (0..shards).filter_map(|shard| u16::try_from(shard).ok()) {
            let failed = |error| format!("the journal of shard {shard} is read again: {error}");
            let journal = Journal::of(self.fabric.as_ref(), ShardId(shard)).map_err(failed)?;
            let logs = self.fabric.logs();
            // What is written from now on may be read by one of the two only.
            let known = self.seen().told[usize::from(shard)].sequence;
            let mut from = 1;
            loop {
                let read =
                    patiently("read on", || logs.read(journal.log(), Sequence(from), READ_BYTES));
                let late = |_| Error::new(ErrorKind::Unavailable, "it is waited for no longer");
                let read = tokio::time::timeout(READ_WITHIN, read).await;
                let read = read.unwrap_or_else(|error| Err(late(error))).map_err(failed)?;
                let Some(last) = read.last() else { break };
                from = last.sequence.0 + 1;
                let seen = self.seen();
                let told = &seen.told[usize::from(shard)];
                for entry in read {
                    let at = usize::try_from(entry.sequence.0 - 1).unwrap_or(usize::MAX);
                    if told.records.get(at).is_some_and(|was| *was != hash(&entry.record)) {
                        findings.push(format!("shard {shard}: record {at} became another"));
                    }
                }
            }
            let end = from - 1;
            if end < known {
                findings
                    .push(format!("shard {shard}: ends at {end}, and {known} records were read"));
            }
        }
        Ok(findings)
    }

    /// Reigns that two nodes, or two lives of one, said that they began.
    pub(super) fn two_leaders(&self) -> Vec<String> {
        let seen = self.seen();
        let two = seen.reigns.iter().filter(|(_, who)| who.len() > 1);
        two.map(|((shard, epoch), who)| format!("shard {shard}: reign {epoch} is that of {who:?}"))
            .collect()
    }
}

async fn read(fabric: Arc<dyn Fabric>, shard: u16, seen: Arc<Mutex<Seen>>) {
    let Ok(journal) = Journal::of(fabric.as_ref(), ShardId(shard)) else { return };
    loop {
        let from = {
            let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            Sequence(seen.told[usize::from(shard)].sequence + 1)
        };
        let mut records = journal.follow(from);
        while let Some(Ok(entry)) = records.next().await {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.told[usize::from(shard)].hear(entry.sequence.0, &entry.record);
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn watch(fabric: Arc<dyn Fabric>, shard: u16, seen: Arc<Mutex<Seen>>) {
    let Ok(key) = names::leader_key(ShardId(shard)) else { return };
    loop {
        let mut values = fabric.registers().watch(&key);
        while let Some(Ok(value)) = values.next().await {
            let holder: Holder = value
                .and_then(|value| serde_json::from_slice(&value.bytes).ok())
                .unwrap_or_default();
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            if holder.epoch > 0 && !holder.node.is_empty() {
                let reign = seen.reigns.entry((shard, holder.epoch)).or_default();
                reign.insert((holder.node.clone(), holder.boot));
            }
            seen.leaders[usize::from(shard)] = holder.node;
        }
        tokio::time::sleep(AGAIN).await;
    }
}
