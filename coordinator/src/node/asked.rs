//! Answers what a node is asked about itself: one listener for its own name, and one for all nodes.

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc};

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{self, Fabric, Message, Pattern, SetError, Subject},
    id::{NodeId, ShardId},
    names,
    presence::{Members, Presence},
    protocol::node::{NodeBeat, Staying},
    supervise::{ChildSpec, log::Reader},
};
use serde_json::Value;
use tokio::sync::watch;

use super::{
    NodeSpec, Reached, drained,
    hosting::Offers,
    telling::{NodeRecord, Telling},
    tree,
    words::{MemberView, NodeAnswer, NodeAsk, NodeView, ShardView},
};
use crate::{refused::Refused, system::Care};

/// The file of a node's folder that holds its supervision log.
pub(crate) const SUPERVISION_LOG: &str = "supervision.jsonl";
/// How many questions may wait.
const WAITING_MAX: usize = 256;
/// The longest question, in bytes.
const QUESTION_BYTES_MAX: usize = 512 * 1024;
/// The longest answer, in bytes: it has to fit a message.
const ANSWER_BYTES_MAX: usize = 512 * 1024;
/// How many lines of the supervision log are answered at most.
const LINES_MAX: usize = 2_000;
/// How often a register is tried while others change it.
const TRIES_MAX: usize = 10;

/// What the doors of a node are made of.
pub(super) struct DoorParts {
    pub(super) beat: watch::Receiver<NodeBeat>,
    pub(super) shards: Arc<Vec<Reached>>,
    pub(super) presence: Presence,
    pub(super) draining: Arc<watch::Sender<bool>>,
    pub(super) refused: Refused,
}

/// The doors of a node at which it is asked about itself, and tells of itself.
pub(super) fn doors(spec: &NodeSpec, parts: DoorParts) -> Vec<ChildSpec> {
    let telling = Arc::new(Telling {
        node: spec.name.clone(),
        log: spec.log.clone(),
        messages: spec.fabric.messages(),
    });
    let asked = Arc::new(Asked {
        node: spec.name.clone(),
        folder: spec.folder.clone(),
        fabric: Arc::clone(&spec.fabric),
        offers: Offers::of(spec.fabric.as_ref()),
        is_coordinator: spec.roles.coordinator,
        parts,
    });
    let doors = [
        tree::again("telling", move || Arc::clone(&telling).run(), &spec.clock),
        tree::again("asked", move || Arc::clone(&asked).run(), &spec.clock),
    ];
    let patient = |door: ChildSpec| match Care::default().backoff {
        Some(backoff) => door.backoff(backoff),
        None => door,
    };
    doors.into_iter().map(patient).collect()
}

struct Asked {
    node: NodeId,
    folder: PathBuf,
    fabric: Arc<dyn Fabric>,
    offers: Offers,
    is_coordinator: bool,
    parts: DoorParts,
}

impl Asked {
    /// Runs until it is dropped.
    async fn run(self: Arc<Self>) -> Result<()> {
        let (own, all) = (names::node_ask(&self.node)?, names::nodes_ask()?);
        let messages = self.fabric.messages();
        let listen = |subject: &Subject| {
            let pattern = Pattern::new(subject.as_str());
            let messages = &messages;
            async move { fabric::listen(messages, &pattern?, None, WAITING_MAX).await }
        };
        let mut questions = stream::select(listen(&own).await?, listen(&all).await?);
        while let Some(question) = questions.next().await {
            // Questions that were lost are asked again by whoever waits.
            let Ok(question) = question else { continue };
            let is_for_all = question.subject == all;
            self.answer(question, is_for_all).await;
        }
        Err(Error::new(ErrorKind::Unavailable, "nothing can be asked here any more"))
    }

    async fn answer(&self, question: Message, is_for_all: bool) {
        let Some(reply) = question.reply else { return };
        let came = match read(&question.body) {
            Ok(ask) if is_for_all && !ask.is_for_all() => {
                let message = "that is asked of one node by its name, not of all at once";
                Err(Error::new(ErrorKind::Invalid, message))
            }
            Ok(ask) => self.carry_out(ask).await,
            Err(error) => {
                self.parts.refused.one("a question to this node", &error);
                Err(error)
            }
        };
        let answer = NodeAnswer::of(&self.node, came);
        reply.answer(Bytes::from(serde_json::to_vec(&answer).unwrap_or_default()));
    }

