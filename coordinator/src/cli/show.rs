//! How runs, tasks, agents and explanations look to a person.

use std::fmt::Write as _;

use orkestra_runtime::{
    id::AgentId,
    protocol::{check::CheckResult, payload::Payload},
    time::{Now, Wall},
};

use crate::{
    audit::AuditRow,
    output::{self, Table},
    task::{
        Blocker, Why,
        view::{AgentView, TaskView},
    },
};

pub(super) fn tasks(tasks: &[TaskView], now: Now) -> Table {
    let mut table = Table::new(["TASK", "STATE", "PRIORITY", "ATTEMPT", "AGENT", "AGE", "REASON"]);
    for task in tasks {
        table.row([
            task.id.to_string(),
            task.state.to_string(),
            task.priority.to_string(),
            task.attempt.to_string(),
            task.agent.as_ref().map(ToString::to_string).unwrap_or_default(),
            output::age(task.ended.unwrap_or(now.wall), task.submitted),
            task.reason
                .clone()
                .or_else(|| Some(task.last_failure.as_ref()?.to_string()))
                .unwrap_or_default(),
        ]);
    }
    table
}

pub(super) fn task(task: &TaskView) -> String {
    let mut text = String::new();
    let mut line = |key: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "{key:<12} {value}");
        }
    };
    line("task", task.id.as_str());
    line("run", task.run.as_str());
    line("title", &task.title);
    line("state", &task.state);
    line("priority", &task.priority);
    line("attempts", &task.attempt.to_string());
    line("failures", &task.failures.to_string());
    line("agent", &task.agent.as_ref().map(ToString::to_string).unwrap_or_default());
    line("submitted", &task.submitted.to_string());
    line("ended", &task.ended.map(|at: Wall| at.to_string()).unwrap_or_default());
    line("reason", task.reason.as_deref().unwrap_or_default());
    let failure = task.last_failure.as_ref().map(ToString::to_string);
    line("last failure", failure.as_deref().unwrap_or_default());
    let needs: Vec<&str> = task.needs.iter().map(orkestra_runtime::id::TaskId::as_str).collect();
    line("needs", &needs.join(", "));
    let locks = task.locks.iter().map(|want| format!("{} ({})", want.key, want.mode));
    line("locks", &locks.collect::<Vec<_>>().join(", "));
    line("input", &payload(&task.input));
    for artifact in &task.artifacts {
        let size = output::size(artifact.bytes);
        line("artifact", &format!("{} ({size}, blob {})", artifact.name, artifact.blob));
    }
    for check in &task.checks {
        let CheckResult { check_name, level, message, details, suggestion, .. } = check;
        let more = [details, suggestion].into_iter().filter(|text| !text.is_empty());
        let more: Vec<String> = more.map(|text| format!("; {text}")).collect();
        let title = check_name.title();
        line("check", &format!("{level:<8} {title}: {message}{}", more.concat()));
    }
    line("output", &task.output.as_ref().map(payload).unwrap_or_default());
    let deleted = task.redacted.as_ref().map(|deleted| {
        let what: Vec<&str> = deleted.what.iter().map(|part| part.as_str()).collect();
        format!("{} at {} by {}", what.join(", "), deleted.at, deleted.by)
    });
    line("deleted", &deleted.unwrap_or_default());
    text
}

fn payload(payload: &Payload) -> String {
    match payload {
        Payload::Inline(json) if json.as_str() == "null" => String::new(),
        Payload::Inline(json) => json.as_str().to_owned(),
        Payload::Blob { name, bytes } => format!("blob {name} ({})", output::size(*bytes)),
        Payload::Sensitive { .. } => payload.to_string(),
    }
}

pub(super) fn agents(agents: &[AgentView]) -> Table {
    let mut table = Table::new([
        "AGENT",
        "KIND",
        "STATE",
        "HOLDS",
        "COMPLETED",
        "FAILED",
        "CAPABILITIES",
        "REASON",
    ]);
    for agent in agents {
        table.row([
            agent.id.to_string(),
            agent.kind.clone(),
            agent.state.to_string(),
            format!("{}/{}", agent.outstanding, agent.capacity),
            agent.completed.to_string(),
            agent.failed.to_string(),
            agent.capabilities.join(","),
            agent.reason.clone().unwrap_or_default(),
        ]);
    }
    table
}

