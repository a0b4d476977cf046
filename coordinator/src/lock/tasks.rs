//! Locks of tasks: had before an attempt begins, and lost with it.

use orkestra_runtime::id::{Attempt, RequestNo, TaskNo};

use crate::lock::{
    acquire::Verdict,
    decision::{LockDecision, LockNews},
    event::LockEvent,
    machine::LockMachine,
    mode::{Patience, Want},
    owner::Owner,
    reason::LockReason,
    state::Grant,
};

/// An attempt asks once.
const REQUEST: RequestNo = RequestNo(0);

impl LockMachine {
    pub(super) fn decide_acquire_for(
        &self,
        (task, attempt): (TaskNo, Attempt),
        wants: &[Want],
        out: &mut LockDecision,
    ) {
        let owner = Owner::Attempt { task, attempt };
        if let Some(owned) = self.durable.owned.get(&owner) {
            let news = if owned.waits.is_empty() {
                let locks = self.held_by_attempt(task, attempt);
                LockNews::Granted { task, attempt, locks }
            } else {
                LockNews::Waits { task, attempt }
            };
            return out.news.push(news);
        }
        let news = match self.judge(owner, wants, Patience::Endless) {
            Ok(Verdict::Grant) => {
                let locks = self.grant((owner, REQUEST), &wants.into(), None, out);
                LockNews::Granted { task, attempt, locks }
            }
            Ok(Verdict::Wait(wait_ms)) => {
                let (request, wants) = (REQUEST, wants.into());
                out.event(LockEvent::Queued { owner, request, wants, wait_ms });
                LockNews::Waits { task, attempt }
            }
            Err(refusal) => LockNews::Refused { task, attempt, refusal },
        };
        out.news.push(news);
    }

    pub(super) fn decide_end_attempt(
        &self,
        (task, attempt): (TaskNo, Attempt),
        reason: LockReason,
        out: &mut LockDecision,
    ) {
        let owner = Owner::Attempt { task, attempt };
        if self.durable.owned.contains_key(&owner) {
            let delay_ms = if reason.is_clean() { 0 } else { self.settings.delay_ms() };
            out.event(LockEvent::Ended { owner, reason, by: String::new(), delay_ms });
            Self::then_grant(out);
        }
    }

    /// What an attempt holds, each with its token.
    pub fn held_by_attempt(&self, task: TaskNo, attempt: Attempt) -> Vec<Grant> {
        let owner = Owner::Attempt { task, attempt };
        let held = self.durable.owned.get(&owner).into_iter().flat_map(|owned| &owned.held);
        let grants = held.filter_map(|key| {
            let token = self.durable.hold(owner, key)?.token;
            Some(Grant { key: key.clone(), token })
        });
        grants.collect()
    }
}
