//! How the context looks to a person.

use std::fmt::Write as _;

use crate::{
    context::{
        ActiveTask,
        view::{
            AgentUnderstanding, ContextView, DecisionView, EventView, SnapshotView, Standing,
            Summary,
        },
    },
    output::Table,
};

/// How much of what an agent says is shown where many are.
const SAID_CHARS_MAX: usize = 60;
/// How many events, decisions and agents are told when a run goes on.
const RESUMED: (usize, usize, usize) = (3, 2, 3);

pub(super) fn snapshots(snapshots: &[SnapshotView]) -> Table {
    let mut table =
        Table::new(["SNAPSHOT", "TIME", "WHY", "VERSION", "COMPLETE", "UNDERSTOOD", "SAID"]);
    for snapshot in snapshots {
        table.row([
            snapshot.id.to_string(),
            snapshot.at.to_string(),
            why(snapshot),
            snapshot.context_version.to_string(),
            percent(snapshot.completion_percent),
            snapshot.understandings.to_string(),
            snapshot.note.clone(),
        ]);
    }
    table
}

pub(super) fn context(view: &ContextView, is_one: bool) -> String {
    let mut text = standing(&view.standing);
    if let Some(snapshot) = &view.snapshot {
        line(&mut text, "snapshot", &snapshot_line(snapshot));
    }
    match &view.agents[..] {
        [agent] if is_one => text.push_str(&understanding(agent)),
        all => {
            section(&mut text, "Agents", &agents(all));
            section(&mut text, "Active tasks", &active(&view.active_tasks));
        }
    }
    section(&mut text, "Events", &events(&view.events));
    text
}

pub(super) fn summary(summary: &Summary) -> String {
    let mut text = standing(&summary.standing);
    if let Some(snapshot) = &summary.latest_snapshot {
        line(&mut text, "snapshot", &snapshot_line(snapshot));
    }
    section(&mut text, "Events", &events(&summary.events));
    section(&mut text, "Agents", &agents(&summary.agents));
    section(&mut text, "Active tasks", &active(&summary.active_tasks));
    section(&mut text, "Decisions", &decisions(&summary.decisions));
    let mut waiting = Table::new(["TASK", "RUN", "TITLE", "ASKED"]);
    for pending in &summary.pending_decisions {
        waiting.row([
            pending.task.to_string(),
            pending.run.to_string(),
            pending.title.clone(),
            if pending.people.is_empty() {
                "anybody".to_owned()
            } else {
                pending.people.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
            },
        ]);
    }
    section(&mut text, "Waiting for people", &waiting);
    text
}

/// What is told when an interrupted run goes on: a few lines. `earlier` are events of before.
pub(in crate::cli) fn resumed(summary: &Summary, earlier: &[EventView]) -> Vec<String> {
    let (events, decisions, agents) = RESUMED;
    let standing = &summary.standing;
    let mut lines = vec![format!(
        "context {}: {}, {} complete",
        standing.context_version,
        standing.phase,
        percent(standing.completion_percent)
    )];
    for event in earlier.iter().rev().take(events).rev() {
        lines.push(format!("  {} {}", event.at, event_line(event)));
    }
    for made in summary.decisions.iter().rev().take(decisions).rev() {
        let about = match subject(made) {
            about if about.is_empty() => String::new(),
            about => format!(" of {about}"),
        };
        lines.push(format!("  {} decided{about}: {}", made.by, made.what));
    }
    let said = summary.agents.iter().filter(|agent| !agent.current_understanding.is_empty());
    for agent in said.take(agents) {
        let text = cut(&agent.current_understanding);
        lines.push(format!("  {} understands: {text}", agent.agent_name));
    }
    lines
}

fn standing(standing: &Standing) -> String {
    let Standing { context_version, phase, completion_percent, tasks } = standing;
    let mut text = String::new();
    line(&mut text, "version", &context_version.to_string());
    line(&mut text, "phase", phase);
    let counts = format!(
        "{} ({} of {} tasks completed, {} failed, {} cancelled, {} open)",
        percent(*completion_percent),
        tasks.completed,
        tasks.total,
        tasks.failed,
        tasks.cancelled,
        tasks.active()
    );
    line(&mut text, "complete", &counts);
    text
}

