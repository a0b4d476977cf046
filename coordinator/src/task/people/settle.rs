//! Whether what people said settles a question. Pure, and without a clock.

use std::collections::BTreeMap;

use orkestra_runtime::{
    id::AgentId,
    limits::PAYLOAD_INLINE_BYTES_MAX,
    protocol::{
        ask::{Ask, AskKind, AskRule, OnReject, OnTimeout},
        payload::{Json, Payload},
    },
};
use serde_json::{Value, json};

use super::{PersonDecision, Said};
use crate::task::{event::FailReason, state::Task};

/// How many bytes one byte of a text takes in JSON at most.
const ESCAPED_BYTES_MAX: usize = 6;

/// What a question comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// The task completes with this.
    Completed(Payload),
    /// It fails.
    Failed(FailReason),
}

impl Settled {
    /// About how many bytes it takes in the journal.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Completed(result) => inline_bytes(result),
            Self::Failed(_) => 0,
        }
    }
}

fn inline_bytes(payload: &Payload) -> usize {
    match payload {
        Payload::Inline(json) => json.as_str().len(),
        Payload::Blob { .. } | Payload::Sensitive { .. } => 0,
    }
}

/// Whom a task asks now, and how many of them it takes.
pub(super) fn asked<'a>(task: &'a Task, ask: &'a Ask, escalated: bool) -> (&'a [AgentId], AskRule) {
    match &ask.on_timeout {
        OnTimeout::Escalate { to } if escalated => (to, AskRule::Any),
        _ => (&task.spec.agents, ask.rule),
    }
}

/// What the decisions of those who are asked come to; none while it is open.
pub(super) fn settled(
    ask: &Ask,
    (people, rule): (&[AgentId], AskRule),
    decisions: &[PersonDecision],
) -> Option<Settled> {
    let counts = |decision: &&PersonDecision| people.is_empty() || people.contains(&decision.by);
    let said: Vec<&PersonDecision> = decisions.iter().filter(counts).collect();
    let no = said.iter().find(|decision| decision.said == Said::Rejected);
    let noes = said.iter().filter(|decision| decision.said == Said::Rejected).count();
    let half = people.len() / 2;
    match rule {
        AskRule::Any => match said.first()? {
            no if no.said == Said::Rejected => Some(rejected(ask, no, decisions)),
            yes => Some(Settled::Completed(agreed(ask, yes, decisions))),
        },
        AskRule::All => match no {
            Some(no) => Some(rejected(ask, no, decisions)),
            None if said.len() < people.len() => None,
            None => Some(Settled::Completed(all(ask, &said, decisions))),
        },
        AskRule::Majority => {
            // What more than half can no longer reach is rejected.
            let lost = noes >= people.len() - half;
            if let Some(no) = no.filter(|_| lost) {
                return Some(rejected(ask, no, decisions));
            }
            let (most, votes) = most_said(&said)?;
            if votes > half {
                return Some(Settled::Completed(agreed(ask, most, decisions)));
            }
            let open = people.len() - said.len();
            (votes + open <= half).then_some(Settled::Failed(FailReason::NoMajority))
        }
    }
}

/// What a question comes to when nobody decided in time and nobody else is to be asked.
pub(super) fn timed_out(ask: &Ask, decisions: &[PersonDecision]) -> Settled {
    match (&ask.on_timeout, ask.on_reject) {
        (OnTimeout::Approve, _) => Settled::Completed(verdict(true, true, decisions)),
        (_, OnReject::Complete) => Settled::Completed(verdict(false, true, decisions)),
        (_, OnReject::Fail) => Settled::Failed(FailReason::NoDecision),
    }
}

fn rejected(ask: &Ask, no: &PersonDecision, decisions: &[PersonDecision]) -> Settled {
    match ask.on_reject {
        OnReject::Fail => {
            let (by, reason) = (no.by.clone(), no.reason.clone());
            Settled::Failed(FailReason::Rejected { by, reason })
        }
        OnReject::Complete => Settled::Completed(verdict(false, false, decisions)),
    }
}

fn agreed(ask: &Ask, yes: &PersonDecision, decisions: &[PersonDecision]) -> Payload {
    match (&ask.kind, &yes.said) {
        (AskKind::Answer, Said::Answered(answer)) => answer.clone(),
        _ => verdict(true, false, decisions),
    }
}

/// Every answer by who gave it, or the approval.
fn all(ask: &Ask, said: &[&PersonDecision], decisions: &[PersonDecision]) -> Payload {
    if ask.kind == AskKind::Approval {
        return verdict(true, false, decisions);
    }
    let answers: BTreeMap<&str, Value> =
        said.iter().map(|decision| (decision.by.as_str(), value_of(&decision.said))).collect();
    inline(&json!(answers))
}

/// The answer, or the approval, that most people gave, with how many did; the earliest of equals.
fn most_said<'a>(said: &[&'a PersonDecision]) -> Option<(&'a PersonDecision, usize)> {
    let mut best: Option<(&PersonDecision, usize)> = None;
    for one in said.iter().filter(|decision| decision.said != Said::Rejected) {
        let value = value_of(&one.said);
        let votes = said.iter().filter(|other| value_of(&other.said) == value).count();
        if best.is_none_or(|(_, most)| votes > most) {
            best = Some((one, votes));
        }
    }
    // Nobody said yes: whether it can still come about is counted all the same.
    best.or_else(|| said.first().map(|first| (*first, 0)))
}

/// What is compared: the values of answers, not their spelling.
fn value_of(said: &Said) -> Value {
    match said {
        Said::Approved => json!({ "approved": true }),
        Said::Rejected => json!({ "approved": false }),
        Said::Answered(Payload::Inline(answer)) => {
            answer.read().unwrap_or_else(|_| Value::String(answer.to_string()))
        }
        Said::Answered(Payload::Blob { name, .. } | Payload::Sensitive { name, .. }) => {
            json!({ "blob": name.to_string() })
        }
    }
}

/// The approval with what everybody said. Reasons are shortened where the whole would be too long for
/// a result; in full they stand with the task.
fn verdict(approved: bool, by_timeout: bool, decisions: &[PersonDecision]) -> Payload {
    let whole = verdict_with(approved, by_timeout, decisions, usize::MAX);
    if inline_bytes(&whole) <= PAYLOAD_INLINE_BYTES_MAX {
        return whole;
    }
    // Half is for names and what is around them.
    let share = PAYLOAD_INLINE_BYTES_MAX / (2 * ESCAPED_BYTES_MAX * decisions.len().max(1));
    verdict_with(approved, by_timeout, decisions, share)
}

fn verdict_with(
    approved: bool,
    by_timeout: bool,
    decisions: &[PersonDecision],
    reason_bytes_max: usize,
) -> Payload {
    let told: Vec<Value> = decisions
        .iter()
        .map(|decision| {
            json!({
                "by": decision.by,
                "decision": decision.said.as_str(),
                "reason": cut(&decision.reason, reason_bytes_max),
            })
        })
        .collect();
    inline(&json!({ "approved": approved, "by_timeout": by_timeout, "decisions": told }))
}

fn cut(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or_default()
}

fn inline(value: &Value) -> Payload {
    // A JSON value is always JSON text.
    Payload::Inline(Json::of(value).unwrap_or_default())
}
