//! `orkestra up`: a real cluster on this machine, for trying things.
//!
//! ```text
//! up                one_for_one with backoff, in this process
//! ├─ nats-server    a process; not there with --nats
//! └─ nodes          one process each: `orkestra node --config node-1/node.toml --leash`
//!    ├─ node-1
//!    └─ …
//! ```
//!
//! Promises: what ends is started again; what is stopped is stopped in order, nodes before their
//! server; when this command has ended, in whatever way, no process of it is left soon after; when
//! it ended in order, no folder either but the one that was named.

mod advice;
mod alive;
mod args;
mod burst;
mod folder;
mod lines;
mod process;
mod screen;
mod servers;
mod stage;
mod tree;
mod written;

use std::{fs, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use futures::future::try_join_all;
use orkestra_runtime::{
    Error, ErrorKind, Result,
    supervise::{Env, SupervisionLog, Supervisor, SupervisorHandle},
    time::{Clock, SystemClock},
};
use serde_json::json;
use tokio::sync::{mpsc, watch};

pub(super) use self::args::UpArgs;
use self::{
    advice::advice,
    alive::Alive,
    folder::{Folder, failed},
    process::{Plan, Ties},
    screen::Screen,
    servers::Servers,
    stage::Stage,
    tree::{GRACE, Own, Parts, Told},
    written::Wanted,
};
use crate::{
    cli::{args::Common, failure::Failure, run::Interruptions, settings::Settings},
    config::GrpcListen,
    node::SUPERVISION_LOG,
    output::{Console, Exit},
};

/// How much of what became known of nodes may wait to be shown.
const SAID_MAX: usize = 256;
/// How long it is waited until every shard is led, before it is told what to try.
const LED_WITHIN: Duration = Duration::from_secs(5);
/// How long what was killed may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(5);
/// How long all may take to stop, beyond what a node may take.
const STOP_GRACE: Duration = Duration::from_secs(30);
/// How often a server of our own is started on other ports when somebody took the first ones.
const STARTS: usize = 5;

/// What a cluster is begun with.
struct Begun<'a> {
    args: &'a UpArgs,
    common: &'a Common,
    settings: &'a Settings,
    folder: &'a Folder,
}

/// What runs.
struct Up {
    root: SupervisorHandle,
    nodes: Told,
    alive: Alive,
    names: Vec<String>,
    stop_within: Duration,
}

/// Starts a cluster, shows what happens to it, and ends it when asked to.
pub(super) async fn run(
    args: &UpArgs,
    (common, settings): (&Common, &Settings),
    console: &mut Console,
) -> Result<Exit, Failure> {
    check(args, common)?;
    let mut interruptions = Interruptions::listen()?;
    let screen = Screen::of(console)?;
    let folder = Folder::of(args.dir.as_deref())?;
    let begun = Begun { args, common, settings, folder: &folder };
    let ran = in_folder(&begun, screen, &mut interruptions, console).await;
    let (path, is_kept) = (folder.path().to_owned(), folder.is_kept());
    folder.close()?;
    let exit = ran?;
    if is_kept {
        let dir = args.dir.as_deref().unwrap_or(&path).display();
        console.say(format!("`orkestra up --dir {dir}` goes on with what is kept there"))?;
    }
    Ok(exit)
}

fn check(args: &UpArgs, common: &Common) -> Result<()> {
    let invalid = |message: String| Err(Error::new(ErrorKind::Invalid, message));
    if common.data_dir.is_some() {
        return invalid(
            "each node has a data directory of its own: name a folder for all with --dir"
                .to_owned(),
        );
    }
    match args.agents {
        Some(agents) if agents > args.nodes => invalid(format!(
            "{agents} nodes cannot host agents where there are {}: say --nodes {agents}, or fewer \
             --agents",
            args.nodes
        )),
        _ => Ok(()),
    }
}

async fn in_folder(
    begun: &Begun<'_>,
    screen: Screen,
    interruptions: &mut Interruptions,
    console: &mut Console,
) -> Result<Exit> {
    let servers = tokio::select! {
        found = servers::find(begun, console) => found?,
        () = interruptions.next() => return Ok(Exit::Interrupted),
    };
    let (said, heard) = mpsc::channel(SAID_MAX);
    let clock = SystemClock::start();
    let log = SupervisionLog::open(begun.folder.path().join(SUPERVISION_LOG))?;
    let mut stage = Stage::new(screen, heard, log.watch());
    let (up, servers) = start(begun, servers, (said, log), &clock).await?;
    let ran = on(&up, begun, (&servers, &mut stage), interruptions, console).await;
    let ended = match ran {
        Ok(exit) => {
            console.say("\nstopping: nodes first; once more aborts")?;
            end(&up, &mut stage, interruptions, console).await.map(|stopped| match stopped {
                Exit::Done => exit,
                other => other,
            })
        }
        Err(error) => {
            let _ = end(&up, &mut stage, interruptions, console).await;
            return Err(error);
        }
    };
    let exit = ended?;
    stage.screen.event(&json!({"event": "stopped"}), console)?;
    let left = match (exit, &servers) {
        (Exit::Interrupted, _) => "aborted: all was killed",
        (_, Servers::Own(_)) if !begun.folder.is_kept() => "stopped; nothing is left of it",
        (_, Servers::Own(_)) => "stopped",
        (_, Servers::Named) => "stopped; what the cluster stored is still on the servers",
    };
    console.say(left)?;
    Ok(exit)
}

