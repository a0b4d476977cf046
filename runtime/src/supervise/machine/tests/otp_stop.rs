//! Rows 32 to 37: the first start, and the stop. Rows 35 to 37 are shown on real actors, too.

use std::time::Duration;

use super::{
    oracle::as_otp,
    world::{Does, World, abc, one_for_one, permanent, temporary},
};
use crate::supervise::rules::Shutdown;

#[test]
fn row_32_a_failed_first_start_stops_the_started_and_fails_the_supervisor() {
    as_otp(
        "start: second child fails at first start",
        one_for_one(3),
        vec![
            permanent("a").silent_in_life(1),
            permanent("b").on_start([1], Does::Fail),
            permanent("c"),
        ],
        |_| panic!("it never opens"),
    );
}

#[test]
fn row_33_a_child_with_nothing_to_do_keeps_its_spec_unless_it_is_temporary() {
    as_otp(
        "start: ignored child keeps its spec (permanent)",
        one_for_one(3),
        vec![permanent("a").on_start([1], Does::Ignore), permanent("b")],
        |world| {
            world.which();
            world.count();
        },
    );
    as_otp(
        "start: ignored temporary child loses its spec",
        one_for_one(3),
        vec![temporary("a").on_start([1], Does::Ignore), permanent("b")],
        |world| {
            world.which();
            world.count();
        },
    );
}

#[test]
fn row_34_children_stop_in_the_reverse_order_of_their_start() {
    as_otp("stop: reverse start order", one_for_one(3), abc(), World::close);
}

#[test]
fn row_35_a_slow_child_is_killed_at_its_limit_and_only_then_the_next_is_stopped() {
    let slow = permanent("s")
        .slow(3_000)
        .with(|rules| rules.shutdown = Shutdown::Within(Duration::from_millis(500)));
    as_otp(
        "stop: a slow child is killed at its deadline, the rest wait",
        one_for_one(3),
        vec![permanent("a"), slow, permanent("c")],
        World::close,
    );
}

#[test]
fn row_36_a_brutally_killed_child_gets_no_chance() {
    let brutal = permanent("s").with(|rules| rules.shutdown = Shutdown::Brutal);
    as_otp(
        "stop: brutal_kill child gets no chance",
        one_for_one(3),
        vec![permanent("a"), brutal, permanent("c")],
        World::close,
    );
}

#[test]
fn row_37_an_infinite_limit_waits() {
    let slow = permanent("s").slow(1_500).with(|rules| rules.shutdown = Shutdown::Infinite);
    as_otp("stop: infinity waits", one_for_one(3), vec![slow], World::close);
    as_otp(
        "stop: child that does not trap exits",
        one_for_one(3),
        vec![permanent("s").without_trap(), permanent("c")],
        World::close,
    );
}
