//! The lock machine: shared things held safely, by whoever asked first.
//!
//! Promises:
//!
//! 1. A lock is held by one exclusively, by any number together, or by as many as there are permits;
//!    never otherwise.
//! 2. Every grant has a token, the number of its event: of two grants of one lock the later has the
//!    greater, across restarts, take-overs and snapshots, and also when the lock was forgotten in
//!    between. A token is good for as long as the lock is held with it and not a moment longer;
//!    [`LockMachine::check`] says so in the same step as the write that it guards.
//! 3. Nobody overtakes: requests are served in the order of asking, readers and writers alike. A
//!    request that wants several locks has them all in one step or waits for all.
//! 4. A holder that says nothing keeps its locks until its lease has run out by the leader's own
//!    monotonic clock; at the very end of the lease it holds them still, and under a new leader it has
//!    a full lease again. No wall clock is looked at. What was lost without a word is then kept back
//!    for a while from all who could not have had it beside its holder.
//! 5. Nobody waits in a circle: the request that would close it is refused, with the circle in words.
//!    Nor does anybody wait for itself: more of a lock that one holds is refused.
//! 6. The same request is answered the same for as long as it is remembered, and refused after that;
//!    256 answers of a session are, and of refusals that wrote nothing 64 by the same leader.
//! 7. Everything is bounded, and each bound has a refusal that says what to do.
//!
//! Not promised: that a holder which was paused past its lease does nothing outside before it notices.
//! Whatever is written outside must look at the token.
//!
//! `machine.rs` decides, `apply.rs` folds, `live.rs` holds what is not durable, `acquire.rs` and
//! `release.rs` are what clients ask for, `grant.rs` serves the queues, `deadlock.rs` looks for
//! circles, `stale.rs` for what nobody stands up for, `tasks.rs` is for locks that tasks declare.

mod acquire;
mod apply;
mod checkup;
mod command;
mod deadlock;
mod decision;
mod event;
mod grant;
mod live;
mod look;
mod machine;
mod mode;
mod owner;
mod pairs;
mod reason;
mod refusal;
mod release;
mod sessions;
mod settings;
mod snapshot;
mod stale;
mod state;
mod tasks;
mod trial;
pub mod view;

#[cfg(test)]
mod tests;

pub(crate) use acquire::check_wants;
pub use checkup::{Holding, Waiter};
pub use command::{Acquire, Ending, LockCommand, LockReply, Opening, Release, Theft};
pub use decision::{LockDecision, LockEffect, LockNews};
pub use event::{LockEvent, Withdrawal};
pub use machine::LockMachine;
pub use mode::{Kind, Mode, Patience, Want};
pub use owner::{Cycle, Link, Owner, Party, Tie, Who};
pub use reason::LockReason;
pub use refusal::{Bound, LockRefusal};
pub use settings::{
    DEPTH_MAX, HOLDERS_MAX, HOLDS_MAX, LOCKS_MAX, LockSettings, PERMITS_MAX, REQUEST_LOCKS_MAX,
    REQUESTS_KEPT, SESSIONS_MAX, TEXT_CHARS_MAX, WAITERS_MAX, WAITS_MAX,
};
pub use state::Grant;
pub use tasks::Obstacle;
pub use view::{LockAnswer, LockGauges, LockQuery};
