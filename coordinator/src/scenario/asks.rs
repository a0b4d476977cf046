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
    let at = at.key("ask");
    if full.on_timeout.is_some() && full.timeout.is_none() {
        let help = Some("say how long they have: timeout = \"2h\"".to_owned());
        findings.add(&at.key("on_timeout"), "without a timeout this never happens", help);
    }
    for (key, given) in [("timeout", task.timeout.is_some()), ("retry", task.retry.is_some())] {
        if given {
            let help = Some("remove it, or use the timeout of `ask`, or `deadline`".to_owned());
            let message = format!("a task that asks people has no attempts, and so no {key:?}");
            findings.add(&at, message, help);
        }
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
