//! The register and the hands of the lease machine.

use orkestra_runtime::{
    leadership::{Effect, Event, Revision, Seen, SetFault, Standing},
    machine::Machine,
    time::Moment,
};

use super::{
    Call, Happening, MS, NodePlant, Outcome, What, World,
    node::{LEASE, Life},
};

/// A call that takes longer counts as unknown.
const CALL_WITHIN: u64 = 300 * MS;

impl World {
    pub(super) fn tell_lease(&mut self, at: usize, event: Event) -> Outcome {
        let now = self.nodes[at].clock.at(self.now);
        let Some(life) = &mut self.nodes[at].life else { return Ok(()) };
        let mut effects = Vec::new();
        life.lease.step(now, event, &mut effects);
        self.carry_out_lease(at, effects)
    }

    pub(super) fn carry_out_lease(&mut self, at: usize, effects: Vec<Effect>) -> Outcome {
        for effect in effects {
            match effect {
                Effect::Set { at: revision, standing } => {
                    self.call(at, What::Set { at: revision, standing });
                }
                Effect::Look => self.call(at, What::Look),
                Effect::Lead { until, revision } => {
                    self.trace(|| format!("n{at} holds the lease by {revision:?}"));
                    self.believe(at, until)?;
                    if let Some(life) = &mut self.nodes[at].life {
                        life.tenure = Some(revision);
                        life.is_closing = false;
                        let boot = life.boot;
                        let delay = self.delay();
                        self.after(delay, Happening::Begin(at, boot));
                    }
                }
                Effect::Renewed { until } => self.believe(at, until)?,
                Effect::Close => self.close_reign(at)?,
                Effect::Released | Effect::Lost => {
                    self.trace(|| format!("n{at}: {effect:?}"));
                    self.history.hand_overs += u64::from(effect == Effect::Released);
                    if let Some(life) = &mut self.nodes[at].life {
                        life.tenure = None;
                        let stays = self.plant == NodePlant::ReleasesBeforeClosed
                            && effect == Effect::Released;
                        if !stays {
                            life.term = Moment::START;
                            life.reign = None;
                        }
                    }
                }
                Effect::Holder(_) => {}
            }
        }
        Ok(())
    }

    /// A node believes that it may say what no append proves until then.
    fn believe(&mut self, at: usize, until: Moment) -> Outcome {
        let now = self.nodes[at].clock.at(self.now).moment;
        let term = match self.plant {
            NodePlant::TermFromAnswer => now + LEASE,
            NodePlant::TermTooLong => until + LEASE,
            _ => until,
        };
        if let Some(life) = &mut self.nodes[at].life
            && (life.reign.is_some() || !life.is_closing)
        {
            life.term = term;
        }
        self.lease_reign(at, term)
    }

    fn call(&mut self, at: usize, what: What) {
        self.calls += 1;
        let (number, lost) = (self.calls, self.is_lost(at));
        let is_deaf = self.nodes[at].deaf_until > self.now;
        let Some(life) = &mut self.nodes[at].life else { return };
        life.calling = Some((number, matches!(what, What::Look)));
        self.after(CALL_WITHIN, Happening::CallTimeout(at, number));
        if lost || is_deaf {
            self.fault("calls lost");
            return;
        }
        // An answer may be lost, and a call may arrive when nobody waits for it any more.
        let is_answered = !(self.faulty && self.chance.per_mille(40));
        let delay = self.delay();
        self.after(delay, Happening::Call(at, Call { number, what, is_answered }));
    }

    pub(super) fn call_arrives(&mut self, at: usize, call: Call) {
        if self.out_until > self.now {
            if self.chance.per_mille(300) {
                let delay = self.out_until - self.now;
                self.after(delay, Happening::Call(at, call)); // it lands late
            }
            return;
        }
        let Call { number, what, is_answered } = call;
        let delay = self.delay();
        match what {
            What::Look => {
                let seen = self.register.clone();
                if is_answered {
                    self.after(delay, Happening::Looked(at, number, seen));
                }
            }
            What::Set { at: revision, standing } => {
                let result = self.set(revision, standing);
                if is_answered {
                    self.after(delay, Happening::SetDone(at, number, result));
                } else {
                    self.fault("answers lost");
                }
            }
        }
    }

