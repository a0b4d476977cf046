//! The fabric under the roles of the shipped configuration: what a coordinator and a node with
//! workers do all day they can do, by their own logins, and junk on any subject harms nobody.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use orkestra_runtime::{
    fabric::{
        Fabric as _, Key, LogName, Message, Pattern, Sequence, SetError, Subject,
        nats::{Nats, NatsAuth, NatsSettings, NatsStore, NatsTls},
    },
    id::{AgentId, NodeId, ShardId},
    protocol::{agent::FromAgent, desk::FromDesk},
    wire,
};
use orkestra_tests::{
    junk::{listened, outside, throw_junk},
    nats::{Servers, guarded::Guarded},
};

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn settings(guarded: &Guarded, user: &str) -> NatsSettings {
    let auth =
        |user: &str| NatsAuth::Password { user: user.to_owned(), password: guarded.password(user) };
    let mut settings = NatsSettings::new(&guarded.url());
    settings.auth = auth(user);
    settings.inbox_prefix = guarded.user(user).inbox();
    settings.servers_sync = true;
    settings.store = match user {
        "coordinator" => NatsStore::Login {
            auth: auth("coordinator-store"),
            inbox_prefix: guarded.user("coordinator-store").inbox(),
        },
        _ => NatsStore::Opened,
    };
    settings.tls = NatsTls {
        required: true,
        ca: Some(guarded.path("tls/ca.pem")),
        cert: Some(guarded.path("tls/client.pem")),
        key: Some(guarded.path("tls/client.key")),
    };
    settings
}

async fn within<T>(waiting: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, waiting).await.unwrap()
}

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn subject(text: &str) -> Subject {
    Subject::new(text).unwrap()
}

#[tokio::test]
async fn a_coordinator_does_all_it_must_by_its_two_logins() {
    let guarded = Guarded::start().await;
    let fabric = Nats::connect(settings(&guarded, "coordinator")).await.unwrap();
    let (logs, log) = (fabric.logs(), LogName::new("shard-0").unwrap());
    for end in 0..3 {
        let record = Bytes::from(format!("record {end}"));
        assert_eq!(logs.append(&log, Sequence(end), record).await, Ok(Sequence(end + 1)));
    }
    assert!(logs.append(&log, Sequence(1), Bytes::from_static(b"late")).await.is_err());
    assert_eq!(logs.read(&log, Sequence(1), usize::MAX).await.unwrap().len(), 3);
    let mut followed = logs.follow(&log, Sequence(2));
    assert_eq!(within(followed.next()).await.unwrap().unwrap().record, "record 1");
    logs.trim(&log, Sequence(2)).await.unwrap();

    let registers = fabric.registers();
    let mut watched = registers.watch_under(&key("shard"));
    let leader = key("shard.0.leader");
    let first = registers.create(&leader, Bytes::from_static(b"a")).await.unwrap();
    let told = within(watched.next()).await.unwrap().unwrap();
    assert_eq!((told.0, told.1.unwrap().bytes), (leader.clone(), Bytes::from_static(b"a")));
    registers.compare_and_set(&leader, first, Bytes::from_static(b"b")).await.unwrap();
    let late = registers.compare_and_set(&leader, first, Bytes::from_static(b"c")).await;
    assert!(matches!(late, Err(SetError::Conflict(Some(_)))), "{late:?}");

    let large = Bytes::from(vec![7; 900_000]);
    let name = fabric.blobs().put(large.clone()).await.unwrap();
    assert_eq!(fabric.blobs().get(&name).await.unwrap(), Some(large));
    fabric.blobs().delete(&name).await.unwrap();
    assert_eq!(fabric.blobs().get(&name).await.unwrap(), None);
    fabric.close().await;
}

