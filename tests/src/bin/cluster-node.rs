//! A node of a cluster over NATS, as a process of its own that can be killed, paused and stopped.
//!
//! `cluster-node --name N --roles coordinator,agents --url U [--url U…] --folder F --shards S
//! --replicas R [--agent NAME:CAPACITY:MS…] --book FILE`
//!
//! `cluster-node --hold KEY --url U --shards S --lease-ms L` holds a lock instead, and can be told to
//! write under it.
//!
//! It says `up` on standard output when it is up. SIGTERM stops it in order; the end of its standard
//! input, which is that of whoever started it, ends it at once.
//!
//! `UNDER_TEST_CROOK`, `CLUSTER_NODE_UNFENCED` and `CLUSTER_NODE_LOCKS` plant bugs in what it remembers
//! with.

#![expect(clippy::print_stdout, reason = "whoever started it waits for its word")]

use std::{
    io::{Read as _, Write as _},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use orkestra_agents::{Context, DynAgent, Work, kinds::function::FunctionAgent};
use orkestra_coordinator::{
    node::{Node, NodeSpec},
    output,
    system::Member,
};
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{
        Fabric,
        nats::{Nats, NatsSettings},
    },
    id::{AgentId, LockKey, NodeId},
    patience::patiently,
    protocol::{
        node::{Hosts, Roles},
        payload::Json,
        task::Failure,
    },
    time::{Clock, SystemClock},
};
use orkestra_tests::{
    chaos::{
        books::{Book, Execution},
        plant::{UNFENCED_VARIABLE, unfenced},
    },
    crooked::{CROOK_VARIABLE, crooked},
    locks::{
        holder::{Holding, hold},
        tricks::{Trick, tricked},
    },
};
use tokio::signal::unix::{SignalKind, signal};

struct Arguments(Vec<String>);

impl Arguments {
    fn all<'a, 'b: 'a>(&'a self, name: &'b str) -> impl Iterator<Item = &'a str> {
        self.0.windows(2).filter(move |pair| pair[0] == name).map(|pair| pair[1].as_str())
    }

    fn one<'a, 'b: 'a>(&'a self, name: &'b str) -> Result<&'a str> {
        self.all(name).next().ok_or_else(|| invalid(&format!("say {name}")))
    }
}

fn invalid(what: &str) -> Error {
    Error::new(ErrorKind::Invalid, what.to_owned())
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    output::begin_log(&std::env::var("CLUSTER_NODE_LOG").unwrap_or_else(|_| "info".to_owned()));
    let arguments = Arguments(std::env::args().collect());
    if arguments.one("--hold").is_ok() {
        return ended(holds(&arguments).await);
    }
    // A node whose harness is gone must not go on by itself.
    std::thread::spawn(|| {
        let mut nothing = [0; 1];
        while !matches!(std::io::stdin().read(&mut nothing), Ok(0) | Err(_)) {}
        std::process::exit(9);
    });
    ended(run(&arguments).await)
}

fn ended(ended: Result<()>) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("failed: {error:?}");
            ExitCode::FAILURE
        }
    }
}

async fn holds(arguments: &Arguments) -> Result<()> {
    let number = |name: &str| -> Result<u16> {
        arguments.one(name)?.parse().map_err(|_| invalid(&format!("{name} is a number")))
    };
    let holding = Holding {
        url: arguments.one("--url")?.to_owned(),
        shards: number("--shards")?,
        key: LockKey::new(arguments.one("--hold")?)?,
        lease: Duration::from_millis(number("--lease-ms")?.into()),
    };
    hold(&holding, |line| {
        println!("{line}");
        // Nobody may listen.
        let _ = std::io::stdout().flush();
    })
    .await
}

async fn run(arguments: &Arguments) -> Result<()> {
    let mut term = signal(SignalKind::terminate())
        .map_err(|error| invalid("signals are heard").because(error))?;
    let node = tokio::select! {
        started = start(arguments) => started?,
        _ = term.recv() => return Ok(()),
    };
    println!("up {}", node.boot());
    // Nobody may listen.
    let _ = std::io::stdout().flush();
    tokio::select! {
        _ = term.recv() => node.stop().await,
        () = node.gave_up() => Err(Error::new(ErrorKind::Fault, "the node gave up")),
    }
}

