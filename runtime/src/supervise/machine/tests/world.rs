//! Children that do as they are told, on a clock that is moved by hand.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use crate::{
    chance::Chance,
    id::Incarnation,
    machine::{Machine, ReplyTo},
    restart::{Exit, Intensity, Restart},
    supervise::{
        event::{Admin, ChildState, Effect, End, Event, Note, Reply},
        machine::SupervisorMachine,
        rules::{AutoShutdown, ChildId, Plan, Rules, Shutdown, Strategy},
    },
    time::{Moment, Now, Wall},
};

/// What a child does when it is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does {
    Fail,
    Ignore,
    /// Neither starts nor fails, until it is let go of.
    Linger,
}

/// One child of a script: its rules, and how it behaves.
#[derive(Clone, Debug)]
pub(super) struct Actor {
    pub(super) id: &'static str,
    pub(super) rules: Rules,
    starts: Vec<(u32, Does)>,
    slow_ms: u64,
    traps: bool,
    silent_life: Option<u32>,
    immortal: bool,
}

pub(super) fn child(id: &'static str, restart: Restart) -> Actor {
    let shutdown = Shutdown::Within(Duration::from_secs(1));
    let rules = Rules { restart, shutdown, ..Rules::worker() };
    Actor {
        id,
        rules,
        starts: Vec::new(),
        slow_ms: 0,
        traps: true,
        silent_life: None,
        immortal: false,
    }
}

pub(super) fn permanent(id: &'static str) -> Actor {
    child(id, Restart::Permanent)
}

pub(super) fn transient(id: &'static str) -> Actor {
    child(id, Restart::Transient)
}

pub(super) fn temporary(id: &'static str) -> Actor {
    child(id, Restart::Temporary)
}

pub(super) fn abc() -> Vec<Actor> {
    vec![permanent("a"), permanent("b"), permanent("c")]
}

impl Actor {
    /// What its n-th start does; all others go well.
    pub(super) fn on_start(mut self, starts: impl IntoIterator<Item = u32>, does: Does) -> Self {
        self.starts.extend(starts.into_iter().map(|n| (n, does)));
        self
    }

    /// Takes its time to stop.
    pub(super) fn slow(mut self, ms: u64) -> Self {
        self.slow_ms = ms;
        self
    }

    /// Does nothing when it is asked to stop, and ends without a word.
    pub(super) fn without_trap(mut self) -> Self {
        self.traps = false;
        self
    }

    /// In its n-th life it is told to stop before it has run, and so leaves no line: seen in the
    /// oracle, whose children take a moment to begin to listen.
    pub(super) fn silent_in_life(mut self, n: u32) -> Self {
        self.silent_life = Some(n);
        self
    }

    /// Does not even die when it is killed.
    pub(super) fn immortal(mut self) -> Self {
        self.immortal = true;
        self
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut Rules)) -> Self {
        change(&mut self.rules);
        self
    }

    pub(super) fn significant(self) -> Self {
        self.with(|rules| rules.significant = true)
    }
}

/// A supervisor's flags, as in the scenarios: intensity, and period in seconds.
pub(super) fn plan(strategy: Strategy, restarts: u32, period_s: u64) -> Plan {
    let intensity = Intensity { restarts, period: Duration::from_secs(period_s) };
    Plan { strategy, intensity, auto_shutdown: AutoShutdown::Never, children: Vec::new() }
}

pub(super) fn one_for_one(restarts: u32) -> Plan {
    plan(Strategy::OneForOne, restarts, 5)
}

/// A machine, its children, and what they did.
#[derive(Debug)]
pub(super) struct World {
    pub(super) machine: SupervisorMachine,
    pub(super) now_ms: u64,
    pub(super) trace: Vec<String>,
    pub(super) notes: Vec<Note>,
    pub(super) replies: Vec<(u64, Reply)>,
    pub(super) end: Option<End>,
    /// How many effects were carried out so far.
    pub(super) effects: usize,
    /// When the hearts of children beat last, in milliseconds.
    pub(super) heard: BTreeMap<ChildId, u64>,
    pub(super) alive: BTreeMap<ChildId, Incarnation>,
    actors: BTreeMap<ChildId, Actor>,
    starts: BTreeMap<ChildId, u32>,
    later: Vec<(u64, Event)>,
    queue: VecDeque<Event>,
    asked: u64,
    asking: bool,
    /// When children were started again, and nobody had asked for it.
    pub(super) again: Vec<u64>,
}

