//! The agents of the team as agents of the Synadia Agent Protocol for NATS, version 0.3: whoever
//! speaks it finds them and prompts them.
//!
//! Each agent is an instance of the micro service `agents` at each coordinator, with the subjects
//! `agents.{verb}.orkestra.{cluster}.{agent}`. A prompt becomes a task of the default namespace that
//! only this agent may do, in a run of its own; it is as durable as any other, and goes on when
//! whoever asked has gone. The same prompt under the same `Nats-Msg-Id` is one task.
//!
//! It does not promise that the stream of an answer outlives the node that sends it: the protocol
//! has no way to take one up again. Nothing is ever asked back (`query`), and attachments are
//! refused.

mod instance;
mod prompt;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt as _, stream::FuturesUnordered};
use orkestra_runtime::{
    Error, ErrorKind, Result, duty,
    fabric::{Headers, Message, Messages, Pattern, Subject, listen},
    names::token,
    supervise::{ChildSpec, Started, Starting},
    time::{Clock, Moment},
};
use serde_json::Value;
use tokio::sync::watch;

use super::{Parts, Shards};
use crate::task::{Answer, PERSON, Query};
use instance::{Instance, Place};

/// The name of the service, as the protocol has it.
const SERVICE: &str = "agents";
/// The queue group of its endpoints, as the protocol has it.
const QUEUE: &str = "agents";
/// How the harness is called, which is this program.
const HARNESS: &str = "orkestra";
/// How often each agent says that it is there.
const BEAT_EVERY: Duration = Duration::from_secs(30);
/// How often it is looked who is there.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How many questions may wait, of one kind.
const WAITING_MAX: usize = 1_024;
/// How many prompts are answered at once; one more is told so.
const AT_WORK_MAX: usize = 256;

/// All agents that are there, by the last token of their subjects.
type Instances = BTreeMap<String, Arc<Instance>>;

/// What stands behind all agents of a node.
struct Service {
    place: Arc<Place>,
    outside: Arc<dyn Messages>,
    shards: Arc<dyn Shards>,
    clock: Arc<dyn Clock>,
    instances: watch::Sender<Instances>,
}

/// Whoever speaks the protocol for the agents of the team, as a child.
pub(super) fn child(parts: &Parts, outside: &Arc<dyn Messages>) -> ChildSpec {
    let (parts, outside) = (parts.clone(), Arc::clone(outside));
    ChildSpec::worker("synadia", move |starting: Starting| {
        let (clock, outside) = (Arc::clone(&parts.clock), Arc::clone(&outside));
        let started = clock.now().wall;
        let service = Service {
            place: Arc::new(Place {
                cluster: cluster(&parts.prefix),
                node: parts.node.clone(),
                started,
            }),
            outside,
            shards: Arc::clone(&parts.shards),
            clock: Arc::clone(&clock),
            instances: watch::Sender::new(BTreeMap::new()),
        };
        async move {
            let cell = duty::spawn_linked(service.run(), clock, starting.supervisor).await?;
            Ok(Started::from(cell))
        }
    })
}

/// The cluster, as a token: the last of the prefix of its subjects.
fn cluster(prefix: &str) -> String {
    let last = prefix.trim_end_matches('.').rsplit('.').next();
    token(last.filter(|last| !last.is_empty()).unwrap_or("local"))
}

impl Service {
    async fn run(self) -> Result<()> {
        tokio::select! {
            ended = self.look() => ended,
            ended = self.discovered() => ended,
            ended = self.asked() => ended,
        }
    }

