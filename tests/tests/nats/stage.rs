//! What the stories share.

use std::{future::Future, time::Duration};

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use orkestra_runtime::fabric::{
    AppendError, Fabric as _, Key, LogName, Logs, Pattern, Sequence, Subject,
    nats::{Nats, NatsSettings},
};
use orkestra_tests::nats::Servers;

/// Longer than anything here takes, elections of servers included.
pub(crate) const LONG: Duration = Duration::from_mins(1);

pub(crate) fn settings(servers: &Servers) -> NatsSettings {
    let mut settings = NatsSettings::new(&servers.url());
    settings.urls = servers.urls();
    settings.replicas = servers.count();
    settings.connect_within = LONG;
    settings
}

pub(crate) async fn connect(settings: NatsSettings) -> Nats {
    Nats::connect(settings).await.unwrap()
}

pub(crate) async fn fabric(servers: &Servers) -> Nats {
    connect(settings(servers)).await
}

pub(crate) fn subject(text: &str) -> Subject {
    Subject::new(text).unwrap()
}

pub(crate) fn pattern(text: &str) -> Pattern {
    Pattern::new(text).unwrap()
}

pub(crate) fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

pub(crate) fn log() -> LogName {
    LogName::new("shard-0").unwrap()
}

pub(crate) async fn within<T>(waiting: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, waiting).await.unwrap()
}

pub(crate) async fn next<T>(stream: &mut (impl Stream<Item = T> + Unpin)) -> T {
    within(stream.next()).await.unwrap()
}

/// Waits until there is a connection, or none.
pub(crate) async fn until_connected(fabric: &Nats, connected: bool) {
    let mut connection = fabric.connection();
    within(connection.wait_for(|found| found.is_connected() == connected)).await.unwrap();
    // Nodes are told the same.
    within(fabric.connected().wait_for(|found| *found == connected)).await.unwrap();
}

/// The n-th record, which can be told from all others.
pub(crate) fn record(number: u64) -> Bytes {
    format!("record {number}").into()
}

/// Appends as a writer does who has lost his place: after an unclear end it reads where the log
/// ends and goes on there. Answers the positions that were acknowledged.
pub(crate) async fn append_until(
    logs: &dyn Logs,
    enough: impl Fn(u64) -> bool,
) -> Vec<(u64, Bytes)> {
    let (mut acknowledged, mut end, mut number) = (Vec::new(), Sequence(0), 0);
    while !enough(acknowledged.len() as u64) {
        number += 1;
        match logs.append(&log(), end, record(number)).await {
            Ok(at) => {
                acknowledged.push((at.0, record(number)));
                end = at;
            }
            Err(AppendError::Conflict(found)) => end = found,
            Err(AppendError::Unknown(_)) => {
                // Servers may be electing: nobody knows the end meanwhile.
                if let Ok(found) = logs.end(&log()).await {
                    end = found;
                }
            }
            Err(refused @ (AppendError::Full | AppendError::TooLarge)) => panic!("{refused}"),
        }
    }
    acknowledged
}

/// The subject of the journal, as the servers know it.
pub(crate) const JOURNAL: &str = "ork.v1.main.journal.shard-0";
/// The stream of the journal.
pub(crate) const STREAM: &str = "ORK_JOURNAL_main_shard-0";

/// A client that knows nothing of a fabric.
pub(crate) async fn stranger(servers: &Servers) -> async_nats::Client {
    let urls: Vec<async_nats::ServerAddr> =
        servers.urls().iter().map(|url| url.parse().unwrap()).collect();
    async_nats::connect(urls).await.unwrap()
}

/// Everything that a log holds.
pub(crate) async fn all_records(fabric: &Nats) -> Vec<(u64, Bytes)> {
    let entries = fabric.logs().read(&log(), Sequence(1), usize::MAX).await.unwrap();
    entries.into_iter().map(|entry| (entry.sequence.0, entry.record)).collect()
}
