//! The streams and inboxes on NATS that planning uses, as others expect them.

use std::time::Duration;

use orkestra_runtime::{
    Result,
    fabric::{InboxSpec, Pattern, StreamSpec},
};

use super::{
    event::{PLAN_APPROVED, STORY_TRANSITIONED},
    response::{COMPLETED, FAILED, PROGRESS},
};

/// How long a reader may take for one message before another gets it.
pub const SETTLE_WITHIN: Duration = Duration::from_secs(30);

const HOUR: u64 = 3_600;

/// Every stream: its name, what it keeps, for how many seconds, and how many messages.
pub const STREAMS: [(&str, &str, u64, u64); 4] = [
    ("PLANNING_EVENTS", "planning.>", 30 * 24 * HOUR, 1_000_000),
    ("ORCHESTRATOR_EVENTS", "orchestration.>", 7 * 24 * HOUR, 50_000),
    ("AGENT_COMMANDS", "agent.cmd.>", HOUR, 10_000),
    ("AGENT_RESPONSES", "agent.response.>", HOUR, 10_000),
];

/// Every inbox: its stream, its name, what comes to it.
pub const INBOXES: [(&str, &str, &str); 5] = [
    ("PLANNING_EVENTS", "orch-planning-story-transitions", STORY_TRANSITIONED),
    ("PLANNING_EVENTS", "orch-planning-plan-approved", PLAN_APPROVED),
    ("AGENT_RESPONSES", "orch-agent-response-completed", COMPLETED),
    ("AGENT_RESPONSES", "orch-agent-response-failed", FAILED),
    ("AGENT_RESPONSES", "orch-agent-response-progress", PROGRESS),
];

/// The streams, as they are made where they are missing.
pub fn streams() -> Result<Vec<StreamSpec>> {
    let specs = STREAMS.iter().map(|(name, subjects, seconds, count)| {
        Ok(StreamSpec {
            name: (*name).to_owned(),
            subjects: vec![Pattern::outside(subjects)?],
            keep_for: Duration::from_secs(*seconds),
            keep_count: *count,
        })
    });
    specs.collect()
}

/// The inboxes.
pub fn inboxes() -> Result<Vec<InboxSpec>> {
    let specs = INBOXES.iter().map(|(stream, name, subject)| {
        Ok(InboxSpec {
            stream: (*stream).to_owned(),
            name: (*name).to_owned(),
            subject: Pattern::outside(subject)?,
            settle_within: SETTLE_WITHIN,
        })
    });
    specs.collect()
}