    /// Keeps up with who is there, and says of each that it is.
    async fn look(&self) -> Result<()> {
        let mut beaten: BTreeMap<String, Moment> = BTreeMap::new();
        loop {
            if let Some(found) = self.found().await {
                self.instances.send_if_modified(|known| merge(known, &found));
            }
            let instances = self.instances.borrow().clone();
            beaten.retain(|name, _| instances.contains_key(name));
            for (name, instance) in &instances {
                let now = self.clock.now();
                let is_due = beaten.get(name).is_none_or(|at| now.moment.since(*at) >= BEAT_EVERY);
                if is_due {
                    beaten.insert(name.clone(), now.moment);
                    let subject = Subject::outside(&instance.subject("hb"))?;
                    let beat = instance.beat(now.wall).to_string().into_bytes();
                    // One that is lost is followed by the next.
                    let _ = self.outside.publish(&subject, beat.into()).await;
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Who is there; none when nobody can say. Every agent tells every shard that it is there.
    async fn found(&self) -> Option<Instances> {
        let at = self.shards.all().into_iter().next()?;
        let Ok(Answer::Agents(agents)) = at.tasks.query(Query::Agents).await else { return None };
        let here = agents.into_iter().filter(|agent| agent.state != "away" && agent.kind != PERSON);
        let instances = here.map(|agent| Instance::new(&self.place, agent.id, agent.description));
        Some(instances.map(|one| (one.name().to_owned(), Arc::new(one))).collect())
    }

    /// Answers whoever asks which services there are.
    async fn discovered(&self) -> Result<()> {
        let mut asked = Vec::new();
        for verb in ["PING", "INFO", "STATS"] {
            let own = format!("$SRV.{verb}.{SERVICE}");
            for place in [format!("$SRV.{verb}"), own.clone(), format!("{own}.*")] {
                let pattern = Pattern::outside(&place)?;
                asked.push(listen(&self.outside, &pattern, None, WAITING_MAX).await?);
            }
        }
        let mut asked = futures::stream::select_all(asked);
        loop {
            let Some(message) = heard(asked.next().await)? else { continue };
            let Some(reply) = message.reply else { continue };
            let mut tokens = message.subject.as_str().split('.').skip(1);
            let (verb, id) = (tokens.next().unwrap_or_default(), tokens.nth(1));
            let instances = self.instances.borrow().clone();
            for instance in instances.values().filter(|one| id.is_none_or(|id| one.id() == id)) {
                let answer = match verb {
                    "PING" => instance.ping(),
                    "INFO" => instance.info(),
                    _ => instance.stats(),
                };
                reply.part(Headers::default(), answer.to_string().into_bytes().into());
            }
        }
    }

    /// Answers prompts and questions how an agent is.
    async fn asked(&self) -> Result<()> {
        let all = |verb: &str| {
            Pattern::outside(&format!("agents.{verb}.{HARNESS}.{}.*", self.place.cluster))
        };
        let subscribe = async |pattern: Pattern| {
            listen(&self.outside, &pattern, Some(QUEUE), WAITING_MAX).await
        };
        let mut prompts = subscribe(all("prompt")?).await?;
        let mut statuses = subscribe(all("status")?).await?;
        let mut at_work = FuturesUnordered::new();
        loop {
            tokio::select! {
                Some(()) = at_work.next() => {}
                message = prompts.next() => {
                    if let Some(message) = heard(message)? {
                        at_work.push(self.prompt(message, at_work.len()));
                    }
                }
                message = statuses.next() => {
                    if let Some(message) = heard(message)? {
                        self.status(message);
                    }
                }
            }
        }
    }

    fn instance(&self, subject: &Subject) -> Option<Arc<Instance>> {
        let name = subject.as_str().rsplit('.').next()?;
        self.instances.borrow().get(name).cloned()
    }

    fn status(&self, message: Message) {
        let Message { subject, reply: Some(reply), .. } = message else { return };
        match self.instance(&subject) {
            Some(instance) => {
                instance.figures.status.fetch_add(1, Ordering::Relaxed);
                let beat = instance.beat(self.clock.now().wall).to_string();
                reply.answer(beat.into_bytes().into());
            }
            None => prompt::Fault::nobody(&subject).told(&reply),
        }
    }

    async fn prompt(&self, message: Message, at_work: usize) {
        // Whoever does not wait for the answer has no use for the work.
        let Message { subject, headers, body, reply: Some(reply) } = message else { return };
        let answered = match self.instance(&subject) {
            Some(_) if at_work >= AT_WORK_MAX => Err(prompt::Fault::busy(AT_WORK_MAX)),
            Some(instance) => {
                let begun = self.clock.now().moment;
                let tasks = self.shards.of("").tasks;
                let key = headers.get("Nats-Msg-Id");
                let answered = prompt::answer(&tasks, instance.agent(), (&body, key), &reply).await;
                instance.figures.count(answered.is_err(), self.clock.now().moment.since(begun));
                answered
            }
            None => Err(prompt::Fault::nobody(&subject)),
        };
        if let Err(fault) = answered {
            fault.told(&reply);
        }
        // The end of every stream, good or bad.
        reply.answer(bytes::Bytes::new());
    }
}

/// Takes over who came and who went; whoever stays keeps what was counted. Says whether anything
/// has changed.
fn merge(known: &mut Instances, found: &Instances) -> bool {
    let before = known.len();
    known.retain(|name, _| found.contains_key(name));
    let mut has_changed = known.len() != before;
    for (name, instance) in found {
        if known.get(name).is_none_or(|known| !known.is_like(instance)) {
            known.insert(name.clone(), Arc::clone(instance));
            has_changed = true;
        }
    }
    has_changed
}

/// What was heard; none when something was lost, and an error when nothing can be heard any more.
fn heard(message: Option<Result<Message>>) -> Result<Option<Message>> {
    match message {
        Some(Ok(message)) => Ok(Some(message)),
        Some(Err(error)) if error.kind() == ErrorKind::Full => Ok(None),
        Some(Err(error)) => Err(error),
        None => Err(Error::new(ErrorKind::Unavailable, "the fabric is closed")),
    }
}

/// How much an agent was asked, for whoever looks on.
#[derive(Debug, Default)]
struct Figures {
    prompts: AtomicU64,
    refused: AtomicU64,
    worked_ns: AtomicU64,
    status: AtomicU64,
}

impl Figures {
    fn count(&self, is_refused: bool, worked: Duration) {
        self.prompts.fetch_add(1, Ordering::Relaxed);
        self.refused.fetch_add(u64::from(is_refused), Ordering::Relaxed);
        let worked = u64::try_from(worked.as_nanos()).unwrap_or(u64::MAX);
        self.worked_ns.fetch_add(worked, Ordering::Relaxed);
    }

    fn of_prompts(&self) -> Value {
        let asked = self.prompts.load(Ordering::Relaxed);
        let worked = self.worked_ns.load(Ordering::Relaxed);
        serde_json::json!({
            "num_requests": asked,
            "num_errors": self.refused.load(Ordering::Relaxed),
            "last_error": "",
            "processing_time": worked,
            "average_processing_time": worked.checked_div(asked).unwrap_or(0),
        })
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("place", &self.place).finish_non_exhaustive()
    }
}
