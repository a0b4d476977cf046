//! `orkestra node`: a node of a cluster, until it is asked to end.

mod identity;
mod tells;

use std::{io::Read as _, path::Path, sync::Arc, time::Duration};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{
        Fabric,
        nats::{Connection, Nats},
    },
    leadership::LeaseSettings,
    patience::patiently,
    presence::PresenceSettings,
    supervise::SupervisionLog,
    time::{Clock as _, SystemClock},
};

use self::{identity::Identity, tells::Tells};
use super::login;
use crate::{
    cli::{
        door,
        failure::Failure,
        files::prepare_aside,
        run::{Interruptions, bare_spec, shared},
        settings::Settings,
    },
    config::Config,
    node::{Node, NodeSpec, SUPERVISION_LOG},
    output::{Console, Exit},
    planning::{PlanningSettings, PlanningSpec},
    team,
};

/// How often it is looked what the node leads.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a node may take to end whose starter is gone: nobody waits for it any more.
const LEASH_WITHIN: Duration = Duration::from_secs(5);

/// Why a node ends.
enum Ends {
    Asked,
    Orphaned,
    GaveUp,
}

/// Runs a node until it is asked to end, or gives up.
pub(in crate::cli) async fn run(
    is_leashed: bool,
    settings: &Settings,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let mut interruptions = Interruptions::listen()?;
    let config = &settings.config;
    let data_dir = settings.data_dir();
    let identity = Identity::of(settings)?;
    let name = identity.name.clone();
    let what = login::For::Node { is_coordinator: config.node_roles.coordinator };
    let login = login::of(settings, what)?;
    console.say(format!(
        "node {name} of cluster {}: connecting to NATS at {}",
        config.cluster_name.0,
        login::shown(settings)
    ))?;
    let orphaned = orphaned(is_leashed);
    tokio::pin!(orphaned);
    // A node waits for its servers, however long they are away.
    let connecting = patiently("connect to NATS", || Nats::connect(login.clone()));
    let nats = tokio::select! {
        nats = connecting => Arc::new(nats?),
        () = interruptions.next() => return Ok(Exit::Interrupted),
        () = &mut orphaned => return Ok(Exit::Interrupted),
    };
    tell_server(&nats, console)?;
    let log = SupervisionLog::open(data_dir.join(SUPERVISION_LOG))?;
    let clock = SystemClock::start();
    let mut spec = spec(settings, &identity, &nats, (log.clone(), Arc::clone(&clock)));
    if let Ok(spec) = &mut spec
        && spec.roles.coordinator
    {
        spec.grpc = door::grpc(None, settings, console)?;
    }
    let mut news = log.watch();
    let node = tokio::select! {
        node = started(spec) => node,
        () = interruptions.next() => return Ok(Exit::Interrupted),
        () = &mut orphaned => return Ok(Exit::Interrupted),
    };
    let node = match node {
        Ok(node) => node,
        Err(failure) => {
            nats.close().await;
            return Err(failure);
        }
    };
    let mut tells = Tells::of(&node, data_dir, console)?;
    let mut connection = nats.connection();
    let mut members = node.presence().members();
    let mut looks = tokio::time::interval(LOOK_EVERY);
    let ends = loop {
        tokio::select! {
            biased;
            () = interruptions.next() => break Ends::Asked,
            () = &mut orphaned => break Ends::Orphaned,
            () = node.gave_up() => break Ends::GaveUp,
            Ok(()) = connection.changed() => {
                let now: Connection = connection.borrow_and_update().clone();
                tells.connection(&now, console)?;
            }
            record = news.recv() => tells.record(record, console)?,
            _ = members.changed() => tells.members(&node, console)?,
            _ = looks.tick() => tells.leads(&node, console)?,
        }
    };
    let exit = end((ends, node), &mut interruptions, console).await?;
    while let Ok(record) = news.try_recv() {
        tells.record(Ok(record), console)?;
    }
    drop(identity);
    Ok(exit)
}

async fn started(spec: Result<NodeSpec, Failure>) -> Result<Node, Failure> {
    Node::start(spec?).await.map_err(Failure::from)
}

