//! What was seen of locks that tasks declare: who may hold them by what stands on the record, and
//! whether what is written under them counts exactly then.

use std::collections::{BTreeMap, BTreeSet};

use orkestra_coordinator::{
    lock::{LockCommand, Theft},
    shard::machine::Command,
    task::TaskEvent,
};
use orkestra_runtime::{
    chance::Chance,
    id::{Attempt, LockKey, TaskId, TaskNo, Token},
    machine::ReplyTo,
    protocol::{
        agent::{Assignment, FromAgent, Locked, ToAgent},
        lock::{Grant, Mode},
        task::{FailureKind, TaskSpec},
    },
    time::Wall,
};

use super::{Outcome, Team, told};

/// For how long a lock must be kept back after its attempt was lost, in milliseconds.
const DELAY_MS: u64 = 15_000;
/// How many permits the one semaphore has.
const PERMITS: u32 = 2;

/// Lets a task hold locks: some one, some several, some none.
pub(super) fn declare(spec: &mut TaskSpec, chance: &mut Chance) -> Outcome {
    let modes = [
        ("db", Mode::Exclusive, 350),
        ("doc", if chance.per_mille(600) { Mode::Shared } else { Mode::Exclusive }, 350),
        ("gpu", Mode::Permits { permits: 1, of: PERMITS }, 250),
    ];
    for (key, mode, per_mille) in modes {
        if chance.per_mille(per_mille) {
            *spec = told(spec.clone().holding(key, mode))?;
        }
    }
    Ok(())
}

/// The same with locks where their attempts have them.
pub(super) fn opened(message: ToAgent) -> ToAgent {
    match message {
        ToAgent::AssignLocked(list) => {
            ToAgent::Assign(list.into_iter().map(Locked::opened).collect())
        }
        message => message,
    }
}

/// What was seen of locks.
#[derive(Debug, Default)]
pub(super) struct LockBooks {
    specs: BTreeMap<TaskId, TaskSpec>,
    names: BTreeMap<TaskNo, TaskId>,
    /// Attempts that have begun and not ended.
    at_work: BTreeMap<TaskNo, Attempt>,
    /// Which locks were lost, and until when nobody may have them.
    kept_back: BTreeMap<LockKey, Wall>,
    /// With which tokens attempts were given out.
    tokens: BTreeMap<(TaskNo, Attempt), Vec<Grant>>,
    /// The tokens with which a lock was ever given out, by attempt.
    seen: BTreeMap<LockKey, BTreeMap<Token, (TaskNo, Attempt)>>,
    /// The greatest token of those who held a lock alone.
    alone: BTreeMap<LockKey, Token>,
    /// How many attempts began under locks.
    pub(super) begun: u64,
}

impl LockBooks {
    pub(super) fn asked(&mut self, spec: &TaskSpec) {
        self.specs.insert(spec.id.clone(), spec.clone());
    }

    fn spec(&self, no: TaskNo) -> Option<&TaskSpec> {
        self.specs.get(self.names.get(&no)?)
    }

    /// Something stands on the record.
    pub(super) fn recorded(&mut self, (number, at): (u64, Wall), event: &TaskEvent) -> Outcome {
        match event {
            TaskEvent::Submitted { spec, .. } => {
                self.names.insert(TaskNo(number), spec.id.clone());
            }
            TaskEvent::Assigned { task, attempt, .. } => {
                self.may_begin(*task, at)?;
                self.at_work.insert(*task, *attempt);
            }
            TaskEvent::AttemptFailed { task, failure, .. } => {
                let was_at_work = self.at_work.remove(task).is_some();
                if was_at_work && failure.kind == FailureKind::Lost {
                    self.keep_back(*task, at);
                }
            }
            TaskEvent::Completed { task, .. }
            | TaskEvent::Failed { task, .. }
            | TaskEvent::Cancelled { task, .. } => {
                self.at_work.remove(task);
            }
            _ => {}
        }
        Ok(())
    }

    fn keep_back(&mut self, no: TaskNo, at: Wall) {
        let Some(spec) = self.spec(no).cloned() else { return };
        for want in spec.locks.iter().filter(|want| want.mode == Mode::Exclusive) {
            self.kept_back.insert(want.key.clone(), Wall::from_ms(at.as_ms() + DELAY_MS));
        }
    }

