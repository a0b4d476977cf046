//! Gathers what is said to workers by node, in frames that fit.

use std::collections::BTreeMap;

use orkestra_runtime::{
    id::{AgentId, Epoch, NodeId, ShardId, TaskNo},
    limits::FRAME_BYTES_MAX,
    protocol::{
        agent::{Assignment, Locked, ToAgent},
        desk::{ToDesk, tagged},
        payload::Payload,
    },
};

/// How many bytes one frame carries, as they are estimated: far enough below what fits.
const BYTES_MAX: usize = FRAME_BYTES_MAX / 2;
/// What any word takes beside its texts.
const WORD_BYTES: usize = 256;

/// What is said in one moment, by node and in order.
#[derive(Debug)]
pub(crate) struct Tongue {
    shard: ShardId,
    words: BTreeMap<NodeId, Vec<Vec<(AgentId, ToAgent)>>>,
    bytes: BTreeMap<NodeId, usize>,
}

impl Tongue {
    pub(crate) const fn new(shard: ShardId) -> Self {
        Self { shard, words: BTreeMap::new(), bytes: BTreeMap::new() }
    }

    /// Says something to a worker on a node; tasks get the numbers that workers know.
    pub(crate) fn say(&mut self, node: &NodeId, agent: AgentId, word: ToAgent) {
        match word {
            // Many large ones at once are cut apart: each fits a frame by itself.
            ToAgent::Assign(assignments) => {
                for assignments in portions(assignments, bytes_of_one) {
                    self.push(node, agent.clone(), ToAgent::Assign(assignments));
                }
            }
            ToAgent::AssignLocked(batch) => {
                for batch in portions(batch, bytes_of_locked) {
                    self.push(node, agent.clone(), ToAgent::AssignLocked(batch));
                }
            }
            word @ (ToAgent::Cancel { .. }
            | ToAgent::Acknowledged(_)
            | ToAgent::Want { .. }
            | ToAgent::WhoIsThere) => {
                self.push(node, agent, word);
            }
        }
    }

    fn push(&mut self, node: &NodeId, agent: AgentId, word: ToAgent) {
        let more = bytes_of(&word);
        let frames = self.words.entry(node.clone()).or_insert_with(|| vec![Vec::new()]);
        let bytes = self.bytes.entry(node.clone()).or_insert(0);
        if *bytes + more > BYTES_MAX {
            frames.push(Vec::new());
            *bytes = 0;
        }
        *bytes += more;
        if let Some(frame) = frames.last_mut() {
            frame.push((agent, tag(self.shard, word)));
        }
    }

    /// All that was said, as it is sent.
    pub(crate) fn frames(self, epoch: Epoch) -> impl Iterator<Item = (NodeId, ToDesk)> {
        let shard = self.shard;
        self.words.into_iter().flat_map(move |(node, frames)| {
            let frames = frames.into_iter().filter(|words| !words.is_empty());
            frames.map(move |words| (node.clone(), ToDesk::Words { shard, epoch, words }))
        })
    }
}

/// The same with the numbers that workers know.
fn tag(shard: ShardId, word: ToAgent) -> ToAgent {
    let number = |task: TaskNo| tagged(shard, task);
    match word {
        ToAgent::Assign(mut assignments) => {
            for assignment in &mut assignments {
                assignment.task = number(assignment.task);
            }
            ToAgent::Assign(assignments)
        }
        ToAgent::AssignLocked(mut batch) => {
            for one in &mut batch {
                one.assignment.task = number(one.assignment.task);
            }
            ToAgent::AssignLocked(batch)
        }
        ToAgent::Cancel { task, attempt, reason } => {
            ToAgent::Cancel { task: number(task), attempt, reason }
        }
        ToAgent::Acknowledged(heard) => {
            let heard = heard.into_iter().map(|(task, attempt)| (number(task), attempt));
            ToAgent::Acknowledged(heard.collect())
        }
        word @ (ToAgent::WhoIsThere | ToAgent::Want { .. }) => word,
    }
}

fn portions<T>(batch: Vec<T>, bytes_of: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut portions = vec![Vec::new()];
    let mut bytes = 0;
    for one in batch {
        let more = bytes_of(&one);
        if bytes + more > BYTES_MAX {
            portions.push(Vec::new());
            bytes = 0;
        }
        bytes += more;
        if let Some(portion) = portions.last_mut() {
            portion.push(one);
        }
    }
    portions.retain(|portion| !portion.is_empty());
    portions
}

fn bytes_of(word: &ToAgent) -> usize {
    match word {
        ToAgent::Assign(assignments) => assignments.iter().map(bytes_of_one).sum(),
        ToAgent::AssignLocked(batch) => batch.iter().map(bytes_of_locked).sum(),
        ToAgent::Cancel { reason, .. } => WORD_BYTES + reason.len(),
        ToAgent::Acknowledged(heard) => WORD_BYTES + heard.len() * 16,
        ToAgent::WhoIsThere | ToAgent::Want { .. } => WORD_BYTES,
    }
}

fn bytes_of_one(assignment: &Assignment) -> usize {
    let results = assignment.results.iter().map(|(_, result)| bytes_of_payload(result));
    let texts = assignment.instructions.len() + assignment.title.len();
    2 * WORD_BYTES + texts + bytes_of_payload(&assignment.input) + results.sum::<usize>()
}

fn bytes_of_locked(locked: &Locked) -> usize {
    let locks = locked.locks.iter().map(|held| held.key.as_str().len() + 16);
    bytes_of_one(&locked.assignment) + locks.sum::<usize>()
}

fn bytes_of_payload(payload: &Payload) -> usize {
    match payload {
        Payload::Inline(json) => json.as_str().len(),
        Payload::Blob { .. } | Payload::Sensitive { .. } => WORD_BYTES,
    }
}
