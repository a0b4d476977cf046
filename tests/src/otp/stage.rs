//! Our machines in a scenario: they are told what happens in the order in which OTP reads it.
//!
//! OTP's supervisor waits in the midst of a start, a stop or a group's restart, and what comes
//! meanwhile stays in its mailbox. Ours never waits. So that both decide about the same things in
//! the same order, each machine has a mailbox here that is left alone while it has a start or a
//! stop under way; and a try that follows a failed start takes its place in it, as OTP's does.

mod hands;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use orkestra_runtime::{
    chance::Chance,
    id::Incarnation,
    machine::{Machine as _, ReplyTo},
    restart::Exit,
    supervise::{
        event::{Admin, ChildState, Event, Refusal, Reply},
        machine::SupervisorMachine,
        rules::{ChildId, Strategy},
    },
    time::{Moment, Now, Wall},
};

use super::scenario::{Scenario, canonical};

/// More turns than any scenario takes; who takes more will never end.
const TURNS_MAX: usize = 20_000;

/// Plays a scenario on our machines: a line for the start and one for each step, until the root is
/// down.
pub fn told(scenario: &Scenario) -> Result<Vec<String>, String> {
    let mut stage = Stage::new(scenario);
    let root = scenario.members.first().ok_or("nobody is in it")?.name.clone();
    stage.open(&root, Incarnation(0))?;
    stage.settle()?;
    let mut told = vec![stage.line()];
    for step in &scenario.steps {
        if stage.over.is_some() {
            break;
        }
        let words: Vec<&str> = step.iter().map(String::as_str).collect();
        stage.take(&words)?;
        stage.settle()?;
        told.push(stage.line());
    }
    Ok(told)
}

/// What waits in the mailbox of a supervisor.
#[derive(Debug)]
enum Letter {
    /// A child has ended.
    Ended(ChildId, Incarnation, Exit),
    /// Somebody asks.
    Asked(ReplyTo, Admin),
    /// It is to end, and then has ended like this.
    Close(Exit),
    /// A start that follows one that failed.
    Begin(ChildId, Incarnation),
}

/// One supervisor.
#[derive(Debug)]
struct Node {
    machine: SupervisorMachine,
    incarnation: Incarnation,
    mailbox: VecDeque<Letter>,
    /// Whose start or stop is under way.
    pending: BTreeSet<ChildId>,
    /// Who lives below it.
    alive: BTreeMap<ChildId, Incarnation>,
    opened: bool,
    ends_as: Exit,
}

struct Stage<'a> {
    scenario: &'a Scenario,
    nodes: BTreeMap<String, Node>,
    /// What is told to a machine before anything else: how what it waits for went.
    results: VecDeque<(String, Event)>,
    now_ms: u64,
    starts: BTreeMap<String, u32>,
    /// When slow children will have ended.
    later: Vec<(u64, String, ChildId, Incarnation)>,
    armed: BTreeSet<(String, String)>,
    /// Who is held, below which supervisor, and whether in its start.
    held: BTreeMap<ChildId, (String, Incarnation, bool)>,
    events: Vec<String>,
    answers: BTreeMap<u64, Option<String>>,
    asked: u64,
    over: Option<String>,
}

impl<'a> Stage<'a> {
    fn new(scenario: &'a Scenario) -> Self {
        Self {
            scenario,
            nodes: BTreeMap::new(),
            results: VecDeque::new(),
            now_ms: 0,
            starts: BTreeMap::new(),
            later: Vec::new(),
            armed: BTreeSet::new(),
            held: BTreeMap::new(),
            events: Vec::new(),
            answers: BTreeMap::new(),
            asked: 0,
            over: None,
        }
    }

    const fn now(&self) -> Now {
        Now { moment: Moment::from_ms(self.now_ms), wall: Wall::from_ms(self.now_ms) }
    }

