//! How locks behave, and their bounds.

use std::time::Duration;

/// What an operator may set. Nothing here is read while events are applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockSettings {
    /// For how long a session lives without a renewal if whoever opens it does not say.
    pub lease: Duration,
    /// The shortest lease that a session may have.
    pub lease_min: Duration,
    /// The longest.
    pub lease_max: Duration,
    /// For how long a lock is given to nobody who could not have had it beside its holder, after that
    /// holder lost it without a word.
    pub delay: Duration,
}

impl Default for LockSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_hours(1),
            lease_min: Duration::from_millis(100),
            lease_max: Duration::from_hours(24),
            delay: Duration::from_secs(15),
        }
    }
}

impl LockSettings {
    pub(super) fn delay_ms(&self) -> u64 {
        ms(self.delay)
    }
}

pub(super) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// How many sessions there may be.
pub const SESSIONS_MAX: usize = 20_000;
/// How many locks may be held, waited for or lost at the same time.
pub const LOCKS_MAX: usize = 100_000;
/// How many locks one request may ask for.
pub const REQUEST_LOCKS_MAX: usize = 64;
/// How many may wait for one lock.
pub const WAITERS_MAX: usize = 20_000;
/// How many may hold one lock together; who comes then waits.
pub const HOLDERS_MAX: usize = 20_000;
/// How many requests of one session may wait.
pub const WAITS_MAX: usize = 128;
/// How many locks one session may hold.
pub const HOLDS_MAX: usize = 10_000;
/// How often one session may hold the same lock.
pub const DEPTH_MAX: u32 = 1_000_000;
/// How many permits a semaphore may have.
pub const PERMITS_MAX: u32 = 1_000_000;
/// How many answers are remembered of one session.
pub const REQUESTS_KEPT: usize = 256;
/// How many refusals are remembered of one session, by this leader.
pub(super) const REFUSALS_KEPT: usize = 64;
/// How many askers of one wait are answered.
pub(super) const ASKERS_MAX: usize = 8;
/// How long what is said of a session, or of a theft, may be.
pub const TEXT_CHARS_MAX: usize = 500;

const _: () = assert!(WAITS_MAX < REQUESTS_KEPT);
