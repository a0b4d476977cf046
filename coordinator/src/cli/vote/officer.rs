//! What is done to votes that is not a voter's to do: close, withdraw, decide, judge.

use orkestra_runtime::{Result, id::VoteId};
use serde::Serialize;

use super::{
    args::{DecideArgs, RulingArgs, WordArgs},
    change, odd, said,
};
use crate::{
    cli::change::Asking,
    committee::{CommitteeReply, Decision, Ruling, Truth},
    door::VoteAsk,
    output::{Console, Exit},
};

#[derive(Serialize)]
struct Done {
    vote: VoteId,
    done: &'static str,
}

/// What a person decided.
#[derive(Serialize)]
struct Ruled {
    vote: VoteId,
    decision: Decision,
}

fn done(vote: VoteId, done: &'static str, console: &mut Console) -> Result<Exit> {
    console.item(&Done { vote, done }, |done| format!("vote {} is {}\n", done.vote, done.done))?;
    Ok(Exit::Done)
}

/// Closes a vote before its time.
pub(super) async fn close(
    args: &WordArgs,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let (vote, why) = (VoteId::new(&args.vote)?, args.reason.clone());
    match change(VoteAsk::Close { vote: vote.clone(), why }, asking).await? {
        CommitteeReply::Closed | CommitteeReply::Decided { .. } => done(vote, "closed", console),
        reply => Err(odd(&reply)),
    }
}

/// Withdraws a vote.
pub(super) async fn withdraw(
    args: &WordArgs,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let (vote, why) = (VoteId::new(&args.vote)?, args.reason.clone());
    match change(VoteAsk::Withdraw { vote: vote.clone(), why }, asking).await? {
        CommitteeReply::Withdrawn => done(vote, "withdrawn", console),
        reply => Err(odd(&reply)),
    }
}

/// Decides in the place of a vote.
pub(super) async fn decide(
    args: &DecideArgs,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let (vote, why) = (VoteId::new(&args.of.vote)?, args.of.reason.clone());
    let ruling = match &args.what {
        RulingArgs { pass: true, .. } => Ruling::Pass,
        RulingArgs { choose: Some(options), .. } => Ruling::Choose(said::options(options)?),
        RulingArgs { pass: false, choose: None, .. } => Ruling::Fail,
    };
    match change(VoteAsk::Decide { vote: vote.clone(), ruling, why }, asking).await? {
        CommitteeReply::Decided { vote, decision } => {
            console.item(&Ruled { vote, decision }, |ruled| {
                format!("vote {} is decided: {}\n", ruled.vote, ruled.decision)
            })?;
            Ok(Exit::Done)
        }
        reply => Err(odd(&reply)),
    }
}

/// Says what turned out to be right.
pub(super) async fn judge(
    args: &DecideArgs,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    #[derive(Serialize)]
    struct Judged {
        vote: VoteId,
        voters: u64,
    }
    let (vote, why) = (VoteId::new(&args.of.vote)?, args.of.reason.clone());
    let truth = match &args.what.choose {
        Some(options) => Truth::Options(said::options(options)?),
        None => Truth::Motion(args.what.pass),
    };
    match change(VoteAsk::Judge { vote: vote.clone(), truth, why }, asking).await? {
        CommitteeReply::Judged { voters } => {
            console.item(&Judged { vote, voters }, |judged| {
                let Judged { vote, voters } = judged;
                format!("vote {vote} is judged: it stands in the records of {voters} voters\n")
            })?;
            Ok(Exit::Done)
        }
        reply => Err(odd(&reply)),
    }
}
