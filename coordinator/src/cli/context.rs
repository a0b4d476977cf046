//! `orkestra context`: what happened, what agents understand, and points to come back to.

mod show;

use orkestra_runtime::{
    Error, ErrorKind, Result,
    id::AgentId,
    time::{Clock as _, Wall},
};

use crate::{
    cli::{
        args::ContextCommand,
        change::{self, Asking},
        look::Looking,
    },
    context::{ContextAnswer, ContextChanged, ContextQuery, Contexts, SnapshotNo},
    door::{Reason, Request},
    output::{Console, Exit},
    task::{Answer, Query},
};

/// How many events are looked through for those of before a start.
const LATELY: u64 = 1_000;

pub(super) async fn serve(
    command: &ContextCommand,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let request = match command {
        ContextCommand::Show { agent, snapshot, events } => {
            let agent = agent.as_deref().map(AgentId::new).transpose()?;
            let snapshot = snapshot.as_deref().map(str::parse).transpose()?;
            let mut looking =
                Looking::at(asking.settings, (console, asking.clock.now()), None).await?;
            return look(&mut looking, (agent, snapshot), *events).await;
        }
        ContextCommand::List => {
            let looking = Looking::at(asking.settings, (console, asking.clock.now()), None).await?;
            if let ContextAnswer::Snapshots(all) = looking.context(&ContextQuery::Snapshots).await?
            {
                looking.console.list(&all, show::snapshots)?;
            }
            return Ok(Exit::Done);
        }
        ContextCommand::Summary => {
            let looking = Looking::at(asking.settings, (console, asking.clock.now()), None).await?;
            if let ContextAnswer::Summary(it) = looking.context(&ContextQuery::Summary).await? {
                looking.console.item(&*it, show::summary)?;
            }
            return Ok(Exit::Done);
        }
        ContextCommand::Snapshot { reason } => {
            Request::ContextSnapshot { note: Reason::new(reason)? }
        }
        ContextCommand::Restore { snapshot } => {
            Request::ContextRestore { snapshot: snapshot.parse()? }
        }
        ContextCommand::Phase { phase } => Request::ContextPhase { phase: *phase },
    };
    change::ask((&request, None), asking, console, ContextChanged::told).await
}

/// Says where a run stood that goes on: by what happened before this process began.
pub(super) async fn tell_resumed(
    (contexts, began): (&Contexts, Wall),
    console: &mut Console,
) -> Result<()> {
    let lately = ContextQuery::Show { agent: None, snapshot: None, events: LATELY };
    let (ContextAnswer::Summary(summary), ContextAnswer::Context(Some(lately))) =
        (contexts.query(ContextQuery::Summary).await?, contexts.query(lately).await?)
    else {
        return Ok(());
    };
    let mut earlier = lately.events;
    earlier.retain(|event| event.at < began);
    let lines = show::resumed(&summary, &earlier);
    lines.into_iter().try_for_each(|line| console.say(line))
}

async fn look(
    looking: &mut Looking<'_>,
    (agent, snapshot): (Option<AgentId>, Option<SnapshotNo>),
    events: u64,
) -> Result<Exit> {
    let query = ContextQuery::Show { agent: agent.clone(), snapshot, events };
    if let ContextAnswer::Context(Some(view)) = looking.context(&query).await? {
        let is_one = agent.is_some();
        looking.console.item(&*view, |view| show::context(view, is_one))?;
        return Ok(Exit::Done);
    }
    let known = match looking.answer(&Query::Agents).await? {
        Answer::Agents(agents) => agents,
        _ => Vec::new(),
    };
    let known: Vec<&str> = known.iter().map(|agent| agent.id.as_str()).collect();
    let message = match (agent, snapshot) {
        (Some(agent), _) if !known.contains(&agent.as_str()) => {
            format!("there is no agent {agent:?}; there are {}", known.join(", "))
        }
        (_, Some(snapshot)) => {
            format!("there is no snapshot {snapshot}: `orkestra context list` shows all")
        }
        (_, None) => "there is no context".to_owned(),
    };
    Err(Error::new(ErrorKind::NotFound, message))
}
