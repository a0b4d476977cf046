//! `orkestra run`: a scenario in this process, from its beginning or from where it was.

pub(super) mod choose;
mod councils;
pub(super) mod ending;
mod endings;
mod people;
mod vitals;
pub(super) mod watch;

use std::{path::Path, sync::Arc};

use orkestra_agents::kinds::function::BlockingPool;
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{Fabric, embedded::Embedded},
    id::{RunId, ShardId},
    protocol::check::{Switch, Switches},
    supervise::SupervisionLog,
    time::{Clock, Now, SystemClock, Wall},
};

pub(super) use self::watch::{Interruptions, interrupted};
use crate::{
    cli::{args::RunArgs, door, failure::Failure, files, settings::Settings},
    config::Listen,
    inspect::Inspection,
    metrics::Metrics,
    output::{Console, Exit, Format},
    pin::pin,
    scenario::{Prepared, Scenario},
    sensitive::given,
    shard::actor::Settings as ShardPace,
    system::{System, SystemSpec},
    task::{Answer, Query},
    team,
    tree::Tolerance,
};

/// The file of a data directory that holds the supervision log.
pub(super) const SUPERVISION_LOG: &str = "supervision.jsonl";

/// Puts a fabric into another.
#[cfg(feature = "testing")]
pub(super) type PutInto = fn(Arc<dyn Fabric>) -> Arc<dyn Fabric>;

/// What the fabric of a run is put into, for tests that want it to fail.
#[cfg(feature = "testing")]
pub(super) static PUT_INTO: std::sync::OnceLock<PutInto> = std::sync::OnceLock::new();

fn put_into(fabric: Arc<dyn Fabric>) -> Arc<dyn Fabric> {
    #[cfg(feature = "testing")]
    if let Some(put_into) = PUT_INTO.get() {
        return put_into(fabric);
    }
    fabric
}

/// Runs a scenario to its end, or until it is interrupted.
pub(super) async fn run(
    args: &RunArgs,
    settings: &Settings,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let data_dir = settings.data_dir();
    let prepared = prepare(args, data_dir, console)?;
    let clock = SystemClock::start();
    let fabric = put_into(Arc::new(open(data_dir)?));
    let ran = in_fabric(&prepared, args, (settings, &fabric, clock), console).await;
    fabric.close().await;
    ran
}

/// Reads the scenario, and pins its inputs.
pub(super) fn prepare(
    args: &RunArgs,
    data_dir: &Path,
    console: &mut Console,
) -> Result<Prepared, Failure> {
    let (scenario, set) = read(args, console)?;
    let mut notes = Vec::new();
    let inputs = scenario.resolve(&set, |path| {
        let pinned = pin(path, &data_dir.join("workspaces")).map_err(|error| error.to_string())?;
        notes.extend(told_uncommitted(pinned.uncommitted, &pinned.repository.commit));
        Ok(pinned.repository)
    })?;
    for note in notes {
        console.warn(note)?;
    }
    Ok(scenario.prepare(&inputs)?)
}

/// Reads the scenario, and what it is given as texts.
pub(super) fn read(
    args: &RunArgs,
    console: &mut Console,
) -> Result<(Scenario, Vec<(String, String)>), Failure> {
    let scenario = files::read_scenario(&args.file)?;
    let (set, in_the_open) = given(&scenario, files::split_set(&args.set)?)?;
    for name in in_the_open {
        console.warn(format!(
            "input {name} is sensitive, and everybody on this machine can see it on the command line: \
             write --set {name}=@FILE or --set {name}=env:NAME"
        ))?;
    }
    Ok((scenario, set))
}

/// What a person should know of files that are not committed.
pub(super) fn told_uncommitted(files: usize, commit: &str) -> Option<String> {
    let commit = files::short(commit);
    (files > 0).then(|| {
        format!(
            "{files} files differ from commit {commit} and are not looked at: commit them first if they \
             count"
        )
    })
}

