//! Simulated people: they decide, repeat and contradict themselves, stop things and let them go on.

use orkestra_coordinator::task::{
    Answer, Query, Reply, Said, TaskCommand,
    people::{PendingView, Word},
    standing::ScopeName,
    view::TaskView,
};
use orkestra_runtime::{
    chance::Chance,
    id::AgentId,
    machine::ReplyTo,
    protocol::{
        ask::{Ask, AskKind, AskRule, OnReject, OnTimeout},
        payload::{Json, Payload},
        task::TaskSpec,
    },
    time::Wall,
};

use super::{Outcome, Team, asks::Saying, stops::Stop, told};

/// Who waits for an answer to what a person said or stopped.
pub(super) const PERSON_ASKS: ReplyTo = ReplyTo(2);
/// How long after its time a breaker must have let a trial through, in milliseconds.
const TRIAL_WITHIN_MS: u64 = 120_000;

/// What a person waits to be answered.
#[derive(Clone, Debug)]
pub(super) enum Waiting {
    Word(Saying),
    Stop(Stop),
    GoOn,
}

fn person(number: u64) -> Result<AgentId, String> {
    told(AgentId::new(format!("p{number}")))
}

/// Makes a task ask people.
pub(super) fn question(spec: &mut TaskSpec, chance: &mut Chance) -> Outcome {
    let rules = [AskRule::Any, AskRule::All, AskRule::Majority];
    let rule = chance.pick(&rules).copied().unwrap_or_default();
    let kind = if chance.per_mille(700) { AskKind::Approval } else { AskKind::Answer };
    let least = u64::from(rule != AskRule::Any);
    let count = least + chance.below(4);
    spec.agents = (0..count).map(person).collect::<Result<_, _>>()?;
    let timeout_ms = chance.per_mille(600).then(|| 2_000 + chance.below(40_000));
    let on_timeout = match chance.below(4) {
        0 if kind == AskKind::Approval => OnTimeout::Approve,
        1 | 2 if timeout_ms.is_some() => OnTimeout::Escalate { to: vec![person(8)?, person(9)?] },
        _ => OnTimeout::Reject,
    };
    let on_reject = if chance.per_mille(600) { OnReject::Complete } else { OnReject::Fail };
    spec.ask = Some(Ask { kind, rule, timeout_ms, on_timeout, on_reject });
    Ok(())
}

impl Team {
    fn pending(&mut self) -> Result<Vec<PendingView>, String> {
        let Answer::Pending(open) = self.machine.tasks().answer(self.now, &Query::Pending(None))
        else {
            return Err("a question about people is answered with something else".into());
        };
        self.books.asks.shown(&open)?;
        Ok(open)
    }

    /// Somebody says something: mostly what they were asked, now and then what they were not.
    pub(super) fn person_speaks(&mut self) -> Outcome {
        let again = self.chance.per_mille(250);
        if let Some(mut saying) = self.chance.pick(&self.sayings).cloned().filter(|_| again) {
            if self.chance.per_mille(500) {
                saying.said = self.words(AskKind::Approval);
            }
            saying.is_open = self.books.asks.is_open(&saying.task);
            self.history.repeated += 1;
            return self.say(saying);
        }
        let open = self.pending()?;
        let Some(asked) = self.chance.pick(&open).cloned() else { return Ok(()) };
        let stranger = person(self.chance.below(10))?;
        let by = self.chance.pick(&asked.people).cloned().unwrap_or_else(|| stranger.clone());
        let by = if self.chance.per_mille(100) { stranger } else { by };
        let said = self.words(asked.kind);
        self.say(Saying { task: asked.task, by, said, is_open: true })
    }

    fn words(&mut self, kind: AskKind) -> Said {
        match (self.chance.below(10), kind) {
            (0 | 1, _) => Said::Rejected,
            (_, AskKind::Approval) => Said::Approved,
            (word, AskKind::Answer) => {
                let json = Json::of(&(word / 7)).unwrap_or_default();
                Said::Answered(Payload::Inline(json))
            }
        }
    }

    fn say(&mut self, saying: Saying) -> Outcome {
        let Saying { task, by, said, .. } = saying.clone();
        let word = Word { by, said, reason: "so it is".into(), via: "simulated".into() };
        self.waiting = Some(Waiting::Word(saying));
        self.tell(TaskCommand::Decide { to: PERSON_ASKS, run: self.run.clone(), task, word })
    }

