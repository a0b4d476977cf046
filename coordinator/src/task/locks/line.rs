//! Where tasks that declare locks stand before they begin: not durable, see the module.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use orkestra_runtime::{
    id::{Attempt, TaskNo},
    protocol::lock::Grant,
    time::Moment,
};

use crate::task::{
    queue::{Class, Place, Queues},
    state::{Phase, Task},
};

/// How many tasks ask by one command, so that a step stays small.
const ASKS_MAX: usize = 256;
/// About how many bytes of names they ask for together.
const ASKS_BYTES_MAX: usize = 64 * 1024;
/// After how long a task asks again that was refused.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Where a task stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum At {
    /// It is to ask.
    Wants,
    /// Its run is paused: it asks when that goes on.
    Halted,
    /// It has asked.
    Asked,
    /// It was refused, and asks again later.
    Refused { until: Moment, why: String },
    /// It holds its locks and waits for an agent.
    Holds { attempt: Attempt, locks: Vec<Grant> },
    /// It was given to an agent with its locks.
    Works { attempt: Attempt, locks: Vec<Grant> },
}

/// A task in the line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Spot {
    place: Place,
    /// Whether it was tried before, and stands among those that are retried until it begins.
    again: bool,
    at: At,
}

/// All tasks that declare locks and may begin, or have begun under this leader.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::task) struct LockLine {
    tasks: BTreeMap<TaskNo, Spot>,
    /// Who is to ask, the most urgent first.
    wanting: BTreeSet<Place>,
    /// Who asks by the command that runs.
    asking: Vec<TaskNo>,
    /// Who asks again, and when.
    later: BTreeSet<(Moment, TaskNo)>,
    /// Who holds its locks and waits for an agent.
    queue: Queues,
    /// How many hold their locks, with an agent or not.
    holding: u64,
    /// How many were tried before and have not begun again.
    again: u64,
}

impl LockLine {
    /// Who holds its locks and waits for an agent.
    pub(in crate::task) const fn queue(&self) -> &Queues {
        &self.queue
    }

    /// How many do not hold their locks yet.
    pub(in crate::task) fn waiting(&self) -> u64 {
        (self.tasks.len() as u64).saturating_sub(self.holding)
    }

    /// How many were tried before and have not begun again.
    pub(in crate::task) const fn again(&self) -> u64 {
        self.again
    }

    /// When somebody is to ask.
    pub(in crate::task) fn due(&self, now: Moment) -> Option<Moment> {
        if self.wanting.is_empty() { self.later.first().map(|(at, _)| *at) } else { Some(now) }
    }

    /// Who asks by the command that runs.
    pub(in crate::task) fn asking(&self) -> &[TaskNo] {
        &self.asking
    }

    /// What an attempt holds, with an agent or not.
    pub(in crate::task) fn held(&self, no: TaskNo, of: Attempt) -> Option<&[Grant]> {
        match &self.tasks.get(&no)?.at {
            At::Holds { attempt, locks } | At::Works { attempt, locks } if *attempt == of => {
                Some(locks)
            }
            At::Holds { .. }
            | At::Works { .. }
            | At::Wants
            | At::Halted
            | At::Asked
            | At::Refused { .. } => None,
        }
    }

    /// Why a task was refused that asks again.
    pub(in crate::task) fn refused(&self, no: TaskNo) -> Option<&str> {
        match &self.tasks.get(&no)?.at {
            At::Refused { why, .. } => Some(why),
            At::Wants | At::Halted | At::Asked | At::Holds { .. } | At::Works { .. } => None,
        }
    }

    /// Those that have asked, or hold, and have not begun.
    pub(in crate::task) fn engaged(&self) -> impl Iterator<Item = TaskNo> {
        let engaged = |at: &At| matches!(at, At::Asked | At::Holds { .. });
        self.tasks.iter().filter(move |(_, spot)| engaged(&spot.at)).map(|(no, _)| *no)
    }

    /// A task may begin: it is to ask.
    pub(in crate::task) fn want(&mut self, place: Place, task: &Task) {
        self.leave(place.1, task);
        self.wanting.insert(place);
        let again = matches!(task.phase, Phase::Retrying { .. });
        self.again += u64::from(again);
        self.tasks.insert(place.1, Spot { place, again, at: At::Wants });
    }

