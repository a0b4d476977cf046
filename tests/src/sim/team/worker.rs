//! A simulated worker: what it holds, and what nobody has acknowledged.

use std::collections::BTreeMap;

use orkestra_runtime::{
    chance::Chance,
    id::{AgentId, Attempt, Incarnation, TaskId, TaskNo},
    protocol::{
        agent::{AgentProfile, Assignment, Availability, FromAgent, Report, ToAgent},
        payload::{Json, Payload},
        task::{Failure, FailureKind, Outcome},
    },
};

/// One worker, in its present life.
#[derive(Clone, Debug)]
pub(super) struct Worker {
    pub(super) id: AgentId,
    pub(super) capacity: u32,
    life: Incarnation,
    held: BTreeMap<TaskNo, (Attempt, TaskId)>,
    unheard: Vec<Report>,
}

impl Worker {
    pub(super) const fn new(id: AgentId, capacity: u32) -> Self {
        Self { id, capacity, life: Incarnation(1), held: BTreeMap::new(), unheard: Vec::new() }
    }

    /// Whether it holds nothing.
    pub(super) fn is_idle(&self) -> bool {
        self.held.is_empty()
    }

    /// It dies, and another begins that knows nothing.
    pub(super) fn die(&mut self) {
        self.life = Incarnation(self.life.0 + 1);
        self.held.clear();
        self.unheard.clear();
    }

    /// What it says when it is asked who is there.
    pub(super) fn announce(&self, capacity: u32) -> Vec<FromAgent> {
        let profile = AgentProfile {
            id: self.id.clone(),
            kind: "function".to_owned(),
            description: String::new(),
            capabilities: Vec::new(),
            specialties: Vec::new(),
            capacity,
            availability: Availability::Available,
        };
        let mut said = vec![FromAgent::Joined { profile, incarnation: self.life }];
        said.extend(self.beat());
        said
    }

    /// A sign of life, and once more what was not acknowledged.
    pub(super) fn beat(&self) -> Vec<FromAgent> {
        let (agent, incarnation) = (self.id.clone(), self.life);
        let held = self.held.iter().map(|(task, (attempt, _))| (*task, *attempt)).collect();
        let mut said = vec![FromAgent::Beat { agent: agent.clone(), incarnation, held }];
        if !self.unheard.is_empty() {
            let reports = self.unheard.clone();
            said.push(FromAgent::Ended { agent, incarnation, reports });
        }
        said
    }

    /// It is told something; an error says that it is asked for more than it can hold.
    pub(super) fn told(&mut self, message: &ToAgent) -> Result<(), String> {
        match message {
            ToAgent::Assign(list) => {
                for Assignment { task, attempt, id, .. } in list {
                    let known = |it: &Report| it.task == *task && it.attempt == *attempt;
                    if !self.unheard.iter().any(known) {
                        self.held.insert(*task, (*attempt, id.clone()));
                    }
                }
            }
            ToAgent::Cancel { task, attempt, .. } => {
                self.held.retain(|no, (held, _)| no != task || held != attempt);
            }
            ToAgent::Acknowledged(list) => {
                self.unheard.retain(|it| !list.contains(&(it.task, it.attempt)));
            }
            // Nobody shares an agent here, and locks have been opened.
            ToAgent::WhoIsThere | ToAgent::Want { .. } | ToAgent::AssignLocked(_) => {}
        }
        if self.held.len() > self.capacity as usize {
            return Err(format!("{} holds {} of {}", self.id, self.held.len(), self.capacity));
        }
        Ok(())
    }

    /// It ends one of what it holds: with the task, the attempt and the result, if there is one.
    pub(super) fn end_one(
        &mut self,
        chance: &mut Chance,
        well: bool,
    ) -> Option<(TaskId, Attempt, Option<String>, FromAgent)> {
        let held: Vec<TaskNo> = self.held.keys().copied().collect();
        let task = *chance.pick(&held)?;
        let (attempt, id) = self.held.remove(&task)?;
        let output =
            format!("{{\"by\":\"{}\",\"life\":{},\"attempt\":{attempt}}}", self.id, self.life);
        let (outcome, output) = match if well { 9 } else { chance.below(10) } {
            0 | 1 => (Outcome::Failed(Failure::error("no luck")), None),
            2 => (Outcome::Failed(Failure::new(FailureKind::HandedBack, "later")), None),
            _ => {
                let json = Json::parse(&output).unwrap_or_default();
                (Outcome::Completed(Payload::Inline(json)), Some(output))
            }
        };
        let report = Report { task, attempt, outcome, worked_ms: 1, checks: Vec::new() };
        self.unheard.push(report.clone());
        let (agent, incarnation) = (self.id.clone(), self.life);
        let said = FromAgent::Ended { agent, incarnation, reports: vec![report] };
        Some((id, attempt, output, said))
    }
}
