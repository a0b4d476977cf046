//! A node that is alone with its public side, over a fabric that others can reach.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use orkestra_agents::{
    Context, DynAgent, Work,
    kinds::{function::FunctionAgent, remote::Pace},
};
use orkestra_coordinator::{
    public,
    system::{Member, System, SystemSpec},
};
use orkestra_runtime::{
    fabric::{AskError, Fabric, Headers, Subject, embedded::Embedded},
    id::AgentId,
    protocol::{payload::Json, task::Failure},
    supervise::{Env, SupervisionLog, Supervisor, SupervisorHandle, SupervisorSpec},
};
use serde_json::{Value, json};

/// Long enough for a busy machine; nothing waits for it in vain.
pub(crate) const WITHIN: Duration = Duration::from_mins(1);

pub(crate) struct Stage {
    pub(crate) bus: Arc<dyn Fabric>,
    _system: System,
    _public: SupervisorHandle,
    _folder: tempfile::TempDir,
}

impl Stage {
    /// Everything in this process, and nothing shared.
    pub(crate) async fn alone(members: Vec<Member>) -> Self {
        Self::over(Arc::new(Embedded::strict()), members, Pace::default()).await
    }

    pub(crate) async fn over(bus: Arc<dyn Fabric>, members: Vec<Member>, pace: Pace) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let own = Arc::new(Embedded::strict());
        let mut spec = SystemSpec::new(own, folder.path().to_owned()).unwrap();
        spec.settings.locks.delay = Duration::from_millis(100);
        spec.members = members;
        spec.drain_within = Duration::from_millis(100);
        let system = System::start(spec).await.unwrap();
        let mut parts = system.public_parts(bus.as_ref(), pace);
        "ork.v1.main.".clone_into(&mut parts.prefix);
        let children = public::children(&parts).into_iter();
        let doors = children.fold(SupervisorSpec::new("public"), SupervisorSpec::child);
        let env = Env::new(1, SupervisionLog::unkept());
        let public = Supervisor::start(&doors, env).await.unwrap();
        Self { bus, _system: system, _public: public, _folder: folder }
    }

    /// Asks, as soon as somebody listens.
    pub(crate) async fn ask(&self, subject: &str, word: &Value) -> Value {
        self.ask_raw(subject, Headers::new(), word.to_string().as_bytes()).await.1
    }

    pub(crate) async fn ask_raw(
        &self,
        subject: &str,
        headers: Headers,
        body: &[u8],
    ) -> (Headers, Value) {
        let (messages, subject) = (self.bus.messages(), Subject::new(subject).unwrap());
        let asked = async {
            loop {
                let body = body.to_vec().into();
                match messages.ask_with(&subject, headers.clone(), body, WITHIN).await {
                    Err(AskError::NoOne) => tokio::time::sleep(Duration::from_millis(5)).await,
                    answer => break answer.unwrap(),
                }
            }
        };
        let (headers, body) = tokio::time::timeout(WITHIN, asked).await.unwrap();
        (headers, serde_json::from_slice(&body).unwrap())
    }

    /// A task once it has ended.
    pub(crate) async fn ended(&self, run: &str, task: &str) -> Value {
        let asked = async {
            loop {
                let word = json!({ "run": run, "task": task, "wait_ms": 1_000 });
                let found = self.ask("task.get", &word).await;
                if !found["ended"].is_null() {
                    break found;
                }
            }
        };
        tokio::time::timeout(WITHIN, asked).await.unwrap()
    }
}

type Done = BoxFuture<'static, Result<Json, Failure>>;

/// An agent that adds one.
pub(crate) fn adder() -> Member {
    let agent = FunctionAgent::new(|work: Work, _: Context| -> Done {
        Box::pin(async move {
            let input: Value = work.input()?;
            let n = input["n"].as_i64().ok_or_else(|| Failure::error("no n").for_good())?;
            Ok(Json::of(&json!({ "n": n + 1 }))?)
        })
    });
    let agent: Arc<dyn DynAgent> = Arc::new(agent);
    let id = AgentId::new("adder").unwrap();
    Member::new(id, "function", 4, Arc::new(move || Arc::clone(&agent)))
}
