//! The composition of a shard's sub-machines, as the sequencer sees it.
//!
//! Two kinds of state live in a mind. **Durable** state is the fold of the journal: only
//! [`apply`](Mind::apply) changes it, it is the same byte for byte wherever the journal is replayed,
//! and it alone is snapshotted. **Volatile** state (lease deadlines, credits, who listens) exists on
//! a leader only: [`lead`](Mind::lead) and [`hear`](Mind::hear) change it and
//! [`promote`](Mind::promote) rebuilds it with fresh terms; late is safe, early is not.

use std::fmt::Debug;

use orkestra_runtime::{
    Result,
    chance::Chance,
    id::Number,
    time::{Moment, Now, Wall},
};
use serde::{Serialize, de::DeserializeOwned};

use super::step::Step;

/// The composition of a shard's sub-machines: pure.
///
/// In every method that is handed a [`Now`], `now.wall` is the **shard time**: the leader's wall
/// clock, forced not to go back. `now.moment` is monotonic and means nothing to another process.
pub trait Mind: Sized + Send + 'static {
    /// What can be asked for. Holds `ReplyTo` tokens, never ports.
    type Command: Debug + Send + 'static;
    /// What happened. Stored for ever: variants and fields are only added, new fields have defaults.
    type Event: Serialize + DeserializeOwned + Clone + Debug + Send + 'static;
    /// What the world is asked to do, once everything that was decided before is durable.
    type Effect: Debug + Send + 'static;
    /// What can be asked without changing anything.
    type Query: Debug + Send + 'static;
    /// What a query is answered.
    type Answer: Debug + Send + 'static;

    /// The version of [`snapshot`](Self::snapshot): raised with that of any sub-machine, so that an
    /// older program can tell what it does not know without reading it.
    const SNAPSHOT_VERSION: u32;

    /// The highest level that [`level`](Self::level) answers: what this program reads.
    const EVENT_LEVEL: u16;

    /// The level in which the kind of this event, or a field of it that matters, appeared: 1 or more,
    /// and never changed. A command whose first decision writes an event above what all nodes read
    /// that may lead is refused, and nothing has changed. What a mind does by itself, and what follows
    /// from a command, is not to be refused: there it looks at [`Step::level`], and does without.
    fn level(event: &Self::Event) -> u16;

    /// Decides one command of a step, from a state in which everything before it in the step is
    /// applied. Pushes events, effects and follow-up commands into `step`.
    ///
    /// A panic in the first `decide` of a step changes nothing: the command is refused as a fault.
    /// A panic in a later one restarts the shard from its journal.
    fn decide(&self, now: Now, chance: &mut Chance, command: &Self::Command, step: &mut Step<Self>);

    /// Changes durable state, and nothing else; never draws, scores, times out or chooses. `at` is
    /// the shard time of the event's record: never later than the `now.wall` with which it was
    /// decided, and earlier by the length of one append at most.
    fn apply(&mut self, number: Number, at: Wall, event: &Self::Event);

    /// Changes volatile state after an applied event; called on a leader only, right after `apply`.
    fn lead(&mut self, now: Now, number: Number, event: &Self::Event) {
        let _ = (now, number, event);
    }

    /// Changes volatile state before a command is decided (renewals, credits); called on a leader
    /// only, for every command of a step, follow-ups too. What it does must be harmless if the
    /// command is refused afterwards.
    fn hear(&mut self, now: Now, command: &Self::Command) {
        let _ = (now, command);
    }

    /// Rebuilds volatile state from durable state with fresh terms; called when a leader begins.
    fn promote(&mut self, now: Now) {
        let _ = now;
    }

    /// Answers a query from the state as it is.
    fn answer(&self, now: Now, query: &Self::Query) -> Self::Answer;

    /// When it next has something to do by itself. A moment that has passed means "at once", and
    /// then [`due`](Self::due) says what.
    fn wakeup(&self, now: Now) -> Option<Moment> {
        let _ = now;
        None
    }

    /// The internal command that does what is due, if anything is. Called after every step, so it
    /// is cheap when nothing is due; and the command it gives makes it due no more.
    fn due(&self, now: Now) -> Option<Self::Command> {
        let _ = now;
        None
    }

    /// Durable state as bytes: versioned, and the same bytes for the same state everywhere.
    fn snapshot(&self) -> Vec<u8>;

    /// Durable state from the bytes of [`snapshot`](Self::snapshot), of this version or an older one.
    fn restore(bytes: &[u8]) -> Result<Self>;

    /// Durable state from bytes, with what this mind was configured with.
    fn restored(&self, bytes: &[u8]) -> Result<Self> {
        Self::restore(bytes)
    }

    /// Asserts every invariant; called by tests and the simulator.
    fn check(&self, now: Now) {
        let _ = now;
    }
}
