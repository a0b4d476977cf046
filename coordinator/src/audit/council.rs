//! Rows of councils. What is proposed and said stands in the tasks of a deliberation's run; here is
//! who, and what it came to.

use orkestra_runtime::id::Number;
use serde_json::{Value, json};

use crate::council::CouncilEvent;

/// The type of an event, by name.
pub(super) const fn type_of(event: &CouncilEvent) -> &'static str {
    match event {
        CouncilEvent::Created { .. } => "council_created",
        CouncilEvent::Registered { .. } => "council_agent_registered",
        CouncilEvent::Unregistered { .. } => "council_agent_unregistered",
        CouncilEvent::Deleted { .. } => "council_deleted",
        CouncilEvent::Opened { .. } => "deliberation_opened",
        CouncilEvent::PhaseBegun { .. } => "deliberation_phase_begun",
        CouncilEvent::Ended { .. } => "deliberation_ended",
        CouncilEvent::Forgotten { .. } => "deliberations_forgotten",
    }
}

/// What an event says beyond its subject.
pub(super) fn details_of(number: Number, event: &CouncilEvent) -> Value {
    match event {
        CouncilEvent::Created { namespace, role, seats, .. } => {
            let seats: Vec<Value> = seats
                .iter()
                .map(|seat| json!({ "seat": seat.id, "worker": seat.worker }))
                .collect();
            json!({ "namespace": namespace, "role": role, "seats": seats })
        }
        CouncilEvent::Registered { namespace, role, seat } => {
            json!({ "namespace": namespace, "role": role, "seat": seat.id })
        }
        CouncilEvent::Unregistered { namespace, role, seat } => {
            json!({ "namespace": namespace, "role": role, "seat": seat })
        }
        CouncilEvent::Deleted { namespace, role } => {
            json!({ "namespace": namespace, "role": role })
        }
        CouncilEvent::Opened { opening } => {
            let seats: Vec<_> = opening.seats.iter().map(|place| &place.id).collect();
            json!({
                "deliberation": number,
                "id": opening.request.id,
                "namespace": opening.request.namespace,
                "role": opening.role,
                "seats": seats,
                "rounds": opening.rounds,
                "until": opening.until,
                "seed": opening.seed,
            })
        }
        CouncilEvent::PhaseBegun { no, phase, round, tasks, out, remarks, .. } => {
            let tasks: Vec<_> = tasks.iter().map(|step| &step.task).collect();
            json!({
                "deliberation": no, "phase": phase, "round": round, "tasks": tasks, "out": out,
                "remarks": remarks,
            })
        }
        CouncilEvent::Ended { no, ending } => json!({
            "deliberation": no,
            "status": ending.status,
            "ranking": ending.ranking,
            "winner": ending.winner,
            "selected_by": ending.selected_by,
            "why": ending.why,
        }),
        CouncilEvent::Forgotten { deliberations } => json!({ "deliberations": deliberations }),
    }
}