impl World {
    pub(super) fn new(mut plan: Plan, actors: Vec<Actor>) -> crate::Result<Self> {
        plan.children =
            actors.iter().map(|actor| (actor.id.into(), Arc::new(actor.rules.clone()))).collect();
        let machine = SupervisorMachine::new(&plan, Chance::from_seed(1))?;
        let mut world = Self {
            machine,
            now_ms: 0,
            trace: Vec::new(),
            notes: Vec::new(),
            replies: Vec::new(),
            end: None,
            effects: 0,
            heard: BTreeMap::new(),
            alive: BTreeMap::new(),
            actors: BTreeMap::new(),
            starts: BTreeMap::new(),
            later: Vec::new(),
            queue: VecDeque::new(),
            asked: 0,
            asking: false,
            again: Vec::new(),
        };
        for actor in actors {
            world.actors.insert(actor.id.into(), actor);
        }
        world.feed(Event::Open);
        Ok(world)
    }

    pub(super) fn now(&self) -> Now {
        Now { moment: Moment::from_ms(self.now_ms), wall: Wall::from_ms(self.now_ms) }
    }

    pub(super) fn tell(&mut self, line: impl Into<String>) {
        self.trace.push(line.into());
    }

    pub(super) fn feed(&mut self, event: Event) {
        self.queue.push_back(event);
        while let Some(event) = self.queue.pop_front() {
            let mut effects = Vec::new();
            self.machine.step(self.now(), event, &mut effects);
            self.machine.check(self.now().moment);
            self.carry_out(effects);
        }
    }

    fn tick(&mut self) {
        let mut effects = Vec::new();
        self.machine.tick(self.now(), &mut effects);
        self.carry_out(effects);
        while let Some(event) = self.queue.pop_front() {
            self.feed(event);
        }
        self.machine.check(self.now().moment);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        self.effects += effects.len();
        for effect in effects {
            match effect {
                Effect::Start(id, incarnation) => self.start(id, incarnation),
                Effect::Stop(id, incarnation) => self.stop(id, incarnation),
                Effect::Kill(id, incarnation) => {
                    if !self.actors[&id].immortal {
                        self.ends(id, incarnation, Exit::Killed);
                    }
                }
                Effect::Abandon(id, incarnation) => {
                    // Of each start there is one tale; who is up has told it.
                    if !self.actors[&id].immortal && !self.alive.contains_key(&id) {
                        let reason = "let go of".into();
                        self.queue.push_back(Event::StartFailed(id, incarnation, reason));
                    }
                }
                Effect::Drain(id, _) => self.tell(format!("{{drains,{id}}}")),
                Effect::Listen(id, incarnation) => {
                    let at = Moment::from_ms(self.heard.get(&id).copied().unwrap_or(0));
                    self.queue.push_back(Event::Heard(id, incarnation, at));
                }
                Effect::Answer(to, reply) => self.replies.push((to.0, reply)),
                Effect::Note(note) => self.notes.push(note),
                Effect::End(end) => {
                    assert!(self.alive.is_empty() || self.actors.values().any(|a| a.immortal));
                    self.end = Some(end);
                }
                Effect::Admit(..) | Effect::Forget(_) | Effect::Opened => {}
            }
        }
    }

    fn start(&mut self, id: ChildId, incarnation: Incarnation) {
        assert!(!self.alive.contains_key(&id), "a second incarnation of {id}");
        let n = self.starts.entry(id.clone()).or_default();
        *n += 1;
        let n = *n;
        if n > 1 && !self.asking {
            self.again.push(self.now_ms);
        }
        let does = self.actors[&id].starts.iter().find(|(at, _)| *at == n).map(|(_, does)| *does);
        match does {
            None => {
                self.tell(format!("{{started,{id},{n}}}"));
                self.alive.insert(id.clone(), incarnation);
                self.queue.push_back(Event::Started(id, incarnation));
            }
            Some(Does::Fail) => {
                self.tell(format!("{{start_failed,{id},{n}}}"));
                self.queue.push_back(Event::StartFailed(id, incarnation, "no".into()));
            }
            Some(Does::Ignore) => {
                self.tell(format!("{{start_ignored,{id},{n}}}"));
                self.queue.push_back(Event::Ignored(id, incarnation));
            }
            Some(Does::Linger) => self.tell(format!("{{lingers,{id},{n}}}")),
        }
    }

