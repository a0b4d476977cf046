//! Rows 1 to 15: restart types and kinds of exit.

use super::{
    oracle::as_otp,
    world::{child, one_for_one, permanent},
};
use crate::restart::Restart;

fn row(restart: Restart, how: &str) {
    let word = format!("{restart:?}").to_lowercase();
    as_otp(
        &format!("one_for_one {word} child exits {how}"),
        one_for_one(5),
        vec![child("a", restart), permanent("b")],
        |world| {
            world.die("a", how);
            world.which();
        },
    );
}

#[test]
fn row_01_a_permanent_child_that_ends_normally_is_restarted() {
    row(Restart::Permanent, "normal");
}

#[test]
fn row_02_a_permanent_child_that_ends_with_shutdown_is_restarted() {
    row(Restart::Permanent, "shutdown");
}

#[test]
fn row_03_a_permanent_child_that_ends_with_shutdown_and_a_reason_is_restarted() {
    row(Restart::Permanent, "{shutdown,why}");
}

#[test]
fn row_04_a_permanent_child_that_crashes_is_restarted() {
    row(Restart::Permanent, "boom");
}

#[test]
fn row_05_a_permanent_child_that_is_killed_is_restarted() {
    row(Restart::Permanent, "kill");
}

#[test]
fn row_06_a_transient_child_that_ends_normally_stays_down() {
    row(Restart::Transient, "normal");
}

#[test]
fn row_07_a_transient_child_that_ends_with_shutdown_stays_down() {
    row(Restart::Transient, "shutdown");
}

#[test]
fn row_08_a_transient_child_that_ends_with_shutdown_and_a_reason_stays_down() {
    row(Restart::Transient, "{shutdown,why}");
}

#[test]
fn row_09_a_transient_child_that_crashes_is_restarted() {
    row(Restart::Transient, "boom");
}

#[test]
fn row_10_a_transient_child_that_is_killed_is_restarted() {
    row(Restart::Transient, "kill");
}

#[test]
fn row_11_a_temporary_child_that_ends_normally_is_forgotten() {
    row(Restart::Temporary, "normal");
}

#[test]
fn row_12_a_temporary_child_that_ends_with_shutdown_is_forgotten() {
    row(Restart::Temporary, "shutdown");
}

#[test]
fn row_13_a_temporary_child_that_ends_with_shutdown_and_a_reason_is_forgotten() {
    row(Restart::Temporary, "{shutdown,why}");
}

#[test]
fn row_14_a_temporary_child_that_crashes_is_forgotten() {
    row(Restart::Temporary, "boom");
}

#[test]
fn row_15_a_temporary_child_that_is_killed_is_forgotten() {
    row(Restart::Temporary, "kill");
}
