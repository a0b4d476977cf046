//! Questions to people, as a scenario describes them.

use orkestra_runtime::{
    id::AgentId,
    protocol::ask::{Ask, AskKind, AskRule, OnReject, OnTimeout},
};

use super::{
    agents::{AgentConfig, AgentKind, duration},
    ask_words::{
        AskFull, AskKindWritten, AskRuleWritten, AskWritten, OnRejectWritten, OnTimeoutWritten,
    },
    task_words::TaskWritten,
    tasks::ms,
};
use crate::written::{Findings, Path, did_you_mean};

/// Reads what a task asks of people; and nobody who is a person may be named by one that asks
/// nothing.
pub(super) fn check_ask(
    task: &TaskWritten,
    agents: &[AgentConfig],
    at: &Path,
    findings: &mut Findings<'_>,
) -> Option<Ask> {
    let is_person = |name: &str| {
        let found = agents.iter().find(|agent| agent.id.as_str() == name);
        found.map(|agent| agent.kind == AgentKind::Person)
    };
    for (index, name) in task.agents.iter().enumerate() {
        let place = at.key("agents").index(index);
        match (is_person(name), &task.ask) {
            (Some(true), None) => {
                let help = Some("say what is asked: ask = \"approval\" or \"answer\"".to_owned());
                findings.add(&place, format!("{name:?} is a person, and nothing is asked"), help);
            }
            (Some(false), Some(_)) => {
                let help = Some("name agents of kind \"person\"".to_owned());
                findings.add(&place, format!("{name:?} is no person: it cannot be asked"), help);
            }
            _ => {}
        }
    }
    let full = match task.ask.as_ref()? {
        AskWritten::Full(full) => full.clone(),
        AskWritten::Name(kind) => AskFull {
            kind: *kind,
            rule: AskRuleWritten::Any,
            timeout: None,
            on_timeout: None,
            escalate_to: None,
            on_reject: OnRejectWritten::Fail,
        },
    };
    for (key, given) in [("timeout", task.timeout.is_some()), ("retry", task.retry.is_some())] {
        if given {
            let help = Some("remove it, or use the timeout of `ask`, or `deadline`".to_owned());
            let message = format!("a task that asks people has no attempts, and so no {key:?}");
            findings.add(&at.key(key), message, help);
        }
    }
    check_people(task, &full, at, findings);
    let at = at.key("ask");
    if full.on_timeout.is_some() && full.timeout.is_none() {
        let help = Some("say how long they have: timeout = \"2h\"".to_owned());
        findings.add(&at.key("on_timeout"), "without a timeout this never happens", help);
    }
    let ask = Ask {
        kind: match full.kind {
            AskKindWritten::Approval => AskKind::Approval,
            AskKindWritten::Answer => AskKind::Answer,
        },
        rule: match full.rule {
            AskRuleWritten::Any => AskRule::Any,
            AskRuleWritten::All => AskRule::All,
            AskRuleWritten::Majority => AskRule::Majority,
        },
        timeout_ms: duration(full.timeout.as_ref(), &at.key("timeout"), findings).map(ms),
        on_timeout: match full.on_timeout {
            None | Some(OnTimeoutWritten::Reject) => OnTimeout::Reject,
            Some(OnTimeoutWritten::Approve) => OnTimeout::Approve,
            Some(OnTimeoutWritten::Escalate) => {
                OnTimeout::Escalate { to: escalated(&full, &is_person, agents, &at, findings) }
            }
        },
        on_reject: match full.on_reject {
            OnRejectWritten::Fail => OnReject::Fail,
            OnRejectWritten::Complete => OnReject::Complete,
        },
    };
    if full.escalate_to.is_some() && !matches!(ask.on_timeout, OnTimeout::Escalate { .. }) {
        let help = Some("say so: on_timeout = \"escalate\"".to_owned());
        findings.add(&at.key("escalate_to"), "nothing is escalated", help);
    }
    Some(ask)
}

