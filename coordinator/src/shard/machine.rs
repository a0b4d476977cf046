//! The composition: one shard's sub-machines behind one trait.
//!
//! A command goes to the sub-machine that it names; what one sub-machine wants of another it asks
//! for by a follow-up command, never by a call. Later sub-machines (votes, budgets) are added as
//! variants at the end.

use orkestra_runtime::{
    Result,
    chance::Chance,
    id::Number,
    machine::ReplyTo,
    time::{Moment, Now, Wall},
};
use serde::{Deserialize, Serialize};

use crate::{
    committee::{
        CommitteeAnswer, CommitteeCommand, CommitteeEffect, CommitteeEvent, CommitteeMachine,
        CommitteeQuery, CommitteeReply, CommitteeSettings,
    },
    context::{
        ContextAnswer, ContextCommand, ContextEffect, ContextEvent, ContextMachine, ContextQuery,
        ContextReply, ContextSettings,
    },
    council::{
        CouncilAnswer, CouncilCommand, CouncilEffect, CouncilEvent, CouncilMachine, CouncilQuery,
        CouncilReply,
    },
    lock::{
        LockAnswer, LockCommand, LockEffect, LockEvent, LockMachine, LockQuery, LockReply,
        LockSettings,
    },
    shard::{Mind, Step, levels, snapshot, ties},
    task::{
        Answer as TaskAnswer, Beside, Decision, Query as TaskQuery, Reply as TaskReply,
        TaskCommand, TaskEffect, TaskEvent, TaskMachine, TaskSettings, councils::CouncilWord,
        votes::VoteWord,
    },
};

/// What a shard can be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Something about tasks.
    Task(TaskCommand),
    /// Something about the context.
    Context(ContextCommand),
    /// Something about locks.
    Lock(LockCommand),
    /// Something about votes.
    Committee(CommitteeCommand),
    /// Something about councils.
    Council(CouncilCommand),
}

impl Command {
    /// The same from another asker: tokens mean nothing to another process.
    #[must_use]
    pub fn addressed(mut self, to: ReplyTo) -> Self {
        let asker = match &mut self {
            Self::Task(command) => command.asker(),
            Self::Context(command) => command.asker(),
            Self::Lock(command) => command.asker(),
            Self::Committee(command) => command.asker(),
            Self::Council(command) => command.asker(),
        };
        if let Some(asker) = asker {
            *asker = to;
        }
        self
    }
}

/// What happened in a shard: stored for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Something about tasks.
    Task(TaskEvent),
    /// Something about the context.
    Context(ContextEvent),
    /// Something about locks.
    Lock(LockEvent),
    /// Something about votes.
    Committee(CommitteeEvent),
    /// Something about councils.
    Council(CouncilEvent),
}

/// What a shard asks the world to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Something about tasks.
    Task(TaskEffect),
    /// Something about the context.
    Context(ContextEffect),
    /// Something about locks.
    Lock(LockEffect),
    /// Something about votes.
    Committee(CommitteeEffect),
    /// Something about councils.
    Council(CouncilEffect),
}

/// What a shard can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Query {
    /// Something about tasks.
    Task(TaskQuery),
    /// Something about the context.
    Context(ContextQuery),
    /// Something about locks.
    Lock(LockQuery),
    /// Something about votes.
    Committee(CommitteeQuery),
    /// Something about councils.
    Council(CouncilQuery),
}

/// What a shard answers to a query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Something about tasks.
    Task(TaskAnswer),
    /// Something about the context.
    Context(ContextAnswer),
    /// Something about locks.
    Lock(LockAnswer),
    /// Something about votes.
    Committee(CommitteeAnswer),
    /// Something about councils.
    Council(CouncilAnswer),
}

/// What a shard answers to a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Something about tasks.
    Task(TaskReply),
    /// Something about the context.
    Context(ContextReply),
    /// Something about locks.
    Lock(LockReply),
    /// Something about votes.
    Committee(CommitteeReply),
    /// Something about councils.
    Council(CouncilReply),
}

