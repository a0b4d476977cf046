//! `orkestra up`: a cluster on one machine for trying things, under the supervision of this process.

mod child;

use std::{fs, path::Path, sync::Arc, time::Duration};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    backoff::Backoff,
    restart::Restart,
    supervise::{ChildSpec, Env, Started, Starting, SupervisionLog, Supervisor, SupervisorSpec},
    time::{Clock, Moment, SystemClock},
};
use tokio::sync::{mpsc, watch};

use self::child::{NodeProcess, Said};
use super::Cluster;
use crate::{
    cli::{
        args::{Common, UpArgs},
        failure::Failure,
        run::Interruptions,
        settings::Settings,
    },
    nats_server::{Server, ServerSpec, find},
    output::{Console, Exit, Format},
};

/// How long nodes may take to end: a bit longer than they give their agents.
const STOP_WITHIN: Duration = Duration::from_secs(45);
/// How long it is waited until the cluster leads all its shards.
const LED_WITHIN: Duration = Duration::from_secs(30);
/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// How many lines of the nodes may wait to be shown.
const LINES_WAITING: usize = 4_096;

/// Starts a cluster, shows what happens in it, and ends it when asked to.
pub(in crate::cli) async fn run(
    args: &UpArgs,
    (common, settings): (&Common, &Settings),
    console: &mut Console,
) -> Result<Exit, Failure> {
    let mut interruptions = Interruptions::listen()?;
    let scratch = tempfile::Builder::new().prefix("orkestra-up-").tempdir().map_err(|error| {
        Error::new(ErrorKind::Io, "cannot make a folder for the cluster").because(error)
    })?;
    let started = tokio::select! {
        started = servers(settings, scratch.path(), console) => started,
        () = interruptions.next() => return Ok(Exit::Interrupted),
    };
    let ran = match started {
        Ok((server, url)) => {
            let place = (scratch.path(), &mut interruptions);
            let ran = cluster(args, (common, settings, &url), place, console).await;
            if let Some(server) = server {
                // Its streams go with its folder: nothing is to be written in order.
                server.kill().await?;
            }
            ran
        }
        Err(error) => Err(error.into()),
    };
    let folder = scratch.path().to_owned();
    scratch.close().map_err(|error| {
        let message = format!("cannot remove {}", folder.display());
        Error::new(ErrorKind::Io, message).because(error)
    })?;
    if ran.is_ok() {
        console.say("nothing is left of it")?;
    }
    ran
}

/// The servers: those that are named, or one of our own.
async fn servers(
    settings: &Settings,
    folder: &Path,
    console: &mut Console,
) -> Result<(Option<Server>, String)> {
    if settings.is_cluster() {
        return Ok((None, settings.config.nats_url.0.join(",")));
    }
    let tools = tools();
    console.say("looking for nats-server (it is fetched if there is none)")?;
    let binary = find(tools).await?;
    let server = Server::start(&binary, ServerSpec::one(folder.join("nats"))?).await?;
    let url = server.url();
    console.say(format!(
        "nats-server {} ({}) listens at {url}",
        binary.version,
        binary.path.display()
    ))?;
    Ok((Some(server), url))
}

/// Where a server that was fetched is kept for the next time.
fn tools() -> std::path::PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(std::path::PathBuf::from).or_else(|| {
        std::env::var_os("HOME").map(|home| std::path::PathBuf::from(home).join(".cache"))
    });
    cache.unwrap_or_else(std::env::temp_dir).join("orkestra")
}

