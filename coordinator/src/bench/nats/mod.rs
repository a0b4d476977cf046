//! `orkestra bench --nats`: what nodes do over NATS, beside what a bare client does there in the
//! same run.
//!
//! Whatever belongs on another machine runs in a process of its own: this executable again. What is
//! made on a server is removed at the end.

mod append;
mod ask;
mod durable;
mod events;
mod locks;
mod peer;
mod rerun;
mod takeover;

use std::{path::Path, sync::Arc};

use orkestra_runtime::{
    Result,
    fabric::nats::{Bare, Nats, NatsSettings},
    id::NodeId,
    protocol::node::{Hosts, Roles},
    time::SystemClock,
};

use super::{Figure, Part, Place, cannot, folder_in, groups_of, keep_wanted};
use crate::{
    nats_server::{Server, ServerSpec, Syncing, find},
    node::{Node, NodeSpec},
};
use peer::Peer;
pub use peer::PeerPlace;
pub(crate) use peer::serve;

/// All groups of figures, in the order in which they are measured. Those that sync, and those with
/// three servers, need servers of our own.
const GROUPS: [&str; 12] = [
    "nats.ask",
    "nats.append",
    "nats.events",
    "nats.tasks.1",
    "nats.tasks.4096",
    "nats.takeover",
    "nats.rerun",
    "nats.locks",
    "nats.synced.locks",
    "nats.synced.append",
    "nats.synced.tasks.4096",
    "nats.three.tasks.4096",
];

/// What kind of servers a group is measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// One as it is by default.
    Plain,
    /// One that syncs before it acknowledges.
    Synced,
    /// Three, and all that is kept on each of them.
    Three,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Plain, Self::Synced, Self::Three];

    fn of(group: &str) -> Self {
        match group {
            _ if group.starts_with("nats.synced") => Self::Synced,
            _ if group.starts_with("nats.three") => Self::Three,
            _ => Self::Plain,
        }
    }

    fn specs(self, place: &Place) -> Result<Vec<ServerSpec>> {
        let folder = place.room(&format!("nats-{self:?}"));
        match self {
            Self::Plain => Ok(vec![ServerSpec::one(folder)?]),
            Self::Synced => {
                Ok(vec![ServerSpec { syncing: Syncing::Always, ..ServerSpec::one(folder)? }])
            }
            Self::Three => ServerSpec::cluster(folder, 3),
        }
    }
}

/// Against which servers is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Servers {
    /// One that is started for it on this machine.
    Own,
    /// One that is there.
    At(String),
}

impl Servers {
    /// `own`, or an address.
    pub fn of(text: &str) -> Self {
        if text == "own" { Self::Own } else { Self::At(text.to_owned()) }
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
    settings.urls = url.split(',').map(str::to_owned).collect();
    settings.replicas = if settings.urls.len() < 3 { 1 } else { 3 };
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
    let groups = groups_of(&GROUPS, only, " with --nats")?;
    let folder = folder_in(at)?;
    let place = Place { folder: folder.path().to_owned(), clock: SystemClock::start() };
    let mut figures = Vec::new();
    for kind in Kind::ALL {
        let groups = groups.iter().filter(|group| Kind::of(group) == kind);
        let groups: Vec<&str> = groups.copied().collect();
        // No server tells whether it syncs: what needs that is measured on our own.
        if groups.is_empty() || (kind != Kind::Plain && *servers != Servers::Own) {
            continue;
        }
        let (serving, url) = serving(servers, &place, kind).await?;
        for group in groups {
            tell(group)?;
            figures.extend(measure_group(group, &place, &url).await?);
        }
        for server in serving {
            server.stop().await?;
        }
    }
    folder.close().map_err(|error| cannot("remove the folder of the bench", error))?;
    keep_wanted(&mut figures, &GROUPS, only);
    Ok(figures)
}

async fn serving(servers: &Servers, place: &Place, kind: Kind) -> Result<(Vec<Server>, String)> {
    match servers {
        Servers::At(url) => Ok((Vec::new(), url.clone())),
        Servers::Own => {
            let binary = find(std::env::temp_dir().join("orkestra-tools")).await?;
            let specs = kind.specs(place)?;
            let urls: Vec<String> = specs.iter().map(ServerSpec::url).collect();
            let launched = specs.into_iter().map(|spec| Server::launch(&binary, spec));
            let mut servers = launched.collect::<Result<Vec<_>>>()?;
            for server in &mut servers {
                server.ready().await?;
            }
            Ok((servers, urls.join(",")))
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
        "nats.rerun" => rerun::measure(&site).await,
        "nats.locks" | "nats.synced.locks" => locks::measure(group, &site).await,
        "nats.tasks.1" => durable::measure(group, &site, 1).await,
        _ => durable::measure(group, &site, 4_096).await,
    };
    let bare = site.bare().await?;
    let removed = bare.remove_cluster(&site.cluster).await;
    bare.close().await;
    let figures = measured?;
    removed.map(|()| figures)
}
