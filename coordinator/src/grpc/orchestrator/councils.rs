//! Councils, and who has a seat in them.

use std::collections::BTreeMap;

use orkestra_proto::orchestrator::v1::{
    CouncilConfig as ConfigSaid, CreateCouncilRequest, CreateCouncilResponse,
    DeleteCouncilResponse, ListCouncilsRequest, ListCouncilsResponse, RegisterAgentRequest,
    RegisterAgentResponse, UnregisterAgentRequest, UnregisterAgentResponse,
};
use orkestra_runtime::id::AgentId;
use tonic::Status;

use super::{
    Orchestrator,
    asking::{CHECKS, Faults},
    refusal, shown,
};
use crate::{
    council::{Capabilities, CouncilConfig, NewCouncil, Registration},
    grpc::credential::Caller,
};

/// What kinds of agents clients may name; the first is the default. They are kept for the record: who
/// works is said by the team.
const AGENT_TYPES: [&str; 2] = ["RAY_VLLM", "VLLM"];
/// A kind that older services had: its answers are made up.
const MADE_UP: &str = "MOCK";
/// The parameter that names the agents of the team who take the seats, with commas between.
const AGENTS: &str = "agents";

impl Orchestrator {
    pub(super) async fn register(
        &self,
        caller: &Caller,
        asked: RegisterAgentRequest,
    ) -> Result<RegisterAgentResponse, Status> {
        let mut faults = Faults::default();
        faults.required("role", &asked.role);
        let said = asked.capabilities.unwrap_or_default();
        let most = "capabilities.max_concurrent_tasks";
        let max_concurrent_tasks = faults.count(most, said.max_concurrent_tasks);
        let agent_id = agent(&asked.agent_id, &mut faults);
        faults.none()?;
        let Some(agent_id) = agent_id else { return Err(refusal::nameless()) };
        let message = format!("{agent_id} has a seat in the council of role {}", asked.role);
        let registration = Registration {
            namespace: caller.namespace.to_string(),
            role: asked.role,
            agent_id,
            capabilities: Capabilities {
                supported_tasks: said.supported_tasks,
                model_profile: said.model_profile,
                max_concurrent_tasks,
                languages: said.languages,
            },
            endpoint: asked.endpoint,
            metadata: asked.metadata,
        };
        let registered = self.councils(caller).register(registration).await;
        let council_id = registered.map_err(|error| refusal::told(&error))?;
        Ok(RegisterAgentResponse { success: true, message, council_id })
    }

    pub(super) async fn unregister(
        &self,
        caller: &Caller,
        asked: &UnregisterAgentRequest,
    ) -> Result<UnregisterAgentResponse, Status> {
        let mut faults = Faults::default();
        faults.required("agent_id", &asked.agent_id);
        faults.required("role", &asked.role);
        faults.none()?;
        let councils = self.councils(caller);
        let done = councils.unregister(&caller.namespace, &asked.role, &asked.agent_id).await;
        done.map_err(|error| refusal::told(&error))?;
        let message = format!("{} has left the council of role {}", asked.agent_id, asked.role);
        Ok(UnregisterAgentResponse { success: true, message })
    }

    pub(super) async fn create(
        &self,
        caller: &Caller,
        asked: CreateCouncilRequest,
    ) -> Result<CreateCouncilResponse, Status> {
        let mut faults = Faults::default();
        faults.required("role", &asked.role);
        let num_agents = faults.count("num_agents", asked.num_agents);
        let (config, agents) = config(asked.config.unwrap_or_default(), &mut faults);
        faults.none()?;
        let namespace = caller.namespace.to_string();
        let council = NewCouncil { namespace, role: asked.role, num_agents, agents, config };
        let councils = self.councils(caller);
        let made = match councils.create(council).await {
            Ok(made) => made,
            Err(error) => return Err(self.told(&error, (&councils, caller)).await),
        };
        Ok(CreateCouncilResponse {
            agents_created: shown::small(made.seats.len()),
            agent_ids: made.seats.iter().map(|seat| seat.id.to_string()).collect(),
            council_id: made.id,
        })
    }

