//! What is known of the nodes, for whoever looks.

use std::{collections::BTreeMap, fmt, time::Duration};

use crate::{
    id::NodeId,
    protocol::node::{NodeBeat, Staying},
    time::Moment,
};

/// Whether a node is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is, without a break since then.
    Up {
        /// By the clock of whoever looks.
        since: Moment,
    },
    /// It has been silent since then: dead, paused, or cut off.
    Down {
        /// By the clock of whoever looks.
        since: Moment,
    },
    /// It has said that it goes.
    Left {
        /// By the clock of whoever looks.
        since: Moment,
    },
}

/// A node, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// What it said last.
    pub beat: NodeBeat,
    /// When it was heard last.
    pub heard: Moment,
    /// Whether it is there.
    pub state: State,
    /// How often it was told as down since it was first heard.
    pub times_down: u64,
}

impl Member {
    /// Whether it is there.
    pub const fn is_up(&self) -> bool {
        matches!(self.state, State::Up { .. })
    }

    /// For how long it has been there without a break; none when it is not.
    pub const fn up_for(&self, now: Moment) -> Option<Duration> {
        match self.state {
            State::Up { since } => Some(now.since(since)),
            State::Down { .. } | State::Left { .. } => None,
        }
    }

    /// The word for its state, for people and programs.
    pub const fn word(&self) -> &'static str {
        match (self.state, self.beat.staying) {
            (State::Up { .. }, Staying::Stays) => "up",
            (State::Up { .. }, Staying::Draining | Staying::Leaving) => "draining",
            (State::Down { .. }, _) => "down",
            (State::Left { .. }, _) => "left",
        }
    }

    /// What it does, for people.
    pub const fn roles(&self) -> &'static str {
        match (self.beat.roles.coordinator, self.beat.roles.agents) {
            (true, true) => "coordinator, agents",
            (true, false) => "coordinator",
            (false, true) => "agents",
            (false, false) => "none",
        }
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NodeBeat { node, boot, since, capacity, running, led, version, .. } = &self.beat;
        let (word, roles) = (self.word(), self.roles());
        write!(
            f,
            "{node} is {word}: {roles}, life {boot} since {since}, {running} of {capacity} at work, \
             leads {led}, runs {version}"
        )
    }
}

/// All nodes that are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    pub(super) all: BTreeMap<NodeId, Member>,
    pub(super) refused: u64,
}

impl Members {
    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Member> {
        self.all.values()
    }

    /// One of them.
    pub fn get(&self, node: &NodeId) -> Option<&Member> {
        self.all.get(node)
    }

    /// Those that are there.
    pub fn up(&self) -> impl Iterator<Item = &Member> {
        self.iter().filter(|member| member.is_up())
    }

    /// Of the coordinators that are there and stay, one that reads least; none when there is none.
    /// Whoever is drained leads nothing more, and is not waited for.
    pub fn least_reader(&self) -> Option<&Member> {
        let stays = |member: &&Member| {
            member.beat.roles.coordinator && member.beat.staying == Staying::Stays
        };
        self.up().filter(stays).min_by_key(|member| member.beat.reads)
    }

    /// How many beats were refused: of earlier lives, late, of too many nodes, or not to be read.
    pub const fn refused(&self) -> u64 {
        self.refused
    }
}
