//! The door at which agents in any language come in.
//!
//! Whoever of the nodes hears a join first asks whether somebody hosts that agent already, and hands
//! the word on if so; otherwise it hosts the agent itself. Two nodes that host the same agent for a
//! moment do no harm: the later life of its worker counts, and the other is silent soon.
//!
//! While its node drains, the door is shut: other nodes hear joins, and each agent that is hosted here
//! is let go once it has finished what it holds. Nobody answers its beats then, so it joins again.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{StreamExt as _, future::join_all};
use orkestra_agents::{
    DynAgent,
    kinds::remote::{Code, Join, Line, RemoteAgent, Subjects, Trouble, answered, terms},
};
use orkestra_runtime::{
    Error, ErrorKind, Result, duty,
    fabric::{AskError, Message, Messages, listen},
    id::AgentId,
    names,
    supervise::{ChildSpec, Started, Starting},
};
use serde_json::json;
use tokio::{
    sync::watch,
    task::{AbortHandle, JoinError, JoinSet},
};

use super::{Hosts, Parts, QUEUE};
use crate::{
    system::Member,
    task::{Answer, Query, view::AgentView},
};

/// How many joins may wait.
const WAITING_MAX: usize = 4_096;
/// How many agents one node hosts from elsewhere.
const HOSTED_MAX: usize = 4_096;
/// How long whoever hosts an agent already has to answer.
const HOST_WITHIN: Duration = Duration::from_secs(2);

/// An agent that is hosted here.
#[derive(Clone)]
struct Hosted {
    join: Join,
    line: Line,
    /// Ends what listens to it.
    ear: AbortHandle,
}

/// What outlives the door's own lives: who is hosted here.
struct Gateway {
    parts: Parts,
    hosts: Arc<dyn Hosts>,
    hosted: Mutex<BTreeMap<AgentId, Hosted>>,
}

/// How a line came to its end.
type Ended = (AgentId, Result<()>);

/// The door, as a child.
pub(super) fn child(parts: &Parts, hosts: &Arc<dyn Hosts>) -> ChildSpec {
    let gateway = Arc::new(Gateway {
        parts: parts.clone(),
        hosts: Arc::clone(hosts),
        hosted: Mutex::default(),
    });
    ChildSpec::worker("gateway", move |starting: Starting| {
        let gateway = Arc::clone(&gateway);
        let clock = Arc::clone(&gateway.parts.clock);
        async move {
            let cell = duty::spawn_linked(gateway.run(), clock, starting.supervisor).await?;
            Ok(Started::from(cell))
        }
    })
}

impl Gateway {
    async fn run(self: Arc<Self>) -> Result<()> {
        let messages = Arc::clone(&self.parts.messages);
        let joins = names::agents("join")?;
        let mut draining = self.parts.draining.clone();
        let mut serving = JoinSet::new();
        // An earlier life of this door may have left agents that nobody listens to now.
        let left: Vec<(AgentId, Hosted)> =
            self.hosted().iter().map(|(id, hosted)| (id.clone(), hosted.clone())).collect();
        for (agent, hosted) in left {
            let ear = self.serve(&agent, &hosted.line, &mut serving).await?;
            self.hosted().insert(agent, Hosted { ear, ..hosted });
        }
        loop {
            if *draining.borrow_and_update() {
                self.let_go().await;
                changed(&mut draining).await;
                continue;
            }
            let mut joins = listen(&messages, &joins, Some(QUEUE), WAITING_MAX).await?;
            loop {
                tokio::select! {
                    message = joins.next() => match message {
                        Some(Ok(message)) => {
                            let answer = self.join(&message, &mut serving).await;
                            answered(message, answer);
                        }
                        Some(Err(error)) if error.kind() == ErrorKind::Full => {}
                        Some(Err(error)) => return Err(error),
                        None => {
                            let message = "the fabric is closed";
                            return Err(Error::new(ErrorKind::Unavailable, message));
                        }
                    },
                    Some(ended) = serving.join_next() => self.ended(ended).await?,
                    () = changed(&mut draining) => break,
                }
            }
        }
    }

    /// Lets all agents go that are hosted here, each once it has finished or handed back what it
    /// holds.
    async fn let_go(&self) {
        let all: Vec<(AgentId, AbortHandle)> =
            self.hosted().iter().map(|(id, hosted)| (id.clone(), hosted.ear.clone())).collect();
        let released = all.into_iter().map(|(agent, ear)| async move {
            if let Err(error) = self.hosts.release(agent.clone()).await {
                tracing::warn!(%agent, %error, "an agent from elsewhere cannot be let go");
            }
            ear.abort();
            self.hosted().remove(&agent);
        });
        join_all(released).await;
    }

    fn hosted(&self) -> MutexGuard<'_, BTreeMap<AgentId, Hosted>> {
        self.hosted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn join(
        self: &Arc<Self>,
        message: &Message,
        serving: &mut JoinSet<Ended>,
    ) -> Result<Vec<u8>, Trouble> {
        let join = Join::read(&message.body)?;
        let subjects = Subjects::of(&join.name)?;
        if subjects.join != message.subject {
            let why = format!("{:?} joins on {}", join.name, subjects.join.as_str());
            return Err(Trouble::new(Code::Invalid, why));
        }
        if self.hosted().contains_key(&join.name) {
            return self.again(&join, serving).await;
        }
        let asked = self.parts.messages.ask(&subjects.host, message.body.clone(), HOST_WITHIN);
        match asked.await {
            Ok(answer) => return Ok(answer.into()),
            Err(AskError::NoOne | AskError::NoAnswer | AskError::Unreadable) => {}
            Err(error @ AskError::TooLarge) => {
                return Err(Trouble::new(Code::TooLarge, error.to_string()));
            }
        }
        self.host(join, serving).await
    }

