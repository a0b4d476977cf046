//! Councils: several agents improve one answer, and checks decide which is best.
//!
//! A council is a role with seats; the agents of the team do the work of its seats. What it is given
//! to think about it drafts, criticises, revises, checks and ranks, each step a task like any other:
//! durable, tried again, on any node.
//!
//! Promises:
//!
//! 1. Drafts are independent: nobody sees another's before all are in, agents neither clients.
//! 2. All critiques of a round are of the proposals as they stood when it began, by readers who are
//!    not told whose they are, in an order drawn from the seed; so what comes of it does not depend on
//!    who answers first. The author revises, and nobody else writes into a proposal.
//! 3. Checks decide, opinions only propose: a score is the share of checks that were passed, a whole
//!    number of points of so many, and ties go by fewer findings, then by seat.
//! 4. It ends: by a winner, because nobody proposed anything, when its time is over (with what there
//!    is), or because somebody cancelled it. That is one event, and what still works is stopped.
//! 5. Whoever fails is out, and the others go on; nothing is made up in its place.
//! 6. The same name and the same request is the same deliberation.
//! 7. What is proposed, said and found stands in the tasks of the run `deliberation:<id>`, once; here
//!    is who, in which order, and what it came to. With its run a deliberation is forgotten, and its
//!    figures are kept.
//!
//! Not promised: that more rounds make a better answer. One is the default, and five are the most.
//!
//! `machine.rs` decides, `apply.rs` folds; `councils.rs` and `seats.rs` are about who there is,
//! `asking.rs`, `course.rs` and `steps.rs` about how a deliberation goes, `reading.rs`, `ranking.rs`
//! and `judging.rs` about what it comes to, `look.rs` and `minutes.rs` tell.

mod apply;
mod asking;
mod command;
mod councils;
mod course;
mod decision;
mod event;
mod figures;
mod judging;
mod look;
mod machine;
mod minutes;
mod ranking;
mod reading;
mod refusal;
mod reply;
mod seats;
pub mod settings;
mod snapshot;
mod state;
mod stats;
mod steps;
pub mod view;
mod words;

#[cfg(test)]
mod tests;

pub use asking::fault_of_request;
pub use command::{CouncilCommand, DeliberationNo};
pub use decision::{CouncilDecision, CouncilEffect, CouncilNews};
pub use event::{
    CouncilEvent, EndStatus, Ending, LeftOut, Marks, Opening, Out, Place, Ranked, Seat, Step,
    StepRole, Version,
};
pub use machine::CouncilMachine;
pub use refusal::CouncilRefusal;
pub use reply::CouncilReply;
pub use view::{CouncilAnswer, CouncilQuery, Phase};
pub use words::{
    Begun, Capabilities, CheckWeights, CouncilConfig, DeliberationRequest, Exchange, Kind,
    NewCouncil, Registration, Selection,
};

/// As much of why something is so as is kept.
fn shortened(why: &str) -> String {
    let end = why.floor_char_boundary(settings::WHY_BYTES_MAX);
    why.get(..end).unwrap_or(why).to_owned()
}
