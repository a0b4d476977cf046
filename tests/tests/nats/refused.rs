//! What is too much, too large, or not ours.

use bytes::Bytes;
use orkestra_runtime::{
    Error, ErrorKind,
    fabric::{
        AppendError, AskError, Durability, Fabric as _, REGISTER_BYTES_MAX, Sequence, SetError,
        nats::{Nats, NatsAuth},
    },
};
use orkestra_tests::nats::{Servers, Wishes};

use super::stage::{
    JOURNAL, LONG, all_records, connect, fabric, key, log, next, pattern, record, settings,
    stranger, subject, within,
};

#[tokio::test]
async fn a_full_stream_refuses_surely_and_takes_more_after_trimming() {
    let servers = Servers::one().await;
    let mut small = settings(&servers);
    small.stream_bytes_max = Some(256 * 1024);
    let fabric = connect(small).await;
    let (logs, large) = (fabric.logs(), Bytes::from(vec![b'x'; 40_000]));
    let mut end = Sequence(0);
    let refused = loop {
        match logs.append(&log(), end, large.clone()).await {
            Ok(at) => end = at,
            Err(error) => break error,
        }
    };
    assert_eq!(refused, AppendError::Full);
    assert_eq!(logs.end(&log()).await.unwrap(), end);
    logs.trim(&log(), end).await.unwrap();
    assert_eq!(logs.append(&log(), end, large).await, Ok(Sequence(end.0 + 1)));
    // The same for the other two.
    let refused = fabric.blobs().put(Bytes::from(vec![1; 1024 * 1024])).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Full);
    let value = Bytes::from(vec![2; REGISTER_BYTES_MAX]);
    let mut made = Ok(Default::default());
    for number in 0..6 {
        if made.is_ok() {
            made = fabric.registers().create(&key(&format!("k{number}")), value.clone()).await;
        }
    }
    assert_eq!(made, Err(SetError::Full));
    fabric.close().await;
}

