//! Locks across restarts: what those who took turns saw, and what the journal says.

use std::{path::Path, sync::Arc, time::Duration};

use orkestra_coordinator::{
    lock::LockSettings,
    system::{System, SystemSpec},
};
use orkestra_runtime::{
    fabric::{Fabric, embedded::Embedded},
    id::{LockKey, ShardId},
    time::{Clock, SystemClock},
};
use orkestra_tests::locks::{
    crowd::Crowd,
    history::{Done, Recorder, judge},
    table::Table,
};

const LEASE: Duration = Duration::from_millis(300);

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