    fn set(&mut self, at: Option<Revision>, standing: Standing) -> Result<Revision, SetFault> {
        if self.register.as_ref().map(|held| held.revision) != at {
            return Err(SetFault::Conflict(self.register.clone()));
        }
        self.revision += 1;
        let seen = Seen { revision: Revision(self.revision), standing };
        self.trace(|| format!("the register: {seen:?}"));
        self.register = Some(seen.clone());
        for other in 0..self.nodes.len() {
            if self.is_lost(other) || self.nodes[other].deaf_until > self.now {
                continue;
            }
            let delay = self.delay();
            self.after(delay, Happening::Watched(other, Some(seen.clone())));
        }
        Ok(Revision(self.revision))
    }

    pub(super) fn watched(&mut self, at: usize, seen: Option<Seen>) -> Outcome {
        let seen = seen.map(|mut seen| {
            if let (NodePlant::EarlyTakeover, Standing::Held(held)) =
                (self.plant, &mut seen.standing)
            {
                held.lease_ms /= 2;
            }
            seen
        });
        self.tell_lease(at, Event::Seen(seen))
    }

    /// Whether this is the answer that a node waits for.
    fn is_awaited(&mut self, at: usize, number: u64) -> bool {
        self.awaited(at, number).is_some()
    }

    /// Whether what a node waits for under this number is a look; none when it does not.
    fn awaited(&mut self, at: usize, number: u64) -> Option<bool> {
        let calling = |life: &mut Life| life.calling.take_if(|(call, _)| *call == number);
        self.nodes[at].life.as_mut().and_then(calling).map(|(_, is_look)| is_look)
    }

    pub(super) fn looked(&mut self, at: usize, number: u64, seen: Option<Seen>) -> Outcome {
        if !self.is_awaited(at, number) {
            return Ok(());
        }
        self.tell_lease(at, Event::Looked(Ok(seen)))
    }

    pub(super) fn set_done(
        &mut self,
        at: usize,
        number: u64,
        result: Result<Revision, SetFault>,
    ) -> Outcome {
        if !self.is_awaited(at, number) {
            return Ok(());
        }
        let result = match result {
            Err(SetFault::Conflict(Some(seen))) if self.plant == NodePlant::ConflictIgnored => {
                Ok(Revision(seen.revision.0 + 1))
            }
            result => result,
        };
        self.tell_lease(at, Event::SetDone(result))
    }

    pub(super) fn call_timed_out(&mut self, at: usize, number: u64) -> Outcome {
        let Some(is_look) = self.awaited(at, number) else { return Ok(()) };
        self.fault("calls without an answer");
        if is_look {
            return self.tell_lease(at, Event::Looked(Err(())));
        }
        if self.plant == NodePlant::UnknownIsHeld {
            let revision = Revision(self.revision + 1);
            return self.tell_lease(at, Event::SetDone(Ok(revision)));
        }
        self.tell_lease(at, Event::SetDone(Err(SetFault::Unknown)))
    }

    /// Never two nodes believe in a term at once.
    pub(super) fn one_term(&self) -> Outcome {
        let believes = |node: &&super::node::Node| {
            let now = node.clock.at(self.now).moment;
            node.life.as_ref().is_some_and(|life| life.term > now)
        };
        let mut holders = self.nodes.iter().filter(believes);
        match (holders.next(), holders.next()) {
            (Some(one), Some(other)) => {
                Err(format!("{} and {} believe in a term at once", one.id, other.id))
            }
            (Some(_) | None, None) | (None, Some(_)) => Ok(()),
        }
    }
}
