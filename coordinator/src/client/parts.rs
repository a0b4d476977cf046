//! Tasks in parts, each of which fits a step.

use std::sync::Arc;

use orkestra_runtime::protocol::{payload::Payload, task::TaskSpec};

/// How many bytes of tasks one command carries, and how many tasks: a step must fit its record.
const PART_BYTES_MAX: usize = 128 * 1024;
const PART_TASKS_MAX: usize = 1_000;

/// Cuts tasks into parts that fit a step.
pub(super) fn of(tasks: Vec<Arc<TaskSpec>>) -> Vec<Vec<Arc<TaskSpec>>> {
    let mut parts = Vec::new();
    let mut part: Vec<Arc<TaskSpec>> = Vec::new();
    let mut bytes = 0;
    for task in tasks {
        let more = bytes_of(&task);
        if part.len() >= PART_TASKS_MAX || (bytes + more > PART_BYTES_MAX && !part.is_empty()) {
            parts.push(std::mem::take(&mut part));
            bytes = 0;
        }
        bytes += more;
        part.push(task);
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}

/// About how many bytes a task takes in a record.
fn bytes_of(task: &TaskSpec) -> usize {
    let input = match &task.input {
        Payload::Inline(json) => json.as_str().len(),
        Payload::Blob { .. } | Payload::Sensitive { .. } => 100,
    };
    let needs: usize =
        task.dependencies.iter().map(|dependency| dependency.on.as_str().len() + 80).sum();
    400 + task.title.len() + task.instructions.len() + input + needs
}