    /// Nobody begins beside one with whom it cannot share, nor before a lost lock is free.
    fn may_begin(&self, no: TaskNo, at: Wall) -> Outcome {
        let Some(spec) = self.spec(no) else { return Ok(()) };
        for want in &spec.locks {
            if self.kept_back.get(&want.key).is_some_and(|until| *until > at) {
                return Err(format!("{} begins with {}, which was just lost", spec.id, want.key));
            }
            let mut taken = want.mode.permits();
            for other in self.at_work.keys().filter(|other| **other != no) {
                let Some(other) = self.spec(*other) else { continue };
                let Some(held) = other.locks.iter().find(|held| held.key == want.key) else {
                    continue;
                };
                taken += held.mode.permits();
                let alone = want.mode == Mode::Exclusive || held.mode == Mode::Exclusive;
                if alone || taken > PERMITS {
                    let (id, key) = (&spec.id, &want.key);
                    return Err(format!("{id} and {} are at work under {key}", other.id));
                }
            }
        }
        Ok(())
    }

    /// A worker is given an attempt: with a token for each lock, greater than all before it that it
    /// could not share with.
    pub(super) fn given(&mut self, one: &Assignment) -> Outcome {
        let Assignment { task, attempt, id, locks, .. } = one;
        let Some(spec) = self.specs.get(id) else { return Ok(()) };
        let wanted: BTreeSet<&LockKey> = spec.locks.iter().map(|want| &want.key).collect();
        let got: BTreeSet<&LockKey> = locks.iter().map(|held| &held.key).collect();
        if wanted != got {
            return Err(format!("{id} is given {got:?} of {wanted:?}"));
        }
        let of = (*task, *attempt);
        if let Some(before) = self.tokens.insert(of, locks.clone()) {
            let same = before == *locks;
            return if same { Ok(()) } else { Err(format!("{of:?} got {before:?}, {locks:?}")) };
        }
        self.begun += u64::from(!locks.is_empty());
        for Grant { key, token } in locks {
            let seen = self.seen.entry(key.clone()).or_default();
            let is_alone =
                spec.locks.iter().any(|want| want.key == *key && want.mode.is_exclusive());
            let greatest = seen.last_key_value().map(|(token, _)| *token);
            let before = if is_alone { greatest } else { self.alone.get(key).copied() };
            if before.is_some_and(|before| before >= *token) {
                return Err(format!("{id} is given {key} with {token} after {before:?}"));
            }
            if let Some(other) = seen.insert(*token, of).filter(|_| is_alone) {
                return Err(format!("{other:?} and {of:?} were given token {token} of {key}"));
            }
            if is_alone {
                self.alone.insert(key.clone(), *token);
            }
        }
        Ok(())
    }

    /// With which tokens an attempt writes.
    pub(super) fn tokens(&self, of: (TaskNo, Attempt)) -> &[Grant] {
        self.tokens.get(&of).map_or(&[], Vec::as_slice)
    }

    /// Whether what an attempt writes counts, as the record stands.
    pub(super) fn is_at_work(&self, (task, attempt): (TaskNo, Attempt)) -> bool {
        self.at_work.get(&task) == Some(&attempt)
    }
}

impl Team {
    /// What an attempt writes under its locks counts exactly while it is the one at work.
    pub(super) fn write_under_locks(&self, said: &FromAgent) -> Outcome {
        let FromAgent::Ended { reports, .. } = said else { return Ok(()) };
        for of in reports.iter().map(|report| (report.task, report.attempt)) {
            let is_at_work = self.books.locks.is_at_work(of);
            for held in self.books.locks.tokens(of) {
                let is_good = self.machine.locks().check(&held.key, held.token).is_ok();
                if is_good != is_at_work {
                    return Err(format!("{of:?} writes under {held:?}: {is_good}, {is_at_work}"));
                }
            }
        }
        Ok(())
    }

    /// Somebody takes a lock, whoever holds it.
    pub(super) fn steal(&mut self) -> Outcome {
        let names = ["db", "doc", "gpu"];
        let Some(name) = self.chance.pick(&names) else { return Ok(()) };
        let key = told(LockKey::new(name))?;
        let (to, token) = (ReplyTo(3), self.machine.locks().newest(&key));
        let (by, why) = ("eve".to_owned(), "it hangs".to_owned());
        let theft = Theft { key, token, by, why, delay_ms: None };
        self.history.stolen += 1;
        self.take(Command::Lock(LockCommand::Steal { to, theft }))
    }
}