fn understanding(agent: &AgentUnderstanding) -> String {
    let mut text = String::new();
    let confidence = agent.confidence.map(|it| it.to_string()).unwrap_or_default();
    line(&mut text, "agent", agent.agent_name.as_str());
    line(&mut text, "role", &agent.role);
    let updated = agent.last_updated.map(|at| at.to_string()).unwrap_or_default();
    line(&mut text, "updated", &updated);
    line(&mut text, "understands", &agent.current_understanding);
    line(&mut text, "confidence", &confidence);
    for (key, list) in [
        ("to decide", &agent.pending_decisions),
        ("concern", &agent.concerns),
        ("suggests", &agent.suggestions),
    ] {
        for said in list {
            line(&mut text, key, said);
        }
    }
    let names = |tasks: &[orkestra_runtime::id::TaskId]| {
        tasks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    line(&mut text, "active", &names(&agent.active_tasks));
    line(&mut text, "completed", &names(&agent.completed_tasks));
    text
}

fn agents(agents: &[AgentUnderstanding]) -> Table {
    let mut table = Table::new(["AGENT", "ROLE", "CONFIDENCE", "ACTIVE", "UNDERSTANDS"]);
    for agent in agents {
        table.row([
            agent.agent_name.to_string(),
            cut(&agent.role),
            agent.confidence.map(|it| it.to_string()).unwrap_or_default(),
            agent.active_tasks.len().to_string(),
            cut(&agent.current_understanding),
        ]);
    }
    table
}

fn active(tasks: &[ActiveTask]) -> Table {
    let mut table = Table::new(["TASK", "RUN", "ATTEMPT", "AGENT", "SINCE"]);
    for task in tasks {
        table.row([
            task.task.to_string(),
            task.run.to_string(),
            task.attempt.to_string(),
            task.agent.to_string(),
            task.since.to_string(),
        ]);
    }
    table
}

fn events(events: &[EventView]) -> Table {
    let mut table = Table::new(["TIME", "EVENT", "ABOUT", "AGENT", "DETAILS"]);
    for event in events {
        table.row([
            event.at.to_string(),
            event.kind.as_str().to_owned(),
            about(event).unwrap_or_default(),
            event.agent.as_ref().map(ToString::to_string).unwrap_or_default(),
            cut(event.details.as_deref().unwrap_or_default()),
        ]);
    }
    table
}

fn decisions(decisions: &[DecisionView]) -> Table {
    let mut table = Table::new(["TIME", "WHO", "ABOUT", "WHAT"]);
    for made in decisions {
        table.row([made.at.to_string(), made.by.clone(), subject(made), made.what.clone()]);
    }
    table
}

fn subject(made: &DecisionView) -> String {
    let task = made.task.as_ref().map(ToString::to_string);
    task.or_else(|| made.run.as_ref().map(ToString::to_string)).unwrap_or_default()
}

/// The task that an event is about, or the run.
fn about(event: &EventView) -> Option<String> {
    let task = event.task.as_ref().map(ToString::to_string);
    task.or_else(|| event.run.as_ref().map(ToString::to_string))
}

fn event_line(event: &EventView) -> String {
    let agent = event.agent.as_ref().map(|agent| format!("({agent})"));
    let words = [Some(event.kind.as_str().to_owned()), about(event), agent];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn snapshot_line(snapshot: &SnapshotView) -> String {
    format!("{} of {} ({})", snapshot.id, snapshot.at, why(snapshot))
}

fn why(snapshot: &SnapshotView) -> String {
    let gone: Vec<&str> = snapshot.gone.iter().map(orkestra_runtime::id::AgentId::as_str).collect();
    match (snapshot.reason.as_str(), &gone[..]) {
        ("disconnect", []) => "disconnect of the node".to_owned(),
        (reason, []) => reason.to_owned(),
        (reason, gone) => format!("{reason} of {}", gone.join(", ")),
    }
}

fn percent(percent: Option<u64>) -> String {
    percent.map_or_else(|| "nothing".to_owned(), |percent| format!("{percent} %"))
}

fn cut(text: &str) -> String {
    if text.chars().count() <= SAID_CHARS_MAX {
        return text.to_owned();
    }
    text.chars().take(SAID_CHARS_MAX - 1).chain(['…']).collect()
}

fn line(text: &mut String, key: &str, value: &str) {
    if !value.is_empty() {
        let _ = writeln!(text, "{key:<12} {value}");
    }
}

fn section(text: &mut String, title: &str, table: &Table) {
    if !table.is_empty() {
        let _ = write!(text, "\n{title}\n{}", table.render());
    }
}
