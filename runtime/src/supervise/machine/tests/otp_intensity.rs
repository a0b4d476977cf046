//! Rows 22 to 29: how many restarts are borne, and what counts.

use super::{
    oracle::as_otp,
    world::{Does, abc, one_for_one, permanent, plan, temporary, transient},
};
use crate::supervise::rules::Strategy::{OneForAll, OneForOne};

#[test]
fn row_22_the_third_restart_within_the_period_is_fatal_at_intensity_two() {
    as_otp(
        "intensity 2: the third restart within the period is fatal",
        one_for_one(2),
        vec![permanent("a"), permanent("b")],
        |world| {
            world.die("a", "boom");
            world.die("a", "boom");
            world.die("b", "boom");
        },
    );
}

#[test]
fn row_23_the_first_crash_is_fatal_at_intensity_zero() {
    as_otp(
        "intensity 0: first crash is fatal",
        one_for_one(0),
        vec![permanent("a"), permanent("b")],
        |world| world.die("a", "boom"),
    );
}

#[test]
fn row_24_crashes_further_apart_than_the_period_are_never_fatal() {
    as_otp(
        "intensity 1 period 1: crashes 1.2s apart never fatal",
        plan(OneForOne, 1, 1),
        vec![permanent("a")],
        |world| {
            world.die("a", "boom");
            world.sleep(2_100);
            world.die("a", "boom");
            world.sleep(2_100);
            world.die("a", "boom");
        },
    );
}

#[test]
fn row_25_one_for_all_counts_failures_and_not_children() {
    as_otp(
        "one_for_all counts one restart per failure not per child",
        plan(OneForAll, 2, 5),
        abc(),
        |world| {
            world.die("a", "boom");
            world.die("b", "boom");
        },
    );
}

#[test]
fn row_26_ends_without_a_restart_do_not_count() {
    as_otp(
        "temporary crashes do not count",
        one_for_one(0),
        vec![temporary("t"), permanent("b")],
        |world| world.die("t", "boom"),
    );
    as_otp(
        "transient normal exits do not count",
        one_for_one(0),
        vec![transient("t"), permanent("b")],
        |world| world.die("t", "normal"),
    );
}

#[test]
fn row_27_peaceful_ends_of_a_permanent_child_count() {
    as_otp("permanent normal exits count", one_for_one(1), vec![permanent("a")], |world| {
        world.die("a", "normal");
        world.die("a", "normal");
    });
}

#[test]
fn row_28_each_attempt_counts_and_there_is_no_delay_between() {
    as_otp(
        "restart fails twice then works: each attempt counts",
        one_for_one(5),
        vec![permanent("a").on_start([2, 3], Does::Fail), permanent("b")],
        |world| {
            world.die("a", "boom");
            assert_eq!(world.now_ms, 0);
        },
    );
}

#[test]
fn row_29_a_restart_that_keeps_failing_ends_the_supervisor() {
    as_otp(
        "restart keeps failing: intensity reached, supervisor ends",
        one_for_one(3),
        vec![permanent("a").on_start(2..20, Does::Fail), permanent("b")],
        |world| world.die("a", "boom"),
    );
}
