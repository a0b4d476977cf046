//! `orkestra council list`, `get` and `minutes`.

use orkestra_runtime::{Error, ErrorKind, Result};
use serde::Serialize;

use super::{look, namespace, odd, told};
use crate::{
    cli::change::Asking,
    council::{
        CouncilAnswer, CouncilQuery,
        view::{CouncilView, DeliberationView},
    },
    output::{Console, Exit},
};

/// Lists councils with their seats.
pub(super) async fn list(
    role: Option<&str>,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let query = CouncilQuery::List { namespace: namespace(asking), role: role.map(str::to_owned) };
    let councils: Vec<CouncilView> = match look(query, asking).await? {
        CouncilAnswer::Councils(councils) => councils,
        answer => return Err(odd(&answer)),
    };
    console.list(&councils, told::seats)?;
    Ok(Exit::Done)
}

/// A deliberation, and what happened in it.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    deliberation: Box<DeliberationView>,
    minutes: Vec<String>,
}

/// Shows one deliberation, or the content alone that wins in it.
pub(super) async fn get(
    (id, winner): (&str, bool),
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let found = deliberation(id, asking).await?;
    if !winner {
        show(found, asking, console).await?;
        return Ok(Exit::Done);
    }
    let won = found.winner_id.as_ref().and_then(|winner| {
        let mut ranked = found.results.iter();
        ranked.find(|ranked| ranked.proposal.author_id == *winner)
    });
    let Some(ranked) = won else {
        console.say(format!("deliberation {id} has no winner"))?;
        return Ok(Exit::Negative);
    };
    console.text(&ranked.proposal.content)?;
    Ok(Exit::Done)
}

/// Shows what happened in one.
pub(super) async fn minutes(id: &str, asking: &Asking<'_>, console: &mut Console) -> Result<Exit> {
    let lines = lines(id, asking).await?.ok_or_else(|| nobody(id))?;
    console.item(&lines, |lines| lines.join("\n") + "\n")?;
    Ok(Exit::Done)
}

pub(super) async fn show(
    deliberation: Box<DeliberationView>,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<()> {
    let minutes = lines(&deliberation.id, asking).await?.unwrap_or_default();
    console.item(&Shown { deliberation, minutes }, |shown| {
        told::deliberation(&shown.deliberation, &shown.minutes)
    })
}

async fn lines(id: &str, asking: &Asking<'_>) -> Result<Option<Vec<String>>> {
    let query = CouncilQuery::Minutes { namespace: namespace(asking), id: id.to_owned() };
    match look(query, asking).await? {
        CouncilAnswer::Minutes(lines) => Ok(lines),
        answer => Err(odd(&answer)),
    }
}

/// A deliberation; an error if there is none of the name.
pub(super) async fn deliberation(id: &str, asking: &Asking<'_>) -> Result<Box<DeliberationView>> {
    let query = CouncilQuery::Deliberation { namespace: namespace(asking), id: id.to_owned() };
    match look(query, asking).await? {
        CouncilAnswer::Deliberation(Some(found)) => Ok(found),
        CouncilAnswer::Deliberation(None) => Err(nobody(id)),
        answer => Err(odd(&answer)),
    }
}

fn nobody(id: &str) -> Error {
    let why = format!(
        "there is no deliberation {id:?}, or it is forgotten; `orkestra council list` shows which go on"
    );
    Error::new(ErrorKind::NotFound, why)
}
