//! When to claim a lease, to renew it and to give it back: pure.
//!
//! One write is under way at a time, and its end comes back as an event, in bounded time. What was
//! seen of the register may be old news, in any order: only a higher revision than the highest that
//! is known changes anything. Who holds it is decided by the register alone, never by an answer that
//! did not come.

use std::{collections::VecDeque, time::Duration};

use super::{
    lease::{Held, LEASE_MS_MAX, Revision, Seen, Standing},
    words::{Effect, Event, LeaseSettings, SetFault},
};
use crate::{
    id::{Epoch, Incarnation, NodeId},
    machine::Machine,
    time::{Moment, Now},
};

/// How many writes of this node are remembered with the moment at which each was begun.
const SENT_MAX: usize = 16;

#[derive(Clone, Debug)]
struct Known {
    /// None: absent.
    revision: Option<Revision>,
    standing: Standing,
    /// When this node saw it first.
    since: Moment,
}

#[derive(Clone, Debug)]
enum Away {
    Look,
    Set { at: Option<Revision>, standing: Standing },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Handing {
    No,
    Closing { heir: Option<NodeId> },
    Closed { heir: Option<NodeId> },
}

#[derive(Clone, Debug)]
struct Tenure {
    revision: Revision,
    until: Moment,
    renew_at: Moment,
    handing: Handing,
}

/// One candidate for one register.
#[derive(Clone, Debug)]
pub struct LeaseMachine {
    node: NodeId,
    boot: Incarnation,
    settings: LeaseSettings,
    rank: Option<u32>,
    epoch: Epoch,
    turn: u64,
    /// When each of the latest writes was begun, by its turn.
    sent: VecDeque<(u64, Moment)>,
    known: Option<Known>,
    tenure: Option<Tenure>,
    away: Option<Away>,
    /// A look that is due, and not before then.
    look_at: Option<Moment>,
    /// Nothing is written before then: what failed is tried again at a pace.
    not_before: Moment,
    /// Whoever gave the register back leaves it to the others until then.
    stands_back: Moment,
}

impl LeaseMachine {
    /// A candidate that knows nothing yet and does not want to lead.
    pub const fn new(node: NodeId, boot: Incarnation, settings: LeaseSettings) -> Self {
        Self {
            node,
            boot,
            settings,
            rank: None,
            epoch: Epoch(0),
            turn: 0,
            sent: VecDeque::new(),
            known: None,
            tenure: None,
            away: None,
            look_at: None,
            not_before: Moment::START,
            stands_back: Moment::START,
        }
    }

    /// Until when this node may say what no append proves; none when it does not lead.
    pub fn leads_until(&self) -> Option<Moment> {
        self.tenure.as_ref().map(|tenure| tenure.until)
    }

    /// Who holds the register, as far as is known here.
    pub fn holder(&self) -> Option<&Held> {
        self.known.as_ref().and_then(|known| known.standing.holder())
    }

    /// How soon what failed is tried again.
    fn pace(&self) -> Duration {
        self.settings.renew_every / 2
    }

    fn is_mine(&self, held: &Held) -> bool {
        held.node == self.node && held.boot == self.boot
    }

    /// Until when a write of this life gives a term: nothing where it is not remembered.
    fn term_of(&self, turn: u64) -> Moment {
        let sent = self.sent.iter().find(|(known, _)| *known == turn);
        sent.map_or(Moment::START, |(_, began)| *began + self.settings.lease)
    }

    /// Whether what was seen is news.
    fn is_news(&self, seen: Option<&Seen>) -> bool {
        match (&self.known, seen) {
            (None, _) => true,
            (Some(Known { revision: None, .. }), seen) => seen.is_some(),
            // A register that seems absent was seen before it was created, or somebody took it
            // away; a write will tell.
            (Some(_), None) => false,
            (Some(Known { revision: Some(known), .. }), Some(seen)) => seen.revision > *known,
        }
    }