    /// A task of a paused run: it is to ask later.
    pub(in crate::task) fn halt(&mut self, no: TaskNo, task: &Task) {
        if let Some(Spot { place, again, .. }) = self.taken(no, task) {
            self.again += u64::from(again);
            self.tasks.insert(no, Spot { place, again, at: At::Halted });
        }
    }

    /// Something goes on that was paused: whoever stood still looks again.
    pub(in crate::task) fn go_on(&mut self) {
        for spot in self.tasks.values_mut().filter(|spot| spot.at == At::Halted) {
            spot.at = At::Wants;
            self.wanting.insert(spot.place);
        }
    }

    /// Before the command: chooses who asks by it. `may` says whose run is not paused.
    pub(in crate::task) fn choose<'a>(
        &mut self,
        now: Moment,
        task_of: impl Fn(TaskNo) -> Option<&'a Task>,
        may: impl Fn(&Task) -> bool,
    ) {
        while let Some((_, no)) = self.later.first().copied().filter(|(at, _)| *at <= now) {
            self.later.pop_first();
            if let Some(spot) = self.tasks.get_mut(&no) {
                spot.at = At::Wants;
                self.wanting.insert(spot.place);
            }
        }
        self.asking.clear();
        let mut bytes = 0;
        while self.asking.len() < ASKS_MAX && bytes < ASKS_BYTES_MAX {
            let Some((_, no)) = self.wanting.pop_first() else { break };
            let Some(task) = task_of(no) else {
                self.tasks.remove(&no);
                continue;
            };
            let Some(spot) = self.tasks.get_mut(&no) else { continue };
            if may(task) {
                spot.at = At::Asked;
                self.asking.push(no);
                bytes += task.spec.locks.iter().map(|want| want.key.as_str().len()).sum::<usize>();
            } else {
                spot.at = At::Halted;
            }
        }
    }

    /// A task holds what it asked for; answers whether it had asked.
    pub(in crate::task) fn granted(
        &mut self,
        no: TaskNo,
        task: &Task,
        (attempt, locks): (Attempt, Vec<Grant>),
    ) -> bool {
        let asked = self.tasks.get_mut(&no).filter(|spot| spot.at == At::Asked);
        let Some(spot) = asked else { return false };
        spot.at = At::Holds { attempt, locks };
        self.holding += 1;
        self.queue.insert(Class::of(task.run, &task.spec), spot.place);
        true
    }

    /// A task was refused what it asked for: it asks again later.
    pub(in crate::task) fn refuse(&mut self, now: Moment, no: TaskNo, why: String) {
        if let Some(spot) = self.tasks.get_mut(&no).filter(|spot| spot.at == At::Asked) {
            let until = now + AGAIN_AFTER;
            spot.at = At::Refused { until, why };
            self.later.insert((until, no));
        }
    }

    /// A task was given to an agent.
    pub(in crate::task) fn begin(&mut self, no: TaskNo, task: &Task) {
        let Some(spot) = self.tasks.get_mut(&no) else { return };
        let At::Holds { attempt, locks } = &mut spot.at else { return };
        spot.at = At::Works { attempt: *attempt, locks: std::mem::take(locks) };
        self.again -= u64::from(std::mem::take(&mut spot.again));
        self.queue.remove(&Class::of(task.run, &task.spec), &spot.place);
    }

    /// A task is here no more, until it may begin again.
    pub(in crate::task) fn leave(&mut self, no: TaskNo, task: &Task) {
        self.taken(no, task);
    }

    fn taken(&mut self, no: TaskNo, task: &Task) -> Option<Spot> {
        let spot = self.tasks.remove(&no)?;
        self.again -= u64::from(spot.again);
        match &spot.at {
            At::Wants => {
                self.wanting.remove(&spot.place);
            }
            At::Refused { until, .. } => {
                self.later.remove(&(*until, no));
            }
            At::Holds { .. } => {
                self.holding -= 1;
                self.queue.remove(&Class::of(task.run, &task.spec), &spot.place);
            }
            At::Works { .. } => self.holding -= 1,
            At::Halted | At::Asked => {}
        }
        Some(spot)
    }
}
