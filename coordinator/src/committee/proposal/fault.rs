//! What is wrong with a proposal or a ballot.

use std::fmt;

use orkestra_runtime::id::{OptionId, VoterId};
use serde::{Deserialize, Serialize};

use super::Rung;
use crate::committee::{
    settings,
    tally::{Exact, Kind, Method},
};

/// What is wrong with a proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProposalFault {
    /// Names of this shape are given to later rounds.
    Reserved,
    /// Its name leaves no room for those of later rounds.
    NameTooLong,
    /// A text is longer than it may be.
    TooLong {
        /// Which.
        what: String,
        /// How long it may be.
        max: u64,
    },
    /// There are more of something than there may be, or fewer than there must be.
    Count {
        /// Of what.
        what: String,
        /// How many there are.
        is: u64,
        /// How many there must be at least.
        min: u64,
        /// How many there may be.
        max: u64,
    },
    /// It takes more bytes than one record holds.
    TooLarge {
        /// How many.
        bytes: u64,
        /// How many it may.
        max: u64,
    },
    /// A motion has no options.
    MotionWithOptions,
    /// An option is named twice.
    OptionTwice {
        /// Which.
        option: OptionId,
    },
    /// There is no such option.
    NoOption {
        /// Which.
        option: OptionId,
    },
    /// A part of all is below 0, above 1, or 0 where it must not be.
    Part {
        /// Of what.
        what: String,
    },
    /// More or fewer are enrolled for it than it says.
    Enrolled {
        /// How many are.
        is: u64,
        /// How many it says.
        says: u64,
    },
    /// A voter's key is none.
    Key {
        /// Whose.
        voter: VoterId,
    },
    /// Two voters have the same key.
    KeyTwice {
        /// The second.
        voter: VoterId,
    },
    /// Nobody weighs anything.
    Weightless,
    /// Weights have too many digits, or no common measure of reasonable size.
    WeightsTooFine,
    /// Weights cannot be worked out here.
    WeightsElsewhere {
        /// For how many enrolled voters they can.
        max: u64,
    },
    /// What a voter weighed before is worked out here.
    Given {
        /// Whose weight.
        voter: VoterId,
    },
    /// All voters are of families, and those are too few for each to have so small a part.
    FewFamilies {
        /// How many there are that weigh anything.
        families: u64,
        /// The part.
        cap: Exact,
        /// How many there must be.
        needed: u64,
    },
    /// The method does not count such ballots.
    Method {
        /// The method.
        method: Method,
        /// What the ballots are.
        kind: Kind,
    },
    /// The method answers no winner.
    NoElection {
        /// The method.
        method: Method,
    },
    /// How many are elected is not said, or cannot be.
    Seats {
        /// How many can be.
        max: u64,
    },
    /// The method breaks ties by a list of all options, and there is none.
    NoList {
        /// The method.
        method: Method,
    },
    /// A list of options does not name each of them once.
    BadList,
    /// A lot may decide nothing that is binding or critical to security.
    Lot,
    /// Being ahead closes only where each is for one option, and ballots are final and open.
    AheadBy,
    /// A rung is there twice.
    RungTwice {
        /// Which.
        rung: Rung,
    },
    /// There is nobody to mediate.
    NoMediator,
    /// Where silence consents, that nobody says anything is no sign of a stall.
    SilenceStalls,
    /// What is to follow would not be taken when its time comes.
    Then {
        /// Why.
        why: String,
    },
    /// Delegations, and a veto of a voter's own, are of motions.
    OnlyMotions {
        /// What was said.
        what: String,
    },
}

