//! What leads a shard speaks to workers on all nodes, and hears them.
//!
//! `machine.rs` knows who is where, this acts: one duty a shard, both ways, so that what is said in
//! one moment to many workers of a node goes there in one frame.

mod machine;
#[cfg(test)]
mod tests;
mod tongue;

use std::{fmt, sync::Arc, time::Duration};

use futures::StreamExt as _;
use orkestra_runtime::{
    Result,
    directory::Directory,
    fabric::{Message, Messages, Pattern, Subscription, listen},
    id::{AgentId, Epoch, Incarnation, NodeId, ShardId},
    names,
    presence::{Effect as News, Presence},
    protocol::{
        agent::ToAgent,
        desk::{FromDesk, ToDesk},
    },
    time::Clock,
    wire,
};
use tokio::sync::{Mutex, mpsc};

pub(crate) use machine::{Ear, Effect};
pub(crate) use tongue::Tongue;

use super::desk::Desk;
use crate::{
    reach::Here,
    refused::Refused,
    shard::{Pool, machine::Command},
    system::{Sayer, Team},
    task::TaskCommand,
};

/// How many frames from desks may wait.
const FRAMES_MAX: usize = 16_384;
/// How many words are looked at before they are sent.
const ROUND_MAX: usize = 4_096;
/// How long handing over that workers are gone may take.
const WITHIN: Duration = Duration::from_secs(5);

/// The ears of the shards that are led in this process.
#[derive(Debug, Default)]
pub(crate) struct Ears(Directory<ShardId, mpsc::UnboundedSender<FromDesk>>);

impl Ears {
    /// Hands something to the leader in this process; gives it back where there is none.
    pub(crate) fn here(&self, shard: ShardId, from: FromDesk) -> Option<FromDesk> {
        match self.0.find(&shard) {
            Some(ear) => ear.send(from).err().map(|unsent| unsent.0),
            None => Some(from),
        }
    }
}

/// What goes from a reign to its ear.
#[derive(Debug)]
pub(crate) enum Word {
    /// A reign has begun.
    Begun(Epoch),
    /// Tell a worker.
    Tell(Epoch, AgentId, ToAgent),
    /// Ask all who is there.
    Roll(Epoch),
    /// A reign is over.
    Over(Epoch),
}

/// The workers of a cluster, as one reign speaks to them.
#[derive(Debug)]
pub(crate) struct Far {
    epoch: Epoch,
    words: mpsc::UnboundedSender<Word>,
}

impl Far {
    /// For a reign that begins.
    pub(crate) fn begun(epoch: Epoch, words: mpsc::UnboundedSender<Word>) -> Self {
        // An ear that has ended comes down with its shard.
        let _ = words.send(Word::Begun(epoch));
        Self { epoch, words }
    }
}

impl Drop for Far {
    /// A reign speaks until its end, whatever end that is.
    fn drop(&mut self) {
        let _ = self.words.send(Word::Over(self.epoch));
    }
}

impl Team for Far {
    fn tell(&self, agent: &AgentId, message: ToAgent) -> Option<Incarnation> {
        let _ = self.words.send(Word::Tell(self.epoch, agent.clone(), message));
        // Who is gone is found out by its node.
        None
    }

    fn ask_who_is_there(&self) {
        let _ = self.words.send(Word::Roll(self.epoch));
    }
}

/// What an ear is made of.
pub(crate) struct EarParts {
    pub(crate) shard: ShardId,
    pub(crate) node: NodeId,
    pub(crate) here: Here,
    /// Where what is heard goes on.
    pub(crate) porter: Sayer,
    pub(crate) messages: Arc<dyn Messages>,
    /// The desk of this node, if it has one.
    pub(crate) desk: Option<Desk>,
    pub(crate) ears: Arc<Ears>,
    pub(crate) presence: Presence,
    pub(crate) clock: Arc<dyn Clock>,
    /// How much was refused: junk, old lives.
    pub(crate) refused: Refused,
}

/// Runs the ear of one shard; survives a restart of the duty that runs it.
pub(crate) struct EarRunner {
    parts: EarParts,
    words: Mutex<mpsc::UnboundedReceiver<Word>>,
}

/// What a reign speaks into, and where the ear hears it.
pub(crate) fn words() -> (mpsc::UnboundedSender<Word>, mpsc::UnboundedReceiver<Word>) {
    mpsc::unbounded_channel()
}

/// What runs the ear.
pub(crate) fn ear(parts: EarParts, words: mpsc::UnboundedReceiver<Word>) -> Arc<EarRunner> {
    Arc::new(EarRunner { parts, words: Mutex::new(words) })
}

/// One reign, as its ear knows it.
struct Reign {
    epoch: Epoch,
    ear: Ear,
    heard: Subscription,
    near: mpsc::UnboundedReceiver<FromDesk>,
}

impl EarRunner {
    /// Runs until the shard is closed; an error means that nothing can be heard.
    pub(crate) async fn run(self: Arc<Self>) -> Result<()> {
        let mut words = self.words.lock().await;
        let mut round = Vec::with_capacity(ROUND_MAX);
        let mut reign: Option<Reign> = None;
        let mut news = self.parts.presence.news();
        loop {
            tokio::select! {
                biased;
                count = words.recv_many(&mut round, ROUND_MAX) => {
                    if count == 0 {
                        return Ok(());
                    }
                    self.speak(&mut reign, &mut round).await?;
                }
                said = next(&mut reign) => match said {
                    Some(from) => self.hear(&mut reign, from).await,
                    None => return Err(super::lost("the words of workers")),
                },
                news = news.recv() => {
                    if let Ok(news) = news {
                        self.learn(&mut reign, &news).await;
                    }
                }
            }
        }
    }

