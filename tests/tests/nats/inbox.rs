//! Messages of others that wait until they are settled, on real servers.

use std::{sync::Arc, time::Duration};

use orkestra_runtime::{
    ErrorKind,
    fabric::{Fabric as _, Inbox, InboxSpec, Inboxes, Letter, Pattern, StreamSpec, nats::Nats},
};
use orkestra_tests::nats::Servers;

use super::stage::{connect, fabric, settings, stranger, within};

fn all(subjects: &str) -> Pattern {
    Pattern::outside(subjects).unwrap()
}

fn stream() -> StreamSpec {
    StreamSpec {
        name: "PLANS".to_owned(),
        subjects: vec![all("plans.>")],
        keep_for: Duration::from_hours(1),
        keep_count: 100,
    }
}

fn spec() -> InboxSpec {
    InboxSpec {
        stream: "PLANS".to_owned(),
        name: "reader".to_owned(),
        subject: all("plans.approved"),
        settle_within: Duration::from_secs(30),
    }
}

fn inboxes(fabric: &Nats) -> Arc<dyn Inboxes> {
    fabric.inboxes().expect("NATS has inboxes")
}

async fn opened(fabric: &Nats) -> Arc<dyn Inbox> {
    inboxes(fabric).stream(&stream()).await.unwrap();
    inboxes(fabric).inbox(&spec()).await.unwrap()
}

/// The next letter, however long servers take.
async fn letter(inbox: &dyn Inbox) -> Letter {
    let next = async {
        loop {
            if let Ok(Some(letter)) = inbox.next(Duration::from_secs(1)).await {
                return letter;
            }
        }
    };
    within(next).await
}

async fn nothing(inbox: &dyn Inbox) {
    let next = inbox.next(Duration::from_millis(200)).await.unwrap();
    assert!(next.is_none(), "{next:?}");
}

#[tokio::test]
async fn a_letter_waits_for_its_reader_and_comes_until_it_is_done() {
    let servers = Servers::one().await;
    let ours = fabric(&servers).await;
    assert!(inboxes(&ours).stream(&stream()).await.unwrap());
    assert!(!inboxes(&ours).stream(&stream()).await.unwrap());
    inboxes(&ours).send("plans.approved", "m-1", "one".into()).await.unwrap();
    inboxes(&ours).send("plans.other", "m-2", "another".into()).await.unwrap();
    let inbox = opened(&ours).await;
    let first = letter(&*inbox).await;
    assert_eq!((&*first.subject, &first.body[..]), ("plans.approved", &b"one"[..]));
    assert_eq!((first.id.as_deref(), first.sequence, first.deliveries), (Some("m-1"), 1, 1));
    first.again(Duration::from_millis(1)).await.unwrap();
    let second = letter(&*inbox).await;
    assert_eq!((second.sequence, second.deliveries), (1, 2));
    second.working().await.unwrap();
    second.done().await.unwrap();
    nothing(&*inbox).await;
    ours.close().await;
}

#[tokio::test]
async fn what_is_never_to_come_again_does_not() {
    let servers = Servers::one().await;
    let ours = fabric(&servers).await;
    let inbox = opened(&ours).await;
    inboxes(&ours).send("plans.approved", "m-1", "junk".into()).await.unwrap();
    letter(&*inbox).await.never("it is no JSON object\nat all").await.unwrap();
    nothing(&*inbox).await;
    ours.close().await;
}

#[tokio::test]
async fn what_one_reader_left_unsettled_comes_to_another_of_the_same_name() {
    let servers = Servers::one().await;
    let ours = fabric(&servers).await;
    inboxes(&ours).stream(&stream()).await.unwrap();
    let hasty = InboxSpec { settle_within: Duration::from_millis(300), ..spec() };
    let inbox = inboxes(&ours).inbox(&hasty).await.unwrap();
    inboxes(&ours).send("plans.approved", "m-1", "one".into()).await.unwrap();
    let first = letter(&*inbox).await;
    drop((first, inbox));
    ours.close().await;
    let other = fabric(&servers).await;
    let inbox = inboxes(&other).inbox(&hasty).await.unwrap();
    let again = letter(&*inbox).await;
    assert_eq!((&again.body[..], again.deliveries), (&b"one"[..], 2));
    again.done().await.unwrap();
    other.close().await;
}

#[tokio::test]
async fn the_same_id_soon_after_is_kept_once() {
    let servers = Servers::one().await;
    let ours = fabric(&servers).await;
    let inbox = opened(&ours).await;
    for _ in 0..3 {
        inboxes(&ours).send("plans.approved", "m-1", "one".into()).await.unwrap();
    }
    letter(&*inbox).await.done().await.unwrap();
    nothing(&*inbox).await;
    let nobody = inboxes(&ours).send("nobody.keeps.this", "m-1", "one".into()).await.unwrap_err();
    assert_eq!(nobody.kind(), ErrorKind::Unavailable);
    ours.close().await;
}

#[tokio::test]
async fn what_was_made_by_others_is_left_as_it_is_or_refused() {
    let servers = Servers::one().await;
    let context = async_nats::jetstream::new(stranger(&servers).await);
    let theirs = async_nats::jetstream::stream::Config {
        name: "PLANS".to_owned(),
        subjects: vec!["plans.>".to_owned()],
        max_messages: 7,
        ..Default::default()
    };
    context.create_stream(theirs).await.unwrap();
    let ours = fabric(&servers).await;
    assert!(!inboxes(&ours).stream(&stream()).await.unwrap());
    let kept = context.get_stream("PLANS").await.unwrap();
    assert_eq!(kept.cached_info().config.max_messages, 7);
    let other = StreamSpec { subjects: vec![all("designs.>")], ..stream() };
    let told = inboxes(&ours).stream(&other).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Invalid);
    assert!(told.to_string().contains("does not keep designs.>"), "{told}");
    opened(&ours).await;
    let other = InboxSpec { subject: all("plans.rejected"), ..spec() };
    let told = inboxes(&ours).inbox(&other).await.unwrap_err();
    assert!(told.to_string().contains("is no pull consumer of plans.rejected"), "{told}");
    for name in ["", "a.b", "a b", ">"] {
        let odd = InboxSpec { name: name.to_owned(), ..spec() };
        assert_eq!(inboxes(&ours).inbox(&odd).await.unwrap_err().kind(), ErrorKind::Invalid);
    }
    ours.close().await;
}

#[tokio::test]
async fn an_inbox_goes_on_where_it_was_when_the_server_comes_back() {
    let mut servers = Servers::one().await;
    let ours = connect(settings(&servers)).await;
    let inbox = opened(&ours).await;
    for number in 1..=2 {
        let id = format!("m-{number}");
        inboxes(&ours).send("plans.approved", &id, id.clone().into()).await.unwrap();
    }
    letter(&*inbox).await.done().await.unwrap();
    servers.kill(0).await;
    servers.start(0).await;
    let second = letter(&*inbox).await;
    assert_eq!(&second.body[..], b"m-2");
    within(async { while second.done().await.is_err() {} }).await;
    let again = inbox.next(Duration::from_millis(200)).await;
    assert!(matches!(again, Ok(None)), "{again:?}");
    ours.close().await;
}
