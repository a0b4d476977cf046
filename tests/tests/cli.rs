//! The real command, as a user types it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must end")]

#[path = "cli/agents.rs"]
mod agents;
#[path = "cli/backups.rs"]
mod backups;
#[path = "cli/canary.rs"]
mod canary;
#[path = "cli/cluster.rs"]
mod cluster;
#[path = "cli/context.rs"]
mod context;
#[path = "cli/councils.rs"]
mod councils;
#[path = "cli/doctor.rs"]
mod doctor;
#[path = "cli/examples.rs"]
mod examples;
#[path = "cli/guarded.rs"]
mod guarded;
#[path = "cli/health.rs"]
mod health;
#[path = "cli/kept.rs"]
mod kept;
#[path = "cli/live.rs"]
mod live;
#[path = "cli/locks.rs"]
mod locks;
#[path = "cli/looking.rs"]
mod looking;
#[path = "cli/metrics.rs"]
mod metrics;
#[path = "cli/operations.rs"]
mod operations;
#[path = "cli/people.rs"]
mod people;
#[path = "cli/repository.rs"]
mod repository;
#[path = "cli/resume.rs"]
mod resume;
#[path = "cli/review.rs"]
mod review;
#[path = "cli/shipped.rs"]
mod shipped;
#[path = "cli/standing.rs"]
mod standing;
#[path = "cli/submit.rs"]
mod submit;
#[path = "cli/task_locks.rs"]
mod task_locks;
#[path = "cli/up.rs"]
mod up;
#[path = "cli/usage.rs"]
mod usage;
#[path = "cli/votes.rs"]
mod votes;
#[path = "cli/voting.rs"]
mod voting;
#[path = "cli/waiting.rs"]
mod waiting;

use std::path::Path;

use orkestra_tests::command::Desk;

fn desk() -> Desk {
    Desk::with(env!("CARGO_BIN_EXE_orkestra-under-test"))
}

/// The path of an example of the project.
fn example(name: &str) -> String {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples");
    examples.join(name).to_string_lossy().into_owned()
}

/// Tasks that take a while, one after the other, so that a run can be found at work.
const SLOW: &str = r#"
[scenario]
name = "slow"

[inputs.ms]
type = "integer"
default = 300

[agents.sleeper]
kind = "function"
function = "demo-sleep"

[[tasks]]
id = "nap-{{ n }}"
repeat = { n = 30 }
needs = ["{% if n > 0 %}nap-{{ n - 1 }}{% endif %}"]
input = { ms = "{{ inputs.ms }}" }
"#;

/// A desk with the slow scenario.
fn slow() -> Desk {
    let desk = desk();
    desk.write("slow.toml", SLOW);
    desk
}

const RUN_SLOW: [&str; 6] = ["run", "slow.toml", "--data-dir", "data", "-o", "ndjson"];
