//! The sequencer of a shard: pure.
//!
//! Promises:
//! - Events are numbered contiguously and stand in the journal in that order; all events of a step
//!   stand in one record.
//! - One append is under way at a time; meanwhile the next record gathers. Nobody who is answered
//!   waits for a timer: whoever is alone waits for one append, whoever has company shares it. What
//!   answers nobody and starts nothing goes with the next that does, or a moment later alone.
//! - Nothing leaves before everything it depends on is durable; effects are released in order.
//! - A command that is refused has changed no durable state and never will.
//! - After [`Effect::Restart`] nothing leaves any more.
//! - While the journal is full, commands that would write are refused as full, and queries are
//!   answered at once from memory and marked as not settled. Nothing is lost: the records that wait
//!   are appended when there is room.
//!
//! It does not promise to lead: another reign shows by a conflict. What would leave without an
//! append of its own (answers to queries, refusals that a decision makes) could be old news from a
//! reign that is over, so it leaves only while the lease is valid.

mod answering;
mod gather;
mod release;
#[cfg(test)]
mod tests;
mod words;
mod writing;

use std::{
    collections::VecDeque,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use gather::Outgoing;
use orkestra_runtime::{
    chance::Chance,
    id::{Epoch, Number, ShardId},
    journal::Position,
    machine::{Machine, ReplyTo},
    time::{Moment, Now, Wall},
};
use release::Release;
pub use words::{Effect, EffectOf, Event, EventOf, Reason, Refusal};

use super::{
    ceiling::Ceiling,
    mind::Mind,
    pool::Pool,
    step::{STEP_BYTES_MAX, Step, StepFault, Turn},
};

/// The most bytes that may wait to be written before commands from outside are refused as busy.
pub const GATHERED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// For how long events are kept back that nobody waits for. A request that waits for a lock is such:
/// it should cost no append of its own while the lock goes from hand to hand.
pub const LINGER: Duration = Duration::from_millis(1);

/// How many internal commands are taken between two pieces of mail.
pub const DUE_STEPS_MAX: usize = 64;

/// Orders one shard, from a state that was folded up to a position.
pub struct Sequencer<M: Mind> {
    mind: M,
    chance: Chance,
    /// Its buffer is where the record gathers.
    step: Step<M>,
    outgoing: Outgoing,
    /// The last event that is durable.
    durable: Number,
    /// What is released when the event with its number is durable, in order.
    waiting: VecDeque<(Number, Release<M>)>,
    /// Since when events gather that nobody waits for; none when nothing gathers, or somebody does.
    lingering: Option<Moment>,
    parked: Option<Parked>,
    phase: Phase,
    /// Until when what is not proved by an append may be said; none when nobody else can lead.
    lease: Option<Moment>,
    /// What may be written; none: all that this program knows.
    ceiling: Option<Ceiling>,
    /// What is due by itself waits: for another ceiling, or for a lease.
    held_back: bool,
    /// When it last heard of time; the wall is shard time.
    now: Now,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    Closing,
    Ended,
}

/// The journal is full.
#[derive(Clone, Copy, Debug)]
struct Parked {
    tries: u32,
    /// When it is tried again; none while a try is under way.
    until: Option<Moment>,
}

impl<M: Mind> Sequencer<M> {
    /// Begins a reign: `mind` is folded up to `position`, where the reign's record stands.
    pub fn new(shard: ShardId, position: Position, mut mind: M, chance: Chance, now: Now) -> Self {
        let now = Now { moment: now.moment, wall: now.wall.max(position.at) };
        mind.promote(now);
        Self {
            mind,
            chance,
            step: Step::new(position.number.next()),
            outgoing: Outgoing::new(shard, position.epoch, position.sequence()),
            durable: position.number,
            waiting: VecDeque::new(),
            lingering: None,
            parked: None,
            phase: Phase::Open,
            lease: None,
            ceiling: None,
            held_back: false,
            now,
        }
    }

    /// The same with a lease that runs until then: others may lead the shard.
    #[must_use]
    pub const fn leased_until(mut self, until: Moment) -> Self {
        self.lease = Some(until);
        self
    }

    /// The same where no more may be written than this.
    #[must_use]
    pub fn under(mut self, ceiling: Option<Ceiling>) -> Self {
        self.ceiling = ceiling;
        self
    }

    /// The state, which runs ahead of the journal: for tests and the simulator.
    pub const fn mind(&self) -> &M {
        &self.mind
    }

    /// The last event that is durable.
    pub const fn durable(&self) -> Number {
        self.durable
    }

    /// The last event that was numbered.
    pub const fn numbered(&self) -> Number {
        Number(self.step.next_number().0 - 1)
    }

    /// Whether the journal is full.
    pub const fn is_parked(&self) -> bool {
        self.parked.is_some()
    }

    /// Which reign this is.
    pub const fn epoch(&self) -> Epoch {
        self.outgoing.epoch
    }

    /// Shard time: the wall clock, forced not to go back.
    fn hear_clock(&mut self, now: Now) {
        self.now = Now { moment: now.moment, wall: now.wall.max(self.now.wall) };
    }

    fn command(
        &mut self,
        command: &M::Command,
        reply: Option<ReplyTo>,
        pool: Pool,
        effects: &mut Vec<EffectOf<M>>,
    ) {
        let refusal = if self.phase == Phase::Closing {
            Refusal::Closing
        } else if pool == Pool::Outside && self.gathered_bytes() >= GATHERED_BYTES_MAX {
            Refusal::Busy
        } else {
            match self.take(command, effects) {
                Ok(()) => {
                    if self.phase != Phase::Ended {
                        self.release_after(Release::Free(pool), effects);
                    }
                    return;
                }
                Err(fault) => Refusal::Step(fault),
            }
        };
        effects.push(Effect::Refuse { to: reply, refusal });
        effects.push(Effect::Free { pool, count: 1 });
    }

    /// Whether nobody else can lead, as far as this node's clock tells.
    fn is_leased(&self) -> bool {
        self.lease.is_none_or(|until| self.now.moment < until)
    }

    fn gathered_bytes(&self) -> usize {
        self.outgoing.sealed_bytes() + self.step.buffer.len()
    }

    /// Takes one step. An error means that it was refused; a step that broke ends the sequencer.
    fn take(
        &mut self,
        command: &M::Command,
        effects: &mut Vec<EffectOf<M>>,
    ) -> Result<(), StepFault> {
        self.step.begin();
        let at = self.outgoing.gathering.map_or(self.now.wall, |(_, at)| at);
        let (may_write, may_answer) = (self.parked.is_none(), self.is_leased());
        let Self { mind, chance, step, .. } = self;
        let ceiling = self.ceiling.as_ref();
        let turn = Turn { mind, chance, now: self.now, at, may_write, may_answer, ceiling };
        // A first decision that panics has changed nothing, and one bad command must not take the
        // shard down; after the first event was applied the state is no longer to be trusted.
        let taken = catch_unwind(AssertUnwindSafe(|| step.run(turn, command, drop)))
            .unwrap_or_else(|panic| Err(StepFault::Fault(describe(panic.as_ref()))));
        match taken {
            Ok(()) => {
                self.gather(at, effects);
                Ok(())
            }
            Err(fault) if step.is_applied() => {
                self.restart(
                    Reason::Fault(format!("a step broke in its middle: {fault}")),
                    effects,
                );
                Ok(())
            }
            Err(fault) => {
                step.abort();
                Err(fault)
            }
        }
    }

    /// Puts the events of the step that was just taken into the gathering record, or into the next
    /// one, and its effects into the queue of what waits.
    fn gather(&mut self, at: Wall, effects: &mut Vec<EffectOf<M>>) {
        let first = self.step.first();
        if self.step.bytes() > 0 {
            let begun = self.step.begun();
            if self.outgoing.gathering.is_none() {
                self.outgoing.gathering = Some((first, at));
                self.lingering = Some(self.now.moment);
            }
            if begun > 0 && self.step.buffer.len() > STEP_BYTES_MAX {
                self.close(begun, Number(first.0 - 1), effects);
            }
        }
        let last = self.numbered();
        if last == self.durable {
            effects.extend(self.step.effects.drain(..).map(Effect::Act));
        } else {
            if !self.step.effects.is_empty() {
                self.lingering = None;
            }
            let acts = self.step.effects.drain(..).map(|effect| (last, Release::Act(effect)));
            self.waiting.extend(acts);
        }
    }

    /// Queues a release behind everything that has been numbered, or does it if all is durable.
    fn release_after(&mut self, release: Release<M>, effects: &mut Vec<EffectOf<M>>) {
        let last = self.numbered();
        if last == self.durable {
            effects.push(release.into_effect(true));
        } else {
            if matches!(release, Release::Answer(..)) {
                self.lingering = None;
            }
            self.waiting.push_back((last, release));
        }
    }

    /// Does what is due by itself.
    fn do_what_is_due(&mut self, effects: &mut Vec<EffectOf<M>>) {
        for _ in 0..DUE_STEPS_MAX {
            if self.phase != Phase::Open || self.parked.is_some() || self.held_back {
                return;
            }
            let Some(command) = self.mind.due(self.now) else { return };
            if !self.is_leased() {
                self.held_back = true;
                return;
            }
            if let Err(fault) = self.take(&command, effects) {
                if matches!(fault, StepFault::TooNew { .. }) {
                    self.held_back = true;
                    return;
                }
                let why = format!("an internal command cannot be done: {fault}");
                self.restart(Reason::Fault(why), effects);
            }
        }
    }

    /// Ends; what was not released never will be.
    fn restart(&mut self, reason: Reason, effects: &mut Vec<EffectOf<M>>) {
        self.phase = Phase::Ended;
        self.waiting.clear();
        self.parked = None;
        effects.push(Effect::Restart(reason));
    }

    fn close_if_done(&mut self, effects: &mut Vec<EffectOf<M>>) {
        if self.phase == Phase::Closing && self.outgoing.is_empty() {
            self.phase = Phase::Ended;
            effects.push(Effect::Closed);
        }
    }
}

impl<M: Mind> Machine for Sequencer<M> {
    type Event = EventOf<M>;
    type Effect = EffectOf<M>;

    fn step(&mut self, now: Now, event: EventOf<M>, effects: &mut Vec<EffectOf<M>>) {
        if self.phase == Phase::Ended {
            return;
        }
        self.hear_clock(now);
        match event {
            Event::Command { command, reply, pool } => {
                self.command(&command, reply, pool, effects);
            }
            Event::Query { query, reply } => self.query(&query, reply, effects),
            Event::Appended(at) => self.appended(at, effects),
            Event::AppendFailed(error) => self.append_failed(error, effects),
            Event::Lease(until) => {
                // What was due while nothing could be said is due still.
                self.held_back &= self.is_leased();
                self.lease = Some(until);
            }
            Event::Ceiling(ceiling) => {
                self.ceiling = ceiling;
                self.held_back = false;
            }
            Event::Close => self.phase = Phase::Closing,
        }
        self.do_what_is_due(effects);
        self.send(effects);
        self.close_if_done(effects);
    }

    fn tick(&mut self, now: Now, effects: &mut Vec<EffectOf<M>>) {
        if self.phase == Phase::Ended {
            return;
        }
        self.hear_clock(now);
        self.try_again(effects);
        self.do_what_is_due(effects);
        self.send(effects);
    }

    fn wakeup(&self) -> Option<Moment> {
        if self.phase != Phase::Open {
            return self.parked.and_then(|parked| parked.until);
        }
        if let Some(parked) = self.parked {
            return parked.until;
        }
        let is_away = self.outgoing.in_flight.is_some();
        let lingering = self.lingering.filter(|_| !is_away).map(|since| since + LINGER);
        let of_mind = if self.held_back { None } else { self.mind.wakeup(self.now) };
        // Never in the past, or the shell would spin: what is due still is done a moment later.
        let soonest = self.now.moment + Duration::from_nanos(1);
        of_mind.into_iter().chain(lingering).min().map(|moment| moment.max(soonest))
    }
}

/// What a panic said.
fn describe(panic: &(dyn std::any::Any + Send)) -> String {
    let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    said.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".into())
}

impl<M: Mind> fmt::Debug for Sequencer<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sequencer")
            .field("outgoing", &self.outgoing)
            .field("durable", &self.durable)
            .field("waiting", &self.waiting.len())
            .field("parked", &self.parked)
            .field("phase", &self.phase)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}
