//! Drives a [`LeaseMachine`] over a fabric's registers.
//!
//! Nothing waits for ever: a write or a look that takes longer than a renewal counts as unknown, and
//! a watch that ends is begun again. A watch that hangs without a word costs no safety, and is made
//! up for by the answers to this node's own writes.

use std::{fmt, sync::Arc, time::Duration};

use futures::{FutureExt as _, StreamExt as _, future::BoxFuture};
use tokio::sync::{mpsc, watch};

use super::{
    lease::{Held, Revision, Seen, Standing},
    machine::LeaseMachine,
    words::{Effect, Event, LeaseSettings, SetFault},
};
use crate::{
    error::Result,
    fabric::{Key, Registers, SetError, Watch},
    id::{Epoch, Incarnation, NodeId},
    machine::Machine,
    time::{Clock, Moment},
};

/// How many words may wait for a steward.
const WORDS_MAX: usize = 64;

/// What a shard on this node is to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Somebody else leads, or nobody.
    Following {
        /// Whether to fold what is written, so as to begin a reign at once.
        warm: bool,
    },
    /// Lead.
    Leading {
        /// Until when what no append proves may be said.
        until: Moment,
        /// Which tenure it is: whoever sees another one has lost the register in between.
        tenure: Revision,
    },
    /// Close the reign in order, and say [`Seat::closed`]. The lease runs on meanwhile.
    HandingOver {
        /// As of [`Role::Leading`].
        until: Moment,
        /// As of [`Role::Leading`].
        tenure: Revision,
    },
}

/// What the placement wants of this node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// How many others should rather lead; none when this node should not lead at all.
    pub rank: Option<u32>,
    /// Whether to follow warmly while another leads.
    pub warm: bool,
    /// Who should lead after this node.
    pub heir: Option<NodeId>,
}

enum Word {
    Wish(Wish),
    HandOver(Option<NodeId>),
    Reign(Epoch),
    Closed(Revision),
    Leave,
}

/// The way to a steward: for the shard, which hears what it is to do, and for the placement, which
/// says what it wants. Cheap to clone.
#[derive(Clone)]
pub struct Seat {
    role: watch::Receiver<Role>,
    holder: watch::Receiver<Option<Held>>,
    words: mpsc::Sender<Word>,
}

impl Seat {
    /// What the shard is to do now, and whenever that changes. It ends with the steward.
    pub fn role(&self) -> watch::Receiver<Role> {
        self.role.clone()
    }

    /// Who holds the register, as far as is known here. The number of a reign follows its beginning
    /// by a renewal.
    pub fn holder(&self) -> watch::Receiver<Option<Held>> {
        self.holder.clone()
    }

    /// Says what the placement wants.
    pub async fn wish(&self, wish: Wish) {
        self.say(Word::Wish(wish)).await;
    }

    /// Asks for an orderly hand-over to this node, or to whoever comes first. Nothing happens where
    /// this node does not lead.
    pub async fn hand_over(&self, heir: Option<NodeId>) {
        self.say(Word::HandOver(heir)).await;
    }

    /// A reign has begun.
    pub async fn reign(&self, epoch: Epoch) {
        self.say(Word::Reign(epoch)).await;
    }

    /// The reign under this tenure is closed: everything is durable and nobody is answered any more,
    /// so the register may be given back.
    pub async fn closed(&self, tenure: Revision) {
        self.say(Word::Closed(tenure)).await;
    }

    /// Leads never again, whatever the placement wants; gives back what is held, and waits for that
    /// for at most `within`. Says whether nothing is held. To be called when no reign is open.
    pub async fn leave(&self, within: Duration) -> bool {
        self.say(Word::Leave).await;
        let mut role = self.role();
        let follows = role.wait_for(|role| matches!(role, Role::Following { .. }));
        let left = tokio::time::timeout(within, follows).await;
        left.is_ok_and(|follows| follows.is_ok())
    }

    async fn say(&self, word: Word) {
        // A steward that is gone wants nothing any more, and holds nothing for long.
        let _ = self.words.send(word).await;
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").field("role", &*self.role.borrow()).finish_non_exhaustive()
    }
}