async fn cluster(
    args: &UpArgs,
    (common, settings, url): (&Common, &Settings, &str),
    (folder, interruptions): (&Path, &mut Interruptions),
    console: &mut Console,
) -> Result<Exit, Failure> {
    let clock = SystemClock::start();
    let (lines, mut heard) = mpsc::channel(LINES_WAITING);
    let (stop, stopping) = watch::channel(false);
    let mut crew = SupervisorSpec::new("up").intensity(1_000, Duration::from_mins(1));
    for number in 1..=args.nodes {
        let node = NodeProcess::write(folder, (args, number), (common, settings, url))?;
        crew = crew.child(child_of(node, lines.clone(), stopping.clone(), &clock));
    }
    drop(lines);
    let log = SupervisionLog::unkept();
    let mut news = log.watch();
    let seed = clock.now().wall.as_ms();
    let env = Env { clock: Arc::clone(&clock) as Arc<dyn Clock>, seed, log };
    let tree = Supervisor::start(&crew, env).await?;
    let ready = ready(args, settings, url);
    tokio::pin!(ready);
    let mut is_ready = false;
    let told: Result<()> = loop {
        tokio::select! {
            biased;
            () = interruptions.next() => break Ok(()),
            said = heard.recv() => match said {
                Some(said) => child::tell(&said, common.verbose > 0, console)?,
                None => break Err(Error::new(ErrorKind::Unavailable, "all nodes have ended")),
            },
            Ok(record) = news.recv() => child::tell_own(&record, common.verbose > 0, console)?,
            came = &mut ready, if !is_ready => {
                is_ready = true;
                match came {
                    Ok(led) => try_next((args, url, &led), console)?,
                    Err(error) => console.warn(format!("the cluster is not ready: {error}"))?,
                }
            }
        }
        if console.is_closed() {
            break Ok(());
        }
    };
    console.say("stopping: nodes finish or hand back what they have; once more aborts")?;
    stop.send_replace(true);
    let all = args.nodes;
    let ended = async {
        let mut stopped = 0;
        while stopped < all {
            let Some(said) = heard.recv().await else { break };
            stopped += u16::from(said["event"] == "stopped");
            child::tell(&said, common.verbose > 0, console)?;
        }
        Ok::<(), Error>(())
    };
    tokio::select! {
        ended = tokio::time::timeout(STOP_WITHIN, ended) => ended.unwrap_or(Ok(()))?,
        () = interruptions.next() => {}
    }
    tree.stop(STOP_WITHIN).await?;
    told?;
    Ok(Exit::Done)
}

/// A node as a child that is started again with patience.
fn child_of(
    node: NodeProcess,
    lines: mpsc::Sender<Said>,
    stopping: watch::Receiver<bool>,
    clock: &Arc<SystemClock>,
) -> ChildSpec {
    let (node, clock) = (Arc::new(node), Arc::clone(clock) as Arc<dyn Clock>);
    let backoff = Backoff {
        base: Duration::from_millis(300),
        factor: 2,
        max: Duration::from_secs(5),
        jitter: true,
        reset_after: Duration::from_secs(20),
    };
    let name = node.name.clone();
    let spec = ChildSpec::worker(name, move |starting: Starting| {
        let (node, lines) = (Arc::clone(&node), lines.clone());
        let (stopping, clock) = (stopping.clone(), Arc::clone(&clock));
        async move {
            let duty = async move { node.run(lines, stopping).await };
            let cell =
                orkestra_runtime::duty::spawn_linked(duty, clock, starting.supervisor).await?;
            Ok(Started::from(cell))
        }
    });
    // One that ends because it was asked to is not started again.
    spec.restart(Restart::Transient).backoff(backoff)
}

/// Waits until all nodes are there and all shards are led; answers how many.
async fn ready(args: &UpArgs, settings: &Settings, url: &str) -> Result<String> {
    let clock = SystemClock::start();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let found = look(args, settings, url).await;
        match found {
            Ok(Some(led)) => return Ok(led),
            Ok(None) | Err(_) if clock.now().moment.since(Moment::START) < LED_WITHIN => {}
            Ok(None) => {
                let message = "not every shard is led yet: see `orkestra shard list`";
                return Err(Error::new(ErrorKind::Unavailable, message));
            }
            Err(error) => return Err(error),
        }
    }
}

async fn look(args: &UpArgs, settings: &Settings, url: &str) -> Result<Option<String>> {
    let cluster = Cluster::connect(&settings.at(url)).await?;
    let nodes = cluster.nodes().await;
    let shards = usize::from(cluster.shards);
    cluster.close().await;
    let nodes = nodes?;
    let led = super::nodes::shards(&nodes).iter().filter(|shard| shard.leader.is_some()).count();
    if nodes.len() < usize::from(args.nodes) || led < shards {
        return Ok(None);
    }
    Ok(Some(format!("{} nodes, and all {shards} shards are led", nodes.len())))
}

fn try_next((args, url, led): (&UpArgs, &str, &str), console: &mut Console) -> Result<()> {
    if console.format() == Format::Ndjson {
        return console.line(&serde_json::json!({
            "event": "ready", "nats": url, "nodes": args.nodes,
        }));
    }
    console.say(format!(
        "\nthe cluster is up: {led}\n\nTry in another terminal:\n  \
         export NATS_URL={url}\n  \
         orkestra node list\n  \
         orkestra run examples/pipeline.toml\n  \
         orkestra task list\n  \
         orkestra shard list\n  \
         orkestra node drain node-1\n  \
         orkestra supervision log --follow\n\n\
         Ctrl-C ends all of it. What happens to the nodes:\n"
    ))
}

/// Makes a folder.
fn folder_at(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| {
        Error::new(ErrorKind::Io, format!("cannot make {}", path.display())).because(error)
    })
}
