//! What happened in a deliberation, in lines that a person reads: who proposed, criticised whom with
//! what, who revised, what was found, and why the winner won.

use orkestra_runtime::{id::AgentId, protocol::payload::Json};
use serde_json::Value;

use super::{
    event::{Ending, Ranked, Step, StepRole},
    judging,
    ranking::score,
    reading::{Critique, Sight, Stands, critiques},
    settings::LINE_BYTES_MAX,
    state::Stage,
    view::{CheckView, Phase},
};

/// The lines of a deliberation.
pub(super) fn of(sight: Sight<'_>) -> Vec<String> {
    let found = sight.found;
    let opening = &found.opening;
    let request = &opening.request;
    let mut lines =
        vec![format!("{} deliberates ({}): {}", opening.role, request.id, one_line(&request.task))];
    let seats = opening.seats.iter().map(|place| {
        if place.id == place.worker {
            place.id.to_string()
        } else {
            format!("{} ({} does its work)", place.id, place.worker)
        }
    });
    let seats: Vec<String> = seats.collect();
    lines.push(format!("who deliberates: {}", seats.join(", ")));
    for left in &opening.left_out {
        lines.push(format!("{} does not: {}", left.seat, left.why));
    }
    for stage in &found.stages {
        for step in &stage.steps {
            told(sight, stage, step, &mut lines);
        }
    }
    lines.extend(found.remarks.iter().filter(|line| !is_told(line)).cloned());
    match &found.ended {
        None => lines.push(format!("it goes on: {}", found.phase().as_str())),
        Some((_, ending)) => ended(sight, ending, &mut lines),
    }
    lines
}

/// That a step came to nothing is told where the step is.
fn is_told(remark: &str) -> bool {
    remark.contains(" came to nothing: ")
}

fn told(sight: Sight<'_>, stage: &Stage, step: &Step, lines: &mut Vec<String>) {
    let found = sight.found;
    let who = found.name(step.seat);
    let round = stage.round;
    match (step.role, sight.stands(&step.task)) {
        (_, Stands::Open) if !found.is_open() => {}
        (_, Stands::Open) => lines.push(format!("{} goes on", step.task)),
        (StepRole::Draft, Stands::Answered(_)) => {
            lines.push(format!("{who} proposes: {}", one_line(&sight.content(&step.task))));
        }
        (StepRole::Draft, Stands::Unanswered(why)) => {
            lines.push(format!("{who} proposes nothing: {why}"));
        }
        (StepRole::Critique, Stands::Answered(_)) => {
            criticised(sight, (step, round), lines);
        }
        (StepRole::Critique, Stands::Unanswered(why)) => {
            lines.push(format!("{who} criticises nothing, round {round}: {why}"));
        }
        (StepRole::Revise, Stands::Answered(_)) => {
            let text = sight.content(&step.task);
            let before = before(sight, step);
            let changed = before.is_none_or(|before| before != text);
            let line = if changed {
                format!("{who} revises, round {round}: {}", one_line(&text))
            } else {
                format!("{who} leaves its proposal as it is, round {round}")
            };
            lines.push(line);
        }
        (StepRole::Revise, Stands::Unanswered(why)) => {
            lines.push(format!("{who} does not revise, round {round}: {why}"));
        }
        (StepRole::Judge, Stands::Answered(_)) => judged(sight, step, lines),
        (StepRole::Judge, Stands::Unanswered(why)) => {
            lines.push(format!("{} casts no ballot: {why}", judge(sight, step)));
        }
        (StepRole::Verdict, _) => {
            let minutes = sight.verdict().map(|chosen| chosen.minutes).unwrap_or_default();
            lines.extend(minutes.into_iter().map(|line| format!("vote: {line}")));
        }
        // What was found is told with each proposal's place.
        (StepRole::Check | StepRole::DryRun, _) => {}
    }
}

fn criticised(sight: Sight<'_>, (step, round): (&Step, u32), lines: &mut Vec<String>) {
    let found = sight.found;
    let who = found.name(step.seat);
    let said = sight.answer(&step.task).map(critiques).unwrap_or_default();
    if said.is_empty() {
        return lines.push(format!("{who} says nothing that is a critique, round {round}"));
    }
    for Critique { of, text, approves } in said {
        let subject = step.of.iter().filter(|seat| of.is_empty() || is_of(sight, **seat, &of));
        let subjects: Vec<&str> = subject.map(|seat| found.name(*seat)).collect();
        let whom = if subjects.is_empty() { "nobody here".to_owned() } else { subjects.join(", ") };
        let approves = if approves { " and approves" } else { "" };
        let text = if text.is_empty() { "nothing".to_owned() } else { one_line(&text) };
        lines.push(format!("{who} criticises {whom}{approves}, round {round}: {text}"));
    }
}

