//! Rows 40 to 43: significant children.

use super::{
    oracle::as_otp,
    world::{Actor, World, one_for_one, permanent, temporary, transient},
};
use crate::supervise::rules::{AutoShutdown, Plan};

fn auto(auto_shutdown: AutoShutdown) -> Plan {
    Plan { auto_shutdown, ..one_for_one(3) }
}

fn with_significant(child: Actor) -> Vec<Actor> {
    vec![permanent("a"), child.significant(), permanent("c")]
}

#[test]
fn row_40_the_end_of_any_significant_child_ends_the_supervisor() {
    as_otp(
        "auto_shutdown any_significant: transient significant ends normally",
        auto(AutoShutdown::AnySignificant),
        with_significant(transient("s")),
        |world| world.die("s", "normal"),
    );
}

#[test]
fn row_41_a_significant_child_that_is_restarted_has_not_ended() {
    as_otp(
        "auto_shutdown any_significant: significant crashes -> restarted",
        auto(AutoShutdown::AnySignificant),
        with_significant(transient("s")),
        |world| world.die("s", "boom"),
    );
    as_otp(
        "auto_shutdown any_significant: temporary significant crashes",
        auto(AutoShutdown::AnySignificant),
        with_significant(temporary("s")),
        |world| world.die("s", "boom"),
    );
    as_otp(
        "auto_shutdown any: significant stopped by terminate_child",
        auto(AutoShutdown::AnySignificant),
        vec![permanent("a"), transient("s").significant()],
        |world| world.terminate("s"),
    );
}

#[test]
fn row_42_all_significant_waits_for_the_last_one() {
    let children =
        || vec![transient("s1").significant(), transient("s2").significant(), permanent("c")];
    as_otp(
        "auto_shutdown all_significant: first of two",
        auto(AutoShutdown::AllSignificant),
        children(),
        |world| world.die("s1", "normal"),
    );
    as_otp(
        "auto_shutdown all_significant: both",
        auto(AutoShutdown::AllSignificant),
        children(),
        |world| {
            world.die("s1", "normal");
            world.die("s2", "normal");
        },
    );
}

#[test]
fn row_43_significance_that_can_never_count_is_a_bad_spec() {
    let refused = |plan: Plan, actor: Actor| World::new(plan, vec![actor]).unwrap_err().to_string();
    assert_eq!(
        refused(auto(AutoShutdown::Never), transient("s").significant()),
        "cannot supervise \"s\": it is significant, and its supervisor's auto-shutdown is never"
    );
    assert_eq!(
        refused(auto(AutoShutdown::AnySignificant), permanent("s").significant()),
        "cannot supervise \"s\": it is significant and permanent, so it never ends for good"
    );
}
