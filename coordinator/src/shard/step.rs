//! One step: everything that follows from one command, as one atomic thing.

use std::{collections::VecDeque, fmt};

use orkestra_runtime::{
    chance::Chance,
    id::{NodeId, Number},
    limits::RECORD_BYTES_MAX,
    record::encode_event,
    time::{Now, Wall},
};
use serde::{Deserialize, Serialize};

use super::{ceiling::Ceiling, mind::Mind};

/// The most commands that one step may take: the first and its follow-ups.
pub const STEP_COMMANDS_MAX: usize = 4_096;

/// The most bytes that the events of one step may take: a record less its own fields.
pub const STEP_BYTES_MAX: usize = RECORD_BYTES_MAX - 1_024;

/// The most bytes that the first decision of a step may write; the rest is for what follows from
/// it, so that a step which has begun can end.
pub const DECISION_BYTES_MAX: usize = STEP_BYTES_MAX / 2;

/// Where a mind puts what it decides.
///
/// Events are numbered and encoded as they are pushed, and applied as soon as the decision that
/// pushed them returns. Follow-up commands run afterwards, in the order in which they were pushed,
/// each from the state that those before it have left. All events of a step stand in one record;
/// its effects are carried out, in order, when that record is durable.
pub struct Step<M: Mind> {
    /// The number that its first event has, or would have.
    first: Number,
    next: Number,
    /// Events of the decision that runs; empty between decisions.
    events: Vec<M::Event>,
    pub(super) effects: Vec<M::Effect>,
    commands: VecDeque<M::Command>,
    commands_taken: usize,
    /// The encoded events of this step, after `begun` bytes that belong to earlier ones.
    pub(super) buffer: Vec<u8>,
    begun: usize,
    applied: bool,
    level: u16,
    fault: Option<StepFault>,
}

/// Why a step was not taken, or not to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepFault {
    /// Its events take more bytes than one record holds.
    TooLarge {
        /// How many bytes they take, as far as they were encoded.
        bytes: usize,
        /// How many would fit.
        bytes_max: usize,
    },
    /// It would write, and there is no room in the journal; later may work.
    Full,
    /// It would write nothing, and the reign's lease has lapsed: somebody else may lead and know
    /// more, so that what it would say may be old. (What is written is proved by the append.)
    Lapsed,
    /// It would write what a node that may lead after this one cannot read.
    TooNew {
        /// Which node.
        node: NodeId,
        /// Which program it runs.
        version: String,
        /// The level of what would be written.
        level: u16,
        /// Up to which level that node reads.
        reads: u16,
    },
    /// It has more follow-up commands than [`STEP_COMMANDS_MAX`].
    TooMany,
    /// An event could not be encoded, or a decision panicked: the program is wrong.
    Fault(String),
}

impl fmt::Display for StepFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes, bytes_max } => write!(
                f,
                "its events take {bytes} bytes, and {bytes_max} fit one record: send it in parts"
            ),
            Self::Full => f.write_str("the journal is full: make room, or try again later"),
            Self::Lapsed => f.write_str("this node may lead the shard no longer: ask again"),
            Self::TooNew { node, version, level, reads } => write!(
                f,
                "node {node} runs {version}, which cannot read this (level {level}, and it reads up \
                 to {reads}): upgrade it first, or drain it"
            ),
            Self::TooMany => {
                write!(f, "more than {STEP_COMMANDS_MAX} commands follow from it: send it in parts")
            }
            Self::Fault(why) => write!(f, "the program is wrong: {why}"),
        }
    }
}

impl<M: Mind> Step<M> {
    /// A step whose first event will be `next`.
    pub fn new(next: Number) -> Self {
        Self {
            first: next,
            next,
            events: Vec::new(),
            effects: Vec::new(),
            commands: VecDeque::new(),
            commands_taken: 0,
            buffer: Vec::new(),
            begun: 0,
            applied: false,
            level: M::EVENT_LEVEL,
            fault: None,
        }
    }

    /// Says what happened, and answers the number that it will have in the journal.
    pub fn event(&mut self, event: M::Event) -> Number {
        let number = self.next;
        if let Err(error) = encode_event(&event, &mut self.buffer) {
            self.fault.get_or_insert_with(|| StepFault::Fault(error.to_string()));
        }
        self.events.push(event);
        self.next = number.next();
        number
    }

    /// Asks for something to be done when everything up to here is durable.
    pub fn effect(&mut self, effect: M::Effect) {
        self.effects.push(effect);
    }

    /// Lets a command follow within this step, after those that were pushed before it.
    pub fn then(&mut self, command: M::Command) {
        self.commands_taken += 1;
        if self.commands_taken >= STEP_COMMANDS_MAX {
            self.fault.get_or_insert(StepFault::TooMany);
        } else {
            self.commands.push_back(command);
        }
    }

    /// The number that the next event will have.
    pub const fn next_number(&self) -> Number {
        self.next
    }

    /// The highest level of events that may be written now.
    pub const fn level(&self) -> u16 {
        self.level
    }

    /// How many bytes of events fit this step still. A sweep that could write without end stops
    /// before this reaches zero and stays due.
    pub const fn room_bytes(&self) -> usize {
        STEP_BYTES_MAX.saturating_sub(self.bytes())
    }

