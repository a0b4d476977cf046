//! `orkestra council`: councils and what they think about, kept by a cluster or in a folder.

pub(super) mod args;
mod look;
mod seats;
mod think;
mod told;
mod typed;

use orkestra_runtime::{Error, ErrorKind, Result};
use serde::de::DeserializeOwned;

use self::args::CouncilCommand;
use crate::{
    cli::{change::Asking, failure::Failure},
    council::{CouncilAnswer, CouncilQuery},
    door::{CouncilAsk, Request},
    output::{Console, Exit},
    public::kept_namespace,
};

/// Does what was typed.
pub(super) async fn serve(
    command: &CouncilCommand,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit, Failure> {
    Ok(match command {
        CouncilCommand::Create(args) => seats::create(args, asking, console).await?,
        CouncilCommand::List { role } => look::list(role.as_deref(), asking, console).await?,
        CouncilCommand::Delete { role, force } => {
            seats::delete((role, *force), asking, console).await?
        }
        CouncilCommand::Register { role, agent, endpoint, metadata } => {
            seats::register((role, agent), (endpoint, metadata), asking, console).await?
        }
        CouncilCommand::Unregister { role, agent } => {
            seats::unregister((role, agent), asking, console).await?
        }
        CouncilCommand::Deliberate(args) => think::deliberate(args, asking, console).await?,
        CouncilCommand::Get { id, winner } => look::get((id, *winner), asking, console).await?,
        CouncilCommand::Minutes { id } => look::minutes(id, asking, console).await?,
        CouncilCommand::Cancel { id, reason } => {
            think::cancel((id, reason), asking, console).await?
        }
    })
}

/// Asks of whoever is at work, or in the folder itself.
async fn ask<T: DeserializeOwned>(ask: CouncilAsk, asking: &Asking<'_>) -> Result<T> {
    asking.ask(&Request::Council { ask }, None).await
}

async fn look(query: CouncilQuery, asking: &Asking<'_>) -> Result<CouncilAnswer> {
    ask(CouncilAsk::Look(query), asking).await
}

/// Whose councils are meant.
fn namespace(asking: &Asking<'_>) -> String {
    kept_namespace(asking.settings.namespace.as_deref()).to_owned()
}

fn odd(answer: &impl std::fmt::Debug) -> Error {
    Error::new(ErrorKind::Fault, format!("the council answered something else: {answer:?}"))
}
