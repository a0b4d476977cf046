//! What a council is given to think about: checked as a whole before anything begins.

use std::{collections::BTreeMap, time::Duration};

use orkestra_runtime::{
    chance::Chance,
    id::{RunId, TaskNo},
    time::Now,
};
use serde::Serialize;

use super::{
    councils::{bytes_of, check_rounds, check_selection, key_of},
    decision::CouncilDecision,
    event::{CouncilEvent, LeftOut, Opening, Place},
    machine::CouncilMachine,
    refusal::CouncilRefusal,
    seats::Team,
    settings::{
        BRIEF_BYTES_MAX, CONFIG_BYTES_MAX, ID_BYTES_MAX, ITERATIONS_DEFAULT, NOTES_BYTES_MAX,
        OPEN_MAX, SEATS_DEFAULT, SEATS_PER_DELIBERATION_MAX, TIMEOUT_MS_DEFAULT, TIMEOUT_MS_MAX,
    },
    state::Council,
    view::SeatStatus,
    words::{Begun, DeliberationRequest},
};
use crate::task::TaskMachine;

/// What agents are told of what is to be done.
#[derive(Serialize)]
pub(super) struct Brief<'a> {
    task: &'a str,
    rubric: &'a str,
    requirements: &'a [String],
    metadata: &'a BTreeMap<String, String>,
}

impl<'a> Brief<'a> {
    pub(super) fn of(request: &'a DeliberationRequest) -> Self {
        let DeliberationRequest { task, rubric, requirements, metadata, .. } = request;
        Self { task, rubric, requirements, metadata }
    }
}

/// What is wrong with a request, whatever councils there are.
fn check(request: &DeliberationRequest) -> Result<(), CouncilRefusal> {
    key_of(&request.namespace, &request.role)?;
    if request.task.trim().is_empty() {
        return Err(CouncilRefusal::invalid("task", "is empty: say what is to be done"));
    }
    let bytes = bytes_of(&Brief::of(request));
    if bytes > BRIEF_BYTES_MAX {
        let why = format!(
            "takes {bytes} bytes with the rubric, the requirements and the metadata, and at most \
             {BRIEF_BYTES_MAX} are allowed: say it shorter, or say where it can be read"
        );
        return Err(CouncilRefusal::invalid("task", why));
    }
    check_rounds("rounds", request.rounds.unwrap_or_default())?;
    if let Some(selection) = request.selection {
        check_selection(selection)?;
    }
    if request.timeout_ms > TIMEOUT_MS_MAX {
        let why = format!("may be {TIMEOUT_MS_MAX} at most, a week");
        return Err(CouncilRefusal::invalid("timeout_ms", why));
    }
    if let Some(checks) = &request.checks {
        if let Some(fault) = checks.fault() {
            return Err(CouncilRefusal::invalid("checks", fault));
        }
        if bytes_of(checks) > CONFIG_BYTES_MAX {
            let why = format!("takes more than {CONFIG_BYTES_MAX} bytes as JSON: shorten it");
            return Err(CouncilRefusal::invalid("checks", why));
        }
    }
    if request.notes.as_str().len() > NOTES_BYTES_MAX {
        let why = format!("takes more than {NOTES_BYTES_MAX} bytes: keep it elsewhere");
        return Err(CouncilRefusal::invalid("notes", why));
    }
    Ok(())
}

/// What is wrong with a request, whatever councils there are; its name is not looked at.
pub fn fault_of_request(request: &DeliberationRequest) -> Option<CouncilRefusal> {
    check(request).err()
}

/// The run in which a deliberation's tasks are; else what is wrong with its name.
fn run_of(request: &DeliberationRequest) -> Result<RunId, CouncilRefusal> {
    let id = &request.id;
    let is_token = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if id.is_empty() || id.len() > ID_BYTES_MAX || !id.chars().all(is_token) {
        let why = format!("must be 1 to {ID_BYTES_MAX} letters, digits, _ - or .");
        return Err(CouncilRefusal::invalid("id", why));
    }
    let named = match request.namespace.as_str() {
        "" => format!("deliberation:{id}"),
        namespace => format!("deliberation:{namespace}:{id}"),
    };
    RunId::new(named).map_err(|error| {
        let why = format!("cannot name a run with its namespace: {error}");
        CouncilRefusal::invalid("id", why)
    })
}

