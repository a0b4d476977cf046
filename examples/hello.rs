//! Three tasks for two agents; the last needs the other two.

use orkestra_agents::{Context, Work};
use orkestra_coordinator::system::System;
use orkestra_runtime::{
    Result,
    id::{RunId, TaskId},
    protocol::{
        payload::Json,
        task::{Failure, TaskSpec},
    },
};

async fn count(work: Work, _: Context) -> Result<Json, Failure> {
    let text: String = work.input()?;
    Ok(Json::of(&text.split_whitespace().count())?)
}

async fn add(work: Work, _: Context) -> Result<Json, Failure> {
    Ok(Json::of(&(work.result::<usize>("english")? + work.result::<usize>("french")?))?)
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "examples show what they did")]
async fn main() -> Result<()> {
    let system = System::builder().function("counter", 2, count)?.function("adder", 1, add)?;
    let (system, run) = (system.start().await?, RunId::new("hello")?);
    let english = TaskSpec::named("english")?.only("counter")?.given("hello world")?;
    let french = TaskSpec::named("french")?.only("counter")?.given("bonjour tout le monde")?;
    let sum = TaskSpec::named("sum")?.only("adder")?.needs(["english", "french"])?;
    system.tasks().begin(&run, vec![english, french, sum]).await?;
    let ended = system.tasks().wait(&run).await?;
    let words = system.tasks().output(&run, &TaskId::new("sum")?).await?.unwrap_or_default();
    println!(
        "{} of {} tasks completed; the sum is {words}",
        ended.counts.completed, ended.counts.total
    );
    system.stop().await
}