    /// Everybody whom an open question asks agrees.
    pub(super) fn everybody_agrees(&mut self) -> Outcome {
        for asked in self.pending()? {
            let anybody = person(0)?;
            let people = if asked.people.is_empty() { vec![anybody] } else { asked.people };
            for by in people {
                let said = match asked.kind {
                    AskKind::Approval => Said::Approved,
                    AskKind::Answer => Said::Answered(Payload::null()),
                };
                let has_decided = asked.decisions.iter().any(|decided| decided.by == by);
                let is_open = self.books.asks.is_open(&asked.task);
                if !has_decided && is_open {
                    self.say(Saying { task: asked.task.clone(), by, said, is_open })?;
                }
            }
        }
        Ok(())
    }

    /// Somebody stops the run, all runs or an agent.
    pub(super) fn person_stops(&mut self) -> Outcome {
        if self.has_ended() {
            return Ok(());
        }
        let (to, by, reason) = (PERSON_ASKS, "boss".to_owned(), "lunch".to_owned());
        let scope = match self.chance.below(3) {
            0 => ScopeName::Run(self.run.clone()),
            1 => ScopeName::Namespace(String::new()),
            _ => {
                let agents: Vec<AgentId> =
                    self.workers.iter().map(|worker| worker.id.clone()).collect();
                let Some(agent) = self.chance.pick(&agents).cloned() else { return Ok(()) };
                self.waiting = Some(Waiting::Stop(Stop::Agent(agent.clone())));
                return self.tell(TaskCommand::Drain { to, agent, by, reason });
            }
        };
        self.waiting = Some(Waiting::Stop(Stop::of(&scope)));
        self.tell(TaskCommand::Pause { to, scope, by, reason })
    }

    /// Somebody lets something go on.
    pub(super) fn person_lets_go_on(&mut self) -> Outcome {
        let stopped = self.books.stops.all();
        let Some(stop) = self.chance.pick(&stopped).cloned() else { return Ok(()) };
        self.go_on(&stop)
    }

    /// Everything that is stopped goes on.
    pub(super) fn everything_goes_on(&mut self) -> Outcome {
        for stop in self.books.stops.all() {
            self.go_on(&stop)?;
        }
        Ok(())
    }

    fn go_on(&mut self, stop: &Stop) -> Outcome {
        self.books.stops.goes_on(stop);
        if self.has_ended() {
            return Ok(());
        }
        self.waiting = Some(Waiting::GoOn);
        let (to, by) = (PERSON_ASKS, "boss".to_owned());
        let run = ScopeName::Run(self.run.clone());
        match stop {
            Stop::Agent(agent) => self.tell(TaskCommand::Return { to, agent: agent.clone(), by }),
            Stop::Run(name) if *name == run.to_string() => {
                self.tell(TaskCommand::Resume { to, scope: run, by })
            }
            Stop::Run(_) => {
                let scope = ScopeName::Namespace(String::new());
                self.tell(TaskCommand::Resume { to, scope, by })
            }
        }
    }

    /// A person is answered.
    pub(super) fn person_hears(&mut self, reply: &Reply) -> Outcome {
        match (self.waiting.take(), reply) {
            (Some(Waiting::Word(saying)), Reply::Decided { settled }) => {
                self.history.decided += 1;
                self.books.asks.acknowledged(&saying, *settled)?;
                self.sayings.push(saying);
                Ok(())
            }
            (Some(Waiting::Word(saying)), Reply::Refused(_)) => {
                self.history.refused += 1;
                self.books.asks.refused(&saying)
            }
            (Some(Waiting::Stop(stop)), Reply::Stands { .. }) => {
                self.history.stops += 1;
                self.books.stops.stopped(stop);
                Ok(())
            }
            (Some(Waiting::GoOn), Reply::Stands { changed: true }) => Ok(()),
            (waiting, reply) => Err(format!("{waiting:?} is answered with {reply:?}")),
        }
    }

    /// A breaker whose time is long over has let a trial through, if there is anything to try.
    pub(super) fn look_for_trials(&self) -> Outcome {
        let long_ago = Wall::from_ms(self.now.wall.as_ms().saturating_sub(TRIAL_WITHIN_MS));
        let Some(agent) = self.books.stops.forgotten(long_ago) else { return Ok(()) };
        let is_idle = self.workers.iter().any(|worker| worker.id == *agent && worker.is_idle());
        let query = Query::Tasks { run: self.run.clone(), limit: None };
        let Answer::Tasks(views) = self.machine.tasks().answer(self.now, &query) else {
            return Ok(());
        };
        // Who waits for a lock waits for no agent.
        let waits = |view: &TaskView| view.state == "ready" && view.locks.is_empty();
        if is_idle && views.iter().any(waits) {
            return Err(format!("the breaker of {agent} never lets a trial through"));
        }
        Ok(())
    }
}
