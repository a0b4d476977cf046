//! `orkestra council create`, `delete`, `register` and `unregister`.

use orkestra_runtime::{Result, id::AgentId};
use serde::{Deserialize, Serialize};

use super::{
    args::CreateArgs,
    ask, namespace, told,
    typed::{self, Way},
};
use crate::{
    cli::change::Asking,
    council::{Capabilities, CouncilConfig, NewCouncil, Registration, view::CouncilView},
    door::CouncilAsk,
    output::{Console, Exit, counted},
};

/// Makes a council.
pub(super) async fn create(
    args: &CreateArgs,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let way = Way::read(&args.way)?;
    let default = CouncilConfig::default();
    let config = CouncilConfig {
        deliberation_rounds: way.rounds.unwrap_or(default.deliberation_rounds),
        exchange: way.exchange.unwrap_or_default(),
        selection: way.selection.unwrap_or_default(),
        checks: way.checks.unwrap_or_default(),
        judges: typed::agents(&args.judges)?,
        model_profile: args.model.clone().unwrap_or(default.model_profile),
        custom_params: typed::pairs(&args.params, false)?,
        ..CouncilConfig::default()
    };
    let council = Box::new(NewCouncil {
        namespace: namespace(asking),
        role: args.role.clone(),
        num_agents: args.agents,
        agents: typed::agents(&args.named)?,
        config,
    });
    let made: CouncilView = ask(CouncilAsk::Create { council }, asking).await?;
    console.item(&made, told::council)?;
    Ok(Exit::Done)
}

#[derive(Serialize, Deserialize)]
struct Deleted {
    agents_removed: u32,
}

/// Ends a council.
pub(super) async fn delete(
    (role, force): (&str, bool),
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let (namespace, role) = (namespace(asking), role.to_owned());
    let deleted: Deleted =
        ask(CouncilAsk::Delete { namespace, role: role.clone(), force }, asking).await?;
    console.item(&deleted, |deleted| {
        let seats = counted(u64::from(deleted.agents_removed), "seat");
        format!("the council of role {role} is gone, with {seats}\n")
    })?;
    Ok(Exit::Done)
}

#[derive(Serialize, Deserialize)]
struct Registered {
    council_id: String,
}

/// Gives an agent a seat.
pub(super) async fn register(
    (role, agent): (&str, &str),
    (endpoint, metadata): (&str, &[String]),
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let registration = Box::new(Registration {
        namespace: namespace(asking),
        role: role.to_owned(),
        agent_id: AgentId::new(agent)?,
        capabilities: Capabilities::default(),
        endpoint: endpoint.to_owned(),
        metadata: typed::pairs(metadata, false)?,
    });
    let registered: Registered = ask(CouncilAsk::Register { registration }, asking).await?;
    console.item(&registered, |registered| {
        format!("{agent} has a seat in {}\n", registered.council_id)
    })?;
    Ok(Exit::Done)
}

#[derive(Serialize, Deserialize)]
struct Unregistered {
    agent_id: AgentId,
}

/// Takes a seat away.
pub(super) async fn unregister(
    (role, agent): (&str, &str),
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let (namespace, agent) = (namespace(asking), AgentId::new(agent)?);
    let ending = CouncilAsk::Unregister { namespace, role: role.to_owned(), agent };
    let gone: Unregistered = ask(ending, asking).await?;
    console.item(&gone, |gone| format!("{} has no seat any more\n", gone.agent_id))?;
    Ok(Exit::Done)
}
