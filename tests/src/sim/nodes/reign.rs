//! Reigns of simulated nodes: how they begin, append, answer and end.

use bytes::Bytes;
use orkestra_coordinator::shard::{
    Fold, Mind as _, Pool,
    sequencer::{Effect, EffectOf, Event, Reason, Sequencer},
    toy::{self, Command, Query, Toy},
};
use orkestra_runtime::{
    ErrorKind,
    fabric::{AppendError, Sequence},
    id::Incarnation,
    journal::{Journal, Position},
    leadership::Event as Lease,
    machine::{Machine, ReplyTo},
    record::decode,
    time::Moment,
};

use super::{Happening, MS, NodePlant, Outcome, World, node::Reign};
use crate::sim::{
    Plant,
    leader::{SHARD, genesis, journal, promote, ready},
};

/// An append that takes longer counts as perhaps made.
const APPEND_WITHIN: u64 = 1_000 * MS;
/// A reign that does not close in this time is killed.
const CLOSE_WITHIN: u64 = 3_000 * MS;

impl World {
    /// Whether a node may begin a reign, and goes on with one.
    fn may_begin(&self, at: usize) -> bool {
        let now = self.nodes[at].clock.at(self.now).moment;
        self.nodes[at].life.as_ref().is_some_and(|life| {
            let holds = life.tenure.is_some() && !life.is_closing;
            holds && life.reign.is_none() && life.term > now
        })
    }

    /// Begins a reign, from what was folded meanwhile.
    pub(super) fn begin(&mut self, at: usize, boot: Incarnation) -> Outcome {
        let node = &self.nodes[at];
        let is_same = node.life.as_ref().is_some_and(|life| life.boot == boot);
        let holds = node.life.as_ref().is_some_and(|life| life.tenure.is_some());
        if !is_same || !holds {
            return Ok(());
        }
        let is_reached = self.out_until <= self.now && node.cut_until <= self.now;
        let began = if self.may_begin(at) && is_reached { self.promote(at)? } else { None };
        let Some((mut sequencer, epoch)) = began else {
            if self.nodes[at].life.as_ref().is_some_and(|life| life.reign.is_none()) {
                self.after(20 * MS + self.now % MS, Happening::Begin(at, boot));
            }
            return Ok(());
        };
        self.wrote(at, epoch)?;
        self.history.reigns += 1;
        self.ids += 1;
        let id = self.ids;
        let Some(life) = &mut self.nodes[at].life else { return Ok(()) };
        if self.plant != NodePlant::NoLease {
            sequencer = sequencer.leased_until(life.term);
        }
        let permits = [0; Pool::ALL.len()];
        life.reign = Some(Reign { id, sequencer, away: None, permits });
        self.trace(|| format!("n{at} begins reign {epoch}"));
        self.tell_lease(at, Lease::Reign(epoch))
    }

    fn promote(
        &mut self,
        at: usize,
    ) -> Result<Option<(Sequencer<Toy>, orkestra_runtime::id::Epoch)>, String> {
        let (chance, now) = (self.chance.fork(), self.nodes[at].clock.at(self.now));
        let plant = match self.plant {
            NodePlant::NoEpochRecord => Plant::NoEpochRecord,
            NodePlant::EpochAgain => Plant::EpochAgain,
            NodePlant::ShortReplay => Plant::ShortReplay,
            _ => Plant::Nothing,
        };
        if plant != Plant::Nothing {
            let leader = promote(&self.store, plant, chance, now)?;
            return Ok(leader.map(|leader| {
                let epoch = leader.sequencer.epoch();
                (leader.sequencer, epoch)
            }));
        }
        let warm = self.nodes[at].life.as_mut().and_then(|life| life.warm.take());
        match ready(begin(&journal(&self.store)?, warm, now.wall))? {
            Ok((mind, position)) => {
                let epoch = position.epoch;
                Ok(Some((Sequencer::new(SHARD, position, mind, chance, now), epoch)))
            }
            Err(error) => match error.kind() {
                ErrorKind::Unavailable | ErrorKind::Full | ErrorKind::Conflict => Ok(None),
                _ => Err(error.to_string()),
            },
        }
    }

    /// A follower reads on.
    pub(super) fn warm(&mut self, at: usize) -> Outcome {
        let journal = journal(&self.store)?;
        let Some(life) = &mut self.nodes[at].life else { return Ok(()) };
        if life.reign.is_some() {
            return Ok(());
        }
        let warm = life.warm.take();
        let on = ready(async {
            let mut fold = match warm {
                Some(fold) => fold,
                None => Fold::restore(journal, genesis()).await?,
            };
            fold.read_on(Sequence(u64::MAX)).await?;
            Ok::<_, orkestra_runtime::Error>(fold)
        })?;
        life.warm = Some(on.map_err(|error| error.to_string())?);
        Ok(())
    }

