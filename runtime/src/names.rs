//! What everything is called between nodes: every subject and every register's key is built here.
//!
//! The fabric puts the cluster's prefix before them. Whatever a user may choose (the name of a node,
//! of an agent, of a namespace) goes through [`token`], so that it can never become a level of its
//! own or a wildcard.

use std::fmt::Write as _;

use crate::{
    error::Result,
    fabric::{Key, Pattern, Subject},
    id::{AgentId, NodeId, ShardId},
};

/// Text as one token of a subject or a key: letters, digits and `-` as they are, any other byte as
/// `_` and two hexadecimal digits, and nothing as `_`. Two texts never become one token.
pub fn token(text: &str) -> String {
    if text.is_empty() {
        return "_".to_owned();
    }
    let mut token = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            token.push(char::from(byte));
        } else {
            // Writing to text cannot fail.
            let _ = write!(token, "_{byte:02x}");
        }
    }
    token
}

/// The text that became a token; none if no text does.
pub fn untoken(token: &str) -> Option<String> {
    if token == "_" {
        return Some(String::new());
    }
    let mut bytes = Vec::with_capacity(token.len());
    let mut rest = token.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first == b'_' {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = rest.get(2..)?;
        } else {
            bytes.push(first);
        }
    }
    let text = String::from_utf8(bytes).ok()?;
    (self::token(&text) == token).then_some(text)
}

/// Where a node says that it lives.
pub fn heartbeat(node: &NodeId) -> Result<Subject> {
    Subject::new(&format!("hb.{}", token(node.as_str())))
}

/// All heartbeats.
pub fn heartbeats() -> Result<Pattern> {
    Pattern::new("hb.*")
}

/// Where a node is told what its workers are to do.
pub fn node_work(node: &NodeId) -> Result<Subject> {
    Subject::new(&format!("node.{}.work", token(node.as_str())))
}

/// Where a node is asked about itself.
pub fn node_ask(node: &NodeId) -> Result<Subject> {
    Subject::new(&format!("node.{}.ask", token(node.as_str())))
}

/// Where the leader of a shard hears workers.
pub fn shard_heard(shard: ShardId) -> Result<Subject> {
    Subject::new(&format!("shard.{shard}.heard"))
}

/// Where the leader of a shard is asked.
pub fn shard_ask(shard: ShardId) -> Result<Subject> {
    Subject::new(&format!("shard.{shard}.ask"))
}

/// Where the leader of a shard tells which sessions have lost a lock.
pub fn shard_lost(shard: ShardId) -> Result<Subject> {
    Subject::new(&format!("shard.{shard}.lost"))
}

/// Where the leader of a shard asks all nodes who is there.
pub fn roll() -> Result<Subject> {
    Subject::new("agents.roll")
}

/// Where all nodes are asked at once.
pub fn nodes_ask() -> Result<Subject> {
    Subject::new("nodes.ask")
}

/// Where a node tells starts and ends as they happen.
pub fn supervision(node: &NodeId) -> Result<Subject> {
    Subject::new(&format!("sup.{}", token(node.as_str())))
}

/// All that nodes tell of starts and ends.
pub fn supervisions() -> Result<Pattern> {
    Pattern::new("sup.*")
}

/// Where an agent in another process speaks (`join`, `beat`, `say`) or is spoken to (`work`).
pub fn agent(agent: &AgentId, what: &str) -> Result<Subject> {
    Subject::new(&format!("agent.{}.{what}", token(agent.as_str())))
}

/// What all such agents say, of one kind.
pub fn agents(what: &str) -> Result<Pattern> {
    Pattern::new(&format!("agent.*.{what}"))
}

/// Where an event is told to whoever listens.
pub fn event(namespace: &str, kind: &str) -> Result<Subject> {
    Subject::new(&format!("evt.{}.{}", token(namespace), token(kind)))
}

/// A public request, such as `task.submit`.
pub fn public(noun: &str, verb: &str) -> Result<Subject> {
    Subject::new(&format!("{noun}.{verb}"))
}

/// The register of a cluster's own settings.
pub fn cluster_key() -> Result<Key> {
    Key::new("cluster")
}

/// The register that counts the starts of nodes and hostings of agents, in the whole cluster.
pub fn lives_key() -> Result<Key> {
    Key::new("lives")
}

/// The register that says who leads a shard.
pub fn leader_key(shard: ShardId) -> Result<Key> {
    Key::new(&format!("shard.{shard}.leader"))
}

/// The register that says who shall lead a shard, by order of a person.
pub fn pin_key(shard: ShardId) -> Result<Key> {
    Key::new(&format!("pin.{shard}"))
}

/// Where all such registers are.
pub fn pins_key() -> Result<Key> {
    Key::new("pin")
}

/// The shard that such a register is about.
pub fn pinned_shard(key: &Key) -> Option<ShardId> {
    key.as_str().strip_prefix("pin.")?.parse().ok().map(ShardId)
}

/// The register of what is known of a node while it is away as well.
pub fn node_key(node: &NodeId) -> Result<Key> {
    Key::new(&format!("node.{}", token(node.as_str())))
}

/// Where all nodes' registers are.
pub fn nodes_key() -> Result<Key> {
    Key::new("node")
}

/// The register that names the agents that the cluster hosts.
pub fn hosted_key() -> Result<Key> {
    Key::new("hosted")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_is_one_token_and_comes_back_from_it() {
        for text in ["", "plain-1", "a.b", "a_b", "*", ">", "a b", "Grüße", "x/y:z@w"] {
            let token = token(text);
            assert!(Subject::new(&format!("agent.{token}.work")).is_ok(), "{token}");
            assert_eq!(untoken(&token).as_deref(), Some(text), "{token}");
        }
        assert_eq!(token("lint:rust"), "lint_3arust");
        assert_eq!(untoken("_zz"), None);
        assert_eq!(untoken("a_"), None);
        assert_eq!(untoken("_61"), None, "a letter is spelled as it is");
    }

    #[test]
    fn what_a_user_chooses_never_becomes_a_level() {
        let node = NodeId::new("rack.1/a").unwrap();
        assert_eq!(heartbeat(&node).unwrap().as_str(), "hb.rack_2e1_2fa");
        assert!(heartbeats().unwrap().matches(&heartbeat(&node).unwrap()));
        assert_eq!(event("", "task.completed").unwrap().as_str(), "evt._.task_2ecompleted");
    }
}
