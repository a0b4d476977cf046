//! Outcomes of an agent, and what they say of its health.

use serde::Serialize;

/// How many of an agent's latest outcomes count; see the module for why.
pub const WINDOW: u32 = 100;

/// The outcomes that count, as bits.
const MASK: u128 = (1 << WINDOW) - 1;

/// How well something does, the best first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// At most a tenth fails, or nothing was done yet.
    #[default]
    Healthy,
    /// More than a tenth fails.
    Degraded,
    /// More than three tenths fail.
    Unhealthy,
    /// More than half fails, or nobody can work.
    Critical,
}

impl Health {
    /// All of them, the best first.
    pub const ALL: [Self; 4] = [Self::Healthy, Self::Degraded, Self::Unhealthy, Self::Critical];

    /// The health of an agent of whose `ended` outcomes `failed` were failures: over 50 % critical,
    /// over 30 % unhealthy, over 10 % degraded; none is healthy.
    pub const fn of_rate(failed: u64, ended: u64) -> Self {
        if is_over(failed, ended, 50) {
            Self::Critical
        } else if is_over(failed, ended, 30) {
            Self::Unhealthy
        } else if is_over(failed, ended, 10) {
            Self::Degraded
        } else {
            Self::Healthy
        }
    }

    /// The health of a system of so many agents, of which `active` are healthy or degraded and can
    /// work: nobody active is critical; over 30 % of failures unhealthy; over 10 %, or less than
    /// 60 % of the agents active, degraded.
    pub const fn of_system(failed: u64, ended: u64, active: u64, agents: u64) -> Self {
        if active == 0 {
            Self::Critical
        } else if is_over(failed, ended, 30) {
            Self::Unhealthy
        } else if is_over(failed, ended, 10) || active.saturating_mul(100) < agents * 60 {
            Self::Degraded
        } else {
            Self::Healthy
        }
    }

    /// Whether whoever is so counts as active.
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Healthy | Self::Degraded)
    }

    /// From 0, healthy, to 3, critical.
    pub const fn severity(self) -> u8 {
        match self {
            Self::Healthy => 0,
            Self::Degraded => 1,
            Self::Unhealthy => 2,
            Self::Critical => 3,
        }
    }

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Critical => "critical",
        }
    }
}

/// Whether a part is more than so many percent of a whole: in whole numbers, so that a boundary is
/// where it is.
const fn is_over(part: u64, whole: u64, percent: u64) -> bool {
    part.saturating_mul(100) > whole.saturating_mul(percent)
}

/// How much a part is of a whole, in percent with two decimals; 0 of nothing.
pub(super) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    let hundredths = u128::from(part) * 10_000 / u128::from(whole);
    // At most 10,000 for a part, which every float holds exactly.
    f64::from(u32::try_from(hundredths).unwrap_or(u32::MAX)) / 100.0
}

/// The latest outcomes of one agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// The latest in the lowest bit; one is a failure.
    bits: u128,
    len: u32,
    in_a_row: u64,
}

impl Outcomes {
    /// Adds the next outcome; the oldest leaves when there are more than [`WINDOW`].
    pub const fn add(&mut self, is_failure: bool) {
        self.bits = (self.bits << 1 | is_failure as u128) & MASK;
        if self.len < WINDOW {
            self.len += 1;
        }
        self.in_a_row = if is_failure { self.in_a_row + 1 } else { 0 };
    }

    /// How many there are, at most [`WINDOW`].
    pub const fn ended(&self) -> u64 {
        self.len as u64
    }

    /// How many of them are failures.
    pub const fn failed(&self) -> u64 {
        self.bits.count_ones() as u64
    }

    /// How many failures came last without a result between them: not bounded by the window.
    pub const fn consecutive_failures(&self) -> u64 {
        self.in_a_row
    }

    /// What they say.
    pub const fn health(&self) -> Health {
        Health::of_rate(self.failed(), self.ended())
    }
}
