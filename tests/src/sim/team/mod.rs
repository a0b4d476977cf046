//! The simulated team: the real task machine in its shard, simulated workers who die and are late,
//! leaders who die and fold the journal again; books that know only what was said.
//!
//! A history has two halves, as that of the simulated shard has: a faulty one, and one in which
//! everything must come to its end.
//!
//! Where to add to it: what may happen is an action in `act`, what a worker does is in `worker.rs`,
//! what people do in `folk.rs`; what may be expected is in `books.rs`, of questions to people in
//! `asks.rs`, of what is stopped in `stops.rs`, of locks in `locks.rs`; how a replay is spoilt in `plants.rs`.

mod asks;
mod books;
mod folk;
mod locks;
mod plants;
mod stops;
mod worker;

use std::{sync::Arc, time::Duration};

use asks::Saying;
use books::TeamBooks;
use folk::{PERSON_ASKS, Waiting};
use orkestra_coordinator::{
    shard::{
        Mind as _,
        machine::{Command, Effect, Event, ShardMachine, ShardSettings},
        perform,
    },
    task::{Answer, Query, Reply, RunOpening, TaskCommand, TaskEffect, TaskSettings},
};
use orkestra_runtime::{
    chance::Chance,
    id::{AgentId, Number, RunId, TaskId},
    machine::ReplyTo,
    protocol::{
        agent::{FromAgent, ToAgent},
        task::{Dependency, DependencyKind, RetryPolicy, TaskSpec},
    },
    time::{Moment, Now, Wall},
};
use worker::Worker;

use super::mutants::TeamPlant;

const TASKS: usize = 24;
const ACTIONS: u32 = 250;
const ROUNDS_TO_REST: u32 = 2_000;
const DUE_MAX: u32 = 10_000;

type Outcome = Result<(), String>;

/// What happened in a history of the team.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TeamHistory {
    /// Attempts that were given out.
    pub attempts: u64,
    /// Leaders that died.
    pub restarts: u64,
    /// Workers that died.
    pub deaths: u64,
    /// Words of workers that came late, or twice.
    pub late: u64,
    /// Events of the journal.
    pub events: u64,
    /// Words of people that were acknowledged.
    pub decided: u64,
    /// Words of people that were refused.
    pub refused: u64,
    /// Words of people that came once more, the same or another.
    pub repeated: u64,
    /// Pauses and drained agents.
    pub stops: u64,
    /// Breakers that opened.
    pub opened: u64,
    /// Attempts that began under locks.
    pub locked: u64,
    /// Locks that were stolen.
    pub stolen: u64,
}

/// Runs one history of the team. An error says what does not hold.
pub fn run_team(seed: u64, plant: TeamPlant) -> Result<TeamHistory, String> {
    Team::new(seed, plant)?.run()
}

struct Team {
    plant: TeamPlant,
    chance: Chance,
    machine: ShardMachine,
    journal: Vec<(Wall, Event)>,
    now: Now,
    workers: Vec<Worker>,
    late: Vec<FromAgent>,
    books: TeamBooks,
    waiting: Option<Waiting>,
    sayings: Vec<Saying>,
    run: RunId,
    history: TeamHistory,
}

/// A machine that knows nothing, with breakers that open soon and not for long.
fn fresh() -> ShardMachine {
    let breaker_cooldown = Duration::from_secs(20);
    let tasks = TaskSettings { breaker_failures: 2, breaker_cooldown, ..TaskSettings::default() };
    ShardMachine::new(ShardSettings { tasks, ..ShardSettings::default() })
}

