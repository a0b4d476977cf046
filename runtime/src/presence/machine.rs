//! Who is there: pure.

use std::time::Duration;

use super::member::{Member, Members, State};
use crate::{
    id::{Incarnation, NodeId},
    machine::Machine,
    protocol::node::{NodeBeat, Staying},
    time::{Moment, Now},
};

/// The most nodes that are known at a time.
pub const NODES_MAX: usize = 1_024;

/// A node that has not been there for so long is forgotten.
const FORGET_AFTER: Duration = Duration::from_hours(1);

/// How often nodes say that they are there, and when they are missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresenceSettings {
    /// How often a node says it.
    pub beat_every: Duration,
    /// Whoever is silent for so long is down.
    pub down_after: Duration,
}

impl Default for PresenceSettings {
    fn default() -> Self {
        Self { beat_every: Duration::from_millis(300), down_after: Duration::from_millis(1_200) }
    }
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A node said that it is there.
    Heard(NodeBeat),
    /// Whether anybody can be heard at all.
    Connected(bool),
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A node is there that was not known.
    Up {
        /// Which.
        node: NodeId,
    },
    /// A node is silent.
    Down {
        /// Which.
        node: NodeId,
        /// Which life of it.
        boot: Incarnation,
    },
    /// A node that was told as down is there again, in the same life: it was paused or cut off.
    Back {
        /// Which.
        node: NodeId,
        /// For how long nothing was heard of it.
        away: Duration,
    },
    /// A later life of a node is there: the one before it is over, and all it held.
    Restarted {
        /// Which.
        node: NodeId,
        /// The life before.
        from: Incarnation,
        /// The life now.
        to: Incarnation,
    },
    /// A node has said that it goes.
    Left {
        /// Which.
        node: NodeId,
        /// Which life of it.
        boot: Incarnation,
    },
    /// A node says something else of its roles, of what it reads or of whether it stays.
    Changed {
        /// Which.
        node: NodeId,
    },
    /// A beat of an earlier life was refused.
    Refused {
        /// Of which node.
        node: NodeId,
        /// Which life.
        boot: Incarnation,
    },
    /// This node itself did nothing for so long: what it held by time may be over.
    WasPaused {
        /// For how long.
        paused: Duration,
    },
}

/// The table of nodes.
#[derive(Clone, Debug)]
pub struct PresenceMachine {
    settings: PresenceSettings,
    members: Members,
    connected: bool,
    /// When it last heard of time; none before the first.
    at: Option<Moment>,
}

impl PresenceMachine {
    /// A table of nobody.
    pub fn new(settings: PresenceSettings) -> Self {
        Self { settings, members: Members::default(), connected: true, at: None }
    }

    /// Who is there.
    pub const fn members(&self) -> &Members {
        &self.members
    }

    /// Something was refused that claimed to be a beat.
    pub(super) const fn refuse(&mut self) {
        self.members.refused += 1;
    }

    /// Whoever was paused itself has heard nobody meanwhile, and it is nobody's fault.
    fn hear_clock(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let paused = self.at.map_or(Duration::ZERO, |at| now.since(at));
        self.at = Some(now);
        if paused > self.settings.down_after / 2 + self.settings.beat_every {
            effects.push(Effect::WasPaused { paused });
            self.begin_anew(now);
        }
    }

    /// Everybody who is up has the whole time again to be heard.
    fn begin_anew(&mut self, now: Moment) {
        for member in self.members.all.values_mut().filter(|member| member.is_up()) {
            member.heard = now;
        }
    }

    fn heard(&mut self, beat: NodeBeat, now: Moment, effects: &mut Vec<Effect>) {
        let node = beat.node.clone();
        let Some(member) = self.members.all.get_mut(&node) else {
            if self.members.all.len() >= NODES_MAX {
                self.refuse();
                return;
            }
            let state = State::Up { since: now };
            self.members
                .all
                .insert(node.clone(), Member { beat, heard: now, state, times_down: 0 });
            effects.push(Effect::Up { node: node.clone() });
            self.leaves(&node, now, effects);
            return;
        };
        let (boot, known) = (beat.boot, member.beat.boot);
        if boot < known {
            self.refuse();
            effects.push(Effect::Refused { node, boot });
            return;
        }
        if boot == known && beat.number <= member.beat.number {
            self.refuse();
            return;
        }
        let says = |beat: &NodeBeat| (beat.roles, beat.reads, beat.staying);
        let is_changed = says(&beat) != says(&member.beat);
        let away = now.since(member.heard);
        member.beat = beat;
        member.heard = now;
        if boot > known {
            member.state = State::Up { since: now };
            effects.push(Effect::Restarted { node: node.clone(), from: known, to: boot });
        } else if !member.is_up() {
            member.state = State::Up { since: now };
            effects.push(Effect::Back { node: node.clone(), away });
        } else if is_changed {
            effects.push(Effect::Changed { node: node.clone() });
        }
        self.leaves(&node, now, effects);
    }

    fn leaves(&mut self, node: &NodeId, now: Moment, effects: &mut Vec<Effect>) {
        if let Some(member) = self.members.all.get_mut(node)
            && member.beat.staying == Staying::Leaving
        {
            member.state = State::Left { since: now };
            effects.push(Effect::Left { node: node.clone(), boot: member.beat.boot });
        }
    }

    fn look(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        self.members.all.retain(|_, member| match member.state {
            State::Up { .. } => true,
            State::Down { since } | State::Left { since } => now.since(since) < FORGET_AFTER,
        });
        if !self.connected {
            return;
        }
        for (node, member) in &mut self.members.all {
            if member.is_up() && now.since(member.heard) >= self.settings.down_after {
                member.state = State::Down { since: now };
                member.times_down += 1;
                effects.push(Effect::Down { node: node.clone(), boot: member.beat.boot });
            }
        }
    }
}

impl Machine for PresenceMachine {
    type Event = Event;
    type Effect = Effect;

    fn step(&mut self, now: Now, event: Event, effects: &mut Vec<Effect>) {
        self.hear_clock(now.moment, effects);
        match event {
            Event::Heard(beat) => self.heard(beat, now.moment, effects),
            Event::Connected(connected) => {
                if connected && !self.connected {
                    self.begin_anew(now.moment);
                }
                self.connected = connected;
            }
        }
    }

    fn tick(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.hear_clock(now.moment, effects);
        self.look(now.moment, effects);
    }

    /// Often enough to tell a pause of its own from the silence of others.
    fn wakeup(&self) -> Option<Moment> {
        let at = self.at?;
        let looks = at + self.settings.beat_every;
        let up = self.members.up().map(|member| member.heard + self.settings.down_after);
        let missed = up.min().filter(|missed| self.connected && *missed > at);
        Some(missed.map_or(looks, |missed| missed.min(looks)))
    }
}
