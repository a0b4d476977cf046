//! The one place that tells from a ractor event how an actor ended.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ractor::{ActorId, SupervisionEvent};

use crate::restart::Exit;

/// What a supervisor says to a child that it stops, and what a child says that ends with
/// [`Exit::Shutdown`]; anything may follow it.
pub const SHUTDOWN: &str = "shutdown";

/// Who ended, and how; none when the event tells of no end.
///
/// A killed actor is "terminated" like one that stopped in peace. Killed while it waits or works,
/// it has the reason "killed" and may even carry its last state; killed in its start or its stop,
/// or cancelled with its runtime, it has no state. Whoever stops himself with the reason "killed"
/// is taken at his word.
pub(super) fn ending(event: SupervisionEvent) -> Option<(ActorId, Exit)> {
    match event {
        SupervisionEvent::ActorFailed(cell, error) => {
            Some((cell.get_id(), Exit::failed(error.to_string())))
        }
        SupervisionEvent::ActorTerminated(cell, state, reason) => {
            let exit = match (&state, reason.as_deref()) {
                (None, _) | (_, Some("killed")) => Exit::Killed,
                (Some(_), Some(reason)) if reason.starts_with(SHUTDOWN) => Exit::Shutdown,
                (Some(_), _) => Exit::Normal,
            };
            // It is foreign code that runs when a state goes, and must not take the supervisor
            // along.
            if catch_unwind(AssertUnwindSafe(|| drop(state))).is_err() {
                tracing::warn!(actor = %cell.get_id(), "the state of an actor panicked as it went");
            }
            Some((cell.get_id(), exit))
        }
        SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => None,
    }
}
