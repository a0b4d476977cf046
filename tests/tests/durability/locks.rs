//! Locks across restarts: what those who took turns saw, and what the journal says.

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use orkestra_coordinator::{
    client::locks::{LockError, SessionSpec},
    lock::{LockAnswer, LockQuery, LockReason, LockSettings, Mode, Patience, Want},
    system::{System, SystemSpec},
};
use orkestra_runtime::{
    fabric::{Fabric, embedded::Embedded},
    id::{LockKey, SessionId, ShardId},
    time::{Clock, SystemClock},
};
use orkestra_tests::locks::{
    crowd::Crowd,
    history::{Done, Recorder, judge},
    table::Table,
};
use tokio::task::JoinSet;

const LEASE: Duration = Duration::from_millis(300);

const AGAIN: Duration = Duration::from_millis(20);
/// Longer than ten thousand turns take.
const LONG: Duration = Duration::from_mins(2);

fn named(name: &str) -> SessionSpec {
    let (name, by) = (SessionId::new(name).unwrap(), "a test".to_owned());
    SessionSpec { name, lease: Some(Duration::from_mins(10)), by }
}

async fn system(fabric: &Arc<dyn Fabric>, folder: &Path) -> System {
    let mut spec = SystemSpec::new(Arc::clone(fabric), folder.to_owned()).unwrap();
    spec.settings.locks = LockSettings { delay: Duration::from_millis(100), ..Default::default() };
    // The journal is read from its beginning in the end.
    spec.pace.snapshot_every = u64::MAX;
    System::start(spec).await.unwrap()
}

fn crowd(life: u64) -> Crowd {
    Crowd {
        name: format!("life-{life}"),
        clients: 8,
        keys: ["file", "door"].map(|key| LockKey::new(key).unwrap()).to_vec(),
        lease: LEASE,
        holds_ms: 2,
        turns: 40,
        seed: life,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a106_who_takes_turns_at_a_lock_sees_one_order_also_across_a_restart_in_the_middle() {
    let home = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = SystemClock::start();
    let recorder = Arc::new(Recorder::default());
    for life in 1..=3 {
        let fabric: Arc<dyn Fabric> = Arc::new(Embedded::open(home.path()).unwrap());
        let system = system(&fabric, home.path()).await;
        let working = crowd(life).begin(&system.locks(), &recorder, &clock);
        if life < 3 {
            // While they are at it: some hold, some wait, some are being answered.
            let before = recorder.calls().len();
            while recorder.calls().len() < before + 150 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            system.stop().await.unwrap();
            working.end().await;
        } else {
            working.ended().await;
            system.stop().await.unwrap();
        }
        fabric.close().await;
    }
    let fabric = Embedded::open(home.path()).unwrap();
    let table = Table::read(&fabric, ShardId(0)).await.unwrap();
    let (calls, spans) = (recorder.calls(), recorder.spans());
    assert_eq!(judge(&calls, &spans, &table), Vec::<String>::new());
    let count = |is: fn(&Done) -> bool| calls.iter().filter(|call| is(&call.done)).count();
    assert!(count(|done| matches!(done, Done::Acquired(_))) > 200, "{}", calls.len());
    assert!(count(|done| matches!(done, Done::Written(_))) > 200);
    assert!(table.keys().any(|key| table.taken(key).next().is_some()), "nobody lost a lock");
    fabric.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_wait_for_one_lock_and_all_have_it_in_the_order_of_asking() {
    const WAITERS: usize = 10_000;
    let home = tempfile::tempdir().unwrap();
    let fabric: Arc<dyn Fabric> = Arc::new(Embedded::memory());
    let system = system(&fabric, home.path()).await;
    let locks = system.locks();
    let key = LockKey::new("file").unwrap();
    let wants = || vec![Want { key: key.clone(), mode: Mode::Exclusive }];
    let first = locks.open(named("first")).await.unwrap();
    let held = first.acquire(wants(), Patience::Try).await.unwrap();
    let mut waiting = JoinSet::new();
    for at in 0..WAITERS {
        let (locks, wants) = (locks.clone(), wants());
        waiting.spawn(async move {
            let session = loop {
                // There are too many at once, and it says so.
                match locks.open(named(&format!("s{at}"))).await {
                    Ok(session) => break session,
                    Err(_) => tokio::time::sleep(AGAIN).await,
                }
            };
            let guard = loop {
                match session.acquire(wants.clone(), Patience::Endless).await {
                    Ok(guard) => break guard,
                    Err(LockError::Failed(error)) if error.is_retryable() => {
                        tokio::time::sleep(AGAIN).await;
                    }
                    Err(error) => panic!("{error}"),
                }
            };
            let token = guard.token().unwrap();
            guard.release(LockReason::Complete).await.unwrap();
            token
        });
    }
    let all_wait = async {
        while let LockAnswer::Gauges(gauges) = locks.query(LockQuery::Gauges).await.unwrap() {
            if gauges.waiting == WAITERS as u64 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, all_wait).await.unwrap();
    held.release(LockReason::Complete).await.unwrap();
    let tokens = tokio::time::timeout(LONG, waiting.join_all()).await.unwrap();
    assert_eq!(tokens.into_iter().collect::<BTreeSet<_>>().len(), WAITERS);
    let table = Table::read(fabric.as_ref(), ShardId(0)).await.unwrap();
    // Among what it looks for: that nobody is served before the first who waits.
    assert_eq!(table.findings, Vec::<String>::new());
    assert_eq!(table.grants, WAITERS as u64 + 1);
    system.stop().await.unwrap();
}