impl fmt::Display for ProposalFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reserved => f.write_str(
                "names that end in .r and a number are given to later rounds: take another",
            ),
            Self::NameTooLong => f.write_str("its name is longer than 120 bytes: take a shorter one"),
            Self::TooLong { what, max } => write!(f, "{what} is longer than {max}: shorten it"),
            Self::Count { what, is, min, max } => {
                write!(f, "it has {is} {what}, and must have from {min} to {max}")
            }
            Self::TooLarge { bytes, max } => write!(
                f,
                "it takes {bytes} bytes, and {max} fit: enrol voters in pages before it is opened, or \
                 put long texts elsewhere"
            ),
            Self::MotionWithOptions => {
                f.write_str("a motion is answered with yes or no, and has no options: ask for an election")
            }
            Self::OptionTwice { option } => write!(f, "option {option} is there twice: name it once"),
            Self::NoOption { option } => write!(f, "there is no option {option}: name one of its own"),
            Self::Part { what } => write!(f, "{what} must be a part of one, such as \"2/3\""),
            Self::Enrolled { is, says } => write!(
                f,
                "{is} voters are enrolled for it, and it says {says}: enrol them all first, say how \
                 many, and take another name if somebody else enrolled others"
            ),
            Self::Key { voter } => {
                write!(f, "the key of {voter} is none: it is an nkeys user key, which begins with U")
            }
            Self::KeyTwice { voter } => {
                write!(f, "{voter} has the key of another voter: one key is one voter's")
            }
            Self::Weightless => f.write_str("nobody weighs anything: let somebody weigh more than 0"),
            Self::WeightsTooFine => f.write_str(
                "weights must have a common measure below 10^12 and be below 10^12 of it: round them",
            ),
            Self::WeightsElsewhere { max } => write!(
                f,
                "weights by expertise are worked out for voters who stand in the proposal, and for \
                 {max} who are enrolled before: work them out, and give them"
            ),
            Self::Given { voter } => write!(
                f,
                "what {voter} weighed before its family was held to its share is worked out here: \
                 leave `given` out"
            ),
            Self::FewFamilies { families, cap, needed } => write!(
                f,
                "{families} families weigh something, and no {families} parts of {cap} make a whole: \
                 let voters of {needed} families vote, or some of none, or let a family have more"
            ),
            Self::Method { method, kind } => {
                write!(f, "{method} does not count ballots of kind {kind}: take another method or kind")
            }
            Self::NoElection { method } => {
                write!(f, "{method} tells of candidates and elects nobody: count by it besides")
            }
            Self::Seats { max } => write!(f, "say for how many seats it is, from 1 to {max}, where the method elects several, and for none where it elects one"),
            Self::NoList { method } => {
                write!(f, "{method} goes by a list of all options: give it among the ways to break ties")
            }
            Self::BadList => f.write_str("a list for breaking ties names each option once"),
            Self::Lot => f.write_str(
                "a lot decides nothing that is binding or critical to security: leave it out",
            ),
            Self::AheadBy => f.write_str(
                "being ahead by some closes a vote only where each is for one option (kind single), and \
                 ballots are final and not sealed",
            ),
            Self::RungTwice { rung } => {
                write!(f, "rung {rung:?} is on the ladder twice: each is tried once")
            }
            Self::NoMediator => f.write_str("name who mediates, or leave the mediator out"),
            Self::SilenceStalls => f.write_str(
                "silence consents, at the deadline and no sooner: leave out after which time without \
                 a ballot it is stalled",
            ),
            Self::Then { why } => write!(f, "of what is to follow from it, {why}"),
            Self::OnlyMotions { what } => write!(f, "{what} is for motions only: leave it out"),
        }
    }
}

/// Why something is no ballot in this vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BallotFault {
    /// It says something that is not asked.
    OtherKind {
        /// What it says.
        says: String,
        /// What is asked.
        asked: String,
    },
    /// There is no such option.
    NoOption {
        /// What it names.
        option: OptionId,
    },
    /// It names an option twice.
    Twice {
        /// Which.
        option: OptionId,
    },
    /// It ranks options equal, and they must be in order.
    Equal,
    /// It leaves an option out, and none may be.
    Incomplete,
    /// A score is above the best.
    Score {
        /// Of which option.
        option: OptionId,
        /// The best.
        max: u16,
    },
    /// It deals out more points than a voter has.
    Points {
        /// How many those are.
        max: u16,
    },
    /// It names somebody who has no vote, or the voter.
    Delegate {
        /// Whom.
        voter: VoterId,
    },
    /// Its reason is too long.
    Reason {
        /// How many bytes it may have.
        max: u64,
    },
    /// The reasons of all take as much room as there is.
    NoRoomForReasons,
    /// It is sure beyond certainty.
    Confidence,
    /// Numbers begin at 1.
    Seq,
    /// It could not be read at all.
    Unreadable {
        /// Why.
        why: String,
    },
}

impl fmt::Display for BallotFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherKind { says, asked } => {
                write!(f, "it says {says}, and what is asked is: {asked}")
            }
            Self::NoOption { option } => {
                write!(f, "there is no option {option}: name options by their ids")
            }
            Self::Twice { option } => write!(f, "it names {option} twice: name it once"),
            Self::Equal => f.write_str("it ranks options equal: put one before the other"),
            Self::Incomplete => f.write_str("it leaves options out: name all of them"),
            Self::Score { option, max } => {
                write!(f, "the score of {option} is above the best, which is {max}")
            }
            Self::Points { max } => write!(f, "it deals out more than {max} points"),
            Self::Delegate { voter } => {
                write!(
                    f,
                    "{voter} cannot vote for this voter: name another member of the electorate"
                )
            }
            Self::Reason { max } => write!(f, "its reason is longer than {max} bytes: shorten it"),
            Self::NoRoomForReasons => write!(
                f,
                "the reasons of this vote take {} bytes already: vote without one",
                settings::REASONS_BYTES_MAX
            ),
            Self::Confidence => f.write_str("one is sure from 0 to 1, such as \"4/5\""),
            Self::Seq => f.write_str("ballots are numbered from 1"),
            Self::Unreadable { why } => write!(f, "it cannot be read: {why}"),
        }
    }
}
