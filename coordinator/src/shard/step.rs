//! One step: everything that follows from one command, as one atomic thing.

use std::{collections::VecDeque, fmt};

use orkestra_runtime::{
    chance::Chance,
    id::Number,
    limits::RECORD_BYTES_MAX,
    record::encode_event,
    time::{Now, Wall},
};

use super::mind::Mind;

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
    next: Number,
    pub(super) events: Vec<M::Event>,
    pub(super) effects: Vec<M::Effect>,
    pub(super) commands: VecDeque<M::Command>,
    pub(super) taken: usize,
    /// The encoded events of this step, after `begun` bytes that belong to earlier steps.
    pub(super) buffer: Vec<u8>,
    pub(super) begun: usize,
    pub(super) fault: Option<StepFault>,
}

/// Why a step could not be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepFault {
    /// Its events take more bytes than one record holds.
    TooLarge {
        /// How many bytes they take, as far as they were encoded.
        bytes: usize,
        /// How many would fit.
        bytes_max: usize,
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
            next,
            events: Vec::new(),
            effects: Vec::new(),
            commands: VecDeque::new(),
            taken: 0,
            buffer: Vec::new(),
            begun: 0,
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
        self.taken += 1;
        if self.taken >= STEP_COMMANDS_MAX {
            self.fault.get_or_insert(StepFault::TooMany);
        } else {
            self.commands.push_back(command);
        }
    }

    /// The number that the next event will have.
    pub const fn next_number(&self) -> Number {
        self.next
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

    /// Why the step cannot go on, if a decision has asked for too much.
    pub(super) fn fault(&self, bytes_max: usize) -> Option<StepFault> {
        if self.bytes() > bytes_max {
            return Some(StepFault::TooLarge { bytes: self.bytes(), bytes_max });
        }
        self.fault.clone()
    }
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
/// `next` is the number of its first event. On an error of the first decision nothing has changed.
pub fn perform<M: Mind>(
    mind: &mut M,
    now: Now,
    chance: &mut Chance,
    next: Number,
    command: &M::Command,
) -> Result<Performed<M>, StepFault> {
    let mut step = Step::new(next);
    let mut all = Vec::new();
    mind.hear(now, command);
    mind.decide(now, chance, command, &mut step);
    if let Some(fault) = step.fault(DECISION_BYTES_MAX) {
        return Err(fault);
    }
    let mut number = next;
    loop {
        for event in std::mem::take(&mut step.events) {
            advance(mind, now, number, now.wall, &event);
            number = number.next();
            all.push(event);
        }
        let Some(command) = step.commands.pop_front() else { break };
        mind.hear(now, &command);
        mind.decide(now, chance, &command, &mut step);
        if let Some(fault) = step.fault(STEP_BYTES_MAX) {
            return Err(fault);
        }
    }
    Ok(Performed { events: all, effects: step.effects })
}

/// Applies one event on a leader.
pub(super) fn advance<M: Mind>(mind: &mut M, now: Now, number: Number, at: Wall, event: &M::Event) {
    mind.apply(number, at, event);
    mind.lead(now, number, event);
}