/// How the sub-machines of a shard behave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardSettings {
    /// Of tasks.
    pub tasks: TaskSettings,
    /// Of the context.
    pub context: ContextSettings,
    /// Of locks.
    pub locks: LockSettings,
    /// Of votes.
    pub committee: CommitteeSettings,
}

/// All sub-machines of one shard.
#[derive(Clone, Debug, Default)]
pub struct ShardMachine {
    pub(super) tasks: TaskMachine,
    pub(super) context: ContextMachine,
    pub(super) locks: LockMachine,
    pub(super) committee: CommitteeMachine,
    pub(super) councils: CouncilMachine,
}

impl ShardMachine {
    /// An empty shard.
    pub fn new(settings: ShardSettings) -> Self {
        let ShardSettings { tasks, context, locks, committee } = settings;
        Self {
            tasks: TaskMachine::new(tasks),
            context: ContextMachine::new(context),
            locks: LockMachine::new(locks),
            committee: CommitteeMachine::new(committee),
            councils: CouncilMachine::default(),
        }
    }

    /// The task machine, for views.
    pub const fn tasks(&self) -> &TaskMachine {
        &self.tasks
    }

    /// The context, for views.
    pub const fn context(&self) -> &ContextMachine {
        &self.context
    }

    /// The lock machine, for views and for whoever checks a token in the step that it guards.
    pub const fn locks(&self) -> &LockMachine {
        &self.locks
    }

    /// Answers a question about tasks, with what they wait for.
    pub fn answer_tasks(&self, now: Now, query: &TaskQuery) -> TaskAnswer {
        let beside =
            Beside { locks: &self.locks, votes: &self.committee, councils: &self.councils };
        self.tasks.answer_beside(now, query, beside)
    }

    /// The committee, for views.
    pub const fn committee(&self) -> &CommitteeMachine {
        &self.committee
    }

    /// The councils, for views.
    pub const fn councils(&self) -> &CouncilMachine {
        &self.councils
    }
}

impl Mind for ShardMachine {
    type Command = Command;
    type Event = Event;
    type Effect = Effect;
    type Query = Query;
    type Answer = Answer;

    const SNAPSHOT_VERSION: u32 = snapshot::VERSION;
    const EVENT_LEVEL: u16 = levels::HIGHEST;

    fn level(event: &Event) -> u16 {
        levels::of(event)
    }

    fn decide(&self, now: Now, chance: &mut Chance, command: &Command, step: &mut Step<Self>) {
        match command {
            Command::Task(TaskCommand::VoteOver(task, vote)) => {
                if let Some(output) = ties::votes::result(&self.committee, vote) {
                    let word = VoteWord::Decided { task: *task, output };
                    step.then(Command::Task(TaskCommand::Vote(word)));
                }
            }
            Command::Task(TaskCommand::Council(CouncilWord::Over { task, no })) => {
                let word = ties::councils::word(&self.councils, (now, *task), *no, &self.tasks);
                if let Some(word) = word {
                    step.then(Command::Task(TaskCommand::Council(word)));
                }
            }
            Command::Task(command) => {
                let mut decision = Decision::default();
                self.tasks.decide(now, chance, command, &mut decision);
                for event in decision.events {
                    step.event(Event::Task(event));
                }
                for effect in decision.effects {
                    step.effect(Effect::Task(effect));
                }
                for command in ties::of_tasks(decision.locks) {
                    step.then(Command::Lock(command));
                }
                for command in decision.votes.into_iter().flat_map(ties::votes::of_tasks) {
                    step.then(command);
                }
                for wish in decision.councils {
                    step.then(Command::Council(ties::councils::of_tasks(wish)));
                }
                for command in decision.then {
                    step.then(Command::Task(command));
                }
            }
            Command::Context(command) => {
                let next = step.next_number();
                let decision = self.context.decide(now, next, command, &self.tasks);
                for event in decision.events {
                    step.event(Event::Context(event));
                }
                for effect in decision.effects {
                    step.effect(Effect::Context(effect));
                }
            }
            Command::Lock(command) => self.decide_lock(now, command, step),
            Command::Committee(command) => self.decide_committee(now, command, step),
            Command::Council(command) => self.decide_council(now, command, step),
        }
    }