async fn end(
    (ends, node): (Ends, Node),
    interruptions: &mut Interruptions,
    console: &mut Console,
) -> Result<Exit> {
    match ends {
        Ends::Asked => {
            console.say("stopping: what it leads goes to others, agents finish or hand back; once more aborts")?;
            tokio::select! {
                stopped = node.stop() => stopped?,
                () = interruptions.next() => {
                    console.say("aborted")?;
                    return Ok(Exit::Interrupted);
                }
            }
            console.say("stopped")?;
            Ok(Exit::Done)
        }
        Ends::Orphaned => {
            // Whoever started it is gone, and the servers perhaps as well.
            let _ = tokio::time::timeout(LEASH_WITHIN, node.stop()).await;
            Ok(Exit::Interrupted)
        }
        Ends::GaveUp => {
            let _ = tokio::time::timeout(LEASH_WITHIN, node.stop()).await;
            let message = "the node gave up: see `orkestra supervision log`";
            Err(Error::new(ErrorKind::Unavailable, message))
        }
    }
}

fn tell_server(nats: &Nats, console: &mut Console) -> Result<()> {
    let features = nats.features();
    console.say(format!(
        "connected to {}, nats-server {}; durability {}",
        if features.server.is_empty() { "a server" } else { &features.server },
        features.version,
        nats.durability()
    ))?;
    features.notices.iter().try_for_each(|notice| console.say(format!("note: {notice}")))
}

/// Waits until whoever started this process is gone, if it said that it holds the other end of the
/// standard input.
async fn orphaned(is_leashed: bool) {
    if !is_leashed {
        return std::future::pending().await;
    }
    let (gone, told) = tokio::sync::oneshot::channel();
    // A thread of its own, which nobody waits for: it reads until the other end is closed.
    let reader = std::thread::Builder::new().name("leash".to_owned()).spawn(move || {
        let mut bytes = [0_u8; 64];
        while std::io::stdin().read(&mut bytes).is_ok_and(|read| read > 0) {}
        let _ = gone.send(());
    });
    if reader.is_err() || told.await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn spec(
    settings: &Settings,
    identity: &Identity,
    nats: &Arc<Nats>,
    (log, clock): (SupervisionLog, Arc<SystemClock>),
) -> Result<NodeSpec, Failure> {
    let config = &settings.config;
    let fabric: Arc<dyn Fabric> = Arc::clone(nats) as Arc<dyn Fabric>;
    let alone = bare_spec(settings, Arc::clone(&fabric), Arc::clone(&clock))?;
    let mut spec = NodeSpec::new(identity.name.clone(), fabric, config.data_dir.clone())?;
    spec.roles = config.node_roles.with(config.agents_host);
    spec.shards = config.cluster_shards.0;
    spec.owns_fabric = true;
    spec.team = shared(settings);
    if let Some(file) = &config.node_agents.0 {
        let prepared = prepare_aside(Path::new(file), &[])?;
        let members = prepared.agents.iter().map(|agent| team::member(agent, &spec.team));
        spec.members = members.filter_map(Result::transpose).collect::<Result<_>>()?;
    }
    spec.settings = alone.settings;
    spec.pace = alone.pace;
    spec.tolerance = alone.tolerance;
    spec.drain_within = alone.drain_within;
    spec.lease = LeaseSettings::of(config.leadership_lease);
    spec.stable_after = config.leadership_stable_after;
    spec.presence = PresenceSettings {
        beat_every: config.presence_beat_every.0,
        down_after: config.presence_down_after,
    };
    spec.planning = config.planning_enabled.then(|| planning(config));
    spec.log = log;
    spec.seed = clock.now().wall.as_ms() ^ u64::from(std::process::id());
    spec.clock = clock;
    Ok(spec)
}

fn planning(config: &Config) -> PlanningSpec {
    PlanningSpec {
        settings: PlanningSettings {
            namespace: config.planning_namespace.clone(),
            answer_within: config.planning_answer_within,
            keep_for: config.planning_keep_for,
            // More than fit are far more than are allowed.
            agents_elsewhere: u32::try_from(config.planning_agents_elsewhere).unwrap_or(u32::MAX),
        },
        sweep_every: config.planning_sweep_every.0,
    }
}