pub(super) fn open(data_dir: &Path) -> Result<Embedded> {
    Embedded::open(data_dir).map_err(|error| {
        let message = format!("cannot use the data directory {}", data_dir.display());
        Error::new(error.kind(), message).because(error)
    })
}

async fn in_fabric(
    prepared: &Prepared,
    args: &RunArgs,
    (settings, fabric, clock): (&Settings, &Arc<dyn Fabric>, Arc<SystemClock>),
    console: &mut Console,
) -> Result<Exit, Failure> {
    let mut interruptions = Interruptions::listen()?;
    let log = SupervisionLog::open(settings.data_dir().join(SUPERVISION_LOG))?;
    let mut spec = spec(prepared, settings, Arc::clone(fabric), (log, Arc::clone(&clock)))?;
    spec.monitored = true;
    spec.metrics = metrics(args, settings, console)?;
    spec.grpc = door::grpc(args.watching.grpc.as_deref(), settings, console)?;
    let began = clock.now().wall;
    let system = System::start(spec).await?;
    let told: Told<'_> = (&system, settings, clock.as_ref(), began);
    let ran = on_system(prepared, args, (told, &mut interruptions), console).await;
    if let Ok(watch::Watched::Interrupted(_)) = ran {
        console.say("stopping: agents finish or hand back; once more aborts")?;
    }
    let stopped = tokio::select! {
        stopped = system.stop() => stopped,
        () = interruptions.next() => return Ok(Exit::Interrupted),
    };
    match ran? {
        watch::Watched::Interrupted(run) => {
            // Agents finish what they hold: that may have been the last of it.
            let told = if has_ended(&run, fabric, clock.now()).await {
                format!("interrupted, and run {run} has ended: the same command begins another")
            } else {
                "interrupted; the same command goes on where it was".to_owned()
            };
            console.say(told)?;
            Ok(Exit::Interrupted)
        }
        watch::Watched::Ended(exit) => {
            stopped?;
            Ok(exit)
        }
    }
}

/// Whether a run is on record as ended, when nobody works on it any more.
async fn has_ended(run: &RunId, fabric: &Arc<dyn Fabric>, now: Now) -> bool {
    let Ok(inspection) = Inspection::over(Arc::clone(fabric), ShardId(0)).await else {
        return false;
    };
    let answer = inspection.tasks().answer(now, &Query::Run(run.clone()));
    matches!(answer, Answer::Run(Some(view)) if view.summary.ended.is_some())
}

/// Takes the address at which metrics are to be read, if there is one, and tells which it is.
fn metrics(
    args: &RunArgs,
    settings: &Settings,
    console: &mut Console,
) -> Result<Option<Arc<Metrics>>> {
    let listen = match &args.watching.metrics {
        Some(typed) => Listen::typed(typed)?,
        None => settings.config.metrics_listen,
    };
    let Some(address) = listen.0 else { return Ok(None) };
    let metrics = Metrics::bind(address)?;
    let address = metrics.address();
    console.say(format!("metrics are at http://{address}/metrics"))?;
    if console.format() == Format::Ndjson {
        console.line(&serde_json::json!({
            "event": "listening",
            "what": "metrics",
            "address": address.to_string(),
        }))?;
    }
    Ok(Some(Arc::new(metrics)))
}

/// What a run is told with, and when this process began it.
type Told<'a> = (&'a System, &'a Settings, &'a dyn Clock, Wall);

