//! Locks of tasks: had before an attempt begins, and lost with it.

use orkestra_runtime::id::{Attempt, RequestNo, TaskNo, Token};

use crate::lock::{
    acquire::Verdict,
    command::{Ending, LockCommand},
    decision::{LockDecision, LockNews},
    event::LockEvent,
    machine::LockMachine,
    mode::{Patience, Want},
    owner::{Owner, Who},
    state::Grant,
};

/// How many attempts one command ends, so that a step stays small.
const ENDINGS_MAX: usize = 256;

/// How many of those who hold or have lost a lock are named.
const NAMED_MAX: usize = 3;

/// What keeps an attempt from having a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// Which, and how it is wanted.
    pub want: Want,
    /// Who holds it, the first three.
    pub held_by: Vec<Who>,
    /// Who has lost it without a word, the first three: it is kept back for a while.
    pub lost_by: Vec<Who>,
    /// Its newest token.
    pub token: Token,
    /// How many requests are ahead in its queue.
    pub ahead: u64,
}

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
        if self.live.over.contains_key(&owner) {
            // What it had before is over first.
            self.end_attempt(owner, out);
            let locks = wants.to_vec();
            return out.then.push(LockCommand::AcquireFor { task, attempt, locks });
        }
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

    /// Before the command: keeps in mind which attempts are over.
    pub(super) fn hear_endings(&mut self, endings: &[Ending]) {
        for Ending { task, attempt, reason, is_sure } in endings {
            let owner = Owner::Attempt { task: *task, attempt: *attempt };
            if self.durable.owned.contains_key(&owner) {
                self.live.over.insert(owner, (*reason, *is_sure));
            }
        }
    }

    pub(super) fn decide_end_attempts(&self, out: &mut LockDecision) {
        for owner in self.live.over.keys().take(ENDINGS_MAX) {
            self.end_attempt(*owner, out);
        }
        Self::then_grant(out);
    }

    fn end_attempt(&self, owner: Owner, out: &mut LockDecision) {
        let Some((reason, is_sure)) = self.live.over.get(&owner).copied() else { return };
        let delay_ms = if is_sure { 0 } else { self.settings.delay_ms() };
        let (by, why) = (String::new(), String::new());
        out.event(LockEvent::Ended { owner, reason, by, delay_ms, why });
    }

    /// Which attempts hold locks or wait for them.
    pub fn attempts(&self) -> impl Iterator<Item = (TaskNo, Attempt)> {
        let all = Owner::Attempt { task: TaskNo(0), attempt: Attempt(0) }..;
        self.durable.owned.range(all).filter_map(|(owner, _)| match owner {
            Owner::Attempt { task, attempt } => Some((*task, *attempt)),
            Owner::Session(_) => None,
        })
    }

    /// What keeps an attempt from having these locks; none if it holds them, or could have them now.
    pub fn obstacles(&self, task: TaskNo, attempt: Attempt, wants: &[Want]) -> Vec<Obstacle> {
        let owner = Owner::Attempt { task, attempt };
        let place = self.durable.owned.get(&owner).and_then(|owned| owned.waits.first()).copied();
        if place.is_none() && self.durable.owned.contains_key(&owner) {
            return Vec::new();
        }
        let found = wants.iter().filter_map(|want| {
            let lock = self.durable.locks.get(&want.key)?;
            let ahead = lock.queue.iter().take_while(|other| Some(**other) != place).count();
            if ahead == 0 && lock.has_room_for(want.mode) {
                return None;
            }
            let held_by = lock.holders.keys().map(|owner| self.durable.who(*owner));
            Some(Obstacle {
                want: want.clone(),
                held_by: held_by.take(NAMED_MAX).collect(),
                lost_by: lock
                    .ghosts
                    .values()
                    .map(|ghost| ghost.who.clone())
                    .take(NAMED_MAX)
                    .collect(),
                token: self.newest(&want.key),
                ahead: ahead as u64,
            })
        });
        found.collect()
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
