//! A monitor beside a node that runs, and one that comes when the journal's beginning is gone.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture};
use orkestra_agents::{DynAgent, kinds::function::FunctionAgent};
use orkestra_runtime::{
    Result,
    fabric::{AppendError, Entry, Fabric, Follow, LogName, Logs, Sequence, embedded::Embedded},
    id::{AgentId, RunId, ShardId},
    journal::Journal,
    protocol::{payload::Json, task::TaskSpec},
    supervise::{SupervisionLog, log::Record},
    time::{Clock, SystemClock},
};
use tokio::task::JoinSet;

use crate::{
    health::{
        Appended, Fact, Health, IncidentKind, MILESTONES, Monitor, Observer, SystemHealth,
        WatchedLogs,
    },
    shard::actor::Settings as Pace,
    system::{Member, System, SystemSpec},
    task::TaskSettings,
};

/// Remembers what it is told.
#[derive(Default)]
struct Ears {
    judged: Mutex<Vec<Health>>,
    facts: Mutex<Vec<Fact>>,
    appended: Mutex<Vec<Appended>>,
}

impl Observer for Ears {
    fn fact(&self, fact: &Fact) {
        self.facts.lock().unwrap().push(fact.clone());
    }
    fn record(&self, _: &Record) {}
    fn judged(&self, system: &SystemHealth) {
        self.judged.lock().unwrap().push(system.health);
    }
    fn appended(&self, appended: &Appended) {
        self.appended.lock().unwrap().push(appended.clone());
    }
}

/// A node over a fabric that forgets its journal early, with one agent that does nothing.
async fn node(fabric: &Arc<Embedded>) -> System {
    let folder = std::env::temp_dir();
    let mut spec = SystemSpec::new(Arc::clone(fabric) as Arc<dyn Fabric>, folder).unwrap();
    spec.monitored = true;
    spec.pace = Pace { snapshot_every: 5, records_kept: 2, ..Pace::default() };
    let agent: Arc<dyn DynAgent> =
        Arc::new(FunctionAgent::new(|_, _| std::future::ready(Ok(Json::null()))));
    let factory = Arc::new(move || Arc::clone(&agent));
    spec.members.push(Member::new(AgentId::new("ann").unwrap(), "function", 1, factory));
    System::start(spec).await.unwrap()
}

/// A chain of tasks, so that each has a record of its own.
async fn run(system: &System, name: &str, tasks: usize) {
    let chain = (0..tasks).map(|n| {
        let task = TaskSpec::named(format!("t{n}")).unwrap();
        if n == 0 { task } else { task.needs([format!("t{}", n - 1)]).unwrap() }
    });
    let run = RunId::new(name).unwrap();
    system.tasks().begin(&run, chain.collect()).await.unwrap();
    system.tasks().wait(&run).await.unwrap();
}