    /// Joins an agent that is hosted here: with other abilities than before, it gets a new worker.
    async fn again(
        self: &Arc<Self>,
        join: &Join,
        serving: &mut JoinSet<Ended>,
    ) -> Result<Vec<u8>, Trouble> {
        let known = self.hosted().get(&join.name).cloned();
        let Some(known) = known else { return self.host(join.clone(), serving).await };
        known.line.join(join)?;
        if !known.join.is_like(join) {
            self.hosts.host(member(join, &known.line)).await?;
            let hosted = Hosted { join: join.clone(), ..known };
            self.hosted().insert(join.name.clone(), hosted);
        }
        self.welcome(join)
    }

    async fn host(
        self: &Arc<Self>,
        join: Join,
        serving: &mut JoinSet<Ended>,
    ) -> Result<Vec<u8>, Trouble> {
        if self.hosted().len() >= HOSTED_MAX {
            let why = format!("{HOSTED_MAX} agents from elsewhere are hosted here already");
            return Err(Trouble::new(Code::Unavailable, why));
        }
        self.check_free(&join).await?;
        let line = Line::new(self.parts.pace, Arc::clone(&self.parts.clock));
        line.join(&join)?;
        self.hosts.host(member(&join, &line)).await?;
        let agent = join.name.clone();
        let ear = self.serve(&agent, &line, serving).await.map_err(Trouble::unavailable)?;
        let answer = self.welcome(&join)?;
        tracing::info!(%agent, session = join.session, "an agent from elsewhere has joined");
        self.hosted().insert(agent, Hosted { join, line, ear });
        Ok(answer)
    }

    /// Refuses the name of an agent that works here or elsewhere and did not come in this way: it
    /// would be given nothing any more.
    async fn check_free(&self, join: &Join) -> Result<(), Trouble> {
        // Every agent tells every shard that it is there.
        let Some(at) = self.parts.shards.all().into_iter().next() else { return Ok(()) };
        let Answer::Agents(agents) = at.tasks.query(Query::Agents).await? else { return Ok(()) };
        let is_there = |known: &&AgentView| known.id == join.name && known.state != "away";
        match agents.iter().find(is_there) {
            Some(known) if known.kind != join.kind => {
                let why = format!("{:?} is the name of a {} agent already", join.name, known.kind);
                Err(Trouble::new(Code::Conflict, why))
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn serve(
        self: &Arc<Self>,
        agent: &AgentId,
        line: &Line,
        serving: &mut JoinSet<Ended>,
    ) -> Result<AbortHandle> {
        let messages: Arc<dyn Messages> = Arc::clone(&self.parts.messages);
        let listening = line.listen(agent, messages).await?;
        let (gateway, agent) = (Arc::clone(self), agent.clone());
        let rejoin = Arc::new(move |body: &[u8]| gateway.rejoin(body));
        Ok(serving.spawn(async move { (agent, listening.serve(rejoin).await) }))
    }

    /// Answers a join that another node heard, of an agent that is hosted here. Its abilities stay
    /// what they were until this node hears a join by itself.
    fn rejoin(&self, body: &[u8]) -> Result<Vec<u8>, Trouble> {
        let join = Join::read(body)?;
        let known = self.hosted().get(&join.name).cloned();
        let Some(known) = known else {
            return Err(Trouble::new(Code::Unavailable, "the agent is about to go from here"));
        };
        known.line.join(&join)?;
        self.welcome(&join)
    }

    /// What an agent is told that has joined.
    fn welcome(&self, join: &Join) -> Result<Vec<u8>, Trouble> {
        let (Parts { node, prefix, pace, .. }, subjects) = (&self.parts, Subjects::of(&join.name)?);
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let answer = json!({
            "ok": true,
            "host": node,
            "beat_every_ms": ms(pace.beat_every),
            "silence_ms": ms(pace.silence),
            "lost_after_ms": ms(pace.lost_after),
            "subjects": {
                "work": format!("{prefix}{}", subjects.work.as_str()),
                "beat": format!("{prefix}{}", subjects.beat.as_str()),
                "say": format!("{prefix}{}", subjects.say.as_str()),
            },
        });
        Ok(answer.to_string().into_bytes())
    }

    /// A line has ended: the agent was away for so long that it is forgotten, or nobody could
    /// listen any more.
    async fn ended(self: &Arc<Self>, ended: Result<Ended, JoinError>) -> Result<()> {
        if ended.as_ref().is_err_and(JoinError::is_cancelled) {
            return Ok(());
        }
        let (agent, ended) = ended.map_err(|error| {
            Error::new(ErrorKind::Fault, "whoever served an agent from elsewhere ended")
                .because(error)
        })?;
        // The door opens anew, and listens to all of them.
        ended?;
        self.hosted().remove(&agent);
        tracing::info!(%agent, "an agent from elsewhere is forgotten");
        self.hosts.release(agent).await
    }
}

/// Waits until something else is said; for ever, where nobody can say it any more.
async fn changed(said: &mut watch::Receiver<bool>) {
    if said.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The agent as a member of this node's team.
fn member(join: &Join, line: &Line) -> Member {
    let agent = Arc::new(RemoteAgent::new(line.clone()));
    let factory = Arc::new(move || Arc::clone(&agent) as Arc<dyn DynAgent>);
    let mut member = Member::new(join.name.clone(), &join.kind, join.capacity, factory);
    member.profile = join.profile();
    member.terms = terms(line.pace());
    member
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("parts", &self.parts).finish_non_exhaustive()
    }
}
