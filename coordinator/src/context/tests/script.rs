//! A little vocabulary: one call a line, exact outcomes on the right.

use std::{sync::Arc, time::Duration};

use orkestra_runtime::{
    chance::Chance,
    id::{AgentId, Attempt, Incarnation, Number, RunId, TaskId, TaskNo},
    machine::ReplyTo,
    protocol::{
        agent::{AgentProfile, Artifact, Availability, FromAgent, Report},
        payload::{BlobName, Payload},
        task::{Failure, Outcome, TaskSpec},
        understanding::Understanding,
    },
    time::{Moment, Now, Wall},
};

use crate::{
    context::{
        ContextAnswer, ContextCommand, ContextEffect, ContextEvent, ContextQuery, ContextReply,
        SnapshotNo,
        view::{ContextView, SnapshotView, Summary},
    },
    shard::{
        Mind as _,
        machine::{Answer, Command, Effect, Event, Query, ShardMachine, ShardSettings},
        perform,
    },
    task::{RunOpening, TaskCommand},
};

const START: u64 = 1_000_000;

pub(super) fn agent_id(name: &str) -> AgentId {
    AgentId::new(name).unwrap()
}

fn run_id() -> RunId {
    RunId::new("run").unwrap()
}

pub(super) struct Script {
    pub(super) machine: ShardMachine,
    pub(super) journal: Vec<(Wall, Event)>,
    pub(super) now: Now,
    chance: Chance,
}

impl Script {
    pub(super) fn new() -> Self {
        Self {
            machine: ShardMachine::new(ShardSettings::default()),
            journal: Vec::new(),
            now: Now { moment: Moment::from_ms(0), wall: Wall::from_ms(START) },
            chance: Chance::from_seed(7),
        }
    }

    /// One step and all that is due after it; answers what was replied by the context.
    pub(super) fn tell(&mut self, command: &Command) -> Vec<ContextReply> {
        let mut replies = self.step(command);
        replies.extend(self.settle());
        replies
    }

    fn step(&mut self, command: &Command) -> Vec<ContextReply> {
        let next = Number(self.journal.len() as u64 + 1);
        let done = perform(&mut self.machine, self.now, &mut self.chance, next, command).unwrap();
        self.journal.extend(done.events.into_iter().map(|event| (self.now.wall, event)));
        let replies = done.effects.into_iter().filter_map(|effect| match effect {
            Effect::Context(ContextEffect::Reply { reply, .. }) => Some(reply),
            Effect::Task(_) | Effect::Lock(_) | Effect::Committee(_) | Effect::Council(_) => None,
        });
        replies.collect()
    }

    fn settle(&mut self) -> Vec<ContextReply> {
        let mut replies = Vec::new();
        for _ in 0..1_000 {
            let Some(command) = self.machine.due(self.now) else {
                let wakeup = self.machine.wakeup(self.now);
                assert!(wakeup.is_none_or(|at| at > self.now.moment), "due, and nothing to do");
                return replies;
            };
            replies.extend(self.step(&command));
        }
        panic!("what is due stays due");
    }

    pub(super) fn task(&mut self, command: TaskCommand) {
        assert_eq!(self.tell(&Command::Task(command)), []);
    }

    pub(super) fn context(&mut self, command: ContextCommand) -> Vec<ContextReply> {
        self.tell(&Command::Context(command))
    }

    /// Time passes, and what becomes due on the way is done.
    pub(super) fn advance(&mut self, by: Duration) {
        let end = self.now.moment + by;
        while self.now.moment < end {
            let wakeup = self.machine.wakeup(self.now);
            let next = wakeup.map_or(end, |at| at.min(end));
            let step = next.since(self.now.moment).max(Duration::from_millis(1));
            self.now = Now { moment: self.now.moment + step, wall: self.now.wall + step };
            self.settle();
        }
    }

    pub(super) fn join(&mut self, name: &str, life: u64) {
        let profile = AgentProfile {
            id: agent_id(name),
            kind: "function".to_owned(),
            description: format!("{name} of the team"),
            capabilities: Vec::new(),
            specialties: Vec::new(),
            capacity: 10,
            availability: Availability::Available,
        };
        self.hear(FromAgent::Joined { profile, incarnation: Incarnation(life) });
    }

    pub(super) fn leave(&mut self, name: &str, life: u64) {
        self.hear(FromAgent::Left { agent: agent_id(name), incarnation: Incarnation(life) });
    }

    pub(super) fn hear(&mut self, news: FromAgent) {
        self.task(TaskCommand::Heard(news));
    }

    /// A sealed run of these tasks.
    pub(super) fn run(&mut self, tasks: &[&str]) {
        let (to, run) = (ReplyTo(1), run_id());
        let opening = RunOpening::default();
        self.task(TaskCommand::Open { to, run: run.clone(), opening });
        let specs = tasks.iter().map(|name| Arc::new(TaskSpec::named(name).unwrap())).collect();
        self.task(TaskCommand::Submit { to, run: run.clone(), tasks: specs });
        self.task(TaskCommand::Seal { to, run, tasks: tasks.len() as u64 });
    }

    fn no(&self, task: &str) -> TaskNo {
        let found = self.machine.tasks().tasks_by_number();
        let mut found = found.filter(|(_, known, _)| known.spec.id.as_str() == task);
        found.next().unwrap().0
    }

