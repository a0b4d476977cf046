//! A little vocabulary: a shard with tasks that declare locks, told by hand.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use orkestra_runtime::{
    chance::Chance,
    id::{AgentId, Attempt, Incarnation, LockKey, Number, RunId, TaskId, TaskNo, Token},
    machine::ReplyTo,
    protocol::{
        agent::{AgentProfile, Assignment, Availability, FromAgent, Locked, Report, ToAgent},
        lock::{Grant, Mode},
        payload::{Json, Payload},
        task::{Failure, FailureKind, Outcome, RetryPolicy, TaskSpec},
    },
    time::{Moment, Now, Wall},
};

use crate::{
    lock::{LockCommand, LockEvent, Theft},
    shard::{
        Mind as _,
        machine::{Answer, Command, Effect, Event, Query, ShardMachine, ShardSettings},
        perform,
    },
    task::{
        Answer as TaskAnswer, Gauges, Query as TaskQuery, RunOpening, TaskCommand, TaskEffect, Why,
        view::TaskView,
    },
};

pub(super) fn key(name: &str) -> LockKey {
    LockKey::new(name).unwrap()
}

fn run_id() -> RunId {
    RunId::new("run").unwrap()
}

fn agent() -> AgentId {
    AgentId::new("ann").unwrap()
}

/// A task that holds these locks exclusively.
pub(super) fn holding(name: &str, locks: &[&str]) -> TaskSpec {
    let mut spec = TaskSpec::named(name).unwrap();
    spec.retry = RetryPolicy { jitter_percent: 0, base_ms: 1_000, ..RetryPolicy::DEFAULT };
    for lock in locks {
        spec = spec.holding(lock, Mode::Exclusive).unwrap();
    }
    spec
}

pub(super) struct Script {
    pub(super) machine: ShardMachine,
    pub(super) journal: Vec<(Wall, Event)>,
    /// The events of each step, by the number of the first.
    pub(super) steps: Vec<usize>,
    pub(super) now: Now,
    /// What was given out and not ended: with which tokens.
    pub(super) given: BTreeMap<(String, u32), BTreeMap<String, u64>>,
    /// Which attempts were told to stop.
    pub(super) stopped: Vec<(TaskNo, u32)>,
    chance: Chance,
    life: u64,
}

impl Script {
    /// One agent with room for so many, and a stream of tasks.
    pub(super) fn new(room: u32, tasks: &[TaskSpec]) -> Self {
        let mut script = Self {
            machine: ShardMachine::new(ShardSettings::default()),
            journal: Vec::new(),
            steps: Vec::new(),
            now: Now { moment: Moment::from_ms(5), wall: Wall::from_ms(1_000_000) },
            given: BTreeMap::new(),
            stopped: Vec::new(),
            chance: Chance::from_seed(7),
            life: 1,
        };
        script.join(room);
        let opening = RunOpening { stream: true, ..RunOpening::default() };
        script.tell(TaskCommand::Open { to: ReplyTo(1), run: run_id(), opening });
        script.submit(tasks);
        script
    }

    pub(super) fn submit(&mut self, tasks: &[TaskSpec]) {
        let tasks = tasks.iter().cloned().map(Arc::new).collect();
        self.tell(TaskCommand::Submit { to: ReplyTo(2), run: run_id(), tasks });
    }

    pub(super) fn join(&mut self, capacity: u32) {
        let profile = AgentProfile {
            id: agent(),
            kind: "function".to_owned(),
            description: String::new(),
            capabilities: Vec::new(),
            specialties: Vec::new(),
            capacity,
            availability: Availability::Available,
        };
        let incarnation = Incarnation(self.life);
        self.tell(TaskCommand::Heard(FromAgent::Joined { profile, incarnation }));
    }

    /// The worker dies, and another life of it is there; in another life of its node if `node`.
    pub(super) fn worker_dies(&mut self, room: u32, node: bool) {
        self.life += if node { 1 << 32 } else { 1 };
        self.join(room);
    }

    pub(super) fn tell(&mut self, command: TaskCommand) {
        self.say(&Command::Task(command));
    }