    fn observe(&mut self, seen: Option<Seen>, now: Moment, effects: &mut Vec<Effect>) {
        if !self.is_news(seen.as_ref()) {
            return;
        }
        let before = self.holder().map(|held| (held.node.clone(), held.boot, held.epoch));
        let (revision, standing) = match seen {
            Some(Seen { revision, standing }) => (Some(revision), standing),
            None => (None, Standing::Vacant { heir: None }),
        };
        self.known = Some(Known { revision, standing: standing.clone(), since: now });
        match (revision, standing) {
            (Some(revision), Standing::Held(held)) if self.is_mine(&held) => {
                self.hold(revision, held.turn, effects);
            }
            (_, Standing::Held(_) | Standing::Vacant { .. } | Standing::Unreadable) => {
                let over = self.tenure.take();
                if over.is_some() {
                    // The number of that reign says nothing of the next.
                    self.epoch = Epoch(0);
                }
                match over.map(|tenure| tenure.handing) {
                    None => {}
                    Some(Handing::Closed { .. }) => {
                        self.stands_back = now + self.settings.lease;
                        effects.push(Effect::Released);
                    }
                    Some(Handing::No | Handing::Closing { .. }) => effects.push(Effect::Lost),
                }
            }
        }
        let holder = self.holder();
        if before != holder.map(|held| (held.node.clone(), held.boot, held.epoch)) {
            effects.push(Effect::Holder(holder.cloned()));
        }
    }

    /// The register says that this life of this node holds it, by this write of it.
    fn hold(&mut self, revision: Revision, turn: u64, effects: &mut Vec<Effect>) {
        let until = self.term_of(turn);
        let began = until - self.settings.lease;
        let renew_at = began + self.settings.renew_every;
        if let Some(tenure) = &mut self.tenure {
            tenure.revision = revision;
            tenure.renew_at = renew_at;
            tenure.until = tenure.until.max(until);
            effects.push(Effect::Renewed { until: tenure.until });
            return;
        }
        // Whoever does not want it any more, since a claim landed late, gives it back.
        let wants = self.rank.is_some();
        let handing = if wants { Handing::No } else { Handing::Closed { heir: None } };
        self.tenure = Some(Tenure { revision, until, renew_at, handing });
        if wants {
            effects.push(Effect::Lead { until, revision });
        }
    }

    fn set_done(
        &mut self,
        result: Result<Revision, SetFault>,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let is_set = |away: &mut Away| matches!(away, Away::Set { .. });
        let Some(Away::Set { at, standing }) = self.away.take_if(is_set) else { return };
        match result {
            Ok(revision) => self.observe(Some(Seen { revision, standing }), now, effects),
            Err(SetFault::Conflict(seen)) => self.conflict(at, seen, now, effects),
            Err(SetFault::Full) => self.not_before = now + self.pace(),
            Err(SetFault::Unknown) => {
                self.look_at = Some(now);
                self.not_before = now + self.pace();
            }
        }
    }

    /// The register is not at the revision that was named.
    fn conflict(
        &mut self,
        at: Option<Revision>,
        seen: Option<Seen>,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        match seen {
            // Somebody took the register away: there is nothing to be old news of.
            None if at.is_some() => {
                self.known = None;
                self.observe(None, now, effects);
            }
            // It was looked at from where the last write had not come to.
            seen if !self.is_news(seen.as_ref()) => {
                self.look_at = Some(now + self.pace());
                self.not_before = now + self.pace();
            }
            seen => self.observe(seen, now, effects),
        }
    }

    /// From when on the register may be claimed; none when it must not be.
    fn claim_at(&self) -> Option<Moment> {
        let (rank, known) = (self.rank?, self.known.as_ref()?);
        if self.tenure.is_some() {
            return None;
        }
        let LeaseSettings { stagger, heir_wait, .. } = self.settings;
        let staggered = stagger.saturating_mul(rank);
        let wait = match &known.standing {
            // Whoever is named does not stand back: nobody else is to take it.
            Standing::Vacant { heir: Some(heir) } if *heir == self.node => {
                return Some(known.since.max(self.not_before));
            }
            Standing::Vacant { heir: Some(_) } => heir_wait + stagger + staggered,
            Standing::Vacant { heir: None } => staggered,
            Standing::Held(held) => {
                let lease = Duration::from_millis(held.lease_ms.min(LEASE_MS_MAX));
                LeaseSettings::stillness(lease) + staggered
            }
            Standing::Unreadable => {
                LeaseSettings::stillness(Duration::from_millis(LEASE_MS_MAX)) + staggered
            }
        };
        Some((known.since + wait).max(self.not_before).max(self.stands_back))
    }

