//! Reads what others said to planning, one message after another, and settles each when what follows
//! from it is durable.
//!
//! | what happens | what becomes of the message |
//! |---|---|
//! | what follows is kept and told | acknowledged |
//! | it cannot be read, or never done | terminated, with `orchestration.event.refused` |
//! | something is away, or anything else goes wrong | it comes again, later and later |
//! | this node dies | another coordinator gets it, or this one in its next life |

use std::{sync::Arc, time::Duration};

use futures::future::{BoxFuture, FutureExt as _, try_join_all};
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{Inbox, Inboxes, Letter},
};

use super::{
    announce,
    desk::Planning,
    event::{PLAN_APPROVED, PlanningEvent, STORY_TRANSITIONED},
    response::Response,
    streams,
};

/// How long one question for the next message lasts.
const NEXT_WITHIN: Duration = Duration::from_secs(5);
/// How soon a message comes again that could not be done, and how late at most.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));
/// How long is waited before servers are asked again that are away.
const PAUSE: Duration = Duration::from_millis(250);
/// How often plans are looked at that may be forgotten, and how long they are kept: as long as the
/// stream keeps what tells of them.
const PLANS: (Duration, Duration) = (Duration::from_hours(1), Duration::from_hours(30 * 24));

/// What reads.
#[derive(Debug)]
pub struct Door {
    planning: Planning,
    inboxes: Arc<dyn Inboxes>,
    sweep_every: Duration,
}

impl Door {
    /// Reads from these inboxes; looks at all jobs so often.
    pub fn new(planning: Planning, inboxes: Arc<dyn Inboxes>, sweep_every: Duration) -> Self {
        Self { planning, inboxes, sweep_every }
    }

    /// Runs until it is dropped. An error says what stands in the way: a stream or a consumer of the
    /// same name that is another.
    pub async fn run(self: Arc<Self>) -> Result<()> {
        for stream in streams::streams()? {
            self.inboxes.stream(&stream).await?;
        }
        let mut duties: Vec<BoxFuture<'_, Result<()>>> = vec![self.sweep().boxed()];
        for spec in streams::inboxes()? {
            let inbox = self.inboxes.inbox(&spec).await?;
            duties.push(self.read(inbox).boxed());
        }
        try_join_all(duties).await.map(drop)
    }

    async fn sweep(&self) -> Result<()> {
        let mut plans_at = None;
        loop {
            if let Err(error) = self.planning.sweep().await {
                tracing::warn!(%error, "jobs of planning are looked at again");
            }
            let now = self.planning.clock.now();
            if plans_at.is_none_or(|at| now.moment.since(at) >= PLANS.0) {
                plans_at = Some(now.moment);
                let before = now.wall.before(PLANS.1).as_ms();
                if let Err(error) = self.planning.store.forget_plans(before).await {
                    tracing::warn!(%error, "old plans are looked at again");
                }
            }
            tokio::time::sleep(self.sweep_every).await;
        }
    }

    async fn read(&self, inbox: Arc<dyn Inbox>) -> Result<()> {
        loop {
            match inbox.next(NEXT_WITHIN).await {
                Ok(Some(letter)) => self.settle(&letter).await,
                Ok(None) => {}
                Err(error) if error.is_retryable() => tokio::time::sleep(PAUSE).await,
                Err(error) => return Err(error),
            }
        }
    }

    async fn settle(&self, letter: &Letter) {
        let settled = match self.follow(letter).await {
            Ok(()) => letter.done().await,
            Err(error) if is_final(&error) => {
                let why = error.to_string();
                tracing::warn!(subject = letter.subject, sequence = letter.sequence, %error, "refused");
                let now = self.planning.now_ms();
                let told = announce::refused(&letter.subject, letter.sequence, &why, now);
                match self.planning.tellers.tell(vec![told]).await {
                    Ok(()) => letter.never(&why).await,
                    Err(_) => letter.again(later(letter.deliveries)).await,
                }
            }
            Err(error) => {
                let (subject, sequence) = (&letter.subject, letter.sequence);
                tracing::warn!(subject, sequence, %error, "it could not be done, and comes again");
                letter.again(later(letter.deliveries)).await
            }
        };
        if let Err(error) = settled {
            tracing::warn!(subject = letter.subject, %error, "it may come again");
        }
    }

    /// What follows from a message; durable when this returns.
    async fn follow(&self, letter: &Letter) -> Result<()> {
        let namespace = self.planning.namespace();
        if [STORY_TRANSITIONED, PLAN_APPROVED].contains(&letter.subject.as_str()) {
            let event = PlanningEvent::read(&letter.subject, letter.id.as_deref(), &letter.body)?;
            return self.planning.process(namespace, event).await.map(drop);
        }
        match Response::read(&letter.subject, &letter.body)? {
            Some(response) => self.planning.heard(namespace, &response).await.map(drop),
            None => Ok(()),
        }
    }
}

/// Whether the same can never be done, however often it comes.
fn is_final(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Conflict)
}

fn later(deliveries: u64) -> Duration {
    let doublings = u32::try_from(deliveries.saturating_sub(1).min(6)).unwrap_or(6);
    AGAIN.0.saturating_mul(1 << doublings).min(AGAIN.1)
}
