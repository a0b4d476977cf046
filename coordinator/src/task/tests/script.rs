//! A little vocabulary: one call a line, exact outcomes on the right.

use std::{sync::Arc, time::Duration};

use orkestra_runtime::{
    chance::Chance,
    id::{AgentId, Attempt, Capability, Incarnation, Number, RunId, TaskId, TaskNo},
    machine::ReplyTo,
    protocol::{
        agent::{AgentProfile, Availability, FromAgent, Progress, Report, ToAgent},
        payload::{Json, Payload},
        task::{Dependency, DependencyKind, Failure, Outcome, RetryPolicy, TaskSpec},
    },
    record::encode_event,
    time::{Moment, Now, Wall},
};

use crate::{
    shard::step::{DECISION_BYTES_MAX, STEP_BYTES_MAX},
    task::{
        Answer, Decision, Query, Refusal, Reply, RunOpening, TaskCommand, TaskEffect, TaskEvent,
        TaskMachine, TaskSettings, Why, view::TaskView,
    },
};

pub(super) const START: u64 = 1_000_000;

pub(super) fn run_id() -> RunId {
    RunId::new("run").unwrap()
}

pub(super) fn task_id(name: &str) -> TaskId {
    TaskId::new(name).unwrap()
}

/// A task with hard dependencies, without jitter.
pub(super) fn task(name: &str, needs: &[&str]) -> TaskSpec {
    let mut spec = TaskSpec::new(task_id(name));
    spec.retry = RetryPolicy { jitter_percent: 0, ..RetryPolicy::DEFAULT };
    spec.dependencies =
        needs.iter().map(|on| Dependency { on: task_id(on), kind: DependencyKind::Hard }).collect();
    spec
}

pub(super) fn profile(name: &str, capacity: u32) -> AgentProfile {
    AgentProfile {
        id: AgentId::new(name).unwrap(),
        kind: "function".to_owned(),
        description: String::new(),
        capabilities: Vec::new(),
        specialties: Vec::new(),
        capacity,
        availability: Availability::Available,
    }
}

pub(super) fn able(name: &str, capacity: u32, capabilities: &[&str]) -> AgentProfile {
    let capabilities = capabilities.iter().map(|name| Capability::new(name).unwrap()).collect();
    AgentProfile { capabilities, ..profile(name, capacity) }
}

/// A task machine with its journal, as its sequencer would drive it.
pub(super) struct Script {
    pub(super) machine: TaskMachine,
    pub(super) journal: Vec<(Wall, TaskEvent)>,
    pub(super) effects: Vec<TaskEffect>,
    pub(super) steps: usize,
    pub(super) largest_step: usize,
    chance: Chance,
    pub(super) now: Now,
}

impl Default for Script {
    fn default() -> Self {
        Self::with(TaskSettings::default())
    }
}

impl Script {
    pub(super) fn with(settings: TaskSettings) -> Self {
        Self {
            machine: TaskMachine::new(settings),
            journal: Vec::new(),
            effects: Vec::new(),
            steps: 0,
            largest_step: 0,
            chance: Chance::from_seed(7),
            now: Now { moment: Moment::from_ms(0), wall: Wall::from_ms(START) },
        }
    }

    /// One step, with its follow-ups, and then all that is due.
    pub(super) fn tell(&mut self, command: TaskCommand) -> &mut Self {
        self.step(command);
        self.settle();
        self
    }

    fn step(&mut self, command: TaskCommand) {
        let before = self.journal.len();
        let (mut bytes, mut bytes_max) = (Vec::new(), DECISION_BYTES_MAX);
        let mut queue = std::collections::VecDeque::from([command]);
        while let Some(command) = queue.pop_front() {
            self.machine.hear(self.now, &command);
            let mut decision = Decision::default();
            self.machine.decide(self.now, &mut self.chance, &command, &mut decision);
            for event in decision.events {
                encode_event(&event, &mut bytes).unwrap();
                let number = Number(self.journal.len() as u64 + 1);
                self.machine.apply(number, self.now.wall, &event);
                self.machine.lead(self.now, &event);
                self.journal.push((self.now.wall, event));
            }
            self.effects.extend(decision.effects);
            queue.extend(decision.then);
            // The shard refuses what is larger, and does not survive it where it decided by itself.
            assert!(bytes.len() <= bytes_max, "a step of {} bytes", bytes.len());
            bytes_max = STEP_BYTES_MAX;
        }
        self.steps += 1;
        self.largest_step = self.largest_step.max(self.journal.len() - before);
    }

