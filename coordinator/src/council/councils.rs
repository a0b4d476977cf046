//! Councils come and go, and so do their seats.

use orkestra_runtime::time::Now;

use super::{
    decision::CouncilDecision,
    event::{CouncilEvent, EndStatus, Seat},
    machine::CouncilMachine,
    refusal::CouncilRefusal,
    reply::CouncilReply,
    seats::Team,
    settings::{
        CONFIG_BYTES_MAX, COUNCILS_MAX, NAMESPACE_BYTES_MAX, ROUNDS_MAX, SEATS_MAX, WEIGHT_MAX,
    },
    state::{Council, CouncilKey, Seated},
    view::{CouncilStatus, CouncilView, SeatStatus},
    words::{
        CheckWeights, CouncilConfig, NewCouncil, Registration, Selection, council_id, role_key,
    },
};
use crate::task::TaskMachine;

/// Which council is meant; else what is wrong with its name.
pub(super) fn key_of(namespace: &str, role: &str) -> Result<CouncilKey, CouncilRefusal> {
    let Some(key) = role_key(role) else {
        let why = "must be 1 to 64 letters, digits, _ or -: name one like DEV";
        return Err(CouncilRefusal::invalid("role", why));
    };
    if namespace.len() > NAMESPACE_BYTES_MAX {
        let why = format!("has more than {NAMESPACE_BYTES_MAX} bytes: shorten it");
        return Err(CouncilRefusal::invalid("namespace", why));
    }
    Ok((namespace.to_owned(), key))
}

/// How many bytes something takes as JSON.
pub(super) fn bytes_of<T: serde::Serialize>(value: &T) -> usize {
    serde_json::to_string(value).map_or(usize::MAX, |text| text.len())
}

pub(super) fn check_rounds(field: &str, rounds: u32) -> Result<(), CouncilRefusal> {
    if rounds <= ROUNDS_MAX {
        return Ok(());
    }
    let why = format!("may be 0 to {ROUNDS_MAX}, not {rounds}: more rounds do not help");
    Err(CouncilRefusal::invalid(field, why))
}

pub(super) fn check_selection(selection: Selection) -> Result<(), CouncilRefusal> {
    let Selection::Committee { method } = selection else { return Ok(()) };
    if super::judging::kind_of(method).is_some() {
        return Ok(());
    }
    let why = format!("counts no rankings of one winner: take schulze_margins instead of {method}");
    Err(CouncilRefusal::invalid("selection", why))
}

fn check_weights(weights: CheckWeights) -> Result<(), CouncilRefusal> {
    let CheckWeights { policy, lint, dry_run } = weights;
    let is_fit = weights.total() > 0 && policy.max(lint).max(dry_run) <= WEIGHT_MAX;
    if is_fit {
        return Ok(());
    }
    let why = format!("must be 0 to {WEIGHT_MAX} each, and not all 0");
    Err(CouncilRefusal::invalid("config.weights", why))
}

fn check_config(config: &CouncilConfig) -> Result<(), CouncilRefusal> {
    check_rounds("config.deliberation_rounds", config.deliberation_rounds)?;
    check_selection(config.selection)?;
    check_weights(config.weights)?;
    if let Some(fault) = config.checks.fault() {
        return Err(CouncilRefusal::invalid("config.checks", fault));
    }
    if config.judges.len() > super::settings::SEATS_PER_DELIBERATION_MAX {
        let max = super::settings::SEATS_PER_DELIBERATION_MAX;
        return Err(CouncilRefusal::bound("judges in a council", max));
    }
    if bytes_of(config) > CONFIG_BYTES_MAX {
        let why = format!("takes more than {CONFIG_BYTES_MAX} bytes as JSON: shorten it");
        return Err(CouncilRefusal::invalid("config", why));
    }
    Ok(())
}

impl CouncilMachine {
    pub(super) fn decide_create(
        &self,
        now: Now,
        council: &NewCouncil,
        tasks: &TaskMachine,
        out: &mut CouncilDecision,
    ) -> Result<CouncilReply, CouncilRefusal> {
        let key = key_of(&council.namespace, &council.role)?;
        check_config(&council.config)?;
        if let Some(found) = self.durable.councils.get(&key) {
            return Err(CouncilRefusal::CouncilExists { role: found.role.clone() });
        }
        self.check_count()?;
        let team = Team::of(tasks);
        let seats = team.seats(&key.1, council)?;
        let seated =
            seats.iter().map(|seat| (seat.id.clone(), Seated { seat: seat.clone(), at: now.wall }));
        let (role, config) = (council.role.clone(), council.config.clone());
        let made = Council { role, config, seats: seated.collect() };
        let view = self.council_view(&team, (&key, &made));
        let (namespace, role) = (key.0, council.role.clone());
        let config = Box::new(council.config.clone());
        out.events.push(CouncilEvent::Created { namespace, role, config, seats });
        Ok(CouncilReply::Created(Box::new(view)))
    }