/// Waits for servers that are away or silent, as every node does.
async fn start(arguments: &Arguments) -> Result<Node> {
    let name = NodeId::new(arguments.one("--name")?)?;
    let number = |name: &str| -> Result<u16> {
        arguments.one(name)?.parse().map_err(|_| invalid(&format!("{name} is a number")))
    };
    let mut settings = NatsSettings::new(arguments.one("--url")?);
    settings.urls = arguments.all("--url").map(str::to_owned).collect();
    settings.name = name.to_string();
    settings.replicas = number("--replicas")?.into();
    settings.connect_within = Duration::from_secs(5);
    let nats = patiently("connect to NATS", || Nats::connect(settings.clone())).await?;
    let mut fabric: Arc<dyn Fabric> = Arc::new(nats);
    if std::env::var_os(CROOK_VARIABLE).is_some() {
        fabric = crooked(fabric);
    }
    if std::env::var_os(UNFENCED_VARIABLE).is_some() {
        fabric = unfenced(fabric);
    }
    if let Some(trick) = Trick::named() {
        fabric = tricked(fabric, trick);
    }
    let folder = PathBuf::from(arguments.one("--folder")?);
    let mut spec = NodeSpec::new(name.clone(), fabric, folder)?;
    spec.owns_fabric = true;
    spec.shards = number("--shards")?;
    let roles = arguments.one("--roles")?;
    spec.roles = Roles {
        coordinator: roles.contains("coordinator"),
        agents: roles.contains("agents"),
        hosts: Hosts::Functions,
    };
    spec.drain_within = Duration::from_secs(3);
    spec.stable_after = Duration::from_secs(2);
    // Ended runs, and ended tasks of streams, are asked for in the end, however many there were.
    spec.settings.tasks.retain_runs = 100_000;
    spec.settings.tasks.retain_tasks = 1_000_000;
    spec.settings.tasks.lease = Duration::from_secs(6);
    spec.settings.tasks.losses_max = 10_000;
    // Whoever was killed with a lock is not waited for as long as people would.
    spec.settings.locks.delay = Duration::from_millis(300);
    // Snapshots have to be made and read in a run that is short.
    spec.pace.snapshot_every = 400;
    let book = PathBuf::from(arguments.one("--book")?);
    let book = Book::open(&book).map_err(|error| invalid("the book opens").because(error))?;
    let book = Arc::new(book);
    for agent in arguments.all("--agent") {
        spec.members.push(member(agent, &name, &book)?);
    }
    Node::start(spec).await
}

fn member(spoken: &str, node: &NodeId, book: &Arc<Book>) -> Result<Member> {
    let parts: Vec<&str> = spoken.split(':').collect();
    let [name, capacity, ms] = parts[..] else {
        return Err(invalid("an agent is NAME:CAPACITY:MS"));
    };
    let capacity = capacity.parse().map_err(|_| invalid("a capacity is a number"))?;
    let ms: u64 = ms.parse().map_err(|_| invalid("milliseconds are a number"))?;
    let (node, book, clock) = (node.to_string(), Arc::clone(book), SystemClock::start());
    let agent = FunctionAgent::new(move |work: Work, _: Context| {
        let (node, book, clock) = (node.clone(), Arc::clone(&book), Arc::clone(&clock));
        async move { execute(&work, ms, (&node, &book), clock.as_ref()).await }
    });
    let agent: Arc<dyn DynAgent> = Arc::new(agent);
    Ok(Member::new(AgentId::new(name)?, "function", capacity, Arc::new(move || Arc::clone(&agent))))
}

/// Works for a while, and says in the book that it begins and that it has ended.
async fn execute(
    work: &Work,
    ms: u64,
    (node, book): (&str, &Book),
    clock: &dyn Clock,
) -> Result<Json, Failure> {
    let line = |ended: bool| Execution {
        run: work.run.to_string(),
        task: work.id.to_string(),
        attempt: work.attempt.0,
        node: node.to_owned(),
        process: std::process::id(),
        at: clock.now().wall.as_ms(),
        ended,
    };
    let unwritten = |error: std::io::Error| Failure::error(format!("the book: {error}"));
    book.write(&line(false)).map_err(unwritten)?;
    let input: u64 = work.input()?;
    // Neighbours take different times.
    tokio::time::sleep(Duration::from_millis(ms / 2 + input * 7 % (ms + 1))).await;
    book.write(&line(true)).map_err(unwritten)?;
    Ok(Json::of(&(input, work.attempt.0))?)
}
