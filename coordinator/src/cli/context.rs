//! `orkestra context`: what happened, what agents understand, and points to come back to.

mod show;

use std::{path::Path, sync::Arc};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{Fabric, embedded::holder},
    id::AgentId,
    time::{Clock as _, SystemClock},
};

pub(super) use self::show::resumed;
use crate::{
    cli::{
        args::ContextCommand,
        look::Looking,
        run::{bare_spec, open},
        settings::Settings,
    },
    context::{ContextAnswer, ContextChange, ContextChanged, ContextQuery, SnapshotNo},
    output::{Console, Exit, Format},
    system::System,
};

/// Who changes something here, for the record.
const BY: &str = "orkestra context";

pub(super) async fn serve(
    command: &ContextCommand,
    settings: &Settings,
    clock: Arc<SystemClock>,
    console: &mut Console,
) -> Result<Exit> {
    let change = match command {
        ContextCommand::Show { agent, snapshot, events } => {
            let agent = agent.as_deref().map(AgentId::new).transpose()?;
            let snapshot = snapshot.as_deref().map(str::parse).transpose()?;
            let looking = Looking::at(settings.data_dir(), console, clock.now()).await?;
            return look(looking, (agent, snapshot), *events);
        }
        ContextCommand::List => {
            let looking = Looking::at(settings.data_dir(), console, clock.now()).await?;
            if let ContextAnswer::Snapshots(all) =
                looking.inspection.context(&ContextQuery::Snapshots)
            {
                looking.console.list(&all, show::snapshots)?;
            }
            return Ok(Exit::Done);
        }
        ContextCommand::Summary => {
            let looking = Looking::at(settings.data_dir(), console, clock.now()).await?;
            if let ContextAnswer::Summary(it) = looking.inspection.context(&ContextQuery::Summary) {
                looking.console.item(&*it, show::summary)?;
            }
            return Ok(Exit::Done);
        }
        ContextCommand::Snapshot { reason } => ContextChange::Snapshot { note: reason.clone() },
        ContextCommand::Restore { snapshot } => {
            ContextChange::Restore { snapshot: snapshot.parse()? }
        }
        ContextCommand::Phase { phase } => ContextChange::Phase { phase: *phase },
    };
    let changed = make(&change, settings, clock).await?;
    if console.format() == Format::Table {
        console.say(changed.told())?;
    } else {
        console.item(&changed, ContextChanged::told)?;
    }
    Ok(Exit::Done)
}

fn look(
    looking: Looking<'_>,
    (agent, snapshot): (Option<AgentId>, Option<SnapshotNo>),
    events: u64,
) -> Result<Exit> {
    let query = ContextQuery::Show { agent: agent.clone(), snapshot, events };
    if let ContextAnswer::Context(Some(view)) = looking.inspection.context(&query) {
        let is_one = agent.is_some();
        looking.console.item(&*view, |view| show::context(view, is_one))?;
        return Ok(Exit::Done);
    }
    let known = looking.inspection.tasks().agents();
    let known: Vec<&str> = known.map(|(_, record)| record.profile.id.as_str()).collect();
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

/// Makes a change in a folder where nothing is at work: a node without agents leads, takes it, and
/// stops with everything durable.
async fn make(
    change: &ContextChange,
    settings: &Settings,
    clock: Arc<SystemClock>,
) -> Result<ContextChanged> {
    let data_dir = settings.data_dir();
    if let Some(pid) = holder(data_dir)? {
        return Err(held(data_dir, pid));
    }
    if !data_dir.exists() {
        let shown = data_dir.display();
        let message = format!("there is no run in {shown}: name another folder with --data-dir");
        return Err(Error::new(ErrorKind::NotFound, message));
    }
    let fabric: Arc<dyn Fabric> = Arc::new(open(data_dir)?);
    let changed = in_fabric(change, settings, &fabric, clock).await;
    fabric.close().await;
    changed
}

async fn in_fabric(
    change: &ContextChange,
    settings: &Settings,
    fabric: &Arc<dyn Fabric>,
    clock: Arc<SystemClock>,
) -> Result<ContextChanged> {
    // The supervision log tells of nodes that work: this one would only hide the last of them.
    let system = System::start(bare_spec(settings, Arc::clone(fabric), clock)?).await?;
    let changed = system.contexts().change(change, BY).await;
    // Only what was stopped in order is surely durable.
    system.stop().await?;
    changed
}

fn held(data_dir: &Path, pid: u32) -> Error {
    let message = format!(
        "cannot change the context in {}: process {pid} is at work there; \
         interrupt it (Ctrl-C, or `kill {pid}`), then ask again",
        data_dir.display()
    );
    Error::new(ErrorKind::Conflict, message)
}
