//! Checks signatures in the time of whoever asks, on threads where nobody else waits.
//!
//! What passes carries the mark of that, which is good in this process alone; what has no mark, since
//! nobody could be asked here, is checked by the machine. A ballot whose signature is not right is
//! refused here, so that a flood of them costs the sequencer a look at an electorate each.

use std::time::Duration;

use orkestra_runtime::id::{VoteId, VoterId};

use crate::{
    committee::{
        CommitteeAnswer, CommitteeCommand, CommitteeQuery, CommitteeRefusal, CommitteeReply, Scope,
        Signed, VoterKey,
    },
    reach::Here,
    shard::machine::{Answer, Command, Query, Reply},
};

/// How long it may take to look at an electorate; then the machine checks by itself.
const WITHIN: Duration = Duration::from_secs(5);

/// The same command with its signature checked, or why it is refused. What carries no signature
/// passes as it is.
pub(crate) async fn checked(here: &Here, command: Command) -> Result<Command, Reply> {
    let Command::Committee(committee) = command else { return Ok(command) };
    let passed = match committee {
        CommitteeCommand::Cast { to, mut casting } => {
            if let Some(signed) = casting.signed.take() {
                let what = (&casting.vote, &casting.voter);
                let bytes = |scope: &Scope| scope.bytes(&casting.voter, &casting.ballot);
                casting.signed = Some(marked(here, what, signed, bytes).await?);
            }
            CommitteeCommand::Cast { to, casting }
        }
        CommitteeCommand::Reveal { to, mut casting, nonce } => {
            if let Some(signed) = casting.signed.take() {
                let what = (&casting.vote, &casting.voter);
                let bytes = |scope: &Scope| scope.bytes(&casting.voter, &casting.ballot);
                casting.signed = Some(marked(here, what, signed, bytes).await?);
            }
            CommitteeCommand::Reveal { to, casting, nonce }
        }
        CommitteeCommand::Commit { to, mut sealing } => {
            if let Some(signed) = sealing.signed.take() {
                let what = (&sealing.vote, &sealing.voter);
                let (seq, hash) = (sealing.seq, sealing.sealed);
                let bytes = |scope: &Scope| scope.sealed_bytes(&sealing.voter, seq, &hash);
                sealing.signed = Some(marked(here, what, signed, bytes).await?);
            }
            CommitteeCommand::Commit { to, sealing }
        }
        other => other,
    };
    Ok(Command::Committee(passed))
}

/// A signature with the mark that it is right. Where the voter has no key, or there is no such voter,
/// the machine says so.
async fn marked(
    here: &Here,
    (vote, voter): (&VoteId, &VoterId),
    signed: Signed,
    bytes: impl Fn(&Scope) -> Vec<u8> + Send,
) -> Result<Signed, Reply> {
    let Some((scope, key)) = looked_up(here, vote, voter).await else { return Ok(signed) };
    let (bytes, unmarked) = (bytes(&scope), signed.clone());
    let done = tokio::task::spawn_blocking(move || signed.checked(&key, &bytes)).await;
    match done {
        Ok(Some(marked)) => Ok(marked),
        Ok(None) => {
            tracing::warn!(%vote, %voter, "a ballot was refused: its signature is not the voter's");
            let refusal = CommitteeRefusal::Forged { voter: voter.clone() };
            Err(Reply::Committee(CommitteeReply::Refused(refusal)))
        }
        Err(error) => {
            tracing::warn!(%vote, %error, "a signature could not be checked before the sequencer");
            Ok(unmarked)
        }
    }
}

async fn looked_up(here: &Here, vote: &VoteId, voter: &VoterId) -> Option<(Scope, VoterKey)> {
    let (vote, voter) = (vote.clone(), voter.clone());
    let query = Query::Committee(CommitteeQuery::Voter { vote, voter });
    let read = here.query(query, WITHIN).await.ok()?;
    let Answer::Committee(CommitteeAnswer::Voter(Some(view))) = read.answer else { return None };
    Some((view.scope, view.member.key?))
}