    /// What was told since the last line. Answers are told when nobody is held.
    fn line(&mut self) -> String {
        let mut words = std::mem::take(&mut self.events);
        if self.held.is_empty() && !self.answers.is_empty() {
            words.push("|".to_owned());
            let answers = std::mem::take(&mut self.answers).into_values();
            words.extend(answers.map(|answer| answer.unwrap_or_else(|| "gone".to_owned())));
        }
        words.extend(self.over.clone().map(|over| format!("; {over}")));
        let words: Vec<&str> = words.iter().flat_map(|word| word.split(' ')).collect();
        canonical(self.scenario, &words)
    }

    fn open(&mut self, name: &str, incarnation: Incarnation) -> Result<(), String> {
        let plan = self.scenario.plan(name).ok_or_else(|| format!("{name} does not supervise"))?;
        let machine = SupervisorMachine::new(&plan, Chance::from_seed(1));
        let node = Node {
            machine: machine.map_err(|error| error.to_string())?,
            incarnation,
            mailbox: VecDeque::new(),
            pending: BTreeSet::new(),
            alive: BTreeMap::new(),
            opened: false,
            ends_as: Exit::Shutdown,
        };
        self.nodes.insert(name.to_owned(), node);
        let n = self.count_start(name);
        self.events.push(format!("+{name}{n}"));
        self.results.push_back((name.to_owned(), Event::Open));
        Ok(())
    }

    fn count_start(&mut self, name: &str) -> u32 {
        let n = self.starts.entry(name.to_owned()).or_default();
        *n += 1;
        *n
    }

    /// Goes on until nothing happens any more.
    fn settle(&mut self) -> Result<(), String> {
        for _ in 0..TURNS_MAX {
            if let Some((name, event)) = self.results.pop_front() {
                self.step(&name, event)?;
            } else if let Some((name, letter)) = self.next_letter() {
                self.open_letter(&name, letter)?;
            } else if !self.pass_time()? {
                return Ok(());
            }
        }
        Err("it never comes to rest".to_owned())
    }

    fn next_letter(&mut self) -> Option<(String, Letter)> {
        let (name, node) = self
            .nodes
            .iter_mut()
            .find(|(_, node)| node.pending.is_empty() && !node.mailbox.is_empty())?;
        Some((name.clone(), node.mailbox.pop_front()?))
    }

    fn open_letter(&mut self, name: &str, letter: Letter) -> Result<(), String> {
        match letter {
            Letter::Ended(id, incarnation, exit) => {
                self.step(name, Event::Exited(id, incarnation, exit))
            }
            Letter::Asked(to, admin) => self.step(name, Event::Asked(to, admin)),
            Letter::Close(exit) => {
                self.node(name)?.ends_as = exit;
                self.step(name, Event::Close)
            }
            Letter::Begin(id, incarnation) => self.begin(name, id, incarnation),
        }
    }

    /// Lets time pass until something is due, if something is.
    fn pass_time(&mut self) -> Result<bool, String> {
        let wakeups = self.nodes.values().filter_map(|node| node.machine.wakeup());
        let due = wakeups.map(|at| at.as_nanos().div_ceil(1_000_000));
        let Some(next) = self.later.iter().map(|(at, ..)| *at).chain(due).min() else {
            return Ok(false);
        };
        self.now_ms = self.now_ms.max(next);
        if let Some(at) = self.later.iter().position(|(at, ..)| *at <= self.now_ms) {
            let (_, name, id, incarnation) = self.later.remove(at);
            self.events.push(format!("~{id}"));
            self.ends(&name, &id, incarnation, Exit::Shutdown)?;
            return Ok(true);
        }
        let names: Vec<String> = self.nodes.keys().cloned().collect();
        for name in names {
            let (now, mut effects) = (self.now(), Vec::new());
            self.node(&name)?.machine.tick(now, &mut effects);
            self.carry_out(&name, None, effects)?;
        }
        Ok(true)
    }

    fn node(&mut self, name: &str) -> Result<&mut Node, String> {
        self.nodes.get_mut(name).ok_or_else(|| format!("{name} is not there"))
    }