    /// How many bytes the events of this step take so far.
    pub const fn bytes(&self) -> usize {
        self.buffer.len() - self.begun
    }

    /// Events that were pushed by the decision that runs, and are not applied yet.
    pub fn events(&self) -> &[M::Event] {
        &self.events
    }

    /// Effects of this step so far.
    pub fn effects(&self) -> &[M::Effect] {
        &self.effects
    }

    /// Begins the next step after the events that stand in the buffer.
    pub(super) fn begin(&mut self) {
        self.first = self.next;
        self.begun = self.buffer.len();
        self.commands_taken = 0;
        self.applied = false;
        self.fault = None;
    }

    /// Undoes a step of which nothing was applied.
    pub(super) fn abort(&mut self) {
        self.buffer.truncate(self.begun);
        self.next = self.first;
        self.events.clear();
        self.effects.clear();
        self.commands.clear();
    }

    /// Whether events of this step were applied, so that it cannot be undone any more.
    pub(super) const fn is_applied(&self) -> bool {
        self.applied
    }

    /// Where the bytes of this step begin in the buffer.
    pub(super) const fn begun(&self) -> usize {
        self.begun
    }

    /// The number of this step's first event.
    pub(super) const fn first(&self) -> Number {
        self.first
    }

    /// Decides a command and whatever follows from it. After an error nothing has changed if
    /// [`is_applied`](Self::is_applied) is false, and the mind is of no use any more if it is true.
    pub(super) fn run(
        &mut self,
        turn: Turn<'_, M>,
        command: &M::Command,
        mut keep: impl FnMut(M::Event),
    ) -> Result<(), StepFault> {
        let Turn { mind, chance, now, at, may_write, may_answer, ceiling } = turn;
        self.level = ceiling.map_or(M::EVENT_LEVEL, |ceiling| ceiling.level.min(M::EVENT_LEVEL));
        mind.hear(now, command);
        mind.decide(now, chance, command, self);
        let writes = !self.events.is_empty() || !self.commands.is_empty();
        if writes && !may_write {
            return Err(StepFault::Full);
        }
        self.check(DECISION_BYTES_MAX, ceiling)?;
        let mut number = self.first;
        loop {
            for event in self.events.drain(..) {
                self.applied = true;
                mind.apply(number, at, &event);
                mind.lead(now, number, &event);
                number = number.next();
                keep(event);
            }
            let Some(command) = self.commands.pop_front() else { break };
            mind.hear(now, &command);
            mind.decide(now, chance, &command, self);
            self.check(STEP_BYTES_MAX, ceiling)?;
        }
        let is_old_news = !self.applied && !self.effects.is_empty() && !may_answer;
        if is_old_news { Err(StepFault::Lapsed) } else { Ok(()) }
    }

    fn check(&mut self, bytes_max: usize, ceiling: Option<&Ceiling>) -> Result<(), StepFault> {
        if let Some(ceiling) = ceiling.filter(|ceiling| ceiling.level < M::EVENT_LEVEL) {
            let level = self.events.iter().map(M::level).max().unwrap_or_default();
            if level > ceiling.level {
                let Ceiling { level: reads, node, version } = ceiling.clone();
                return Err(StepFault::TooNew { node, version, level, reads });
            }
        }
        if self.bytes() > bytes_max {
            return Err(StepFault::TooLarge { bytes: self.bytes(), bytes_max });
        }
        self.fault.take().map_or(Ok(()), Err)
    }
}

/// What a step is taken with.
pub(super) struct Turn<'a, M> {
    pub(super) mind: &'a mut M,
    pub(super) chance: &'a mut Chance,
    pub(super) now: Now,
    /// The shard time of the record in which the events will stand.
    pub(super) at: Wall,
    /// Whether events may be written; if not, a step that has any is refused as full.
    pub(super) may_write: bool,
    /// Whether effects may leave that no append of this step will prove.
    pub(super) may_answer: bool,
    /// What everybody who may lead after this reign can read; none where nobody else can.
    pub(super) ceiling: Option<&'a Ceiling>,
}

impl<M: Mind> fmt::Debug for Step<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step")
            .field("next", &self.next)
            .field("events", &self.events)
            .field("effects", &self.effects)
            .field("commands", &self.commands)
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

/// What a step came to, for tests of a mind.
#[derive(Debug)]
pub struct Performed<M: Mind> {
    /// All its events, in order; the first has the number that was given.
    pub events: Vec<M::Event>,
    /// All its effects, in order.
    pub effects: Vec<M::Effect>,
}

/// Takes one whole step as the sequencer does, without a sequencer: for tests of a mind.
///
/// `next` is the number of its first event. After an error of the first decision nothing has
/// changed; a panic is not caught.
pub fn perform<M: Mind>(
    mind: &mut M,
    now: Now,
    chance: &mut Chance,
    next: Number,
    command: &M::Command,
) -> Result<Performed<M>, StepFault> {
    let mut step = Step::new(next);
    let mut events = Vec::new();
    let turn =
        Turn { mind, chance, now, at: now.wall, may_write: true, may_answer: true, ceiling: None };
    step.run(turn, command, |event| events.push(event))?;
    Ok(Performed { events, effects: step.effects })
}
