//! A node step by step: for programs that bring their own agents.

use std::{future::Future, path::Path, sync::Arc};

use orkestra_agents::{Agent, Context, DynAgent, Work, kinds::function::FunctionAgent};
use orkestra_runtime::{
    Result,
    fabric::{Fabric, embedded::Embedded},
    id::AgentId,
    protocol::{council::CHECKS_CAPABILITY, payload::Json, task::Failure},
    supervise::SupervisionLog,
};

use super::{Member, System, SystemSpec};
use crate::{grpc, team};

/// A node to be.
#[derive(Debug, Default)]
pub struct Builder {
    fabric: Option<Arc<dyn Fabric>>,
    folder: Option<std::path::PathBuf>,
    log: Option<SupervisionLog>,
    members: Vec<Member>,
    grpc: Option<grpc::Door>,
}

/// An async function that works on one attempt.
pub trait FunctionOf<W>: Fn(Work, Context) -> W + Send + Sync + 'static {}
impl<W, F: Fn(Work, Context) -> W + Send + Sync + 'static> FunctionOf<W> for F {}

impl Builder {
    /// Keeps everything in a folder, and goes on with what is there.
    pub fn data_dir(mut self, folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        self.fabric = Some(Arc::new(Embedded::open(folder)?));
        self.log = Some(SupervisionLog::open(folder.join("supervision.jsonl"))?);
        self.folder = Some(folder.to_owned());
        Ok(self)
    }

    /// Adds an agent that is an async function, which holds `capacity` attempts at once.
    pub fn function<W>(
        self,
        name: &str,
        capacity: u32,
        function: impl FunctionOf<W>,
    ) -> Result<Self>
    where
        W: Future<Output = Result<Json, Failure>> + Send + 'static,
    {
        let agent: Arc<dyn DynAgent> = Arc::new(FunctionAgent::new(function));
        self.shared(name, capacity, "function", agent)
    }

    /// Adds an agent of a user's own type.
    pub fn agent(self, name: &str, capacity: u32, agent: impl Agent) -> Result<Self> {
        self.shared(name, capacity, "custom", Arc::new(agent))
    }

    /// Adds an agent with everything that can be said of it.
    #[must_use]
    pub fn member(mut self, member: Member) -> Self {
        self.members.push(member);
        self
    }

    /// Lets clients in over gRPC at a door that is open.
    #[must_use]
    pub fn grpc(mut self, door: grpc::Door) -> Self {
        self.grpc = Some(door);
        self
    }

    fn shared(
        self,
        name: &str,
        capacity: u32,
        kind: &str,
        agent: Arc<dyn DynAgent>,
    ) -> Result<Self> {
        let factory = Arc::new(move || Arc::clone(&agent));
        Ok(self.member(Member::new(AgentId::new(name)?, kind, capacity, factory)))
    }

    /// Starts the node. Without a [`data_dir`](Self::data_dir) it keeps nothing.
    pub async fn start(self) -> Result<System> {
        let fabric = self.fabric.unwrap_or_else(|| Arc::new(Embedded::memory()));
        let door = self.folder.clone();
        let folder = self.folder.unwrap_or_else(std::env::temp_dir);
        let mut spec = SystemSpec::new(fabric, folder)?;
        spec.door = door;
        spec.owns_fabric = true;
        spec.grpc = self.grpc.map(Arc::new);
        spec.members = with_checker(self.members)?;
        spec.log = self.log.unwrap_or_else(SupervisionLog::unkept);
        System::start(spec).await
    }
}

/// A team, and who checks proposals for it unless one of them can.
fn with_checker(mut members: Vec<Member>) -> Result<Vec<Member>> {
    let can = |member: &Member| {
        member.profile.id.as_str() == CHECKS_CAPABILITY
            || member.profile.capabilities.iter().any(|it| it.as_str() == CHECKS_CAPABILITY)
    };
    if !members.is_empty() && !members.iter().any(can) {
        members.extend(team::member(&team::checker()?, &team::Shared::default())?);
    }
    Ok(members)
}

#[cfg(test)]
mod tests {
    use orkestra_runtime::{
        ErrorKind,
        id::{Capability, RunId, TaskId},
        protocol::{council::ChecksFound, task::TaskSpec},
    };

    use super::*;

    async fn echo(work: Work, _: Context) -> Result<Json, Failure> {
        Ok(work.input)
    }

    fn graph(word: &str) -> Vec<TaskSpec> {
        let said = TaskSpec::named("said").unwrap().given(word).unwrap();
        let after = TaskSpec::named("after").unwrap().needs(["said"]).unwrap();
        vec![said, after.only("echo").unwrap()]
    }

    #[tokio::test]
    async fn a_run_that_is_begun_again_goes_on_and_with_other_tasks_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunId::new("r").unwrap();
        for _ in 0..2 {
            let builder = System::builder().data_dir(folder.path()).unwrap();
            let system = builder.function("echo", 1, echo).unwrap().start().await.unwrap();
            system.tasks().begin(&run, graph("hello")).await.unwrap();
            let ended = system.tasks().wait(&run).await.unwrap();
            assert_eq!((ended.counts.completed, ended.attempts), (2, 2));
            let said = system.tasks().output(&run, &TaskId::new("said").unwrap()).await.unwrap();
            assert_eq!(said.unwrap().as_str(), "\"hello\"");
            let other = system.tasks().begin(&run, graph("goodbye")).await.unwrap_err();
            assert_eq!(other.kind(), ErrorKind::Conflict);
            system.stop().await.unwrap();
        }
    }

    #[tokio::test]
    async fn who_checks_proposals_is_there_unasked_and_is_given_nothing_else() {
        let system = System::builder().function("echo", 1, echo).unwrap().start().await.unwrap();
        let run = RunId::new("r").unwrap();
        let free = (0..20).map(|n| TaskSpec::named(format!("t{n}")).unwrap());
        let mut checked =
            TaskSpec::named("checked").unwrap().given(&serde_json::json!({})).unwrap();
        checked = checked.needs(["t0"]).unwrap();
        checked.requires = vec![Capability::new(CHECKS_CAPABILITY).unwrap()];
        system.tasks().begin(&run, free.chain([checked]).collect()).await.unwrap();
        let ended = system.tasks().wait(&run).await.unwrap();
        assert_eq!((ended.counts.completed, ended.attempts), (21, 21));
        let output = system.tasks().output(&run, &TaskId::new("checked").unwrap()).await.unwrap();
        let found: ChecksFound = output.unwrap().read().unwrap();
        assert!(!found.policy.passed, "what t0 said has no text: {found:?}");
        system.stop().await.unwrap();
    }

    #[test]
    fn an_input_that_is_too_large_to_travel_is_refused_with_advice() {
        let large = "x".repeat(orkestra_runtime::limits::PAYLOAD_INLINE_BYTES_MAX);
        let refused = TaskSpec::named("t").unwrap().given(&large).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Invalid);
        assert!(refused.to_string().contains("keep it in a blob"), "{refused}");
        assert!(TaskSpec::named("").is_err());
    }
}