#[tokio::test]
async fn what_the_server_does_not_take_is_refused_before_it_is_sent() {
    let servers =
        Servers::wished(Wishes { max_payload_bytes: 64 * 1024, ..Wishes::default() }).await;
    let fabric = fabric(&servers).await;
    let large = Bytes::from(vec![0; 100_000]);
    let refused = fabric.logs().append(&log(), Sequence(0), large.clone()).await;
    assert_eq!(refused, Err(AppendError::TooLarge));
    let refused = fabric.messages().publish(&subject("large"), large.clone()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    let asked = fabric.messages().ask(&subject("large"), large.clone(), LONG).await;
    assert_eq!(asked, Err(AskError::TooLarge));
    // A blob has smaller parts there.
    let name = fabric.blobs().put(large.clone()).await.unwrap();
    assert_eq!(fabric.blobs().get(&name).await.unwrap(), Some(large));
    let notices = fabric.features().notices.join("\n");
    assert!(notices.contains("messages of 65536 bytes at most"), "{notices}");
    fabric.close().await;
}

#[tokio::test]
async fn junk_on_a_subject_is_refused_and_counted_and_the_next_message_is_heard() {
    let servers = Servers::one().await;
    let (fabric, stranger) = (fabric(&servers).await, stranger(&servers).await);
    let mut heard = fabric.messages().subscribe(&pattern("news.>"), None, 8).await.unwrap();
    let say = |subject: &'static str| stranger.publish(subject, "junk".into());
    say("ork.v1.main.news.ä").await.unwrap();
    // Whoever is answered must not be able to name a place where only we may write.
    let theft = stranger.publish_with_reply("ork.v1.main.news.a", "$JS.API.INFO", "junk".into());
    theft.await.unwrap();
    let forgery = stranger.publish_with_reply("ork.v1.main.news.a", JOURNAL, "junk".into());
    forgery.await.unwrap();
    let mut headers = async_nats::HeaderMap::new();
    for number in 0..40 {
        headers.append("Many", number.to_string());
    }
    let many = stranger.publish_with_headers("ork.v1.main.news.a", headers, "junk".into());
    many.await.unwrap();
    stranger.publish("ork.v1.main.news.a", "sound".into()).await.unwrap();
    assert_eq!(next(&mut heard).await.unwrap().body, "sound");
    assert_eq!(fabric.counters().junk, 4);
    fabric.close().await;
}

#[tokio::test]
async fn junk_in_a_journal_is_handed_out_as_it_is_and_moves_the_end() {
    let servers = Servers::one().await;
    let (fabric, stranger) = (fabric(&servers).await, stranger(&servers).await);
    let logs = fabric.logs();
    logs.append(&log(), Sequence(0), record(1)).await.unwrap();
    let kept = stranger.request(JOURNAL, "not a record".into()).await.unwrap();
    assert!(String::from_utf8_lossy(&kept.payload).contains("\"seq\":2"));
    // Who wrote alone so far learns that he does not.
    let refused = logs.append(&log(), Sequence(1), record(2)).await;
    assert_eq!(refused, Err(AppendError::Conflict(Sequence(2))));
    assert_eq!(all_records(&fabric).await, [(1, record(1)), (2, "not a record".into())]);
    fabric.close().await;
}

#[tokio::test]
async fn junk_in_a_bucket_is_as_if_absent() {
    let servers = Servers::one().await;
    let (fabric, stranger) = (fabric(&servers).await, stranger(&servers).await);
    let registers = fabric.registers();
    let mut watched = registers.watch_under(&key("node"));
    let larger = Bytes::from(vec![b'x'; REGISTER_BYTES_MAX + 1]);
    for (subject, body) in [
        ("$KV.ORK_STATE_main.node.large", larger),
        ("$KV.ORK_STATE_main.node.ä", "odd".into()),
        ("$KV.ORK_STATE_main.node.odd=", "odd".into()),
    ] {
        stranger.request(subject, body).await.unwrap();
    }
    assert_eq!(registers.get(&key("node.large")).await.unwrap(), None);
    let revision = registers.create(&key("node.large"), "sound".into()).await.unwrap();
    let (found, value) = next(&mut watched).await.unwrap();
    assert_eq!((found, value.map(|value| value.revision)), (key("node.large"), Some(revision)));
    assert_eq!(registers.list(&key("node")).await.unwrap().len(), 1);
    fabric.close().await;
}

#[tokio::test]
async fn a_blob_that_was_changed_on_the_servers_is_found_damaged() {
    let servers = Servers::one().await;
    let (fabric, stranger) = (fabric(&servers).await, stranger(&servers).await);
    let blobs = fabric.blobs();
    let bytes = Bytes::from(vec![1; 300_000]);
    for (part, body) in [("1", "other bytes"), ("head", "not a head")] {
        let name = blobs.put(bytes.clone()).await.unwrap();
        let subject = format!("ork.v1.main.blob.{name}.{part}");
        stranger.request(subject, body.into()).await.unwrap();
        assert_eq!(blobs.get(&name).await.unwrap_err().kind(), ErrorKind::Corrupt);
        blobs.delete(&name).await.unwrap();
        assert_eq!(blobs.get(&name).await.unwrap(), None);
    }
    fabric.close().await;
}

#[tokio::test]
async fn streams_that_are_there_are_left_as_they_are_and_said_so() {
    let servers = Servers::one().await;
    let first = fabric(&servers).await;
    assert_eq!(first.durability(), Durability::Lazy);
    let mut other = settings(&servers);
    (other.replicas, other.may_create, other.servers_sync) = (3, false, true);
    let second = connect(other).await;
    assert_eq!(second.durability(), Durability::Fsync);
    let features = second.features();
    assert!(features.version.starts_with("2."), "{features:?}");
    let notices = features.notices.join("\n");
    assert!(notices.contains("kept on 1 servers and not on 3"), "{notices}");
    first.close().await;
    second.close().await;
}

async fn refused(settings: orkestra_runtime::fabric::nats::NatsSettings) -> Error {
    within(Nats::connect(settings)).await.unwrap_err()
}

#[tokio::test]
async fn whoever_cannot_connect_is_told_why_and_what_to_do() {
    let password: String = ["not", "shown"].join("-");
    let more = format!("authorization {{ user: someone, password: {password} }}\n");
    let mut servers = Servers::wished(Wishes { more, ..Wishes::default() }).await;
    let mut known = settings(&servers);
    known.auth = NatsAuth::Password { user: "someone".to_owned(), password: password.clone() };
    known.connect_within = std::time::Duration::from_secs(1);
    let mut bystander = known.clone();
    bystander.may_create = false;
    let error = refused(bystander).await;
    assert!(error.to_string().contains("role coordinator first"), "{error}");
    connect(known.clone()).await.close().await;

    let mut unknown = known.clone();
    unknown.auth = NatsAuth::None;
    let error = refused(unknown).await;
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("refused the credentials"), "{error}");

    servers.kill(0).await;
    let error = refused(known).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains(&servers.port(0).to_string()), "{error}");
    assert!(!error.to_string().contains(&password), "{error}");
}