    pub(super) fn say(&mut self, command: &Command) {
        self.step(command);
        for _ in 0..10_000 {
            let Some(command) = self.machine.due(self.now) else {
                let wakeup = self.machine.wakeup(self.now);
                assert!(wakeup.is_none_or(|at| at > self.now.moment), "due, and nothing to do");
                return;
            };
            self.step(&command);
        }
        panic!("what is due stays due");
    }

    fn step(&mut self, command: &Command) {
        let next = Number(self.journal.len() as u64 + 1);
        let done = perform(&mut self.machine, self.now, &mut self.chance, next, command).unwrap();
        self.steps.push(self.journal.len());
        self.journal.extend(done.events.into_iter().map(|event| (self.now.wall, event)));
        for effect in done.effects {
            if let Effect::Task(TaskEffect::Tell { message, .. }) = effect {
                self.hear(message);
            }
        }
    }

    fn hear(&mut self, message: ToAgent) {
        match message {
            ToAgent::Assign(batch) => batch.into_iter().for_each(|one| self.begin(&one)),
            ToAgent::AssignLocked(batch) => {
                assert!(batch.iter().all(|one| !one.locks.is_empty()));
                batch.into_iter().map(Locked::opened).for_each(|one| self.begin(&one));
            }
            ToAgent::Cancel { task, attempt, .. } => self.stopped.push((task, attempt.0)),
            ToAgent::Acknowledged(_) | ToAgent::WhoIsThere | ToAgent::Want { .. } => {}
        }
    }

    fn begin(&mut self, one: &Assignment) {
        let locks = one.locks.iter().map(|held| (held.key.to_string(), held.token.0)).collect();
        self.given.insert((one.id.to_string(), one.attempt.0), locks);
    }

    pub(super) fn no(&self, name: &str) -> TaskNo {
        TaskNo(self.view(name).no)
    }

    pub(super) fn report(&mut self, name: &str, attempt: u32, outcome: Outcome) {
        self.given.remove(&(name.to_owned(), attempt));
        let (task, attempt) = (self.no(name), Attempt(attempt));
        let report = Report { task, attempt, outcome, worked_ms: 1, checks: Vec::new() };
        let (agent, incarnation, reports) = (agent(), Incarnation(self.life), vec![report]);
        self.tell(TaskCommand::Heard(FromAgent::Ended { agent, incarnation, reports }));
    }

    pub(super) fn complete(&mut self, name: &str, attempt: u32) {
        self.report(name, attempt, Outcome::Completed(Payload::null()));
    }

    pub(super) fn answer(&mut self, name: &str, output: &str) {
        let output = Payload::Inline(Json::parse(output).unwrap());
        self.report(name, 1, Outcome::Completed(output));
    }

    pub(super) fn fail(&mut self, name: &str, attempt: u32, kind: FailureKind) {
        self.report(name, attempt, Outcome::Failed(Failure::new(kind, "no luck")));
    }

    pub(super) fn cancel(&mut self, name: &str) {
        let task = TaskId::new(name).unwrap();
        let (by, reason) = ("me".to_owned(), "test".to_owned());
        self.tell(TaskCommand::Cancel { to: ReplyTo(4), run: run_id(), task, by, reason });
    }

    pub(super) fn cancel_run(&mut self) {
        let (by, reason) = ("me".to_owned(), "test".to_owned());
        self.tell(TaskCommand::CancelRun { to: ReplyTo(4), run: run_id(), by, reason });
    }

    pub(super) fn pause(&mut self, is_paused: bool) {
        let (to, scope) = (ReplyTo(4), crate::task::standing::ScopeName::Run(run_id()));
        let (by, reason) = ("me".to_owned(), "test".to_owned());
        self.tell(if is_paused {
            TaskCommand::Pause { to, scope, by, reason }
        } else {
            TaskCommand::Resume { to, scope, by }
        });
    }

    pub(super) fn retry(&mut self, name: &str) {
        let (to, run, by) = (ReplyTo(5), run_id(), "me".to_owned());
        self.tell(TaskCommand::Retry { to, run, task: TaskId::new(name).unwrap(), by });
    }

