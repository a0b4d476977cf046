//! Small worlds: random commands, losses and restarts; every promise is checked after each step.

use std::{collections::BTreeMap, time::Duration};

use orkestra_runtime::{
    chance::Chance,
    id::{AgentId, Attempt, Number, TaskNo},
    machine::ReplyTo,
    protocol::{
        agent::FromAgent,
        ask::{Ask, AskRule, OnTimeout},
        payload::Payload,
        task::{DependencyKind, Failure, FailureKind, Outcome},
    },
};

use super::{
    gauges::check_views,
    script::{Script, profile, run_id, task, task_id},
};
use crate::task::{
    Ending, Phase, RunOpening, Said, TaskCommand, TaskEvent, TaskMachine, TaskSettings,
    people::Word, standing::ScopeName,
};

const AGENTS: [&str; 3] = ["ann", "bob", "cid"];
const PEOPLE: [&str; 3] = ["pia", "quin", "rob"];

fn person(name: &str) -> AgentId {
    AgentId::new(name).unwrap()
}

struct World {
    script: Script,
    chance: Chance,
    lives: BTreeMap<&'static str, u64>,
    tasks: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let settings = TaskSettings { retain_tasks: 5, ..TaskSettings::default() };
        let mut chance = Chance::from_seed(seed);
        let mut script = Script::with(settings);
        let stream = chance.per_mille(500);
        let concurrency = chance.per_mille(300).then_some(2);
        script.open(RunOpening { concurrency, stream, ..RunOpening::default() });
        Self { script, chance, lives: BTreeMap::new(), tasks: 0 }
    }

    fn agent(&mut self) -> &'static str {
        self.chance.pick(&AGENTS).unwrap()
    }

    fn some_task(&mut self) -> String {
        format!("t{}", self.chance.below(self.tasks.max(1)))
    }

    fn submit(&mut self) {
        let name = format!("t{}", self.tasks);
        let needs: Vec<String> = (0..self.chance.below(3)).map(|_| self.some_task()).collect();
        let mut needs: Vec<&str> =
            needs.iter().map(String::as_str).filter(|need| *need != name).collect();
        needs.sort_unstable();
        needs.dedup();
        let mut spec = task(&name, &needs);
        for dependency in &mut spec.dependencies {
            if self.chance.per_mille(300) {
                dependency.kind = DependencyKind::Soft;
            }
        }
        if self.chance.per_mille(200) && self.tasks > 0 {
            spec.parent = Some(orkestra_runtime::id::TaskId::new("t0").unwrap());
        }
        if self.chance.per_mille(200) {
            spec.deadline_ms = Some(self.chance.below(60_000));
        }
        if self.chance.per_mille(200) {
            spec.ask = Some(self.ask());
            spec.agents = PEOPLE.map(person).to_vec();
        }
        self.tasks += 1;
        self.script.submit(&[spec]);
    }

    fn ask(&mut self) -> Ask {
        let rules = [AskRule::Any, AskRule::All, AskRule::Majority];
        let rule = *self.chance.pick(&rules).unwrap();
        let timeout_ms = self.chance.per_mille(500).then(|| 1 + self.chance.below(30_000));
        let to = vec![person("boss")];
        let on_timeout = match self.chance.below(3) {
            0 if timeout_ms.is_some() => OnTimeout::Escalate { to },
            1 => OnTimeout::Approve,
            _ => OnTimeout::Reject,
        };
        Ask { rule, timeout_ms, on_timeout, ..Ask::default() }
    }

    /// Somebody says something about some task, whether they are asked or not.
    fn decide(&mut self) {
        let name = self.some_task();
        let by = person(self.chance.pick(&["pia", "quin", "rob", "boss"]).unwrap());
        let said = if self.chance.per_mille(700) { Said::Approved } else { Said::Rejected };
        let (reason, via) = (String::new(), String::new());
        let word = Word { by, said, reason, via };
        let (to, task) = (ReplyTo(0), task_id(&name));
        self.script.tell(TaskCommand::Decide { to, run: run_id(), task, word });
    }

    fn stand(&mut self) {
        let (to, by) = (ReplyTo(0), "somebody".to_owned());
        let (scope, reason) = (ScopeName::Run(run_id()), String::new());
        let agent = person(self.agent());
        self.script.tell(match self.chance.below(4) {
            0 => TaskCommand::Pause { to, scope, by, reason },
            1 => TaskCommand::Resume { to, scope, by },
            2 => TaskCommand::Drain { to, agent, by, reason },
            _ => TaskCommand::Return { to, agent, by },
        });
    }

    fn report(&mut self) {
        let held: Vec<(TaskNo, Attempt, &str)> = self.held();
        let Some((no, attempt, agent)) = self.chance.pick(&held).copied() else { return };
        let agent = agent.to_owned();
        let attempt = Attempt(attempt.0.saturating_sub(u32::from(self.chance.per_mille(100))));
        let outcome = match self.chance.below(4) {
            0 => Outcome::Failed(Failure::error("no luck")),
            1 => Outcome::Failed(Failure::new(FailureKind::HandedBack, "later")),
            _ => Outcome::Completed(Payload::null()),
        };
        let name = self.script.machine.task(no).unwrap().spec.id.to_string();
        self.script.report(&agent, &name, attempt.0, outcome);
    }

    fn held(&self) -> Vec<(TaskNo, Attempt, &'static str)> {
        let machine = &self.script.machine;
        let tasks = machine.durable.tasks.iter();
        let held = tasks.filter_map(|(no, task)| {
            let Phase::Assigned { agent, .. } = task.phase else { return None };
            let id = &machine.durable.roster.get(agent)?.profile.id;
            let name = AGENTS.iter().find(|name| **name == id.as_str())?;
            Some((*no, task.attempt, *name))
        });
        held.collect()
    }

    fn act(&mut self) {
        match self.chance.below(17) {
            0..=3 => self.submit(),
            4..=8 => self.report(),
            9 => {
                let agent = self.agent();
                let life = self.lives.entry(agent).or_default();
                *life += 1;
                let life = *life;
                let capacity = u32::try_from(1 + self.chance.below(3)).unwrap();
                self.script.join(profile(agent, capacity), life);
            }
            10 => {
                let by = Duration::from_millis(self.chance.below(20_000));
                self.script.advance(by);
            }
            11 => {
                let name = self.some_task();
                if self.chance.per_mille(300) {
                    self.script.cancel(&name);
                } else {
                    self.script.retry(&name);
                }
            }
            12 => {
                self.script.restart();
                self.script.settle();
            }
            13 | 14 => self.decide(),
            15 => self.stand(),
            _ => {
                let agent = self.agent();
                let held: Vec<_> = self.held();
                let held = held.iter().filter(|(_, _, by)| *by == agent);
                let held = held.map(|(no, attempt, _)| (*no, *attempt)).collect();
                let life = self.lives.get(agent).copied().unwrap_or_default();
                self.script.tell(TaskCommand::Heard(FromAgent::Beat {
                    agent: AgentId::new(agent).unwrap(),
                    incarnation: orkestra_runtime::id::Incarnation(life),
                    held,
                }));
            }
        }
    }

    fn check(&self) {
        let machine = &self.script.machine;
        let bytes = machine.snapshot();
        let back = TaskMachine::restore(machine.settings.clone(), &bytes).unwrap();
        assert_eq!(back.durable, machine.durable, "a snapshot gives another state");
        assert_eq!(back.snapshot(), bytes);
        for (_, record) in machine.durable.roster.iter() {
            assert!(record.outstanding <= 3, "more than any capacity ever was");
        }
        let asked = |phase: &Phase| matches!(phase, Phase::Asked { .. });
        let asked = machine.durable.tasks.values().filter(|task| asked(&task.phase)).count();
        assert_eq!(machine.durable.asked.len(), asked);
        for run in machine.durable.runs.values() {
            assert!(run.counts.ended() + run.counts.assigned <= run.counts.total);
        }
        for (no, task) in &machine.durable.tasks {
            let leased = machine.live.leases.contains_key(no);
            let assigned = matches!(task.phase, Phase::Assigned { .. });
            assert!(leased || !assigned, "an attempt that no lease ever ends");
        }
    }

    /// Lets everything come to rest: agents are there and work, nobody disturbs them.
    fn heal(&mut self) {
        let tasks = self.script.machine.durable.runs.values().next().unwrap().counts.total;
        self.script.tell(TaskCommand::Seal { to: ReplyTo(0), run: run_id(), tasks });
        let (to, by) = (ReplyTo(0), "somebody".to_owned());
        let scope = ScopeName::Run(run_id());
        self.script.tell(TaskCommand::Resume { to, scope, by: by.clone() });
        for agent in AGENTS {
            let back = TaskCommand::Return { to, agent: person(agent), by: by.clone() };
            self.script.tell(back);
            let life = self.lives.get(agent).copied().unwrap_or_default() + 1;
            self.script.join(profile(agent, 3), life);
        }
        for _ in 0..500 {
            let held = self.held();
            // What is old is forgotten some day; until then there is nothing to do.
            let soon = self.script.now.moment + Duration::from_hours(24);
            let wakeup = self.script.machine.wakeup(self.script.now);
            let asked = self.script.machine.durable.asked.is_empty();
            if held.is_empty() && asked && wakeup.is_none_or(|at| at > soon) {
                return;
            }
            for (no, attempt, agent) in held {
                let name = self.script.machine.task(no).unwrap().spec.id.to_string();
                self.script.complete(agent, &name, attempt.0);
            }
            for (_, no) in self.script.machine.durable.asked.clone() {
                let task = self.script.machine.task(no).unwrap().spec.id.clone();
                for by in PEOPLE {
                    let (by, said) = (person(by), Said::Approved);
                    let (reason, via) = (String::new(), String::new());
                    let word = Word { by, said, reason, via };
                    let task = task.clone();
                    self.script.tell(TaskCommand::Decide { to, run: run_id(), task, word });
                }
            }
            self.script.advance(Duration::from_secs(5));
        }
        panic!("it does not come to rest");
    }
}

