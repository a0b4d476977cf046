//! Carries out what is asked of votes.

use std::time::Duration;

use orkestra_runtime::{Error, ErrorKind, id::VoteId, machine::ReplyTo};
use serde_json::{Map, Value, json};

use super::{
    answer::{Trouble, list, told},
    desk::{Desk, LIST, LIST_MAX, WAIT_MAX, by},
    kept_namespace,
    request::votes::{CallVote, CastBallot, OfVote, SealBallot, VoteWord},
};
use crate::{
    client::votes::{Receipt, VoteError, Votes},
    committee::{Ballot, Casting, CommitteeCommand, CommitteeReply, Officer, Sealing, Signed},
    door::Code,
};

type Answered = Result<Map<String, Value>, Trouble>;

impl From<VoteError> for Trouble {
    fn from(error: VoteError) -> Self {
        Self::from(Error::from(error))
    }
}

impl Desk {
    /// Carries out one request.
    pub(super) async fn vote(&self, word: VoteWord) -> Answered {
        match word {
            VoteWord::Call(call) => self.call(*call).await,
            VoteWord::Cast(cast) => self.cast(*cast).await,
            VoteWord::Seal(seal) => self.seal_ballot(seal).await,
            VoteWord::Voter(of) => {
                let votes = self.votes(of.namespace.as_deref());
                match votes.voter(&of.vote, &of.voter).await? {
                    Some(view) => told(&view),
                    None if votes.get(&of.vote).await?.is_some() => {
                        let message = format!("{} has no vote in {}", of.voter, of.vote);
                        Err(Trouble::new(Code::NotFound, message))
                    }
                    None => Err(no_vote(&of.vote)),
                }
            }
            VoteWord::Get(of) => self.show(of).await,
            VoteWord::List(of) => {
                let limit = of.limit.unwrap_or(LIST).min(LIST_MAX);
                let votes = self.votes(of.namespace.as_deref());
                list("votes", &votes.list(of.open, limit).await?)
            }
            VoteWord::Close(close) => {
                let votes = self.votes(close.namespace.as_deref());
                let why = close.reason.as_str().to_owned();
                // Who may send this runs the cluster: the table of permissions says so.
                let officer = Officer { by: by(close.r#as.as_ref()), is_keeper: true, why };
                votes.close(&close.vote, officer).await?;
                told(&json!({ "vote": close.vote, "closed": true }))
            }
        }
    }

    fn votes(&self, namespace: Option<&str>) -> Votes {
        Votes::beside(&self.shards.of(kept_namespace(namespace)).tasks)
    }

    async fn call(&self, call: CallVote) -> Answered {
        let CallVote { namespace, proposal } = call;
        let nobody = || {
            let why = "the proposal names nobody who proposes it: say `proposer`";
            Err(Error::new(ErrorKind::Invalid, why))
        };
        let mut proposal = proposal.read(nobody)?;
        kept_namespace(namespace.as_deref()).clone_into(&mut proposal.then.namespace);
        let vote = proposal.id.clone();
        let called = self.votes(namespace.as_deref()).call(proposal).await?;
        told(&json!({
            "vote": vote,
            "number": called.number,
            "until": called.until,
            "existed": called.existed,
        }))
    }

    async fn cast(&self, cast: CastBallot) -> Answered {
        let CastBallot { namespace, vote, voter, seq, content, reason, confidence, .. } = cast;
        let ballot = Ballot { seq, content, reason, confidence };
        let signed = cast.signature.map(Signed::unchecked);
        let casting = Casting { vote, voter, ballot, signed };
        let votes = self.votes(namespace.as_deref());
        let Some(nonce) = cast.nonce else {
            return receipt(&votes.cast_as_it_is(casting).await?);
        };
        let (to, casting) = (ReplyTo::default(), Box::new(casting));
        match votes.pass(CommitteeCommand::Reveal { to, casting, nonce }).await? {
            CommitteeReply::Cast { hash, seq, existed } => {
                receipt(&Receipt::Taken { hash, seq, existed })
            }
            reply => other(reply),
        }
    }

    async fn seal_ballot(&self, seal: SealBallot) -> Answered {
        let SealBallot { namespace, vote, voter, seq, sealed, signature } = seal;
        let signed = signature.map(Signed::unchecked);
        let sealing = Sealing { vote, voter, seq, sealed, signed };
        let command = CommitteeCommand::Commit { to: ReplyTo::default(), sealing };
        match self.votes(namespace.as_deref()).pass(command).await? {
            CommitteeReply::Committed { existed } => {
                told(&json!({ "sealed": sealed, "seq": seq, "existed": existed }))
            }
            reply => other(reply),
        }
    }

    async fn show(&self, of: OfVote) -> Answered {
        let votes = self.votes(of.namespace.as_deref());
        let mut vote = of.vote;
        if of.wait_ms > 0 {
            let wait = Duration::from_millis(of.wait_ms).min(WAIT_MAX);
            if let Ok(decided) = tokio::time::timeout(wait, votes.decided(&vote)).await {
                vote = decided?.vote.clone();
            }
        }
        let Some(found) = votes.get(&vote).await? else { return Err(no_vote(&vote)) };
        let minutes = votes.minutes(&vote).await?.unwrap_or_default();
        let mut fields = told(&found)?;
        fields.insert("minutes".to_owned(), json!(minutes));
        Ok(fields)
    }
}

fn receipt(receipt: &Receipt) -> Answered {
    match receipt {
        Receipt::Taken { hash, seq, existed } => {
            told(&json!({ "hash": hash, "seq": seq, "existed": existed }))
        }
        Receipt::Equivocated => {
            let message = "two different ballots were signed under one number: both are kept, and \
                           the voter counts as absent";
            Err(Trouble::new(Code::Conflict, message))
        }
    }
}

fn other(reply: CommitteeReply) -> Answered {
    Err(match reply {
        CommitteeReply::Refused(refusal) => VoteError::Refused(refusal).into(),
        reply => {
            Trouble::new(Code::Fault, format!("the committee answered something else: {reply:?}"))
        }
    })
}

fn no_vote(vote: &VoteId) -> Trouble {
    let message = format!("there is no vote {vote}, or it is forgotten");
    Trouble::new(Code::NotFound, message).advised("`vote.list` shows all")
}
