//! Leaders: how they begin, append and end.

use bytes::Bytes;
use orkestra_coordinator::shard::{
    sequencer::{Effect, EffectOf, Event, Reason},
    toy::{self, Command, Query, Toy},
};
use orkestra_runtime::{
    fabric::{AppendError, Sequence},
    id::{Epoch, Number, ShardId},
    machine::{Machine, ReplyTo},
    record::{Head, Record, decode, encode_event, seal, seal_epoch},
    time::Wall,
};

use super::{Outcome, World};
use crate::sim::{
    Books, Plant, Store,
    leader::{Away, promote},
};

impl World {
    pub(super) fn any_leader(&mut self) -> Option<usize> {
        let index = self.chance.below(self.leaders.len() as u64);
        usize::try_from(index).ok().filter(|index| *index < self.leaders.len())
    }

    pub(super) fn lead(&mut self) -> Outcome {
        let chance = self.chance.fork();
        if let Some(leader) = promote(&self.store, self.plant, chance, self.now)? {
            let epoch = leader.sequencer.epoch();
            self.trace(format!("reign {epoch} begins at {}", leader.sequencer.durable()));
            self.history.reigns += 1;
            if !self.leaders.is_empty() {
                self.fault("rivals");
            }
            // A lease has lapsed before the next reign begins; appends know nothing of leases.
            for which in (0..self.leaders.len()).rev() {
                if self.plant != Plant::NoLease {
                    self.step(which, Event::Lease(self.now.moment))?;
                }
            }
            self.leaders.push(leader);
        }
        Ok(())
    }

    pub(super) fn crash(&mut self) {
        let Some(which) = self.any_leader() else { return };
        let leader = self.leaders.remove(which);
        self.history.crashes += 1;
        self.fault("crashes");
        self.trace(format!("reign {} crashes", leader.sequencer.epoch()));
        match self.plant {
            Plant::LostRecord => self.store.lose_record(),
            Plant::ForeignRecord => {
                let end = Sequence(self.store.end_now());
                drop(foreign().map(|record| self.store.append_now(end, record)));
            }
            _ => {}
        }
        if let Some(Away { end, record }) = leader.away {
            match self.chance.below(3) {
                0 if self.plant == Plant::TornRecord => {
                    drop(self.store.append_now(end, torn(record)));
                }
                0 => drop(self.store.append_now(end, record)),
                1 => self.store.append_late(end, record),
                _ => {}
            }
        }
    }

    /// One append of a leader comes to its end, well or (if `faults`) not.
    pub(super) fn deliver(&mut self, which: usize, faults: bool) -> Outcome {
        let Some(Away { end, record }) = self.leaders[which].away.take() else { return Ok(()) };
        let record = if self.plant == Plant::EarlierTime { long_ago(record) } else { record };
        let lost = |store: &Store, late: bool| {
            if late {
                store.append_late(end, record.clone());
            }
            Err(AppendError::Unknown("timed out".into()))
        };
        let appended = match self.chance.below(1_000) {
            0..30 if faults => {
                let _ = self.store.append_now(end, record);
                Err(AppendError::Unknown("the word was lost".into()))
            }
            30..60 if faults => lost(&self.store, true),
            60..80 if faults => lost(&self.store, false),
            _ => self.store.append_now(end, record),
        };
        match &appended {
            Err(AppendError::Unknown(_)) => self.fault("words lost"),
            Err(AppendError::Conflict(_)) => self.fault("conflicts"),
            Err(AppendError::Full) => self.fault("no room"),
            Ok(_) | Err(AppendError::TooLarge) => {}
        }
        self.trace(format!("append after {} by {which}: {appended:?}", end.0));
        let event = match appended {
            _ if self.plant == Plant::AnswerEarly => return Ok(()), // it was answered when sent
            Err(error) if self.is_taken_as_made(&error) => Event::Appended(Sequence(end.0 + 1)),
            Ok(_) if self.plant == Plant::NoFence => Event::Appended(Sequence(end.0 + 1)),
            Ok(at) => Event::Appended(at),
            Err(error) => Event::AppendFailed(error),
        };
        self.step(which, event)
    }

    const fn is_taken_as_made(&self, error: &AppendError) -> bool {
        matches!(
            (error, self.plant),
            (AppendError::Unknown(_), Plant::UnknownIsDone)
                | (AppendError::Full, Plant::FullIsDone)
                | (AppendError::Conflict(_), Plant::ConflictIsDone)
        )
    }