#[tokio::test]
async fn a_node_with_workers_does_all_it_must_and_no_more() {
    let guarded = Guarded::start().await;
    let leader = Nats::connect(settings(&guarded, "coordinator")).await.unwrap();
    let node = Nats::connect(settings(&guarded, "agents")).await.unwrap();

    // Blobs both ways.
    let name = node.blobs().put(Bytes::from(vec![1; 700_000])).await.unwrap();
    assert_eq!(leader.blobs().get(&name).await.unwrap().unwrap().len(), 700_000);
    let name = leader.blobs().put(Bytes::from_static(b"an input")).await.unwrap();
    assert_eq!(node.blobs().get(&name).await.unwrap().unwrap(), "an input");

    // Its own registers, and to see those of others change.
    let lives = node.registers().create(&key("lives"), Bytes::from_static(b"1")).await.unwrap();
    node.registers().compare_and_set(&key("lives"), lives, "2".into()).await.unwrap();
    node.registers().create(&key("node.n1"), Bytes::from_static(b"here")).await.unwrap();
    assert_eq!(leader.registers().get(&key("lives")).await.unwrap().unwrap().bytes, "2");
    let mut hosted = node.registers().watch(&key("hosted"));
    assert!(within(hosted.next()).await.unwrap().unwrap().is_none());
    leader.registers().create(&key("hosted"), Bytes::from_static(b"[]")).await.unwrap();
    assert_eq!(within(hosted.next()).await.unwrap().unwrap().unwrap().bytes, "[]");
    let stolen = node.registers().create(&key("shard.0.leader"), "me".into()).await;
    assert!(stolen.is_err(), "{stolen:?}");
    assert!(leader.registers().get(&key("shard.0.leader")).await.unwrap().is_none());
    let log = LogName::new("shard-0").unwrap();
    assert!(node.logs().append(&log, Sequence(0), "forged".into()).await.is_err());
    assert_eq!(leader.logs().end(&log).await.unwrap(), Sequence(0));

    // Words and questions both ways.
    let heard = Pattern::new("shard.*.heard").unwrap();
    let mut heard = leader.messages().subscribe(&heard, None, 16).await.unwrap();
    node.messages().publish(&subject("shard.0.heard"), "done".into()).await.unwrap();
    let word: Message = within(heard.next()).await.unwrap().unwrap();
    assert_eq!(word.body, "done");
    let asked = Pattern::new("node.n1.ask").unwrap();
    let mut asked = node.messages().subscribe(&asked, None, 16).await.unwrap();
    let messages = leader.messages();
    let question = messages.ask(&subject("node.n1.ask"), "who".into(), PATIENCE);
    let answer = async {
        let question = within(asked.next()).await.unwrap().unwrap();
        question.reply.unwrap().answer("n1".into());
    };
    let (answered, ()) = tokio::join!(question, answer);
    assert_eq!(answered.unwrap(), "n1");
    node.close().await;
    leader.close().await;
}

#[tokio::test]
async fn junk_on_any_subject_is_read_by_nobody_and_the_next_word_is_heard() {
    let servers = Servers::one().await;
    let fabric = Nats::connect(NatsSettings::new(&servers.url())).await.unwrap();
    let stranger = async_nats::connect(servers.url()).await.unwrap();
    let (node, agent) = (NodeId::new("n.1").unwrap(), AgentId::new("lint:rust").unwrap());
    let subjects = listened(&node, &agent, ShardId(3));
    assert!(subjects.contains(&"node.n_2e1.work".to_owned()), "{subjects:?}");
    assert!(subjects.contains(&"agent.lint_3arust.say".to_owned()), "{subjects:?}");
    for name in &subjects {
        let pattern = Pattern::new(name).unwrap();
        let mut heard = fabric.messages().subscribe(&pattern, None, 1_024).await.unwrap();
        let thrown = throw_junk(&stranger, &format!("ork.v1.main.{name}")).await;
        assert!(thrown > 100);
        fabric.messages().publish(&subject(name), "sound".into()).await.unwrap();
        let (mut read, mut passed) = (0, 0);
        loop {
            let message = within(heard.next()).await.unwrap().unwrap();
            if message.body == "sound" {
                break;
            }
            passed += 1;
            let is_read = wire::decode::<FromDesk>(&message.body).is_ok()
                || wire::decode::<FromAgent>(&message.body).is_ok();
            read += usize::from(is_read);
        }
        assert_eq!(read, 0, "{name}");
        assert!(passed <= thrown, "{name}");
    }
    assert_eq!(outside()[0], "$SRV.PING");
    fabric.close().await;
}
