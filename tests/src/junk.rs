//! What nobody should send, for every subject that the system listens to.
//!
//! [`listened`] is the table of subjects; a test that starts a system throws junk at each of them
//! and sees that it is refused, counted, and harms nobody.

#![expect(clippy::unwrap_used, reason = "what cannot be set up ends the test")]

use async_nats::{Client, HeaderMap};
use bytes::Bytes;
use orkestra_runtime::{
    chance::Chance,
    id::{AgentId, NodeId, ShardId},
    names,
};

/// The most that a server takes by default in one message.
const LARGEST: usize = 1024 * 1024;
/// How many frames of chance are thrown at each subject.
const RANDOM: u64 = 24;

/// The public requests.
pub const REQUESTS: [(&str, &[&str]); 3] = [
    ("task", &["submit", "cancel", "get", "list", "retry", "why"]),
    ("run", &["submit", "cancel", "get", "list"]),
    ("evt", &["read"]),
];

/// Every subject below a cluster's prefix to which somebody listens, for a node, an agent and a
/// shard that are there.
pub fn listened(node: &NodeId, agent: &AgentId, shard: ShardId) -> Vec<String> {
    let mut subjects = vec![
        names::heartbeat(node),
        names::node_work(node),
        names::node_ask(node),
        names::nodes_ask(),
        names::roll(),
        names::shard_heard(shard),
        names::shard_ask(shard),
        names::supervision(node),
    ];
    subjects.extend(["join", "beat", "say", "work"].map(|what| names::agent(agent, what)));
    for (noun, verbs) in REQUESTS {
        subjects.extend(verbs.iter().map(|verb| names::public(noun, verb)));
    }
    subjects.into_iter().map(|subject| subject.unwrap().as_str().to_owned()).collect()
}

/// Where the services of nodes are asked who they are.
pub fn outside() -> [String; 3] {
    ["PING", "INFO", "STATS"].map(|verb| format!("$SRV.{verb}"))
}

/// Frames and texts that nobody should be able to read, each with what it is. The same seed gives
/// the same.
pub fn junk(seed: u64) -> Vec<(&'static str, Bytes)> {
    let head = |name: &str, version: u16| {
        let mut bytes = (name.len() as u64).to_le_bytes().to_vec();
        bytes.extend(name.as_bytes());
        bytes.extend(version.to_le_bytes());
        bytes
    };
    let mut all: Vec<(&'static str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("one byte", vec![0]),
        ("all ones", vec![0xff; 64]),
        ("a head cut off", head("shard.ask", 1)[..5].to_vec()),
        ("a head without a body", head("shard.ask", 1)),
        ("an old version", head("agent.from", 0)),
        ("a version to come", head("agent.from", u16::MAX)),
        ("another kind", head("nobody.knows", 1)),
        ("a name longer than all", u64::MAX.to_le_bytes().to_vec()),
        ("as large as can be", vec![b'x'; LARGEST]),
        ("text", b"hello".to_vec()),
        ("text that is no UTF-8", vec![b'"', 0xc3, 0x28, b'"']),
        ("an object cut off", b"{\"name\": \"a".to_vec()),
        ("an array for an object", b"[1, 2, 3]".to_vec()),
        ("numbers too large", b"{\"version\": 1e999, \"limit\": -1}".to_vec()),
        ("null for everything", b"{\"name\": null, \"input\": null, \"id\": null}".to_vec()),
        ("too deep", [vec![b'['; 100_000], vec![b']'; 100_000]].concat()),
        ("a key twice", b"{\"name\": \"a\", \"name\": \"b\"}".to_vec()),
    ];
    // A body whose length is not to be believed.
    let mut boast = head("agent.to", 2);
    boast.extend([0xfd; 9]);
    all.push(("a length that is a lie", boast));
    let mut chance = Chance::from_seed(seed);
    for _ in 0..RANDOM {
        let length = usize::try_from(chance.below(600)).unwrap();
        let bytes = (0..length).map(|_| chance.draw().to_le_bytes()[0]).collect();
        all.push(("chance", bytes));
    }
    all.into_iter().map(|(what, bytes)| (what, Bytes::from(bytes))).collect()
}

/// Throws all junk at a subject, with and without a wish for an answer, and with headers that
/// claim what they cannot know. Tells how many messages it was.
pub async fn throw_junk(client: &Client, subject: &str) -> usize {
    let mut thrown = 0;
    for (_, body) in junk(7) {
        client.publish(subject.to_owned(), body.clone()).await.unwrap();
        let inbox = client.new_inbox();
        client.publish_with_reply(subject.to_owned(), inbox, body.clone()).await.unwrap();
        thrown += 2;
        // The headers come on top of what a server takes.
        if body.len() < LARGEST / 2 {
            let mut headers = HeaderMap::new();
            for name in ["Nats-Msg-Id", "Ork-Kind", "Ork-Version", "Ork-Deadline", "traceparent"] {
                headers.insert(name, "99999999999999999999999");
            }
            client.publish_with_headers(subject.to_owned(), headers, body).await.unwrap();
            thrown += 1;
        }
    }
    // All of it is with the server when this returns.
    let inbox = client.new_inbox();
    let mut own = client.subscribe(inbox.clone()).await.unwrap();
    client.publish(inbox, Bytes::new()).await.unwrap();
    futures::StreamExt::next(&mut own).await.unwrap();
    thrown
}