/// Starts the tree: a server of our own, if there is to be one. No node yet.
async fn start(
    begun: &Begun<'_>,
    mut servers: Servers,
    (said, log): (mpsc::Sender<process::Said>, SupervisionLog),
    clock: &Arc<SystemClock>,
) -> Result<(Up, Servers)> {
    let alive = Alive::new();
    for tried in 1.. {
        let nodes = plans(begun, &servers)?;
        let names = nodes.iter().map(|plan| plan.name.clone()).collect();
        let stop_within = nodes.iter().map(|plan| plan.stop_within).max().unwrap_or_default();
        let server = match &servers {
            Servers::Own(own) => Some(own.clone()),
            Servers::Named => None,
        };
        let ties = Ties { said: said.clone(), alive: alive.clone() };
        let parts = Parts { server, nodes, ties, clock: Arc::clone(clock) as Arc<dyn Clock> };
        let told: Told = Arc::new(watch::Sender::new(None));
        let seed = clock.now().wall.as_ms();
        let env = Env { clock: Arc::clone(clock) as Arc<dyn Clock>, seed, log: log.clone() };
        let root = Supervisor::start(&tree::up(parts, Arc::clone(&told)), env).await;
        match (root, &mut servers) {
            (Ok(root), _) => {
                return Ok((Up { root, nodes: told, alive, names, stop_within }, servers));
            }
            // Somebody was faster at one of the ports.
            (Err(error), Servers::Own(own))
                if tried < STARTS && error.to_string().contains("address already in use") =>
            {
                own.spec.ports = crate::nats_server::Ports::free()?;
            }
            (Err(error), _) => return Err(error),
        }
    }
    Err(Error::new(ErrorKind::Fault, "the cluster was not started"))
}

/// Has the nodes come up, tells what to try, and shows what happens until it is to end.
async fn on(
    up: &Up,
    begun: &Begun<'_>,
    (servers, stage): (&Servers, &mut Stage),
    interruptions: &mut Interruptions,
    console: &mut Console,
) -> Result<Exit> {
    let url = servers.shown(begun.settings);
    if let Servers::Own(Own { binary, .. }) = servers {
        let (version, path) = (binary.version, binary.path.display());
        console.say(format!("nats-server {version} ({path}) listens at {url}"))?;
    }
    stage.connect(begun, servers, &up.names).await?;
    let cluster = &begun.settings.config.cluster_name.0;
    let words = if up.names.len() == 1 { "1 node" } else { &format!("{} nodes", up.names.len()) };
    console.say(format!("starting {words} of cluster {cluster}"))?;
    let starting = start_nodes(up);
    tokio::pin!(starting);
    loop {
        tokio::select! {
            biased;
            () = interruptions.next() => return Ok(Exit::Done),
            started = &mut starting => {
                started?;
                break;
            }
            shown = stage.show(console) => shown?,
        }
    }
    let shards = usize::from(begun.settings.config.cluster_shards.0);
    let patience = tokio::time::sleep(LED_WITHIN);
    tokio::pin!(patience);
    while stage.screen.led() < shards {
        tokio::select! {
            biased;
            () = interruptions.next() => return Ok(Exit::Done),
            () = &mut patience => break,
            shown = stage.show(console) => shown?,
        }
    }
    tell(up, begun, (&url, stage), console)?;
    loop {
        tokio::select! {
            biased;
            () = interruptions.next() => return Ok(Exit::Done),
            () = up.root.ended() => {
                let message = "the cluster cannot be kept up: see what was told before this";
                return Err(Error::new(ErrorKind::Unavailable, message));
            }
            shown = stage.show(console) => shown?,
        }
        if Stage::is_unread(console) {
            return Ok(Exit::Done);
        }
    }
}

async fn start_nodes(up: &Up) -> Result<()> {
    let nodes = up.nodes.borrow().clone();
    let Some(nodes) = nodes else {
        return Err(Error::new(ErrorKind::Fault, "nobody looks after nodes"));
    };
    try_join_all(up.names.iter().map(|name| nodes.start_instance(name))).await.map(drop)
}

