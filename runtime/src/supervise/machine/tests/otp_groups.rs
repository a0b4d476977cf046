//! Rows 16 to 21, 30 and 31: who restarts with whom, and in which order.

use super::{
    oracle::as_otp,
    world::{Does, abc, permanent, plan, temporary, transient},
};
use crate::supervise::rules::Strategy::{OneForAll, OneForOne, RestForOne};

#[test]
fn row_16_one_for_one_restarts_only_who_failed() {
    as_otp("one_for_one middle child crashes", plan(OneForOne, 5, 5), abc(), |world| {
        world.die("b", "boom");
    });
}

#[test]
fn row_17_one_for_all_stops_all_in_reverse_and_starts_all_in_order() {
    as_otp("one_for_all middle child crashes", plan(OneForAll, 5, 5), abc(), |world| {
        world.die("b", "boom");
    });
}

#[test]
fn row_18_rest_for_one_spares_those_before() {
    as_otp("rest_for_one middle child crashes", plan(RestForOne, 5, 5), abc(), |world| {
        world.die("b", "boom");
    });
}

#[test]
fn row_19_a_temporary_bystander_is_stopped_and_forgotten() {
    for (strategy, word) in [(OneForAll, "one_for_all"), (RestForOne, "rest_for_one")] {
        as_otp(
            &format!("{word}, siblings transient/temporary"),
            plan(strategy, 5, 5),
            vec![permanent("a"), temporary("t"), transient("tr"), permanent("z")],
            |world| {
                world.die("a", "boom");
                world.which();
            },
        );
    }
}

#[test]
fn row_20_one_for_all_touches_nobody_when_a_temporary_child_crashes() {
    as_otp(
        "one_for_all, a temporary child crashes",
        plan(OneForAll, 5, 5),
        vec![permanent("a"), temporary("t"), permanent("z")],
        |world| world.die("t", "boom"),
    );
}

#[test]
fn row_21_one_for_all_touches_nobody_when_a_transient_child_ends_normally() {
    as_otp(
        "one_for_all, a transient child ends normally",
        plan(OneForAll, 5, 5),
        vec![permanent("a"), transient("t"), permanent("z")],
        |world| {
            world.die("t", "normal");
            world.which();
        },
    );
}

#[test]
fn row_30_one_for_all_begins_anew_when_another_child_fails_to_restart() {
    as_otp(
        "one_for_all: second child fails to restart",
        plan(OneForAll, 3, 5),
        vec![
            permanent("a").silent_in_life(2),
            permanent("b").on_start([2], Does::Fail),
            permanent("c"),
        ],
        |world| world.die("a", "boom"),
    );
}

#[test]
fn row_31_rest_for_one_tries_only_those_from_whom_fails_to_restart() {
    as_otp(
        "rest_for_one: later child fails to restart",
        plan(RestForOne, 3, 5),
        vec![permanent("a"), permanent("b").on_start([2], Does::Fail), permanent("c")],
        |world| world.die("a", "boom"),
    );
}