    /// Sends what a reign says, many words a frame.
    async fn speak(&self, reign: &mut Option<Reign>, round: &mut Vec<Word>) -> Result<()> {
        let parts = &self.parts;
        let mut tongue = Tongue::new(parts.shard);
        for word in round.drain(..) {
            match word {
                Word::Begun(epoch) => *reign = Some(self.begin(epoch).await?),
                Word::Tell(epoch, agent, word) => {
                    let Some(reign) = reign.as_ref().filter(|reign| reign.epoch == epoch) else {
                        continue;
                    };
                    // Nobody knows where it is: it will say so, and be told then.
                    let Some(node) = reign.ear.place(&agent) else { continue };
                    tongue.say(node, agent, word);
                }
                Word::Roll(epoch) => {
                    if reign.as_ref().is_some_and(|reign| reign.epoch == epoch) {
                        self.call_roll(epoch).await;
                    }
                }
                Word::Over(epoch) => {
                    if reign.as_ref().is_some_and(|reign| reign.epoch <= epoch) {
                        *reign = None;
                        parts.ears.0.leave(&parts.shard, Incarnation(u64::MAX));
                    }
                }
            }
        }
        if let Some(reign) = reign {
            for (node, said) in tongue.frames(reign.epoch) {
                self.send(&node, said).await;
            }
        }
        Ok(())
    }

    /// Listens for a reign that begins. Whoever is there is asked for by the reign itself.
    async fn begin(&self, epoch: Epoch) -> Result<Reign> {
        let parts = &self.parts;
        let pattern = Pattern::new(names::shard_heard(parts.shard)?.as_str())?;
        // Without it the reign would be deaf to its end: servers that are silent are waited for.
        let heard = listen(&parts.messages, &pattern, None, FRAMES_MAX).await?;
        let (ears, near) = mpsc::unbounded_channel();
        // A later reign never gives way to an earlier one.
        let _ = parts.ears.0.enter(parts.shard, Incarnation(epoch.0), ears);
        Ok(Reign { epoch, ear: Ear::new(parts.shard), heard, near })
    }

    async fn call_roll(&self, epoch: Epoch) {
        let parts = &self.parts;
        let roll = ToDesk::Roll { shard: parts.shard, epoch };
        let (Ok(frame), Ok(subject)) = (wire::encode(&roll), names::roll()) else { return };
        // What is lost is made up for by the next muster of each desk.
        let _ = parts.messages.publish(&subject, frame).await;
    }

    async fn send(&self, node: &NodeId, said: ToDesk) {
        let parts = &self.parts;
        if let Some(desk) = parts.desk.as_ref().filter(|_| *node == parts.node) {
            desk.leader_said(said);
            return;
        }
        let Ok(subject) = names::node_work(node) else { return };
        match wire::encode(&said) {
            // What is lost comes back by its lease.
            Ok(frame) => {
                let _ = parts.messages.publish(&subject, frame).await;
            }
            Err(error) => {
                tracing::error!(shard = parts.shard.0, %error, "what a worker is told fits no frame");
            }
        }
    }

    async fn hear(&self, reign: &mut Option<Reign>, from: Result<FromDesk>) {
        let Some(reign) = reign else { return };
        let from = match from {
            Ok(from) => from,
            // Junk, or more came than could wait: what is missed is said again.
            Err(error) => {
                self.parts.refused.one("a frame of a node's workers", &error);
                return;
            }
        };
        let mut effects = Vec::new();
        reign.ear.hear(self.parts.clock.now().moment, from, &mut effects);
        self.carry_out(reign.epoch, effects).await;
    }

    async fn learn(&self, reign: &mut Option<Reign>, news: &News) {
        let Some(reign) = reign else { return };
        let mut effects = Vec::new();
        if let Some((node, boot)) = super::gone(news) {
            reign.ear.node_gone(node, boot, &mut effects);
        }
        self.carry_out(reign.epoch, effects).await;
    }

    async fn carry_out(&self, epoch: Epoch, effects: Vec<Effect>) {
        let parts = &self.parts;
        for effect in effects {
            match effect {
                Effect::Take(word) => parts.porter.say(word),
                Effect::Gone(gone) => {
                    tracing::info!(
                        shard = parts.shard.0,
                        workers = gone.len(),
                        "lost with their node"
                    );
                    let lost = Command::Task(TaskCommand::NodeLost(gone));
                    // A reign that is over forgets them anyway.
                    let _ = parts.here.tell(lost, Pool::Control, WITHIN).await;
                }
                Effect::Roll(node) => {
                    self.send(&node, ToDesk::Roll { shard: parts.shard, epoch }).await;
                }
                Effect::Stale(node) => {
                    let why = format!("a later life of node {node} is there");
                    parts.refused.one("words of workers", &why);
                }
                Effect::Foreign(node) => {
                    let why = format!("node {node} speaks to shard {} of another", parts.shard);
                    parts.refused.one("a word of a worker", &why);
                }
            }
        }
    }
}

/// The next that a desk says, from here or from elsewhere; never anything without a reign.
async fn next(reign: &mut Option<Reign>) -> Option<Result<FromDesk>> {
    let Some(reign) = reign else { return std::future::pending().await };
    tokio::select! {
        biased;
        Some(from) = reign.near.recv() => Some(Ok(from)),
        message = reign.heard.next() => {
            let read = |message: Message| Ok(wire::decode(&message.body)?);
            message.map(|message| message.and_then(read))
        }
    }
}

impl fmt::Debug for EarRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EarRunner").field("shard", &self.parts.shard).finish_non_exhaustive()
    }
}
