//! `orkestra council deliberate` and `cancel`.

use std::time::Duration;

use orkestra_runtime::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::{
    args::DeliberateArgs,
    ask,
    look::{deliberation, show},
    namespace,
    typed::{self, Way},
};
use crate::{
    cli::{
        change::{Asking, Found},
        run::interrupted,
    },
    council::{
        Begun, DeliberationRequest, Kind,
        view::{DeliberationStatus, DeliberationView},
    },
    door::CouncilAsk,
    output::{Console, Exit},
};

/// How often a deliberation is looked at that somebody waits for, at first and at most.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));

/// Gives a council something to think about.
pub(super) async fn deliberate(
    args: &DeliberateArgs,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let way = Way::read(&args.way)?;
    let timeout_ms = args.timeout.map_or(0, |it| u64::try_from(it.as_millis()).unwrap_or(u64::MAX));
    let request = Box::new(DeliberationRequest {
        id: args.id.clone(),
        namespace: namespace(asking),
        role: args.role.clone(),
        task: args.task.clone(),
        rubric: args.rubric.clone(),
        requirements: args.requirements.clone(),
        metadata: typed::pairs(&args.metadata, true)?,
        max_iterations: args.tries,
        timeout_ms,
        rounds: way.rounds,
        num_agents: args.agents,
        selection: way.selection,
        exchange: way.exchange,
        checks: way.checks,
        seed: args.seed,
        kind: Kind::Deliberate,
        ..DeliberationRequest::default()
    });
    let is_at_work = asking.settings.is_cluster() || matches!(asking.find().await?, Found::Node(_));
    if args.wait && !is_at_work {
        let why = "nobody is at work in this folder, so nobody would deliberate: leave out --wait, or \
                   begin with `orkestra run`";
        return Err(Error::new(ErrorKind::Invalid, why));
    }
    let begun: Begun = ask(CouncilAsk::Deliberate { request }, asking).await?;
    if !args.wait {
        console.item(&begun, |begun| {
            let was = if begun.existed { "is known already" } else { "has begun" };
            let id = &begun.id;
            format!("deliberation {id} {was}\n`orkestra council get {id}` shows how far it is\n")
        })?;
        return Ok(Exit::Done);
    }
    tokio::select! {
        over = wait(&begun.id, asking, console) => over,
        () = interrupted() => Ok(Exit::Interrupted),
    }
}

/// Waits until it is over, and tells each step once.
async fn wait(id: &str, asking: &Asking<'_>, console: &mut Console) -> Result<Exit> {
    let (mut wait, mut told) = (LOOK_EVERY.0, String::new());
    loop {
        let found = deliberation(id, asking).await?;
        if found.status.is_over() {
            let is_won = found.status == DeliberationStatus::Completed;
            show(found, asking, console).await?;
            return Ok(if is_won { Exit::Done } else { Exit::Negative });
        }
        let step = step(&found);
        if step != told {
            console.say(&step)?;
            told = step;
        }
        tokio::time::sleep(wait).await;
        wait = LOOK_EVERY.1.min(wait * 2);
    }
}

fn step(found: &DeliberationView) -> String {
    format!("{:>3} % {}", found.percent, found.current_step)
}

#[derive(Serialize, Deserialize)]
struct Cancelled {
    changed: bool,
}

/// Ends a deliberation without a winner.
pub(super) async fn cancel(
    (id, why): (&str, &str),
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let (namespace, why) = (namespace(asking), why.to_owned());
    let ending = CouncilAsk::Cancel { namespace, id: id.to_owned(), why };
    let cancelled: Cancelled = ask(ending, asking).await?;
    console.item(&cancelled, |cancelled| {
        let how = if cancelled.changed { "is cancelled" } else { "was over already" };
        format!("deliberation {id} {how}\n")
    })?;
    Ok(Exit::Done)
}
