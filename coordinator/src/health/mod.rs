//! Health: how well agents and the system do, how far runs are, what went wrong and was mended.
//!
//! Everything here is a view. [`Vitals`] is folded from the journal and [`Tending`] from the
//! supervision log, so that a dead folder tells the same as a live one, and nothing is kept twice;
//! [`Monitor`] follows both while a node runs. None of it is asked of the sequencer.
//!
//! | part | what it tells |
//! |---|---|
//! | [`Health`], [`Outcomes`] | the thresholds, and the outcomes that they are applied to |
//! | [`Vitals`] | agents' outcomes, runs' milestones, attempts that failed, from events |
//! | [`Tending`] | who ended and came back, how long the node was up, from the supervision log |
//! | [`Incidents`] | what went wrong, whether it was mended, and how long that took |
//! | [`Report`] | all of it at one time, for a person or a program |
//!
//! **The window.** Rates are of the latest [`WINDOW`] outcomes of each agent. Counted over its whole
//! life, an agent with a million results could fail for a day before a threshold noticed, and one
//! that was mended would be called critical for weeks. A hundred is the smallest number at which
//! one outcome is one percent, so that each threshold can be hit exactly. A window in time was
//! rejected: agents that work once an hour would have none. The totals of a life stand beside it.

mod facts;
mod incidents;
mod known;
mod lives;
mod locks;
mod milestones;
mod monitor;
mod outcomes;
mod report;
mod tending;
#[cfg(test)]
mod tests;
mod vitals;
mod votes;
mod watched;

pub use facts::{AgentVitals, Fact};
pub use incidents::{INCIDENTS_KEPT, Incident, IncidentKind, Incidents, Tally};
pub(crate) use lives::Lives;
pub use locks::LockFact;
pub use milestones::{MILESTONES, Milestone, RunProgress};
pub use monitor::{FOLLOW_EVERY, Monitor, Observer};
pub use outcomes::{Health, Outcomes, WINDOW};
pub use report::{AgentHealth, Report, Standing, SystemHealth};
pub use tending::{AGENTS, Tending, reason_of};
pub use vitals::Vitals;
pub use votes::{BALLOTS, DECISIONS, VoteFact};
pub use watched::Appended;
pub(crate) use watched::WatchedLogs;
