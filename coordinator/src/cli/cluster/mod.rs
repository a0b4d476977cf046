//! Commands that speak with a cluster: how it is found, and the ways to its shards and nodes.

pub(super) mod asking;
pub(super) mod doctor;
pub(super) mod kept;
pub(super) mod lines;
pub(super) mod login;
pub(super) mod node;
pub(super) mod nodes;
pub(super) mod run;
mod ship;

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::future::join_all;
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{AskError, Fabric, Messages, Subject, nats::Nats},
    id::{NodeId, RunId, ShardId},
    leadership::placement::shard_of,
    names,
    time::Wall,
};
use serde::de::DeserializeOwned;

use crate::{
    cli::settings::Settings,
    client::Tasks,
    context::Contexts,
    node::{NodeAnswer, NodeAsk, NodeView, shards_of},
    reach::{Shard, There},
    system::Followers,
    task::{
        Answer, Query,
        view::{RunView, is_opened_by_the_shard},
    },
};

/// How long a node may take to answer about itself.
const NODE_WITHIN: Duration = Duration::from_secs(5);
/// How long all nodes are waited for: as long as one that is there may take on a busy machine.
const NODES_WITHIN: Duration = Duration::from_millis(700);
/// How long a command waits until shards are led: longer than it takes to replace a leader.
const LED_WITHIN: Duration = Duration::from_secs(10);
/// How often all nodes are asked for one that is a coordinator.
const COORDINATOR_TRIES: u32 = 5;
/// The most nodes that answer at once.
const NODES_MAX: usize = 1_024;

/// A cluster, as a command reaches it. Cheap to clone.
#[derive(Clone)]
pub(super) struct Cluster {
    pub(super) nats: Arc<Nats>,
    messages: Arc<dyn Messages>,
    pub(super) name: String,
    pub(super) shards: u16,
    namespace: Option<String>,
}

/// A shard, as a command reaches it.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) shard: ShardId,
    pub(super) to: Shard,
    pub(super) tasks: Tasks,
    pub(super) contexts: Contexts,
}

impl Cluster {
    /// Connects to the cluster that is configured.
    pub(super) async fn connect(settings: &Settings) -> Result<Self> {
        let nats = Arc::new(Nats::connect(login::of(settings, login::For::Command)?).await?);
        let name = settings.config.cluster_name.0.clone();
        let Some(shards) = shards_of(nats.as_ref()).await? else {
            nats.close().await;
            let message = format!(
                "there is no cluster {name:?} on these servers: start a node of it, or name another \
                 in the configuration (cluster.name)"
            );
            return Err(Error::new(ErrorKind::NotFound, message));
        };
        let messages = nats.messages();
        let namespace = settings.namespace.clone();
        Ok(Self { nats, messages, name, shards, namespace })
    }

    pub(super) fn fabric(&self) -> Arc<dyn Fabric> {
        Arc::clone(&self.nats) as Arc<dyn Fabric>
    }

    pub(super) fn messages(&self) -> &Arc<dyn Messages> {
        &self.messages
    }

    /// The way to a shard, wherever it is led.
    pub(super) fn way(&self, shard: ShardId) -> Result<Way> {
        let there = There::new(shard, Arc::clone(&self.messages))?;
        let way = Shard::of_cluster(None, there);
        let tasks = Tasks::new(way.clone(), Followers::default(), self.nats.blobs());
        let contexts = Contexts::new(way.clone());
        Ok(Way { shard, to: way, tasks, contexts })
    }

    /// All shards.
    pub(super) fn ways(&self) -> Result<Vec<Way>> {
        (0..self.shards).map(|shard| self.way(ShardId(shard))).collect()
    }

    /// The shard of a namespace.
    pub(super) fn way_of(&self, namespace: &str) -> Result<Way> {
        self.way(shard_of(namespace, self.shards))
    }

    /// The shard that is meant: that of the run that is named, that of the namespace that is named,
    /// that of the latest run of all.
    pub(super) async fn meant(&self, run: Option<&RunId>) -> Result<Way> {
        tokio::time::timeout(LED_WITHIN, self.sought(run)).await.unwrap_or_else(|_| {
            let message = "nobody leads the shards of the cluster now: is a coordinator there? \
                           `orkestra node list` and `orkestra shard list` show it";
            Err(Error::new(ErrorKind::Unavailable, message))
        })
    }

