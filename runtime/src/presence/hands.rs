//! Says that this node is there, and hears who else is.

use std::{fmt, sync::Arc};

use futures::{StreamExt as _, future::OptionFuture};
use tokio::sync::{broadcast, watch};

use super::{
    machine::{Effect, Event, PresenceMachine, PresenceSettings},
    member::Members,
};
use crate::{
    error::{Error, ErrorKind, Result},
    fabric::{Message, Messages, Pattern, Subject, listen},
    id::NodeId,
    machine::Machine,
    protocol::node::{NodeBeat, Staying},
    time::Clock,
    wire,
};

/// How many beats may wait to be heard.
const BEATS_MAX: usize = 4_096;

/// How much news may wait for one who listens; whoever is slower looks at the table again.
const NEWS_MAX: usize = 1_024;

/// What presence is made of.
#[derive(Debug)]
pub struct PresenceParts {
    /// How nodes talk.
    pub messages: Arc<dyn Messages>,
    /// Where a node says that it is there; what it says elsewhere is not believed.
    pub subject_of: fn(&NodeId) -> Result<Subject>,
    /// Where all do.
    pub all: Pattern,
    /// What this node says; its number is given when it is said.
    pub says: watch::Receiver<NodeBeat>,
    /// Whether the connection stands; what is heard through none says nothing of others.
    pub connected: watch::Receiver<bool>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// How often.
    pub settings: PresenceSettings,
}

/// Who is there. Cheap to clone.
#[derive(Clone)]
pub struct Presence {
    members: watch::Receiver<Arc<Members>>,
    news: broadcast::Sender<Effect>,
}

impl Presence {
    /// The table of nodes, and whenever it changes; loads come with each beat of this node.
    pub fn members(&self) -> watch::Receiver<Arc<Members>> {
        self.members.clone()
    }

    /// What happens from now on.
    pub fn news(&self) -> broadcast::Receiver<Effect> {
        self.news.subscribe()
    }
}

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presence").field("members", &*self.members.borrow()).finish_non_exhaustive()
    }
}

/// Runs presence; owned by whoever supervises it.
pub struct Watchman {
    parts: PresenceParts,
    machine: PresenceMachine,
    members: watch::Sender<Arc<Members>>,
    news: broadcast::Sender<Effect>,
    number: u64,
}

/// Presence, and what runs it.
pub fn presence(parts: PresenceParts) -> (Presence, Watchman) {
    let (members, looks) = watch::channel(Arc::default());
    let news = broadcast::channel(NEWS_MAX).0;
    let machine = PresenceMachine::new(parts.settings);
    let handle = Presence { members: looks, news: news.clone() };
    (handle, Watchman { parts, machine, members, news, number: 0 })
}

impl Watchman {
    /// Runs until it is dropped. Servers that are silent are waited for; an error means that nobody
    /// can be heard for good.
    pub async fn run(mut self) -> Result<()> {
        let messages = Arc::clone(&self.parts.messages);
        let mut heard = listen(&messages, &self.parts.all, None, BEATS_MAX).await?;
        let mut connected = Some(self.parts.connected.clone());
        let mut says = Some(self.parts.says.clone());
        let mut beat_at = self.parts.clock.now().moment;
        loop {
            let now = self.parts.clock.now().moment;
            if now >= beat_at {
                beat_at = now + self.parts.settings.beat_every;
                self.beat().await;
                self.step(None);
                self.members.send_replace(Arc::new(self.machine.members().clone()));
            }
            let due = self.machine.wakeup().map_or(beat_at, |at| at.min(beat_at));
            let now = self.parts.clock.now().moment;
            tokio::select! {
                biased;
                () = tokio::time::sleep(due.since(now)) => self.step(None),
                Some(changed) = changed(&mut says) => match changed {
                    Ok(()) => {
                        // A last word must not wait for the next beat.
                        if self.parts.says.borrow().staying != Staying::Stays {
                            self.beat().await;
                        }
                    }
                    Err(_) => says = None,
                },
                Some(changed) = changed(&mut connected) => match changed {
                    Ok(()) => {
                        let is_connected = *self.parts.connected.borrow();
                        self.step(Some(Event::Connected(is_connected)));
                    }
                    Err(_) => connected = None,
                },
                message = heard.next() => match message {
                    Some(message) => self.heard(message),
                    None => heard = listen(&messages, &self.parts.all, None, BEATS_MAX).await?,
                },
            }
        }
    }

    async fn beat(&mut self) {
        self.number += 1;
        let beat = NodeBeat { number: self.number, ..self.parts.says.borrow().clone() };
        let Ok(frame) = wire::encode(&beat) else { return };
        let Ok(own) = (self.parts.subject_of)(&beat.node) else { return };
        let sent = self.parts.messages.publish(&own, frame);
        // A beat that cannot be sent in its time is late; the next one says the same.
        let _ = tokio::time::timeout(self.parts.settings.beat_every, sent).await;
        self.step(Some(Event::Heard(beat)));
    }

    /// What cannot be read, stands elsewhere, or was lost since too much came, says nothing.
    fn heard(&mut self, message: Result<Message>) {
        let read = message.and_then(|message| {
            let beat = wire::decode::<NodeBeat>(&message.body)?;
            if (self.parts.subject_of)(&beat.node)? == message.subject {
                return Ok(beat);
            }
            let why = format!("{:?} speaks for node {}", message.subject, beat.node);
            Err(Error::new(ErrorKind::Invalid, why))
        });
        match read {
            Ok(beat) => {
                let own = self.parts.says.borrow();
                let is_own = beat.node == own.node && beat.boot == own.boot;
                drop(own);
                if !is_own {
                    self.step(Some(Event::Heard(beat)));
                }
            }
            Err(error) => {
                self.machine.refuse();
                // A flood is told in few lines.
                let count = self.machine.members().refused();
                if count.is_power_of_two() {
                    tracing::warn!(%error, count, "a beat was refused");
                }
            }
        }
    }

    fn step(&mut self, event: Option<Event>) {
        let (now, mut effects) = (self.parts.clock.now(), Vec::new());
        match event {
            Some(event) => self.machine.step(now, event, &mut effects),
            None => self.machine.tick(now, &mut effects),
        }
        if effects.is_empty() {
            return;
        }
        self.members.send_replace(Arc::new(self.machine.members().clone()));
        for effect in effects {
            match &effect {
                Effect::Refused { .. } => tracing::debug!(?effect, "presence"),
                Effect::Up { .. }
                | Effect::Down { .. }
                | Effect::Back { .. }
                | Effect::Restarted { .. }
                | Effect::Left { .. }
                | Effect::Changed { .. }
                | Effect::WasPaused { .. } => tracing::info!(?effect, "presence"),
            }
            let _ = self.news.send(effect); // perhaps nobody listens
        }
    }
}

impl fmt::Debug for Watchman {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watchman").field("machine", &self.machine).finish_non_exhaustive()
    }
}

async fn changed<T>(
    receiver: &mut Option<watch::Receiver<T>>,
) -> Option<std::result::Result<(), watch::error::RecvError>> {
    OptionFuture::from(receiver.as_mut().map(watch::Receiver::changed)).await
}
