//! An agent that panics at its first attempt: its supervisor starts it anew, and the task completes.

use orkestra_agents::{Context, Work};
use orkestra_coordinator::system::System;
use orkestra_runtime::{
    Result,
    id::{RunId, TaskId},
    protocol::{
        payload::Json,
        task::{Failure, RetryPolicy, TaskSpec},
    },
    supervise::Tree,
};

/// Panics once. Its worker reports that, ends, and is started again with a fresh agent.
async fn shaky(work: Work, _: Context) -> Result<Json, Failure> {
    assert!(work.attempt.0 > 1, "this is the first attempt");
    Ok(Json::of("done")?)
}

/// How often a child was restarted, wherever it stands in the tree.
fn restarts(tree: &Tree, name: &str) -> u32 {
    let own = if tree.path.ends_with(name) { tree.restarts } else { 0 };
    own + tree.children.iter().map(|child| restarts(child, name)).sum::<u32>()
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "examples show what they did")]
async fn main() -> Result<()> {
    let system = System::builder().function("shaky", 1, shaky)?.start().await?;
    let run = RunId::new("crash")?;
    let retry = RetryPolicy { base_ms: 10, ..RetryPolicy::DEFAULT };
    let task = TaskSpec { retry, ..TaskSpec::named("try")? };
    system.tasks().begin(&run, vec![task]).await?;
    let ended = system.tasks().wait(&run).await?;
    let said = system.tasks().output(&run, &TaskId::new("try")?).await?.unwrap_or_default();
    let said: String = said.read()?;
    let restarts = restarts(&system.tree().tree().await?, "agents/shaky");
    println!("{said} after {} attempts and {restarts} restart of the agent", ended.attempts);
    system.stop().await
}
