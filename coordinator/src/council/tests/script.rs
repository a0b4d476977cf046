//! A little vocabulary: a shard, a team of agents that answer as told, and councils.

use std::{collections::BTreeMap, time::Duration};

use orkestra_runtime::{
    chance::Chance,
    id::{AgentId, Attempt, Incarnation, Number, TaskNo},
    machine::ReplyTo,
    protocol::{
        agent::{AgentProfile, Assignment, Availability, FromAgent, Report, ToAgent},
        council::CHECKS_CAPABILITY,
        payload::{Json, Payload},
    },
    time::{Moment, Now, Wall},
};
use serde_json::Value;

use super::minds::{Mind, outcome};
use crate::{
    council::{
        CouncilAnswer, CouncilCommand, CouncilConfig, CouncilEffect, CouncilEvent, CouncilQuery,
        CouncilRefusal, CouncilReply, DeliberationRequest, NewCouncil,
        view::{CouncilMetricsView, CouncilView, DeliberationView},
    },
    shard::{
        Mind as _,
        machine::{Answer, Command, Effect, Event, Query, ShardMachine, ShardSettings},
        perform,
    },
    task::{PERSON, Said, TaskCommand, TaskEffect, people::Word},
};

pub(super) struct Script {
    pub(super) machine: ShardMachine,
    pub(super) journal: Vec<(Wall, Event)>,
    pub(super) now: Now,
    /// What was given out and not answered, in the order in which it was, with whose it is.
    pub(super) given: BTreeMap<TaskNo, (AgentId, Assignment)>,
    /// How agents answer that do not answer as all do.
    pub(super) minds: BTreeMap<String, Mind>,
    replies: Vec<CouncilReply>,
    pub(super) chance: Chance,
    life: u64,
}

pub(super) fn agent(name: &str) -> AgentId {
    AgentId::new(name).unwrap()
}

/// What is to be thought about, by its name.
pub(super) fn request(id: &str) -> DeliberationRequest {
    DeliberationRequest {
        id: id.to_owned(),
        role: "DEV".to_owned(),
        task: "Say how the cache works.".to_owned(),
        rubric: "short and true".to_owned(),
        ..DeliberationRequest::default()
    }
}

impl Script {
    /// Agents that sit in any council, one that checks and one that tries out.
    pub(super) fn new(agents: &[&str]) -> Self {
        let mut script = Self {
            machine: ShardMachine::new(ShardSettings::default()),
            journal: Vec::new(),
            now: Now { moment: Moment::from_ms(5), wall: Wall::from_ms(1_000_000) },
            given: BTreeMap::new(),
            minds: BTreeMap::new(),
            replies: Vec::new(),
            chance: Chance::from_seed(7),
            life: 1,
        };
        for name in agents {
            script.join(name, &["council"], 16);
        }
        script.join("checker", &[CHECKS_CAPABILITY], 16);
        script.join("validator", &["validate"], 16);
        script
    }

    /// The same with a council of DEV whose seats they take.
    pub(super) fn seated(agents: &[&str], config: CouncilConfig) -> Self {
        let mut script = Self::new(agents);
        let num_agents = u32::try_from(agents.len()).unwrap();
        let role = "DEV".to_owned();
        script.create(NewCouncil { role, num_agents, config, ..NewCouncil::default() }).unwrap();
        script
    }

    pub(super) fn join(&mut self, name: &str, capabilities: &[&str], capacity: u32) {
        let profile = AgentProfile {
            id: agent(name),
            kind: "function".to_owned(),
            description: String::new(),
            capabilities: capabilities.iter().map(|name| name.parse().unwrap()).collect(),
            specialties: Vec::new(),
            capacity,
            availability: Availability::Available,
        };
        let incarnation = Incarnation(self.life);
        self.hear(FromAgent::Joined { profile, incarnation });
    }

    /// A person whom tasks may ask.
    pub(super) fn person(&mut self, name: &str) {
        let profile = AgentProfile {
            id: agent(name),
            kind: PERSON.to_owned(),
            description: String::new(),
            capabilities: Vec::new(),
            specialties: Vec::new(),
            capacity: 0,
            availability: Availability::Available,
        };
        self.hear(FromAgent::Joined { profile, incarnation: Incarnation(self.life) });
    }

