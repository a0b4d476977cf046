//! How a replay is spoilt by the bug that is planted.

use orkestra_coordinator::{
    lock::LockEvent,
    shard::machine::Event,
    task::{RunNo, TaskEvent},
};
use orkestra_runtime::{
    id::{Attempt, Number},
    protocol::{agent::Assignment, payload::Payload},
    time::Wall,
};

use crate::sim::mutants::TeamPlant;

/// Spoils what reaches an agent.
pub(super) fn spoil(one: &mut Assignment, plant: TeamPlant) {
    match plant {
        TeamPlant::KeyPerAttempt => one.effect_key = format!("{}-{}", one.effect_key, one.attempt),
        TeamPlant::ResultsLost => one.results.clear(),
        TeamPlant::TokensLost => one.locks.clear(),
        _ => {}
    }
}

/// Whether a replay leaves out an event that is not about tasks.
pub(super) fn is_lost(event: &Event, plant: TeamPlant) -> bool {
    let is_grant = matches!(event, Event::Lock(LockEvent::Granted { .. }));
    is_grant && plant == TeamPlant::GrantForgotten
}

/// What a replay makes of an event: itself, something else, nothing, or it twice.
pub(super) fn bent(number: Number, event: &TaskEvent, plant: TeamPlant) -> Vec<TaskEvent> {
    let mut event = event.clone();
    let lost = || vec![TaskEvent::RunForgotten { run: RunNo(u64::MAX) }];
    match (&mut event, plant) {
        (TaskEvent::Assigned { attempt, .. }, TeamPlant::AttemptAgain) if attempt.0 > 1 => {
            *attempt = Attempt(attempt.0 - 1);
        }
        (TaskEvent::Completed { .. }, TeamPlant::OutcomeForgotten)
            if number.0.is_multiple_of(3) =>
        {
            return lost();
        }
        (TaskEvent::Completed { output, .. }, TeamPlant::ResultForgotten) => {
            *output = Payload::null();
        }
        (TaskEvent::AttemptFailed { .. }, TeamPlant::FailedTwice)
        | (TaskEvent::PersonDecided { .. }, TeamPlant::DecisionTwice) => {
            return vec![event.clone(), event];
        }
        (TaskEvent::PersonDecided { .. }, TeamPlant::DecisionForgotten)
        | (TaskEvent::AskEscalated { .. }, TeamPlant::EscalationForgotten)
        | (TaskEvent::Paused { .. }, TeamPlant::PauseForgotten)
        | (TaskEvent::AgentDrained { .. }, TeamPlant::DrainForgotten)
        | (TaskEvent::BreakerOpened { .. }, TeamPlant::BreakerForgotten) => return lost(),
        // Nobody worked on what people settled.
        (TaskEvent::Completed { attempt: Attempt(0), .. }, TeamPlant::QuestionReopened) => {
            return lost();
        }
        (TaskEvent::BreakerOpened { until, .. }, TeamPlant::BreakerForEver) => {
            *until = Wall::from_ms(u64::MAX / 2);
        }
        (TaskEvent::BreakerOpened { until, .. }, TeamPlant::BreakerTooSoon) => {
            *until = Wall::from_ms(1);
        }
        _ => {}
    }
    vec![event]
}
