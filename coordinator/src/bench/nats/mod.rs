//! `orkestra bench --nats`: what nodes do over NATS, beside what a bare client does there in the
//! same run.
//!
//! Whatever belongs on another machine runs in a process of its own: this executable again. What is
//! made on a server is removed at the end.

mod append;
mod ask;
mod durable;
mod events;
mod peer;
mod takeover;

use std::{convert::Infallible, path::Path, str::FromStr, sync::Arc};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::nats::{Bare, Nats, NatsSettings},
    id::NodeId,
    protocol::node::{Hosts, Roles},
    time::SystemClock,
};

use super::{Figure, Part, Place, cannot, is_wanted};
use crate::{
    nats_server::{Server, ServerSpec, Syncing, find},
    node::{Node, NodeSpec},
};
use peer::Peer;
pub use peer::PeerPlace;
pub(crate) use peer::serve;

/// All groups of figures, in the order in which they are measured. Those that sync need a server
/// that does, and so a server of our own.
const GROUPS: [&str; 8] = [
    "nats.ask",
    "nats.append",
    "nats.events",
    "nats.tasks.1",
    "nats.tasks.4096",
    "nats.takeover",
    "nats.synced.append",
    "nats.synced.tasks.4096",
];

/// Against which servers is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Servers {
    /// One that is started for it on this machine.
    Own,
    /// One that is there.
    At(String),
}

impl FromStr for Servers {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text == "own" { Self::Own } else { Self::At(text.to_owned()) })
    }
}

/// A server, and a cluster on it that is there only to be measured.
pub(super) struct Site {
    pub(super) place: Place,
    pub(super) url: String,
    pub(super) cluster: String,
}

impl Site {
    fn settings(&self) -> NatsSettings {
        settings(&self.url, &self.cluster)
    }

    async fn bare(&self) -> Result<Bare> {
        Bare::connect(&self.settings()).await
    }

    async fn fabric(&self) -> Result<Arc<Nats>> {
        Nats::connect(self.settings()).await.map(Arc::new)
    }

    /// A node in this process.
    async fn node(&self, name: &str, roles: Roles) -> Result<Node> {
        Node::start(node_spec(name, roles, (self.fabric().await?, &self.place.room(name)))?).await
    }

    /// This executable again, as something on another machine.
    fn peer(&self, part: Part, name: &str) -> Result<Peer> {
        Peer::start(part, self, name)
    }
}

/// A coordinator without agents.
const COORDINATOR: Roles = Roles { coordinator: true, agents: false, hosts: Hosts::None };
/// One that only asks.
const CLIENT: Roles = Roles { coordinator: false, agents: false, hosts: Hosts::None };

fn settings(url: &str, cluster: &str) -> NatsSettings {
    let mut settings = NatsSettings::new(url);
    cluster.clone_into(&mut settings.cluster);
    "orkestra-bench".clone_into(&mut settings.name);
    settings
}

/// A node of a cluster with one shard, so that what is measured is one leader.
fn node_spec(name: &str, roles: Roles, at: (Arc<Nats>, &Path)) -> Result<NodeSpec> {
    let (fabric, folder) = at;
    let mut spec = NodeSpec::new(NodeId::new(name)?, fabric, folder.to_owned())?;
    spec.owns_fabric = true;
    spec.roles = roles;
    spec.shards = 1;
    Ok(spec)
}

/// Measures everything over NATS, or what has this name or a name that begins with it.
pub async fn measure(
    servers: &Servers,
    only: Option<&str>,
    at: &Path,
    mut tell: impl FnMut(&str) -> Result<()>,
) -> Result<Vec<Figure>> {
    let groups: Vec<&str> = GROUPS.into_iter().filter(|group| is_wanted(group, only)).collect();
    if groups.is_empty() {
        let message = format!(
            "there is no figure {:?} with --nats: use one of {}",
            only.unwrap_or_default(),
            GROUPS.join(", ")
        );
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let folder = tempfile::Builder::new().prefix("orkestra-bench-").tempdir_in(at);
    let folder = folder.map_err(|error| cannot("make a folder for the bench", error))?;
    let place = Place { folder: folder.path().to_owned(), clock: SystemClock::start() };
    let mut figures = Vec::new();
    for syncing in [Syncing::Lazily, Syncing::Always] {
        let is_synced = syncing == Syncing::Always;
        let groups = groups.iter().filter(|group| group.starts_with("nats.synced") == is_synced);
        let groups: Vec<&str> = groups.copied().collect();
        // No server tells whether it syncs: what needs that is measured on our own.
        if groups.is_empty() || (is_synced && *servers != Servers::Own) {
            continue;
        }
        let (server, url) = serving(servers, &place, syncing).await?;
        for group in groups {
            tell(group)?;
            figures.extend(measure_group(group, &place, &url).await?);
        }
        if let Some(server) = server {
            server.stop().await?;
        }
    }
    folder.close().map_err(|error| cannot("remove the folder of the bench", error))?;
    figures.retain(|figure| {
        only.is_none_or(|only| figure.name.starts_with(only) || GROUPS.contains(&only))
    });
    Ok(figures)
}

async fn serving(
    servers: &Servers,
    place: &Place,
    syncing: Syncing,
) -> Result<(Option<Server>, String)> {
    match servers {
        Servers::At(url) => Ok((None, url.clone())),
        Servers::Own => {
            let binary = find(std::env::temp_dir().join("orkestra-tools")).await?;
            let mut spec = ServerSpec::one(place.room(&format!("nats-{syncing:?}")))?;
            spec.syncing = syncing;
            let url = spec.url();
            Ok((Some(Server::start(&binary, spec).await?), url))
        }
    }
}

/// Measures one group in a cluster of its own.
async fn measure_group(group: &str, place: &Place, url: &str) -> Result<Vec<Figure>> {
    let name = group.replace('.', "-");
    let folder = place.room(&name);
    std::fs::create_dir_all(&folder).map_err(|error| cannot("make a folder", error))?;
    let clock = Arc::clone(&place.clock);
    let cluster = format!("bench-{:x}-{:.16}", clock.now().wall.as_ms() & 0xfff_ffff, name);
    let site = Site { place: Place { folder, clock }, url: url.to_owned(), cluster };
    let measured = match group {
        "nats.ask" => ask::measure(&site).await,
        "nats.append" | "nats.synced.append" => append::measure(group, &site).await,
        "nats.events" => events::measure(&site).await,
        "nats.takeover" => takeover::measure(&site).await,
        "nats.tasks.1" => durable::measure(group, &site, 1).await,
        _ => durable::measure(group, &site, 4_096).await,
    };
    let bare = site.bare().await?;
    let removed = bare.remove_cluster(&site.cluster).await;
    bare.close().await;
    let figures = measured?;
    removed.map(|()| figures)
}