    /// A person answers what a task asks.
    pub(super) fn says(&mut self, name: &str, run: &str, task: &str, answer: &Value) {
        let (run, task) = (run.parse().unwrap(), task.parse().unwrap());
        let said = Said::Answered(Payload::Inline(Json::of(answer).unwrap()));
        let (by, reason, via) = (agent(name), String::new(), String::new());
        let word = Word { by, said, reason, via };
        self.say(&Command::Task(TaskCommand::Decide { to: ReplyTo(8), run, task, word }));
    }

    pub(super) fn leave(&mut self, name: &str) {
        let (agent, incarnation) = (agent(name), Incarnation(self.life));
        self.given.retain(|_, (of, _)| *of != agent);
        self.hear(FromAgent::Left { agent, incarnation });
    }

    pub(super) fn hear(&mut self, news: FromAgent) {
        self.say(&Command::Task(TaskCommand::Heard(news)));
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
        self.journal.extend(done.events.into_iter().map(|event| (self.now.wall, event)));
        for effect in done.effects {
            match effect {
                Effect::Task(TaskEffect::Tell { agent, message }) => self.told(&agent, message),
                Effect::Council(CouncilEffect::Reply { reply, .. }) => self.replies.push(reply),
                Effect::Task(_) | Effect::Context(_) | Effect::Lock(_) | Effect::Committee(_) => {}
            }
        }
    }

    fn told(&mut self, agent: &AgentId, message: ToAgent) {
        match message {
            ToAgent::Assign(batch) => {
                for one in batch {
                    self.given.insert(one.task, (agent.clone(), one));
                }
            }
            ToAgent::Cancel { task, .. } => {
                self.given.remove(&task);
            }
            ToAgent::AssignLocked(_)
            | ToAgent::Acknowledged(_)
            | ToAgent::WhoIsThere
            | ToAgent::Want { .. } => {}
        }
    }

    /// Gives a command to the councils and takes the reply.
    pub(super) fn tell(&mut self, command: CouncilCommand) -> Result<CouncilReply, CouncilRefusal> {
        self.replies.clear();
        self.say(&Command::Council(command));
        match self.replies.remove(0) {
            CouncilReply::Refused(refusal) => Err(refusal),
            reply => Ok(reply),
        }
    }

    pub(super) fn create(&mut self, council: NewCouncil) -> Result<CouncilView, CouncilRefusal> {
        let (to, council) = (ReplyTo(1), Box::new(council));
        match self.tell(CouncilCommand::Create { to, council })? {
            CouncilReply::Created(view) => Ok(*view),
            other => panic!("{other:?}"),
        }
    }

