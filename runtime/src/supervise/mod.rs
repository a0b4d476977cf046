//! Supervision: children that are started in order, restarted by rule, and stopped in order.
//!
//! ```text
//!   SupervisorSpec ──▶ Supervisor::start ──▶ SupervisorHandle: start, terminate, restart, which, tree
//!                            │
//!                     actor ◀┴▶ machine: pure; what OTP's supervisor does, and a little more
//!                            │
//!                     log: who, what, why, which try, how long
//! ```
//!
//! Promises: those of [`machine`]; and on real actors: a supervisor is never deaf, since children
//! start in tasks of their own; a start that fails or panics is a failed start; a kill is told from
//! a peaceful end; children are stopped by their supervisor, last to first, each with its
//! `post_stop` and within its limit, before it ends, however it is stopped in order.
//!
//! It does not promise: that a thread that is blocked dies when it is killed (it is shown, then
//! left as lost); order when a supervisor itself is killed (ractor then kills all below it); that
//! the memory of an actor that panicked is freed before its successor starts (its thread may need
//! a moment more, so what must not overlap needs a fence).
//!
//! [`rules`] says what can be asked for, [`child`] and [`spec`] how it is written down.

mod actor;
pub mod child;
mod ending;
pub mod event;
mod handle;
mod heart;
pub mod log;
pub mod machine;
pub mod rules;
pub mod spec;
mod tree;

pub use self::{
    child::{ChildSpec, Running, StartError, StartFn, Started, Starting},
    ending::SHUTDOWN,
    event::{ChildState, ChildView, Counts},
    handle::{ANSWER_WITHIN, QUESTIONS_WAITING_MAX, Supervisor, SupervisorHandle},
    heart::Heart,
    log::SupervisionLog,
    rules::{AutoShutdown, ChildId, Kind, Rules, Shutdown, Strategy},
    spec::{Env, SupervisorSpec},
    tree::Tree,
};

#[cfg(test)]
mod tests;