    /// An epoch has one writer.
    fn wrote(&mut self, at: usize, epoch: orkestra_runtime::id::Epoch) -> Outcome {
        let boot = self.nodes[at].life.as_ref().map_or(Incarnation(0), |life| life.boot);
        let writer = *self.writers.entry(epoch).or_insert((at, boot));
        if writer == (at, boot) {
            return Ok(());
        }
        Err(format!("epoch {epoch} is written by n{} and by n{at}", writer.0))
    }

    pub(super) fn lease_reign(&mut self, at: usize, until: Moment) -> Outcome {
        if self.plant == NodePlant::NoLease {
            return Ok(());
        }
        self.step(at, Event::Lease(until))
    }

    /// A reign is to be closed in order, and the lease to be given back after it.
    pub(super) fn close_reign(&mut self, at: usize) -> Outcome {
        let plant = self.plant;
        let Some(life) = &mut self.nodes[at].life else { return Ok(()) };
        life.is_closing = true;
        match &life.reign {
            None => self.closed(at),
            Some(_) if plant == NodePlant::ReleasesBeforeClosed => {
                self.tell_lease(at, Lease::Closed { heir: None })
            }
            Some(reign) => {
                let id = reign.id;
                self.after(CLOSE_WITHIN, Happening::CloseTimeout(at, id));
                self.step(at, Event::Close)
            }
        }
    }

    fn closed(&mut self, at: usize) -> Outcome {
        if let Some(life) = &mut self.nodes[at].life {
            (life.reign, life.term) = (None, Moment::START); // nobody is left to say anything
        }
        self.tell_lease(at, Lease::Closed { heir: None })
    }

    pub(super) fn close_timed_out(&mut self, at: usize, id: u64) -> Outcome {
        let is_open = |reign: &Reign| reign.id == id;
        let life = self.nodes[at].life.as_ref();
        if !life.is_some_and(|life| life.reign.as_ref().is_some_and(is_open)) {
            return Ok(());
        }
        self.closed(at)
    }

    pub(super) fn step(&mut self, at: usize, event: Event<Command, Query>) -> Outcome {
        let now = self.nodes[at].clock.at(self.now);
        let Some(reign) = self.nodes[at].life.as_mut().and_then(|life| life.reign.as_mut()) else {
            return Ok(());
        };
        let mut effects = Vec::new();
        reign.sequencer.step(now, event, &mut effects);
        self.carry_out(at, effects)
    }

    pub(super) fn carry_out(&mut self, at: usize, effects: Vec<EffectOf<Toy>>) -> Outcome {
        for effect in effects {
            let life = self.nodes[at].life.as_mut();
            let Some(reign) = life.and_then(|life| life.reign.as_mut()) else { return Ok(()) };
            match effect {
                Effect::Append { end, record, .. } => {
                    reign.away = Some(end);
                    let id = reign.id;
                    self.append(at, id, end, record);
                }
                Effect::Act(toy::Effect::Reply(to, reply)) => self.replies(at, to, reply)?,
                Effect::Answer { to, answer, settled: true } => self.answers(at, to, &answer)?,
                Effect::Free { pool, count } => reign.permits[pool.index()] -= i64::from(count),
                Effect::Refuse { to, .. } => self.refuses(at, to),
                Effect::Act(toy::Effect::Notice(_))
                | Effect::Answer { settled: false, .. }
                | Effect::Parked
                | Effect::Resumed => {}
                Effect::Restart(Reason::Fault(why)) => return Err(format!("a fault: {why}")),
                Effect::Restart(Reason::Unknown(_) | Reason::Conflict(_)) => self.ends(at)?,
                Effect::Closed => self.closed(at)?,
            }
        }
        Ok(())
    }

    /// A reign that ended by a lost word or a rival begins again, if its node still holds the lease.
    fn ends(&mut self, at: usize) -> Outcome {
        self.fault("reigns ended");
        let Some(life) = &mut self.nodes[at].life else { return Ok(()) };
        life.reign = None;
        if life.is_closing {
            return self.closed(at);
        }
        let boot = life.boot;
        self.after(20 * MS, Happening::Begin(at, boot));
        Ok(())
    }

    fn append(&mut self, at: usize, id: u64, end: Sequence, record: Bytes) {
        self.after(APPEND_WITHIN, Happening::AppendTimeout(at, id, end));
        if self.is_lost(at) {
            self.fault("appends lost");
            return;
        }
        let is_answered = !(self.faulty && self.chance.per_mille(15));
        let delay = if self.faulty && self.chance.per_mille(15) {
            self.fault("late appends");
            APPEND_WITHIN + self.chance.below(3_000 * MS)
        } else {
            self.delay()
        };
        self.after(delay, Happening::Append(at, id, end, record, is_answered));
    }