    pub(super) fn settle(&mut self) {
        for _ in 0..10_000 {
            let Some(command) = self.machine.due(self.now) else {
                let wakeup = self.machine.wakeup(self.now);
                assert!(wakeup.is_none_or(|at| at > self.now.moment), "due, and nothing to do");
                return;
            };
            self.step(command);
        }
        panic!("it is never done with what is due");
    }

    pub(super) fn advance(&mut self, by: Duration) -> &mut Self {
        self.now.moment = self.now.moment + by;
        self.now.wall = self.now.wall + by;
        self.settle();
        self
    }

    /// The coordinator dies and another replays its journal.
    pub(super) fn restart(&mut self) -> &mut Self {
        let mut machine = TaskMachine::new(self.machine.settings.clone());
        for (index, (at, event)) in self.journal.iter().enumerate() {
            machine.apply(Number(index as u64 + 1), *at, event);
        }
        assert_eq!(machine.durable, self.machine.durable, "a replay gives another state");
        machine.promote(self.now);
        self.machine = machine;
        self.effects.clear();
        self
    }

    pub(super) fn open(&mut self, opening: RunOpening) -> &mut Self {
        self.tell(TaskCommand::Open { to: ReplyTo(1), run: run_id(), opening })
    }

    pub(super) fn submit(&mut self, tasks: &[TaskSpec]) -> &mut Self {
        let tasks = tasks.iter().cloned().map(Arc::new).collect();
        self.tell(TaskCommand::Submit { to: ReplyTo(2), run: run_id(), tasks })
    }

    pub(super) fn seal(&mut self, tasks: u64) -> &mut Self {
        self.tell(TaskCommand::Seal { to: ReplyTo(3), run: run_id(), tasks })
    }

    /// Opens, submits and seals a graph.
    pub(super) fn graph(&mut self, tasks: &[TaskSpec]) -> &mut Self {
        self.open(RunOpening::default()).submit(tasks).seal(tasks.len() as u64)
    }

    /// Opens a stream and submits.
    pub(super) fn stream(&mut self, tasks: &[TaskSpec]) -> &mut Self {
        self.open(RunOpening { stream: true, ..RunOpening::default() }).submit(tasks)
    }

    pub(super) fn join(&mut self, profile: AgentProfile, life: u64) -> &mut Self {
        let agent = profile.id.clone();
        let incarnation = Incarnation(life);
        self.tell(TaskCommand::Heard(FromAgent::Joined { profile, incarnation }));
        self.tell(TaskCommand::Heard(FromAgent::Beat { agent, incarnation, held: Vec::new() }))
    }

    pub(super) fn beat(&mut self, agent: &str, life: u64, held: &[(&str, u32)]) -> &mut Self {
        let held = held.iter().map(|(name, n)| (self.no(name), Attempt(*n))).collect();
        self.tell(TaskCommand::Heard(FromAgent::Beat {
            agent: AgentId::new(agent).unwrap(),
            incarnation: Incarnation(life),
            held,
        }))
    }

    pub(super) fn progress(&mut self, agent: &str, name: &str, n: u32) -> &mut Self {
        let progress = Progress { percent: 50, message: "half".to_owned() };
        let (agent, task) = (AgentId::new(agent).unwrap(), self.no(name));
        let attempt = Attempt(n);
        self.tell(TaskCommand::Heard(FromAgent::Progressed { agent, task, attempt, progress }))
    }

    pub(super) fn report(
        &mut self,
        agent: &str,
        name: &str,
        n: u32,
        outcome: Outcome,
    ) -> &mut Self {
        let report = Report {
            task: self.no(name),
            attempt: Attempt(n),
            outcome,
            worked_ms: 1,
            checks: Vec::new(),
        };
        self.tell(TaskCommand::Heard(FromAgent::Ended {
            agent: AgentId::new(agent).unwrap(),
            incarnation: Incarnation(1),
            reports: vec![report],
        }))
    }

