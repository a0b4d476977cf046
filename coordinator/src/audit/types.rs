//! Every type that a row can have, for whoever asks for one by name.

use std::collections::BTreeSet;

use orkestra_runtime::{Error, ErrorKind, Result};

use crate::written::did_you_mean;

/// The types of rows, by name.
pub const TYPES: [&str; 70] = [
    "agent_breaker_closed",
    "agent_breaker_opened",
    "agent_described",
    "agent_drained",
    "agent_returned",
    "checks_post",
    "checks_pre",
    "context_phase_set",
    "context_reconnected",
    "context_restored",
    "context_snapshot_taken",
    "context_snapshots_forgotten",
    "context_understood",
    "council_agent_registered",
    "council_agent_unregistered",
    "council_created",
    "council_deleted",
    "deliberation_ended",
    "deliberation_opened",
    "deliberation_phase_begun",
    "deliberations_forgotten",
    "lock_attempt_ended",
    "lock_cancelled",
    "lock_deadlock",
    "lock_granted",
    "lock_queued",
    "lock_released",
    "lock_reopened",
    "lock_session_ended",
    "lock_session_opened",
    "lock_stolen",
    "lock_timed_out",
    "paused",
    "resumed",
    "run_cancelled",
    "run_ended",
    "run_forgotten",
    "run_opened",
    "run_sealed",
    "task_answered",
    "task_approved",
    "task_artifact_kept",
    "task_assigned",
    "task_cancelled",
    "task_completed",
    "task_escalated",
    "task_failed",
    "task_handed_back",
    "task_poison_pill",
    "task_redacted",
    "task_rejected",
    "task_retried_by_hand",
    "task_retry",
    "task_revealed",
    "task_submitted",
    "tasks_forgotten",
    "vote_cast",
    "vote_closed",
    "vote_decided",
    "vote_enrolled",
    "vote_equivocated",
    "vote_judged",
    "vote_late",
    "vote_malformed",
    "vote_mediated",
    "vote_opened",
    "vote_sealed",
    "vote_set_aside",
    "vote_unsealing",
    "votes_forgotten",
];

/// The family of a type: `task` of `task_retry`.
pub(super) fn family_of(event_type: &str) -> &str {
    event_type.split('_').next().unwrap_or_default()
}

/// Takes the name of a type or of a family as somebody typed it.
///
/// An error of kind `Invalid` says that there is none of that name, and which there are.
pub fn known_type(typed: &str) -> Result<String> {
    let families: BTreeSet<&str> = TYPES.into_iter().map(family_of).collect();
    if families.contains(typed) || TYPES.contains(&typed) {
        return Ok(typed.to_owned());
    }
    let others = TYPES.into_iter().filter(|name| !families.contains(name));
    let help = did_you_mean(typed, families.iter().copied().chain(others)).unwrap_or_default();
    let message = format!("no event has the type {typed:?}; {help}");
    Err(Error::new(ErrorKind::Invalid, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names in a function that names types.
    fn named_in(source: &'static str) -> Vec<&'static str> {
        let begun = source.split_once("fn type_of").unwrap().1;
        begun.split_once("\n}\n").unwrap().0.split('"').skip(1).step_by(2).collect()
    }

    #[test]
    fn a118_every_type_that_a_row_can_have_is_known_and_no_other() {
        let mut named = named_in(include_str!("row.rs"));
        named.extend(named_in(include_str!("context.rs")));
        named.extend(named_in(include_str!("lock.rs")));
        named.extend(named_in(include_str!("committee.rs")));
        named.extend(named_in(include_str!("council.rs")));
        assert_eq!(named.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from(TYPES));
    }

    #[test]
    fn a118_a_type_that_no_event_has_is_refused_with_those_that_there_are() {
        for known in TYPES.into_iter().chain(["task", "tasks", "run", "agent", "checks", "context"])
        {
            assert_eq!(known_type(known).unwrap(), known);
        }
        let refused = |typed| known_type(typed).unwrap_err();
        assert_eq!(refused("nosuchtype").kind(), ErrorKind::Invalid);
        let told = "no event has the type \"task_retri\"; did you mean \"task_retry\"?";
        assert_eq!(refused("task_retri").to_string(), told);
        let told = refused("nosuchtype").to_string();
        assert!(told.contains("; known are: agent, checks, context, council, "), "{told}");
        assert!(told.contains(", task, tasks, vote, votes, agent_breaker_closed, "), "{told}");
    }
}
