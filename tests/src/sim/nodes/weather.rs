//! What goes wrong between simulated nodes, how it heals, and whether all is at rest.

use orkestra_coordinator::shard::Fold;
use orkestra_runtime::{
    id::ShardId,
    leadership::{
        Standing,
        placement::{Candidate, ranked},
    },
};

use super::{Happening, MS, NodePlant, Outcome, World};
use crate::sim::leader::{genesis, journal, ready};

impl World {
    pub(super) fn weather(&mut self) -> Outcome {
        if !self.faulty {
            return Ok(());
        }
        let next = 50 * MS + self.chance.below(450 * MS);
        self.after(next, Happening::Weather);
        let at = self.victim();
        match self.chance.below(100) {
            0..12 => self.pause(at),
            12..20 => self.crash(at),
            20..30 => {
                self.nodes[at].cut_until = self.now + self.chance.below(4_000 * MS);
                self.fault("nodes cut off");
            }
            30..40 => {
                // A call that is on its way may arrive; whoever is deaf hears of nothing.
                self.nodes[at].deaf_until = self.now + self.chance.below(5_000 * MS);
                self.fault("registers cut off");
            }
            40..43 => {
                self.out_until = self.now + self.chance.below(3_000 * MS);
                self.fault("stores without a leader");
            }
            43..60 => self.warm(at)?,
            60..75 if self.store.land_late().is_some() => self.fault("late epochs"),
            75..90 => self.late_beat(at),
            _ => {}
        }
        for at in 0..self.nodes.len() {
            if self.nodes[at].life.is_none() && self.chance.per_mille(200) {
                self.start(at);
            }
        }
        Ok(())
    }

    /// Whoever leads has the worse luck.
    fn victim(&mut self) -> usize {
        let leads =
            |node: &super::node::Node| node.life.as_ref().is_some_and(|life| life.reign.is_some());
        let any = usize::try_from(self.chance.below(self.nodes.len() as u64)).unwrap_or(0);
        let leader = self.nodes.iter().position(leads);
        leader.filter(|_| self.chance.per_mille(500)).unwrap_or(any)
    }

    fn pause(&mut self, at: usize) {
        if self.nodes[at].paused_until > self.now || self.nodes[at].life.is_none() {
            return;
        }
        let pause = 100 * MS + self.chance.below(3_500 * MS);
        let until = self.now + pause;
        self.trace(|| format!("n{at} is paused until {}", until / MS));
        self.nodes[at].paused_until = until;
        if pause > 1_500 * MS {
            self.nodes[at].resumed_at = until;
        }
        if self.plant == NodePlant::ClockStopsInPause {
            // What it does next, it does as if no time had passed.
            self.nodes[at].stops = pause;
        }
        self.fault("pauses");
        self.after(pause, Happening::Wake(at));
    }

    /// Its memory is gone, and what it had sent is on its way still.
    fn crash(&mut self, at: usize) {
        if self.nodes[at].life.take().is_some() {
            self.trace(|| format!("n{at} crashes"));
            (self.nodes[at].paused_until, self.nodes[at].resumed_at) = (0, 0);
            self.nodes[at].stops = 0;
            self.fault("crashes");
        }
    }

    fn late_beat(&mut self, at: usize) {
        if self.late_beats.is_empty() {
            return;
        }
        let which = self.chance.below(self.late_beats.len() as u64);
        let beat = self.late_beats.swap_remove(usize::try_from(which).unwrap_or(0));
        self.fault("late beats");
        self.after(0, Happening::Heard(at, beat));
    }

