//! How long it takes until somebody leads again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use orkestra_coordinator::task::RunOpening;
use orkestra_runtime::{
    id::RunId,
    leadership::placement::shard_of,
    time::{Clock as _, SystemClock},
};
use tokio::task::JoinSet;

use super::client::Client;

/// Commands that are sent as soon as a leader was killed.
#[derive(Debug)]
pub(super) struct Probes {
    client: Arc<Client>,
    shards: u16,
    number: AtomicU64,
    clock: Arc<SystemClock>,
    under_way: JoinSet<Option<Duration>>,
}

impl Probes {
    /// None is under way.
    pub(super) fn of(client: &Arc<Client>, shards: u16) -> Self {
        let clock = SystemClock::start();
        let (client, number) = (Arc::clone(client), AtomicU64::new(0));
        Self { client, shards, number, clock, under_way: JoinSet::new() }
    }

    /// The leader of these was killed just now.
    pub(super) fn begin(&mut self, shards: &[u16]) {
        for shard in shards {
            let number = self.number.fetch_add(1, Ordering::Relaxed);
            let (client, clock) = (Arc::clone(&self.client), Arc::clone(&self.clock));
            let mut names = (0..).map(|at| format!("probe{at}"));
            let found = names.find(|name| shard_of(name, self.shards).0 == *shard);
            let begun = clock.now().moment;
            self.under_way.spawn(async move {
                let run = RunId::new(format!("probe-{number}")).ok()?;
                let opening = RunOpening { stream: true, ..RunOpening::default() };
                let tasks = client.cluster().tasks_of(&found?).clone();
                // One that is not answered is another's to find: nothing is lost with it.
                while tasks.open(&run, opening.clone()).await.is_err() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Some(clock.now().moment.since(begun))
            });
        }
    }

    /// How long each took. None is waited for longer than `within` from now.
    pub(super) async fn spans(&mut self, within: Duration) -> Probed {
        let mut spans = Vec::new();
        let all = async {
            while let Some(span) = self.under_way.join_next().await {
                let span = span.ok().flatten();
                spans.extend(span.and_then(|span| u64::try_from(span.as_millis()).ok()));
            }
        };
        let _ = tokio::time::timeout(within, all).await; // what is open then is told
        spans.sort_unstable();
        Probed { spans, open: self.under_way.len() }
    }
}

/// What came of probes.
#[derive(Debug)]
pub(super) struct Probed {
    /// How long each took, in milliseconds, sorted.
    pub(super) spans: Vec<u64>,
    /// How many have no answer.
    pub(super) open: usize,
}
