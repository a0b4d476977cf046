//! What a leader knows and never journals: who is there, which leases run, who waits.
//!
//! After a take-over it is rebuilt with fresh terms: late is safe, early is not.

use std::collections::{BTreeMap, BTreeSet};

use orkestra_runtime::{
    id::{Attempt, Incarnation, TaskNo},
    machine::ReplyTo,
    protocol::agent::Progress,
    time::{Moment, Wall},
};

use crate::task::{
    credits::Credit, locks::LockLine, queue::Queues, roster::AgentNo, state::RunNo, votes::VoteLine,
};

/// A term for one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) attempt: Attempt,
    pub(super) agent: AgentNo,
    /// In which life of its worker it was given; none if that was under another leader.
    pub(super) incarnation: Option<Incarnation>,
    pub(super) until: Moment,
    pub(super) began: Moment,
    /// Why it is over before its time, if it is.
    pub(super) lost: Option<Loss>,
}

/// Why an attempt is over though nobody reported its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// The node that held it went down.
    WithNode,
    /// Its worker was started anew without it.
    WithWorker,
    /// Its worker stopped in order.
    HandedBack,
}

impl Lease {
    /// Whether the attempt must end, for whatever reason.
    pub(super) fn is_over(&self, now: Moment) -> bool {
        self.lost.is_some() || self.until <= now
    }
}

/// Everything volatile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Live {
    /// Which life of each agent's worker is there.
    pub(super) joined: BTreeMap<AgentNo, Incarnation>,
    /// Which of them are about to go, and are given nothing more.
    pub(super) leaving: BTreeSet<AgentNo>,
    /// What may be given to each agent; nothing where its capacity is not shared.
    pub(super) credits: BTreeMap<AgentNo, Credit>,
    /// When credits are looked at next: coarse, so that using them costs nothing.
    pub(super) credit_look: Option<Moment>,
    /// When this leader began: what answers an earlier wish was not for it.
    pub(super) began: Moment,
    pub(super) leases: BTreeMap<TaskNo, Lease>,
    /// Where tasks that declare locks stand before they begin.
    pub(super) locks: LockLine,
    /// Votes that are to be opened for tasks.
    pub(super) votes: VoteLine,
    pub(super) progress: BTreeMap<TaskNo, Progress>,
    /// When the leases are looked through next: coarse, so that a renewal costs nothing.
    pub(super) sweep: Option<Moment>,
    /// Whether the sweep that runs looks through the leases: that costs a look at each.
    pub(super) looks_through: bool,
    pub(super) run_waiters: BTreeMap<RunNo, Vec<ReplyTo>>,
    pub(super) followers: BTreeMap<RunNo, BTreeSet<ReplyTo>>,
    /// Tasks whose time to retry has come.
    pub(super) ripe: Queues,
    /// Retries due up to this time are ripe.
    pub(super) ripe_until: Wall,
    /// Whether scheduling found nothing more to give, and nothing has changed since.
    pub(super) settled: bool,
    /// How many tasks the latest scheduling gave.
    pub(super) given: usize,
    /// Breakers whose trial was due before this time were looked at.
    pub(super) cooled_until: Wall,
    /// When ready tasks were last looked at though nothing had happened.
    pub(super) assign_swept: Moment,
    /// When stuck tasks were last looked for.
    pub(super) recovery_swept: Moment,
    /// Whether the sweep that runs looks for stuck tasks.
    pub(super) recovers: bool,
}
