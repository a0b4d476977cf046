//! The desk of a node, at work: carries words between its workers and the leaders of all shards.
//!
//! `machine.rs` decides, this acts. Where this node leads a shard itself, words go to it within the
//! process.

mod machine;
mod seat;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, sync::Arc};

use bytes::Bytes;
use futures::StreamExt as _;
use orkestra_runtime::{
    Result,
    fabric::{Message, Messages, Pattern, Subscription, listen},
    id::{NodeId, ShardId},
    machine::Machine as _,
    names,
    protocol::{
        agent::FromAgent,
        desk::{FromDesk, Said, ToDesk},
    },
    time::Clock,
    wire,
};
use tokio::sync::{Mutex, mpsc, watch};

pub(crate) use machine::{DeskMachine, Effect, Event};

use super::{credits::CreditSettings, ear::Ears};
use crate::{refused::Refused, system::Workers};

/// How many frames from leaders may wait.
const FRAMES_MAX: usize = 16_384;
/// How many words are looked at before what they came to is sent.
const ROUND_MAX: usize = 2_048;
/// How many words one frame carries at most.
const FRAME_WORDS_MAX: usize = 1_024;

/// The way to the desk of this node. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Desk(mpsc::UnboundedSender<Event>);

impl Desk {
    /// A worker of this node says something. The queue is bounded by what workers were given.
    pub(crate) fn worker_said(&self, word: FromAgent) {
        // A desk that has ended has no more workers.
        let _ = self.0.send(Event::Worker(word));
    }

    /// A leader in this process says something.
    pub(crate) fn leader_said(&self, said: ToDesk) {
        let _ = self.0.send(Event::Leader(said));
    }
}

/// What a desk is made of.
pub(crate) struct DeskParts {
    pub(crate) node: NodeId,
    pub(crate) boot: u64,
    pub(crate) shards: u16,
    pub(crate) credits: CreditSettings,
    pub(crate) workers: Workers,
    /// The leaders of this process.
    pub(crate) ears: Arc<Ears>,
    pub(crate) messages: Arc<dyn Messages>,
    pub(crate) connected: watch::Receiver<bool>,
    /// Whether the node takes no more work.
    pub(crate) draining: watch::Receiver<bool>,
    pub(crate) clock: Arc<dyn Clock>,
    /// How many frames could not be read, and how many words came from reigns that are over.
    pub(crate) refused: Refused,
    /// How many attempts the workers hold.
    pub(crate) held: watch::Sender<u32>,
}

/// Runs a desk; survives a restart of the duty that runs it.
pub(crate) struct DeskRunner {
    parts: DeskParts,
    inbox: Mutex<mpsc::UnboundedReceiver<Event>>,
}

/// A desk, and what runs it.
pub(crate) fn desk(parts: DeskParts) -> (Desk, Arc<DeskRunner>) {
    let (words, inbox) = mpsc::unbounded_channel();
    (Desk(words), Arc::new(DeskRunner { parts, inbox: Mutex::new(inbox) }))
}

impl DeskRunner {
    /// Runs until it is dropped; an error means that nothing can be heard.
    pub(crate) async fn run(self: Arc<Self>) -> Result<()> {
        let parts = &self.parts;
        let mut inbox = self.inbox.lock().await;
        let mut machine = DeskMachine::new(parts.shards, parts.credits);
        let own = Pattern::new(names::node_work(&parts.node)?.as_str())?;
        let roll = Pattern::new(names::roll()?.as_str())?;
        let heard = listen(&parts.messages, &own, None, FRAMES_MAX).await?;
        let rolls = listen(&parts.messages, &roll, None, FRAMES_MAX).await?;
        let mut heard: Subscription = futures::stream::select(heard, rolls).boxed();
        let mut connected = parts.connected.clone();
        let mut draining = parts.draining.clone();
        let mut effects = Vec::new();
        let is_draining = Event::Draining(*draining.borrow_and_update());
        machine.step(parts.clock.now(), is_draining, &mut effects);
        // Workers that are there already say so again: this may be a second life of the desk.
        for name in parts.workers.names() {
            effects
                .push(Effect::Tell(name, orkestra_runtime::protocol::agent::ToAgent::WhoIsThere));
        }
        let mut round = Vec::with_capacity(ROUND_MAX);
        loop {
            let now = parts.clock.now();
            let due = machine.wakeup().map_or(now.moment, |at| at.max(now.moment));
            let mut events = Vec::new();
            tokio::select! {
                biased;
                Ok(()) = draining.changed() => {
                    events.push(Event::Draining(*draining.borrow_and_update()));
                }
                _ = inbox.recv_many(&mut round, ROUND_MAX) => events.append(&mut round),
                message = heard.next() => match message {
                    Some(message) => self.read(message, &mut events),
                    None => return Err(super::lost("the words of leaders")),
                },
                Ok(()) = connected.changed() => {
                    if *connected.borrow_and_update() {
                        events.push(Event::Reconnected);
                    }
                }
                () = tokio::time::sleep(due.since(now.moment)) => {}
            }
            let now = parts.clock.now();
            for event in events {
                machine.step(now, event, &mut effects);
            }
            machine.tick(now, &mut effects);
            self.carry_out(&mut effects).await;
            let held = u32::try_from(machine.held()).unwrap_or(u32::MAX);
            parts.held.send_if_modified(|old| std::mem::replace(old, held) != held);
        }
    }

