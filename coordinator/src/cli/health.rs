//! `orkestra health`: how well agents and the system do, of a folder that is alive or dead.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    id::{NodeId, RunId},
    supervise::log::{Reader, Record},
};
use serde::Serialize;

use crate::{
    cli::{
        args::HealthArgs,
        cluster::Cluster,
        look::{Looking, Place},
        run::SUPERVISION_LOG,
    },
    health::{AgentHealth, Health, Incident, Report, RunProgress, Standing, SystemHealth, Tending},
    inspect::Inspection,
    node::{NodeAsk, NodeRecord},
    output::{self, Exit, Table},
    task::{Answer, Label, Query},
};

/// How many lines of its supervision log a node is asked for.
const LINES: usize = 2_000;

/// A run, with where its tasks stand.
#[derive(Debug, Serialize)]
struct Run {
    #[serde(flatten)]
    progress: RunProgress,
    completion_percent: f64,
    /// How many tasks stand where; states in which there is none are left out.
    phases: BTreeMap<Label, u64>,
}

/// What is shown.
#[derive(Debug, Serialize)]
struct Shown {
    /// The process that runs now, if one does.
    pid: Option<u32>,
    system: SystemHealth,
    agents: Vec<AgentHealth>,
    run: Option<Run>,
    incidents_by_type: BTreeMap<crate::health::IncidentKind, crate::health::Tally>,
    incidents: Vec<Incident>,
}

/// Shows the health of a folder; ends with 1 when the system is unhealthy or critical.
pub(super) async fn show(args: &HealthArgs, looking: Looking<'_>, data_dir: &Path) -> Result<Exit> {
    let (vitals, mut tending) = match &looking.place {
        Place::Folder(folder) => folder.health(&records(data_dir)?).await?,
        Place::Cluster(cluster, way) => {
            let over = Inspection::over(cluster.fabric(), way.shard).await?;
            (over.health(&[]).await?.0, tending_of(cluster).await?)
        }
    };
    if looking.held_by().is_some() || matches!(looking.place, Place::Cluster(..)) {
        tending.hear(looking.now.wall);
    }
    let report = Report::of(&vitals, &tending);
    let run = run(&looking, args, &report).await?;
    let mut incidents = report.incidents;
    incidents.drain(..incidents.len().saturating_sub(args.incidents));
    let shown = Shown {
        pid: looking.held_by(),
        system: report.system,
        agents: report.agents,
        run,
        incidents_by_type: report.incidents_by_type,
        incidents,
    };
    looking.console.item(&shown, text)?;
    let is_well = shown.system.health <= Health::Degraded;
    Ok(if is_well { Exit::Done } else { Exit::Negative })
}

/// Who was restarted where stands in the logs of the nodes: each that is there tells its latest lines.
async fn tending_of(cluster: &Cluster) -> Result<Tending> {
    let told: Vec<Vec<NodeRecord>> = cluster.ask_all(&NodeAsk::Supervision { last: LINES }).await?;
    let mut nodes: BTreeMap<NodeId, Vec<Record>> = BTreeMap::new();
    for line in told.into_iter().flatten() {
        nodes.entry(line.node).or_default().push(line.record);
    }
    let lines = nodes.iter_mut().map(|(node, lines)| (node.as_str(), std::mem::take(lines)));
    Ok(Tending::of_nodes(lines))
}

