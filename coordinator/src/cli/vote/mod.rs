//! `orkestra vote`: votes from a shell, kept by a cluster or in a folder, and files of them, counted.

pub(super) mod args;
mod call;
mod cast;
mod key;
mod look;
mod officer;
mod proposal;
mod recount;
mod said;
mod show;
mod tally;
mod told;

use orkestra_runtime::{
    Error, ErrorKind, Result,
    id::{VoteId, VoterId},
};

use crate::{
    cli::{
        change::{Asking, Found},
        failure::Failure,
        vote::args::{TallyArgs, VoteCommand},
    },
    committee::{
        CommitteeAnswer, CommitteeQuery, CommitteeReply,
        view::{VoteDetail, VoterView},
    },
    door::{Asker, Request, VoteAsk},
    inspect::Inspection,
    output::{Console, Exit},
};

/// Counts a file: it needs no configuration and no folder.
pub(super) fn tally(args: &TallyArgs, console: &mut Console) -> Result<Exit, Failure> {
    tally::tally(args, console)
}

/// Does what was typed.
pub(super) async fn serve(
    command: &VoteCommand,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit, Failure> {
    Ok(match command {
        VoteCommand::Call(args) => return Box::pin(call::call(args, asking, console)).await,
        VoteCommand::Tally(args) => return tally::tally(args, console),
        VoteCommand::Cast(args) => cast::cast(args, asking, console).await?,
        VoteCommand::Reveal(args) => cast::reveal(args, asking, console).await?,
        VoteCommand::Get { vote } => look::get(vote, asking, console).await?,
        VoteCommand::List { open, limit } => look::list((*open, *limit), asking, console).await?,
        VoteCommand::Watch { vote, within } => {
            look::watch((vote, *within), asking, console).await?
        }
        VoteCommand::Recount { vote } => recount::recount(vote, asking, console).await?,
        VoteCommand::Close(args) => officer::close(args, asking, console).await?,
        VoteCommand::Withdraw(args) => officer::withdraw(args, asking, console).await?,
        VoteCommand::Decide(args) => officer::decide(args, asking, console).await?,
        VoteCommand::Judge(args) => officer::judge(args, asking, console).await?,
        VoteCommand::Key { file } => key::make(file, console)?,
    })
}

/// Looks: where somebody is at work as it is now, otherwise as the folder says.
async fn look(query: CommitteeQuery, asking: &Asking<'_>) -> Result<CommitteeAnswer> {
    if !asking.settings.is_cluster() && !matches!(asking.find().await?, Found::Node(_)) {
        let inspection = Inspection::of(asking.data_dir()).await?;
        let answer = inspection.votes(&query);
        inspection.close().await;
        return Ok(answer);
    }
    asking.ask(&Request::Vote { ask: VoteAsk::Look(query) }, None).await
}

/// Asks for a change, of whoever is at work or in the folder itself. A refusal is an error.
async fn change(ask: VoteAsk, asking: &Asking<'_>) -> Result<CommitteeReply> {
    match asking.ask(&Request::Vote { ask }, None).await? {
        CommitteeReply::Refused(refusal) => Err(Error::new(refusal.kind(), refusal.to_string())),
        reply => Ok(reply),
    }
}

/// Shows a vote; an error if there is none of the name.
async fn detail(vote: &VoteId, asking: &Asking<'_>) -> Result<Box<VoteDetail>> {
    match look(CommitteeQuery::Get(vote.clone()), asking).await? {
        CommitteeAnswer::Vote(Some(vote)) => Ok(vote),
        CommitteeAnswer::Vote(None) => Err(no_vote(vote)),
        answer => Err(odd(&answer)),
    }
}

/// What a voter needs to vote; an error if it has no vote there.
async fn voter_of(vote: &VoteId, voter: &VoterId, asking: &Asking<'_>) -> Result<Box<VoterView>> {
    let query = CommitteeQuery::Voter { vote: vote.clone(), voter: voter.clone() };
    match look(query, asking).await? {
        CommitteeAnswer::Voter(Some(view)) => Ok(view),
        CommitteeAnswer::Voter(None) => {
            detail(vote, asking).await?;
            let why = format!(
                "{voter} has no vote in {vote}: who may vote was fixed when it was called; name a \
                 voter with --as"
            );
            Err(Error::new(ErrorKind::Invalid, why))
        }
        answer => Err(odd(&answer)),
    }
}

fn no_vote(vote: &VoteId) -> Error {
    let why = format!("there is no vote {vote}; `orkestra vote list` shows which there are");
    Error::new(ErrorKind::NotFound, why)
}

/// Who votes or proposes: as was said, or the user.
async fn voter_named(named: Option<&str>) -> Result<VoterId> {
    if let Some(name) = named {
        return VoterId::new(name);
    }
    VoterId::new(Asker::of_process().await.person()?.as_str())
}

fn odd(answer: &impl std::fmt::Debug) -> Error {
    Error::new(ErrorKind::Fault, format!("the committee answered something else: {answer:?}"))
}