fn told<T>(result: orkestra_runtime::Result<T>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

impl Team {
    fn new(seed: u64, plant: TeamPlant) -> Result<Self, String> {
        let names = [("ann", 1), ("bob", 2), ("carl", 3)];
        let workers = names.map(|(name, room)| Ok(Worker::new(told(AgentId::new(name))?, room)));
        let mut team = Self {
            plant,
            chance: Chance::from_seed(seed),
            machine: fresh(),
            journal: Vec::new(),
            now: Now { moment: Moment::START, wall: Wall::from_ms(1_700_000_000_000) },
            workers: workers.into_iter().collect::<Result<_, String>>()?,
            late: Vec::new(),
            books: TeamBooks::default(),
            waiting: None,
            sayings: Vec::new(),
            run: told(RunId::new("run"))?,
            history: TeamHistory::default(),
        };
        let (run, to) = (team.run.clone(), ReplyTo(1));
        let opening = RunOpening::default();
        team.tell(TaskCommand::Open { to, run: run.clone(), opening })?;
        team.tell(TaskCommand::Follow { to, run: run.clone() })?;
        let tasks = team.specs()?;
        team.tell(TaskCommand::Submit { to, run: run.clone(), tasks })?;
        team.tell(TaskCommand::Seal { to, run, tasks: TASKS as u64 })?;
        for worker in 0..team.workers.len() {
            team.announce(worker)?;
        }
        Ok(team)
    }

    fn specs(&mut self) -> Result<Vec<Arc<TaskSpec>>, String> {
        let mut specs: Vec<TaskSpec> = Vec::new();
        for number in 0..TASKS {
            let mut spec = TaskSpec::new(told(TaskId::new(format!("t{number}")))?);
            for _ in 0..self.chance.below(3) {
                let Some(on) = self.chance.pick(&specs).map(|spec| spec.id.clone()) else {
                    continue;
                };
                let soft = self.chance.per_mille(300);
                let kind = if soft { DependencyKind::Soft } else { DependencyKind::Hard };
                if spec.dependencies.iter().all(|known| known.on != on) {
                    spec.dependencies.push(Dependency { on, kind });
                }
            }
            if number % 4 == 3 {
                folk::question(&mut spec, &mut self.chance)?;
            } else {
                locks::declare(&mut spec, &mut self.chance)?;
            }
            spec.retry = RetryPolicy { base_ms: 50, ..RetryPolicy::DEFAULT };
            self.books.asked(&spec);
            specs.push(spec);
        }
        if self.plant == TeamPlant::NeedsIgnored {
            specs.iter_mut().skip(1).step_by(3).for_each(|spec| spec.dependencies.clear());
        }
        if self.plant == TeamPlant::LocksIgnored {
            specs.iter_mut().skip(1).step_by(3).for_each(|spec| spec.locks.clear());
        }
        Ok(specs.into_iter().map(Arc::new).collect())
    }

    /// One step, what comes of it, and whatever is due then.
    fn tell(&mut self, command: TaskCommand) -> Outcome {
        self.take(Command::Task(command))
    }

    fn take(&mut self, command: Command) -> Outcome {
        let mut next = Some(command);
        for _ in 0..DUE_MAX {
            let Some(command) = next else { return Ok(()) };
            let number = Number(self.journal.len() as u64 + 1);
            let performed =
                perform(&mut self.machine, self.now, &mut self.chance, number, &command)
                    .map_err(|fault| fault.to_string())?;
            let wall = self.now.wall;
            for event in performed.events {
                let number = Number(self.journal.len() as u64 + 1);
                if let Event::Task(event) = &event {
                    self.books.recorded((number, wall), event)?;
                }
                self.journal.push((wall, event));
            }
            for effect in performed.effects {
                let Effect::Task(effect) = effect else { continue };
                self.carry_out(effect)?;
            }
            next = self.machine.due(self.now);
        }
        Err("it is never done with what is due".into())
    }

    fn carry_out(&mut self, effect: TaskEffect) -> Outcome {
        match effect {
            TaskEffect::Reply { reply: Reply::TasksEnded(ended), .. } => self.books.ended(&ended),
            TaskEffect::Reply { to: PERSON_ASKS, reply } => self.person_hears(&reply),
            TaskEffect::Reply { reply: Reply::Refused(refusal), .. } => Err(refusal.to_string()),
            TaskEffect::Reply { .. } => Ok(()),
            TaskEffect::Tell { agent, message } => {
                let mut message = locks::opened(message);
                if let ToAgent::Assign(list) = &mut message {
                    for one in list {
                        plants::spoil(one, self.plant);
                        self.books.given(one, &agent)?;
                    }
                }
                let worker = self.workers.iter_mut().find(|worker| worker.id == agent);
                worker.map_or(Ok(()), |worker| worker.told(&message))
            }
        }
    }

    fn hear(&mut self, mut said: FromAgent) -> Outcome {
        if let (FromAgent::Ended { reports, .. }, TeamPlant::StaleCounts) = (&mut said, self.plant)
        {
            for report in reports {
                let task = self.machine.tasks().task(report.task);
                report.attempt = task.map_or(report.attempt, |task| task.attempt);
            }
        }
        self.write_under_locks(&said)?;
        self.tell(TaskCommand::Heard(said))
    }

    fn announce(&mut self, which: usize) -> Outcome {
        let worker = &self.workers[which];
        let more = u32::from(self.plant == TeamPlant::RoomForMore);
        for said in worker.announce(worker.capacity + more) {
            self.hear(said)?;
        }
        Ok(())
    }

    fn time_passes(&mut self, ms: u64) -> Outcome {
        let passed = Duration::from_millis(ms);
        self.now = Now { moment: self.now.moment + passed, wall: self.now.wall + passed };
        match self.machine.due(self.now) {
            Some(command @ (Command::Task(_) | Command::Lock(_))) => self.take(command),
            Some(Command::Context(_) | Command::Committee(_) | Command::Council(_)) | None => {
                Ok(())
            }
        }
    }

    fn beat(&mut self, all: bool) -> Outcome {
        for which in 0..self.workers.len() {
            if all || self.chance.per_mille(800) {
                for said in self.workers[which].beat() {
                    self.hear(said)?;
                }
            }
        }
        Ok(())
    }

    /// A worker ends an attempt; what it says of it may be late, or never come.
    fn end_one(&mut self, which: usize, well: bool) -> Outcome {
        let ended = self.workers[which].end_one(&mut self.chance, well);
        let Some((id, attempt, output, said)) = ended else { return Ok(()) };
        if let Some(output) = output {
            self.books.reported(&id, attempt, &output);
        }
        match if well { 9 } else { self.chance.below(10) } {
            0 => Ok(()),
            1..=3 => {
                self.late.push(said);
                Ok(())
            }
            _ => self.hear(said),
        }
    }

    fn act(&mut self) -> Outcome {
        let which = usize::try_from(self.chance.below(self.workers.len() as u64)).unwrap_or(0);
        match self.chance.below(100) {
            0..36 => self.end_one(which, false),
            36..44 => self.person_speaks(),
            44..46 => self.person_stops(),
            46..50 => self.person_lets_go_on(),
            50..65 => {
                let ms = self.chance.below(8_000);
                self.time_passes(ms)?;
                self.beat(false)
            }
            65..75 => self.speak_late(),
            75..80 => {
                self.workers[which].die();
                self.history.deaths += 1;
                self.announce(which)
            }
            80..85 => self.restart(),
            85 => self.steal(),
            _ => {
                let ms = self.chance.below(200);
                self.time_passes(ms)
            }
        }
    }

    /// A word comes late; now and then it comes once more.
    fn speak_late(&mut self) -> Outcome {
        let Some(said) = self.chance.pick(&self.late).cloned() else { return Ok(()) };
        if self.chance.per_mille(700) {
            self.late.retain(|other| *other != said);
        }
        self.history.late += 1;
        self.hear(said)
    }

    /// The leader dies; the next one takes a snapshot or folds the journal, and asks who is there.
    fn restart(&mut self) -> Outcome {
        let from_snapshot = self.plant == TeamPlant::Nothing && self.chance.per_mille(500);
        self.machine = if from_snapshot {
            told(fresh().restored(&self.machine.snapshot()))?
        } else {
            self.folded(self.plant)
        };
        self.machine.promote(self.now);
        self.history.restarts += 1;
        self.tell(TaskCommand::Follow { to: ReplyTo(1), run: self.run.clone() })?;
        for which in 0..self.workers.len() {
            self.announce(which)?;
        }
        Ok(())
    }

    /// The journal folded from its beginning, with the bug that is planted.
    fn folded(&self, plant: TeamPlant) -> ShardMachine {
        let mut machine = fresh();
        for (number, (at, event)) in (1..).map(Number).zip(&self.journal) {
            let Event::Task(event) = event else {
                if !plants::is_lost(event, plant) {
                    machine.apply(number, *at, event);
                }
                continue;
            };
            for event in plants::bent(number, event, plant) {
                machine.apply(number, *at, &Event::Task(event));
            }
        }
        machine
    }

    fn run(mut self) -> Result<TeamHistory, String> {
        for _ in 0..ACTIONS {
            self.act()?;
        }
        while let Some(said) = self.late.pop() {
            self.hear(said)?;
        }
        for _ in 0..ROUNDS_TO_REST {
            if self.has_ended() {
                return self.close();
            }
            for which in 0..self.workers.len() {
                self.end_one(which, true)?;
            }
            self.beat(true)?;
            self.everything_goes_on()?;
            self.everybody_agrees()?;
            self.time_passes(5_000)?;
            self.look_for_trials()?;
        }
        Err("it does not come to rest".into())
    }

    fn has_ended(&self) -> bool {
        let answer = self.machine.tasks().answer(self.now, &Query::Run(self.run.clone()));
        matches!(answer, Answer::Run(Some(view)) if view.summary.ended.is_some())
    }

    fn close(mut self) -> Result<TeamHistory, String> {
        let query = Query::Tasks { run: self.run.clone(), limit: None };
        let Answer::Tasks(views) = self.machine.tasks().answer(self.now, &query) else {
            return Err("a question about tasks is answered with something else".into());
        };
        self.books.close(&views)?;
        if self.folded(TeamPlant::Nothing).snapshot() != self.machine.snapshot() {
            return Err("a replay on another machine gives another state".into());
        }
        self.history.attempts = self.books.attempts();
        self.history.events = self.journal.len() as u64;
        self.history.opened = self.books.stops.opened;
        self.history.locked = self.books.locks.begun;
        Ok(self.history)
    }
}
