//! What can be said of a task before its templates are filled.

use std::time::Duration;

use orkestra_runtime::{
    id::{AgentId, Capability},
    protocol::{
        ask::Ask,
        check::Switches,
        task::{Priority, RetryPolicy, Sensitive},
        vote::TaskVote,
    },
};

use super::{
    agents::{AgentConfig, AgentKind, duration},
    asks::check_ask,
    checks::check_switches,
    councils::check_deliberation,
    inputs::is_variable,
    locks::check_locks,
    sensitive::of_task,
    task_words::{
        NeedKind, NeedWritten, PriorityName, PriorityWritten, RetryName, RetryWritten, TaskWritten,
    },
    votes::check_vote,
    words::Written,
};
use crate::{
    council::DeliberationRequest,
    written::{Findings, Path, did_you_mean},
};

/// The most tasks of a scenario.
pub(super) const TASKS_MAX: u64 = 1_000_000;

/// The parts of a task that are no templates.
#[derive(Clone, Debug)]
pub(super) struct Fixed {
    pub(super) priority: Priority,
    pub(super) requires: Vec<Capability>,
    pub(super) agents: Vec<AgentId>,
    pub(super) retry: RetryPolicy,
    pub(super) timeout_ms: Option<u64>,
    pub(super) deadline_ms: Option<u64>,
    pub(super) ask: Option<Ask>,
    pub(super) checks: Switches,
    pub(super) sensitive: Sensitive,
    pub(super) vote: Option<TaskVote>,
    /// What a council thinks about, without its texts.
    pub(super) council: Option<DeliberationRequest>,
}

/// Checks all tasks as far as that can be done without inputs.
pub(super) fn check_tasks(
    written: &Written,
    agents: &[AgentConfig],
    findings: &mut Findings<'_>,
) -> Vec<Fixed> {
    let tasks = Path::root().key("tasks");
    if written.tasks.is_empty() {
        let help = Some("add one: [[tasks]] with an id".to_owned());
        findings.add(&tasks, "the scenario has no task", help);
    }
    let mut all: u64 = 0;
    let mut fixed = Vec::with_capacity(written.tasks.len());
    for (index, task) in written.tasks.iter().enumerate() {
        let at = tasks.index(index);
        all = all.saturating_add(check_repeat(task, &at, findings));
        check_needs(task, &at, findings);
        check_locks(task, &at, findings);
        let ask = check_ask(task, agents, &at, findings);
        let checks = check_switches(task, &at, findings);
        let vote = check_vote(task, &at, findings);
        let council = check_deliberation(task, written, &at, findings);
        let rest = check_task(task, written, &at, findings);
        fixed.push(Fixed { ask, checks, vote, council, ..rest });
        check_hands(task, agents, &at, findings);
    }
    if all > TASKS_MAX {
        let message = format!("the scenario has {all} tasks, and at most {TASKS_MAX} are allowed");
        findings.add(&tasks, message, None);
    }
    fixed
}

