//! Where one health ends and the next begins.

use crate::health::{Health, Outcomes, WINDOW};

/// Outcomes of which the first `failed` are failures.
fn outcomes(failed: u32, ended: u32) -> Outcomes {
    let mut outcomes = Outcomes::default();
    for index in 0..ended {
        outcomes.add(index < failed);
    }
    outcomes
}

#[test]
fn a138_the_health_of_an_agent_changes_above_its_boundaries() {
    let health = |failed| outcomes(failed, 100).health();
    assert_eq!(Outcomes::default().health(), Health::Healthy);
    assert_eq!(health(0), Health::Healthy);
    assert_eq!(health(10), Health::Healthy);
    assert_eq!(health(11), Health::Degraded);
    assert_eq!(health(30), Health::Degraded);
    assert_eq!(health(31), Health::Unhealthy);
    assert_eq!(health(50), Health::Unhealthy);
    assert_eq!(health(51), Health::Critical);
    assert_eq!(health(100), Health::Critical);
}

#[test]
fn a138_a_boundary_holds_for_few_outcomes_and_for_many() {
    assert_eq!(Health::of_rate(1, 10), Health::Healthy);
    assert_eq!(Health::of_rate(1, 9), Health::Degraded);
    assert_eq!(Health::of_rate(3, 10), Health::Degraded);
    assert_eq!(Health::of_rate(1, 3), Health::Unhealthy);
    assert_eq!(Health::of_rate(1, 2), Health::Unhealthy);
    assert_eq!(Health::of_rate(2, 3), Health::Critical);
    assert_eq!(Health::of_rate(100_000, 1_000_000), Health::Healthy);
    assert_eq!(Health::of_rate(100_001, 1_000_000), Health::Degraded);
}

#[test]
fn a138_the_health_of_the_system_changes_at_its_boundaries() {
    // Nobody active: critical, whatever else.
    assert_eq!(Health::of_system(0, 0, 0, 0), Health::Critical);
    assert_eq!(Health::of_system(0, 100, 0, 5), Health::Critical);
    // By the rate of failures.
    assert_eq!(Health::of_system(10, 100, 5, 5), Health::Healthy);
    assert_eq!(Health::of_system(11, 100, 5, 5), Health::Degraded);
    assert_eq!(Health::of_system(30, 100, 5, 5), Health::Degraded);
    assert_eq!(Health::of_system(31, 100, 5, 5), Health::Unhealthy);
    assert_eq!(Health::of_system(100, 100, 5, 5), Health::Unhealthy);
    // By how many are active.
    assert_eq!(Health::of_system(0, 100, 60, 100), Health::Healthy);
    assert_eq!(Health::of_system(0, 100, 59, 100), Health::Degraded);
    assert_eq!(Health::of_system(0, 100, 3, 5), Health::Healthy);
    assert_eq!(Health::of_system(0, 100, 1, 5), Health::Degraded);
}

#[test]
fn who_is_degraded_is_active_and_who_is_unhealthy_is_not() {
    assert_eq!(Health::ALL.map(Health::is_active), [true, true, false, false]);
    assert_eq!(Health::ALL.map(Health::severity), [0, 1, 2, 3]);
}

#[test]
fn only_the_latest_hundred_outcomes_count() {
    let mut outcomes = outcomes(60, 60);
    assert_eq!((outcomes.failed(), outcomes.ended()), (60, 60));
    assert_eq!(outcomes.consecutive_failures(), 60);
    for _ in 0..40 {
        outcomes.add(false);
    }
    assert_eq!((outcomes.failed(), outcomes.ended()), (60, u64::from(WINDOW)));
    for left in (0..60).rev() {
        outcomes.add(false);
        assert_eq!((outcomes.failed(), outcomes.ended()), (left, 100));
    }
    assert_eq!(outcomes.health(), Health::Healthy);
    for _ in 0..150 {
        outcomes.add(true);
    }
    assert_eq!((outcomes.failed(), outcomes.ended()), (100, 100));
    assert_eq!(outcomes.consecutive_failures(), 150);
}
