//! Rows of the context's own events.

use orkestra_runtime::id::AgentId;
use serde_json::{Value, json};

use crate::context::ContextEvent;

/// The type of an event, by name.
pub(super) const fn type_of(event: &ContextEvent) -> &'static str {
    match event {
        ContextEvent::Understood { .. } => "context_understood",
        ContextEvent::SnapshotTaken { .. } => "context_snapshot_taken",
        ContextEvent::SnapshotsForgotten { .. } => "context_snapshots_forgotten",
        ContextEvent::Restored { .. } => "context_restored",
        ContextEvent::PhaseSet { .. } => "context_phase_set",
        ContextEvent::Reconnected { .. } => "context_reconnected",
    }
}

/// Whose an event is, where it is one agent's.
pub(super) fn agent_of(event: &ContextEvent) -> Option<&AgentId> {
    match event {
        ContextEvent::Understood { agent, .. } => Some(agent),
        ContextEvent::SnapshotTaken { gone: agents, .. } | ContextEvent::Reconnected { agents } => {
            match &agents[..] {
                [only] => Some(only),
                _ => None,
            }
        }
        ContextEvent::SnapshotsForgotten { .. }
        | ContextEvent::Restored { .. }
        | ContextEvent::PhaseSet { .. } => None,
    }
}

/// What an event says beyond its subject.
pub(super) fn details_of(event: &ContextEvent) -> Value {
    match event {
        ContextEvent::Understood { understanding, .. } => json!(understanding),
        ContextEvent::SnapshotTaken { reason, by, note, gone, tally, active } => json!({
            "reason": reason.as_str(),
            "by": by,
            "note": note,
            "gone": gone,
            "tasks": tally,
            "active": active.len(),
        }),
        ContextEvent::SnapshotsForgotten { snapshots } => json!({ "snapshots": snapshots }),
        ContextEvent::Restored { snapshot, by } => json!({ "snapshot": snapshot, "by": by }),
        ContextEvent::PhaseSet { phase, by } => json!({ "phase": phase.as_str(), "by": by }),
        ContextEvent::Reconnected { agents } => json!({ "agents": agents }),
    }
}