    fn stop(&mut self, id: ChildId, incarnation: Incarnation) {
        let actor = &self.actors[&id];
        if actor.slow_ms > 0 {
            let at = self.now_ms + actor.slow_ms;
            self.later.push((at, Event::Exited(id, incarnation, Exit::Shutdown)));
            return;
        }
        if actor.traps && actor.silent_life != self.starts.get(&id).copied() {
            self.tell(format!("{{stopped,{id},shutdown}}"));
        }
        self.ends(id, incarnation, Exit::Shutdown);
    }

    fn ends(&mut self, id: ChildId, incarnation: Incarnation, exit: Exit) {
        self.alive.remove(&id);
        self.later.retain(|(_, event)| {
            !matches!(event, Event::Exited(other, life, _) if *other == id && *life == incarnation)
        });
        self.queue.push_back(Event::Exited(id, incarnation, exit));
    }

    /// A child ends by itself; `how` is said as the oracle says it.
    pub(super) fn die(&mut self, id: &str, how: &str) {
        let exit = match how {
            "normal" => Exit::Normal,
            "kill" => Exit::Killed,
            how if how.contains("shutdown") => Exit::Shutdown,
            how => Exit::failed(how),
        };
        let shown = if how == "kill" { "killed" } else { how };
        self.tell(format!("{{dies,{id},{shown}}}"));
        let incarnation = self.alive.remove(id).expect("who dies is alive");
        self.feed(Event::Exited(id.into(), incarnation, exit));
    }

    /// Lets time pass, stopping wherever something is due.
    pub(super) fn sleep(&mut self, ms: u64) {
        self.pass_until(self.now_ms + ms);
    }

    /// Lets time pass until the supervisor has ended.
    pub(super) fn until_the_end(&mut self, ms_max: u64) {
        let last = self.now_ms + ms_max;
        while self.end.is_none() {
            let next =
                self.next_moment().expect("a supervisor that ends has something to wait for");
            assert!(next <= last, "not ended by {last} ms");
            self.pass_until(next);
        }
    }

    /// Closes, and lets time pass until the supervisor has ended.
    pub(super) fn finish(&mut self) {
        self.feed(Event::Close);
        self.until_the_end(60_000);
    }

    fn next_moment(&self) -> Option<u64> {
        let due = self.machine.wakeup().map(|at| at.as_nanos().div_ceil(1_000_000));
        self.later.iter().map(|(at, _)| *at).chain(due).min()
    }

    fn pass_until(&mut self, end: u64) {
        while let Some(next) = self.next_moment().filter(|next| *next <= end) {
            self.now_ms = self.now_ms.max(next);
            if let Some(index) = self.later.iter().position(|(at, _)| *at <= self.now_ms) {
                let (_, event) = self.later.remove(index);
                if let Event::Exited(id, incarnation, _) = &event
                    && self.alive.get(id) == Some(incarnation)
                {
                    self.alive.remove(id);
                    self.tell(format!("{{stopped_late,{id}}}"));
                }
                self.feed(event);
            } else {
                self.tick();
            }
        }
        self.now_ms = end;
    }

    /// Asks; the answer stands in `replies` when it comes.
    pub(super) fn ask(&mut self, admin: Admin) -> u64 {
        self.asked += 1;
        self.asking = true;
        self.feed(Event::Asked(ReplyTo(self.asked), admin));
        self.asking = false;
        self.asked
    }

    /// Asks, and takes the answer, which must come at once.
    pub(super) fn answer(&mut self, admin: Admin) -> Reply {
        let asked = self.ask(admin);
        let (to, reply) = self.replies.last().cloned().expect("an answer at once");
        assert_eq!(to, asked);
        reply
    }

    /// Knows how a child will behave that is yet to be added.
    pub(super) fn expect(&mut self, actor: Actor) {
        self.actors.insert(actor.id.into(), actor);
    }

    pub(super) fn add(&mut self, actor: Actor) -> Reply {
        let rules = Some(Arc::new(actor.rules.clone()));
        let id: ChildId = actor.id.into();
        self.actors.entry(id.clone()).or_insert(actor);
        self.answer(Admin::Start(id, rules))
    }

    /// The instance of a template.
    pub(super) fn add_instance(&mut self, id: &'static str) -> u64 {
        self.actors.insert(id.into(), permanent(id));
        self.ask(Admin::Start(id.into(), None))
    }

    pub(super) fn states(&mut self) -> Vec<(String, ChildState)> {
        match self.answer(Admin::Which) {
            Reply::Listed(views) => {
                views.into_iter().map(|view| (view.id.to_string(), view.state)).collect()
            }
            reply => panic!("asked which children there are, got {reply:?}"),
        }
    }
}