    fn step(&mut self, name: &str, event: Event) -> Result<(), String> {
        let now = self.now();
        // Of a supervisor that has just ended.
        let Some(node) = self.nodes.get_mut(name) else { return Ok(()) };
        let mut failed = None;
        match &event {
            Event::StartFailed(id, ..) => {
                failed = Some(id.clone());
                node.pending.remove(id);
            }
            Event::Started(id, _) | Event::Ignored(id, _) | Event::Exited(id, ..) => {
                node.pending.remove(id);
            }
            Event::Open | Event::Close | Event::Heard(..) | Event::Asked(..) => {}
        }
        let mut effects = Vec::new();
        node.machine.step(now, event, &mut effects);
        node.machine.check(now.moment);
        self.carry_out(name, failed.as_ref(), effects)
    }

    fn take(&mut self, words: &[&str]) -> Result<(), String> {
        match *words {
            ["die", id, how] => self.die(id, how)?,
            ["arm", id, what] => drop(self.armed.insert((id.to_owned(), what.to_owned()))),
            ["open", id] => self.let_go(id)?,
            ["sleep", seconds] => {
                let seconds: u64 = seconds.parse().map_err(|_| format!("no time: {seconds}"))?;
                self.now_ms = (self.now_ms / 1_000 + seconds) * 1_000;
            }
            ["stop"] => {
                let root = &self.scenario.members[0].name;
                self.node(root)?.mailbox.push_back(Letter::Close(Exit::Shutdown));
            }
            [what, name] => self.ask(name, what, "")?,
            [what, name, id] => self.ask(name, what, id)?,
            _ => return Err(format!("no step is called {words:?}")),
        }
        Ok(())
    }

    fn ask(&mut self, name: &str, what: &str, id: &str) -> Result<(), String> {
        self.asked += 1;
        self.answers.insert(self.asked, None);
        let sorted = self.has_instances(name);
        let Some(node) = self.nodes.get_mut(name) else { return Ok(()) };
        if sorted && what == "terminate" && !node.alive.contains_key(id) {
            self.answers.insert(self.asked, Some("nobody".to_owned()));
            return Ok(());
        }
        let rules = self.scenario.member(id).map(|member| member.rules.clone().into());
        let admin = match what {
            "terminate" => Admin::Terminate(id.into()),
            "restart" => Admin::Restart(id.into()),
            "delete" => Admin::Delete(id.into()),
            "add" => Admin::Start(id.into(), rules),
            "which" => Admin::Which,
            "count" => Admin::Count,
            _ => return Err(format!("nothing can be asked by {what:?}")),
        };
        node.mailbox.push_back(Letter::Asked(ReplyTo(self.asked), admin));
        Ok(())
    }

    fn has_instances(&self, name: &str) -> bool {
        let plan = self.scenario.member(name).and_then(|member| member.plan.as_ref());
        plan.is_some_and(|plan| matches!(plan.strategy, Strategy::Dynamic { .. }))
    }

    fn said(&self, name: &str, reply: &Reply) -> String {
        let sorted = self.has_instances(name);
        match reply {
            Reply::Started(_) | Reply::Done => "ok".to_owned(),
            Reply::Ignored => "ignored".to_owned(),
            Reply::Counted(counts) => format!(
                "count[{},{},{},{}]",
                counts.specs, counts.active, counts.supervisors, counts.workers
            ),
            Reply::Listed(views) => {
                let mut shown: Vec<String> =
                    views.iter().map(|view| format!("{}{}", view.id, sign(view.state))).collect();
                if sorted {
                    shown.sort();
                }
                format!("which[{}]", shown.join(","))
            }
            Reply::Refused(refusal) => match refusal {
                Refusal::Running => "running",
                Refusal::Restarting => "restarting",
                Refusal::NotFound => "not_found",
                Refusal::AlreadyStarted => "already_started",
                Refusal::AlreadyPresent => "already_present",
                Refusal::StartFailed(_) => "failed",
                Refusal::Full(_) => "full",
                Refusal::Bad(_) => "bad",
                Refusal::Closing => "gone",
            }
            .to_owned(),
        }
    }
}

const fn sign(state: ChildState) -> char {
    match state {
        ChildState::Running | ChildState::Stopping => '+',
        ChildState::Starting | ChildState::BackingOff(_) => '?',
        ChildState::Parked | ChildState::Stopped => '-',
    }
}