fn check_task(
    task: &TaskWritten,
    written: &Written,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Fixed {
    let mut requires = Vec::new();
    for (index, word) in task.requires.iter().enumerate() {
        let place = at.key("requires").index(index);
        requires.extend(findings.keep(&place, Capability::new(word)));
    }
    let mut agents = Vec::new();
    for (index, name) in task.agents.iter().enumerate() {
        let place = at.key("agents").index(index);
        if written.agents.contains_key(name) {
            agents.extend(findings.keep(&place, AgentId::new(name)));
        } else {
            let help = did_you_mean(name, written.agents.keys().map(String::as_str));
            findings.add(&place, format!("there is no agent {name:?}"), help);
        }
    }
    Fixed {
        priority: priority(task.priority),
        requires,
        agents,
        retry: retry(task.retry.as_ref(), &at.key("retry"), findings),
        timeout_ms: duration(task.timeout.as_ref(), &at.key("timeout"), findings).map(ms),
        deadline_ms: duration(task.deadline.as_ref(), &at.key("deadline"), findings).map(ms),
        ask: None,
        checks: Switches::default(),
        sensitive: of_task(task, written),
        vote: None,
        council: None,
    }
}

/// Somebody must be able to work on it.
fn check_hands(task: &TaskWritten, agents: &[AgentConfig], at: &Path, findings: &mut Findings<'_>) {
    if task.ask.is_some() || task.vote.is_some() || task.council.is_some() {
        return;
    }
    let allowed: Vec<&AgentConfig> = agents
        .iter()
        .filter(|agent| agent.kind != AgentKind::Person)
        .filter(|agent| {
            task.agents.is_empty() || task.agents.iter().any(|n| n == agent.id.as_str())
        })
        .collect();
    let can = |agent: &AgentConfig, word: &str| {
        agent.capabilities.iter().any(|capability| capability.as_str() == word)
    };
    if allowed.iter().any(|agent| task.requires.iter().all(|word| can(agent, word))) {
        return;
    }
    let known = allowed.iter().flat_map(|agent| &agent.capabilities).map(Capability::as_str);
    let known: std::collections::BTreeSet<&str> = known.collect();
    let missing = task.requires.iter().position(|word| !known.contains(word.as_str()));
    if let Some((index, word)) = missing.and_then(|i| Some((i, task.requires.get(i)?))) {
        let whose = if task.agents.is_empty() { "no agent" } else { "none of the task's agents" };
        let help = did_you_mean(word, known);
        findings.add(&at.key("requires").index(index), format!("{whose} can {word:?}"), help);
    } else if agents.is_empty() {
        let help = Some("add one: [agents.<name>] with a kind".to_owned());
        findings.add(at, "no agent can work on this task: the scenario has none", help);
    } else if !allowed.is_empty() {
        let words = task.requires.join(", ");
        findings.add(&at.key("requires"), format!("no single agent can all of: {words}"), None);
    }
}

fn check_repeat(task: &TaskWritten, at: &Path, findings: &mut Findings<'_>) -> u64 {
    for variable in task.repeat.keys() {
        if !is_variable(variable) || ["inputs", "scenario"].contains(&variable.as_str()) {
            let message = format!("{variable:?} cannot name a variable");
            let help = Some("use letters, digits and _, but not inputs or scenario".to_owned());
            findings.add_key(&at.key("repeat").key(variable), message, help);
        }
    }
    task.repeat.values().fold(1, |product, count| product.saturating_mul(u64::from(*count)))
}

fn check_needs(task: &TaskWritten, at: &Path, findings: &mut Findings<'_>) {
    for (index, need) in task.needs.iter().enumerate() {
        let NeedWritten::Full(need) = need else { continue };
        let place = at.key("needs").index(index);
        match need.kind {
            NeedKind::Conditional if need.pointer.is_none() || need.equals.is_none() => {
                let help = Some("say which value: pointer = \"/ok\", equals = true".to_owned());
                findings.add(&place, "a conditional need has no condition", help);
            }
            NeedKind::Hard | NeedKind::Soft if need.pointer.is_some() || need.equals.is_some() => {
                let help = Some("make it kind = \"conditional\"".to_owned());
                findings.add(&place, "only a conditional need has a condition", help);
            }
            NeedKind::Conditional | NeedKind::Hard | NeedKind::Soft => {
                check_pointer(need.pointer.as_deref(), &place.key("pointer"), findings);
            }
        }
    }
}

/// RFC 6901: empty, or beginning with a slash.
pub(super) fn check_pointer(pointer: Option<&str>, at: &Path, findings: &mut Findings<'_>) {
    let wrong = pointer.filter(|pointer| !pointer.is_empty() && !pointer.starts_with('/'));
    if let Some(pointer) = wrong {
        let help = Some(format!("did you mean \"/{pointer}\"?"));
        findings.add(at, format!("{pointer:?} is not a JSON pointer: it begins with no /"), help);
    }
}

fn priority(written: Option<PriorityWritten>) -> Priority {
    match written {
        None => Priority::default(),
        Some(PriorityWritten::Name(PriorityName::Low) | PriorityWritten::Number(..=1)) => {
            Priority::Low
        }
        Some(PriorityWritten::Name(PriorityName::Medium) | PriorityWritten::Number(2)) => {
            Priority::Medium
        }
        Some(PriorityWritten::Name(PriorityName::High) | PriorityWritten::Number(3)) => {
            Priority::High
        }
        Some(PriorityWritten::Name(PriorityName::Critical) | PriorityWritten::Number(4..)) => {
            Priority::Critical
        }
    }
}

fn retry(written: Option<&RetryWritten>, at: &Path, findings: &mut Findings<'_>) -> RetryPolicy {
    let default = RetryPolicy::DEFAULT;
    let full = match written {
        None | Some(RetryWritten::Name(RetryName::Default)) => return default,
        Some(RetryWritten::Name(RetryName::OrkestraClassic)) => return RetryPolicy::CLASSIC,
        Some(RetryWritten::Name(RetryName::None)) => {
            return RetryPolicy { retries_max: 0, ..default };
        }
        Some(RetryWritten::Full(full)) => full,
    };
    let base = duration(full.base.as_ref(), &at.key("base"), findings);
    let cap = duration(full.cap.as_ref(), &at.key("cap"), findings);
    RetryPolicy {
        retries_max: full.max.unwrap_or(default.retries_max),
        base_ms: base.map_or(default.base_ms, ms),
        factor: full.factor.unwrap_or(default.factor),
        cap_ms: cap.map_or(default.cap_ms, ms),
        jitter_percent: full.jitter.unwrap_or(default.jitter_percent),
    }
}

pub(super) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
