//! A node with a door, a team, and a client.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use orkestra_agents::{Context, DynAgent, Work, kinds::function::FunctionAgent};
use orkestra_proto::{
    orchestrator::v1::{
        CreateCouncilRequest, DeliberateRequest, TaskConstraints,
        orchestrator_service_client::OrchestratorServiceClient,
    },
    orkestra::v1::{
        event_service_client::EventServiceClient, lock_service_client::LockServiceClient,
        status_service_client::StatusServiceClient, task_service_client::TaskServiceClient,
        vote_service_client::VoteServiceClient,
    },
};
use orkestra_runtime::{
    fabric::embedded::Embedded,
    id::{AgentId, Capability},
    protocol::{
        council::{CHECKS_CAPABILITY, ChecksFound, LintFound, PolicyFound},
        payload::Json,
        task::Failure,
    },
};
use serde_json::{Value, json};
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;

use crate::{
    grpc::{Door, Settings},
    system::{Member, System, SystemSpec},
    task::{Answer, Query},
};

/// Within which everything here comes to its end.
pub(super) const SOON: Duration = Duration::from_mins(1);

pub(super) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.expect("it comes to its end")
}

/// Waits until something is so.
pub(super) async fn until(mut is_so: impl FnMut() -> bool) {
    soon(async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// A door on this machine, at any port.
pub(super) fn bare() -> Settings {
    Settings::bare(SocketAddr::from(([127, 0, 0, 1], 0)))
}

pub(super) struct Stage {
    pub(super) system: System,
    pub(super) address: SocketAddr,
    pub(super) channel: Channel,
}

impl Stage {
    pub(super) async fn of(members: Vec<Member>) -> Self {
        Self::with(members, bare()).await
    }

    pub(super) async fn with(members: Vec<Member>, settings: Settings) -> Self {
        let (system, address) = node(members, settings).await;
        let channel = connect(address).await;
        Self { system, address, channel }
    }

    pub(super) fn orchestrator(&self) -> OrchestratorServiceClient<Channel> {
        OrchestratorServiceClient::new(self.channel.clone())
    }

    pub(super) fn tasks(&self) -> TaskServiceClient<Channel> {
        TaskServiceClient::new(self.channel.clone())
    }

    pub(super) fn locks(&self) -> LockServiceClient<Channel> {
        LockServiceClient::new(self.channel.clone())
    }

    pub(super) fn votes(&self) -> VoteServiceClient<Channel> {
        VoteServiceClient::new(self.channel.clone())
    }

    pub(super) fn events(&self) -> EventServiceClient<Channel> {
        EventServiceClient::new(self.channel.clone())
    }

    pub(super) fn status(&self) -> StatusServiceClient<Channel> {
        StatusServiceClient::new(self.channel.clone())
    }

    /// Makes the council of a role.
    pub(super) async fn council(&self, role: &str) {
        let asked = CreateCouncilRequest { role: role.to_owned(), ..Default::default() };
        soon(self.orchestrator().create_council(asked)).await.unwrap();
    }
}

/// A node with a door, in memory.
pub(super) async fn node(members: Vec<Member>, settings: Settings) -> (System, SocketAddr) {
    let fabric = Arc::new(Embedded::memory());
    let mut spec = SystemSpec::new(fabric, std::env::temp_dir()).unwrap();
    let door = Door::bind(settings).unwrap();
    let address = door.address();
    (spec.members, spec.grpc) = (members, Some(Arc::new(door)));
    let count = spec.members.len();
    let system = System::start(spec).await.unwrap();
    soon(all_there(&system, count)).await;
    (system, address)
}

/// Waits until the shard knows that everybody can work.
async fn all_there(system: &System, count: usize) {
    loop {
        let Answer::Agents(agents) = system.tasks().query(Query::Agents).await.unwrap() else {
            panic!("agents were asked for")
        };
        if agents.iter().filter(|agent| agent.state == "available").count() >= count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(super) async fn connect(address: SocketAddr) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    soon(endpoint.connect()).await.unwrap()
}

/// Something to deliberate about.
pub(super) fn question(role: &str) -> DeliberateRequest {
    DeliberateRequest {
        task_description: "Say in one sentence why the build is slow.".to_owned(),
        role: role.to_owned(),
        ..Default::default()
    }
}

/// The same, with so many seconds for it.
pub(super) fn question_within(role: &str, seconds: i32) -> DeliberateRequest {
    let constraints = TaskConstraints { timeout_seconds: seconds, ..Default::default() };
    DeliberateRequest { constraints: Some(constraints), ..question(role) }
}

/// The reason in a refusal.
pub(super) fn reason_of(status: &Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

fn member(name: &str, can: &str, agent: Arc<dyn DynAgent>) -> Member {
    let factory = Arc::new(move || Arc::clone(&agent));
    let mut member = Member::new(AgentId::new(name).unwrap(), "function", 16, factory);
    member.profile.capabilities = vec![Capability::new(can).unwrap()];
    member
}

fn text(of: &impl serde::Serialize) -> Result<Json, Failure> {
    Json::of(of).map_err(|error| Failure::error(error.to_string()))
}

/// Drafts, criticises and revises.
async fn write(work: Work, _: Context) -> Result<Json, Failure> {
    let input: Value = work.input()?;
    let said = input["step"].as_str().unwrap_or_default();
    if said == "critique" {
        let subjects = input["subjects"].as_array().cloned().unwrap_or_default();
        let critiques: Vec<Value> = subjects
            .iter()
            .map(|of| json!({ "of": of, "text": "say it shorter", "approves": true }))
            .collect();
        return text(&json!({ "critiques": critiques }));
    }
    text(&format!("It is slow because of {} ({said}).", work.id))
}

async fn check(_: Work, _: Context) -> Result<Json, Failure> {
    text(&ChecksFound {
        policy: PolicyFound { passed: true, ..Default::default() },
        lint: LintFound { passed: true, ..Default::default() },
    })
}

/// Who answers at once, and who checks what was answered.
pub(super) fn quick() -> Vec<Member> {
    vec![
        member("writer", "council", Arc::new(FunctionAgent::new(write))),
        member("checker", CHECKS_CAPABILITY, Arc::new(FunctionAgent::new(check))),
    ]
}

/// What became of somebody who never answers by himself.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    begun: Arc<AtomicUsize>,
    cancelled: Arc<AtomicUsize>,
}

impl Seen {
    pub(super) fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    pub(super) fn cancelled(&self) -> usize {
        self.cancelled.load(Ordering::SeqCst)
    }
}

/// Somebody who works until he is told to stop.
pub(super) fn endless(seen: &Seen) -> Vec<Member> {
    let seen = seen.clone();
    let work = move |_: Work, context: Context| {
        let seen = seen.clone();
        async move {
            seen.begun.fetch_add(1, Ordering::SeqCst);
            context.cancelled().await;
            seen.cancelled.fetch_add(1, Ordering::SeqCst);
            Err::<Json, Failure>(Failure::error("it was cancelled"))
        }
    };
    vec![member("thinker", "council", Arc::new(FunctionAgent::new(work)))]
}
