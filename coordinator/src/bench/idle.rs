//! What an agent costs that has nothing to do, with its supervision and its place in the shard.

use std::{sync::Arc, time::Duration};

use orkestra_agents::{DynAgent, kinds::function::FunctionAgent};
use orkestra_runtime::{Error, ErrorKind, Result, id::AgentId, protocol::payload::Json};

use super::{Figure, Place, bare, child::memory_kib};
use crate::{
    system::{Builder, Member, System},
    task::{Answer, Query},
};

const AGENTS: u32 = 10_000;
/// How long they are given to say that they are there.
const SETTLE: Duration = Duration::from_millis(500);

pub(super) async fn measure(place: &Place) -> Result<Vec<Figure>> {
    let _ = place;
    let bare = System::builder().start().await?;
    bare.stop().await?;
    let before = resident()?;
    let agent: Arc<dyn DynAgent> = Arc::new(FunctionAgent::new(|_, _| async { Ok(Json::null()) }));
    let mut builder = System::builder();
    for number in 0..AGENTS {
        builder = add(builder, number, &agent)?;
    }
    let system = builder.start().await?;
    // Before the question, whose answer takes room of its own, and again if it came too early.
    let mut after;
    loop {
        tokio::time::sleep(SETTLE).await;
        after = resident()?;
        let Answer::Agents(agents) = system.tasks().query(Query::Agents).await? else { continue };
        // And who checks proposals.
        if agents.len() > AGENTS as usize {
            break;
        }
    }
    let bytes = f64::from(after.saturating_sub(before)) * 1_024.0 / f64::from(AGENTS);
    // While the agents hold theirs, so that no room is given twice.
    let bare = bare_bytes().await?;
    system.stop().await?;
    let figures = |name: &str, bytes: f64| {
        let per_gib = Figure::new(format!("{name}.per_gib"), 1_073_741_824.0 / bytes, "agents");
        [Figure::new(format!("{name}.memory"), bytes, "B"), per_gib]
    };
    let bare = figures("bare ractor", bare);
    let ours = figures("agents.idle", bytes).into_iter().zip(&bare);
    Ok(ours.map(|(figure, bare)| figure.beside(bare)).collect())
}

/// What an actor of ractor's alone costs.
async fn bare_bytes() -> Result<f64> {
    let before = resident()?;
    let mut actors = Vec::with_capacity(AGENTS as usize);
    for _ in 0..AGENTS {
        actors.push(bare::spawn().await?);
    }
    tokio::time::sleep(SETTLE).await;
    let after = resident()?;
    for actor in actors {
        actor.kill();
    }
    Ok(f64::from(after.saturating_sub(before)) * 1_024.0 / f64::from(AGENTS))
}

fn add(builder: Builder, number: u32, agent: &Arc<dyn DynAgent>) -> Result<Builder> {
    let (id, agent) = (AgentId::new(format!("agent-{number}"))?, Arc::clone(agent));
    let factory = Arc::new(move || Arc::clone(&agent));
    Ok(builder.member(Member::new(id, "function", 16, factory)))
}

fn resident() -> Result<u32> {
    memory_kib("VmRSS").ok_or_else(|| {
        Error::new(ErrorKind::Unavailable, "this system does not tell how much memory is in use")
    })
}
