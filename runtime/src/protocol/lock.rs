//! In which ways a lock is held, what is wanted, and what was given.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{LockKey, Token};

/// How a lock is held, or wanted.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// By one alone.
    #[default]
    Exclusive,
    /// By any number together, and nobody exclusively.
    Shared,
    /// So many of the permits that there are.
    Permits {
        /// How many, from 1.
        permits: u32,
        /// Of how many; all who use the lock at the same time say the same.
        of: u32,
    },
}

impl Mode {
    /// Of which kind a lock is that is held so.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Exclusive | Self::Shared => Kind::ReadWrite,
            Self::Permits { of, .. } => Kind::Semaphore { of },
        }
    }

    /// Whether who holds a lock so needs nothing more to hold it as `wanted`.
    pub const fn covers(self, wanted: Self) -> bool {
        match (self, wanted) {
            (Self::Exclusive, Self::Exclusive | Self::Shared) | (Self::Shared, Self::Shared) => {
                true
            }
            (Self::Permits { permits, of }, Self::Permits { permits: wanted, of: wanted_of }) => {
                wanted <= permits && of == wanted_of
            }
            (Self::Shared, Self::Exclusive)
            | (Self::Permits { .. }, Self::Exclusive | Self::Shared)
            | (Self::Exclusive | Self::Shared, Self::Permits { .. }) => false,
        }
    }

    /// How many permits it takes.
    pub const fn permits(self) -> u32 {
        match self {
            Self::Exclusive | Self::Shared => 0,
            Self::Permits { permits, .. } => permits,
        }
    }

    /// Whether who holds it so is alone.
    pub const fn is_exclusive(self) -> bool {
        matches!(self, Self::Exclusive)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exclusive => f.write_str("exclusive"),
            Self::Shared => f.write_str("shared"),
            Self::Permits { permits, of } => write!(f, "{permits} of {of} permits"),
        }
    }
}

/// What kind of lock it is while somebody holds it or waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Held by one exclusively, or by many together.
    ReadWrite,
    /// Held by as many as there are permits.
    Semaphore {
        /// How many there are.
        of: u32,
    },
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReadWrite => f.write_str("a lock that is exclusive or shared"),
            Self::Semaphore { of } => write!(f, "a semaphore of {of} permits"),
        }
    }
}

/// A lock, and how it is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Want {
    /// Which.
    pub key: LockKey,
    /// How.
    pub mode: Mode,
}

/// A lock that was given, with what it was given with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Which.
    pub key: LockKey,
    /// Its fence: whoever writes under the lock shows it.
    pub token: Token,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exclusive_covers_shared_and_more_permits_cover_fewer_of_as_many() {
        let permits = |permits, of| Mode::Permits { permits, of };
        let all = [Mode::Exclusive, Mode::Shared, permits(1, 3), permits(2, 3), permits(1, 4)];
        let covered = |held: Mode| {
            all.iter().map(|wanted| u8::from(held.covers(*wanted))).collect::<Vec<_>>()
        };
        assert_eq!(covered(Mode::Exclusive), [1, 1, 0, 0, 0]);
        assert_eq!(covered(Mode::Shared), [0, 1, 0, 0, 0]);
        assert_eq!(covered(permits(1, 3)), [0, 0, 1, 0, 0]);
        assert_eq!(covered(permits(2, 3)), [0, 0, 1, 1, 0]);
        assert_eq!(covered(permits(1, 4)), [0, 0, 0, 0, 1]);
    }
}