    async fn sought(&self, run: Option<&RunId>) -> Result<Way> {
        let home = self.way_of(self.namespace.as_deref().unwrap_or_default())?;
        let Some(run) = run else {
            if self.namespace.is_some() {
                return Ok(home);
            }
            let latest = self.runs().await?.into_iter().max_by_key(|(_, opened, run)| {
                (!is_opened_by_the_shard(&run.summary.run), *opened)
            });
            return latest.map_or(Ok(home), |(shard, _, _)| self.way(shard));
        };
        let has = async |way: &Way| {
            let found = way.tasks.query(Query::Run(run.clone())).await?;
            Ok::<bool, Error>(matches!(found, Answer::Run(Some(_))))
        };
        if has(&home).await? {
            return Ok(home);
        }
        // A run that is named is found wherever it is.
        let ways = self.ways()?;
        let found = join_all(ways.iter().map(has)).await;
        let found = ways.into_iter().zip(found).find(|(_, has)| matches!(has, Ok(true)));
        Ok(found.map_or(home, |(way, _)| way))
    }

    /// All runs that are known, with their shards and when they were opened.
    pub(super) async fn runs(&self) -> Result<Vec<(ShardId, Wall, RunView)>> {
        let ways = self.ways()?;
        let asked = ways.iter().map(async |way| match way.tasks.query(Query::Runs).await? {
            Answer::Runs(runs) => Ok::<_, Error>((way.shard, runs)),
            _ => Ok((way.shard, Vec::new())),
        });
        let mut all = Vec::new();
        for answer in join_all(asked).await {
            let (shard, runs) = answer?;
            all.extend(runs.into_iter().map(|run| (shard, run.summary.opened, run)));
        }
        Ok(all)
    }

    /// Asks one node about itself.
    pub(super) async fn ask_node<T: DeserializeOwned>(
        &self,
        node: &NodeId,
        ask: &NodeAsk,
    ) -> Result<T> {
        let asked = self.messages.ask(&names::node_ask(node)?, question(ask)?, NODE_WITHIN).await;
        let answer = match asked {
            Ok(answer) => answer,
            Err(AskError::NoOne) => {
                let known = self.nodes().await?;
                let names: Vec<String> =
                    known.iter().map(|view| view.me.node.to_string()).collect();
                let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                let message = format!("node {node} is not there; there are: {there}");
                return Err(Error::new(ErrorKind::NotFound, message));
            }
            Err(error) => {
                let message = format!("node {node} does not answer: look whether it did it");
                return Err(Error::new(ErrorKind::Unavailable, message).because(error));
            }
        };
        read_answer(&answer)?.read()
    }

    /// Asks all nodes, and answers what those said that are there.
    pub(super) async fn ask_all<T: DeserializeOwned>(&self, ask: &NodeAsk) -> Result<Vec<T>> {
        let subject: Subject = names::nodes_ask()?;
        let asked = self.messages.gather(&subject, question(ask)?, NODES_WITHIN, NODES_MAX).await;
        let answers = match asked {
            Ok(answers) => answers,
            Err(AskError::NoOne) => Vec::new(),
            Err(error) => {
                let message = "the nodes of the cluster cannot be asked";
                return Err(Error::new(ErrorKind::Unavailable, message).because(error));
            }
        };
        answers.iter().map(|answer| read_answer(answer)?.read()).collect()
    }

    /// Every node that is there, by name.
    pub(super) async fn nodes(&self) -> Result<Vec<NodeView>> {
        let mut nodes: Vec<NodeView> = self.ask_all(&NodeAsk::Status {}).await?;
        nodes.sort_by(|a, b| a.me.node.cmp(&b.me.node));
        Ok(nodes)
    }

    /// A coordinator that is there.
    pub(super) async fn coordinator(&self) -> Result<NodeId> {
        let leads = |view: &&NodeView| !view.shards.is_empty();
        // On a busy machine one that is there may take longer to say so.
        for _ in 0..COORDINATOR_TRIES {
            if let Some(view) = self.nodes().await?.iter().find(leads) {
                return Ok(view.me.node.clone());
            }
        }
        let message = format!(
            "no coordinator of cluster {:?} is there: start one with `orkestra node`",
            self.name
        );
        Err(Error::new(ErrorKind::Unavailable, message))
    }

    pub(super) async fn close(self) {
        self.nats.close().await;
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("name", &self.name).finish_non_exhaustive()
    }
}

fn question(ask: &NodeAsk) -> Result<Bytes> {
    let written = serde_json::to_vec(ask).map(Bytes::from);
    written.map_err(|error| Error::new(ErrorKind::Fault, "cannot write a question").because(error))
}

fn read_answer(answer: &[u8]) -> Result<NodeAnswer> {
    serde_json::from_slice(answer).map_err(|error| {
        let message = "a node answers what cannot be read: is it newer than this program?";
        Error::new(ErrorKind::Unavailable, message).because(error)
    })
}

/// What cannot be done over NATS, and what to do instead.
pub(super) fn not_here(what: &str, instead: &str) -> Error {
    let message = format!("{what} is not done over NATS: {instead}");
    Error::new(ErrorKind::Invalid, message)
}
