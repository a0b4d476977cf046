//! The rows of the OTP table that need real actors.

use std::time::Duration;

use super::stage::{Do, Habits, MINUTE, Stage, supervisor};
use crate::{
    error::ErrorKind,
    supervise::{ChildState, Counts, Shutdown, Strategy, SupervisorSpec},
    time::SystemClock,
};

#[tokio::test(start_paused = true)]
async fn row_35_a_slow_child_is_killed_at_its_limit_and_only_then_the_next_is_stopped() {
    let mut stage = Stage::paused();
    let slow = stage.slow("s", 3_000).shutdown(Shutdown::Within(Duration::from_millis(500)));
    let spec = supervisor("node").child(stage.player("a")).child(slow).child(stage.player("c"));
    let node = stage.start(spec).await;
    assert_eq!(stage.said(), ["a up", "s up", "c up"]);
    let began = stage.env.clock.now().moment;
    node.stop(MINUTE).await.unwrap();
    assert_eq!(stage.said(), ["c down", "a down"]);
    assert_eq!(stage.env.clock.now().moment.since(began).as_millis() / 10 * 10, 500);
}

#[tokio::test(start_paused = true)]
async fn row_36_a_brutally_killed_child_gets_no_chance() {
    let mut stage = Stage::paused();
    let brutal = stage.player("s").shutdown(Shutdown::Brutal);
    let spec = supervisor("node").child(stage.player("a")).child(brutal).child(stage.player("c"));
    let node = stage.start(spec).await;
    stage.said();
    node.stop(MINUTE).await.unwrap();
    assert_eq!(stage.said(), ["c down", "a down"]);
}

#[tokio::test(start_paused = true)]
async fn row_37_an_infinite_limit_waits() {
    let mut stage = Stage::paused();
    let slow = stage.slow("s", 40_000).shutdown(Shutdown::Infinite);
    let node = stage.start(supervisor("node").child(slow)).await;
    node.stop(MINUTE).await.unwrap();
    assert_eq!(stage.said(), ["s up", "s down"]);
}

#[tokio::test(start_paused = true)]
async fn row_44_a_supervisor_that_gives_up_is_restarted_with_its_static_children_only() {
    let mut stage = Stage::paused();
    let below = SupervisorSpec::new("below")
        .intensity(0, Duration::from_secs(5))
        .child(stage.player("a"))
        .child(stage.player("b"));
    let node = stage.start(supervisor("node").supervisor(below)).await;
    let tree = node.tree().await.unwrap();
    assert_eq!(tree.children[0].children.len(), 2);
    let handle = node.views().await.unwrap().remove(0).1.unwrap();
    handle.start_child(stage.player("later")).await.unwrap();
    assert_eq!(stage.said(), ["a up", "b up", "later up"]);
    stage.tell("a", Do::Fail("boom"));
    assert_eq!(stage.says(4).await, ["later down", "b down", "a up", "b up"]);
    let tree = node.tree().await.unwrap();
    let below = &tree.children[0];
    assert_eq!((below.restarts, below.children.len()), (1, 2));
    assert_eq!(below.children[1].path, "node/below/b");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn row_45_a_child_that_does_not_die_does_not_hang_the_supervisor() {
    let mut stage = Stage::on(SystemClock::start());
    let brutal = stage.player("b").shutdown(Shutdown::Brutal);
    let node = stage.start(supervisor("node").child(stage.player("a")).child(brutal)).await;
    assert_eq!(stage.says(2).await, ["a up", "b up"]);
    let (open, gate) = std::sync::mpsc::channel();
    stage.tell("b", Do::Block(gate));
    assert_eq!(stage.says(1).await, ["b blocks"]);
    let terminating = node.terminate_child("b");
    let terminating = {
        let mut terminating = Box::pin(terminating);
        assert!(futures::poll!(&mut terminating).is_pending());
        terminating
    };
    assert_eq!(node.which_children().await.unwrap()[1].state, ChildState::Stopping);
    stage.tell("a", Do::Fail("boom"));
    assert_eq!(stage.says(1).await, ["a up"], "the others are looked after meanwhile");
    let refused = node.restart_child("b").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    drop(open);
    terminating.await.unwrap();
    assert_eq!(node.which_children().await.unwrap()[1].state, ChildState::Stopped);
    node.stop(MINUTE).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn row_46_instances_of_a_template_are_stopped_together() {
    let stage = Stage::paused();
    let template = stage.slow("template", 4_000);
    let pool = stage.start(SupervisorSpec::dynamic("pool", template, 10)).await;
    for n in 0..10 {
        pool.start_instance(format!("i{n}")).await.unwrap();
    }
    let full = pool.start_instance("one-more").await.unwrap_err();
    assert_eq!(full.kind(), ErrorKind::Full);
    let began = stage.env.clock.now().moment;
    pool.stop(MINUTE).await.unwrap();
    assert_eq!(stage.env.clock.now().moment.since(began).as_secs(), 4);
}

#[tokio::test(start_paused = true)]
async fn row_47_two_thousand_instances_and_a_restart_that_hangs_leave_room_for_questions() {
    let stage = Stage::paused();
    let pool = SupervisorSpec::dynamic("pool", stage.player("template"), 2_000);
    let pool = stage.start(pool).await;
    for n in 0..2_000 {
        pool.start_instance(format!("i{n}")).await.unwrap();
    }
    let expected = Counts { specs: 1, active: 2_000, workers: 2_000, ..Counts::default() };
    assert_eq!(pool.count_children().await.unwrap(), expected);
    pool.stop(MINUTE).await.unwrap();

    let mut stage = Stage::paused();
    let lingering = stage.player_who("l", Habits { lingers: &[2], ..Habits::default() });
    let spec = supervisor("node").strategy(Strategy::OneForAll);
    let node = stage.start(spec.child(stage.player("a")).child(lingering)).await;
    stage.said();
    stage.tell("a", Do::Fail("boom"));
    assert_eq!(stage.says(2).await, ["l down", "a up"]);
    let states: Vec<_> =
        node.which_children().await.unwrap().into_iter().map(|view| view.state).collect();
    assert_eq!(states, [ChildState::Running, ChildState::Starting]);
    node.terminate_child("l").await.unwrap();
    node.delete_child("l").await.unwrap();
    assert_eq!(node.count_children().await.unwrap().specs, 1);
}