    pub(super) fn complete(&mut self, agent: &str, name: &str, attempt: u32) -> &mut Self {
        self.complete_with(agent, name, attempt, "null")
    }

    pub(super) fn complete_with(
        &mut self,
        agent: &str,
        name: &str,
        attempt: u32,
        output: &str,
    ) -> &mut Self {
        let output = Payload::Inline(Json::parse(output).unwrap());
        self.report(agent, name, attempt, Outcome::Completed(output))
    }

    pub(super) fn fail(&mut self, agent: &str, name: &str, attempt: u32) -> &mut Self {
        self.report(agent, name, attempt, Outcome::Failed(Failure::error("no luck")))
    }

    pub(super) fn cancel(&mut self, name: &str) -> &mut Self {
        self.tell(TaskCommand::Cancel {
            to: ReplyTo(4),
            run: run_id(),
            task: task_id(name),
            by: "me".to_owned(),
            reason: "test".to_owned(),
        })
    }

    pub(super) fn retry(&mut self, name: &str) -> &mut Self {
        let (to, by) = (ReplyTo(5), "me".to_owned());
        self.tell(TaskCommand::Retry { to, run: run_id(), task: task_id(name), by })
    }

    pub(super) fn no(&self, name: &str) -> TaskNo {
        let found = self.machine.durable.task_named(&run_id(), &task_id(name));
        found.map_or(TaskNo(u64::MAX), |(no, _)| no)
    }

    pub(super) fn view(&self, name: &str) -> TaskView {
        let query = Query::Task(run_id(), task_id(name));
        let Answer::Task(Some(view)) = self.machine.answer(self.now, &query) else {
            panic!("no task {name}")
        };
        *view
    }

    pub(super) fn why(&self, name: &str) -> Why {
        let query = Query::Why(run_id(), task_id(name));
        let Answer::Why(Some(why)) = self.machine.answer(self.now, &query) else {
            panic!("no task {name}")
        };
        *why
    }

    /// `name:state` of each task named, with a space between.
    pub(super) fn states(&self, names: &[&str]) -> String {
        let states = names.iter().map(|name| format!("{name}:{}", self.view(name).state));
        states.collect::<Vec<_>>().join(" ")
    }

    /// What was sent to agents since the last look: `agent<task#attempt`.
    pub(super) fn sent(&mut self) -> Vec<String> {
        let mut sent = Vec::new();
        for effect in std::mem::take(&mut self.effects) {
            let TaskEffect::Tell { agent, message } = effect else { continue };
            match message {
                ToAgent::Assign(assignments) => sent
                    .extend(assignments.iter().map(|a| format!("{agent}<{}#{}", a.id, a.attempt))),
                ToAgent::AssignLocked(batch) => sent.extend(batch.iter().map(|a| {
                    format!("{agent}<{}#{}+locks", a.assignment.id, a.assignment.attempt)
                })),
                ToAgent::Cancel { attempt, .. } => sent.push(format!("{agent}<stop#{attempt}")),
                ToAgent::Acknowledged(heard) => sent.push(format!("{agent}<ack×{}", heard.len())),
                ToAgent::WhoIsThere => sent.push(format!("{agent}<who")),
                ToAgent::Want { count, held, .. } => {
                    sent.push(format!("{agent}<want+{count}({held})"));
                }
            }
        }
        sent
    }

    pub(super) fn replies(&mut self) -> Vec<Reply> {
        let effects = std::mem::take(&mut self.effects);
        let replies = effects.into_iter().filter_map(|effect| match effect {
            TaskEffect::Reply { reply, .. } => Some(reply),
            TaskEffect::Tell { .. } => None,
        });
        replies.collect()
    }

    /// The last reply, which must be a refusal.
    pub(super) fn refusal(&mut self) -> Refusal {
        match self.replies().pop() {
            Some(Reply::Refused(refusal)) => refusal,
            other => panic!("not refused: {other:?}"),
        }
    }
}
