//! How the committee behaves, and its bounds.

use std::time::Duration;

use orkestra_runtime::limits::RECORD_BYTES_MAX;

/// What an operator may set. Nothing here is read while events are applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitteeSettings {
    /// Where votes are held: part of what is signed, so that a ballot of one cluster is none in
    /// another.
    pub realm: String,
    /// How many decided votes keep their ballots.
    pub retain_ballots: u32,
    /// How many decided votes keep their outcome.
    pub retain_votes: u32,
    /// For how long a decided vote is remembered at all.
    pub retain_for: Duration,
    /// For how long those who were enrolled are remembered if no vote is opened for them.
    pub enrol_for: Duration,
}

impl Default for CommitteeSettings {
    fn default() -> Self {
        Self {
            realm: "orkestra".to_owned(),
            retain_ballots: 200,
            retain_votes: 5_000,
            retain_for: Duration::from_hours(30 * 24),
            enrol_for: Duration::from_hours(1),
        }
    }
}

/// What the ballots of so many voters may come to take in memory and in snapshots, at worst, where
/// there are so many options.
pub(super) fn reserved(members: usize, options: usize) -> u64 {
    let [members, options] = [members, options].map(|count| count as u64);
    members * (300 + 3 * options) + (members * REASON_BYTES_MAX as u64).min(REASONS_BYTES_MAX)
}

/// How many votes may be open at a time.
pub const OPEN_MAX: usize = 10_000;
/// How many may vote on one thing.
pub const MEMBERS_MAX: usize = 100_000;
/// How many votes may have voters enrolled for them before they are opened.
pub const DRAFTS_MAX: usize = 100;
/// How many bytes one proposal may take with all its voters, and one page of voters.
pub const PROPOSAL_BYTES_MAX: usize = 200 * 1024;
/// How long a title may be.
pub const TITLE_CHARS_MAX: usize = 300;
/// How many bytes the text of a proposal may have.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;
/// How many bytes the text of an option may have.
pub const OPTION_BYTES_MAX: usize = 8 * 1024;
/// How long what is said for the record may be: who, why, a family, a domain.
pub const WORDS_CHARS_MAX: usize = 500;
/// How long the reason of a ballot may be.
pub const REASON_BYTES_MAX: usize = 2_048;
/// How many bytes the reasons of one vote may take together.
pub const REASONS_BYTES_MAX: u64 = 256 * 1024;
/// How many bytes the ballots that are kept may take, at worst.
pub const KEPT_BYTES_MAX: u64 = 48 * 1024 * 1024;
/// The shortest time for which a vote is open, in milliseconds.
pub const DEADLINE_MS_MIN: u64 = 1;
/// The longest: a year.
pub const DEADLINE_MS_MAX: u64 = 366 * 24 * 3_600_000;
/// How many methods the ballots of one vote are counted by besides.
pub const TALLIES_MAX: usize = 20;
/// How many votes may follow from one another.
pub const ROUNDS_MAX: u32 = 20;
/// How many delegations may lie between a voter and a ballot.
pub const DELEGATIONS_MAX: usize = 64;
/// How many tasks may follow from a decision, of each kind.
pub const THEN_MAX: usize = 64;
/// How many options a mediator may add.
pub const MEDIATED_MAX: usize = 8;
/// With more voters nothing is closed early but when all have voted, and nothing is counted within
/// the step that closes it.
pub const INLINE_MEMBERS_MAX: usize = 2_000;
/// With more options nothing is counted within the step that closes it.
pub const INLINE_OPTIONS_MAX: usize = 20;
/// How many verified outcomes are remembered of a voter in a domain.
pub const JUDGED_MAX: usize = 1_000;
/// How many voters' records there are, by domain. A vote of more than [`INLINE_MEMBERS_MAX`] that is
/// judged fills what room there is; a smaller one takes that of who was judged longest ago.
pub const RECORDS_MAX: usize = 5_000;
/// From votes with more voters it is not learned who errs together with whom; what is known of pairs is
/// used in votes of any size.
pub const PAIRS_MEMBERS_MAX: usize = 32;
/// How many pairs are remembered.
pub const PAIRS_MAX: usize = 10_000;
/// How long a mediator is waited for where nothing is said, in milliseconds: a day.
pub(super) const MEDIATOR_MS: u64 = 24 * 3_600_000;
/// How long a person is waited for where nothing is said, in milliseconds: a week.
pub(super) const PERSON_MS: u64 = 7 * 24 * 3_600_000;
/// How much of an outcome's tables stands in its event.
pub(super) const TABLES_BYTES_MAX: usize = 24 * 1024;

// The first decision of a step takes half a record, and opening is one.
const _: () = assert!(PROPOSAL_BYTES_MAX + 32 * 1024 < RECORD_BYTES_MAX / 2);
