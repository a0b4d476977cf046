//! What the lock machine can be told, and what it answers.

use orkestra_runtime::{
    id::{Attempt, LockKey, RequestNo, SessionId, SessionNo, TaskNo, Token, WaitNo},
    machine::ReplyTo,
};
use serde::{Deserialize, Serialize};

use crate::lock::{
    mode::{Patience, Want},
    owner::Party,
    reason::LockReason,
    refusal::LockRefusal,
    state::Grant,
    view::StaleView,
};

/// A session that is to be opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// What it is called; one of a name at a time.
    pub session: SessionId,
    /// A number drawn by whoever opens it: the same again is the same opening.
    pub nonce: u64,
    /// For how long it lives without a renewal, in milliseconds; none: as configured.
    #[serde(default)]
    pub lease_ms: Option<u64>,
    /// Whose it is, in words, for people; 500 characters at most.
    #[serde(default)]
    pub by: String,
}

/// Locks that a session wants: all at once or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acquire {
    /// Which session.
    pub session: SessionNo,
    /// Its number for this; the same again is the same request.
    pub request: RequestNo,
    /// Which locks, and how.
    pub locks: Vec<Want>,
    /// How long it is ready to wait.
    #[serde(default)]
    pub wait: Patience,
}

/// Locks that a session gives back: all at once or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Which session.
    pub session: SessionNo,
    /// Its number for this; the same again is the same request.
    pub request: RequestNo,
    /// Which locks, each with the token that it was given with.
    pub locks: Vec<Grant>,
    /// Why.
    #[serde(default)]
    pub reason: LockReason,
}

/// A lock that is taken from whoever holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Theft {
    /// Which.
    pub key: LockKey,
    /// Its newest token, as whoever steals has seen it: nobody else is stolen from.
    pub token: Token,
    /// Who, for the record; 500 characters at most.
    pub by: String,
    /// Why, for the record; 500 characters at most.
    pub why: String,
    /// For how long it is kept back, in milliseconds; none: as configured; 0: not at all, for whoever
    /// knows that nobody does anything under it any more.
    #[serde(default)]
    pub delay_ms: Option<u64>,
}

/// An attempt that holds nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ending {
    /// Of which task.
    pub task: TaskNo,
    /// Which try.
    pub attempt: Attempt,
    /// Why.
    pub reason: LockReason,
    /// Whether surely nothing more is done under its locks; if not, they are kept back for a while.
    pub is_sure: bool,
}

/// A command. What carries a [`ReplyTo`] is answered once, when its effects are durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockCommand {
    /// Opens a session, or finds it open.
    Open {
        /// Who asks.
        to: ReplyTo,
        /// What.
        opening: Opening,
    },
    /// Lets a session live for another lease. Nothing is written.
    Renew {
        /// Who asks.
        to: ReplyTo,
        /// Which.
        session: SessionNo,
    },
    /// Ends a session in order; all that it holds is free in the same step.
    Close {
        /// Who asks.
        to: ReplyTo,
        /// Which.
        session: SessionNo,
    },
    /// Wants locks. Answered when they are given, or it is certain that they will not be.
    Acquire {
        /// Who asks.
        to: ReplyTo,
        /// What.
        ask: Acquire,
    },
    /// Wants no more what a request asked for, whether it waits, was granted, or never came.
    Cancel {
        /// Who asks.
        to: ReplyTo,
        /// Which session.
        session: SessionNo,
        /// Which of its requests.
        request: RequestNo,
    },
    /// Gives locks back.
    Release {
        /// Who asks.
        to: ReplyTo,
        /// What.
        release: Release,
    },
    /// Takes a lock from whoever holds it.
    Steal {
        /// Who asks.
        to: ReplyTo,
        /// What.
        theft: Theft,
    },
    /// Ends a session for it: for whoever keeps the locks.
    End {
        /// Who asks.
        to: ReplyTo,
        /// Which.
        session: SessionNo,
        /// Why; not a reason of a holder's, except `Manual`.
        reason: LockReason,
        /// Who, for the record; 500 characters at most.
        by: String,
        /// Why, in words, for the record; 500 characters at most.
        #[serde(default)]
        why: String,
        /// For how long what it held is kept back, in milliseconds; none: as configured, and not at
        /// all after `TaskCompleted`; 0: not at all, for whoever knows that nobody does anything
        /// under its locks any more.
        #[serde(default)]
        delay_ms: Option<u64>,
    },
    /// Ends sessions that are stale, a few hundred at a time: those whose lease has run out, and
    /// those that nobody renewed for so long.
    Clean {
        /// Who asks.
        to: ReplyTo,
        /// Who, for the record; 500 characters at most.
        by: String,
        /// After how much silence a session is stale though its lease is longer, in milliseconds;
        /// none: only after its lease.
        #[serde(default)]
        silent_ms: Option<u64>,
    },
    /// Asks, in order with everything else, whether a token is good.
    Check {
        /// Who asks.
        to: ReplyTo,
        /// What.
        shown: Grant,
    },
    /// Internal: a task wants locks before an attempt begins; the same again is the same request.
    #[serde(skip)]
    AcquireFor {
        /// Which task.
        task: TaskNo,
        /// Which try.
        attempt: Attempt,
        /// What; it waits without end.
        locks: Vec<Want>,
    },
    /// Internal: attempts have ended, or will not begin; harmless if they hold nothing. They end at a
    /// pace: what one command does not end stays due.
    #[serde(skip)]
    EndAttempts(Vec<Ending>),
    /// Internal: for whom somebody waits, beside locks; in place of what was said before.
    #[serde(skip)]
    Waits {
        /// Who.
        who: Party,
        /// For whom; nobody: it waits no more.
        whom: Vec<Party>,
    },
    /// Internal: whoever asked is to be told what becomes of this wait.
    #[serde(skip)]
    Await {
        /// Who asks.
        to: ReplyTo,
        /// Of which.
        wait: WaitNo,
    },
    /// Internal: a refusal that the same request is to be told again.
    #[serde(skip)]
    Recall {
        /// Whose.
        session: SessionNo,
        /// Which.
        request: RequestNo,
        /// What it was told.
        refusal: LockRefusal,
    },
    /// Internal: gives what is free to whoever is next.
    #[serde(skip)]
    Grant {
        /// How many more in this step.
        left: u16,
    },
    /// Internal: looks whether a request is in a circle of waits since its owner let something go.
    #[serde(skip)]
    Look {
        /// Which.
        wait: WaitNo,
    },
    /// Internal: does what time has made due, at a pace.
    #[serde(skip)]
    Sweep,
    /// Internal: nothing may be written of locks now; due things are left for a while.
    #[serde(skip)]
    Later,
}