/// What a steward is made of.
#[derive(Debug)]
pub struct StewardParts {
    /// Where the register is.
    pub registers: Arc<dyn Registers>,
    /// Its name.
    pub key: Key,
    /// This node.
    pub node: NodeId,
    /// This life of it.
    pub boot: Incarnation,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// How long leases last.
    pub settings: LeaseSettings,
}

/// Holds, or waits for, one register; owned by whoever supervises the shard.
pub struct Steward {
    parts: StewardParts,
    machine: LeaseMachine,
    wish: Wish,
    has_left: bool,
    leads: Option<(Moment, Revision, bool)>,
    role: watch::Sender<Role>,
    holder: watch::Sender<Option<Held>>,
    words: mpsc::Receiver<Word>,
    /// The write or the look that is under way.
    away: Option<BoxFuture<'static, Event>>,
}

/// A steward, and the way to it. It does not want to lead before it is told to.
pub fn steward(parts: StewardParts) -> (Seat, Steward) {
    let (role, roles) = watch::channel(Role::Following { warm: false });
    let (holder, holders) = watch::channel(None);
    let (words, hears) = mpsc::channel(WORDS_MAX);
    let machine = LeaseMachine::new(parts.node.clone(), parts.boot, parts.settings);
    let (wish, leads, away) = (Wish::default(), None, None);
    let seat = Seat { role: roles, holder: holders, words };
    let has_left = false;
    (seat, Steward { parts, machine, wish, has_left, leads, role, holder, words: hears, away })
}

enum Heard {
    Event(Event),
    Words(Vec<Word>),
    WatchEnded,
    Alarm,
    Alone,
}

impl Steward {
    /// Runs until nobody holds a [`Seat`] any more.
    ///
    /// # Cancellation
    /// Dropping the future lets the register go by its lease.
    pub async fn run(mut self) -> Result<()> {
        let mut watch = Some(self.parts.registers.watch(&self.parts.key));
        let mut watch_again = Moment::START;
        loop {
            if watch.is_none() && watch_again <= self.parts.clock.now().moment {
                watch = Some(self.parts.registers.watch(&self.parts.key));
            }
            let alarm = match (self.machine.wakeup(), &watch) {
                (Some(at), None) => Some(at.min(watch_again)),
                (None, None) => Some(watch_again),
                (alarm, Some(_)) => alarm,
            };
            match self.hear(watch.as_mut(), alarm).await {
                Heard::Event(event) => self.step(Some(event)),
                Heard::Words(words) => words.into_iter().for_each(|word| self.told(word)),
                Heard::WatchEnded => {
                    watch = None;
                    watch_again = self.parts.clock.now().moment + self.parts.settings.renew_every;
                }
                Heard::Alarm => self.step(None),
                Heard::Alone => return Ok(()),
            }
        }
    }

