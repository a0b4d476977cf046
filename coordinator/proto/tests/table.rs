//! The public table of the service, held against what is compiled.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its descriptor has failed")]

use std::collections::BTreeMap;

use orkestra_proto::DESCRIPTOR;
use prost_types::{FileDescriptorProto, FileDescriptorSet};

/// Each message with its fields in order: a field's number is its place.
const TABLE: [(&str, &[&str]); 46] = [
    ("DeliberateRequest", &["task_description", "role", "constraints", "rounds", "num_agents"]),
    ("DeliberateResponse", &["results", "winner_id", "duration_ms", "metadata"]),
    (
        "OrchestrateRequest",
        &[
            "task_id",
            "task_description",
            "role",
            "constraints",
            "options",
            "case_id",
            "story_id",
            "plan_id",
            "context_options",
        ],
    ),
    ("OrchestrateResponse", &["winner", "candidates", "execution_id", "duration_ms", "metadata"]),
    ("GetStatusRequest", &["include_stats"]),
    ("GetStatusResponse", &["status", "uptime_seconds", "stats"]),
    (
        "TaskConstraints",
        &["rubric", "requirements", "metadata", "max_iterations", "timeout_seconds"],
    ),
    (
        "OrchestratorOptions",
        &[
            "enable_peer_review",
            "deliberation_rounds",
            "enable_architect_selection",
            "custom_params",
        ],
    ),
    ("DeliberationResult", &["proposal", "checks", "score", "rank"]),
    ("Proposal", &["author_id", "author_role", "content", "created_at_ms", "revisions"]),
    ("CheckSuite", &["policy", "lint", "dryrun", "additional_checks", "all_passed"]),
    ("PolicyResult", &["passed", "violations", "message"]),
    ("LintResult", &["passed", "error_count", "warning_count", "errors"]),
    ("DryRunResult", &["passed", "output", "exit_code", "message"]),
    ("CheckResult", &["check_type", "passed", "score", "message", "details"]),
    ("OrchestratorMetadata", &["orchestrator_version", "timestamp_ms", "execution_id", "tags"]),
    (
        "OrchestratorStats",
        &[
            "total_deliberations",
            "total_orchestrations",
            "avg_deliberation_time_ms",
            "active_councils",
            "role_counts",
        ],
    ),
    (
        "ContextOptions",
        &["include_timeline", "include_decisions", "include_summaries", "max_events", "scopes"],
    ),
    (
        "DeliberationUpdate",
        &["status", "progress_percent", "current_step", "current_agent", "partial_result"],
    ),
    ("GetDeliberationResultRequest", &["task_id"]),
    (
        "GetDeliberationResultResponse",
        &["task_id", "status", "results", "winner_id", "duration_ms", "error_message", "metadata"],
    ),
    ("RegisterAgentRequest", &["agent_id", "role", "capabilities", "endpoint", "metadata"]),
    ("RegisterAgentResponse", &["success", "message", "council_id"]),
    (
        "AgentCapabilities",
        &["supported_tasks", "model_profile", "max_concurrent_tasks", "languages"],
    ),
    ("CreateCouncilRequest", &["role", "num_agents", "config"]),
    ("CreateCouncilResponse", &["council_id", "agents_created", "agent_ids"]),
    (
        "CouncilConfig",
        &[
            "deliberation_rounds",
            "enable_peer_review",
            "model_profile",
            "custom_params",
            "agent_type",
        ],
    ),
    ("ListCouncilsRequest", &["role_filter", "include_agents"]),
    ("ListCouncilsResponse", &["councils"]),
    ("CouncilInfo", &["council_id", "role", "num_agents", "agents", "status", "model"]),
    ("AgentInfo", &["agent_id", "role", "status", "capabilities"]),
    ("DeleteCouncilRequest", &["role"]),
    ("DeleteCouncilResponse", &["success", "message", "agents_removed"]),
    ("UnregisterAgentRequest", &["agent_id", "role"]),
    ("UnregisterAgentResponse", &["success", "message"]),
    (
        "PlanningEventRequest",
        &["event_type", "case_id", "plan_id", "from_state", "to_state", "timestamp_ms", "metadata"],
    ),
    ("PlanningEventResponse", &["processed", "message", "derived_task_ids"]),
    ("DeriveSubtasksRequest", &["case_id", "plan_id", "roles", "strategy"]),
    ("DeriveSubtasksResponse", &["tasks", "derivation_id", "total_tasks"]),
    (
        "AtomicTask",
        &[
            "task_id",
            "role",
            "description",
            "dependencies",
            "constraints",
            "case_id",
            "plan_id",
            "priority",
        ],
    ),
    ("GetTaskContextRequest", &["task_id", "case_id", "story_id", "role", "phase", "options"]),
    ("GetTaskContextResponse", &["context_text", "blocks", "token_count", "version_hash"]),
    ("GetMetricsRequest", &["metric_type", "time_range_ms"]),
    ("GetMetricsResponse", &["performance", "agents", "councils"]),
    ("PromptBlocks", &["system", "context", "tools", "history"]),
    (
        "DecompositionStrategy",
        &["parallel_execution", "dependency_order", "max_tasks_per_role", "auto_publish_to_nats"],
    ),
];