/// What would be refused when the run begins, told before.
fn check_people(task: &TaskWritten, full: &AskFull, at: &Path, findings: &mut Findings<'_>) {
    let people = &task.agents;
    for (index, name) in people.iter().enumerate() {
        if people.iter().take(index).any(|other| other == name) {
            let help = Some("name each person once".to_owned());
            findings.add(&at.key("agents").index(index), format!("{name:?} is asked twice"), help);
        }
    }
    let at = at.key("ask");
    let is_any = matches!(full.rule, AskRuleWritten::Any);
    if people.is_empty() && !is_any {
        let help = Some("name people: agents = [\"…\"]".to_owned());
        let message = "so many of nobody are asked: the task names no people";
        findings.add(&at.key("rule"), message, help);
    }
    let is_answer = matches!(full.kind, AskKindWritten::Answer);
    if is_answer && matches!(full.on_timeout, Some(OnTimeoutWritten::Approve)) {
        let help = Some("use \"reject\" or \"escalate\"".to_owned());
        let message = "an answer is asked for, and nobody's silence is one";
        findings.add(&at.key("on_timeout"), message, help);
    }
    for (index, name) in full.escalate_to.iter().flatten().enumerate() {
        if people.contains(name) {
            let help = Some("name others".to_owned());
            let message = format!("{name:?} has been asked already");
            findings.add(&at.key("escalate_to").index(index), message, help);
        }
    }
}

fn escalated(
    full: &AskFull,
    is_person: &dyn Fn(&str) -> Option<bool>,
    agents: &[AgentConfig],
    at: &Path,
    findings: &mut Findings<'_>,
) -> Vec<AgentId> {
    let names = full.escalate_to.clone().unwrap_or_default();
    if names.is_empty() {
        let help = Some("name people: escalate_to = [\"…\"]".to_owned());
        findings.add(&at.key("on_timeout"), "it escalates to nobody", help);
    }
    let mut people = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let place = at.key("escalate_to").index(index);
        match is_person(name) {
            Some(true) => people.extend(findings.keep(&place, AgentId::new(name))),
            Some(false) => findings.add(&place, format!("{name:?} is no person"), None),
            None => {
                let help = did_you_mean(name, agents.iter().map(|agent| agent.id.as_str()));
                findings.add(&place, format!("there is no agent {name:?}"), help);
            }
        }
    }
    people
}

#[cfg(test)]
mod tests {
    use crate::scenario::tests::{read, told};

    #[test]
    fn all_faults_of_what_people_are_asked_are_told_with_their_places() {
        let body = "[agents.p]\nkind = 'person'\nfunction = 'noop'\n[agents.q]\nkind = 'person'\n\
            [[tasks]]\nid = 'a'\nagents = ['a']\nask = 'approval'\n\
            [[tasks]]\nid = 'b'\nagents = ['p']\n\
            [[tasks]]\nid = 'c'\nagents = ['q']\nask = { on_timeout = 'reject' }\n\
            [[tasks]]\nid = 'd'\nagents = ['q']\nask = { timeout = '1h', on_timeout = 'escalate' }\n\
            [[tasks]]\nid = 'e'\nask = { timeout = 'soon', escalate_to = ['p'] }\n\
            [[tasks]]\nid = 'f'\ntimeout = '1h'\nretry = 'none'\nask = 'answer'\n\
            [[tasks]]\nid = 'g'\nagents = ['q']\nask = { timeout = '1h', on_timeout = 'escalate', escalate_to = ['a', 'x', 'q'] }\n\
            [[tasks]]\nid = 'h'\nask = { rule = 'all' }\n\
            [[tasks]]\nid = 'i'\nagents = ['q', 'q']\nask = { kind = 'answer', timeout = '1h', on_timeout = 'approve' }\n";
        let mut told = told(read(body));
        told.sort();
        assert_eq!(
            told,
            [
                "agents.p.function: a person has no \"function\"",
                "tasks[0].agents[0]: \"a\" is no person: it cannot be asked",
                "tasks[1].agents[0]: \"p\" is a person, and nothing is asked",
                "tasks[2].ask.on_timeout: without a timeout this never happens",
                "tasks[3].ask.on_timeout: it escalates to nobody",
                "tasks[4].ask.escalate_to: nothing is escalated",
                "tasks[4].ask.timeout: \"soon\" is not a duration (expected number at 0)",
                "tasks[5].retry: a task that asks people has no attempts, and so no \"retry\"",
                "tasks[5].timeout: a task that asks people has no attempts, and so no \"timeout\"",
                "tasks[6].ask.escalate_to[0]: \"a\" is no person",
                "tasks[6].ask.escalate_to[1]: there is no agent \"x\"",
                "tasks[6].ask.escalate_to[2]: \"q\" has been asked already",
                "tasks[7].ask.rule: so many of nobody are asked: the task names no people",
                "tasks[8].agents[1]: \"q\" is asked twice",
                "tasks[8].ask.on_timeout: an answer is asked for, and nobody's silence is one",
            ]
        );
    }
}