    /// Waits for whatever comes first.
    async fn hear(&mut self, watch: Option<&mut Watch>, alarm: Option<Moment>) -> Heard {
        let wait = alarm.map(|at| at.since(self.parts.clock.now().moment));
        let seen = async {
            match watch {
                Some(watch) => watch.next().await,
                None => std::future::pending().await,
            }
        };
        let away = async {
            match &mut self.away {
                Some(away) => away.await,
                None => std::future::pending().await,
            }
        };
        let alarmed = async {
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        let mut words = Vec::new();
        tokio::select! {
            biased;
            event = away => {
                self.away = None;
                Heard::Event(event)
            }
            count = self.words.recv_many(&mut words, WORDS_MAX) => match count {
                0 => Heard::Alone,
                _ => Heard::Words(words),
            },
            seen = seen => match seen {
                Some(Ok(value)) => Heard::Event(Event::Seen(value.as_ref().map(Seen::from))),
                Some(Err(_)) | None => Heard::WatchEnded,
            },
            () = alarmed => Heard::Alarm,
        }
    }

    fn told(&mut self, word: Word) {
        match word {
            Word::Wish(wish) => self.wants(wish),
            Word::HandOver(heir) => {
                let heir = heir.or_else(|| self.wish.heir.clone());
                self.step(Some(Event::HandOver { heir }));
            }
            Word::Reign(epoch) => self.step(Some(Event::Reign(epoch))),
            Word::Closed(tenure) => {
                // A word on a tenure that is over says nothing of the next.
                if self.leads.is_some_and(|(_, now, _)| now == tenure) {
                    self.closed();
                }
            }
            Word::Leave => {
                self.has_left = true;
                self.wants(self.wish.clone());
                self.closed();
            }
        }
    }

    fn wants(&mut self, wish: Wish) {
        self.wish = wish;
        if self.has_left {
            (self.wish.rank, self.wish.warm) = (None, false);
        }
        self.step(Some(Event::Rank(self.wish.rank)));
        self.tell_role();
    }

    fn closed(&mut self) {
        let heir = self.wish.heir.clone();
        self.step(Some(Event::Closed { heir }));
    }

    fn step(&mut self, event: Option<Event>) {
        let (now, mut effects) = (self.parts.clock.now(), Vec::new());
        match event {
            Some(event) => self.machine.step(now, event, &mut effects),
            None => self.machine.tick(now, &mut effects),
        }
        for effect in effects {
            self.carry_out(effect);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Set { at, standing } => self.away = Some(self.set(at, &standing)),
            Effect::Look => self.away = Some(self.look()),
            Effect::Lead { until, revision } => {
                tracing::info!(key = self.parts.key.as_str(), "holds the lease");
                self.leads = Some((until, revision, false));
                self.tell_role();
            }
            Effect::Renewed { until } => {
                if let Some((known, _, _)) = &mut self.leads {
                    *known = until;
                }
                self.tell_role();
            }
            Effect::Close => {
                if let Some((_, _, handing)) = &mut self.leads {
                    *handing = true;
                }
                self.tell_role();
            }
            Effect::Released | Effect::Lost => {
                tracing::info!(key = self.parts.key.as_str(), ?effect, "holds the lease no more");
                self.leads = None;
                self.tell_role();
            }
            Effect::Holder(holder) => {
                self.holder.send_replace(holder);
            }
        }
    }

    fn tell_role(&self) {
        let role = match self.leads {
            None => Role::Following { warm: self.wish.warm },
            Some((until, tenure, false)) => Role::Leading { until, tenure },
            Some((until, tenure, true)) => Role::HandingOver { until, tenure },
        };
        self.role.send_if_modified(|known| std::mem::replace(known, role) != role);
    }

    fn set(&self, at: Option<Revision>, standing: &Standing) -> BoxFuture<'static, Event> {
        let StewardParts { registers, key, settings, .. } = &self.parts;
        let Ok(bytes) = standing.to_bytes() else {
            return std::future::ready(Event::SetDone(Err(SetFault::Full))).boxed();
        };
        let set = match at {
            None => registers.create(key, bytes),
            Some(revision) => registers.compare_and_set(key, revision, bytes),
        };
        let within = settings.renew_every;
        async move {
            Event::SetDone(match tokio::time::timeout(within, set).await {
                Ok(Ok(revision)) => Ok(revision),
                Ok(Err(SetError::Conflict(value))) => {
                    Err(SetFault::Conflict(value.as_ref().map(Seen::from)))
                }
                Ok(Err(SetError::Full)) => Err(SetFault::Full),
                Ok(Err(SetError::Unknown(_))) | Err(_) => Err(SetFault::Unknown),
            })
        }
        .boxed()
    }

    fn look(&self) -> BoxFuture<'static, Event> {
        let StewardParts { registers, key, settings, .. } = &self.parts;
        let (get, within) = (registers.get(key), settings.renew_every);
        async move {
            Event::Looked(match tokio::time::timeout(within, get).await {
                Ok(Ok(value)) => Ok(value.as_ref().map(Seen::from)),
                Ok(Err(_)) | Err(_) => Err(()),
            })
        }
        .boxed()
    }
}

impl fmt::Debug for Steward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Steward").field("machine", &self.machine).finish_non_exhaustive()
    }
}