    /// Every append that is away ends well, or fails for good.
    pub(super) fn settle_appends(&mut self) -> Outcome {
        for _ in 0..10_000 {
            let Some(which) = self.leaders.iter().position(|leader| leader.away.is_some()) else {
                return Ok(());
            };
            self.deliver(which, false)?;
        }
        Err("appends follow one another without end".into())
    }

    pub(super) fn step(&mut self, which: usize, event: Event<Command, Query>) -> Outcome {
        let mut effects = Vec::new();
        let now = self.now;
        self.leaders[which].sequencer.step(now, event, &mut effects);
        self.carry_out(which, effects)
    }

    pub(super) fn carry_out(&mut self, which: usize, mut effects: Vec<EffectOf<Toy>>) -> Outcome {
        if self.plant == Plant::Backwards {
            effects.reverse();
        }
        let mut ends = false;
        let mut early = None;
        for effect in effects {
            match effect {
                Effect::Append { end, record, .. } => {
                    early = Some(Sequence(end.0 + 1));
                    self.leaders[which].away = Some(Away { end, record });
                }
                Effect::Act(toy::Effect::Reply(to, reply)) => {
                    self.in_order(which, to)?;
                    self.replied(to, reply)?;
                    if self.plant == Plant::AnswerTwice {
                        self.in_order(which, to)?;
                    }
                }
                Effect::Answer { to, answer, settled } => {
                    if self.plant == Plant::ParkedIsSettled && !settled {
                        self.read_answered(to, &answer)?;
                    } else if settled {
                        self.in_order(which, to)?;
                        self.read_answered(to, &answer)?;
                    } else {
                        Books::sane(&answer)?;
                        self.reads.retain(|read| read.token != to);
                    }
                }
                Effect::Refuse { to, .. } => self.refused(to),
                Effect::Free { count: 2.., .. } if self.plant == Plant::PermitLost => {}
                Effect::Free { pool, count } => {
                    self.leaders[which].permits[pool.index()] -= i64::from(count);
                }
                Effect::Parked => self.history.parked += 1,
                Effect::Act(toy::Effect::Notice(_)) | Effect::Resumed => {}
                Effect::Restart(Reason::Fault(why)) => return Err(format!("a fault: {why}")),
                Effect::Restart(Reason::Unknown(_) | Reason::Conflict(_)) => ends = true,
                Effect::Closed => return Err("a leader closed by itself".into()),
            }
        }
        if ends {
            let leader = self.leaders.remove(which);
            self.history.restarts += 1;
            self.trace(format!("reign {} ends", leader.sequencer.epoch()));
        } else if let Some(at) = early
            && self.plant == Plant::AnswerEarly
        {
            return self.answer_early(which, at);
        }
        Ok(())
    }

    pub(super) fn answer_early(&mut self, which: usize, at: Sequence) -> Outcome {
        // The record goes to the log later, unless the leader crashes before.
        if let Some(Away { end, record }) = self.leaders[which].away.clone() {
            if !self.chance.per_mille(100) {
                let _ = self.store.append_now(end, record);
            }
            self.leaders[which].away = None;
        }
        self.step(which, Event::Appended(at))
    }

    /// Settled words of one leader leave in the order in which they were asked for.
    pub(super) fn in_order(&mut self, which: usize, token: ReplyTo) -> Outcome {
        let answered = &mut self.leaders[which].answered;
        if token <= *answered {
            return Err(format!("{token:?} was answered after {answered:?}"));
        }
        *answered = token;
        Ok(())
    }
}

/// A record that another shard wrote.
fn foreign() -> orkestra_runtime::Result<Bytes> {
    let (first, last) = (Number(1), Number(0));
    let head = Head { shard: ShardId(9), epoch: Epoch(1), first, last, at: Wall::default() };
    seal_epoch(&head).map(Bytes::from)
}

/// The same record, as if it had been written at the beginning of time.
fn long_ago(record: Bytes) -> Bytes {
    let Ok(Record { head, events, .. }) = decode::<toy::Event>(&record) else { return record };
    sealed(&Head { at: Wall::default(), ..head }, &events).unwrap_or(record)
}

fn sealed(head: &Head, events: &[toy::Event]) -> Option<Bytes> {
    let mut buffer = Vec::new();
    for event in events {
        encode_event(event, &mut buffer).ok()?;
    }
    seal(head, &buffer).ok().map(Bytes::from)
}

/// A record without its last event, as a writer would leave it that writes event by event.
fn torn(record: Bytes) -> Bytes {
    let Ok(Record { head, mut events, .. }) = decode::<toy::Event>(&record) else { return record };
    events.pop();
    if events.is_empty() {
        return record;
    }
    let head = Head { last: Number(head.last.0 - 1), ..head };
    sealed(&head, &events).unwrap_or(record)
}