    fn apply(&mut self, number: Number, at: Wall, event: &Event) {
        match event {
            Event::Task(event) => {
                self.tasks.apply(number, at, event);
                self.context.observe(number, at, event, &self.tasks);
            }
            Event::Context(event) => self.context.apply(number, at, event, &self.tasks),
            Event::Lock(event) => self.locks.apply(number, at, event),
            Event::Committee(event) => self.committee.apply(number, at, event),
            Event::Council(event) => self.councils.apply(number, at, event),
        }
    }

    fn lead(&mut self, now: Now, number: Number, event: &Event) {
        match event {
            Event::Task(event) => {
                self.tasks.lead(now, event);
                self.councils.observe(event, &self.tasks);
            }
            Event::Context(event) => self.context.lead(event),
            Event::Lock(event) => self.locks.lead(now, number, event),
            Event::Committee(event) => self.committee.lead(event),
            Event::Council(event) => self.councils.lead(now, number, event),
        }
    }

    fn hear(&mut self, now: Now, command: &Command) {
        match command {
            Command::Task(command) => {
                // Before who went has gone, and who comes is there.
                self.context.hear_task(command, &self.tasks);
                self.tasks.hear(now, command);
            }
            Command::Context(command) => self.context.hear(command),
            Command::Lock(command) => self.locks.hear(now, command),
            Command::Committee(command) => self.committee.hear(now, command),
            Command::Council(command) => self.councils.hear(now, command),
        }
    }

    fn promote(&mut self, now: Now) {
        self.tasks.promote(now);
        self.context.promote(&self.tasks);
        self.locks.promote(now);
        let left_over = ties::left_over(&self.tasks, &self.locks);
        self.locks.hear(now, &LockCommand::EndAttempts(left_over));
        self.committee.promote();
        self.councils.promote();
    }

    fn answer(&self, now: Now, query: &Query) -> Answer {
        match query {
            Query::Task(query) => Answer::Task(self.answer_tasks(now, query)),
            Query::Context(query) => Answer::Context(self.context.answer(query, &self.tasks)),
            Query::Lock(query) => Answer::Lock(self.answer_locks(now, query)),
            Query::Committee(query) => Answer::Committee(self.committee.answer(query)),
            Query::Council(query) => Answer::Council(self.councils.answer(now, query, &self.tasks)),
        }
    }

    fn wakeup(&self, now: Now) -> Option<Moment> {
        let wakeups = [
            self.tasks.wakeup(now),
            self.context.wakeup(now),
            self.locks.wakeup(now),
            self.committee.wakeup(now),
            self.councils.wakeup(now),
        ];
        wakeups.into_iter().flatten().min()
    }

    fn due(&self, now: Now) -> Option<Command> {
        let of_tasks = self.tasks.due(now).map(Command::Task);
        let of_context = || self.context.due(now).map(Command::Context);
        let of_locks = || self.locks.due(now).map(Command::Lock);
        let of_votes = || self.committee.due(now).map(Command::Committee);
        let of_councils = || self.councils.due(now).map(Command::Council);
        of_tasks.or_else(of_context).or_else(of_locks).or_else(of_votes).or_else(of_councils)
    }

    fn snapshot(&self) -> Vec<u8> {
        snapshot::write(self)
    }

    fn restored(&self, bytes: &[u8]) -> Result<Self> {
        let mut machine = Self::restore(bytes)?;
        machine.tasks.configure(self.tasks.settings().clone());
        machine.context.configure(self.context.settings().clone());
        machine.locks.configure(self.locks.settings().clone());
        machine.committee.configure(self.committee.settings().clone());
        Ok(machine)
    }

    fn restore(bytes: &[u8]) -> Result<Self> {
        snapshot::read(bytes)
    }
}