pub(super) fn audit(rows: &[AuditRow]) -> Table {
    let mut table = Table::new(["TIME", "EVENT", "TASK", "AGENT", "DETAILS"]);
    for row in rows {
        table.row([
            row.timestamp.to_string(),
            row.event_type.to_owned(),
            row.task_id.as_ref().map(ToString::to_string).unwrap_or_default(),
            row.agent_name.as_ref().map(ToString::to_string).unwrap_or_default(),
            cut(&row.details.to_string(), 100),
        ]);
    }
    table
}

/// The beginning of a text, with a sign that there is more.
fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    text.chars().take(chars_max.saturating_sub(1)).chain(['…']).collect()
}

pub(super) fn why(why: &Why) -> String {
    let mut text = format!("{} is {}: {}\n", why.task, why.state, why.next);
    for blocker in &why.blockers {
        let _ = writeln!(text, "  - {}", told(blocker));
    }
    text
}

fn told(blocker: &Blocker) -> String {
    match blocker {
        Blocker::RunNotSealed => {
            "its run is not sealed: tasks are still being submitted".to_owned()
        }
        Blocker::Dependency { on, state } => format!("it needs {on}, which is {state}"),
        Blocker::Root { task, state, because } => {
            format!("{task} is at the end of the chain and is {state}: {because}")
        }
        Blocker::Retry { due, failures, last } => {
            format!("it waits until {due} after {failures} failed: {last}")
        }
        Blocker::NoAgent { requires } if requires.is_empty() => "there is no agent".to_owned(),
        Blocker::NoAgent { requires } => format!("no agent can {}", requires.join(" and ")),
        Blocker::AgentUnavailable { agent, reason } => format!("{agent} is unavailable: {reason}"),
        Blocker::AgentBusy { agent, outstanding, capacity } => {
            format!("{agent} is busy with {outstanding} of {capacity}")
        }
        Blocker::NoCredit { agent, outstanding, credits, capacity } => format!(
            "it waits for credit of agent {agent}: its capacity is used by other shards; {outstanding} \
             of {credits} that are this shard's are at work, of {capacity} in all"
        ),
        Blocker::RunConcurrency { limit } => {
            format!("its run has {limit} attempts at work, as many as it may")
        }
        Blocker::Paused { by, reason, since } => {
            format!("its run is paused since {since}, by {by}{}", because(reason))
        }
        Blocker::AgentDrained { agent, by, reason } => {
            format!("{agent} is drained by {by}{}", because(reason))
        }
        Blocker::BreakerOpen { agent, failures, until } => format!(
            "the breaker of {agent} is open until {until}: {failures} tasks failed on it in a row"
        ),
        Blocker::People { rule, undecided, decided, due, on_timeout } => {
            let of = if undecided.is_empty() { "anybody".to_owned() } else { names(undecided) };
            let so_far = match decided.len() {
                0 => String::new(),
                _ => format!("; {} did", names(decided)),
            };
            let due = due.map(|due| format!("; at {due}: {on_timeout}")).unwrap_or_default();
            format!("it waits for {rule} of its people: {of}{so_far}{due}")
        }
        Blocker::Lock { key, mode, holders, lost_by, token, ahead } => {
            let held = match holders.len() {
                0 => String::new(),
                _ => format!(", held by {}", holders.join(", ")),
            };
            let lost = match lost_by.len() {
                0 => String::new(),
                _ => format!(", kept back since {} lost it", lost_by.join(", ")),
            };
            format!("it wants lock {key} ({mode}; token {token}){held}{lost}; {ahead} before it")
        }
        Blocker::Vote { vote, missing, cast } => {
            let missing = if missing.is_empty() { "nobody".into() } else { missing.join(", ") };
            format!("vote {vote} is open: {cast} have voted, missing: {missing}")
        }
        Blocker::Deliberation { id, step, percent } => {
            format!("deliberation {id} is {step} ({percent} %)")
        }
        Blocker::LockRefused { why } => format!("it was refused its locks: {why}"),
        Blocker::Queue { ahead } => format!("{ahead} of its kind are before it"),
        Blocker::Working { agent, attempt, since, progress } => {
            let progress = progress.as_ref().map(|told| format!(" ({told})")).unwrap_or_default();
            format!("{agent} works on attempt {attempt} since {since}{progress}")
        }
        Blocker::Ended { how, at } => format!("{how}, at {at}"),
    }
}

/// A reason after what it is for, if there is one.
fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

fn names(people: &[AgentId]) -> String {
    people.iter().map(AgentId::as_str).collect::<Vec<_>>().join(", ")
}