    /// Asks for a deliberation; answers whether it was there before.
    pub(super) fn ask(&mut self, request: DeliberationRequest) -> Result<bool, CouncilRefusal> {
        let (to, request) = (ReplyTo(1), Box::new(request));
        match self.tell(CouncilCommand::Deliberate { to, request })? {
            CouncilReply::Begun(begun) => Ok(begun.existed),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn query(&self, query: CouncilQuery) -> CouncilAnswer {
        match self.machine.answer(self.now, &Query::Council(query)) {
            Answer::Council(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn councils(&self) -> Vec<CouncilView> {
        match self.query(CouncilQuery::List { namespace: String::new(), role: None }) {
            CouncilAnswer::Councils(councils) => councils,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn view(&self, id: &str) -> DeliberationView {
        let (namespace, id) = (String::new(), id.to_owned());
        match self.query(CouncilQuery::Deliberation { namespace, id }) {
            CouncilAnswer::Deliberation(Some(view)) => *view,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn minutes(&self, id: &str) -> String {
        let (namespace, id) = (String::new(), id.to_owned());
        match self.query(CouncilQuery::Minutes { namespace, id }) {
            CouncilAnswer::Minutes(Some(lines)) => lines.join("\n"),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn metrics(&self, range_ms: Option<u64>) -> CouncilMetricsView {
        match self.query(CouncilQuery::Metrics { namespace: None, range_ms }) {
            CouncilAnswer::Metrics(metrics) => *metrics,
            other => panic!("{other:?}"),
        }
    }

    /// What is given out now, by name.
    pub(super) fn at_work(&self) -> String {
        let given = self.given.values().map(|(_, one)| one.id.to_string());
        given.collect::<Vec<_>>().join(" ")
    }

    pub(super) fn wait(&mut self, by: Duration) {
        self.now.moment = self.now.moment + by;
        self.now.wall = self.now.wall + by;
        while let Some(command) = self.machine.due(self.now) {
            self.say(&command);
        }
    }

    /// Whoever has a step answers it as it does.
    pub(super) fn answer(&mut self, task: &str) -> (AgentId, Report) {
        let found = self.given.iter().find(|(_, (_, one))| one.id.as_str() == task);
        let no = *found.unwrap_or_else(|| panic!("{task} is not given: {}", self.at_work())).0;
        let (agent, one) = self.given.remove(&no).unwrap();
        let outcome = outcome(&self.minds, &agent, &one);
        let report =
            Report { task: no, attempt: one.attempt, outcome, worked_ms: 1, checks: vec![] };
        self.report(&agent, report.clone());
        (agent, report)
    }

    pub(super) fn report(&mut self, agent: &AgentId, report: Report) {
        let (agent, incarnation) = (agent.clone(), Incarnation(self.life));
        self.hear(FromAgent::Ended { agent, incarnation, reports: vec![report] });
    }

    /// Lets all answer, in an order that is drawn, until nobody has anything to do.
    pub(super) fn run(&mut self) {
        while !self.given.is_empty() {
            let at = usize::try_from(self.chance.below(self.given.len() as u64)).unwrap();
            let task = self.given.values().nth(at).unwrap().1.id.to_string();
            self.answer(&task);
        }
    }

    /// The same, with time for what is tried again.
    pub(super) fn run_to_the_end(&mut self, id: &str) {
        for _ in 0..1_000 {
            self.run();
            if self.view(id).status.is_over() {
                return;
            }
            self.wait(Duration::from_secs(1));
        }
        panic!("it does not end: {:#?}", self.view(id));
    }

    /// Another leader begins where this one was; workers are there and at work.
    pub(super) fn take_over(&mut self) {
        let genesis = ShardMachine::new(ShardSettings::default());
        self.machine = genesis.restored(&self.machine.snapshot()).unwrap();
        self.machine.promote(self.now);
        let names: Vec<(AgentId, Vec<String>)> = {
            let views = self.machine.tasks().agent_views().into_iter();
            views.map(|agent| (agent.id, agent.capabilities)).collect()
        };
        for (name, capabilities) in names {
            let capabilities: Vec<&str> = capabilities.iter().map(String::as_str).collect();
            self.join(name.as_str(), &capabilities, 16);
            let held = self.given.iter().filter(|(_, (of, _))| *of == name);
            let held: Vec<(TaskNo, Attempt)> =
                held.map(|(no, (_, one))| (*no, one.attempt)).collect();
            let incarnation = Incarnation(self.life);
            self.hear(FromAgent::Beat { agent: name, incarnation, held });
        }
    }

    pub(super) fn events(&self) -> impl Iterator<Item = &CouncilEvent> {
        self.journal.iter().filter_map(|(_, event)| match event {
            Event::Council(event) => Some(event),
            Event::Task(_) | Event::Context(_) | Event::Lock(_) | Event::Committee(_) => None,
        })
    }

    /// What a replay of the journal comes to, and a snapshot that is read back: the same.
    pub(super) fn check(&self) {
        let mut replayed = ShardMachine::new(ShardSettings::default());
        for (number, (at, event)) in (1..).zip(&self.journal) {
            replayed.apply(Number(number), *at, event);
        }
        let bytes = self.machine.snapshot();
        assert_eq!(replayed.snapshot(), bytes);
        let restored = ShardMachine::restore(&bytes).unwrap();
        assert_eq!(restored.snapshot(), bytes);
        let query = Query::Council(CouncilQuery::Gauges);
        assert_eq!(restored.answer(self.now, &query), self.machine.answer(self.now, &query));
    }
}