    pub(super) fn steal(&mut self, name: &str) {
        let token = self.machine.locks().newest(&key(name));
        let (by, why) = ("eve".to_owned(), "it hangs".to_owned());
        let theft = Theft { key: key(name), token, by, why, delay_ms: Some(0) };
        self.say(&Command::Lock(LockCommand::Steal { to: ReplyTo(6), theft }));
    }

    pub(super) fn wait(&mut self, by: Duration) {
        self.now.moment = self.now.moment + by;
        self.now.wall = self.now.wall + by;
        while let Some(command) = self.machine.due(self.now) {
            self.say(&command);
        }
    }

    /// Another leader begins where this one was; the worker is still there and at work.
    pub(super) fn take_over(&mut self, room: u32) {
        let genesis = ShardMachine::new(ShardSettings::default());
        self.machine = genesis.restored(&self.machine.snapshot()).unwrap();
        self.machine.promote(self.now);
        self.join(room);
        let held = self.given.keys().map(|(name, n)| (self.no(name), Attempt(*n))).collect();
        let (agent, incarnation) = (agent(), Incarnation(self.life));
        self.tell(TaskCommand::Heard(FromAgent::Beat { agent, incarnation, held }));
    }

    pub(super) fn view(&self, name: &str) -> TaskView {
        let query = TaskQuery::Task(run_id(), TaskId::new(name).unwrap());
        match self.machine.answer(self.now, &Query::Task(query)) {
            Answer::Task(TaskAnswer::Task(Some(view))) => *view,
            other => panic!("no task {name}: {other:?}"),
        }
    }

    pub(super) fn why(&self, name: &str) -> Why {
        let query = TaskQuery::Why(run_id(), TaskId::new(name).unwrap());
        match self.machine.answer(self.now, &Query::Task(query)) {
            Answer::Task(TaskAnswer::Why(Some(why))) => *why,
            other => panic!("no task {name}: {other:?}"),
        }
    }

    pub(super) fn gauges(&self) -> Gauges {
        match self.machine.answer(self.now, &Query::Task(TaskQuery::Gauges)) {
            Answer::Task(TaskAnswer::Gauges(gauges)) => *gauges,
            other => panic!("{other:?}"),
        }
    }

    /// The tasks at work, by name and attempt.
    pub(super) fn at_work(&self) -> String {
        let given = self.given.keys().map(|(name, attempt)| format!("{name}#{attempt}"));
        given.collect::<Vec<_>>().join(" ")
    }

    /// The token with which an attempt was given a lock.
    pub(super) fn token(&self, name: &str, attempt: u32, lock: &str) -> Token {
        Token(self.given[&(name.to_owned(), attempt)][lock])
    }

    pub(super) fn is_good(&self, lock: &str, token: Token) -> bool {
        self.machine.locks().check(&key(lock), token).is_ok()
    }

    /// What attempts of a task hold now.
    pub(super) fn held(&self, name: &str, attempt: u32) -> Vec<Grant> {
        self.machine.locks().held_by_attempt(self.no(name), Attempt(attempt))
    }

    /// In which step an event stands that meets a condition, the last of them.
    pub(super) fn step_of(&self, found: impl Fn(&Event) -> bool) -> usize {
        let at = self.journal.iter().rposition(|(_, event)| found(event)).unwrap();
        self.steps.iter().rposition(|first| *first <= at).unwrap()
    }

    pub(super) fn lock_events(&self) -> impl DoubleEndedIterator<Item = &LockEvent> {
        self.journal.iter().filter_map(|(_, event)| match event {
            Event::Lock(event) => Some(event),
            Event::Task(_) | Event::Context(_) | Event::Committee(_) | Event::Council(_) => None,
        })
    }

    /// What a replay of the journal comes to: the same.
    pub(super) fn check_replay(&self) {
        let mut replayed = ShardMachine::new(ShardSettings::default());
        for (number, (at, event)) in (1..).zip(&self.journal) {
            replayed.apply(Number(number), *at, event);
        }
        assert_eq!(replayed.snapshot(), self.machine.snapshot());
    }
}
