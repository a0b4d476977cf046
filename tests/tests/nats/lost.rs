//! Connections, servers and leaders that are lost.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::StreamExt as _;
use orkestra_runtime::{
    ErrorKind,
    fabric::{AskError, Fabric as _, Sequence, Value},
};
use orkestra_tests::nats::Servers;

use super::stage::{
    LONG, STREAM, all_records, append_until, fabric, key, log, next, pattern, record, settings,
    stranger, subject, until_connected, within,
};

const BRIEF: Duration = Duration::from_millis(200);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_is_told_and_comes_back_with_its_subscriptions() {
    let mut servers = Servers::one().await;
    let fabric = fabric(&servers).await;
    let messages = fabric.messages();
    let mut heard = messages.subscribe(&pattern("news"), None, 8).await.unwrap();
    servers.kill(0).await;
    until_connected(&fabric, false).await;
    let refused = messages.publish(&subject("news"), Bytes::from_static(b"lost")).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unavailable);
    // Nothing was sent, so that asking again cannot do it twice.
    let asked = messages.ask(&subject("news"), Bytes::new(), BRIEF).await;
    assert_eq!(asked, Err(AskError::NoOne));
    servers.start(0).await;
    until_connected(&fabric, true).await;
    messages.publish(&subject("news"), Bytes::from_static(b"again")).await.unwrap();
    assert_eq!(next(&mut heard).await.unwrap().body, "again");
    assert_eq!(fabric.counters().reconnects, 1);
    fabric.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_is_open_when_its_server_dies_ends_before_its_time() {
    let mut servers = Servers::one().await;
    let fabric = fabric(&servers).await;
    let messages = fabric.messages();
    let mut heard = messages.subscribe(&pattern("sum"), None, 8).await.unwrap();
    let ask = messages.ask(&subject("sum"), Bytes::new(), 100 * LONG);
    let die = async {
        let held = next(&mut heard).await.unwrap();
        servers.kill(0).await;
        held
    };
    let (answered, _held) = within(futures::future::join(ask, die)).await;
    assert_eq!(answered, Err(AskError::NoAnswer));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stands_still_is_noticed() {
    let servers = Servers::one().await;
    let mut quick = settings(&servers);
    quick.ping_interval = BRIEF;
    let fabric = super::stage::connect(quick).await;
    servers.pause(0);
    until_connected(&fabric, false).await;
    servers.resume(0);
    until_connected(&fabric, true).await;
    fabric.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_after_a_server_was_killed() {
    let mut servers = Servers::one().await;
    let fabric = fabric(&servers).await;
    let (logs, registers, blobs) = (fabric.logs(), fabric.registers(), fabric.blobs());
    let mut followed = logs.follow(&log(), Sequence(1));
    let mut watched = registers.watch(&key("lease"));
    let mut many = registers.watch_under(&key("node"));
    assert_eq!(next(&mut watched).await.unwrap(), None);
    let before = append_until(&*logs, |count| count == 20).await;
    let lease = registers.create(&key("lease"), "n1".into()).await.unwrap();
    let a = registers.create(&key("node.a"), "1".into()).await.unwrap();
    let blob = blobs.put(Bytes::from(vec![7; 600_000])).await.unwrap();
    let at = |revision, text: &'static str| Some(Value { revision, bytes: text.into() });
    assert_eq!(next(&mut watched).await.unwrap(), at(lease, "n1"));
    assert_eq!(next(&mut many).await.unwrap(), (key("node.a"), at(a, "1")));

    servers.kill(0).await;
    servers.start(0).await;
    until_connected(&fabric, true).await;

    let mut end = Sequence(20);
    for number in 21..=40 {
        end = within(logs.append(&log(), end, record(number))).await.unwrap();
    }
    let later = registers.compare_and_set(&key("lease"), lease, "n2".into()).await.unwrap();
    assert!(later > lease);
    registers.delete(&key("node.a"), a).await.unwrap();
    let b = registers.create(&key("node.b"), "2".into()).await.unwrap();
    assert_eq!(next(&mut watched).await.unwrap(), at(later, "n2"));
    let mut news = [next(&mut many).await.unwrap(), next(&mut many).await.unwrap()];
    news.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(news, [(key("node.a"), None), (key("node.b"), at(b, "2"))]);
    for (position, record) in before {
        let entry = next(&mut followed).await.unwrap();
        assert_eq!((entry.sequence.0, entry.record), (position, record));
    }
    for number in 21..=40 {
        let entry = next(&mut followed).await.unwrap();
        assert_eq!((entry.sequence.0, entry.record), (number, record(number)));
    }
    assert_eq!(blobs.get(&blob).await.unwrap().map(|bytes| bytes.len()), Some(600_000));
    fabric.close().await;
}

/// Which server leads the journal.
async fn leader(servers: &Servers) -> usize {
    let context = async_nats::jetstream::new(stranger(servers).await);
    let info = context.get_stream(STREAM).await.unwrap().cached_info().clone();
    let name = info.cluster.unwrap().leader.unwrap();
    name.strip_prefix("nats-").unwrap().parse::<usize>().unwrap() - 1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_or_doubled_when_the_leader_of_a_journal_is_killed() {
    let mut servers = Servers::three().await;
    let fabric = fabric(&servers).await;
    let logs = fabric.logs();
    let mut followed = logs.follow(&log(), Sequence(1));
    let written = Arc::new(AtomicU64::new(0));
    let goal = Arc::new(AtomicU64::new(u64::MAX));
    let write = {
        let (written, goal) = (Arc::clone(&written), Arc::clone(&goal));
        append_until(&*logs, move |count| {
            written.store(count, Ordering::Relaxed);
            count >= goal.load(Ordering::Relaxed)
        })
    };
    let trouble = async {
        while written.load(Ordering::Relaxed) < 100 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let leader = leader(&servers).await;
        servers.kill(leader).await;
        // As many again, under another leader.
        goal.store(written.load(Ordering::Relaxed) + 100, Ordering::Relaxed);
        leader
    };
    let (acknowledged, killed) = within(futures::future::join(write, trouble)).await;
    servers.start(killed).await;
    let kept = within(all_records(&fabric)).await;
    let positions: Vec<u64> = kept.iter().map(|(position, _)| *position).collect();
    assert_eq!(positions, (1..=kept.len() as u64).collect::<Vec<_>>());
    for record in &acknowledged {
        assert!(kept.contains(record), "{record:?} was acknowledged and is not there");
    }
    // The follower saw each record once and in order, whatever died meanwhile.
    let seen: Vec<_> = within(followed.by_ref().take(kept.len()).collect::<Vec<_>>()).await;
    let seen: Vec<_> =
        seen.into_iter().map(|entry| entry.map(|e| (e.sequence.0, e.record)).unwrap()).collect();
    assert_eq!(seen, kept);
    fabric.close().await;
}
