//! What nodes hear of each other, when they wake, and who should lead.

use std::time::Duration;

use orkestra_runtime::{
    id::{Incarnation, NodeId, ShardId},
    leadership::{
        Event,
        placement::{Candidate, place},
    },
    machine::Machine,
    presence::{Effect, Event as Presence},
    protocol::node::NodeBeat,
    time::Moment,
};

use super::{Happening, MS, NodePlant, Outcome, World, node::Life};

/// How long a node must have been there before the shard is handed over to it.
const STABLE: Duration = Duration::from_secs(3);
/// As by default.
const BEAT_EVERY: u64 = 300 * MS;

impl World {
    /// A new life of a node begins.
    pub(super) fn start(&mut self, at: usize) {
        self.lives += 1;
        let boot = Incarnation(self.lives);
        let node = &mut self.nodes[at];
        node.life = Some(Life::new(&node.id, boot, node.clock.at(self.now)));
        node.wakes_at = u64::MAX;
        self.trace(|| format!("n{at} begins life {boot}"));
        let seen = self.register.clone();
        let delay = self.delay();
        self.after(delay, Happening::Watched(at, seen));
        self.after(self.now % MS, Happening::Beat(at, boot));
    }

    /// How long something takes on its way.
    pub(super) fn delay(&mut self) -> u64 {
        match self.chance.below(100) {
            0..5 if self.faulty => self.chance.below(600 * MS),
            5..20 if self.faulty => self.chance.below(60 * MS),
            _ => MS / 10 + self.chance.below(2 * MS),
        }
    }

    /// Whether something gets lost on its way from or to a node.
    pub(super) fn is_lost(&mut self, at: usize) -> bool {
        self.nodes[at].cut_until > self.now || (self.faulty && self.chance.per_mille(15))
    }

    /// Wakes a node when its machines want to be woken.
    pub(super) fn rewake(&mut self, at: usize) {
        let node = &self.nodes[at];
        let Some(life) = &node.life else { return };
        let Some(due) = life.wakeup() else { return };
        let truth = node.clock.truth_of(due).max(self.now + 1_000);
        if truth < node.wakes_at || node.wakes_at <= self.now {
            self.nodes[at].wakes_at = truth;
            self.after(truth - self.now, Happening::Wake(at));
        }
    }

    pub(super) fn wake(&mut self, at: usize) -> Outcome {
        if self.plant == NodePlant::PauseIsSilence {
            self.wake_in_a_row(at)?;
        }
        let now = self.nodes[at].clock.at(self.now);
        let Some(life) = &mut self.nodes[at].life else { return Ok(()) };
        let is_due = |due: Option<Moment>| due.is_some_and(|due| due <= now.moment);
        let (mut lease, mut presence, mut reign) = (Vec::new(), Vec::new(), Vec::new());
        if is_due(life.presence.wakeup()) {
            life.presence.tick(now, &mut presence);
        }
        if is_due(life.lease.wakeup()) {
            life.lease.tick(now, &mut lease);
        }
        if let Some(open) = life.reign.as_mut().filter(|open| is_due(open.sequencer.wakeup())) {
            open.sequencer.tick(now, &mut reign);
        }
        self.news(at, presence)?;
        self.carry_out_lease(at, lease)?;
        self.carry_out(at, reign)
    }

    /// A node says that it is there, and thinks about who should lead.
    pub(super) fn beat(&mut self, at: usize, boot: Incarnation) -> Outcome {
        let id = self.nodes[at].id.clone();
        let Some(life) = self.nodes[at].life.as_mut().filter(|life| life.boot == boot) else {
            return Ok(());
        };
        let beat = life.beat(&id);
        self.after(BEAT_EVERY, Happening::Beat(at, boot));
        if self.faulty && self.chance.per_mille(30) {
            self.late_beats.push(beat.clone());
        }
        for other in 0..self.nodes.len() {
            if other == at {
                self.heard(at, beat.clone())?;
                continue;
            }
            if self.is_lost(at) || self.is_lost(other) {
                continue;
            }
            let delay = self.delay();
            self.after(delay, Happening::Heard(other, beat.clone()));
            if self.faulty && self.chance.per_mille(20) {
                let delay = self.delay();
                self.after(delay, Happening::Heard(other, beat.clone()));
                self.fault("beats heard twice");
            }
        }
        self.think(at)
    }

    fn think(&mut self, at: usize) -> Outcome {
        let now = self.nodes[at].clock.at(self.now).moment;
        let id = self.nodes[at].id.clone();
        let Some(life) = &self.nodes[at].life else { return Ok(()) };
        let candidates: Vec<Candidate> = life
            .presence
            .members()
            .up()
            .filter_map(|member| {
                let up_for = member.up_for(now)?;
                Some(Candidate { node: member.beat.node.clone(), up_for, draining: false })
            })
            .collect();
        let place = place(&id, ShardId(0), None, &candidates, STABLE);
        self.tell_lease(at, Event::Rank(place.wish.rank))?;
        if place.hand_over.is_some() {
            self.tell_lease(at, Event::HandOver { heir: place.hand_over })?;
        }
        Ok(())
    }

    pub(super) fn heard(&mut self, at: usize, beat: NodeBeat) -> Outcome {
        let now = self.nodes[at].clock.at(self.now);
        let Some(life) = &mut self.nodes[at].life else { return Ok(()) };
        let id = beat.node.clone();
        let beat = match life.presence.members().get(&id).map(|known| known.beat.clone()) {
            Some(known) if self.plant == NodePlant::OldBootBelieved && beat.boot < known.boot => {
                NodeBeat { boot: known.boot, number: known.number + 1, ..beat }
            }
            _ => beat,
        };
        let mut effects = Vec::new();
        life.presence.step(now, Presence::Heard(beat), &mut effects);
        // What is shown of a node is of its latest life that was heard of.
        let shown = life.presence.members().get(&id).map(|member| member.beat.since);
        if let Some(since) = shown
            && let Some(before) = life.shown.insert(id.clone(), since)
            && since < before
        {
            return Err(format!("n{at} shows an earlier life of {id} again"));
        }
        self.news(at, effects)
    }

    /// Whoever was paused or cut off itself must not miss the others for that.
    fn news(&mut self, at: usize, effects: Vec<Effect>) -> Outcome {
        let awake_for = self.now.saturating_sub(self.nodes[at].resumed_at);
        for effect in effects {
            let Effect::Down { node, .. } = &effect else { continue };
            self.trace(|| format!("n{at} misses {node}"));
            if self.nodes[at].resumed_at > 0 && awake_for < 500 * MS && self.is_there(node) {
                return Err(format!("n{at} misses {node} since it was paused itself"));
            }
        }
        Ok(())
    }

    fn is_there(&self, id: &NodeId) -> bool {
        let Some(at) = self.nodes.iter().position(|node| node.id == *id) else { return false };
        let node = &self.nodes[at];
        node.life.is_some() && node.paused_until < self.now && node.cut_until < self.now
    }

    /// A node that believes that it slept through nothing has its alarms ring one after another.
    fn wake_in_a_row(&mut self, at: usize) -> Outcome {
        let now = self.nodes[at].clock.at(self.now);
        let Some(life) = &mut self.nodes[at].life else { return Ok(()) };
        let mut effects = Vec::new();
        while let Some(due) = life.presence.wakeup().filter(|due| *due <= now.moment) {
            let then = orkestra_runtime::time::Now { moment: due, ..now };
            life.presence.tick(then, &mut effects);
        }
        self.news(at, effects)
    }
}
