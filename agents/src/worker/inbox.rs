//! The way back from attempts to their worker.
//!
//! Attempts leave what they have to say here and wake the actor once; it collects everything that
//! has gathered meanwhile in one go. So the actor's mailbox holds at most one wake-up however fast
//! attempts speak, and outcomes that come close together are reported together.

use std::{
    collections::BTreeMap,
    sync::{Mutex, OnceLock, PoisonError},
};

use futures::future::BoxFuture;
use orkestra_runtime::protocol::{
    agent::{Artifact, Progress},
    check::CheckResult,
    task::Outcome,
    understanding::Understanding,
};

use super::actor::{OwnMail, WorkerAddress, WorkerMail};
use crate::context::{AttemptKey, Signs};

/// What has gathered.
#[derive(Default)]
pub(super) struct Gathered {
    /// Attempts that have ended; none for one that was dropped.
    pub(super) ended: Vec<(AttemptKey, Option<Outcome>)>,
    /// Who gave a sign of life, with the newest progress.
    pub(super) signs: BTreeMap<AttemptKey, Option<Progress>>,
    /// What attempts kept, in that order.
    pub(super) kept: Vec<(AttemptKey, Artifact)>,
    /// What checks of their files found, in that order.
    pub(super) checked: Vec<(AttemptKey, Vec<CheckResult>)>,
    /// What the agent understands now, if it said so.
    pub(super) understood: Option<Understanding>,
    /// Attempts that did not end at once and need a task of their own.
    pub(super) going: Vec<BoxFuture<'static, ()>>,
    woken: bool,
}

/// The way back from attempts to their worker.
#[derive(Default)]
pub(super) struct Inbox {
    gathered: Mutex<Gathered>,
    worker: OnceLock<WorkerAddress>,
}

impl Inbox {
    /// Whom to wake; the first call counts.
    pub(super) fn belongs_to(&self, worker: WorkerAddress) {
        let _ = self.worker.set(worker);
    }

    /// Takes everything out.
    pub(super) fn collect(&self) -> Gathered {
        std::mem::take(&mut *self.gathered.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Leaves something, and wakes the worker unless it is awake already.
    pub(super) fn leave(&self, what: impl FnOnce(&mut Gathered)) {
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        what(&mut gathered);
        let wake = !std::mem::replace(&mut gathered.woken, true);
        drop(gathered);
        if wake && let Some(worker) = self.worker.get() {
            // The worker may have ended meanwhile; then nobody is left to be told.
            let _ = worker.send(WorkerMail::Own(OwnMail::READY));
        }
    }
}

impl Signs for Inbox {
    fn sign(&self, of: AttemptKey, progress: Option<Progress>) {
        self.leave(|gathered| {
            let newest = gathered.signs.entry(of).or_default();
            if progress.is_some() {
                *newest = progress;
            }
        });
    }

    fn kept(&self, of: AttemptKey, artifact: Artifact) {
        self.leave(|gathered| gathered.kept.push((of, artifact)));
    }

    fn understood(&self, understanding: Understanding) {
        self.leave(|gathered| gathered.understood = Some(understanding));
    }
}