/// Tells that it is up, and what to try.
fn tell(
    up: &Up,
    begun: &Begun<'_>,
    (url, stage): (&str, &mut Stage),
    console: &mut Console,
) -> Result<()> {
    stage.screen.flush(true, console)?;
    let folder = begun.folder.path().display().to_string();
    let nodes = stage.screen.processes();
    let name = &begun.settings.config.cluster_name;
    stage.screen.event(
        &json!({
            "event": "ready", "nats": url, "cluster": name.0, "dir": folder, "nodes": nodes,
        }),
        console,
    )?;
    let called = std::env::args().next().filter(|called| called.contains('/'));
    let last = up.names.last();
    let victim = last.and_then(|name| Some((name.as_str(), *nodes.get(name)?)));
    let default = crate::config::Origin::Default;
    let is_usual =
        begun.settings.config.explain("cluster.name").is_ok_and(|it| it.origin == default);
    let known = advice::Cluster {
        program: called.as_deref().unwrap_or("orkestra"),
        url,
        name: (!is_usual).then_some(name.0.as_str()),
        victim,
    };
    let goes = if begun.folder.is_kept() { "" } else { ", and go with it" };
    console.say(format!(
        "\nThe cluster is up at {url}\nIts files are in {folder}{goes}. Its nodes host every agent \
         that a\nscenario asks for, programs as well: they run on this machine, as you.\n{}",
        advice(known)
    ))
}

/// Ends all in order, nodes first; kills all when that is asked for.
async fn end(
    up: &Up,
    stage: &mut Stage,
    interruptions: &mut Interruptions,
    console: &mut Console,
) -> Result<Exit> {
    let stopping = async {
        // It may never have come so far.
        let _ = up.root.terminate_child(tree::NODES).await;
        up.root.stop(up.stop_within + STOP_GRACE).await
    };
    tokio::pin!(stopping);
    let stopped = loop {
        tokio::select! {
            biased;
            () = interruptions.next() => {
                let _ = up.root.stop(Duration::ZERO).await;
                break Ok(Exit::Interrupted);
            }
            stopped = &mut stopping => break stopped.map(|()| Exit::Done),
            shown = stage.show(console) => shown?,
        }
    };
    let are_gone = up.alive.none_within(GONE_WITHIN).await;
    stage.close(console).await?;
    if !are_gone {
        console.warn("processes were killed, and are not gone yet")?;
    }
    stopped
}

/// Writes the configuration of each node, and says how it is started.
fn plans(begun: &Begun<'_>, servers: &Servers) -> Result<Vec<Plan>> {
    let Begun { args, common, settings, folder } = begun;
    let program = std::env::current_exe().map_err(|error| {
        Error::new(ErrorKind::Io, "cannot find the program of this process").because(error)
    })?;
    let without = servers.variables_to_leave_out();
    let hosts = args.agents.unwrap_or(args.nodes);
    let grpc = match &args.grpc {
        Some(typed) => GrpcListen::typed(typed)?,
        None => settings.config.grpc_listen,
    };
    (1..=args.nodes)
        .map(|number| {
            let name = format!("node-{number}");
            let own = folder.path().join(&name);
            fs::create_dir_all(&own).map_err(|error| failed("make", &own, error))?;
            let (config, data_dir) = (own.join("node.toml"), own.join("data"));
            let urls = servers.urls(settings);
            let wanted = Wanted {
                name: &name,
                data_dir: &data_dir,
                hosts_agents: number <= hosts,
                urls: &urls,
                are_named: matches!(servers, Servers::Named),
                grpc: address_of(grpc, number)?,
            };
            write(&config, &written::text(wanted, &settings.config))?;
            let mut words: Vec<String> =
                ["node", "--leash", "-o", "ndjson", "--config"].map(Into::into).into();
            words.push(config.to_string_lossy().into_owned());
            words.extend((0..common.verbose).map(|_| "-v".to_owned()));
            Ok(Plan {
                name,
                program: program.clone(),
                words,
                without: without.clone(),
                log: own.join("node.log"),
                stop_within: settings.config.shutdown_drain_within + GRACE,
            })
        })
        .collect()
}

/// Where clients come in at a node, by its number from 1: each at a port of its own.
fn address_of(listen: GrpcListen, number: u16) -> Result<Option<SocketAddr>> {
    let Some(mut address) = listen.0.filter(|first| first.port() != 0) else { return Ok(listen.0) };
    let Some(port) = address.port().checked_add(number - 1) else {
        let message =
            format!("there is no port {} steps after {address}: take a lower one", number - 1);
        return Err(Error::new(ErrorKind::Invalid, message));
    };
    address.set_port(port);
    Ok(Some(address))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|error| failed("write", path, error))
}