async fn on_system(
    prepared: &Prepared,
    args: &RunArgs,
    ((system, settings, clock, began), interruptions): (Told<'_>, &mut Interruptions),
    console: &mut Console,
) -> Result<watch::Watched, Failure> {
    let tasks = system.tasks();
    let run =
        choose::choose(prepared, args.fresh, (tasks, (system.contexts(), began)), console).await?;
    let patience = if args.no_wait { watch::Patience::ForAgents } else { watch::Patience::ForAll };
    let watched =
        watch::watch((&run, patience), watch::Stage::here(system, clock), interruptions, console)
            .await?;
    let summary = match watched {
        watch::Seen::Ended(summary) => summary,
        watch::Seen::Waiting => {
            console.say("what is left waits for people; the same command goes on where it was")?;
            return Ok(watch::Watched::Ended(Exit::Waiting));
        }
        watch::Seen::Interrupted => return Ok(watch::Watched::Interrupted(run)),
    };
    let restarts = ending::restarts(&system.tree().tree().await?);
    let came = ending::Came {
        tasks,
        summary: &summary,
        restarts: Some(restarts),
        journal: ending::journal(settings),
    };
    let exit = ending::tell(prepared, args, came, console).await?;
    Ok(watch::Watched::Ended(exit))
}

fn spec(
    prepared: &Prepared,
    settings: &Settings,
    fabric: Arc<dyn Fabric>,
    (log, clock): (SupervisionLog, Arc<SystemClock>),
) -> Result<SystemSpec> {
    let mut spec = bare_spec(settings, fabric, clock)?;
    let shared = shared(settings);
    let members = prepared.agents.iter().map(|agent| team::member(agent, &shared));
    spec.members = members.filter_map(Result::transpose).collect::<Result<_>>()?;
    spec.people = team::people(&prepared.agents);
    spec.log = log;
    spec.door = Some(settings.config.data_dir.clone());
    Ok(spec)
}

/// What the agents of a team share, as it is configured.
pub(super) fn shared(Settings { config, .. }: &Settings) -> team::Shared {
    let threads = |most: std::num::NonZeroU32| usize::try_from(most.get()).unwrap_or(usize::MAX);
    team::Shared {
        pool: BlockingPool::with_lost_max(
            threads(config.agents_blocking_threads),
            threads(config.agents_lost_threads_max),
        ),
        output_max: config.agents_output_max.0,
        beat_every: config.tasks_beat_every,
    }
}

/// A node as it is configured, without agents, whose starts and ends are told nowhere.
pub(super) fn bare_spec(
    Settings { config, .. }: &Settings,
    fabric: Arc<dyn Fabric>,
    clock: Arc<SystemClock>,
) -> Result<SystemSpec> {
    let mut spec = SystemSpec::new(fabric, config.data_dir.clone())?;
    let tasks = &mut spec.settings.tasks;
    tasks.lease = config.tasks_lease;
    tasks.poison_after = config.tasks_poison_after.get();
    tasks.breaker_failures = u32::try_from(config.breaker_failures).unwrap_or(u32::MAX);
    tasks.breaker_cooldown = config.breaker_cooldown;
    let off = config.checks_off.0.iter().map(|check| (*check, Switch::Off));
    tasks.checks = Switches(off.collect());
    tasks.losses_max = config.tasks_losses_max.get();
    tasks.assign_sweep = config.sweeps_assign_every.0;
    tasks.health_sweep = config.sweeps_health_every.0;
    tasks.recovery_sweep = config.sweeps_recovery_every.0;
    tasks.retain_for = config.tasks_retain_for;
    tasks.retain_runs = config.tasks_retain_runs.get();
    tasks.retain_tasks = u32::try_from(config.tasks_retain_count).unwrap_or(u32::MAX);
    spec.settings.context.snapshot_every = config.context_snapshot_every.0;
    spec.settings.locks.lease = config.locks_lease;
    spec.settings.locks.delay = config.locks_delay;
    spec.node = config.node_name.clone();
    spec.pace = ShardPace {
        snapshot_every: u64::from(config.journal_snapshot_every_records.get()),
        snapshot_bytes: config.journal_snapshot_every_bytes.0,
        records_kept: config.journal_keep_records,
        bytes_kept: config.journal_keep_bytes.0,
        ..ShardPace::default()
    };
    spec.tolerance = Tolerance {
        restarts: u32::try_from(config.supervision_intensity).unwrap_or(u32::MAX),
        period: config.supervision_period,
    };
    spec.drain_within = config.shutdown_drain_within;
    spec.seed = clock.now().wall.as_ms();
    spec.clock = clock;
    Ok(spec)
}

/// What a data directory must not be asked twice.
pub(super) fn refused(message: String) -> Error {
    Error::new(ErrorKind::Invalid, message)
}
