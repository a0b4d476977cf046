//! What tests of desks are given to pass on.

use orkestra_runtime::{
    id::{Attempt, RunId, TaskId, TaskNo},
    protocol::{agent::Assignment, check::Switches, payload::Payload},
};

/// An attempt that says nothing of what is to be done.
pub(super) fn assignment(task: TaskNo) -> Assignment {
    Assignment {
        task,
        attempt: Attempt(1),
        run: RunId::new("r").unwrap(),
        id: TaskId::new("t").unwrap(),
        title: String::new(),
        instructions: String::new(),
        input: Payload::null(),
        results: Vec::new(),
        timeout_ms: None,
        effect_key: String::new(),
        workspace: None,
        checks: Switches::default(),
        sensitive_output: false,
        locks: Vec::new(),
    }
}
