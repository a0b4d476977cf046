//! What can be asked of a supervisor.

use std::sync::Arc;

use super::{
    SupervisorMachine, Turn, Waiter,
    roster::{After, Key, Phase},
};
use crate::{
    machine::ReplyTo,
    supervise::{
        event::{Admin, Effect, Refusal, Reply},
        rules::{ChildId, Plan, Rules, Strategy},
    },
};

impl SupervisorMachine {
    pub(super) fn asked(&mut self, turn: &mut Turn<'_>, to: ReplyTo, admin: Admin) {
        let done = match admin {
            Admin::Count => {
                let counts = self.roster.counts(self.is_dynamic());
                return turn.answer(to, Reply::Counted(counts));
            }
            Admin::Which => return turn.answer(to, Reply::Listed(self.roster.views(turn.now))),
            _ if self.is_closing() => Err(Refusal::Closing),
            Admin::Start(id, rules) => self.add(turn, to, id, rules),
            Admin::Terminate(id) => self.terminate(turn, to, &id),
            Admin::Restart(id) => self.restart(turn, to, &id),
            Admin::Delete(id) => self.delete(turn, to, &id),
        };
        if let Err(refusal) = done {
            turn.answer(to, Reply::Refused(refusal));
        }
    }

    fn find(&self, id: &ChildId) -> Result<Key, Refusal> {
        self.roster.key(id).ok_or(Refusal::NotFound)
    }

    fn phase(&self, key: Key) -> Phase {
        self.roster.get(key).map_or(Phase::Down, |child| child.phase().clone())
    }

    fn add(
        &mut self,
        turn: &mut Turn<'_>,
        to: ReplyTo,
        id: ChildId,
        rules: Option<Arc<Rules>>,
    ) -> Result<(), Refusal> {
        if let Some(key) = self.roster.key(&id) {
            let fell = self.roster.get(key).is_some_and(|child| child.failures > 0);
            return Err(match self.phase(key) {
                Phase::Down | Phase::Parked | Phase::Waiting { .. } => Refusal::AlreadyPresent,
                // It failed, and is tried again: there is nothing that runs.
                Phase::Starting { .. } if fell => Refusal::AlreadyPresent,
                Phase::Starting { .. } | Phase::Running { .. } | Phase::Stopping { .. } => {
                    Refusal::AlreadyStarted
                }
            });
        }
        let rules = self.rules_for(rules)?;
        let plan = Plan {
            strategy: self.strategy,
            intensity: self.intensity,
            auto_shutdown: self.auto_shutdown,
            children: Vec::new(),
        };
        rules.check(&id, &plan).map_err(|error| Refusal::Bad(error.to_string().into()))?;
        let key = self.roster.add(id.clone(), rules);
        turn.push(Effect::Admit(to, id));
        self.starts.insert(key, Waiter { to, fresh: true });
        if !self.will_start(key) {
            self.start(turn, key);
        }
        Ok(())
    }

    fn rules_for(&self, given: Option<Arc<Rules>>) -> Result<Arc<Rules>, Refusal> {
        let bad = |fault: &str| Err(Refusal::Bad(fault.into()));
        match (self.strategy, &self.template, given) {
            (Strategy::Dynamic { children_max }, _, _) if self.roster.len() >= children_max => {
                Err(Refusal::Full(children_max))
            }
            (Strategy::Dynamic { .. }, Some(template), None) => Ok(Arc::clone(template)),
            (Strategy::Dynamic { .. }, _, _) => {
                bad("a dynamic supervisor takes no spec: give the name of an instance")
            }
            (_, _, Some(rules)) => Ok(rules),
            (_, _, None) => bad("only a dynamic supervisor has a template: give a spec"),
        }
    }

    fn terminate(&mut self, turn: &mut Turn<'_>, to: ReplyTo, id: &ChildId) -> Result<(), Refusal> {
        let key = self.find(id)?;
        if let Some(child) = self.roster.get_mut(key) {
            child.held = true;
        }
        match self.phase(key) {
            Phase::Starting { .. } | Phase::Running { .. } | Phase::Stopping { .. } => {
                self.stops.entry(key).or_default().push(to);
                self.stop(turn, key, After::Down);
            }
            Phase::Down | Phase::Waiting { .. } | Phase::Parked => {
                let refused = Refusal::StartFailed("it was terminated meanwhile".into());
                self.answer_start(turn, key, Reply::Refused(refused));
                self.roster.set(key, Phase::Down);
                if self.is_dynamic() {
                    self.forget(turn, key);
                }
                turn.answer(to, Reply::Done);
            }
        }
        Ok(())
    }

    fn restart(&mut self, turn: &mut Turn<'_>, to: ReplyTo, id: &ChildId) -> Result<(), Refusal> {
        let key = self.find(id)?;
        match self.phase(key) {
            Phase::Down | Phase::Parked if self.starts.contains_key(&key) => {
                Err(Refusal::Restarting)
            }
            Phase::Down | Phase::Parked => {
                if let Some(child) = self.roster.get_mut(key) {
                    child.failures = 0;
                    child.held = false;
                }
                self.starts.insert(key, Waiter { to, fresh: false });
                if !self.will_start(key) {
                    self.start(turn, key);
                }
                Ok(())
            }
            Phase::Waiting { .. } | Phase::Starting { .. } => Err(Refusal::Restarting),
            Phase::Running { .. } | Phase::Stopping { .. } => Err(Refusal::Running),
        }
    }

    fn delete(&mut self, turn: &mut Turn<'_>, to: ReplyTo, id: &ChildId) -> Result<(), Refusal> {
        let key = self.find(id)?;
        match self.phase(key) {
            Phase::Down | Phase::Parked if self.starts.contains_key(&key) => {
                Err(Refusal::Restarting)
            }
            Phase::Down | Phase::Parked => {
                self.forget(turn, key);
                turn.answer(to, Reply::Done);
                Ok(())
            }
            Phase::Waiting { .. } | Phase::Starting { .. } => Err(Refusal::Restarting),
            Phase::Running { .. } | Phase::Stopping { .. } => Err(Refusal::Running),
        }
    }

    pub(super) fn answer_start(&mut self, turn: &mut Turn<'_>, key: Key, reply: Reply) {
        if let Some(waiter) = self.starts.remove(&key) {
            turn.answer(waiter.to, reply);
        }
    }

    pub(super) fn answer_stops(&mut self, turn: &mut Turn<'_>, key: Key) {
        for to in self.stops.remove(&key).unwrap_or_default() {
            turn.answer(to, Reply::Done);
        }
    }
}
