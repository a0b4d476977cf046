//! What of a count stands in its event: all of it where that is small, and what it says in any case.
//!
//! What is left out can be worked out again from the ballots.

use super::{
    compromise::Proposal,
    consensus::ClassicOutcome,
    counting::NAMES_MAX,
    outcome::{Count, Tallied},
    proposal::bytes_of,
    settings::TABLES_BYTES_MAX,
    tally::Answer,
};

/// How many sets of options are told of one proposal.
const SETS_MAX: usize = 20;

impl Tallied {
    /// The same with what is too large left out.
    pub(super) fn fitted(mut self) -> Self {
        self.count.fit();
        if let Some(others) = &mut self.others {
            for answer in others.answers.values_mut() {
                shorten(answer, TABLES_BYTES_MAX / 8);
            }
            if bytes_of(others) > 2 * TABLES_BYTES_MAX {
                others.answers.clear();
            }
            if bytes_of(others) > 2 * TABLES_BYTES_MAX {
                self.others = None;
            }
        }
        self.compromises.retain(|proposal| match proposal {
            Proposal::Shared { sets } => sets.len() <= SETS_MAX,
            Proposal::LeastBad { .. }
            | Proposal::Middle { .. }
            | Proposal::MostAcceptable { .. } => true,
        });
        self
    }
}

impl Count {
    fn fit(&mut self) {
        match self {
            Self::Election { answer, table, cut, .. } => {
                if bytes_of(table) > TABLES_BYTES_MAX {
                    *table = None;
                    *cut = true;
                }
                *cut |= shorten(answer, TABLES_BYTES_MAX);
            }
            Self::Classic(count) => {
                if bytes_of(&count.rounds) > TABLES_BYTES_MAX {
                    count.rounds.clear();
                }
                if let ClassicOutcome::Vetoed { by } = &mut count.outcome {
                    by.truncate(NAMES_MAX);
                }
            }
            Self::Motion(_) | Self::Refused(_) | Self::Nothing => {}
        }
    }
}

/// Leaves out of an answer what it can do without, the largest first, until it fits.
fn shorten(answer: &mut Answer, most: usize) -> bool {
    let steps: [fn(&mut Answer); 7] = [
        |answer| answer.rounds = None,
        |answer| answer.defeats = None,
        |answer| answer.rankings = None,
        |answer| answer.ties = None,
        |answer| answer.worst_defeat = None,
        |answer| {
            if let Some(sets) = &mut answer.committees {
                sets.truncate(SETS_MAX);
            }
        },
        |answer| {
            *answer = Answer {
                winners: answer.winners.take(),
                elected: answer.elected.take(),
                ..Answer::default()
            };
        },
    ];
    let mut is_cut = false;
    for step in steps {
        if bytes_of(answer) <= most {
            break;
        }
        step(answer);
        is_cut = true;
    }
    is_cut
}
