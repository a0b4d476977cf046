//! The server configuration that the project ships, on a real server: what each role must be able
//! to do, and what nobody else can, whatever is tried.

use std::time::Duration;

use async_nats::{
    ConnectOptions, HeaderMap,
    jetstream::{self, Context, consumer::pull, stream},
};
use futures::StreamExt as _;
use orkestra_coordinator::access::{Account, Role};
use orkestra_tests::nats::guarded::{Guarded, Guest};

const JOURNAL: &str = "ork.v1.main.journal.shard-0";
const LEASE: &str = "$KV.ORK_STATE_main.shard.0.leader";
const PATIENCE: Duration = Duration::from_secs(20);

/// What a coordinator has stored before others come: a record and a lease.
struct Stored {
    context: Context,
    guest: Guest,
}

impl Stored {
    async fn begin(guarded: &Guarded) -> Self {
        let guest = guarded.enter("coordinator-store").await;
        let context = jetstream::new(guest.client.clone());
        for (name, subject) in [
            ("ORK_JOURNAL_main_shard-0", JOURNAL),
            ("KV_ORK_STATE_main", "$KV.ORK_STATE_main.>"),
            ("ORK_BLOBS_main", "ork.v1.main.blob.>"),
        ] {
            let config = stream::Config {
                name: name.to_owned(),
                subjects: vec![subject.to_owned()],
                allow_direct: true,
                deny_delete: true,
                ..Default::default()
            };
            context.create_stream(config).await.unwrap();
        }
        for subject in [JOURNAL, LEASE] {
            context.publish(subject, "true".into()).await.unwrap().await.unwrap();
        }
        Self { context, guest }
    }

    /// What is stored under a subject, in order.
    async fn under(&self, name: &str, subject: &str) -> Vec<String> {
        let stream = self.context.get_stream(name).await.unwrap();
        let mut texts = Vec::new();
        for sequence in 1..=stream.cached_info().state.last_sequence {
            let message = stream.direct_get(sequence).await.unwrap();
            if message.subject.as_str() == subject {
                texts.push(String::from_utf8(message.payload.to_vec()).unwrap());
            }
        }
        texts
    }

    async fn is_untouched(&self) {
        assert_eq!(self.under("ORK_JOURNAL_main_shard-0", JOURNAL).await, ["true"]);
        assert_eq!(self.under("KV_ORK_STATE_main", LEASE).await, ["true"]);
    }
}

/// Waits until the server has done all that was sent: it refuses one thing more.
async fn settle(guest: &mut Guest) {
    guest.client.publish("for.nobody", "".into()).await.unwrap();
    while !guest.refusal().await.to_lowercase().contains("\"for.nobody\"") {}
}

/// The store as it is opened to those who are not its users.
fn opened(guest: &Guest) -> Context {
    jetstream::with_prefix(guest.client.clone(), "ork.v1.main.store")
}

/// The same, for what is going to be refused: the server does not answer, and is not waited for long.
fn hasty(context: &Context) -> Context {
    let mut hasty = context.clone();
    hasty.set_timeout(Duration::from_millis(500));
    hasty
}

async fn next(subscriber: &mut async_nats::Subscriber) -> async_nats::Message {
    tokio::time::timeout(PATIENCE, subscriber.next()).await.expect("a message in time").unwrap()
}

#[tokio::test]
async fn a_coordinator_appends_fences_leases_watches_and_reads() {
    let guarded = Guarded::start().await;
    let stored = Stored::begin(&guarded).await;
    let append = |expected: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Expected-Last-Sequence", expected);
        stored.context.publish_with_headers(JOURNAL, headers, "more".into())
    };
    append("1").await.unwrap().await.unwrap();
    let late = append("1").await.unwrap().await.unwrap_err();
    assert!(late.to_string().contains("wrong last sequence"), "{late}");

    let state = stored.context.get_stream("KV_ORK_STATE_main").await.unwrap();
    let config = pull::OrderedConfig { ..Default::default() };
    let consumer = state.create_consumer(config).await.unwrap();
    let mut changes = consumer.messages().await.unwrap();
    let first = tokio::time::timeout(PATIENCE, changes.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(first.subject.as_str(), LEASE);

    let name = "ORK_JOURNAL_main_shard-0";
    stored.context.get_stream(name).await.unwrap().purge().sequence(2).await.unwrap();
    let hasty = hasty(&stored.context);
    let journal = hasty.get_stream_no_info(name).await.unwrap();
    assert!(journal.delete_message(2).await.is_err());
    assert!(hasty.delete_stream(name).await.is_err());
    assert_eq!(stored.context.get_stream(name).await.unwrap().cached_info().state.messages, 1);
}