    pub(super) fn append_arrives(
        &mut self,
        at: usize,
        id: u64,
        (end, record): (Sequence, Bytes),
        is_answered: bool,
    ) -> Outcome {
        if self.out_until > self.now {
            if self.chance.per_mille(300) {
                let delay = self.out_until - self.now;
                self.after(delay, Happening::Append(at, id, end, record, is_answered));
            }
            return Ok(());
        }
        let head = decode::<toy::Event>(&record).map_err(|error| error.to_string())?.head;
        let appended = self.store.append_now(end, record);
        if appended.is_ok() {
            let of = |reign: &Reign| reign.id == id;
            let life = self.nodes[at].life.as_ref();
            // A life that is over wrote under its own epoch, which was noted when it began.
            if life.is_some_and(|life| life.reign.as_ref().is_some_and(of)) {
                self.wrote(at, head.epoch)?;
            }
        }
        if is_answered {
            let delay = self.delay();
            self.after(delay, Happening::Appended(at, id, appended));
        } else {
            self.fault("words of appends lost");
        }
        Ok(())
    }

    fn awaits(&mut self, at: usize, id: u64) -> Option<&mut Reign> {
        let reign = self.nodes[at].life.as_mut()?.reign.as_mut()?;
        (reign.id == id && reign.away.is_some()).then_some(reign)
    }

    pub(super) fn appended(
        &mut self,
        at: usize,
        id: u64,
        appended: Result<Sequence, AppendError>,
    ) -> Outcome {
        let is_unfenced = self.plant == NodePlant::NoFence;
        let Some(reign) = self.awaits(at, id) else { return Ok(()) };
        let end = reign.away.take();
        match (appended, end) {
            (Ok(_), Some(end)) if is_unfenced => {
                self.step(at, Event::Appended(Sequence(end.0 + 1)))
            }
            (Ok(at_end), _) => self.step(at, Event::Appended(at_end)),
            (Err(error), _) => {
                self.fault("conflicts");
                self.step(at, Event::AppendFailed(error))
            }
        }
    }

    pub(super) fn append_timed_out(&mut self, at: usize, id: u64, end: Sequence) -> Outcome {
        let is_done = self.plant == NodePlant::UnknownAppendIsDone;
        let Some(reign) = self.awaits(at, id).filter(|reign| reign.away == Some(end)) else {
            return Ok(());
        };
        reign.away = None;
        if is_done {
            return self.step(at, Event::Appended(Sequence(end.0 + 1)));
        }
        self.step(at, Event::AppendFailed(AppendError::Unknown("timed out".into())))
    }

    pub(super) fn command(&mut self, at: usize, command: Command, token: ReplyTo) -> Outcome {
        let Some(reign) = self.reign_of(at) else {
            self.refuses(at, Some(token));
            return Ok(());
        };
        reign.permits[Pool::Outside.index()] += 1;
        self.step(at, Event::Command { command, reply: Some(token), pool: Pool::Outside })
    }

    pub(super) fn query(&mut self, at: usize, query: Query, token: ReplyTo) -> Outcome {
        let Some(reign) = self.reign_of(at) else {
            self.refuses(at, Some(token));
            return Ok(());
        };
        reign.permits[Pool::Queries.index()] += 1;
        self.step(at, Event::Query { query, reply: token })
    }

    fn reign_of(&mut self, at: usize) -> Option<&mut Reign> {
        self.nodes[at].life.as_mut()?.reign.as_mut()
    }

    /// What the one that leads shows, and what a replay on another machine comes to.
    pub(super) fn last_look(&self, at: usize) -> Result<(toy::Answer, bool), String> {
        let reign = self.nodes[at].life.as_ref().and_then(|life| life.reign.as_ref());
        let reign = reign.ok_or("nobody leads")?;
        if reign.permits.iter().any(|out| *out != 0) {
            return Err(format!("permits did not come back: {:?}", reign.permits));
        }
        let (mind, now) = (reign.sequencer.mind(), self.nodes[at].clock.at(self.now));
        mind.check(now);
        let folded = ready(async {
            let mut fold = Fold::restore(journal(&self.store)?, genesis())
                .await
                .map_err(|error| error.to_string())?;
            fold.read_on(Sequence(u64::MAX)).await.map_err(|error| error.to_string())?;
            Ok::<_, String>(fold.mind().snapshot())
        })??;
        Ok((mind.answer(now, &Query), folded == mind.snapshot()))
    }
}

type Began = orkestra_runtime::Result<(Toy, Position)>;

async fn begin(
    journal: &Journal,
    warm: Option<Fold<Toy>>,
    wall: orkestra_runtime::time::Wall,
) -> Began {
    let mut fold = match warm {
        Some(fold) => fold,
        None => Fold::restore(journal.clone(), genesis()).await?,
    };
    let epoch = journal.next_epoch().await?;
    fold.promote(epoch, wall).await?;
    Ok(fold.into_parts())
}
