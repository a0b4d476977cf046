//! What is worth counting of votes.

use super::facts::Fact;
use crate::committee::{CommitteeEvent, Decision};

/// What became of ballots, in the words by which they are counted.
pub const BALLOTS: [&str; 4] = ["cast", "sealed", "late", "equivocated"];
/// What votes come to, in the words by which they are counted.
pub const DECISIONS: [&str; 7] =
    ["passed", "failed", "chosen", "vetoed", "undecided", "unresolved", "withdrawn"];

/// Something of votes that is worth counting, as it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoteFact {
    /// A ballot came in: one of [`BALLOTS`].
    Ballot(&'static str),
    /// A vote was decided, or decided nothing and goes on: one of [`DECISIONS`].
    Decided(&'static str),
}

/// Tells what is worth counting of an event.
pub(super) fn told(event: &CommitteeEvent, tell: &mut dyn FnMut(Fact)) {
    let fact = match event {
        CommitteeEvent::Cast { .. } => VoteFact::Ballot("cast"),
        CommitteeEvent::Committed { .. } => VoteFact::Ballot("sealed"),
        CommitteeEvent::Late { .. } => VoteFact::Ballot("late"),
        CommitteeEvent::Equivocated { .. } => VoteFact::Ballot("equivocated"),
        CommitteeEvent::Decided { outcome, .. } => VoteFact::Decided(match outcome.decision {
            Decision::Passed => "passed",
            Decision::Failed => "failed",
            Decision::Chosen(_) => "chosen",
            Decision::Vetoed { .. } => "vetoed",
            Decision::Next { .. } => "undecided",
            Decision::Unresolved => "unresolved",
            Decision::Withdrawn => "withdrawn",
        }),
        CommitteeEvent::Enrolled { .. }
        | CommitteeEvent::Opened { .. }
        | CommitteeEvent::Malformed { .. }
        | CommitteeEvent::SetAside { .. }
        | CommitteeEvent::Unsealing { .. }
        | CommitteeEvent::Mediated { .. }
        | CommitteeEvent::Closed { .. }
        | CommitteeEvent::Judged { .. }
        | CommitteeEvent::Forgotten { .. } => return,
    };
    tell(Fact::Vote(fact));
}
