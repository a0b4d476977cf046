//! What the stories share.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture};
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{
        Fabric as _, Inbox, InboxSpec, Inboxes, Pattern, StreamSpec, Subscription,
        embedded::Embedded,
    },
    protocol::payload::Json,
    time::{Clock, ManualClock, Wall},
};
use serde_json::{Value, json};

use crate::planning::{
    AtomicTask, PlanApproval, Planning, PlanningEvent, PlanningSettings, RoleName, Store, Team,
    Tellers,
    collect::{Doer, Ended, Job},
    event::PLAN_APPROVED,
    ports::{Deliberated, Standing, Wanted},
    response::{Response, Said},
};

pub(super) const NAMESPACE: &str = "n";

pub(super) fn role(name: &str) -> RoleName {
    RoleName::new(name).unwrap()
}

pub(super) fn roles(names: &[&str]) -> Vec<RoleName> {
    names.iter().map(|name| role(name)).collect()
}

pub(super) fn plan(body: &Value) -> PlanApproval {
    match PlanningEvent::read(PLAN_APPROVED, None, body.to_string().as_bytes()).unwrap() {
        PlanningEvent::Approved(plan) => plan,
        PlanningEvent::Transitioned(_) => panic!("a plan"),
    }
}

pub(super) fn answer(task: &str, agent: &str) -> Response {
    let said = Said::Completed(Json::of(&json!({ "content": format!("by {agent}") })).unwrap());
    let (task_id, agent_id) = (task.to_owned(), agent.to_owned());
    Response { task_id, agent_id, said, num_agents: None, role: String::new() }
}

pub(super) fn failure(task: &str, agent: &str) -> Response {
    Response { said: Said::Failed("no model".to_owned()), ..answer(task, agent) }
}

pub(super) fn job(id: &str, expected: u32, until_ms: u64) -> Job {
    Job {
        v: 1,
        namespace: NAMESPACE.to_owned(),
        id: id.to_owned(),
        plan_id: String::new(),
        case_id: String::new(),
        role: String::new(),
        doer: Doer::Agents { expected },
        opened_ms: 0,
        until_ms,
        end: None,
        told: false,
    }
}

/// Councils that are there or not, and deliberate when they are told to.
#[derive(Debug, Default)]
pub(super) struct Councils {
    /// Roles that have none.
    pub(super) missing: Mutex<BTreeSet<String>>,
    /// Whether nobody can be asked just now.
    pub(super) away: Mutex<bool>,
    /// What was begun.
    pub(super) begun: Mutex<Vec<Wanted>>,
    /// What was submitted.
    pub(super) submitted: Mutex<Vec<String>>,
    /// What ended.
    pub(super) over: Mutex<BTreeMap<String, Deliberated>>,
}

impl Councils {
    pub(super) fn end(&self, role: &str, how: Ended) {
        let begun = self.begun.lock().unwrap();
        let wanted = begun.iter().find(|it| it.role.as_str() == role).expect("a deliberation");
        let results = vec![json!({ "content": "the best" })];
        let (winner_id, error) = (format!("agent-{role}-001"), String::new());
        let it = Deliberated { how, winner_id, error, results };
        self.over.lock().unwrap().insert(wanted.id.clone(), it);
    }
}

impl Team for Councils {
    fn begin(&self, wanted: Wanted) -> BoxFuture<'_, Result<u64>> {
        let answer = if *self.away.lock().unwrap() {
            Err(Error::new(ErrorKind::Unavailable, "nobody leads the shard"))
        } else if self.missing.lock().unwrap().contains(wanted.role.as_str()) {
            let message = format!("there is no council {}", wanted.role.as_str());
            Err(Error::new(ErrorKind::NotFound, message))
        } else {
            let mut begun = self.begun.lock().unwrap();
            if !begun.iter().any(|it| it.id == wanted.id) {
                begun.push(wanted);
            }
            Ok(1_000_000)
        };
        async { answer }.boxed()
    }

    fn standing(&self, _: &str, id: &str) -> BoxFuture<'_, Result<Standing>> {
        let over = self.over.lock().unwrap().get(id).cloned();
        let standing = over.map_or(Standing::GoesOn, |it| Standing::Over(Box::new(it)));
        async { Ok(standing) }.boxed()
    }

    fn submit(&self, _: &str, _: &str, tasks: &[AtomicTask]) -> BoxFuture<'_, Result<()>> {
        let names = tasks.iter().map(|task| task.task_id.clone());
        self.submitted.lock().unwrap().extend(names);
        async { Ok(()) }.boxed()
    }

    fn is_led_here(&self, _: &str) -> bool {
        true
    }
}

