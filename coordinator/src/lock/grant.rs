//! Giving what became free to whoever is next.
//!
//! Every queue is in the order of asking, and nobody overtakes: a request is given its locks when it
//! is the first for each of them that it does not hold already, and there is room in each. One grant is one decision, so
//! each is made from the state that the one before it has left.

use orkestra_runtime::id::{LockKey, WaitNo};

use crate::lock::{
    command::{LockCommand, LockReply},
    decision::{LockDecision, LockNews},
    machine::LockMachine,
    owner::Owner,
    state::Waiting,
};

impl LockMachine {
    /// Before it is decided: finds who is next, and forgets where nobody can be.
    pub(super) fn plan_grant(&mut self) {
        self.live.turn = None;
        while let Some(wait) = self.live.kin.first().copied() {
            let waiting = self.durable.waits.get(&wait);
            if waiting.is_some_and(|waiting| self.may_have(wait, waiting)) {
                self.live.turn = Some(wait);
                return;
            }
            self.live.kin.pop_first();
        }
        while let Some(key) = self.live.open.first() {
            if let Some(wait) = self.next_of(key) {
                self.live.turn = Some(wait);
                return;
            }
            self.live.open.pop_first();
        }
    }

    /// The first of a queue, if its turn has come.
    fn next_of(&self, key: &LockKey) -> Option<WaitNo> {
        let wait = *self.durable.locks.get(key)?.queue.first()?;
        let waiting = self.durable.waits.get(&wait)?;
        self.may_have(wait, waiting).then_some(wait)
    }

    /// Whether a request is the first for all its locks that its owner has not, with room in each.
    pub(super) fn may_have(&self, wait: WaitNo, waiting: &Waiting) -> bool {
        waiting.wants.iter().all(|want| {
            self.lock(want).is_some_and(|lock| match lock.holders.get(&waiting.owner) {
                Some(hold) => hold.mode.covers(want.mode),
                None => lock.queue.first() == Some(&wait) && lock.has_room_for(want.mode),
            })
        })
    }

    pub(super) fn decide_grant(&self, left: u16, out: &mut LockDecision) {
        let Some(wait) = self.live.turn else { return };
        let Some(waiting) = self.durable.waits.get(&wait) else { return };
        let (owner, request) = (waiting.owner, waiting.request);
        let locks = self.grant((owner, request), &waiting.wants, Some(wait), out);
        for to in self.live.askers.get(&wait).into_iter().flatten() {
            out.reply(*to, LockReply::Granted { locks: locks.clone() });
        }
        if let Owner::Attempt { task, attempt } = owner {
            out.news.push(LockNews::Granted { task, attempt, locks });
        }
        if let Some(left) = left.checked_sub(1) {
            out.then.push(LockCommand::Grant { left });
        }
    }
}
