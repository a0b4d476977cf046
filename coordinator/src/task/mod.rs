//! The task machine: graphs of tasks, executed at least once, recorded exactly once.
//!
//! Promises:
//!
//! 1. Every task that was acknowledged reaches exactly one terminal event, unless a person retries
//!    it, which is an event of its own.
//! 2. The attempt number is the fence: the first outcome of the current attempt is recorded, any
//!    other is told that it is stale and changes nothing.
//! 3. A task begins only when what it depends on allows it; a cycle is refused with its path.
//! 4. Submitting the same again changes nothing and gives the same answer; submitting something
//!    else under the same name is refused.
//! 5. An agent never holds more attempts than its capacity, a run never more than its concurrency.
//! 6. Why an agent was chosen stands in the event that chose it.
//!
//! Not promised: that a task runs only once outside. Agents get an effect key for that.
//!
//! `machine.rs` decides, `apply.rs` folds, `live.rs` holds what is not durable (who is there, which
//! leases run), `assign.rs` chooses, `why.rs` explains.

mod addressed;
mod agent_news;
mod apply;
mod assign;
mod breaker;
mod checks;
mod command;
mod consistency;
pub mod councils;
mod credits;
mod decision;
mod endings;
mod event;
mod forgetting;
mod gauges;
mod graph;
mod heal;
mod keeping;
mod leases;
mod live;
pub mod locks;
mod looks;
mod machine;
mod opening;
pub mod people;
mod queue;
pub mod redact;
mod retry;
mod revoking;
mod roster;
mod selection;
mod settings;
mod snapshot;
mod specialties;
pub mod standing;
mod state;
mod submit;
mod summary;
mod sweeps;
mod tally;
pub mod view;
pub mod votes;
mod why;

#[cfg(test)]
mod tests;

pub use checks::Checked;
pub use command::{Answer, Decision, Query, Refusal, RefusalCode, Reply, TaskCommand, TaskEffect};
pub use consistency::{Dangling, Held};
pub use event::{CancelReason, FailReason, Score, TaskEvent, Then};
pub use gauges::{AgentGauge, Gauges};
pub use heal::{Healing, Repair, STUCK_AFTER};
pub use machine::TaskMachine;
pub use opening::RunOpening;
pub use people::{PersonDecision, Said};
pub use roster::{AgentNo, AgentRecord, PERSON};
pub use selection::{adjusted_load_milli, penalty, suitability};
pub use settings::TaskSettings;
pub use standing::Scope;
pub use state::{Counts, Ending, Phase, Run, RunNo, Task};
pub use submit::Submitted;
pub(crate) use submit::fault_of_all;
pub use summary::{Ended, RunSummary};
pub use view::Label;
pub use why::{Beside, Blocker, Why};