    pub(super) async fn list(
        &self,
        caller: &Caller,
        asked: &ListCouncilsRequest,
    ) -> Result<ListCouncilsResponse, Status> {
        let role = Some(asked.role_filter.as_str()).filter(|role| !role.is_empty());
        let found = self.councils(caller).list(&caller.namespace, role).await;
        let found = found.map_err(|error| refusal::told(&error))?.into_iter();
        let councils = found.map(|view| shown::council(view, asked.include_agents)).collect();
        Ok(ListCouncilsResponse { councils })
    }

    pub(super) async fn delete(
        &self,
        caller: &Caller,
        role: &str,
    ) -> Result<DeleteCouncilResponse, Status> {
        let mut faults = Faults::default();
        faults.required("role", role);
        faults.none()?;
        let deleted = self.councils(caller).delete(&caller.namespace, role, false).await;
        let removed = deleted.map_err(|error| refusal::told(&error))?;
        Ok(DeleteCouncilResponse {
            success: true,
            message: format!("the council of role {role} is gone, with {removed} seats"),
            agents_removed: shown::small(removed),
        })
    }
}

/// An agent by its name.
fn agent(named: &str, faults: &mut Faults) -> Option<AgentId> {
    let read = AgentId::new(named);
    read.map_err(|error| faults.add("agent_id", error.to_string())).ok()
}

/// How a council is to work, and which agents take its seats.
fn config(said: ConfigSaid, faults: &mut Faults) -> (CouncilConfig, Vec<AgentId>) {
    let plain = CouncilConfig::default();
    let rounds = faults.count("config.deliberation_rounds", said.deliberation_rounds);
    let mut params: BTreeMap<String, String> = said.custom_params;
    let field = |name: &str| format!("config.custom_params[{name}]");
    let checks = faults.parameter(&field(CHECKS), params.remove(CHECKS).as_ref());
    let exchange = faults.parameter(&field("exchange"), worded(&mut params, "exchange").as_ref());
    let selection =
        faults.parameter(&field("selection"), worded(&mut params, "selection").as_ref());
    let named = params.remove(AGENTS).unwrap_or_default();
    let mut agents = Vec::new();
    for name in named.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        match AgentId::new(name) {
            Ok(agent) => agents.push(agent),
            Err(error) => faults.add(&field(AGENTS), error.to_string()),
        }
    }
    let agent_type = match said.agent_type.as_str() {
        "" => AGENT_TYPES[0].to_owned(),
        MADE_UP => {
            let why = "is MOCK, and no answer is made up here: leave it out, and the agents of the \
                       team do the work";
            faults.add("config.agent_type", why);
            String::new()
        }
        known if AGENT_TYPES.contains(&known) => known.to_owned(),
        other => {
            faults.add("config.agent_type", format!("is {other:?}, and may be VLLM or RAY_VLLM"));
            String::new()
        }
    };
    let config = CouncilConfig {
        deliberation_rounds: if rounds == 0 { plain.deliberation_rounds } else { rounds },
        enable_peer_review: said.enable_peer_review.unwrap_or(true),
        model_profile: if said.model_profile.is_empty() {
            plain.model_profile.clone()
        } else {
            said.model_profile
        },
        custom_params: params,
        agent_type,
        exchange: exchange.unwrap_or(plain.exchange),
        selection: selection.unwrap_or(plain.selection),
        checks: checks.unwrap_or_else(|| plain.checks.clone()),
        ..plain
    };
    (config, agents)
}

/// A parameter that is a word, or JSON, as JSON.
fn worded(params: &mut BTreeMap<String, String>, name: &str) -> Option<String> {
    let text = params.remove(name)?;
    let is_word = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    Some(if is_word { format!("{text:?}") } else { text })
}
