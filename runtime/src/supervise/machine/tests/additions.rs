//! What we add to OTP: backoff, parking, heartbeat, start limit, drain.

use std::time::Duration;

use super::world::{Actor, Does, World, one_for_one, permanent, plan};
use crate::{
    backoff::Backoff,
    supervise::{
        event::{Admin, ChildState, End, Reply, What},
        rules::Strategy,
    },
    time::Wall,
};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// One second, doubling, up to four; forgiven after ten.
fn backoff() -> Backoff {
    Backoff { base: secs(1), factor: 2, max: secs(4), jitter: false, reset_after: secs(10) }
}

fn backing_off(id: &'static str) -> Actor {
    permanent(id).with(|rules| rules.backoff = Some(backoff()))
}

fn told(world: &World) -> Vec<(What, u32)> {
    world.notes.iter().map(|note| (note.what, note.attempt)).collect()
}

#[test]
fn a_child_with_backoff_waits_longer_with_each_failure_in_a_row() {
    let mut world = World::new(one_for_one(9), vec![backing_off("a")]).unwrap();
    for wait_s in [1, 2, 4, 4] {
        world.die("a", "boom");
        let until = Wall::from_ms(world.now_ms + wait_s * 1_000);
        assert_eq!(world.states()[0].1, ChildState::BackingOff(until));
        world.sleep(wait_s * 1_000 - 1);
        assert!(world.alive.is_empty());
        world.sleep(1);
        assert_eq!(world.states()[0].1, ChildState::Running);
    }
}

#[test]
fn health_forgives_earlier_failures() {
    let mut world = World::new(one_for_one(9), vec![backing_off("a")]).unwrap();
    world.die("a", "boom");
    world.sleep(1_000);
    world.die("a", "boom");
    world.sleep(2_000);
    world.sleep(10_000);
    world.die("a", "boom");
    assert_eq!(world.notes.last().unwrap().delay, Some(secs(1)));
}

#[test]
fn with_backoff_only_the_start_of_an_attempt_counts() {
    let actors = vec![backing_off("a"), backing_off("b"), permanent("c")];
    let mut world = World::new(one_for_one(1), actors).unwrap();
    world.die("a", "boom");
    world.die("b", "boom");
    assert_eq!(world.end, None, "two failures, and no attempt yet");
    world.sleep(1_000);
    assert_eq!(world.end, Some(End::GaveUp("b".into())), "two attempts at once");
    assert!(world.alive.is_empty());
}

#[test]
fn a_group_waits_with_everybody_down() {
    let actors = vec![permanent("a"), backing_off("b"), permanent("c")];
    let mut world = World::new(plan(Strategy::OneForAll, 3, 5), actors).unwrap();
    world.trace.clear();
    world.die("b", "boom");
    assert_eq!(world.trace, ["{dies,b,boom}", "{stopped,c,shutdown}", "{stopped,a,shutdown}"]);
    world.sleep(1_000);
    assert_eq!(world.trace[3..], ["{started,a,2}", "{started,b,2}", "{started,c,2}"]);
}

#[test]
fn a_child_that_failed_too_often_is_parked_and_takes_nobody_along() {
    let actor = permanent("a").with(|rules| rules.attempts_max = Some(3));
    let mut world = World::new(one_for_one(9), vec![actor, permanent("b")]).unwrap();
    for _ in 0..3 {
        assert_eq!(world.states()[0].1, ChildState::Running);
        world.die("a", "boom");
    }
    assert_eq!(world.states()[0].1, ChildState::Parked);
    assert_eq!(world.end, None);
    assert_eq!(told(&world).last(), Some(&(What::Parked, 3)));
    assert!(matches!(world.answer(Admin::Restart("a".into())), Reply::Started(_)));
    world.die("a", "boom");
    assert_eq!(world.states()[0].1, ChildState::Running, "it begins anew with counting");
}

#[test]
fn a_silent_child_is_killed_as_hung_and_restarted() {
    let actor = permanent("a").with(|rules| rules.heartbeat_within = Some(secs(3)));
    let mut world = World::new(one_for_one(3), vec![actor]).unwrap();
    world.heard.insert("a".into(), 2_000);
    world.sleep(4_999);
    assert_eq!(told(&world), [(What::Started, 1)]);
    world.sleep(1);
    assert_eq!(
        told(&world),
        [(What::Started, 1), (What::Hung, 1), (What::Stopped, 1), (What::Restarted, 2)]
    );
    assert_eq!(world.notes[1].took, Some(secs(3)), "silent since its last beat");
    assert_eq!(world.notes[3].why.as_deref(), Some("hung"));
}

#[test]
fn a_child_that_beats_is_left_alone() {
    let actor = permanent("a").with(|rules| rules.heartbeat_within = Some(secs(3)));
    let mut world = World::new(one_for_one(3), vec![actor]).unwrap();
    for second in 0..60 {
        world.heard.insert("a".into(), second * 1_000);
        world.sleep(1_000);
    }
    assert_eq!(told(&world), [(What::Started, 1)]);
}

#[test]
fn a_start_that_takes_too_long_counts_as_failed() {
    let lingering = |n| {
        permanent("a").on_start(n, Does::Linger).with(|rules| rules.start_within = Some(secs(2)))
    };
    let mut world = World::new(one_for_one(3), vec![lingering(1..2), permanent("b")]).unwrap();
    world.sleep(2_000);
    let why = "not started within 2s";
    assert_eq!(world.end, Some(End::FailedToStart("a".into(), why.into())));

    let mut world = World::new(one_for_one(3), vec![lingering(2..3), permanent("b")]).unwrap();
    world.die("a", "boom");
    world.sleep(2_000);
    assert_eq!(world.states()[0].1, ChildState::Running);
    assert_eq!(told(&world)[2..], [(What::Ended, 1), (What::StartFailed, 2), (What::Restarted, 3)]);
}

#[test]
fn a_child_drains_before_it_is_stopped_and_no_longer_than_its_limit() {
    let actor = permanent("a").with(|rules| rules.drain_within = Some(secs(2)));
    let mut world = World::new(one_for_one(3), vec![actor]).unwrap();
    world.close();
    assert_eq!(
        world.trace[1..],
        ["stop_requested", "{drains,a}", "{stopped,a,shutdown}", "{supervisor_down,shutdown,2000}"]
    );
}

#[test]
fn closing_while_children_wait_or_start_comes_to_an_end() {
    let lingering = permanent("l").on_start([2], Does::Linger);
    let mut world = World::new(one_for_one(9), vec![backing_off("a"), lingering]).unwrap();
    world.die("a", "boom");
    world.die("l", "boom");
    world.close();
    world.sleep(60_000);
    assert_eq!(world.end, Some(End::Asked));
    assert!(world.alive.is_empty());
}

#[test]
fn a_child_that_cannot_be_killed_is_told_of_as_lost() {
    let immortal = permanent("a").immortal().slow(99_000);
    let mut world = World::new(one_for_one(9), vec![immortal]).unwrap();
    world.close();
    assert_eq!(told(&world)[1..], [(What::Killed, 1), (What::Lost, 1), (What::Stopped, 1)]);
}
