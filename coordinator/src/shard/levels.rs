//! In which level each kind of event appeared: kept for ever.
//!
//! A kind of event that is added, or a field whose loss would change what the event does, gets the
//! next level, and raises [`HIGHEST`]. Then a leader writes it only once all nodes that may lead read
//! it: see [`Ceiling`](super::Ceiling).

use crate::{
    committee::{CommitteeEvent, Weighting, Why},
    context::ContextEvent,
    council::CouncilEvent,
    lock::LockEvent,
    shard::machine::Event,
    task::TaskEvent,
};

/// The highest of them: what this program reads.
pub(super) const HIGHEST: u16 = 5;

/// The level in which locks appeared.
pub(super) const LOCKS: u16 = 2;

/// The level in which votes appeared.
pub(super) const COMMITTEE: u16 = 3;

/// The level in which tasks began to declare locks, and to be votes.
const LOCKS_AND_VOTES_OF_TASKS: u16 = 4;

/// The level in which votes began to stall, and weights to be worked out where a vote is folded.
const VOTES_THAT_STALL: u16 = 5;

/// The level in which councils appeared, and tasks that are deliberations.
pub(super) const COUNCIL: u16 = 5;

/// The level of an event.
pub(super) fn of(event: &Event) -> u16 {
    match event {
        Event::Task(event) => of_task(event),
        Event::Context(event) => of_context(event),
        Event::Lock(event) => of_lock(event),
        Event::Committee(event) => of_committee(event),
        Event::Council(event) => of_council(event),
    }
}

fn of_task(event: &TaskEvent) -> u16 {
    match event {
        TaskEvent::Submitted { spec, .. } if spec.council.is_some() => COUNCIL,
        // Whoever cannot read them would let the task begin without them.
        TaskEvent::Submitted { spec, .. } if !spec.locks.is_empty() || spec.vote.is_some() => {
            LOCKS_AND_VOTES_OF_TASKS
        }
        TaskEvent::RunOpened { .. }
        | TaskEvent::RunSealed { .. }
        | TaskEvent::RunEnded { .. }
        | TaskEvent::RunCancelled { .. }
        | TaskEvent::RunForgotten { .. }
        | TaskEvent::TasksForgotten { .. }
        | TaskEvent::Submitted { .. }
        | TaskEvent::Assigned { .. }
        | TaskEvent::Completed { .. }
        | TaskEvent::AttemptFailed { .. }
        | TaskEvent::Failed { .. }
        | TaskEvent::Cancelled { .. }
        | TaskEvent::Retried { .. }
        | TaskEvent::AgentDescribed { .. }
        | TaskEvent::ArtifactKept { .. }
        | TaskEvent::PersonDecided { .. }
        | TaskEvent::AskEscalated { .. }
        | TaskEvent::Paused { .. }
        | TaskEvent::Resumed { .. }
        | TaskEvent::AgentDrained { .. }
        | TaskEvent::AgentReturned { .. }
        | TaskEvent::BreakerOpened { .. }
        | TaskEvent::BreakerClosed { .. }
        | TaskEvent::Checked { .. }
        | TaskEvent::Redacted { .. }
        | TaskEvent::Revealed { .. } => 1,
    }
}

const fn of_context(event: &ContextEvent) -> u16 {
    match event {
        ContextEvent::Understood { .. }
        | ContextEvent::SnapshotTaken { .. }
        | ContextEvent::SnapshotsForgotten { .. }
        | ContextEvent::Restored { .. }
        | ContextEvent::PhaseSet { .. }
        | ContextEvent::Reconnected { .. } => 1,
    }
}

const fn of_lock(event: &LockEvent) -> u16 {
    match event {
        LockEvent::Opened { .. }
        | LockEvent::Ended { .. }
        | LockEvent::Queued { .. }
        | LockEvent::Granted { .. }
        | LockEvent::Withdrawn { .. }
        | LockEvent::Released { .. }
        | LockEvent::Stolen { .. }
        | LockEvent::Reopened { .. } => LOCKS,
    }
}

pub(super) fn of_committee(event: &CommitteeEvent) -> u16 {
    match event {
        // Whoever cannot read them would close the vote at another time, or give voters other weights.
        CommitteeEvent::Opened { proposal, enrolled, .. }
            if proposal.stalled_after_ms.is_some()
                || proposal.family_cap.is_some()
                || (enrolled.is_some() && matches!(proposal.weighting, Weighting::Record(_))) =>
        {
            VOTES_THAT_STALL
        }
        CommitteeEvent::Judged { many: true, .. } => VOTES_THAT_STALL,
        CommitteeEvent::Closed { why: Why::Stalled, .. }
        | CommitteeEvent::Unsealing { why: Why::Stalled, .. } => VOTES_THAT_STALL,
        CommitteeEvent::Decided { outcome, .. } if outcome.why == Why::Stalled => VOTES_THAT_STALL,
        CommitteeEvent::Enrolled { .. }
        | CommitteeEvent::Opened { .. }
        | CommitteeEvent::Cast { .. }
        | CommitteeEvent::Committed { .. }
        | CommitteeEvent::Equivocated { .. }
        | CommitteeEvent::Late { .. }
        | CommitteeEvent::Malformed { .. }
        | CommitteeEvent::SetAside { .. }
        | CommitteeEvent::Unsealing { .. }
        | CommitteeEvent::Mediated { .. }
        | CommitteeEvent::Closed { .. }
        | CommitteeEvent::Decided { .. }
        | CommitteeEvent::Judged { .. }
        | CommitteeEvent::Forgotten { .. } => COMMITTEE,
    }
}

const fn of_council(event: &CouncilEvent) -> u16 {
    match event {
        CouncilEvent::Created { .. }
        | CouncilEvent::Registered { .. }
        | CouncilEvent::Unregistered { .. }
        | CouncilEvent::Deleted { .. }
        | CouncilEvent::Opened { .. }
        | CouncilEvent::PhaseBegun { .. }
        | CouncilEvent::Ended { .. }
        | CouncilEvent::Forgotten { .. } => COUNCIL,
    }
}
