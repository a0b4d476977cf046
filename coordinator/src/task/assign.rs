//! Gives ready tasks to free agents: the next task first, to whom it suits best.

use std::{
    collections::{BTreeMap, BTreeSet, btree_set},
    iter::Peekable,
};

use orkestra_runtime::{
    id::{Attempt, TaskNo},
    protocol::agent::{Assignment, Availability},
    time::Now,
};

use crate::task::{
    checks::CHECKED_MAX,
    command::{Decision, TaskCommand},
    event::{Score, TaskEvent},
    machine::TaskMachine,
    queue::{Class, Place},
    roster::{AgentNo, AgentRecord, PERSON},
    selection::{self, failover_order, pool_of},
    state::{Ending, Phase, RunNo, Task},
};

/// How many tasks one step gives out, so that a step stays small.
pub(super) const SCHEDULE_MAX: usize = 512;

/// What an earlier failure of a task on an agent costs that agent, in points.
const HISTORY_POINTS: i32 = 25;

/// An agent with room, while tasks are given out.
struct Candidate<'a> {
    no: AgentNo,
    record: &'a AgentRecord,
    outstanding: u32,
    /// How many attempts it may hold now.
    capacity: u32,
}

impl Candidate<'_> {
    const fn has_room(&self) -> bool {
        self.outstanding < self.capacity
    }
}

/// A queue, while tasks are given out.
struct Line<'a> {
    class: &'a Class,
    places: Peekable<btree_set::Iter<'a, Place>>,
    eligible: Vec<usize>,
}

impl TaskMachine {
    /// Whether giving out tasks may find something to give.
    pub(super) fn can_schedule(&self) -> bool {
        !(self.live.settled || self.has_nothing_ready() || self.live.joined.is_empty())
    }

    pub(super) fn decide_schedule(&self, now: Now, out: &mut Decision) {
        if self.has_nothing_ready() {
            return;
        }
        self.give_out(now, out);
        if self.settings.needs_credit {
            out.then.push(TaskCommand::Want);
        }
    }

    fn give_out(&self, now: Now, out: &mut Decision) {
        let mut candidates = self.candidates(now);
        if candidates.is_empty() {
            return;
        }
        let mut lines = self.lines(&candidates);
        let mut room: BTreeMap<RunNo, u32> = BTreeMap::new();
        let mut given: BTreeMap<usize, Vec<Assignment>> = BTreeMap::new();
        let mut checked = 0;
        for _ in 0..SCHEDULE_MAX {
            let Some(index) = self.next_line(&mut lines, &candidates, &mut room) else { break };
            let Some(line) = lines.get_mut(index) else { break };
            let Some((_, no)) = line.places.next() else { break };
            let Some(task) = self.task(*no) else { continue };
            if !matches!(task.phase, Phase::Ready { .. } | Phase::Retrying { .. }) {
                continue;
            }
            let Some((chosen, score)) = choose(task, &line.eligible, &candidates) else { continue };
            let Some(candidate) = candidates.get_mut(chosen) else { continue };
            candidate.outstanding += 1;
            if let Some(room) = room.get_mut(&task.run) {
                *room -= 1;
            }
            out.events.push(TaskEvent::Assigned {
                task: *no,
                attempt: task.attempt.next(),
                agent: candidate.record.profile.id.clone(),
                score,
            });
            if task.spec.is_checked() {
                out.then.push(TaskCommand::Examine(*no));
                checked += 1;
                if checked >= CHECKED_MAX {
                    break;
                }
                continue;
            }
            let assignment = self.assignment(*no, task, task.attempt.next());
            given.entry(chosen).or_default().extend(assignment);
        }
        for (index, assignments) in given {
            if let Some(candidate) = candidates.get(index) {
                out.give(&candidate.record.profile.id, assignments);
            }
        }
    }

