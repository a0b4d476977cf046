//! Planning: what others say of stories and plans, and what follows from it.
//!
//! A plan that was approved becomes one deliberation a role; what becomes of each is told. Agents
//! elsewhere may answer jobs on NATS. Tasks of a plan are derived when asked, and an agent is told
//! what it has to know for one.
//!
//! Promises: what cannot be read is refused, never guessed; the same said again does nothing again; one
//! role that fails does not stop the others; an answer counts once for each agent; a job ends at its
//! time, with whatever came, be it nothing; a message is acknowledged only when what follows from it
//! is durable.
//!
//! It does not promise that something is told once: whoever hears knows it by its `event_id`.
//!
//! | file | what |
//! |---|---|
//! | [`event`], [`call`] | what the planning side says, read strictly |
//! | [`derive`](mod@derive) | tasks of a plan: pure |
//! | [`brief`](mod@brief) | what an agent has to know: pure; `gather` reads it |
//! | [`response`], [`collect`] | answers of agents elsewhere, and when a job is over: pure |
//! | [`announce`] | what is told: pure |
//! | [`store`] | what is kept |
//! | [`desk`] | all of it together; `looking` ends and tells jobs |
//! | [`ports`], [`team`] | whom it asks and tells: councils, tasks, others |
//! | [`streams`], [`door`], [`child`] | NATS |

pub mod announce;
pub mod brief;
pub mod call;
pub mod child;
pub mod collect;
pub mod derive;
pub mod desk;
pub mod door;
pub mod event;
pub mod gather;
mod looking;
pub mod ports;
pub mod response;
pub mod store;
pub mod streams;
pub mod team;
pub mod words;

#[cfg(test)]
mod tests;

pub use brief::{Blocks, Brief, BriefOptions, BriefPhase, BriefRequest, Gathered, Scope, brief};
pub use child::{PlanningSpec, planning_of};
pub use derive::{AtomicTask, Derivation, DerivationStrategy, derive};
pub use desk::{Planning, PlanningSettings, Processed};
pub use door::Door;
pub use event::{PlanApproval, PlanningEvent, StoryTransition};
pub use gather::{Sources, gather};
pub use ports::{Team, Tellers};
pub use store::Store;
pub use words::{Constraints, RoleName};