/// Whether a task is a version of a seat's proposal: its name ends with the number of the seat.
fn is_of(sight: Sight<'_>, seat: u32, task: &str) -> bool {
    let stages = sight.found.stages.iter().flat_map(|stage| &stage.steps);
    let mut versions =
        stages.filter(|step| matches!(step.role, StepRole::Draft | StepRole::Revise));
    versions.any(|step| step.seat == seat && step.task.as_str() == task)
}

/// What a proposal said before a revision.
fn before(sight: Sight<'_>, step: &Step) -> Option<String> {
    let proposal = sight.found.proposals.iter().find(|one| one.seat == step.seat)?;
    let versions: Vec<_> = proposal.earlier.iter().chain([&proposal.task]).collect();
    let place = versions.iter().position(|version| **version == step.task)?;
    Some(sight.content(versions.get(place.checked_sub(1)?)?))
}

fn judge(sight: Sight<'_>, step: &Step) -> String {
    let judges = &sight.found.opening.judges;
    let named = judges.get(step.seat as usize).map(AgentId::to_string);
    named.unwrap_or_else(|| sight.found.name(step.seat).to_owned())
}

/// What a judge's ballot says; that it puts its own proposal first is flagged.
fn judged(sight: Sight<'_>, step: &Step, lines: &mut Vec<String>) {
    let who = judge(sight, step);
    let ranking = sight.answer(&step.task).and_then(ranking_of).unwrap_or_default();
    if ranking.is_empty() {
        return lines.push(format!("{who} casts no ballot that ranks anything"));
    }
    let own = sight.found.opening.judges.is_empty().then(|| judging::option(step.seat));
    let flag = match own {
        Some(own)
            if ranking.first().is_some_and(|first| first.split(" = ").any(|one| one == own)) =>
        {
            " (its own first)"
        }
        _ => "",
    };
    lines.push(format!("{who} ranks {}{flag}", ranking.join(" > ")));
}

fn ranking_of(said: &Json) -> Option<Vec<String>> {
    let said: Value = said.read().ok()?;
    let ballot = said.get("ballot")?;
    let ranking = ballot.get("ranking").or_else(|| ballot.get("content")?.get("ranking"))?;
    let ranking: Vec<Vec<String>> = serde_json::from_value(ranking.clone()).ok()?;
    Some(ranking.into_iter().map(|equals| equals.join(" = ")).collect())
}

fn ended(sight: Sight<'_>, ending: &Ending, lines: &mut Vec<String>) {
    let found = sight.found;
    let was_checked = found.stages.iter().any(|stage| stage.phase >= Phase::Checking);
    for (rank, ranked) in (1_u32..).zip(&ending.ranking) {
        let (checks, _) = sight.checks(ranked.seat);
        let found = if was_checked { found_in(&checks) } else { "not checked".to_owned() };
        let who = sight.found.name(ranked.seat);
        lines.push(format!("rank {rank}: {who}, score {}: {found}", score(ranked)));
    }
    if ending.ranking.iter().all(|one: &Ranked| one.points == 0) && !ending.ranking.is_empty() {
        lines.push("nothing passed any check".to_owned());
    }
    if let Some(winner) = ending.winner {
        lines.push(format!("{} wins: {}", found.name(winner), ending.selected_by));
    }
    let why = ending.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    lines.push(format!("it ended: {}{why}", ending.status.as_str()));
}

fn found_in(checks: &CheckView) -> String {
    let CheckView { policy, lint, dryrun, .. } = checks;
    let mark = |passed: bool| if passed { "passed" } else { "failed" };
    let mut told = vec![format!("policy {}", mark(policy.passed))];
    if policy.violations.is_empty() {
        told.extend((!policy.passed).then(|| policy.message.clone()));
    }
    told.extend(policy.violations.iter().take(3).map(|one| one_line(one)));
    told.push(format!("lint {}", mark(lint.passed)));
    told.extend(lint.errors.iter().take(3).map(|one| one_line(one)));
    told.push(format!("dry run {} ({})", mark(dryrun.passed), dryrun.message));
    told.join("; ")
}

/// As much of a text as a line holds.
fn one_line(text: &str) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.len() > LINE_BYTES_MAX {
        let end = line.floor_char_boundary(LINE_BYTES_MAX);
        line.truncate(end);
        line.push('…');
    }
    line
}