/// A seed that follows from a name.
fn seed_of(id: &str) -> u64 {
    let fold = |seed: u64, byte: u8| Chance::from_seed(seed ^ u64::from(byte)).draw();
    id.bytes().fold(0, fold)
}

impl CouncilMachine {
    pub(super) fn decide_deliberate(
        &self,
        now: Now,
        (request, task): (&DeliberationRequest, Option<TaskNo>),
        tasks: &TaskMachine,
        out: &mut CouncilDecision,
    ) -> Result<Begun, CouncilRefusal> {
        let id = request.id.clone();
        if let Some((_, found)) = self.durable.named(&request.namespace, &id) {
            if found.opening.request != *request || found.opening.task != task {
                return Err(CouncilRefusal::Conflict { id });
            }
            return Ok(Begun { id, existed: true, until: found.opening.until });
        }
        check(request)?;
        let run = run_of(request)?;
        if tasks.run_called(&run).is_some() {
            return Err(CouncilRefusal::Conflict { id });
        }
        let key = key_of(&request.namespace, &request.role)?;
        let council = self.council(&key, &request.role)?;
        if self.durable.deadlines.len() >= OPEN_MAX {
            return Err(CouncilRefusal::bound("deliberations at a time: wait for one", OPEN_MAX));
        }
        let (seats, left_out) = chosen(council, request, &Team::of(tasks))?;
        let timeout_ms =
            if request.timeout_ms == 0 { TIMEOUT_MS_DEFAULT } else { request.timeout_ms };
        let tries =
            if request.max_iterations == 0 { ITERATIONS_DEFAULT } else { request.max_iterations };
        let config = &council.config;
        let until = now.wall + Duration::from_millis(timeout_ms);
        let opening = Opening {
            request: request.clone(),
            role: council.role.clone(),
            run,
            seats,
            left_out,
            until,
            seed: request.seed.unwrap_or_else(|| seed_of(&id)),
            tries: tries.min(ITERATIONS_DEFAULT + 1),
            rounds: request.rounds.unwrap_or_else(|| config.rounds()),
            exchange: request.exchange.unwrap_or(config.exchange),
            selection: request.selection.unwrap_or(config.selection),
            checks: request.checks.clone().unwrap_or_else(|| config.checks.clone()),
            weights: config.weights,
            judges: config.judges.clone(),
            params: config.custom_params.clone(),
            task,
        };
        out.events.push(CouncilEvent::Opened { opening: Box::new(opening) });
        Ok(Begun { id, existed: false, until })
    }
}

/// Which seats deliberate: the first so many, by name, whose agents take work; and who does not.
fn chosen(
    council: &Council,
    request: &DeliberationRequest,
    team: &Team,
) -> Result<(Vec<Place>, Vec<LeftOut>), CouncilRefusal> {
    let wanted = if request.num_agents == 0 { SEATS_DEFAULT } else { request.num_agents };
    let wanted = (wanted as usize).min(council.seats.len());
    if wanted > SEATS_PER_DELIBERATION_MAX {
        let what = "seats in one deliberation: ask for fewer with num_agents";
        return Err(CouncilRefusal::bound(what, SEATS_PER_DELIBERATION_MAX));
    }
    let (mut seats, mut left_out) = (Vec::new(), Vec::new());
    for seated in council.seats.values() {
        if seats.len() == wanted {
            break;
        }
        let seat = &seated.seat;
        match team.status(&seat.worker) {
            (SeatStatus::Ready | SeatStatus::Busy, _) => {
                seats.push(Place { id: seat.id.clone(), worker: seat.worker.clone() });
            }
            (SeatStatus::Offline, why) => {
                let why = why.unwrap_or_default();
                left_out.push(LeftOut { seat: seat.id.clone(), why });
            }
        }
    }
    if !seats.is_empty() {
        return Ok((seats, left_out));
    }
    let why = match left_out.first() {
        None => "its council has no seats: register agents with it".to_owned(),
        Some(LeftOut { seat, why }) => format!(
            "no seat of its council is there ({seat}: {why}); bring its agents back, or register \
             others"
        ),
    };
    Err(CouncilRefusal::NoAgents { role: council.role.clone(), why })
}