/// The supervision log; empty where there is none.
fn records(data_dir: &Path) -> Result<Vec<Record>> {
    match Reader::of(data_dir.join(SUPERVISION_LOG)).read_on() {
        Ok(reading) => Ok(reading.records),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The run that is meant: the latest, unless another is named.
async fn run(looking: &Looking<'_>, args: &HealthArgs, report: &Report) -> Result<Option<Run>> {
    let wanted = args.run.run.as_ref().map(RunId::new).transpose()?;
    let is_wanted = |run: &&RunProgress| wanted.as_ref().is_none_or(|id| run.run == *id);
    let Some(progress) = report.runs.iter().find(is_wanted).cloned() else {
        return match wanted {
            None => Ok(None),
            Some(id) => {
                let message = format!("there is no run {id:?}: leave out --run for the latest");
                Err(Error::new(ErrorKind::NotFound, message))
            }
        };
    };
    let mut phases = BTreeMap::new();
    let all = Query::Tasks { run: progress.run.clone(), limit: None };
    if let Answer::Tasks(tasks) = looking.answer(&all).await? {
        for task in tasks {
            *phases.entry(task.state).or_insert(0) += 1;
        }
    }
    Ok(Some(Run { completion_percent: progress.completion_percent(), progress, phases }))
}

fn text(shown: &Shown) -> String {
    let Shown { system, agents, run, incidents, .. } = shown;
    let mut text = String::new();
    let mut line = |key: &str, value: &str| {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{key:<12} {value}");
    };
    let because = system.because.join(", ");
    let because = if because.is_empty() { because } else { format!(": {because}") };
    line("system", &format!("{}{because}", system.health.as_str()));
    line("agents", &format!("{} of {} active", system.active, system.agents));
    line("errors", &format!("{:.1} %", system.error_percent));
    line("attempts", &format!("{} completed, {} failed", system.completed, system.failed));
    let uptime = output::duration(std::time::Duration::from_millis(system.uptime_ms));
    // No node of a cluster may be there to tell.
    if system.starts > 0 {
        let (starts, restarts) = (system.starts, system.restarts);
        line("uptime", &format!("{uptime} in {starts} starts, {restarts} restarts"));
    }
    if let Some(throughput) = system.throughput_per_hour {
        line("throughput", &format!("{throughput:.0} results an hour"));
    }
    if let Some(Run { progress, completion_percent, phases }) = run {
        let phases: Vec<String> =
            phases.iter().map(|(phase, count)| format!("{count} {phase}")).collect();
        let phases = phases.join(", ");
        line("run", &format!("{}: {completion_percent:.0} % ({phases})", progress.run));
        let reached: Vec<String> = progress
            .milestones
            .iter()
            .map(|one| format!("{} % at {}", one.percent, one.at))
            .collect();
        if !reached.is_empty() {
            line("milestones", &reached.join(", "));
        }
    }
    for table in [agents_table(agents), incidents_table(incidents)] {
        if !table.is_empty() {
            text.push('\n');
            text.push_str(&table.render());
        }
    }
    text
}

fn agents_table(agents: &[AgentHealth]) -> Table {
    let mut table =
        Table::new(["agent", "health", "errors", "in a row", "completed", "failed", "reason"]);
    for agent in agents {
        let reason = match agent.standing {
            Standing::Able => String::new(),
            standing => {
                format!("{}: {}", standing.as_str(), agent.reason.as_deref().unwrap_or_default())
            }
        };
        table.row([
            agent.agent.to_string(),
            agent.health.as_str().to_owned(),
            format!("{:.0} %", agent.error_percent),
            agent.consecutive_failures.to_string(),
            agent.completed.to_string(),
            agent.failed.to_string(),
            reason,
        ]);
    }
    table
}

fn incidents_table(incidents: &[Incident]) -> Table {
    let mut table = Table::new(["began", "incident", "subject", "end", "reason"]);
    for incident in incidents {
        let end = match (incident.ended, incident.time_to_recovery) {
            (None, _) => "goes on".to_owned(),
            (Some(_), None) => "given up".to_owned(),
            (Some(_), Some(ms)) => {
                let took = output::duration(std::time::Duration::from_millis(ms));
                format!("mended after {took}")
            }
        };
        table.row([
            incident.began.to_string(),
            incident.kind.as_str().to_owned(),
            incident.subject.clone(),
            end,
            incident.reason.clone(),
        ]);
    }
    table
}
