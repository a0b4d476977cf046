//! Time as an argument.
//!
//! [`Moment`] is monotonic and belongs to one process: leases, timeouts and wake-ups use it.
//! [`Wall`] is what people read: deadlines, retry times and the log use it. Two processes never
//! compare moments, and nothing that must be safe compares walls.
//!
//! Only [`SystemClock`] reads the machine's clock; everything else is handed a [`Now`].

use std::{
    fmt,
    ops::{Add, Sub},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// A monotonic moment: nanoseconds since the clock of this process was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    /// The moment at which a clock begins.
    pub const START: Self = Self(0);

    /// The moment `ms` milliseconds after the clock's beginning.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms * 1_000_000)
    }

    /// The moment `nanos` nanoseconds after the clock's beginning.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the clock's beginning.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero if it lies ahead.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;
    /// Saturates: a duration too large for the clock means "never".
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Moment {
    type Output = Self;
    /// Saturates at the clock's beginning.
    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// A wall-clock time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Wall(u64);

impl Wall {
    /// The time `ms` milliseconds after the epoch.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the epoch.
    pub const fn as_ms(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero if it lies ahead.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Wall {
    /// So long before; the beginning of the epoch at the earliest.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl Add<Duration> for Wall {
    type Output = Self;
    /// Saturates.
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// RFC 3339 in UTC with milliseconds, as logs and reports show it.
impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, ms) = (self.0 / 86_400_000, self.0 % 86_400_000);
        let (year, month, day) = civil_from_days(days);
        let (hour, minute) = (ms / 3_600_000, ms / 60_000 % 60);
        let (second, milli) = (ms / 1_000 % 60, ms % 1_000);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }
}

/// The proleptic Gregorian date of a day since 1970-01-01 (Howard Hinnant, "chrono-Compatible
/// Low-Level Date Algorithms", `civil_from_days`).
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_shifted + 2) / 5 + 1;
    let month = if month_shifted < 10 { month_shifted + 3 } else { month_shifted - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

/// Both clocks, read together: what a machine is told of the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For leases and timeouts.
    pub moment: Moment,
    /// For people, deadlines and retry times.
    pub wall: Wall,
}

/// Where time comes from.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// Reads both clocks.
    fn now(&self) -> Now;
}

/// The machine's clock.
///
/// Follows Tokio's clock while that is paused, so that whole actors run on simulated time in tests.
#[derive(Debug)]
pub struct SystemClock {
    began: tokio::time::Instant,
    began_wall: Wall,
    paused: bool,
}

impl SystemClock {
    /// A clock that begins now and follows the machine.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn start() -> Arc<Self> {
        Arc::new(Self { began: tokio::time::Instant::now(), began_wall: wall_now(), paused: false })
    }

    /// A clock whose wall time also follows Tokio's clock: for tests on paused time.
    #[cfg(any(test, feature = "testing"))]
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn following_tokio() -> Arc<Self> {
        Arc::new(Self {
            began: tokio::time::Instant::now(),
            began_wall: Wall::from_ms(1_700_000_000_000),
            paused: true,
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn wall_now() -> Wall {
    let since_epoch = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    Wall::from_ms(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Now {
        let elapsed = tokio::time::Instant::now().saturating_duration_since(self.began);
        let wall = if self.paused { self.began_wall + elapsed } else { wall_now() };
        Now { moment: Moment::START + elapsed, wall }
    }
}

/// A clock that stands still until it is told to move: for tests and simulations.
#[derive(Debug, Default)]
pub struct ManualClock {
    nanos: AtomicU64,
    wall_offset_ms: AtomicU64,
}

impl ManualClock {
    /// A clock at [`Moment::START`], whose wall shows `wall`.
    pub fn at(wall: Wall) -> Arc<Self> {
        Arc::new(Self { nanos: AtomicU64::new(0), wall_offset_ms: AtomicU64::new(wall.as_ms()) })
    }

    /// Moves both clocks on.
    pub fn advance(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::SeqCst);
    }

    /// Sets the wall clock without moving the moment, as a clock jump does.
    pub fn jump_wall_to(&self, wall: Wall) {
        let elapsed_ms = self.nanos.load(Ordering::SeqCst) / 1_000_000;
        self.wall_offset_ms.store(wall.as_ms().saturating_sub(elapsed_ms), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Now {
        let nanos = self.nanos.load(Ordering::SeqCst);
        let wall = self.wall_offset_ms.load(Ordering::SeqCst) + nanos / 1_000_000;
        Now { moment: Moment::from_nanos(nanos), wall: Wall::from_ms(wall) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_time_reads_as_rfc_3339() {
        assert_eq!(Wall::from_ms(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Wall::from_ms(951_782_400_000).to_string(), "2000-02-29T00:00:00.000Z");
        assert_eq!(Wall::from_ms(1_795_236_059_007).to_string(), "2026-11-21T04:40:59.007Z");
    }

    #[test]
    fn a_wall_jump_leaves_the_moment_alone() {
        let clock = ManualClock::at(Wall::from_ms(1_000));
        clock.advance(Duration::from_millis(5));
        clock.jump_wall_to(Wall::from_ms(99_000));
        let now = clock.now();
        assert_eq!((now.moment, now.wall), (Moment::from_ms(5), Wall::from_ms(99_000)));
    }

    #[test]
    fn times_too_large_saturate() {
        assert_eq!((Moment::from_ms(1) + Duration::MAX).as_nanos(), u64::MAX);
        assert_eq!(Moment::from_ms(1) - Duration::MAX, Moment::START);
        assert_eq!(Wall::from_ms(5).since(Wall::from_ms(9)), Duration::ZERO);
    }
}
