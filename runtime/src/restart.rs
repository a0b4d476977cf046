//! When something that ended is started again: restart types, kinds of exit, and how often.
//!
//! The words and their meaning are Erlang/OTP's. Pure values; whoever supervises decides with them.

use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::time::Moment;

/// Whether a child that ended by itself is started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// Always.
    #[default]
    Permanent,
    /// Only when it did not end in peace.
    Transient,
    /// Never; its spec is forgotten.
    Temporary,
}

/// How an incarnation of a child ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// By itself, its work done.
    Normal,
    /// Asked to, or because whatever it belongs to ends.
    Shutdown,
    /// A panic, an error, or a start that failed; with the reason.
    Failed(Arc<str>),
    /// Killed, without a chance to clean up.
    Killed,
    /// Nobody can tell: it was out of reach, or did not die when killed.
    Lost,
    /// It gave no sign of life within its limit, and was killed for it.
    Hung,
}

impl Exit {
    /// A failure with its reason.
    pub fn failed(reason: impl Into<Arc<str>>) -> Self {
        Self::Failed(reason.into())
    }

    /// Whether a transient child that ends like this stays down.
    pub const fn is_peace(&self) -> bool {
        matches!(self, Self::Normal | Self::Shutdown)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::Failed(reason) => f.write_str(reason),
            Self::Killed => f.write_str("killed"),
            Self::Lost => f.write_str("lost"),
            Self::Hung => f.write_str("hung"),
        }
    }
}

impl Restart {
    /// Whether a child of this type that ended like this is started again.
    pub const fn wants(self, exit: &Exit) -> bool {
        match self {
            Self::Permanent => true,
            Self::Transient => !exit.is_peace(),
            Self::Temporary => false,
        }
    }
}

/// How many restarts a supervisor bears: at most `restarts` within any `period`, both ends counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Intensity {
    /// Restarts that are borne; the next one within the period ends the supervisor.
    pub restarts: u32,
    /// How long a restart is remembered; never zero.
    pub period: Duration,
}

impl Default for Intensity {
    /// One restart in five seconds.
    fn default() -> Self {
        Self { restarts: 1, period: Duration::from_secs(5) }
    }
}

/// The restarts that still count. Holds at most as many as are borne.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    restarts: VecDeque<Moment>,
}

impl Window {
    /// Counts a restart at `now`; false when that is one too many, and then nothing is counted.
    pub fn admit(&mut self, now: Moment, bound: Intensity) -> bool {
        while self.restarts.front().is_some_and(|at| now.since(*at) > bound.period) {
            self.restarts.pop_front();
        }
        let room = u32::try_from(self.restarts.len()).is_ok_and(|count| count < bound.restarts);
        if room {
            self.restarts.push_back(now);
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_of_restart_differ_in_what_they_want() {
        let exits = [
            Exit::Normal,
            Exit::Shutdown,
            Exit::failed("boom"),
            Exit::Killed,
            Exit::Lost,
            Exit::Hung,
        ];
        let wanted = |restart: Restart| exits.each_ref().map(|exit| restart.wants(exit));
        assert_eq!(wanted(Restart::Permanent), [true; 6]);
        assert_eq!(wanted(Restart::Transient), [false, false, true, true, true, true]);
        assert_eq!(wanted(Restart::Temporary), [false; 6]);
    }

    #[test]
    fn a_restart_counts_until_its_period_is_over() {
        let bound = Intensity { restarts: 2, period: Duration::from_secs(5) };
        let mut window = Window::default();
        let admitted = [0, 1_000, 5_000, 5_001, 5_002, 6_001]
            .map(|ms| window.admit(Moment::from_ms(ms), bound));
        assert_eq!(admitted, [true, true, false, true, false, true]);
    }

    #[test]
    fn an_intensity_of_zero_bears_nothing() {
        let bound = Intensity { restarts: 0, ..Intensity::default() };
        assert!(!Window::default().admit(Moment::START, bound));
    }
}