/// A word that a stream keeps: where, under which id, and what.
type KeptWord = (String, String, Value);

/// Streams that remember what was sent, and may be away.
#[derive(Debug, Default)]
pub(super) struct Streams {
    pub(super) kept: Mutex<Vec<KeptWord>>,
    pub(super) away: Mutex<bool>,
}

impl Inboxes for Streams {
    fn stream(&self, _: &StreamSpec) -> BoxFuture<'_, Result<bool>> {
        async { Ok(true) }.boxed()
    }

    fn inbox(&self, _: &InboxSpec) -> BoxFuture<'_, Result<Arc<dyn Inbox>>> {
        async { Err(Error::new(ErrorKind::Invalid, "there is none here")) }.boxed()
    }

    fn send(&self, subject: &str, id: &str, body: Bytes) -> BoxFuture<'_, Result<()>> {
        let sent = if *self.away.lock().unwrap() {
            Err(Error::new(ErrorKind::Unavailable, "the stream is away"))
        } else {
            let mut kept = self.kept.lock().unwrap();
            if !kept.iter().any(|(_, known, _)| known == id) {
                let body = serde_json::from_slice(&body).unwrap();
                kept.push((subject.to_owned(), id.to_owned(), body));
            }
            Ok(())
        };
        async { sent }.boxed()
    }
}

/// Planning over a fabric in memory.
pub(super) struct Stage {
    pub(super) fabric: Embedded,
    pub(super) councils: Arc<Councils>,
    pub(super) streams: Arc<Streams>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) settings: PlanningSettings,
    pub(super) live: Subscription,
}

impl Stage {
    pub(super) async fn new() -> Self {
        let fabric = Embedded::memory();
        let live = fabric.messages().subscribe(&Pattern::new(">").unwrap(), None, 1_000);
        let settings =
            PlanningSettings { namespace: NAMESPACE.to_owned(), ..PlanningSettings::default() };
        Self {
            live: live.await.unwrap(),
            fabric,
            councils: Arc::default(),
            streams: Arc::default(),
            clock: ManualClock::at(Wall::from_ms(1_000)),
            settings,
        }
    }

    /// A life of planning: nothing is remembered but what is kept.
    pub(super) fn planning(&self) -> Planning {
        let inboxes = Some(Arc::clone(&self.streams) as Arc<dyn Inboxes>);
        let tellers = Tellers { inboxes, outside: Some(self.fabric.messages()) };
        Planning::new(
            Store::new(self.fabric.registers()),
            Arc::clone(&self.councils) as Arc<dyn Team>,
            tellers,
            Arc::clone(&self.clock) as Arc<dyn Clock>,
            self.settings.clone(),
        )
    }

    pub(super) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// What streams keep of a subject.
    pub(super) fn kept(&self, subject: &str) -> Vec<Value> {
        let kept = self.streams.kept.lock().unwrap();
        let of = kept.iter().filter(|(told, ..)| told == subject);
        of.map(|(_, _, body)| body.clone()).collect()
    }
}

pub(super) fn approved(plan_id: &str, roles: &[&str]) -> PlanningEvent {
    let body = json!({ "plan_id": plan_id, "roles": roles, "description": "a shop" });
    PlanningEvent::Approved(plan(&body))
}
