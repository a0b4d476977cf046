//! The composition: one shard's sub-machines behind one trait.
//!
//! A command goes to the sub-machine that it names; what one sub-machine wants of another it asks
//! for by a follow-up command, never by a call. Later sub-machines (locks, votes, budgets) are
//! added as variants at the end.

use orkestra_runtime::{
    Result,
    chance::Chance,
    id::Number,
    machine::ReplyTo,
    time::{Moment, Now, Wall},
};
use serde::{Deserialize, Serialize};

use crate::{
    context::{
        ContextAnswer, ContextCommand, ContextEffect, ContextEvent, ContextMachine, ContextQuery,
        ContextReply, ContextSettings,
    },
    shard::{Mind, Step, levels},
    task::{
        Answer as TaskAnswer, Decision, Query as TaskQuery, Reply as TaskReply, TaskCommand,
        TaskEffect, TaskEvent, TaskMachine, TaskSettings,
    },
    versioned,
};

/// What a shard can be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Something about tasks.
    Task(TaskCommand),
    /// Something about the context.
    Context(ContextCommand),
}

impl Command {
    /// The same from another asker: tokens mean nothing to another process.
    #[must_use]
    pub fn addressed(mut self, to: ReplyTo) -> Self {
        let asker = match &mut self {
            Self::Task(command) => command.asker(),
            Self::Context(command) => command.asker(),
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
}

/// What a shard asks the world to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Something about tasks.
    Task(TaskEffect),
    /// Something about the context.
    Context(ContextEffect),
}

/// What a shard can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Query {
    /// Something about tasks.
    Task(TaskQuery),
    /// Something about the context.
    Context(ContextQuery),
}

/// What a shard answers to a query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Something about tasks.
    Task(TaskAnswer),
    /// Something about the context.
    Context(ContextAnswer),
}

/// What a shard answers to a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Something about tasks.
    Task(TaskReply),
    /// Something about the context.
    Context(ContextReply),
}

/// How the sub-machines of a shard behave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardSettings {
    /// Of tasks.
    pub tasks: TaskSettings,
    /// Of the context.
    pub context: ContextSettings,
}

/// All sub-machines of one shard.
#[derive(Clone, Debug, Default)]
pub struct ShardMachine {
    tasks: TaskMachine,
    context: ContextMachine,
}

impl ShardMachine {
    /// An empty shard.
    pub fn new(settings: ShardSettings) -> Self {
        let ShardSettings { tasks, context } = settings;
        Self { tasks: TaskMachine::new(tasks), context: ContextMachine::new(context) }
    }

    /// The task machine, for views.
    pub const fn tasks(&self) -> &TaskMachine {
        &self.tasks
    }

    /// The context, for views.
    pub const fn context(&self) -> &ContextMachine {
        &self.context
    }
}

/// The version of snapshots that this program writes, raised with that of any sub-machine. Version 1
/// held tasks alone.
const SNAPSHOT_VERSION: u32 = 2;

#[derive(Serialize, Deserialize)]
struct Snapshot {
    v: u32,
    #[serde(with = "serde_bytes")]
    tasks: Vec<u8>,
    /// Nothing in what version 1 wrote: then the context begins empty.
    #[serde(default, with = "serde_bytes")]
    context: Vec<u8>,
}

impl Mind for ShardMachine {
    type Command = Command;
    type Event = Event;
    type Effect = Effect;
    type Query = Query;
    type Answer = Answer;

    const SNAPSHOT_VERSION: u32 = SNAPSHOT_VERSION;
    const EVENT_LEVEL: u16 = levels::HIGHEST;

    fn level(event: &Event) -> u16 {
        levels::of(event)
    }

    fn decide(&self, now: Now, chance: &mut Chance, command: &Command, step: &mut Step<Self>) {
        match command {
            Command::Task(command) => {
                let mut decision = Decision::default();
                self.tasks.decide(now, chance, command, &mut decision);
                for event in decision.events {
                    step.event(Event::Task(event));
                }
                for effect in decision.effects {
                    step.effect(Effect::Task(effect));
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
        }
    }

    fn apply(&mut self, number: Number, at: Wall, event: &Event) {
        match event {
            Event::Task(event) => {
                self.tasks.apply(number, at, event);
                self.context.observe(number, at, event, &self.tasks);
            }
            Event::Context(event) => self.context.apply(number, at, event, &self.tasks),
        }
    }

    fn lead(&mut self, now: Now, _: Number, event: &Event) {
        match event {
            Event::Task(event) => self.tasks.lead(now, event),
            Event::Context(event) => self.context.lead(event),
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
        }
    }

    fn promote(&mut self, now: Now) {
        self.tasks.promote(now);
        self.context.promote(&self.tasks);
    }

    fn answer(&self, now: Now, query: &Query) -> Answer {
        match query {
            Query::Task(query) => Answer::Task(self.tasks.answer(now, query)),
            Query::Context(query) => Answer::Context(self.context.answer(query, &self.tasks)),
        }
    }

    fn wakeup(&self, now: Now) -> Option<Moment> {
        [self.tasks.wakeup(now), self.context.wakeup(now)].into_iter().flatten().min()
    }

    fn due(&self, now: Now) -> Option<Command> {
        let of_tasks = self.tasks.due(now).map(Command::Task);
        of_tasks.or_else(|| self.context.due(now).map(Command::Context))
    }

    fn snapshot(&self) -> Vec<u8> {
        let (tasks, context) = (self.tasks.snapshot(), self.context.snapshot());
        let snapshot = Snapshot { v: SNAPSHOT_VERSION, tasks, context };
        // Writing plain data to memory cannot fail; an empty snapshot is refused when it is read.
        rmp_serde::to_vec_named(&snapshot).unwrap_or_default()
    }

    fn restored(&self, bytes: &[u8]) -> Result<Self> {
        let mut machine = Self::restore(bytes)?;
        machine.tasks.configure(self.tasks.settings().clone());
        machine.context.configure(self.context.settings().clone());
        Ok(machine)
    }

    fn restore(bytes: &[u8]) -> Result<Self> {
        let Snapshot { tasks, context, .. } =
            versioned::read("this shard", SNAPSHOT_VERSION, bytes)?;
        let tasks = TaskMachine::restore(TaskSettings::default(), &tasks)?;
        let context = match &context[..] {
            [] => ContextMachine::default(),
            bytes => ContextMachine::restore(ContextSettings::default(), bytes)?,
        };
        Ok(Self { tasks, context })
    }
}
