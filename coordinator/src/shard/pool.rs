//! Pools of permits: what bounds everything between an asker and the journal.
//!
//! A permit is taken before a command is sent and comes back when the command's effects are
//! released, so the permits of a pool bound its share of the mailbox, of the gathering record and
//! of the record in flight together. The pools are apart so that one cannot starve another.

/// How many commands from outside may be under way.
pub const OUTSIDE_PERMITS: usize = 4_096;
/// How many outcomes may be under way; agents' credits keep them below it.
pub const OUTCOMES_PERMITS: usize = 16_384;
/// How many commands of the services may be under way.
pub const CONTROL_PERMITS: usize = 1_024;
/// How many queries may be under way.
pub const QUERIES_PERMITS: usize = 4_096;

/// Whose permit a command is sent with.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Pool {
    /// Whoever asks from outside; refused when there are too many.
    Outside,
    /// What agents report; bounded by credits, never refused for want of a permit.
    Outcomes,
    /// What the services find out: expired sessions, closed motions.
    Control,
    /// What changes nothing.
    Queries,
}

impl Pool {
    /// All pools, in the order of [`index`](Self::index).
    pub const ALL: [Self; 4] = [Self::Outside, Self::Outcomes, Self::Control, Self::Queries];

    /// Its place in an array of all pools.
    pub const fn index(self) -> usize {
        match self {
            Self::Outside => 0,
            Self::Outcomes => 1,
            Self::Control => 2,
            Self::Queries => 3,
        }
    }

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Outside => "outside",
            Self::Outcomes => "outcomes",
            Self::Control => "control",
            Self::Queries => "queries",
        }
    }

    /// How many permits it has.
    pub const fn permits(self) -> usize {
        match self {
            Self::Outside => OUTSIDE_PERMITS,
            Self::Outcomes => OUTCOMES_PERMITS,
            Self::Control => CONTROL_PERMITS,
            Self::Queries => QUERIES_PERMITS,
        }
    }
}
