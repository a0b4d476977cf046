//! Ractor's traps, each shown handled.

use std::time::Duration;

use ractor::ActorStatus;

use super::stage::{Do, Habits, MINUTE, Stage, supervisor};
use crate::{
    error::ErrorKind,
    restart::{Exit, Restart},
    supervise::{
        ChildSpec, ChildState, QUESTIONS_WAITING_MAX, Started, Strategy, Supervisor, SupervisorSpec,
    },
    time::SystemClock,
};

/// A house with two floors, to see orders across supervisors.
fn house(stage: &Stage) -> SupervisorSpec {
    supervisor("node")
        .child(stage.player("a"))
        .supervisor(supervisor("floor").child(stage.player("b")).child(stage.player("c")))
        .child(stage.player("d"))
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_stops_runs_the_post_stop_of_all_below_in_reverse_order() {
    let mut stage = Stage::paused();
    let node = stage.start(house(&stage)).await;
    assert_eq!(stage.said(), ["a up", "b up", "c up", "d up"]);
    node.stop(MINUTE).await.unwrap();
    assert_eq!(stage.said(), ["d down", "c down", "b down", "a down"]);
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_is_stopped_by_ractors_means_does_so_too() {
    let mut stage = Stage::paused();
    let node = stage.start(house(&stage)).await;
    stage.said();
    node.cell().stop(None);
    node.ended().await;
    assert_eq!(stage.said(), ["d down", "c down", "b down", "a down"]);

    let node = stage.start(house(&stage)).await;
    stage.said();
    node.cell().drain().unwrap();
    stage.tell("a", Do::Fail("while nobody listens"));
    node.ended().await;
    assert_eq!(stage.said(), ["d down", "c down", "b down"]);
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_stopped_by_ractors_means_keeps_its_childrens_limits() {
    let mut stage = Stage::paused();
    let lingering = stage.player_who("l", Habits { lingers: &[2], ..Habits::default() });
    let spec =
        supervisor("node").child(stage.player("a")).child(stage.slow("s", 9_000)).child(lingering);
    let node = stage.start(spec).await;
    stage.tell("l", Do::Fail("boom"));
    stage.said();
    while node.which_children().await.unwrap()[2].state != ChildState::Starting {}
    let began = stage.env.clock.now().moment;
    node.cell().stop(None);
    node.ended().await;
    assert_eq!(stage.said(), ["a down"], "the slow one was killed");
    assert_eq!(stage.env.clock.now().moment.since(began).as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_failed_pre_start_is_a_failed_start() {
    let stage = Stage::paused();
    let failing = stage.player_who("b", Habits { fails: &[1], ..Habits::default() });
    let spec = supervisor("node").child(stage.player("a")).child(failing);
    let error = Supervisor::start(&spec, stage.env.clone()).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot start the supervisor node: b did not start: no");
    assert_eq!(stage.actor("a").get_status(), ActorStatus::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_failed_pre_start_of_a_restart_is_tried_again() {
    let mut stage = Stage::paused();
    let failing = stage.player_who("a", Habits { fails: &[2, 3], ..Habits::default() });
    let node = stage.start(supervisor("node").child(failing)).await;
    stage.tell("a", Do::Fail("boom"));
    assert_eq!(stage.says(2).await, ["a up", "a up"]);
    while node.which_children().await.unwrap()[0].state != ChildState::Running {}
    let view = node.which_children().await.unwrap().remove(0);
    assert_eq!((view.restarts, view.last_exit), (3, Some(Exit::failed("no"))));
}

#[tokio::test(start_paused = true)]
async fn a_start_that_panics_or_errs_is_a_failed_start() {
    let stage = Stage::paused();
    let node = stage.start(supervisor("node")).await;
    let panics = ChildSpec::worker("p", |_| async { panic!("boom") });
    let told = node.start_child(panics).await.unwrap_err().to_string();
    assert_eq!(told, "cannot start node/p: its start failed: boom");
    let errs = ChildSpec::worker("e", |_| async { Err("no key".into()) });
    let told = node.start_child(errs).await.unwrap_err().to_string();
    assert_eq!(told, "cannot start node/e: its start failed: no key");
    assert_eq!(node.count_children().await.unwrap().specs, 0);
}

#[tokio::test(start_paused = true)]
async fn a_kill_is_told_from_peace_wherever_it_strikes() {
    let mut stage = Stage::paused();
    let child = stage.slow("a", 1_000).restart(Restart::Transient);
    let node = stage.start(supervisor("node").child(child)).await;
    stage.says(1).await;
    let last_exit = async || node.which_children().await.unwrap()[0].last_exit.clone();
    // While it waits for mail.
    stage.actor("a").kill();
    assert_eq!(stage.says(1).await, ["a up"]);
    assert_eq!(last_exit().await, Some(Exit::Killed));
    // While it works.
    while node.which_children().await.unwrap()[0].state != ChildState::Running {}
    stage.tell("a", Do::Hang);
    tokio::task::yield_now().await;
    stage.actor("a").kill();
    assert_eq!(stage.says(1).await, ["a up"]);
    assert_eq!(last_exit().await, Some(Exit::Killed));
    // While it stops, which is where ractor tells of it without a state.
    while node.which_children().await.unwrap()[0].state != ChildState::Running {}
    stage.actor("a").stop(None);
    tokio::time::sleep(Duration::from_millis(500)).await;
    stage.actor("a").kill();
    assert_eq!(stage.says(1).await, ["a up"]);
    assert_eq!(last_exit().await, Some(Exit::Killed));
}

#[tokio::test(start_paused = true)]
async fn a_panic_and_an_error_of_a_child_are_failures_with_their_reason() {
    let mut stage = Stage::paused();
    let node = stage.start(supervisor("node").child(stage.player("a"))).await;
    stage.says(1).await;
    for (what, reason) in [(Do::Fail("boom"), "boom"), (Do::Panic("bang"), "bang")] {
        while node.which_children().await.unwrap()[0].state != ChildState::Running {}
        stage.tell("a", what);
        assert_eq!(stage.says(1).await, ["a up"]);
        let exit = node.which_children().await.unwrap()[0].last_exit.clone();
        assert!(exit.as_ref().is_some_and(|exit| exit.to_string().contains(reason)), "{exit:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peaceful_end_takes_nobody_down() {
    let mut stage = Stage::paused();
    let spec = supervisor("node")
        .child(stage.player("a").restart(Restart::Transient))
        .child(stage.player("t").restart(Restart::Temporary))
        .child(stage.player("b"));
    let node = stage.start(spec).await;
    stage.said();
    stage.tell("a", Do::Stop(None));
    stage.tell("t", Do::Stop(Some("shutdown: idle")));
    stage.says(2).await;
    while node.count_children().await.unwrap().active > 1 {}
    let states: Vec<_> = node.which_children().await.unwrap();
    let told: Vec<_> = states.iter().map(|view| (view.id.as_str(), view.state)).collect();
    assert_eq!(told, [("a", ChildState::Stopped), ("b", ChildState::Running)]);
    assert_eq!(states[0].last_exit, Some(Exit::Normal));
    stage.tell("b", Do::Say("lives"));
    assert_eq!(stage.says(1).await, ["b lives"]);
}

#[tokio::test(start_paused = true)]
async fn stop_drops_queued_mail_and_drain_does_not() {
    let mut stage = Stage::paused();
    let spec = supervisor("node")
        .child(stage.player("stops"))
        .child(stage.player("drains").drain_within(Duration::from_secs(1)));
    let node = stage.start(spec).await;
    stage.said();
    for id in ["drains", "stops"] {
        let closing = node.terminate_child(id);
        let mut closing = Box::pin(closing);
        assert!(futures::poll!(&mut closing).is_pending());
        // In the mailbox of the supervisor the question comes first, and here this task is alone.
        for word in ["one", "two"] {
            stage.tell(id, Do::Say(word));
        }
        closing.await.unwrap();
    }
    assert_eq!(stage.said(), ["drains one", "drains two", "drains down", "stops down"]);
}

#[tokio::test(start_paused = true)]
async fn questions_beyond_the_bound_are_refused_as_full() {
    let stage = Stage::paused();
    let node = stage.start(supervisor("node").child(stage.player("a"))).await;
    let mut waiting: Vec<_> =
        (0..QUESTIONS_WAITING_MAX).map(|_| Box::pin(node.count_children())).collect();
    for question in &mut waiting {
        assert!(futures::poll!(question).is_pending());
    }
    assert_eq!(node.count_children().await.unwrap_err().kind(), ErrorKind::Full);
    for question in waiting {
        assert_eq!(question.await.unwrap().specs, 1);
    }
    assert_eq!(node.count_children().await.unwrap().specs, 1, "there is room again");
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_was_not_linked_is_supervised_all_the_same() {
    let mut stage = Stage::paused();
    let other = stage.start(supervisor("other").child(stage.player("x"))).await;
    assert_eq!(stage.says(1).await, ["x up"]);
    let x = stage.actor("x").get_cell();
    x.unlink(other.cell());
    let adopted = ChildSpec::worker("x", move |_| {
        let x = x.clone();
        async move { Ok(Started::from(x)) }
    });
    let node = stage.start(supervisor("node").child(adopted.attempts_max(2))).await;
    stage.tell("x", Do::Fail("boom"));
    while node.count_children().await.unwrap().parked == 0 {}
    let view = node.which_children().await.unwrap().remove(0);
    let dead = "it had ended before it was handed over";
    assert_eq!((view.restarts, view.last_exit), (1, Some(Exit::failed(dead))));
}

#[tokio::test(start_paused = true)]
async fn what_a_start_leaves_behind_is_not_left_alive() {
    let mut stage = Stage::paused();
    let inner = stage.player("left");
    let leaves = ChildSpec::worker("leaves", move |starting| {
        let start = std::sync::Arc::clone(&inner.start);
        async move {
            start(crate::supervise::Starting { id: "left".into(), ..starting }).await?;
            Err("and then no".into())
        }
    });
    let node = stage.start(supervisor("node")).await;
    assert!(node.start_child(leaves).await.is_err());
    assert_eq!(stage.says(1).await, ["left up"]);
    stage.actor("left").wait(None).await.unwrap();
    assert_eq!(node.cell().get_status(), ActorStatus::Running);
}

#[tokio::test(start_paused = true)]
async fn the_start_of_a_supervisor_that_is_let_go_of_ends_in_order() {
    let mut stage = Stage::paused();
    let lingering = stage.player_who("l", Habits { lingers: &[1], ..Habits::default() });
    let below = supervisor("below").child(stage.player("b")).child(lingering);
    let node = stage.start(supervisor("node").strategy(Strategy::RestForOne)).await;
    let spec = ChildSpec::supervisor(below).start_within(Duration::from_secs(1));
    let told = node.start_child(spec).await.unwrap_err().to_string();
    assert!(told.contains("not started within 1s"), "{told}");
    assert_eq!(stage.said(), ["b up", "b down"], "stopped, and not killed");
    assert_eq!(node.count_children().await.unwrap().specs, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn below_a_supervisor_that_was_killed_no_two_lives_overlap() {
    let mut stage = Stage::on(SystemClock::start());
    let below = supervisor("below").child(stage.player("b"));
    let node = stage.start(supervisor("node").supervisor(below)).await;
    assert_eq!(stage.says(1).await, ["b up"]);
    let (open, gate) = std::sync::mpsc::channel();
    stage.tell("b", Do::Block(gate));
    assert_eq!(stage.says(1).await, ["b blocks"]);
    let below = node.views().await.unwrap().remove(0).1.unwrap();
    below.cell().kill();
    below.ended().await;
    // The old life holds its thread; a new one would say so at once.
    let early = tokio::time::timeout(Duration::from_millis(200), stage.says(1)).await;
    assert!(early.is_err(), "{early:?}");
    drop(open);
    assert_eq!(stage.says(2).await, ["b goes on", "b up"]);
    node.stop(MINUTE).await.unwrap();
}
