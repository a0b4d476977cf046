//! What tasks want of votes, and what votes say to tasks.

use std::sync::Arc;

use orkestra_runtime::{
    id::{RunId, TaskId, TaskNo, VoteId},
    machine::ReplyTo,
    protocol::{payload::Json, task::TaskSpec, vote::TaskVoter},
};
use serde_json::{Value, json};

use crate::{
    committee::{
        Casting, CommitteeAnswer, CommitteeCommand, CommitteeMachine, CommitteeNews,
        CommitteeQuery, Decision, Outcome,
    },
    shard::machine::Command,
    task::{
        RunOpening, TaskCommand, TaskMachine,
        votes::{VoteWish, VoteWord, ballot, called, proposal},
    },
};

/// How many lines of minutes stand in the result of a task, and how many bytes.
const LINES_MAX: usize = 100;
const MINUTES_BYTES_MAX: usize = 32 * 1024;

/// What a task wants of votes, as commands.
pub(in crate::shard) fn of_tasks(wish: VoteWish) -> Vec<Command> {
    match wish {
        VoteWish::Withdraw { task } => {
            let why = "the task that waited for it waits no more".to_owned();
            vec![Command::Committee(CommitteeCommand::WithdrawFor { task, why })]
        }
        VoteWish::Open { task, vote, title, namespace, spec, ballots } => {
            let proposal = match proposal(&vote, &title, &spec) {
                Ok(mut proposal) => {
                    // Whose run the task is in is known, whatever is said.
                    proposal.then.namespace = namespace;
                    Box::new(proposal)
                }
                Err(why) => {
                    return vec![Command::Task(TaskCommand::Vote(VoteWord::Refused { task, why }))];
                }
            };
            let open = CommitteeCommand::OpenFor { task, proposal };
            let cast = ballots.into_iter().filter_map(|(of, said)| said_by(task, &vote, &of, said));
            std::iter::once(open).chain(cast).map(Command::Committee).collect()
        }
    }
}

/// What a voter that is a task does in a vote: it casts what its result says, or is absent.
fn said_by(
    task: TaskNo,
    vote: &VoteId,
    of: &TaskId,
    said: Result<Json, String>,
) -> Option<CommitteeCommand> {
    let (voter, vote) = (called(of).ok()?, vote.clone());
    Some(match said.and_then(|said| ballot(&said)) {
        Ok(ballot) => {
            let casting = Box::new(Casting { vote, voter, ballot, signed: None });
            CommitteeCommand::CastFor { task, casting }
        }
        Err(why) => CommitteeCommand::AbsentFor { task, vote, voter, why },
    })
}

/// What votes say to tasks, as commands.
pub(in crate::shard) fn of_votes(news: CommitteeNews, tasks: &TaskMachine) -> Vec<Command> {
    match news {
        CommitteeNews::Opened { .. } | CommitteeNews::Malformed { .. } => Vec::new(),
        CommitteeNews::Refused { task, voter: None, refusal } => {
            let why = refusal.to_string();
            vec![Command::Task(TaskCommand::Vote(VoteWord::Refused { task, why }))]
        }
        // What it says cannot be counted here: nobody waits for it.
        CommitteeNews::Refused { task, voter: Some(voter), refusal } => {
            let vote = tasks.vote_of(task);
            let why = refusal.to_string();
            let absent = |vote| CommitteeCommand::AbsentFor { task, vote, voter, why };
            vote.map(absent).map(Command::Committee).into_iter().collect()
        }
        // A task says nothing twice: what it said stands, as far as it can. People and agents are
        // asked anew.
        CommitteeNews::Climbed { task, number: vote, .. } => {
            let spec = tasks.task(task).and_then(|task| task.spec.vote.as_deref());
            let voters = spec.map(|spec| &spec.voters[..]).unwrap_or_default();
            let stands = |voter: &TaskVoter| {
                let voter = called(&voter.task).ok()?;
                Some(Command::Committee(CommitteeCommand::Stand { vote, voter }))
            };
            voters.iter().filter_map(stands).collect()
        }
        CommitteeNews::Decided { task, root, outcome, submit, namespace } => {
            let over = |task| Command::Task(TaskCommand::VoteOver(task, outcome.vote.clone()));
            let follows = following(&root, namespace, submit);
            task.map(over).into_iter().chain(follows).collect()
        }
    }
}

/// Who asks for what nobody waits for.
const NOBODY: ReplyTo = ReplyTo(u64::MAX);

/// What a vote submits when it is decided, as a run of its own that begins at once. Its name is that
/// of the vote, so that it is submitted once.
fn following(root: &VoteId, namespace: String, submit: Vec<TaskSpec>) -> Vec<Command> {
    // A vote may have a name that leaves no room for more.
    let named = RunId::new(format!("vote:{root}")).or_else(|_| RunId::new(root.as_str()));
    let (Ok(run), false) = (named, submit.is_empty()) else { return Vec::new() };
    let (to, count) = (NOBODY, submit.len() as u64);
    let opening = RunOpening { namespace, ..RunOpening::default() };
    let tasks = submit.into_iter().map(Arc::new).collect();
    let open = TaskCommand::Open { to, run: run.clone(), opening };
    let submit = TaskCommand::Submit { to, run: run.clone(), tasks };
    let seal = TaskCommand::Seal { to, run, tasks: count };
    [open, submit, seal].map(Command::Task).into()
}

/// The result of a task whose vote is over, as its record stands now.
pub(in crate::shard) fn result(committee: &CommitteeMachine, vote: &VoteId) -> Option<Json> {
    let CommitteeAnswer::Vote(Some(found)) = committee.answer(&CommitteeQuery::Get(vote.clone()))
    else {
        return None;
    };
    let outcome = found.outcome.as_deref()?;
    let minutes = match committee.answer(&CommitteeQuery::Minutes(vote.clone())) {
        CommitteeAnswer::Minutes(Some(lines)) => lines,
        _ => Vec::new(),
    };
    Json::of(&told(outcome, &shortened(minutes))).ok()
}

fn told(outcome: &Outcome, minutes: &[String]) -> Value {
    let chosen = match &outcome.decision {
        Decision::Chosen(options) => json!(options),
        _ => json!([]),
    };
    json!({
        "vote": outcome.vote,
        "ready": outcome.decision.is_for(),
        "decision": outcome.decision.to_string(),
        "chosen": chosen,
        "turnout": outcome.turnout,
        "minutes": minutes,
    })
}

/// As many lines as a result holds.
fn shortened(mut lines: Vec<String>) -> Vec<String> {
    let mut bytes = 0;
    let fits = lines.iter().take(LINES_MAX).take_while(|line| {
        bytes += line.len() + 8;
        bytes <= MINUTES_BYTES_MAX
    });
    let fits = fits.count();
    let more = lines.len() - fits;
    lines.truncate(fits);
    if more > 0 {
        lines.push(format!("and {more} more lines: `orkestra vote get` tells all"));
    }
    lines
}
