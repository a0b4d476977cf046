//! The composition: one shard's sub-machines behind one trait.
//!
//! A command goes to the sub-machine that it names; what one sub-machine wants of another it asks
//! for by a follow-up command, never by a call. Later sub-machines (locks, votes, budgets) are
//! added as variants at the end.

use orkestra_runtime::{
    Error, ErrorKind, Result,
    chance::Chance,
    id::Number,
    time::{Moment, Now, Wall},
};
use serde::{Deserialize, Serialize};

use crate::{
    shard::{Mind, Step},
    task::{
        Answer as TaskAnswer, Decision, Query as TaskQuery, TaskCommand, TaskEffect, TaskEvent,
        TaskMachine, TaskSettings,
    },
};

/// What a shard can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Something about tasks.
    Task(TaskCommand),
}

/// What happened in a shard: stored for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Something about tasks.
    Task(TaskEvent),
}

/// What a shard asks the world to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Something about tasks.
    Task(TaskEffect),
}

/// What a shard can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// Something about tasks.
    Task(TaskQuery),
}

/// What a shard answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Something about tasks.
    Task(TaskAnswer),
}

/// How the sub-machines of a shard behave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardSettings {
    /// Of tasks.
    pub tasks: TaskSettings,
}

/// All sub-machines of one shard.
#[derive(Clone, Debug, Default)]
pub struct ShardMachine {
    tasks: TaskMachine,
}

impl ShardMachine {
    /// An empty shard.
    pub fn new(settings: ShardSettings) -> Self {
        Self { tasks: TaskMachine::new(settings.tasks) }
    }

    /// The task machine, for views.
    pub const fn tasks(&self) -> &TaskMachine {
        &self.tasks
    }
}

/// The version of snapshots that this program writes; raised with that of any sub-machine.
const SNAPSHOT_VERSION: u32 = 2;

/// What every version of a snapshot says of itself.
#[derive(Deserialize)]
struct Version {
    v: u32,
}

#[derive(Serialize, Deserialize)]
struct Snapshot {
    v: u32,
    #[serde(with = "serde_bytes")]
    tasks: Vec<u8>,
}

impl Mind for ShardMachine {
    type Command = Command;
    type Event = Event;
    type Effect = Effect;
    type Query = Query;
    type Answer = Answer;

    const SNAPSHOT_VERSION: u32 = SNAPSHOT_VERSION;

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
        }
    }

    fn apply(&mut self, number: Number, at: Wall, event: &Event) {
        match event {
            Event::Task(event) => self.tasks.apply(number, at, event),
        }
    }

    fn lead(&mut self, now: Now, _: Number, event: &Event) {
        match event {
            Event::Task(event) => self.tasks.lead(now, event),
        }
    }

    fn hear(&mut self, now: Now, command: &Command) {
        match command {
            Command::Task(command) => self.tasks.hear(now, command),
        }
    }

    fn promote(&mut self, now: Now) {
        self.tasks.promote(now);
    }

    fn answer(&self, now: Now, query: &Query) -> Answer {
        match query {
            Query::Task(query) => Answer::Task(self.tasks.answer(now, query)),
        }
    }

    fn wakeup(&self, now: Now) -> Option<Moment> {
        self.tasks.wakeup(now)
    }

    fn due(&self, now: Now) -> Option<Command> {
        self.tasks.due(now).map(Command::Task)
    }

    fn snapshot(&self) -> Vec<u8> {
        let snapshot = Snapshot { v: SNAPSHOT_VERSION, tasks: self.tasks.snapshot() };
        // Writing plain data to memory cannot fail; an empty snapshot is refused when it is read.
        rmp_serde::to_vec_named(&snapshot).unwrap_or_default()
    }

    fn restored(&self, bytes: &[u8]) -> Result<Self> {
        let mut machine = Self::restore(bytes)?;
        machine.tasks.configure(self.tasks.settings().clone());
        Ok(machine)
    }

    fn restore(bytes: &[u8]) -> Result<Self> {
        let corrupt = |error| {
            Error::new(ErrorKind::Corrupt, "cannot read the snapshot of a shard").because(error)
        };
        let Version { v } = rmp_serde::from_slice(bytes).map_err(corrupt)?;
        if v > SNAPSHOT_VERSION {
            return Err(Error::new(
                ErrorKind::TooNew,
                format!(
                    "the snapshot of this shard has version {v}, and this program reads up to \
                     {SNAPSHOT_VERSION}: use the newer program"
                ),
            ));
        }
        let Snapshot { tasks, .. } = rmp_serde::from_slice(bytes).map_err(corrupt)?;
        Ok(Self { tasks: TaskMachine::restore(TaskSettings::default(), &tasks)? })
    }
}