/// Each call: its name, what it is asked with, what it answers, and whether it answers as a stream.
const CALLS: [(&str, &str, &str, bool); 14] = [
    ("Deliberate", "DeliberateRequest", "DeliberateResponse", false),
    ("Orchestrate", "OrchestrateRequest", "OrchestrateResponse", false),
    ("GetStatus", "GetStatusRequest", "GetStatusResponse", false),
    ("StreamDeliberation", "DeliberateRequest", "DeliberationUpdate", true),
    (
        "GetDeliberationResult",
        "GetDeliberationResultRequest",
        "GetDeliberationResultResponse",
        false,
    ),
    ("RegisterAgent", "RegisterAgentRequest", "RegisterAgentResponse", false),
    ("CreateCouncil", "CreateCouncilRequest", "CreateCouncilResponse", false),
    ("ListCouncils", "ListCouncilsRequest", "ListCouncilsResponse", false),
    ("DeleteCouncil", "DeleteCouncilRequest", "DeleteCouncilResponse", false),
    ("UnregisterAgent", "UnregisterAgentRequest", "UnregisterAgentResponse", false),
    ("ProcessPlanningEvent", "PlanningEventRequest", "PlanningEventResponse", false),
    ("DeriveSubtasks", "DeriveSubtasksRequest", "DeriveSubtasksResponse", false),
    ("GetTaskContext", "GetTaskContextRequest", "GetTaskContextResponse", false),
    ("GetMetrics", "GetMetricsRequest", "GetMetricsResponse", false),
];

fn file() -> FileDescriptorProto {
    let set: FileDescriptorSet = prost::Message::decode(DESCRIPTOR).unwrap();
    let mut files = set.file.into_iter();
    files.find(|file| file.package() == "orchestrator.v1").unwrap()
}

#[test]
fn every_field_has_the_number_of_its_place_in_the_table() {
    let file = file();
    let compiled: BTreeMap<&str, Vec<(i32, &str)>> = file
        .message_type
        .iter()
        .map(|message| {
            let mut fields: Vec<_> =
                message.field.iter().map(|field| (field.number(), field.name())).collect();
            fields.sort_unstable();
            (message.name(), fields)
        })
        .collect();
    for (message, fields) in TABLE {
        let wanted: Vec<(i32, &str)> = (1..).zip(fields.iter().copied()).collect();
        assert_eq!(compiled.get(message), Some(&wanted), "{message}");
    }
}

#[test]
fn all_fourteen_calls_are_there_in_their_order() {
    let file = file();
    let [service] = file.service.as_slice() else { panic!("there is one service") };
    assert_eq!(service.name(), "OrchestratorService");
    let short = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let found: Vec<_> = service
        .method
        .iter()
        .map(|call| {
            let streams = call.server_streaming() && !call.client_streaming();
            (call.name().to_owned(), short(call.input_type()), short(call.output_type()), streams)
        })
        .collect();
    let wanted = CALLS.map(|(name, asked, answered, streams)| {
        (name.to_owned(), asked.to_owned(), answered.to_owned(), streams)
    });
    assert_eq!(found, wanted);
}

#[test]
fn the_states_of_a_deliberation_have_the_numbers_of_the_table() {
    let file = file();
    let [states] = file.enum_type.as_slice() else { panic!("there is one enumeration") };
    let wanted = ["UNKNOWN", "PENDING", "IN_PROGRESS", "COMPLETED", "FAILED", "TIMEOUT"];
    let found: Vec<_> = states.value.iter().map(|value| (value.number(), value.name())).collect();
    let wanted: Vec<_> = wanted.iter().map(|name| format!("DELIBERATION_STATUS_{name}")).collect();
    let wanted: Vec<_> = (0..).zip(wanted.iter().map(String::as_str)).collect();
    assert_eq!(found, wanted);
}