/// No terminal event ever finds its task ended.
fn check_terminals(script: &Script) {
    let mut machine = TaskMachine::new(TaskSettings::default());
    for (index, (at, event)) in script.journal.iter().enumerate() {
        let ended = match event {
            TaskEvent::Completed { task, .. }
            | TaskEvent::Failed { task, .. }
            | TaskEvent::AttemptFailed { task, .. }
            | TaskEvent::Cancelled { task, .. } => machine.task(*task),
            _ => None,
        };
        assert!(!ended.is_some_and(crate::task::Task::has_ended), "ended twice: {event:?}");
        machine.apply(Number(index as u64 + 1), *at, event);
    }
}

#[test]
fn random_histories_keep_every_promise_and_come_to_rest() {
    let mut completed = 0;
    for seed in 0..150 {
        let mut world = World::new(seed);
        for _ in 0..60 {
            world.act();
            world.check();
        }
        check_views(&world.script);
        world.heal();
        world.check();
        check_terminals(&world.script);
        check_views(&world.script);
        let tasks = world.script.machine.durable.tasks.values();
        for task in tasks {
            assert!(task.has_ended(), "seed {seed}: {:?} never ended", task.spec.id);
            completed +=
                u64::from(matches!(task.phase, Phase::Ended { ending: Ending::Completed(_), .. }));
        }
    }
    assert!(completed > 500, "idle, and proves nothing: {completed}");
}
