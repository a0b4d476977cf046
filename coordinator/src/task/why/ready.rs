//! Why a task that may begin has not begun.

use orkestra_runtime::{id::TaskNo, protocol::agent::Availability, time::Now};

use super::{Blocker, Sight, locks};
use crate::task::{
    breaker::Open,
    machine::TaskMachine,
    queue::{Class, place},
    roster::{AgentNo, AgentRecord, PERSON},
    standing::Pause,
    state::{Phase, Task},
};

pub(super) fn ready(sight: Sight<'_>, no: TaskNo, task: &Task) -> (Vec<Blocker>, String) {
    let Sight { machine, now, .. } = sight;
    if let Some(told) = locks::without(sight, no, task) {
        return told;
    }
    let class = Class::of(task.run, &task.spec);
    let mut blockers = Vec::new();
    let (mut able, mut free) = (0, 0);
    for (agent_no, record) in machine.durable.roster.iter() {
        let profile = &record.profile;
        if !class.admits(&profile.id, &profile.capabilities) || profile.kind == PERSON {
            continue;
        }
        able += 1;
        match hindrance(machine, now, (agent_no, record)) {
            Some(blocker) => blockers.push(blocker),
            None => free += 1,
        }
    }
    if able == 0 {
        let requires: Vec<String> = task.spec.requires.iter().map(ToString::to_string).collect();
        let next = format!(
            "it begins once an agent joins that may work on it (required: {})",
            if requires.is_empty() { "any agent".to_owned() } else { requires.join(", ") }
        );
        return (vec![Blocker::NoAgent { requires }], next);
    }
    if let Some(told) = held_back(machine, task, free, &mut blockers) {
        return (blockers, told);
    }
    if let Phase::Ready { downstream, .. } = task.phase {
        let place = place(no, &task.spec, downstream);
        let queues = [&machine.durable.queues, machine.live.locks.queue()];
        let ahead = queues.iter().map(|queue| queue.ahead_of(&class, &place)).sum();
        if ahead > 0 {
            blockers.push(Blocker::Queue { ahead });
        }
    }
    let next = next(free, &blockers);
    (blockers, next)
}

/// What keeps an agent that may work on a task from being given it.
fn hindrance(
    machine: &TaskMachine,
    now: Now,
    (no, record): (AgentNo, &AgentRecord),
) -> Option<Blocker> {
    let agent = record.profile.id.clone();
    if let Availability::Unavailable { reason } = &record.profile.availability {
        return Some(Blocker::AgentUnavailable { agent, reason: reason.clone() });
    }
    // What stands in the record comes first: whoever looks into a folder knows no workers.
    if let Some(Pause { by, reason, .. }) = record.drained.clone() {
        return Some(Blocker::AgentDrained { agent, by, reason });
    }
    if let Some(Open { failures, until, .. }) =
        record.breaker.open().filter(|open| open.until > now.wall)
    {
        return Some(Blocker::BreakerOpen { agent, failures, until });
    }
    let gone = |reason: &str| {
        Some(Blocker::AgentUnavailable { agent: agent.clone(), reason: reason.to_owned() })
    };
    if !machine.live.joined.contains_key(&no) {
        return gone("its worker is not there");
    }
    if machine.live.leaving.contains(&no) {
        return gone("its worker is stopping, or its node is drained");
    }
    let (outstanding, capacity) =
        (record.outstanding, record.breaker.room(record.profile.capacity, now.wall));
    if outstanding >= capacity {
        return Some(Blocker::AgentBusy { agent, outstanding, capacity });
    }
    let credits = machine.credit_of(no, now.moment);
    let blocker = Blocker::NoCredit { agent, outstanding, credits, capacity };
    (outstanding >= credits).then_some(blocker)
}

/// What keeps the whole run from going on, if that is it.
fn held_back(
    machine: &TaskMachine,
    task: &Task,
    free: usize,
    blockers: &mut Vec<Blocker>,
) -> Option<String> {
    let run = machine.durable.runs.get(&task.run)?;
    if let Some(pause) = machine.durable.pause_of(task.run, run) {
        let Pause { by, reason, since } = pause.clone();
        blockers.insert(0, Blocker::Paused { by, reason, since });
        return Some("it begins once its run is resumed: `orkestra resume`".to_owned());
    }
    if free == 0 || machine.room_of(task.run) > 0 {
        return None;
    }
    let limit = run.opening.concurrency.unwrap_or_default();
    blockers.insert(0, Blocker::RunConcurrency { limit });
    Some(format!("it begins once fewer than {limit} attempts of its run are at work"))
}

fn next(free: usize, blockers: &[Blocker]) -> String {
    if free > 0 {
        return "it begins now".to_owned();
    }
    let trials = blockers.iter().filter_map(|blocker| match blocker {
        Blocker::BreakerOpen { until, .. } => Some(*until),
        _ => None,
    });
    let busy = blockers.iter().any(|blocker| matches!(blocker, Blocker::AgentBusy { .. }));
    let lent = blockers.iter().find_map(|blocker| match blocker {
        Blocker::NoCredit { agent, .. } => Some(agent),
        _ => None,
    });
    if let Some(agent) = lent {
        return format!("it begins as soon as {agent} grants this shard credit");
    }
    match trials.min().filter(|_| !busy) {
        Some(until) => format!("it is tried on an agent whose breaker is open at {until}"),
        None => "it begins as soon as an agent that may work on it is free".to_owned(),
    }
}
