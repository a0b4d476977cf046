//! The committee: decisions by rules that can be checked.
//!
//! Everything here is pure. The counting knows of no clock and no journal: ballots go in, what they
//! come to goes out, the same on every machine, so a recount is the count again. The machine around
//! it decides and folds events, as the lock machine does.
//!
//! Promises of counting:
//!
//! 1. Numbers are exact. Weights are fractions, and no floating point is near them.
//! 2. One set of ballots can be counted by many methods ([`tally`]), and where those disagree is
//!    told.
//! 3. Ties are told as ties. Breaking one is a step of its own, which records what it went by
//!    ([`tally::tie`]).
//! 4. A vote is closed early only when no ballot that is missing could change its outcome
//!    ([`settled`], and `settled_now` of motions and classic votes).
//! 5. A vote that is stuck says why ([`deadlock`]), and its ballots say what might help
//!    ([`compromise`]).
//!
//! Promises of the machine:
//!
//! 6. Who may vote, what each weighs, the rule and the deadline are frozen when a vote is opened, and
//!    stand in its first event, or follow from it and from what stands before it.
//! 7. Everybody counts once. The same ballot again is the same ballot; a ballot is final unless the
//!    proposal says otherwise, and then the one with the highest number counts. Two different ballots
//!    signed under one number are kept as proof, and their voter counts as absent.
//! 8. A vote is closed where that is written in the journal, and nowhere else: what comes after
//!    counts nowhere, and is recorded as late. Who leads does not matter, nor that another leads now.
//! 9. Where the electorate names a key for a voter, nothing counts that is not signed by it for this
//!    vote. Where ballots are sealed, nobody can see one before all are in; the operator can see all
//!    afterwards, and who sealed a ballot may leave it sealed: then it is absent, and that is told.
//! 10. A vote that decides nothing is followed by the next rung of its ladder, in the same step; rungs
//!     are climbed once each, so it ends.
//! 11. The events of a vote are a chain of hashes, its outcome names the last, and from the events
//!     alone the outcome is worked out again ([`Recount`]).
//! 12. Everything is bounded, and each bound has a refusal that says what to do. Casting costs the same
//!     however many have voted, but at growing steps, where it is looked whether the vote is settled;
//!     with more than 2,000 voters it never is.
//!
//! Not promised: that voters are many. How many independent ones they are worth is estimated from
//! their record ([`independence`]), as is what they weigh ([`weights`]). Nor that an operator who can
//! write the journal tells the truth: keys say who voted, the journal is trusted to be complete.
//!
//! Of counting, [`motion`] is for yes or no, [`consensus`] for the six classic methods, [`tally`] for
//! all others; [`file`](mod@file) reads files of them. Of the machine, `machine.rs` decides, `apply.rs`
//! folds, `opening.rs` and `casting.rs` are what clients ask for, `closing.rs`, `counting.rs` and
//! `ladder.rs` what follows, `standing.rs` what a voter said that is not asked twice, `recount.rs`
//! checks it all again.

mod aliases;
mod apply;
mod attendance;
mod ballot;
mod casting;
mod closing;
mod command;
pub mod compromise;
pub mod consensus;
mod counting;
pub mod deadlock;
mod decision;
mod digest;
mod event;
pub mod expertise;
mod families;
pub mod file;
mod fitting;
mod forgetting;
pub mod independence;
mod ladder;
mod look;
mod machine;
mod minutes;
pub mod motion;
mod officers;
mod opening;
mod outcome;
mod papers;
mod poll;
mod proposal;
mod recount;
mod refusal;
mod reply;
mod roll;
pub mod settings;
pub mod settled;
mod signed;
mod snapshot;
mod standing;
mod state;
pub mod tally;
mod ties;
pub mod view;
pub mod weights;

#[cfg(test)]
mod tests;

pub use aliases::Aliases;
pub use ballot::{Ballot, Content, Scope};
pub use command::{Casting, CommitteeCommand, Mediation, Officer, Ruling, Sealing, Truth};
pub use decision::{CommitteeDecision, CommitteeEffect, CommitteeNews, Told};
pub use digest::{Digest, Signature};
pub use event::{Climb, CommitteeEvent};
pub use machine::CommitteeMachine;
pub use outcome::{Aside, Count, Decision, Outcome, RULES, Tallied, Turnout, Verdict, Why};
pub use poll::Poll;
pub use proposal::{
    BallotFault, Choice, Electorate, Ladder, Member, Nature, Proposal, ProposalFault, Question,
    Rung, Said, Then, TieWay, Weighting,
};
pub use recount::{Difference, Recount, Recounted};
pub use refusal::{Bound, CommitteeRefusal};
pub use reply::CommitteeReply;
pub use settings::CommitteeSettings;
pub use signed::{Signed, VoterKey, sign, verify};
pub use view::{CommitteeAnswer, CommitteeGauges, CommitteeQuery};