    /// From when on a holder has something to write.
    fn write_at(&self) -> Option<Moment> {
        let tenure = self.tenure.as_ref()?;
        let due = match tenure.handing {
            Handing::Closed { .. } => Moment::START,
            Handing::No | Handing::Closing { .. } => tenure.renew_at,
        };
        Some(due.max(self.not_before))
    }

    /// Does what is due, if nothing is under way.
    fn act(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if self.away.is_some() {
            return;
        }
        let is_due = |at: Option<Moment>| at.is_some_and(|at| at <= now);
        if is_due(self.look_at) {
            self.look_at = None;
            self.away = Some(Away::Look);
            effects.push(Effect::Look);
        } else if is_due(self.write_at()) {
            let Some(tenure) = &self.tenure else { return };
            let at = Some(tenure.revision);
            match tenure.handing.clone() {
                Handing::Closed { heir } => {
                    self.set(at, Standing::Vacant { heir }, effects);
                }
                Handing::No | Handing::Closing { .. } => {
                    let standing = self.held(now);
                    self.set(at, standing, effects);
                }
            }
        } else if is_due(self.claim_at()) {
            let at = self.known.as_ref().and_then(|known| known.revision);
            let standing = self.held(now);
            self.set(at, standing, effects);
        }
    }

    /// That this node holds the register, by a write that begins now.
    fn held(&mut self, now: Moment) -> Standing {
        self.turn += 1;
        self.sent.push_back((self.turn, now));
        if self.sent.len() > SENT_MAX {
            self.sent.pop_front();
        }
        let (node, boot) = (self.node.clone(), self.boot);
        let lease_ms = self.settings.lease_ms();
        Standing::Held(Held { node, boot, turn: self.turn, epoch: self.epoch, lease_ms })
    }

    fn set(&mut self, at: Option<Revision>, standing: Standing, effects: &mut Vec<Effect>) {
        self.away = Some(Away::Set { at, standing: standing.clone() });
        effects.push(Effect::Set { at, standing });
    }

    fn hand_over(&mut self, heir: Option<NodeId>, effects: &mut Vec<Effect>) {
        if let Some(tenure) = &mut self.tenure
            && tenure.handing == Handing::No
        {
            tenure.handing = Handing::Closing { heir };
            effects.push(Effect::Close);
        }
    }

    fn closed(&mut self, other: Option<NodeId>) {
        // Once it is being given back a renewal does not keep it.
        if let Some(tenure) = &mut self.tenure {
            let heir = match std::mem::replace(&mut tenure.handing, Handing::No) {
                Handing::Closing { heir } | Handing::Closed { heir } => heir.or(other),
                Handing::No => other,
            };
            tenure.handing = Handing::Closed { heir };
        }
    }
}

impl Machine for LeaseMachine {
    type Event = Event;
    type Effect = Effect;

    fn step(&mut self, now: Now, event: Event, effects: &mut Vec<Effect>) {
        let moment = now.moment;
        match event {
            Event::Seen(seen) => self.observe(seen, moment, effects),
            Event::Looked(looked) => {
                if matches!(self.away, Some(Away::Look)) {
                    self.away = None;
                }
                match looked {
                    Ok(seen) => self.observe(seen, moment, effects),
                    Err(()) => self.look_at = Some(moment + self.pace()),
                }
            }
            Event::SetDone(result) => self.set_done(result, moment, effects),
            Event::Rank(rank) => self.rank = rank,
            Event::Reign(epoch) => self.epoch = epoch,
            Event::HandOver { heir } => self.hand_over(heir, effects),
            Event::Closed { heir } => self.closed(heir),
        }
        self.act(moment, effects);
    }

    fn tick(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.act(now.moment, effects);
    }

    fn wakeup(&self) -> Option<Moment> {
        if self.away.is_some() {
            return None;
        }
        [self.look_at, self.write_at(), self.claim_at()].into_iter().flatten().min()
    }
}
