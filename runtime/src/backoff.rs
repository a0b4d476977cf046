//! How long to wait before trying again: a pure value, drawn from a seeded [`Chance`].

use std::time::Duration;

use crate::{
    chance::Chance,
    error::{Error, ErrorKind, Result},
};

/// Exponential backoff with full jitter: the wait before try `n` is drawn evenly from zero to
/// `base * factor^(n-1)`, and never over `max`.
///
/// Full jitter, because many that fail together must not come back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Backoff {
    /// The longest wait before the first try.
    pub base: Duration,
    /// What the longest wait grows by with each try.
    pub factor: u32,
    /// The longest wait ever.
    pub max: Duration,
    /// Whether the wait is drawn, or the longest is taken.
    pub jitter: bool,
    /// Whoever lived this long is healthy, and its next failure is its first again.
    pub reset_after: Duration,
}

impl Default for Backoff {
    /// Half a second, doubling, up to a minute; forgiven after two minutes of health.
    fn default() -> Self {
        Self {
            base: Duration::from_millis(500),
            factor: 2,
            max: Duration::from_mins(1),
            jitter: true,
            reset_after: Duration::from_mins(2),
        }
    }
}

impl Backoff {
    /// The longest wait before try `n`, from 1; saturates at `max`.
    pub fn longest(&self, n: u32) -> Duration {
        let mut wait = self.base;
        for _ in 1..n {
            if wait >= self.max || self.factor <= 1 {
                break;
            }
            wait = wait.saturating_mul(self.factor);
        }
        wait.min(self.max)
    }

    /// The wait before try `n`, from 1, to the millisecond.
    pub fn wait(&self, n: u32, chance: &mut Chance) -> Duration {
        let longest = self.longest(n);
        if self.jitter { chance.up_to(longest) } else { longest }
    }

    /// Refuses a backoff that would not back off.
    pub fn check(&self) -> Result<()> {
        let fault = if self.base.is_zero() {
            "its base is zero; leave it out if there should be none"
        } else if self.factor == 0 {
            "its factor is zero; one keeps the wait as it is"
        } else if self.max < self.base {
            "its max is below its base"
        } else {
            return Ok(());
        };
        Err(Error::new(ErrorKind::Invalid, format!("cannot use a backoff of {self:?}: {fault}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_wait_doubles_up_to_its_bound() {
        let backoff = Backoff { max: Duration::from_secs(3), ..Backoff::default() };
        let longest = [1, 2, 3, 4, 5, u32::MAX].map(|n| backoff.longest(n).as_millis());
        assert_eq!(longest, [500, 1_000, 2_000, 3_000, 3_000, 3_000]);
    }

    #[test]
    fn a_wait_is_drawn_from_all_of_its_range_and_repeats_with_its_seed() {
        let backoff = Backoff::default();
        let draws = |seed| {
            let mut chance = Chance::from_seed(seed);
            (0..1_000).map(|_| backoff.wait(1, &mut chance).as_millis()).collect::<Vec<_>>()
        };
        assert_eq!(draws(7), draws(7));
        assert_ne!(draws(7), draws(8));
        assert!(draws(7).iter().all(|wait| *wait <= 500));
        assert!(draws(7).iter().any(|wait| *wait < 50) && draws(7).iter().any(|wait| *wait > 450));
    }

    #[test]
    fn without_jitter_the_longest_is_taken() {
        let backoff = Backoff { jitter: false, ..Backoff::default() };
        assert_eq!(backoff.wait(3, &mut Chance::from_seed(1)), Duration::from_secs(2));
    }

    #[test]
    fn a_backoff_that_would_not_back_off_is_refused() {
        let refused = |backoff: Backoff| backoff.check().unwrap_err().to_string();
        assert!(refused(Backoff { base: Duration::ZERO, ..Backoff::default() }).contains("base"));
        assert!(refused(Backoff { factor: 0, ..Backoff::default() }).contains("factor"));
        assert!(refused(Backoff { max: Duration::ZERO, ..Backoff::default() }).contains("max"));
        Backoff::default().check().unwrap();
    }
}