#[tokio::test]
async fn nobody_else_writes_a_journal_or_a_lease() {
    let guarded = Guarded::start().await;
    let stored = Stored::begin(&guarded).await;
    for user in guarded.plan.users() {
        if user.role.account() == Account::Store || user.name == "coordinator" {
            continue;
        }
        let mut guest = guarded.enter(&user.name).await;
        for subject in [JOURNAL, LEASE, "$JS.API.STREAM.DELETE.ORK_JOURNAL_main_shard-0"] {
            guest.client.publish(subject, "forged".into()).await.unwrap();
            let told = guest.refusal().await.to_lowercase();
            assert!(told.contains("permissions violation for publish"), "{}: {told}", user.name);
        }
    }
    stored.is_untouched().await;
}

#[tokio::test]
async fn whoever_does_not_run_the_cluster_takes_no_lock_from_anybody() {
    let guarded = Guarded::start().await;
    let mut leader = guarded.enter("coordinator").await;
    let mut thefts = leader.client.subscribe("ork.v1.main.lock.steal").await.unwrap();
    settle(&mut leader).await;
    for user in guarded.plan.users() {
        if user.role.account() == Account::Store {
            continue;
        }
        let mut guest = guarded.enter(&user.name).await;
        guest.client.publish("ork.v1.main.lock.steal", user.name.clone().into()).await.unwrap();
        if matches!(user.role, Role::Coordinator | Role::Operator) {
            assert_eq!(next(&mut thefts).await.payload, user.name);
        } else {
            let told = guest.refusal().await.to_lowercase();
            let refused = "permissions violation for publish to \"ork.v1.main.lock.steal\"";
            assert!(told.contains(refused), "{}: {told}", user.name);
        }
    }
    // What was refused never came: this is the next that does.
    leader.client.publish("ork.v1.main.lock.steal", "the last".into()).await.unwrap();
    assert_eq!(next(&mut thefts).await.payload, "the last");

    // What a client may do with locks it may do still.
    let mut asked = leader.client.subscribe("ork.v1.main.lock.acquire").await.unwrap();
    settle(&mut leader).await;
    let client = guarded.enter("client").await;
    client.client.publish("ork.v1.main.lock.acquire", "{}".into()).await.unwrap();
    assert_eq!(next(&mut asked).await.payload, "{}");
}

#[tokio::test]
async fn nobody_has_an_answer_written_where_only_coordinators_write() {
    let guarded = Guarded::start().await;
    let stored = Stored::begin(&guarded).await;
    // Chosen bytes that could be read back into a journal.
    let mut wares = guarded.enter("agents").await;
    wares.client.publish("ork.v1.main.blob.x.0", "forged".into()).await.unwrap();
    settle(&mut wares).await;
    for user in guarded.plan.users() {
        if user.role.account() == Account::Store {
            continue;
        }
        let mut guest = guarded.enter(&user.name).await;
        for pattern in &user.grant.publish {
            let subject = pattern.replace('*', "x").replace('>', "ork.v1.main.blob.x.0");
            for reply in [JOURNAL, LEASE] {
                for body in ["", "{\"seq\":1}"] {
                    let client = &guest.client;
                    client
                        .publish_with_reply(subject.clone(), reply.to_owned(), body.into())
                        .await
                        .unwrap();
                }
            }
        }
        settle(&mut guest).await;
    }
    let context = opened(&wares);
    let blobs = context.get_stream_no_info("ORK_BLOBS_main").await.unwrap();
    let part = blobs.direct_get_last_for_subject("ork.v1.main.blob.x.0").await.unwrap();
    assert!(!part.payload.is_empty());
    stored.is_untouched().await;

    // The same by a user of the store does write there: it is the accounts that keep others out.
    let ask = "$JS.API.DIRECT.GET.ORK_BLOBS_main";
    let client = &stored.guest.client;
    client.publish_with_reply(ask, JOURNAL, "{\"seq\":1}".into()).await.unwrap();
    let mut records = Vec::new();
    while records.len() < 2 {
        records = stored.under("ORK_JOURNAL_main_shard-0", JOURNAL).await;
    }
    assert_eq!(records, ["true", "forged"]);
}