    async fn carry_out(&self, ask: NodeAsk) -> Result<Value> {
        match ask {
            NodeAsk::Status {} => told(&self.status().await?),
            NodeAsk::Supervision { last } => told(&self.lines(last).await?),
            NodeAsk::Drain {} => self.drain(true).await,
            NodeAsk::Undrain {} => self.drain(false).await,
            NodeAsk::Move { shard, to } => {
                self.check_coordinator()?;
                told(&self.pin(shard, to.as_ref()).await?)
            }
            NodeAsk::Offer { agents, replace } => {
                self.check_coordinator()?;
                self.offers.offer(&agents, replace).await?;
                told(&agents.len())
            }
            NodeAsk::Withdraw { agent } => {
                self.check_coordinator()?;
                told(&self.offers.withdraw(&agent).await?)
            }
        }
    }

    fn check_coordinator(&self) -> Result<()> {
        if self.is_coordinator {
            return Ok(());
        }
        let message = "this node is no coordinator: ask one";
        Err(Error::new(ErrorKind::Invalid, message))
    }

    /// Whatever of it was so before, both are set: one of them may have failed the last time.
    async fn drain(&self, is_draining: bool) -> Result<Value> {
        let registers = self.fabric.registers();
        let is_news = drained::remember(registers.as_ref(), &self.node, is_draining).await?;
        let was = self.parts.draining.send_replace(is_draining);
        Ok(Value::Bool(is_news || was != is_draining))
    }

    async fn status(&self) -> Result<NodeView> {
        let me = self.me();
        let members = self.parts.presence.members().borrow().clone();
        let mut members: Vec<MemberView> = members.iter().map(MemberView::from).collect();
        // A node knows of itself without hearing itself.
        members.retain(|member| member.node != self.node);
        members.push(me.clone());
        members.sort_by(|a, b| a.node.cmp(&b.node));
        let shards = if self.is_coordinator { self.shards().await? } else { Vec::new() };
        Ok(NodeView {
            me,
            pid: std::process::id(),
            durability: self.fabric.durability().to_string(),
            refused: self.parts.refused.count(),
            members,
            shards,
        })
    }

    fn me(&self) -> MemberView {
        let beat = self.parts.beat.borrow().clone();
        let state = match beat.staying {
            Staying::Stays => "up",
            Staying::Draining | Staying::Leaving => "draining",
        };
        let roles = match (beat.roles.coordinator, beat.roles.agents) {
            (true, true) => "coordinator, agents",
            (true, false) => "coordinator",
            (false, _) => "agents",
        };
        MemberView {
            node: beat.node,
            state: state.to_owned(),
            roles: roles.to_owned(),
            life: beat.boot.0,
            since: beat.since,
            running: beat.running,
            capacity: beat.capacity,
            leads: beat.led,
            version: beat.version,
        }
    }

    async fn shards(&self) -> Result<Vec<ShardView>> {
        let pins = self.fabric.registers().list(&names::pins_key()?).await?;
        let pins: BTreeMap<ShardId, NodeId> = pins
            .iter()
            .filter_map(|(key, value)| {
                let node = NodeId::new(std::str::from_utf8(&value.bytes).ok()?).ok()?;
                Some((names::pinned_shard(key)?, node))
            })
            .collect();
        let view = |reached: &Reached| {
            let held = reached.holder();
            ShardView {
                shard: reached.shard,
                leader: held.as_ref().map(|held| held.node.clone()),
                epoch: held.as_ref().map(|held| held.epoch).filter(|epoch| epoch.0 > 0),
                led_here: reached.is_led_here(),
                pinned_to: pins.get(&reached.shard).cloned(),
            }
        };
        Ok(self.parts.shards.iter().map(view).collect())
    }

