//! What can happen to a worker, and what it can ask the world to do.

use std::time::Duration;

use orkestra_runtime::protocol::{
    agent::{Artifact, Assignment, Availability, FromAgent, Progress},
    check::CheckResult,
    task::Outcome,
    understanding::Understanding,
};

use crate::context::AttemptKey;

/// What can happen to a worker.
#[derive(Debug)]
pub enum Event {
    /// It was started and its address is known.
    Started,
    /// Attempts were assigned.
    Assigned(Vec<Assignment>),
    /// An attempt no longer counts.
    CancelAsked(AttemptKey),
    /// These outcomes were heard.
    Acknowledged(Vec<AttemptKey>),
    /// A leader asks who is there.
    AskedWhoIsThere,
    /// It is to end in order, within a time.
    DrainAsked(Duration),
    /// Attempts have left something.
    Ready,
    /// This is what they left.
    Collected(Collected),
    /// Whether the agent can work.
    Found(Availability),
}

/// What attempts have left.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Signs of life, with the newest progress.
    pub signs: Vec<(AttemptKey, Option<Progress>)>,
    /// What attempts kept, in that order.
    pub kept: Vec<(AttemptKey, Artifact)>,
    /// What checks of their files found, in that order.
    pub checked: Vec<(AttemptKey, Vec<CheckResult>)>,
    /// Ends; without an outcome where the attempt was dropped.
    pub ended: Vec<(AttemptKey, Option<Outcome>)>,
    /// What the agent understands now, if it said so.
    pub understood: Option<Understanding>,
}

/// What a worker can ask the world to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// Say this to the coordinator.
    Say(FromAgent),
    /// Begin these.
    Begin(Vec<Assignment>),
    /// Tell this attempt that it is cancelled.
    Cancel(AttemptKey),
    /// Drop this attempt.
    Abandon(AttemptKey),
    /// Collect what attempts have left.
    Collect,
    /// Find out whether the agent can work.
    Look,
    /// Tell the supervisor that the actor lives.
    Beat,
    /// End in order.
    Stop,
    /// End as failed.
    Fail(String),
}
