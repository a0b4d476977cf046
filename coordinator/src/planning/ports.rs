//! What planning needs of others: a team, and ways to tell.

use std::{fmt, sync::Arc};

use futures::future::BoxFuture;
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{Headers, Inboxes, Messages, Subject},
};
use serde_json::Value;

use super::{
    announce::Told,
    collect::Ended,
    derive::AtomicTask,
    words::{Constraints, RoleName},
};

/// A deliberation that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What it is called: the same again is found, not begun anew.
    pub id: String,
    /// Whose it is.
    pub namespace: String,
    /// Whose council.
    pub role: RoleName,
    /// What is to be done.
    pub task: String,
    /// What it is held to.
    pub constraints: Constraints,
}

/// A deliberation that ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Deliberated {
    /// How.
    pub how: Ended,
    /// Whose proposal is the best; empty if there is none.
    pub winner_id: String,
    /// Why it failed; may be empty.
    pub error: String,
    /// What came of it, best first.
    pub results: Vec<Value>,
}

/// How a deliberation stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// It is not known, or not any more.
    Unknown,
    /// It goes on.
    GoesOn,
    /// It ended.
    Over(Box<Deliberated>),
}

/// The team: its councils deliberate, its agents do what is submitted.
pub trait Team: Send + Sync + fmt::Debug + 'static {
    /// Begins one, or finds it begun; says until when it may last, in milliseconds since 1970. An
    /// error that [may work later](Error::is_retryable) is no refusal.
    fn begin(&self, wanted: Wanted) -> BoxFuture<'_, Result<u64>>;

    /// How one stands.
    fn standing(&self, namespace: &str, id: &str) -> BoxFuture<'_, Result<Standing>>;

    /// Submits derived tasks, each after all that it waits for; the same again is found.
    fn submit(
        &self,
        namespace: &str,
        plan: &str,
        tasks: &[AtomicTask],
    ) -> BoxFuture<'_, Result<()>>;

    /// Whether this node looks after the jobs of a namespace: of all nodes one does, most of the time.
    fn is_led_here(&self, namespace: &str) -> bool;
}

/// Where others are told; without NATS there is nobody to tell.
#[derive(Clone, Debug, Default)]
pub struct Tellers {
    /// Streams of others.
    pub inboxes: Option<Arc<dyn Inboxes>>,
    /// Whoever listens.
    pub outside: Option<Arc<dyn Messages>>,
}

impl Tellers {
    /// Whether there is anybody to tell.
    pub const fn is_somebody(&self) -> bool {
        self.inboxes.is_some() && self.outside.is_some()
    }

    /// Tells, in order; returns when what is to be kept is kept.
    pub async fn tell(&self, told: Vec<Told>) -> Result<()> {
        for word in told {
            self.tell_one(word).await?;
        }
        Ok(())
    }

    async fn tell_one(&self, told: Told) -> Result<()> {
        let Told { subject, id, body, is_kept } = told;
        let body = serde_json::to_vec(&body).map_err(|error| {
            Error::new(ErrorKind::Fault, format!("cannot write {subject}")).because(error)
        })?;
        match (is_kept, &self.inboxes, &self.outside) {
            (true, Some(inboxes), _) => inboxes.send(&subject, &id, body.into()).await,
            (false, _, Some(outside)) => {
                let subject = Subject::outside(&subject)?;
                outside.publish_with(&subject, Headers::new(), body.into()).await
            }
            (true, None, _) | (false, _, None) => Ok(()),
        }
    }
}