    pub(super) fn report(&mut self, agent: &str, task: &str, attempt: u32, outcome: Outcome) {
        let (task, attempt) = (self.no(task), Attempt(attempt));
        let reports = vec![Report { task, attempt, outcome, worked_ms: 1, checks: Vec::new() }];
        let (agent, incarnation) = (agent_id(agent), Incarnation(1));
        self.hear(FromAgent::Ended { agent, incarnation, reports });
    }

    pub(super) fn complete(&mut self, agent: &str, task: &str) {
        self.report(agent, task, 1, Outcome::Completed(Payload::null()));
    }

    pub(super) fn fail(&mut self, agent: &str, task: &str, why: &str) {
        self.report(agent, task, 1, Outcome::Failed(Failure::error(why).for_good()));
    }

    pub(super) fn keep(&mut self, agent: &str, task: &str) {
        let artifact = Artifact { name: "notes".into(), blob: BlobName::of(b"abc"), bytes: 3 };
        let (agent, task, attempt) = (agent_id(agent), self.no(task), Attempt(1));
        self.hear(FromAgent::Kept { agent, task, attempt, artifact });
    }

    pub(super) fn cancel(&mut self, task: &str, by: &str) {
        let task = TaskId::new(task).unwrap();
        let (by, reason) = (by.to_owned(), "not needed".to_owned());
        self.task(TaskCommand::Cancel { to: ReplyTo(1), run: run_id(), task, by, reason });
    }

    pub(super) fn understand(&mut self, agent: &str, life: u64, text: &str) {
        let understanding = Understanding::of(text);
        self.understands(agent, life, understanding);
    }

    pub(super) fn understands(&mut self, agent: &str, life: u64, understanding: Understanding) {
        let (agent, incarnation) = (agent_id(agent), Incarnation(life));
        let told = self.context(ContextCommand::Understood { agent, incarnation, understanding });
        assert_eq!(told, []);
    }

    pub(super) fn snapshot(&mut self, note: &str) -> SnapshotNo {
        let (by, note) = ("ann".to_owned(), note.to_owned());
        let told = self.context(ContextCommand::Snapshot { to: ReplyTo(1), by, note });
        match told[..] {
            [ContextReply::Taken { snapshot, .. }] => snapshot,
            ref told => panic!("{told:?}"),
        }
    }

    pub(super) fn restore(&mut self, snapshot: SnapshotNo) -> Vec<ContextReply> {
        let by = "ann".to_owned();
        self.context(ContextCommand::Restore { to: ReplyTo(1), snapshot, by })
    }

    fn ask(&self, query: ContextQuery) -> ContextAnswer {
        match self.machine.answer(self.now, &Query::Context(query)) {
            Answer::Context(answer) => answer,
            Answer::Task(_) | Answer::Lock(_) | Answer::Committee(_) | Answer::Council(_) => {
                panic!("another question was answered")
            }
        }
    }

    pub(super) fn show(
        &self,
        agent: Option<&str>,
        snapshot: Option<SnapshotNo>,
    ) -> Option<Box<ContextView>> {
        let agent = agent.map(agent_id);
        match self.ask(ContextQuery::Show { agent, snapshot, events: 1_000 }) {
            ContextAnswer::Context(view) => view,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn summary(&self) -> Summary {
        match self.ask(ContextQuery::Summary) {
            ContextAnswer::Summary(summary) => *summary,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn snapshots(&self) -> Vec<SnapshotView> {
        match self.ask(ContextQuery::Snapshots) {
            ContextAnswer::Snapshots(snapshots) => snapshots,
            other => panic!("{other:?}"),
        }
    }

    /// Why snapshots were taken, oldest first, and who had gone.
    pub(super) fn reasons(&self) -> Vec<String> {
        let told = |snapshot: SnapshotView| {
            let gone: Vec<&str> = snapshot.gone.iter().map(AgentId::as_str).collect();
            format!("{} {}", snapshot.reason, gone.join(",")).trim_end().to_owned()
        };
        self.snapshots().into_iter().rev().map(told).collect()
    }

    /// What each agent understands that said anything.
    pub(super) fn understood(&self, snapshot: Option<SnapshotNo>) -> Vec<String> {
        let agents = self.show(None, snapshot).unwrap().agents;
        let said = agents.into_iter().filter(|agent| agent.context_version.is_some());
        said.map(|agent| format!("{}: {}", agent.agent_name, agent.current_understanding)).collect()
    }

    pub(super) fn version(&self) -> u64 {
        self.machine.context().version()
    }

    pub(super) fn count(&self, wanted: impl Fn(&ContextEvent) -> bool) -> usize {
        let events = self.journal.iter().filter_map(|(_, event)| match event {
            Event::Context(event) => Some(event),
            Event::Task(_) | Event::Lock(_) | Event::Committee(_) | Event::Council(_) => None,
        });
        events.filter(|event| wanted(event)).count()
    }

    /// What a replay of the journal comes to, and a restored snapshot: the same byte for byte.
    pub(super) fn check_replay(&self) {
        let mut replayed = ShardMachine::new(ShardSettings::default());
        for (number, (at, event)) in (1..).zip(&self.journal) {
            replayed.apply(Number(number), *at, event);
        }
        let bytes = self.machine.snapshot();
        assert_eq!(replayed.snapshot(), bytes, "the state is not the fold of its journal");
        assert_eq!(ShardMachine::restore(&bytes).unwrap().snapshot(), bytes);
    }

    /// Another leader begins where this one was.
    pub(super) fn restart(&mut self) {
        let genesis = ShardMachine::new(ShardSettings::default());
        self.machine = genesis.restored(&self.machine.snapshot()).unwrap();
        self.machine.promote(self.now);
        self.settle();
    }
}
