//! When a failed attempt is followed by another.

use std::time::Duration;

use orkestra_runtime::{
    chance::Chance,
    protocol::task::{Failure, FailureKind, RetryPolicy},
    time::Wall,
};

use crate::task::{event::Then, settings::TaskSettings, state::Task};

/// The delay before the attempt after `failures` failures: `min(cap, base × factor^(failures − 1))`,
/// shorter or longer by at most the jitter.
pub(super) fn delay(policy: &RetryPolicy, failures: u32, chance: &mut Chance) -> Duration {
    let factor = u64::from(policy.factor.max(1));
    let grown = policy.base_ms.saturating_mul(factor.saturating_pow(failures.saturating_sub(1)));
    let plain = grown.min(policy.cap_ms);
    let spread = plain / 100 * u64::from(policy.jitter_percent.min(100));
    let ms = plain - spread + chance.below(2 * spread + 1);
    Duration::from_millis(ms)
}

/// What follows a failed attempt of a task.
pub(super) fn judge(
    task: &Task,
    failure: &Failure,
    settings: &TaskSettings,
    now: Wall,
    chance: &mut Chance,
) -> Then {
    if is_nobodys_fault(failure) {
        return if task.losses + 1 >= settings.losses_max { Then::Poison } else { Then::Again };
    }
    let failures = task.failures + 1;
    if !failure.retryable {
        return Then::Fail;
    }
    if failures >= settings.poison_after {
        return Then::Poison;
    }
    if failures > task.spec.retry.retries_max {
        return Then::Exhausted;
    }
    Then::Retry { due: now + delay(&task.spec.retry, failures, chance) }
}

/// Whether an attempt ended for a reason that says nothing about the task: its node went down
/// (`Lost` marked as not counting by `retryable` and no worker to blame), it was handed back, or
/// its agent cannot work.
pub(super) fn is_nobodys_fault(failure: &Failure) -> bool {
    !failure.kind.counts()
}

/// An attempt whose node went down with it.
pub(super) fn lost_with_node() -> Failure {
    Failure::new(FailureKind::HandedBack, "the node that held it went down")
}

/// An attempt whose worker was started anew without it.
pub(super) fn lost_with_worker() -> Failure {
    Failure::new(FailureKind::Lost, "its worker was started anew without it")
}

/// An attempt whose worker stopped in order.
pub(super) fn left_with_worker() -> Failure {
    Failure::new(FailureKind::HandedBack, "its worker stopped in order")
}

/// An attempt whose worker was silent for a whole lease.
pub(super) fn lease_ran_out(lease: Duration) -> Failure {
    Failure::new(
        FailureKind::Lost,
        format!("no sign of its worker for {:.1} s", lease.as_secs_f64()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a114_the_delay_doubles_to_its_cap_with_jitter() {
        let mut chance = Chance::from_seed(1);
        let plain = RetryPolicy { jitter_percent: 0, ..RetryPolicy::CLASSIC };
        let ms = |failures, chance: &mut Chance| delay(&plain, failures, chance).as_millis();
        assert_eq!(ms(1, &mut chance), 300_000);
        assert_eq!(ms(2, &mut chance), 600_000);
        assert_eq!(ms(5, &mut chance), 4_800_000);
        assert_eq!(ms(6, &mut chance), 7_200_000);
        assert_eq!(ms(99, &mut chance), 7_200_000);
        for _ in 0..1_000 {
            let jittered = delay(&RetryPolicy::DEFAULT, 1, &mut chance).as_millis();
            assert!((800..=1_200).contains(&jittered), "{jittered}");
        }
    }
}
