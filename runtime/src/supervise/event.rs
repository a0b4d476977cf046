//! What can happen to a supervisor, what it can ask for, and what it answers.

use std::{fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::rules::{ChildId, Kind, Rules};
use crate::{
    id::Incarnation,
    machine::ReplyTo,
    restart::Exit,
    time::{Moment, Wall},
};

/// What can happen. What is told of an incarnation that is over is ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Begin: start the children in order.
    Open,
    /// End: stop the children, last to first.
    Close,
    /// A child runs.
    Started(ChildId, Incarnation),
    /// A child had nothing to do, and does not run.
    Ignored(ChildId, Incarnation),
    /// A child did not start.
    StartFailed(ChildId, Incarnation, Arc<str>),
    /// A child has ended.
    Exited(ChildId, Incarnation, Exit),
    /// When a child last gave a sign of life.
    Heard(ChildId, Incarnation, Moment),
    /// Somebody asks.
    Asked(ReplyTo, Admin),
}

/// What can be asked of a supervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admin {
    /// Start a new child; under a dynamic strategy without rules, for those of the template hold.
    Start(ChildId, Option<Arc<Rules>>),
    /// Stop a child; it stays down until it is restarted.
    Terminate(ChildId),
    /// Start a child that is down or parked.
    Restart(ChildId),
    /// Forget a child that is down.
    Delete(ChildId),
    /// How many children there are.
    Count,
    /// Which children there are.
    Which,
}

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Keep what starts this child: the asker brought it, and it was accepted.
    Admit(ReplyTo, ChildId),
    /// Forget what starts this child.
    Forget(ChildId),
    /// Start a child, and tell how it went.
    Start(ChildId, Incarnation),
    /// Let go of a start that is under way, and tell how it went.
    Abandon(ChildId, Incarnation),
    /// Tell a child to finish what it has.
    Drain(ChildId, Incarnation),
    /// Ask a child to end.
    Stop(ChildId, Incarnation),
    /// Kill a child.
    Kill(ChildId, Incarnation),
    /// Find out when a child last gave a sign of life, and tell.
    Listen(ChildId, Incarnation),
    /// Answer.
    Answer(ReplyTo, Reply),
    /// All children of the plan have been started.
    Opened,
    /// A line for the supervision log.
    Note(Note),
    /// It is over, and no child lives.
    End(End),
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The child runs, as this incarnation.
    Started(Incarnation),
    /// The child had nothing to do, and does not run.
    Ignored,
    /// Terminated, or deleted.
    Done,
    /// How many children there are.
    Counted(Counts),
    /// Which children there are, in the order of their start.
    Listed(Vec<ChildView>),
    /// It cannot be.
    Refused(Refusal),
}

/// Why something cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The child runs, or is still ending.
    Running,
    /// The child is being restarted.
    Restarting,
    /// There is no such child.
    NotFound,
    /// There is such a child already, and it runs.
    AlreadyStarted,
    /// There is such a child already; it is down, or is being restarted.
    AlreadyPresent,
    /// There are as many instances as are allowed.
    Full(usize),
    /// The spec is bad.
    Bad(Arc<str>),
    /// The start failed.
    StartFailed(Arc<str>),
    /// The supervisor is ending.
    Closing,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running => f.write_str("it is running; terminate it first"),
            Self::Restarting => f.write_str("it is being restarted; terminate it first"),
            Self::NotFound => f.write_str("there is no such child"),
            Self::AlreadyStarted => f.write_str("a child of this name is running"),
            Self::AlreadyPresent => {
                f.write_str("a child of this name is kept, and down; restart or delete that one")
            }
            Self::Full(max) => write!(f, "all {max} places are taken; wait until one is free"),
            Self::Bad(fault) => f.write_str(fault),
            Self::StartFailed(reason) => write!(f, "its start failed: {reason}"),
            Self::Closing => f.write_str("the supervisor is ending"),
        }
    }
}

/// How many children there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Specs that are kept, of whatever state; one under a dynamic strategy.
    pub specs: usize,
    /// Children that live.
    pub active: usize,
    /// Children that are supervisors.
    pub supervisors: usize,
    /// Children that are workers.
    pub workers: usize,
    /// Children that wait for their next try.
    pub backing_off: usize,
    /// Children that are tried no more.
    pub parked: usize,
}

/// One child, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildView {
    /// Its name.
    pub id: ChildId,
    /// What it is.
    pub kind: Kind,
    /// What it is doing.
    pub state: ChildState,
    /// Its present or last life; zero when it never lived.
    pub incarnation: Incarnation,
    /// How often it was restarted.
    pub restarts: u32,
    /// How it ended last.
    pub last_exit: Option<Exit>,
}

/// What a child is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildState {
    /// It is being started.
    Starting,
    /// It runs.
    Running,
    /// It is being stopped.
    Stopping,
    /// It failed, and is tried again at this time.
    BackingOff(Wall),
    /// It failed too often, and is tried no more until somebody restarts it.
    Parked,
    /// It is down.
    Stopped,
}

impl fmt::Display for ChildState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("starting"),
            Self::Running => f.write_str("running"),
            Self::Stopping => f.write_str("stopping"),
            Self::BackingOff(until) => write!(f, "backing off until {until}"),
            Self::Parked => f.write_str("parked"),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}

/// Why a supervisor ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It was asked to.
    Asked,
    /// Its significant children have ended.
    Significant,
    /// There were more restarts than it bears; the last was this child's.
    GaveUp(ChildId),
    /// This child did not start when the supervisor began.
    FailedToStart(ChildId, Arc<str>),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("asked to"),
            Self::Significant => f.write_str("significant children have ended"),
            Self::GaveUp(child) => write!(f, "more restarts than it bears, the last of {child}"),
            Self::FailedToStart(child, reason) => write!(f, "{child} did not start: {reason}"),
        }
    }
}

/// What a line of the supervision log tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// It runs, for the first time or because somebody asked.
    Started,
    /// It runs again.
    Restarted,
    /// It had nothing to do.
    Ignored,
    /// It did not start.
    StartFailed,
    /// It ended by itself.
    Ended,
    /// It waits for its next try.
    BackingOff,
    /// It gave no sign of life, and is killed.
    Hung,
    /// It did not stop in time, and is killed.
    Killed,
    /// It was stopped.
    Stopped,
    /// It was killed and does not die; its supervisor goes on without it.
    Lost,
    /// It failed too often, and is tried no more.
    Parked,
    /// The supervisor bears no more restarts, and ends.
    GaveUp,
    /// Lines of the log are missing here.
    LinesLost,
}

/// One line of the supervision log, before it has a path and a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Of which child; of the supervisor itself when none.
    pub child: Option<ChildId>,
    /// What happened.
    pub what: What,
    /// Why.
    pub why: Option<Arc<str>>,
    /// Which life.
    pub incarnation: Incarnation,
    /// Which try in a row, from 1.
    pub attempt: u32,
    /// How long it took, or how long it had lived.
    pub took: Option<Duration>,
    /// How long is waited, or was waited, before the next try.
    pub delay: Option<Duration>,
}
