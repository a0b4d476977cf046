//! The two shapes of a mind.
//!
//! A mind is pure: it never waits, reads no clock, draws no chance of its own and holds no port.
//! Time, chance and input come in; effects go out into a buffer that the caller lends. A token
//! such as [`ReplyTo`] stands for whoever waits; the shell keeps the port under it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::{Moment, Now};

/// Stands for somebody who waits for an answer; the shell knows who.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ReplyTo(pub u64);

/// A mind without a journal: what it knows it learns again after a restart.
pub trait Machine: Send + 'static {
    /// What can happen to it.
    type Event: fmt::Debug + Send + 'static;
    /// What it can ask the world to do.
    type Effect: fmt::Debug + Send + 'static;

    /// Takes one event in and pushes what follows from it, in the order in which it must be done.
    fn step(&mut self, now: Now, event: Self::Event, effects: &mut Vec<Self::Effect>);

    /// Does what has become due. Called at [`wakeup`](Self::wakeup) or later, and harmless at any
    /// other time. Afterwards `wakeup` lies ahead of `now`, or there is none.
    fn tick(&mut self, now: Now, effects: &mut Vec<Self::Effect>) {
        let _ = (now, effects);
    }

    /// When it next has something to do by itself: computed from state, never stored.
    fn wakeup(&self) -> Option<Moment> {
        None
    }
}