#[tokio::test]
async fn who_comes_when_the_beginning_of_a_journal_was_trimmed_knows_what_its_snapshot_knows() {
    let fabric = Arc::new(Embedded::memory());
    let system = node(&fabric).await;
    run(&system, "first", 20).await;
    run(&system, "second", 20).await;
    let monitor = Arc::clone(system.monitor().unwrap());
    // Snapshots are taken, and the journal is trimmed, beside the run.
    let journal = Journal::of(fabric.as_ref(), ShardId(0)).unwrap();
    let trimmed = async {
        while journal.first().await.unwrap() <= Sequence(1) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let limit = Duration::from_secs(30);
    tokio::time::timeout(limit, trimmed).await.expect("nothing is trimmed: this test is blind");
    monitor.catch_up().await.unwrap();
    let whole = monitor.report(orkestra_runtime::time::Wall::from_ms(0));
    // Twice is as good as once.
    monitor.catch_up().await.unwrap();
    assert_eq!(monitor.report(orkestra_runtime::time::Wall::from_ms(0)), whole);
    system.stop().await.unwrap();

    let ears = Arc::new(Ears::default());
    let late = Monitor::new(Some(Arc::clone(&ears) as Arc<dyn Observer>));
    late.attach(journal, &SupervisionLog::unkept()).await.unwrap();
    late.catch_up().await.unwrap();
    assert!(ears.facts.lock().unwrap().is_empty(), "what was before is no news");
    for name in ["first", "second"] {
        let run = RunId::new(name).unwrap();
        let (reached, known) = (monitor.milestones(&run), late.milestones(&run));
        let percents: Vec<u8> = known.iter().map(|one| one.percent).collect();
        assert_eq!(percents, MILESTONES);
        assert_eq!(known, reached, "each was reached at its own time");
    }
    let known = late.report(orkestra_runtime::time::Wall::from_ms(0));
    assert_eq!(known.runs, whole.runs);
    assert_eq!((known.agents[0].completed, known.agents[0].failed), (40, 0));
}

#[tokio::test]
async fn what_stands_in_a_journal_when_a_node_begins_is_known_and_no_news() {
    let fabric = Arc::new(Embedded::memory());
    let first = node(&fabric).await;
    run(&first, "first", 3).await;
    first.stop().await.unwrap();

    let journal = Journal::of(fabric.as_ref(), ShardId(0)).unwrap();
    let ears = Arc::new(Ears::default());
    let monitor = Monitor::new(Some(Arc::clone(&ears) as Arc<dyn Observer>));
    monitor.attach(journal, &SupervisionLog::unkept()).await.unwrap();
    let second = node(&fabric).await;
    run(&second, "second", 2).await;
    monitor.catch_up().await.unwrap();
    let facts = ears.facts.lock().unwrap().clone();
    let ended = facts.iter().filter(|fact| matches!(fact, Fact::TaskEnded { .. })).count();
    assert_eq!(ended, 2);
    assert_eq!(monitor.milestones(&RunId::new("first").unwrap()).len(), MILESTONES.len());
    second.stop().await.unwrap();
}

/// A log whose next appends have their fates.
#[derive(Debug)]
struct Fated(Mutex<VecDeque<Result<Sequence, AppendError>>>);

impl Logs for Fated {
    fn append(
        &self,
        _: &LogName,
        _: Sequence,
        _: Bytes,
    ) -> BoxFuture<'static, Result<Sequence, AppendError>> {
        std::future::ready(self.0.lock().unwrap().pop_front().unwrap()).boxed()
    }
    fn end(&self, _: &LogName) -> BoxFuture<'static, Result<Sequence>> {
        std::future::ready(Ok(Sequence(0))).boxed()
    }
    fn read(&self, _: &LogName, _: Sequence, _: usize) -> BoxFuture<'static, Result<Vec<Entry>>> {
        std::future::ready(Ok(Vec::new())).boxed()
    }
    fn follow(&self, _: &LogName, _: Sequence) -> Follow {
        Box::pin(futures::stream::pending())
    }
    fn trim(&self, _: &LogName, _: Sequence) -> BoxFuture<'static, Result<()>> {
        std::future::ready(Ok(())).boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn a_journal_without_room_is_seen_by_its_appends_until_one_finds_room() {
    let outcomes = [
        Ok(Sequence(1)),
        Err(AppendError::Full),
        Err(AppendError::Unknown("?".to_owned())),
        Err(AppendError::Full),
        Ok(Sequence(2)),
    ];
    let ears = Arc::new(Ears::default());
    let monitor = Monitor::new(Some(Arc::clone(&ears) as Arc<dyn Observer>));
    let (inner, clock) =
        (Arc::new(Fated(Mutex::new(outcomes.into()))), SystemClock::following_tokio());
    let logs = WatchedLogs::over(inner, Arc::clone(&monitor), clock);
    let name = LogName::new("shard-0").unwrap();
    let mut seen = Vec::new();
    for _ in 0..5 {
        let record = Bytes::from_static(b"0123456789");
        let _ = logs.append(&name, Sequence(0), record).await;
        seen.push(monitor.journal_is_full());
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert_eq!(seen, [false, true, true, true, false]);
    let appended = ears.appended.lock().unwrap().clone();
    assert_eq!(appended.iter().filter(|one| one.error.is_none()).count(), 2);
    assert!(appended.iter().all(|one| one.bytes == 10));
    let over: Vec<_> = ears
        .facts
        .lock()
        .unwrap()
        .iter()
        .filter_map(|fact| match fact {
            Fact::Over(incident) => Some((incident.kind, incident.time_to_recovery)),
            _ => None,
        })
        .collect();
    assert_eq!(over, [(IncidentKind::JournalFull, Some(3_000))]);
}

#[tokio::test(start_paused = true)]
async fn a142_the_health_of_the_team_is_judged_from_time_to_time_though_nobody_asks() {
    let ears = Arc::new(Ears::default());
    let monitor = Monitor::new(Some(Arc::clone(&ears) as Arc<dyn Observer>));
    let (fabric, log) = (Arc::new(Embedded::memory()), SupervisionLog::unkept());
    let journal = Journal::of(fabric.as_ref(), ShardId(0)).unwrap();
    monitor.attach(journal, &log).await.unwrap();
    let every = TaskSettings::default().health_sweep;
    assert_eq!(every, Duration::from_mins(5));
    let judge = (every, SystemClock::following_tokio() as Arc<dyn Clock>);
    let mut followers = JoinSet::new();
    followers.spawn(Arc::clone(&monitor).follow(log.clone(), judge));

    let judged = || ears.judged.lock().unwrap().clone();
    tokio::time::sleep(Duration::from_millis(5 * 60 * 1_000 - 1)).await;
    assert_eq!(judged(), []);
    tokio::time::sleep(Duration::from_millis(2)).await;
    // There is nobody.
    assert_eq!(judged(), [Health::Critical]);

    // Somebody comes, and nothing else happens.
    let system = node(&fabric).await;
    tokio::time::sleep(every).await;
    assert_eq!(judged(), [Health::Critical, Health::Healthy]);
    tokio::time::sleep(every * 3).await;
    assert_eq!(judged().len(), 5);
    system.stop().await.unwrap();
}