    /// Snapshots are made beside the leader, and the log is trimmed behind them.
    pub(super) fn snapshot(&mut self) -> Outcome {
        self.after(2_000 * MS, Happening::Snapshot);
        if !self.faulty || matches!(self.plant, NodePlant::NoFence | NodePlant::NoEpochRecord) {
            return Ok(());
        }
        let (journal, kept) = (journal(&self.store)?, self.chance.below(20));
        let made = ready(async {
            let mut fold = Fold::restore(journal, genesis()).await?;
            fold.snapshot(kept).await
        })?;
        match made {
            Err(error) if !error.is_retryable() => Err(error.to_string()),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Nothing goes wrong any more.
    pub(super) fn heal(&mut self) {
        self.trace(|| "nothing goes wrong any more".into());
        self.faulty = false;
        self.store.set_faulty(false);
        while self.store.land_late().is_some() {}
        self.out_until = 0;
        for at in 0..self.nodes.len() {
            let node = &mut self.nodes[at];
            (node.cut_until, node.deaf_until) = (0, 0);
            node.paused_until = node.paused_until.min(self.now);
            // A pause that was cut short may have been too short to be noticed.
            (node.resumed_at, node.stops) = (0, 0);
            if node.life.is_none() {
                self.start(at);
            }
            // A watch that lost something begins anew.
            let seen = self.register.clone();
            self.after(MS, Happening::Watched(at, seen));
        }
    }

    /// Who should lead when everybody is there.
    fn preferred(&self) -> Option<usize> {
        let up = |node: &super::node::Node| Candidate {
            node: node.id.clone(),
            up_for: std::time::Duration::MAX,
            draining: false,
        };
        let all: Vec<Candidate> = self.nodes.iter().map(up).collect();
        let first = ranked(ShardId(0), None, &all).first().map(|first| first.node.clone())?;
        self.nodes.iter().position(|node| node.id == first)
    }

    pub(super) fn unrest(&self) -> String {
        let wishes = self.clients.iter().filter(|client| client.wish.is_some()).count();
        let leads: Vec<&str> = self
            .nodes
            .iter()
            .filter(|node| node.life.as_ref().is_some_and(|life| life.reign.is_some()))
            .map(|node| node.id.as_str())
            .collect();
        format!("{wishes} wishes, led by {leads:?}, the register says {:?}", self.register)
    }

    /// Every wish is done, the one that should leads, alone and under a lease, everybody sees
    /// everybody, and nothing is under way.
    pub(super) fn is_at_rest(&self) -> bool {
        let Some(preferred) = self.preferred() else { return false };
        let mut leads = (0..self.nodes.len())
            .filter(|at| self.nodes[*at].life.as_ref().is_some_and(|life| life.reign.is_some()));
        let is_led = leads.next() == Some(preferred) && leads.next().is_none();
        let holds = |standing: &Standing| {
            standing.holder().is_some_and(|held| held.node == self.nodes[preferred].id)
        };
        let quiet = self.nodes[preferred].life.as_ref().is_some_and(|life| {
            let now = self.nodes[preferred].clock.at(self.now).moment;
            let reign = life.reign.as_ref();
            life.term > now
                && reign.is_some_and(|reign| {
                    let sequencer = &reign.sequencer;
                    reign.away.is_none()
                        && sequencer.durable() == sequencer.numbered()
                        && reign.permits.iter().all(|out| *out == 0)
                })
        });
        let all = self.nodes.len();
        let seen = |node: &super::node::Node| {
            node.life.as_ref().is_some_and(|life| life.presence.members().up().count() == all)
        };
        is_led
            && quiet
            && self.register.as_ref().is_some_and(|seen| holds(&seen.standing))
            && self.clients.iter().all(|client| client.wish.is_none())
            && self.nodes.iter().all(seen)
    }

    /// The last look: what the leader shows is what was told, and what any other machine folds.
    pub(super) fn close(&mut self) -> Outcome {
        let at = self.preferred().ok_or("nobody leads")?;
        let (answer, is_folded) = self.last_look(at)?;
        self.books.read(&answer, self.books.floor())?;
        self.books.close(&answer)?;
        if is_folded {
            Ok(())
        } else {
            Err("a replay on another machine gives another state".into())
        }
    }
}
