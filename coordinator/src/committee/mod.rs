//! The committee: decisions by rules that can be checked.
//!
//! What is here is pure. It knows of no clock, no journal and no chance: ballots go in, what they
//! come to goes out, the same on every machine, so a recount is the count again.
//!
//! Promises:
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
//! Not promised: that voters are many. How many independent ones they are worth is estimated from
//! their record ([`independence`]), as is what they weigh ([`weights`]).
//!
//! [`motion`] is for yes or no, [`consensus`] for the six classic methods, [`tally`] for all others;
//! [`file`](mod@file) reads files of them.

pub mod compromise;
pub mod consensus;
pub mod deadlock;
pub mod expertise;
pub mod file;
pub mod independence;
pub mod motion;
pub mod settled;
pub mod tally;
pub mod weights;

#[cfg(test)]
mod tests;