#[tokio::test]
async fn a_node_with_workers_keeps_and_reads_blobs_and_its_own_registers() {
    let guarded = Guarded::start().await;
    let stored = Stored::begin(&guarded).await;
    let guest = guarded.enter("agents").await;
    let context = opened(&guest);
    let acknowledged = context.publish("ork.v1.main.blob.b.0", "blob".into()).await.unwrap();
    acknowledged.await.unwrap();
    let blobs = context.get_stream_no_info("ORK_BLOBS_main").await.unwrap();
    let part = blobs.direct_get_last_for_subject("ork.v1.main.blob.b.0").await.unwrap();
    assert_eq!(part.payload, "blob");
    for register in ["node.x", "lives"] {
        let subject = format!("$KV.ORK_STATE_main.{register}");
        context.publish(subject.clone(), "1".into()).await.unwrap().await.unwrap();
        let state = context.get_stream_no_info("KV_ORK_STATE_main").await.unwrap();
        assert_eq!(state.direct_get_last_for_subject(subject).await.unwrap().payload, "1");
    }
    let lease = context.get_stream_no_info("KV_ORK_STATE_main").await.unwrap();
    assert_eq!(lease.direct_get_last_for_subject(LEASE).await.unwrap().payload, "true");
    // A consumer could be made to deliver anywhere in the store.
    let blobs = hasty(&context).get_stream_no_info("ORK_BLOBS_main").await.unwrap();
    assert!(blobs.create_consumer(pull::Config::default()).await.is_err());
    stored.is_untouched().await;
}

#[tokio::test]
async fn a_node_with_workers_is_asked_by_coordinators_and_speaks_to_them() {
    let guarded = Guarded::start().await;
    let mut leader = guarded.enter("coordinator").await;
    let mut node = guarded.enter("agents").await;
    let mut asked = node.client.subscribe("ork.v1.main.node.n1.ask").await.unwrap();
    settle(&mut node).await;
    let question = leader.client.request("ork.v1.main.node.n1.ask", "who".into());
    let answer = async {
        let message = next(&mut asked).await;
        node.client.publish(message.reply.unwrap(), "me".into()).await.unwrap();
    };
    let (answered, ()) = tokio::join!(question, answer);
    assert_eq!(answered.unwrap().payload, "me");

    let mut heard = leader.client.subscribe("ork.v1.main.shard.*.heard").await.unwrap();
    settle(&mut leader).await;
    node.client.publish("ork.v1.main.shard.0.heard", "done".into()).await.unwrap();
    assert_eq!(next(&mut heard).await.payload, "done");
}

#[tokio::test]
async fn an_agent_has_its_own_work_and_nobody_elses() {
    let guarded = Guarded::start().await;
    let node = guarded.enter("agents").await;
    let mut agent = guarded.enter("agent-example").await;
    let mut work = agent.client.subscribe("ork.v1.main.agent.example.work").await.unwrap();
    settle(&mut agent).await;
    node.client.publish("ork.v1.main.agent.example.work", "a task".into()).await.unwrap();
    assert_eq!(next(&mut work).await.payload, "a task");

    for subject in [
        "ork.v1.main.agent.other.work",
        "ork.v1.main.agent.*.work",
        "_INBOX.agent-other.>",
        "_INBOX.>",
        "ork.v1.main.>",
        ">",
    ] {
        let _refused = agent.client.subscribe(subject).await.unwrap();
        let told = agent.refusal().await.to_lowercase();
        assert!(told.contains("permissions violation for subscription"), "{subject}: {told}");
    }
    for subject in ["agent.other.say", "agent.example.work", "shard.0.heard", "node.n1.work"] {
        let subject = format!("ork.v1.main.{subject}");
        agent.client.publish(subject.clone(), "forged".into()).await.unwrap();
        let told = agent.refusal().await.to_lowercase();
        assert!(told.contains("permissions violation for publish"), "{subject}: {told}");
    }
}