    /// Agents that are there, can work and have room.
    fn candidates(&self, now: Now) -> Vec<Candidate<'_>> {
        let joined = self.live.joined.keys().filter(|no| !self.live.leaving.contains(no));
        let records = joined.filter_map(|no| Some((*no, self.durable.roster.get(*no)?)));
        records
            .filter(|(_, record)| record.profile.availability == Availability::Available)
            .filter(|(_, record)| record.drained.is_none() && record.profile.kind != PERSON)
            .map(|(no, record)| Candidate {
                no,
                record,
                outstanding: record.outstanding,
                capacity: record
                    .breaker
                    .room(record.profile.capacity, now.wall)
                    .min(self.credit_of(no, now.moment)),
            })
            .filter(Candidate::has_room)
            .collect()
    }

    fn lines<'a>(&'a self, candidates: &[Candidate<'_>]) -> Vec<Line<'a>> {
        self.lines_of_ready()
            .map(|(class, places)| Line {
                class,
                places: places.iter().peekable(),
                eligible: eligible(class, candidates),
            })
            .filter(|line| !line.eligible.is_empty())
            .collect()
    }

    /// All queues of tasks that an agent could begin now.
    pub(super) fn lines_of_ready(&self) -> impl Iterator<Item = (&Class, &BTreeSet<Place>)> {
        let ripe = self.live.ripe.iter().chain(self.live.locks.queue().iter());
        self.durable.queues.iter().chain(ripe)
    }

    /// The line whose head comes first among those that somebody with room may work on.
    fn next_line(
        &self,
        lines: &mut [Line<'_>],
        candidates: &[Candidate<'_>],
        room: &mut BTreeMap<RunNo, u32>,
    ) -> Option<usize> {
        let mut best: Option<(Place, usize)> = None;
        for (index, line) in lines.iter_mut().enumerate() {
            let Some(head) = line.places.peek() else { continue };
            if best.is_some_and(|(place, _)| place < **head) {
                continue;
            }
            let run = line.class.run;
            let has_room = *room.entry(run).or_insert_with(|| self.room_of(run)) > 0;
            let wanted = |index: &usize| candidates.get(*index).is_some_and(Candidate::has_room);
            if has_room && line.eligible.iter().any(wanted) {
                best = Some((**head, index));
            }
        }
        best.map(|(_, index)| index)
    }

    /// How many more attempts of a run may be outstanding.
    pub(super) fn room_of(&self, run: RunNo) -> u32 {
        let no = run;
        let Some(run) = self.durable.runs.get(&no) else { return 0 };
        if self.durable.pause_of(no, run).is_some() {
            return 0;
        }
        let assigned = u32::try_from(run.counts.assigned).unwrap_or(u32::MAX);
        run.opening.concurrency.unwrap_or(u32::MAX).saturating_sub(assigned)
    }

    pub(super) fn assignment(
        &self,
        no: TaskNo,
        task: &Task,
        attempt: Attempt,
    ) -> Option<Assignment> {
        let run = self.durable.runs.get(&task.run)?;
        let result_of = |name| {
            let on = self.task(*run.tasks.get(name)?)?;
            match &on.phase {
                Phase::Ended { ending: Ending::Completed(output), .. } => Some(output.clone()),
                _ => None,
            }
        };
        let spec = &task.spec;
        Some(Assignment {
            task: no,
            attempt,
            run: run.id.clone(),
            id: spec.id.clone(),
            title: spec.title.clone(),
            instructions: spec.instructions.clone(),
            input: spec.input.clone(),
            results: spec
                .dependencies
                .iter()
                .filter_map(|dependency| Some((dependency.on.clone(), result_of(&dependency.on)?)))
                .collect(),
            timeout_ms: spec.timeout_ms,
            effect_key: format!("s{}-t{}", self.settings.shard, no),
            workspace: spec.workspace.clone(),
            checks: self.switches_of(spec),
            sensitive_output: spec.sensitive.output,
            locks: self.live.locks.held(no, attempt).unwrap_or_default().to_vec(),
        })
    }
}

/// Who may work on a class, by index: the pool of its category if any of that is there, else all
/// that it admits.
fn eligible(class: &Class, candidates: &[Candidate<'_>]) -> Vec<usize> {
    let admitted: Vec<usize> = candidates
        .iter()
        .enumerate()
        .filter(|(_, candidate)| {
            let profile = &candidate.record.profile;
            class.admits(&profile.id, &profile.capabilities)
        })
        .map(|(index, _)| index)
        .collect();
    let pool = class.pooled.as_deref().and_then(pool_of).unwrap_or_default();
    let pooled: Vec<usize> = pool
        .iter()
        .flat_map(|name| {
            admitted.iter().copied().filter(|index| {
                candidates.get(*index).is_some_and(|c| c.record.profile.id.as_str() == *name)
            })
        })
        .collect();
    if pooled.is_empty() { admitted } else { pooled }
}

/// The agent whom a task suits best: the highest total; on a tie the earlier in the failover order
/// (for a task that failed before), then the less loaded, then the first.
fn choose(task: &Task, eligible: &[usize], candidates: &[Candidate<'_>]) -> Option<(usize, Score)> {
    let mut best: Option<((i32, usize, u64), usize, Score)> = None;
    for index in eligible {
        let Some(candidate) = candidates.get(*index).filter(|candidate| candidate.has_room())
        else {
            continue;
        };
        let (suitability, penalty) =
            selection::parts(candidate.record, candidate.outstanding, &task.spec);
        let failed_here = task.failed_on.iter().filter(|no| **no == candidate.no).count();
        let history = HISTORY_POINTS * i32::try_from(failed_here.min(100)).unwrap_or(100);
        let score = Score { suitability, penalty, history };
        let turn = if task.failures == 0 { 0 } else { turn_of(candidate, &task.spec.category) };
        let record = candidate.record;
        let load =
            selection::adjusted_load_milli(candidate.outstanding, record.completed, record.failed);
        let key = (-score.total(), turn, load);
        if best.as_ref().is_none_or(|(least, _, _)| key < *least) {
            best = Some((key, *index, score));
        }
    }
    best.map(|(_, index, score)| (index, score))
}

fn turn_of(candidate: &Candidate<'_>, category: &str) -> usize {
    let order = failover_order(category);
    let place = order.iter().position(|name| *name == candidate.record.profile.id.as_str());
    place.unwrap_or(order.len())
}