    /// The last lines, as many as fit an answer.
    async fn lines(&self, last: usize) -> Result<Vec<NodeRecord>> {
        let path = self.folder.join(SUPERVISION_LOG);
        let read = tokio::task::spawn_blocking(move || Reader::of(path).read_on()).await;
        let records = match read {
            Ok(Ok(reading)) => reading.records,
            Ok(Err(error)) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Ok(Err(error)) => return Err(error),
            Err(_) => Vec::new(),
        };
        let mut room = ANSWER_BYTES_MAX;
        let mut lines = Vec::new();
        for record in records.into_iter().rev().take(last.min(LINES_MAX)) {
            let line = NodeRecord { node: self.node.clone(), record };
            let bytes = serde_json::to_vec(&line).map_or(0, |bytes| bytes.len() + 1);
            let Some(left) = room.checked_sub(bytes) else { break };
            room = left;
            lines.push(line);
        }
        lines.reverse();
        Ok(lines)
    }

    /// Says in a register who shall lead a shard; answers whether that is another than before.
    async fn pin(&self, shard: ShardId, to: Option<&NodeId>) -> Result<bool> {
        let shards = self.parts.shards.len();
        if usize::from(shard.0) >= shards {
            let message = format!("there is no shard {shard}: there are 0 to {}", shards - 1);
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        if let Some(to) = to {
            check_can_lead(to, &self.node, &self.parts.presence.members().borrow().clone())?;
        }
        let (registers, key) = (self.fabric.registers(), names::pin_key(shard)?);
        for _ in 0..TRIES_MAX {
            let found = registers.get(&key).await?;
            let wanted = to.map(|to| Bytes::copy_from_slice(to.as_str().as_bytes()));
            if found.as_ref().map(|found| &found.bytes) == wanted.as_ref() {
                return Ok(false);
            }
            let set = match (found, wanted) {
                (Some(found), Some(wanted)) => {
                    registers.compare_and_set(&key, found.revision, wanted).await.map(drop)
                }
                (None, Some(wanted)) => registers.create(&key, wanted).await.map(drop),
                (Some(found), None) => registers.delete(&key, found.revision).await,
                (None, None) => return Ok(false),
            };
            match set {
                Ok(()) => return Ok(true),
                Err(SetError::Conflict(_)) => {}
                Err(error) => {
                    let message = format!("cannot say who shall lead shard {shard}");
                    return Err(Error::new(ErrorKind::Unavailable, message).because(error));
                }
            }
        }
        let message = format!("others keep saying who shall lead shard {shard}: try again");
        Err(Error::new(ErrorKind::Conflict, message))
    }
}

/// A shard is moved to a node that is there and leads shards.
fn check_can_lead(to: &NodeId, me: &NodeId, members: &Members) -> Result<()> {
    let can = |member: &&orkestra_runtime::presence::Member| member.beat.roles.coordinator;
    let mut able: Vec<&NodeId> = members.up().filter(can).map(|m| &m.beat.node).collect();
    able.push(me);
    able.sort_unstable();
    able.dedup();
    if able.contains(&to) {
        return Ok(());
    }
    let able: Vec<&str> = able.into_iter().map(NodeId::as_str).collect();
    let message = format!(
        "node {to} is not there, or is no coordinator: these can lead shards: {}",
        able.join(", ")
    );
    Err(Error::new(ErrorKind::NotFound, message))
}

fn read(body: &[u8]) -> Result<NodeAsk> {
    let invalid = |why: String| Error::new(ErrorKind::Invalid, why);
    if body.len() > QUESTION_BYTES_MAX {
        return Err(invalid(format!("a question has at most {QUESTION_BYTES_MAX} bytes")));
    }
    serde_json::from_slice(body).map_err(|error| {
        invalid(format!(
            "a node cannot be asked that: {error}; it is asked like {{\"ask\":\"status\"}}"
        ))
    })
}

fn told<T: serde::Serialize + ?Sized>(answer: &T) -> Result<Value> {
    serde_json::to_value(answer)
        .map_err(|error| Error::new(ErrorKind::Fault, "cannot write an answer").because(error))
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").field("node", &self.node).finish_non_exhaustive()
    }
}
