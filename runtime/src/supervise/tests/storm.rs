//! Ten thousand children crash at once, and the supervisor still answers.

use std::{sync::Arc, time::Duration};

use super::stage::{Do, Habits, MINUTE, Stage, supervisor};
use crate::time::{Clock, SystemClock};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_ten_thousand_crashes_leaves_room_for_questions() {
    const MANY: usize = 10_000;
    let clock = SystemClock::start();
    let mut stage = Stage::on(Arc::clone(&clock) as Arc<dyn Clock>);
    let ids: Vec<String> = (0..MANY).map(|n| format!("c{n}")).collect();
    let mut spec = supervisor("node").intensity(u32::MAX, Duration::from_secs(5));
    for id in &ids {
        spec = spec.child(stage.player_who(id, Habits::default()));
    }
    let node = stage.start(spec).await;
    stage.says(MANY).await;
    for id in &ids {
        stage.tell(id, Do::Fail("boom"));
    }
    let mut slowest = Duration::ZERO;
    let mut asked = 0;
    loop {
        let began = clock.now().moment;
        let counts = node.count_children().await.unwrap();
        slowest = slowest.max(clock.now().moment.since(began));
        asked += 1;
        assert_eq!(counts.specs, MANY);
        if stage.said().len() + counts.active >= MANY && counts.active == MANY && asked > 1 {
            break;
        }
    }
    // Far from the aim of 100 ms, since machines that test are slow and shared.
    assert!(slowest < Duration::from_secs(2), "an answer took {slowest:?}");
    node.stop(MINUTE).await.unwrap();
}