impl LockCommand {
    /// The token of whoever asks; none in what nobody asks for.
    pub const fn asker(&mut self) -> Option<&mut ReplyTo> {
        match self {
            Self::Open { to, .. }
            | Self::Renew { to, .. }
            | Self::Close { to, .. }
            | Self::Acquire { to, .. }
            | Self::Cancel { to, .. }
            | Self::Release { to, .. }
            | Self::Steal { to, .. }
            | Self::End { to, .. }
            | Self::Clean { to, .. }
            | Self::Check { to, .. }
            | Self::Await { to, .. } => Some(to),
            Self::AcquireFor { .. }
            | Self::EndAttempts(_)
            | Self::Waits { .. }
            | Self::Recall { .. }
            | Self::Grant { .. }
            | Self::Look { .. }
            | Self::Sweep
            | Self::Later => None,
        }
    }

    /// Whether nobody outside asks for it: then it is not to be refused because of what other nodes
    /// can read.
    pub const fn is_internal(&self) -> bool {
        match self {
            Self::AcquireFor { .. }
            | Self::EndAttempts(_)
            | Self::Waits { .. }
            | Self::Await { .. }
            | Self::Recall { .. }
            | Self::Grant { .. }
            | Self::Look { .. }
            | Self::Sweep
            | Self::Later => true,
            Self::Open { .. }
            | Self::Renew { .. }
            | Self::Close { .. }
            | Self::Acquire { .. }
            | Self::Cancel { .. }
            | Self::Release { .. }
            | Self::Steal { .. }
            | Self::End { .. }
            | Self::Clean { .. }
            | Self::Check { .. } => false,
        }
    }
}

/// What a command is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockReply {
    /// The session is open.
    Opened {
        /// Its number, which every request carries.
        session: SessionNo,
        /// For how long it lives without a renewal.
        lease_ms: u64,
        /// Whether it was open before.
        existed: bool,
    },
    /// The session lives for another lease.
    Renewed {
        /// Of so long.
        lease_ms: u64,
        /// How many locks were taken from it so far: when that has risen, look which.
        losses: u64,
    },
    /// The session is gone.
    Closed,
    /// The locks are held.
    Granted {
        /// Each with its token.
        locks: Vec<Grant>,
    },
    /// What was asked for is no longer wanted.
    Cancelled,
    /// The locks are held once less.
    Released,
    /// The lock was taken.
    Stolen {
        /// No token up to this one is good.
        token: Token,
    },
    /// What was stale is ended.
    Cleaned {
        /// How many sessions.
        sessions: u64,
        /// How many locks were held by all that went.
        locks: u64,
        /// Who went.
        #[serde(default)]
        gone: Vec<StaleView>,
        /// Whether there is more of it: then the same is asked again.
        #[serde(default)]
        more: bool,
    },
    /// The token is good.
    Good,
    /// Nothing was done, for this reason.
    Refused(LockRefusal),
}
