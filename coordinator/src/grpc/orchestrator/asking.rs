//! What was asked for, read and checked: every field that is wrong is named at once.

use std::collections::BTreeMap;

use orkestra_proto::orchestrator::v1::{
    DeliberateRequest, OrchestrateRequest, OrchestratorOptions, TaskConstraints,
};
use orkestra_runtime::protocol::{council::ChecksSpec, payload::Json};
use serde_json::json;
use tonic::Status;

use crate::{
    council::{DeliberationRequest, Kind, Selection},
    grpc::{
        credential::Caller,
        status::{Reason, invalid, refused},
    },
};

/// From how many of the best the architect chooses unless asked otherwise.
const BEST: u32 = 3;
/// The parameters that mean something here; all others are handed to the agents.
pub(super) const K: &str = "k";
pub(super) const CHECKS: &str = "checks";

/// What is wrong, field by field.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<(String, String)>);

impl Faults {
    pub(super) fn add(&mut self, field: &str, why: impl Into<String>) {
        self.0.push((field.to_owned(), why.into()));
    }

    /// A text that must be there.
    pub(super) fn required(&mut self, field: &str, text: &str) {
        if text.trim().is_empty() {
            self.add(field, "is empty");
        }
    }

    /// A number that may be 0, which stands for the default, and not less.
    pub(super) fn count(&mut self, field: &str, number: i32) -> u32 {
        u32::try_from(number).unwrap_or_else(|_| {
            self.add(field, format!("is {number}, and may be 0 for the default, or more"));
            0
        })
    }

    /// JSON in a parameter.
    pub(super) fn parameter<T: serde::de::DeserializeOwned>(
        &mut self,
        field: &str,
        text: Option<&String>,
    ) -> Option<T> {
        let read = serde_json::from_str(text?);
        read.map_err(|error| self.add(field, error.to_string())).ok()
    }

    pub(super) fn none(self) -> Result<(), Status> {
        if self.0.is_empty() { Ok(()) } else { Err(invalid(self.0)) }
    }
}

/// A deliberation of which all results are wanted.
pub(super) fn deliberation(
    asked: DeliberateRequest,
    caller: &Caller,
) -> Result<DeliberationRequest, Status> {
    let mut faults = Faults::default();
    faults.required("task_description", &asked.task_description);
    faults.required("role", &asked.role);
    let rounds = faults.count("rounds", asked.rounds);
    let num_agents = faults.count("num_agents", asked.num_agents);
    let plain = constrained(asked.constraints, &mut faults);
    faults.none()?;
    Ok(DeliberationRequest {
        id: drawn()?,
        namespace: caller.namespace.to_string(),
        role: asked.role,
        task: asked.task_description,
        rounds: (rounds > 0).then_some(rounds),
        num_agents,
        kind: Kind::Deliberate,
        ..plain
    })
}

/// A deliberation of which one result is wanted.
pub(super) fn orchestration(
    asked: OrchestrateRequest,
    caller: &Caller,
) -> Result<DeliberationRequest, Status> {
    let mut faults = Faults::default();
    faults.required("task_description", &asked.task_description);
    faults.required("role", &asked.role);
    let plain = constrained(asked.constraints, &mut faults);
    let options = asked.options.unwrap_or_default();
    let rounds = rounds_of(&options, &mut faults);
    let selection = selection_of(&options, &mut faults);
    let checks: Option<ChecksSpec> =
        faults.parameter("options.custom_params[checks]", options.custom_params.get(CHECKS));
    faults.none()?;
    let mut metadata = plain.metadata.clone();
    let others = options.custom_params.into_iter();
    metadata.extend(others.filter(|(name, _)| name != K && name != CHECKS));
    let places =
        [("case_id", asked.case_id), ("story_id", asked.story_id), ("plan_id", asked.plan_id)];
    let places: BTreeMap<_, _> = places.into_iter().filter(|(_, id)| !id.is_empty()).collect();
    Ok(DeliberationRequest {
        id: if asked.task_id.is_empty() { drawn()? } else { asked.task_id },
        namespace: caller.namespace.to_string(),
        role: asked.role,
        task: asked.task_description,
        metadata,
        rounds,
        selection: Some(selection),
        checks: checks.or(plain.checks),
        notes: Json::of(&json!(places)).map_err(|error| crate::grpc::status::failed(&error))?,
        kind: Kind::Orchestrate,
        ..plain
    })
}

/// What constraints say.
fn constrained(asked: Option<TaskConstraints>, faults: &mut Faults) -> DeliberationRequest {
    let asked = asked.unwrap_or_default();
    let max_iterations = faults.count("constraints.max_iterations", asked.max_iterations);
    let timeout = faults.count("constraints.timeout_seconds", asked.timeout_seconds);
    let mut metadata = asked.metadata;
    let checks = faults.parameter("constraints.metadata[checks]", metadata.get(CHECKS));
    metadata.remove(CHECKS);
    DeliberationRequest {
        rubric: asked.rubric,
        requirements: asked.requirements,
        metadata,
        max_iterations,
        timeout_ms: u64::from(timeout) * 1_000,
        checks,
        ..DeliberationRequest::default()
    }
}

fn rounds_of(options: &OrchestratorOptions, faults: &mut Faults) -> Option<u32> {
    let rounds = faults.count("options.deliberation_rounds", options.deliberation_rounds);
    match options.enable_peer_review {
        Some(false) => Some(0),
        Some(true) => Some(rounds.max(1)),
        None => (rounds > 0).then_some(rounds),
    }
}

fn selection_of(options: &OrchestratorOptions, faults: &mut Faults) -> Selection {
    if options.enable_architect_selection == Some(false) {
        return Selection::Score;
    }
    let k = faults.parameter::<u32>("options.custom_params[k]", options.custom_params.get(K));
    Selection::Architect { k: k.unwrap_or(BEST) }
}

/// A name of 16 hexadecimal digits.
fn drawn() -> Result<String, Status> {
    let drawn = getrandom::u64().map_err(|error| {
        let why = format!("cannot draw a name for a deliberation: {error}");
        refused(Reason::Internal, why)
    })?;
    Ok(format!("{drawn:016x}"))
}
