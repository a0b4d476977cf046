//! This executable again, as what runs on another machine.

use std::{fs::File, io::Read as _, path::Path, process::Stdio, sync::Arc, time::Duration};

use futures::StreamExt as _;
use orkestra_agents::{DynAgent, Work, kinds::function::FunctionAgent, worker::AgentFactory};
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{
        Fabric as _, Pattern,
        nats::{Bare, Nats},
    },
    id::{AgentId, Attempt},
    protocol::{
        node::{Hosts, Roles},
        payload::Json,
    },
    wire,
};
use tokio::process::{Child, ChildStdin};

use super::{COORDINATOR, Site, ask, node_spec, settings};
use crate::{
    bench::{Part, cannot, child},
    node::Node,
    system::Member,
};

/// How many agents a node of agents has, and how many attempts each of them holds.
pub(super) const AGENTS: u32 = 8;
const CAPACITY: u32 = 512;
/// The title of a task whose first attempt is held until its process is gone.
pub(super) const HELD: &str = "held";
/// How long a node that is stopped waits for its agents.
const DRAIN_WITHIN: Duration = Duration::from_secs(1);

/// A process on the other side; killed when it is dropped.
pub(super) struct Peer {
    child: Child,
    /// It stops when this is closed.
    stdin: Option<ChildStdin>,
}

impl Peer {
    pub(super) fn start(part: Part, site: &Site, name: &str) -> Result<Self> {
        let mut command = child::command(part, &site.place)?;
        command.args(["--nats", &site.url, "--cluster", &site.cluster, "--node", name]);
        let log = File::create(site.place.room(&format!("{name}.log")));
        let log = log.map_err(|error| cannot("make a log", error))?;
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn();
        let mut child = child.map_err(|error| cannot("start this program again", error))?;
        let stdin = child.stdin.take();
        Ok(Self { child, stdin })
    }

    /// Stops it in order.
    pub(super) async fn stop(mut self) -> Result<()> {
        drop(self.stdin.take());
        let ended = self.child.wait().await;
        let ended = ended.map_err(|error| cannot("wait for a part of the bench", error))?;
        if ended.success() {
            return Ok(());
        }
        let message = format!("a part of the bench in its own process ended with {ended}");
        Err(Error::new(ErrorKind::Fault, message))
    }

    /// Kills it as a crash would.
    pub(super) async fn kill(mut self) -> Result<()> {
        self.child.kill().await.map_err(|error| cannot("kill a part of the bench", error))
    }
}

/// What a process on the other side is told at its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerPlace {
    /// Where the server is.
    pub url: String,
    /// The cluster there.
    pub cluster: String,
    /// What it is called.
    pub node: String,
}

/// Is on the other side, until whoever started this process lets go of it.
pub(crate) async fn serve(part: Part, at: &PeerPlace, folder: &Path) -> Result<()> {
    let settings = settings(&at.url, &at.cluster);
    if part == Part::NatsEcho {
        let bare = Bare::connect(&settings).await?;
        let fabric = Nats::connect(settings).await?;
        return tokio::select! {
            ended = bare.echo(ask::SUBJECT) => ended,
            ended = answer(&fabric) => ended,
            let_go = let_go() => let_go,
        };
    }
    let fabric = Arc::new(Nats::connect(settings).await?);
    let is_agents = part == Part::NatsAgents;
    let agents = Roles { coordinator: false, agents: true, hosts: Hosts::None };
    let roles = if is_agents { agents } else { COORDINATOR };
    let mut spec = node_spec(&at.node, roles, (fabric, &folder.join(&at.node)))?;
    spec.drain_within = DRAIN_WITHIN;
    if is_agents {
        let agent = Arc::new(FunctionAgent::new(|work: Work, _| async move {
            if work.title == HELD && work.attempt == Attempt(1) {
                std::future::pending::<()>().await;
            }
            Ok(Json::null())
        }));
        for number in 0..AGENTS {
            let (id, agent) = (AgentId::new(format!("{}-{number}", at.node))?, Arc::clone(&agent));
            let made: AgentFactory =
                Arc::new(move || -> Arc<dyn DynAgent> { Arc::<FunctionAgent<_>>::clone(&agent) });
            spec.members.push(Member::new(id, "function", CAPACITY, made));
        }
    }
    let node = Node::start(spec).await?;
    let_go().await?;
    node.stop().await
}

/// Answers over the fabric, as a node does: what it is asked is read and written anew.
async fn answer(fabric: &Nats) -> Result<()> {
    let asked = Pattern::new(ask::SUBJECT)?;
    let mut asked = fabric.messages().subscribe(&asked, None, 16_384).await?;
    while let Some(message) = asked.next().await {
        let message = message?;
        let question: ask::Question = wire::decode(&message.body)?;
        if let Some(reply) = message.reply {
            reply.answer(wire::encode(&question)?);
        }
    }
    Ok(())
}

/// Returns when the other end of the input is closed: it was, or whoever held it is no more.
async fn let_go() -> Result<()> {
    let read = || std::io::stdin().read(&mut [0]).map(drop);
    let read = tokio::task::spawn_blocking(read).await.map_err(|e| cannot("wait", e))?;
    read.map_err(|error| cannot("wait to be let go", error))
}
