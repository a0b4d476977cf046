//! Whoever takes turns at locks while things go wrong, and what came of it.

use std::{sync::Arc, time::Duration};

use orkestra_runtime::{
    chance::Chance,
    id::LockKey,
    leadership::placement::shard_of,
    time::{Clock, SystemClock},
};

use super::{client::Client, setup::Setup, witness::Witness};
use crate::locks::{
    crowd::{Crowd, Working},
    history::{Recorder, judge},
};

/// The namespaces of the locks, each led by whoever leads its shard.
const NAMESPACES: [&str; 2] = ["n0", "n1"];
/// The leases: longer than it takes until somebody leads again, mostly.
const LEASE: Duration = Duration::from_secs(4);
/// How long a lock is held at most.
const HOLDS_MS: u64 = 40;

/// Those who work, and their books.
#[derive(Debug)]
pub(super) struct Lockers {
    crowds: Vec<(&'static str, Arc<Recorder>, Option<Working>)>,
    shards: u16,
}

impl Lockers {
    /// Lets them begin.
    pub(super) fn begin(setup: &Setup, client: &Client) -> Self {
        let clock: Arc<dyn Clock> = SystemClock::start();
        let mut chance = Chance::from_seed(setup.seed ^ 0x10c);
        let mut crowds = Vec::new();
        for namespace in NAMESPACES.into_iter().filter(|_| setup.lockers > 0) {
            // Namespaces may have the same shard: locks and sessions are named apart.
            let key = |name: &str| LockKey::new(format!("{namespace}/{name}"));
            let crowd = Crowd {
                name: namespace.to_owned(),
                clients: setup.lockers / NAMESPACES.len(),
                keys: ["file", "door"].into_iter().flat_map(key).collect(),
                lease: LEASE,
                holds_ms: HOLDS_MS,
                turns: usize::MAX,
                seed: chance.draw(),
            };
            let recorder = Arc::new(Recorder::default());
            let locks = client.cluster().locks_of(namespace);
            let working = crowd.begin(locks, &recorder, &clock);
            crowds.push((namespace, recorder, Some(working)));
        }
        Self { crowds, shards: setup.shards }
    }

    /// Lets them end what they are at.
    pub(super) async fn end(&mut self) {
        for (_, _, working) in &mut self.crowds {
            if let Some(working) = working.take() {
                working.end().await;
            }
        }
    }

    /// How many calls they made.
    pub(super) fn calls(&self) -> usize {
        self.crowds.iter().map(|(_, recorder, _)| recorder.calls().len()).sum()
    }

    /// What must not be, by their books and the journals, which are read to their ends first.
    pub(super) async fn judge(&self, witness: &Witness) -> Result<Vec<String>, String> {
        // What is under way meanwhile may be in the journals and not in the books, never the other
        // way round.
        let books: Vec<_> =
            self.crowds.iter().map(|(_, book, _)| (book.calls(), book.spans())).collect();
        witness.catch_up().await?;
        let mut findings = Vec::new();
        for ((namespace, ..), (calls, spans)) in self.crowds.iter().zip(books) {
            let shard = usize::from(shard_of(namespace, self.shards).0);
            let table = witness.seen().told[shard].locks.clone();
            findings.extend(judge(&calls, &spans, &table));
        }
        findings.sort();
        findings.dedup();
        Ok(findings)
    }
}