#[tokio::test]
async fn a_client_asks_and_is_answered_and_cannot_speak_for_workers() {
    let guarded = Guarded::start().await;
    let mut leader = guarded.enter("coordinator").await;
    let mut client = guarded.enter("client").await;
    let mut submitted = leader.client.subscribe("ork.v1.main.task.*").await.unwrap();
    settle(&mut leader).await;
    let question = client.client.request("ork.v1.main.task.submit", "{}".into());
    let answer = async {
        let message = next(&mut submitted).await;
        assert!(message.reply.as_ref().unwrap().starts_with("_INBOX.client."));
        leader.client.publish(message.reply.unwrap(), "taken".into()).await.unwrap();
    };
    let (answered, ()) = tokio::join!(question, answer);
    assert_eq!(answered.unwrap().payload, "taken");
    for subject in ["shard.0.heard", "shard.0.ask", "node.n1.work", "agent.example.say", "hb.n1"] {
        client.client.publish(format!("ork.v1.main.{subject}"), "forged".into()).await.unwrap();
        let told = client.refusal().await.to_lowercase();
        assert!(told.contains("permissions violation for publish"), "{subject}: {told}");
    }
}

#[tokio::test]
async fn an_operator_reads_a_journal_and_cannot_change_it() {
    let guarded = Guarded::start().await;
    let stored = Stored::begin(&guarded).await;
    let guest = guarded.enter("operator").await;
    let context = opened(&guest);
    let journal = context.get_stream_no_info("ORK_JOURNAL_main_shard-0").await.unwrap();
    assert_eq!(journal.direct_get(1).await.unwrap().payload, "true");
    let journal = hasty(&context).get_stream_no_info("ORK_JOURNAL_main_shard-0").await.unwrap();
    assert!(journal.purge().await.is_err());
    stored.is_untouched().await;
}

#[tokio::test]
async fn who_is_not_who_he_says_is_not_let_in_and_told_why() {
    let guarded = Guarded::start().await;
    let login = |options: ConnectOptions, password: String| {
        options.user_and_password("client".to_owned(), password).connect(guarded.url())
    };
    login(guarded.options(), guarded.password("client")).await.unwrap();

    let told = login(guarded.options(), "guess".to_owned()).await.unwrap_err().to_string();
    assert!(told.contains("authorization violation"), "a wrong password: {told}");
    let told = guarded.options().connect(guarded.url()).await.unwrap_err().to_string();
    assert!(told.contains("authorization violation"), "nobody: {told}");

    let stranger = ConnectOptions::new()
        .require_tls(true)
        .add_root_certificates(guarded.path("stranger/ca.pem"))
        .add_client_certificate(guarded.path("tls/client.pem"), guarded.path("tls/client.key"));
    let told = login(stranger, guarded.password("client")).await.unwrap_err().to_string();
    assert!(told.contains("UnknownIssuer"), "an unknown authority: {told}");

    let bare =
        ConnectOptions::new().require_tls(true).add_root_certificates(guarded.path("tls/ca.pem"));
    let told = login(bare, guarded.password("client")).await.unwrap_err().to_string();
    assert!(told.to_lowercase().contains("certificate"), "no certificate: {told}");

    let forged = ConnectOptions::new()
        .require_tls(true)
        .add_root_certificates(guarded.path("tls/ca.pem"))
        .add_client_certificate(
            guarded.path("stranger/client.pem"),
            guarded.path("stranger/client.key"),
        );
    assert!(login(forged, guarded.password("client")).await.is_err(), "a stranger's certificate");
}
