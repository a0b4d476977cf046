//! What a node tells whoever started it: to a person where it is, what it leads and who else is
//! there, as that changes; to a program each line of its supervision log as well.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use orkestra_runtime::{
    Result,
    fabric::nats::Connection,
    id::{NodeId, ShardId},
    supervise::log::Record,
};
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;

use crate::{
    cli::supervision::{is_of_interest, painted},
    node::{Node, NodeRecord},
    output::{Console, Format},
};

/// How wide the names of children are.
const WHO_WIDTH: usize = 28;

/// What was told.
#[derive(Debug)]
pub(super) struct Tells {
    node: NodeId,
    /// Whether each line of the supervision log is written as JSON.
    is_for_programs: bool,
    leads: Vec<ShardId>,
    /// What was seen once, but may be a state in between.
    seen: Vec<ShardId>,
    members: BTreeMap<NodeId, &'static str>,
}

impl Tells {
    /// Tells that a node is up.
    pub(super) fn of(node: &Node, data_dir: &Path, console: &mut Console) -> Result<Self> {
        let is_for_programs =
            console.format() == Format::Ndjson || !console.surroundings().data_is_terminal;
        let name = node.name().clone();
        console.say(format!(
            "node {name} is up, life {}; its supervision log and its agents' folders are in {}",
            node.boot(),
            data_dir.display()
        ))?;
        if is_for_programs {
            let (life, pid) = (node.boot(), std::process::id());
            console.line(&json!({"event": "up", "node": name, "life": life, "pid": pid}))?;
        }
        let (leads, seen, members) = Default::default();
        Ok(Self { node: name, is_for_programs, leads, seen, members })
    }

    /// Tells what it leads, once that has settled: shards come and go in numbers.
    pub(super) fn leads(&mut self, node: &Node, console: &mut Console) -> Result<()> {
        let all = node.shards().iter();
        let leads: Vec<ShardId> =
            all.filter(|shard| shard.is_led_here()).map(|shard| shard.shard).collect();
        let has_settled = leads == self.seen;
        self.seen.clone_from(&leads);
        if !has_settled || leads == self.leads {
            return Ok(());
        }
        let of = node.shards().len();
        console.say(match &leads[..] {
            [] => "leads no shard now".to_owned(),
            [one] => format!("leads shard {one} of {of}"),
            all => format!("leads {} of {of} shards: {}", all.len(), ranges(all)),
        })?;
        if self.is_for_programs {
            console.line(&json!({"event": "leads", "node": self.node, "shards": leads}))?;
        }
        self.leads = leads;
        Ok(())
    }

    /// Tells who came and who went.
    pub(super) fn members(&mut self, node: &Node, console: &mut Console) -> Result<()> {
        let members = node.members();
        for member in members.iter().filter(|member| member.beat.node != self.node) {
            let (name, word) = (&member.beat.node, member.word());
            if self.members.insert(name.clone(), word) == Some(word) {
                continue;
            }
            let does =
                if member.is_up() { format!(" ({})", member.roles()) } else { String::new() };
            let is = if word == "left" { "has" } else { "is" };
            console.say(format!("node {name} {is} {word}{does}"))?;
            if self.is_for_programs {
                console.line(&json!({
                    "event": "member", "node": self.node, "member": name, "state": word,
                }))?;
            }
        }
        Ok(())
    }

    /// Tells that the connection was lost, or is there again.
    pub(super) fn connection(&self, now: &Connection, console: &mut Console) -> Result<()> {
        match now {
            Connection::Connected { reconnects, .. } => {
                console.say(format!("connected to NATS again (for the {reconnects}. time)"))?;
            }
            Connection::Disconnected { .. } => console.warn(
                "the connection to NATS is lost and is sought: agents go on with what they have",
            )?,
        }
        if self.is_for_programs {
            let is = now.is_connected();
            console.line(&json!({"event": "connection", "node": self.node, "connected": is}))?;
        }
        Ok(())
    }

    /// Tells a line of the supervision log.
    pub(super) fn record(
        &self,
        record: Result<Arc<Record>, RecvError>,
        console: &mut Console,
    ) -> Result<()> {
        // Lines that were missed stand in the file.
        let Ok(record) = record else { return Ok(()) };
        if self.is_for_programs {
            let told = NodeRecord { node: self.node.clone(), record: (*record).clone() };
            let mut line = serde_json::to_value(&told).unwrap_or_default();
            if let Some(line) = line.as_object_mut() {
                line.insert("event".to_owned(), "supervision".into());
            }
            return console.line(&line);
        }
        if is_of_interest(record.what) {
            return console.say(painted(&record, WHO_WIDTH, console.surroundings().colours_talk()));
        }
        Ok(())
    }
}

/// Numbers, with a dash where several follow each other: `0-3, 7`.
fn ranges(shards: &[ShardId]) -> String {
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for ShardId(shard) in shards {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*shard) => *last = *shard,
            _ => ranges.push((*shard, *shard)),
        }
    }
    let shown = ranges.into_iter().map(|(first, last)| match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first}-{last}"),
    });
    shown.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_that_follow_each_other_are_told_as_a_range() {
        let shown = |shards: &[u16]| {
            ranges(&shards.iter().map(|shard| ShardId(*shard)).collect::<Vec<_>>())
        };
        assert_eq!(shown(&[0, 1, 2, 3, 7, 9, 10]), "0-3, 7, 9, 10");
        assert_eq!(shown(&[5]), "5");
        assert_eq!(shown(&[]), "");
    }
}
