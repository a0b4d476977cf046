//! What tasks want of councils, and what councils say to tasks.

use orkestra_runtime::{
    id::TaskNo, limits::PAYLOAD_INLINE_BYTES_MAX, protocol::payload::Json, time::Now,
};
use serde_json::{Value, json};

use crate::{
    council::{
        CouncilCommand, CouncilMachine, CouncilNews, DeliberationNo,
        view::{DeliberationView, RankedView},
    },
    task::{
        TaskCommand, TaskMachine,
        councils::{CouncilWish, CouncilWord},
    },
};

/// How many bytes of a result are left for what JSON adds to it.
const SPARE_BYTES: usize = 4 * 1024;

/// What a task wants of councils, as a command.
pub(in crate::shard) fn of_tasks(wish: CouncilWish) -> CouncilCommand {
    match wish {
        CouncilWish::Deliberate { task, request } => {
            CouncilCommand::DeliberateFor { task, request }
        }
        CouncilWish::Withdraw { task } => CouncilCommand::WithdrawFor { task },
    }
}

/// What councils say to tasks, as a command.
pub(in crate::shard) fn of_councils(news: CouncilNews) -> TaskCommand {
    match news {
        CouncilNews::Refused { task, refusal } => {
            let why = format!("the deliberation cannot be held: {refusal}");
            TaskCommand::Council(CouncilWord::Refused { task, why })
        }
        CouncilNews::Over { task, no } => TaskCommand::Council(CouncilWord::Over { task, no }),
    }
}

/// What a task is told whose deliberation is over, as its record stands now.
pub(in crate::shard) fn word(
    councils: &CouncilMachine,
    (now, task): (Now, TaskNo),
    no: DeliberationNo,
    tasks: &TaskMachine,
) -> Option<CouncilWord> {
    let (view, minutes, run) = councils.deliberation(now, no, tasks)?;
    if view.winner_id.is_none() {
        let why = view.error_message.as_deref().unwrap_or("it has no winner");
        let why = format!("the deliberation came to nothing: {why}");
        return Some(CouncilWord::Refused { task, why });
    }
    let output = Json::of(&told(&view, &run, minutes)).ok()?;
    Some(CouncilWord::Decided { task, output })
}

/// The result: what wins, where it stands, and as much of the minutes as there is room for.
fn told(view: &DeliberationView, run: &str, minutes: Vec<String>) -> Value {
    let winner =
        view.results.iter().find(|one| Some(&one.proposal.author_id) == view.winner_id.as_ref());
    let result = |one: &RankedView| {
        let proposal = &one.proposal;
        json!({
            "author_id": proposal.author_id, "rank": one.rank, "score": one.score,
            "all_passed": one.checks.all_passed, "task": proposal.task,
        })
    };
    let results: Vec<Value> = view.results.iter().map(result).collect();
    let mut told = json!({
        "id": view.id,
        "status": view.status,
        "winner_id": view.winner_id,
        "selected_by": view.selected_by,
        "score": winner.map(|one| one.score),
        "run": run,
        "task": winner.map(|one| &one.proposal.task),
        "results": results,
    });
    let bytes = |value: &Value| value.to_string().len();
    let mut room = PAYLOAD_INLINE_BYTES_MAX.saturating_sub(bytes(&told) + SPARE_BYTES);
    // What is too long to stand here stands in the task that is named.
    let content = winner.map(|one| json!(one.proposal.content));
    if let Some(content) = content.filter(|content| bytes(content) <= room) {
        room -= bytes(&content);
        told["content"] = content;
    }
    let mut lines = Vec::new();
    for line in minutes {
        let line = json!(line);
        let Some(left) = room.checked_sub(bytes(&line) + 1) else { break };
        room = left;
        lines.push(line);
    }
    told["minutes"] = Value::Array(lines);
    told
}
