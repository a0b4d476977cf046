//! `orkestra vote get`, `list` and `watch`.

use std::time::Duration;

use orkestra_runtime::{Result, id::VoteId, time::Clock as _};
use serde::Serialize;

use super::{detail, look, odd, told};
use crate::{
    cli::{change::Asking, run::interrupted},
    client::votes::{Following, following},
    committee::{
        CommitteeAnswer, CommitteeQuery,
        view::{VoteDetail, VoteView},
    },
    output::{Console, Exit, Table},
};

/// How many votes are listed unless more are asked for.
const LIMIT: u64 = 500;
/// How often a vote is looked at that somebody waits for, at first and at most.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));

/// A vote, and what happened in it.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    vote: Box<VoteDetail>,
    minutes: Vec<String>,
}

/// Shows one vote.
pub(super) async fn get(vote: &str, asking: &Asking<'_>, console: &mut Console) -> Result<Exit> {
    let name = VoteId::new(vote)?;
    let vote = detail(&name, asking).await?;
    show(vote, asking, console).await?;
    Ok(Exit::Done)
}

async fn show(vote: Box<VoteDetail>, asking: &Asking<'_>, console: &mut Console) -> Result<()> {
    let query = CommitteeQuery::Minutes(vote.view.vote.clone());
    let minutes = match look(query, asking).await? {
        CommitteeAnswer::Minutes(minutes) => minutes.unwrap_or_default(),
        answer => return Err(odd(&answer)),
    };
    let now = asking.clock.now().wall;
    console.item(&Shown { vote, minutes }, |shown| told::vote(&shown.vote, &shown.minutes, now))
}

/// Lists votes.
pub(super) async fn list(
    (open, limit): (bool, Option<u64>),
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let wanted = limit.unwrap_or(LIMIT);
    let (mut rows, mut before) = (Vec::new(), None);
    loop {
        let left = wanted.saturating_sub(rows.len() as u64);
        let page = match look(CommitteeQuery::List { before, open, limit: left }, asking).await? {
            CommitteeAnswer::Votes(page) => page,
            answer => return Err(odd(&answer)),
        };
        rows.extend(page.rows);
        before = rows.last().map(|vote: &VoteView| vote.number);
        if !page.more || rows.len() as u64 >= wanted {
            console.list(&rows, table)?;
            if page.more && limit.is_none() {
                console.say("there are more: --limit shows them")?;
            }
            return Ok(Exit::Done);
        }
    }
}

fn table(votes: &[VoteView]) -> Table {
    let mut table = Table::new(["VOTE", "STATE", "ROUND", "VOTED", "CAME TO", "TITLE"]);
    for vote in votes {
        table.row([
            vote.vote.to_string(),
            vote.phase.as_str().to_owned(),
            vote.round.to_string(),
            format!("{} of {}", vote.cast, vote.eligible),
            vote.decision.clone(),
            vote.title.clone(),
        ]);
    }
    table
}

/// Waits until a vote is decided for good.
pub(super) async fn watch(
    (vote, within): (&str, Option<Duration>),
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let vote = VoteId::new(vote)?;
    let until = within.map(|within| asking.clock.now().moment + within);
    tokio::select! {
        decided = decided(vote, until, asking, console) => decided,
        () = interrupted() => Ok(Exit::Interrupted),
    }
}

async fn decided(
    mut vote: VoteId,
    until: Option<orkestra_runtime::time::Moment>,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let mut wait = LOOK_EVERY.0;
    loop {
        let found = detail(&vote, asking).await?;
        match following(&found) {
            Following::Over(outcome) => {
                let is_for = outcome.decision.is_for();
                show(found, asking, console).await?;
                return Ok(if is_for { Exit::Done } else { Exit::Negative });
            }
            Following::On(next) => {
                console.say(format!("vote {vote} decided nothing; it goes on as {next}"))?;
                (vote, wait) = (next, LOOK_EVERY.0);
                continue;
            }
            Following::Open => {}
        }
        if until.is_some_and(|until| asking.clock.now().moment >= until) {
            let (cast, all) = (found.view.cast, found.view.eligible);
            console.say(format!("vote {vote} is not decided yet: {cast} of {all} have voted"))?;
            return Ok(Exit::Negative);
        }
        tokio::time::sleep(wait).await;
        wait = LOOK_EVERY.1.min(wait * 2);
    }
}