    pub(super) fn decide_register(
        &self,
        registration: &Registration,
        out: &mut CouncilDecision,
    ) -> Result<CouncilReply, CouncilRefusal> {
        let Registration { namespace, role, agent_id, .. } = registration;
        let key = key_of(namespace, role)?;
        if bytes_of(registration) > CONFIG_BYTES_MAX {
            let why = format!("takes more than {CONFIG_BYTES_MAX} bytes as JSON: shorten it");
            return Err(CouncilRefusal::invalid("registration", why));
        }
        match self.durable.councils.get(&key) {
            None => self.check_count()?,
            Some(found) if found.seats.contains_key(agent_id) => {
                let (role, agent) = (found.role.clone(), agent_id.clone());
                return Err(CouncilRefusal::AgentExists { role, agent });
            }
            Some(found) if found.seats.len() >= SEATS_MAX => {
                return Err(CouncilRefusal::bound("seats in a council", SEATS_MAX));
            }
            Some(_) => {}
        }
        let seat = Box::new(Seat {
            id: agent_id.clone(),
            worker: agent_id.clone(),
            capabilities: registration.capabilities.clone(),
            endpoint: registration.endpoint.clone(),
            metadata: registration.metadata.clone(),
        });
        let council_id = council_id(&key.1);
        out.events.push(CouncilEvent::Registered { namespace: key.0, role: role.clone(), seat });
        Ok(CouncilReply::Registered { council_id })
    }

    pub(super) fn decide_unregister(
        &self,
        (namespace, role): (&str, &str),
        agent: &str,
        out: &mut CouncilDecision,
    ) -> Result<CouncilReply, CouncilRefusal> {
        let key = key_of(namespace, role)?;
        let found = self.council(&key, role)?;
        let Some(seat) = found.seats.keys().find(|seat| seat.as_str() == agent) else {
            let (role, agent) = (found.role.clone(), agent.to_owned());
            return Err(CouncilRefusal::AgentNotFound { role, agent });
        };
        let (role, seat) = (found.role.clone(), seat.clone());
        out.events.push(CouncilEvent::Unregistered { namespace: key.0, role, seat });
        Ok(CouncilReply::Unregistered)
    }

    pub(super) fn decide_delete(
        &self,
        (namespace, role): (&str, &str),
        force: bool,
        tasks: &TaskMachine,
        out: &mut CouncilDecision,
    ) -> Result<CouncilReply, CouncilRefusal> {
        let key = key_of(namespace, role)?;
        let found = self.council(&key, role)?;
        let role = found.role.clone();
        let agents_removed = u32::try_from(found.seats.len()).unwrap_or(u32::MAX);
        let open = self.durable.open_of(&key);
        if let Some((_, first)) = open.first().filter(|_| !force) {
            let id = first.opening.request.id.clone();
            return Err(CouncilRefusal::Busy { role, id });
        }
        for found in open {
            let why = format!("the council of role {role} was deleted");
            Self::end(found, (EndStatus::Cancelled, Some(why)), tasks, out);
        }
        out.events.push(CouncilEvent::Deleted { namespace: key.0, role });
        Ok(CouncilReply::Deleted { agents_removed })
    }

    /// A council; else the refusal that names the role.
    pub(super) fn council(&self, key: &CouncilKey, role: &str) -> Result<&Council, CouncilRefusal> {
        let found = self.durable.councils.get(key);
        found.ok_or_else(|| CouncilRefusal::NoCouncil { role: role.to_owned() })
    }

    fn check_count(&self) -> Result<(), CouncilRefusal> {
        if self.durable.councils.len() < COUNCILS_MAX {
            return Ok(());
        }
        Err(CouncilRefusal::bound("councils: delete one that nobody needs", COUNCILS_MAX))
    }

    /// A council as it is now.
    pub(super) fn council_view(
        &self,
        team: &Team,
        (key, council): (&CouncilKey, &Council),
    ) -> CouncilView {
        let seats: Vec<_> = council.seats.values().map(|seated| team.view(seated)).collect();
        let open = self.durable.open_of(key).into_iter();
        let deliberations: Vec<_> =
            open.map(|(_, found)| found.opening.request.id.clone()).collect();
        let status = if !deliberations.is_empty() {
            CouncilStatus::Busy
        } else if seats.iter().any(|seat| seat.status == SeatStatus::Ready) {
            CouncilStatus::Active
        } else {
            CouncilStatus::Idle
        };
        CouncilView {
            id: council_id(&key.1),
            namespace: key.0.clone(),
            role: council.role.clone(),
            status,
            config: council.config.clone(),
            seats,
            deliberations,
        }
    }
}