    fn read(&self, message: Result<Message>, events: &mut Vec<Event>) {
        match message.and_then(|message| Ok(wire::decode::<ToDesk>(&message.body)?)) {
            Ok(said) => events.push(Event::Leader(said)),
            // Junk, or more came than could wait: what is missed is said again.
            Err(error) => {
                self.parts.refused.one("a frame for this node's workers", &error);
            }
        }
    }

    async fn carry_out(&self, effects: &mut Vec<Effect>) {
        let parts = &self.parts;
        let mut words: BTreeMap<ShardId, Vec<FromAgent>> = BTreeMap::new();
        let mut musters = Vec::new();
        for effect in effects.drain(..) {
            match effect {
                Effect::Tell(agent, word) => {
                    if let Some(worker) = parts.workers.find(&agent) {
                        // One that is gone says `Joined` in its next life.
                        let _ = worker.tell(word);
                    }
                }
                Effect::Say(shard, Said::Words(said)) => {
                    words.entry(shard).or_default().extend(said);
                }
                Effect::Say(shard, muster @ Said::Muster(_)) => musters.push((shard, muster)),
                Effect::Refused(shard, epoch) => {
                    let why = format!("reign {epoch} of shard {shard} is over");
                    parts.refused.one("words of a leader", &why);
                }
            }
        }
        for (shard, mut words) in words {
            while !words.is_empty() {
                let rest = words.split_off(words.len().min(FRAME_WORDS_MAX));
                self.say(shard, Said::Words(std::mem::replace(&mut words, rest))).await;
            }
        }
        for (shard, muster) in musters {
            self.say(shard, muster).await;
        }
    }

    /// Says something to a shard's leader, in halves where it does not fit one frame.
    async fn say(&self, shard: ShardId, said: Said) {
        let parts = &self.parts;
        let mut left = vec![FromDesk { node: parts.node.clone(), boot: parts.boot, said }];
        while let Some(from) = left.pop() {
            let Some(from) = parts.ears.here(shard, from) else { continue };
            match wire::encode(&from) {
                Ok(frame) => self.publish(shard, frame).await,
                Err(error) => match from.said {
                    Said::Words(mut words) if words.len() > 1 => {
                        let later = words.split_off(words.len() / 2);
                        for words in [later, words] {
                            let (node, boot) = (parts.node.clone(), parts.boot);
                            left.push(FromDesk { node, boot, said: Said::Words(words) });
                        }
                    }
                    Said::Words(_) | Said::Muster(_) => {
                        tracing::error!(shard = shard.0, %error, "a worker's word fits no frame");
                    }
                },
            }
        }
    }

    async fn publish(&self, shard: ShardId, frame: Bytes) {
        let Ok(subject) = names::shard_heard(shard) else { return };
        // What cannot be sent is said again when the connection is back.
        let _ = self.parts.messages.publish(&subject, frame).await;
    }
}

impl fmt::Debug for DeskRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeskRunner").field("node", &self.parts.node).finish_non_exhaustive()
    }
}
