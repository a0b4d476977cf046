//! What we add to OTP, on real actors.

use std::time::Duration;

use super::stage::{Do, Stage, supervisor};
use crate::{
    backoff::Backoff,
    error::ErrorKind,
    restart::Exit,
    supervise::{ChildSpec, ChildState, Heart, Shutdown, Started, SupervisorSpec},
};

#[tokio::test(start_paused = true)]
async fn a_child_with_backoff_is_shown_backing_off_and_comes_back() {
    let mut stage = Stage::paused();
    let backoff = Backoff { jitter: false, base: Duration::from_secs(2), ..Backoff::default() };
    let node = stage.start(supervisor("node").child(stage.player("a").backoff(backoff))).await;
    stage.said();
    let failed = stage.env.clock.now();
    stage.tell("a", Do::Fail("boom"));
    while node.count_children().await.unwrap().backing_off == 0 {}
    let shown = node.which_children().await.unwrap()[0].state;
    assert_eq!(shown, ChildState::BackingOff(failed.wall + Duration::from_secs(2)));
    assert_eq!(stage.says(1).await, ["a up"]);
    assert_eq!(stage.env.clock.now().moment.since(failed.moment).as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_parked_child_can_be_restarted() {
    let mut stage = Stage::paused();
    let node = stage.start(supervisor("node").child(stage.player("a").attempts_max(1))).await;
    stage.said();
    stage.tell("a", Do::Fail("boom"));
    while node.count_children().await.unwrap().parked == 0 {}
    assert!(node.restart_child("a").await.unwrap().is_some());
    assert_eq!(stage.says(1).await, ["a up"]);
}

#[tokio::test(start_paused = true)]
async fn a_child_whose_heart_is_silent_is_killed_and_restarted() {
    let mut stage = Stage::paused();
    let (hearts, mut seen) = tokio::sync::mpsc::unbounded_channel::<Heart>();
    let inner = stage.player("a");
    let child = ChildSpec::worker("a", move |starting| {
        let _ = hearts.send(starting.heart.clone());
        (inner.start)(starting)
    });
    let child = child.heartbeat_within(Duration::from_secs(3));
    let node = stage.start(supervisor("node").child(child)).await;
    stage.said();
    let heart = seen.recv().await.unwrap();
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_secs(2)).await;
        heart.beat();
    }
    assert_eq!(node.which_children().await.unwrap()[0].restarts, 0);
    let last = stage.env.clock.now().moment;
    assert_eq!(stage.says(1).await, ["a up"]);
    assert_eq!(stage.env.clock.now().moment.since(last).as_secs(), 3);
    assert_eq!(node.which_children().await.unwrap()[0].last_exit, Some(Exit::Hung));
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_does_not_stop_in_time_is_killed_and_that_is_told() {
    let mut stage = Stage::paused();
    let endless = stage.slow("s", 9_000_000).shutdown(Shutdown::Infinite);
    let node = stage.start(supervisor("node").child(endless)).await;
    let error = node.stop(Duration::from_secs(7)).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot stop node within 7s: it was killed");
    assert_eq!(stage.said(), ["s up"]);
    let gone = node.count_children().await.unwrap_err();
    assert_eq!(
        (gone.kind(), gone.to_string()),
        (ErrorKind::Unavailable, "the supervisor node has ended".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn a_child_with_nothing_to_do_is_no_failure() {
    let stage = Stage::paused();
    let idle = ChildSpec::worker("idle", |_| async { Ok(Started::Ignored) });
    let node = stage.start(supervisor("node").child(idle)).await;
    assert_eq!(node.which_children().await.unwrap()[0].state, ChildState::Stopped);
    assert_eq!(node.restart_child("idle").await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_bad_spec_below_is_refused_before_anything_starts() {
    let mut stage = Stage::paused();
    let bad = SupervisorSpec::new("below").intensity(1, Duration::ZERO);
    let spec = supervisor("node").child(stage.player("a")).supervisor(bad);
    let error = crate::supervise::Supervisor::start(&spec, stage.env.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("a period of zero"), "{error}");
    assert!(stage.said().is_empty());
}
