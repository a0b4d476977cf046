//! Votes.

use std::time::Duration;

use orkestra_proto::orkestra::v1::{
    CallVoteRequest, CallVoteResponse, CastBallotRequest, CastBallotResponse, GetVoteRequest,
    ListVotesRequest, ListVotesResponse, Vote, vote_service_server::VoteService,
};
use orkestra_runtime::{
    Error, ErrorKind,
    id::{VoteId, VoterId},
};
use serde_json::json;
use tonic::{Request, Response, Status};

use super::{Means, WAIT_MAX, caller, json, limit, name};
use crate::{
    client::votes::{Receipt, VoteError, Votes},
    committee::{
        Ballot, Casting, CommitteeRefusal, Content, Signature, Signed,
        view::{VoteDetail, VoteView},
    },
    grpc::{
        credential::Caller,
        status::{Reason, failed, invalid_field, refused},
    },
    voting::written::WrittenProposal,
};

/// How many votes a list has at most: each is looked at, whether it is the caller's.
const LIST_MAX: u32 = 200;

/// Whoever answers for votes.
#[derive(Clone, Debug)]
pub(in crate::grpc) struct VoteDesk(pub(in crate::grpc) Means);

impl VoteDesk {
    fn votes(&self, caller: &Caller) -> Votes {
        Votes::beside(&self.0.of(caller).tasks)
    }

    /// A vote of the caller's namespace: votes of all that live in one shard share their names.
    async fn own(
        votes: &Votes,
        caller: &Caller,
        vote: &VoteId,
    ) -> Result<Option<Box<VoteDetail>>, Status> {
        let found = votes.get(vote).await.map_err(|error| failed(&error))?;
        Ok(found.filter(|found| *found.proposal.then.namespace == *caller.namespace))
    }
}

#[tonic::async_trait]
impl VoteService for VoteDesk {
    async fn call_vote(
        &self,
        call: Request<CallVoteRequest>,
    ) -> Result<Response<CallVoteResponse>, Status> {
        let caller = caller(&call)?;
        let written: WrittenProposal = json("proposal_json", &call.get_ref().proposal_json)?;
        let nobody = || {
            let why = "the proposal names nobody who proposes it: say `proposer`";
            Err(Error::new(ErrorKind::Invalid, why))
        };
        let proposal = written.read(nobody);
        let mut proposal =
            proposal.map_err(|error| invalid_field("proposal_json", error.to_string()))?;
        proposal.then.namespace = caller.namespace.to_string();
        let vote = proposal.id.clone();
        let opened = self.votes(&caller).call(proposal).await.map_err(|error| refusal(&error))?;
        Ok(Response::new(CallVoteResponse {
            vote: vote.to_string(),
            number: opened.number.0,
            existed: opened.existed,
        }))
    }

    async fn cast_ballot(
        &self,
        call: Request<CastBallotRequest>,
    ) -> Result<Response<CastBallotResponse>, Status> {
        let (caller, asked) = (caller(&call)?, call.into_inner());
        let vote: VoteId = name("vote", &asked.vote)?;
        let voter: VoterId = name("voter", &asked.voter)?;
        let content: Content = json("content_json", &asked.content_json)?;
        let signature: Option<Signature> = match asked.signature_json.as_str() {
            "" => None,
            text => Some(json("signature_json", text)?),
        };
        let way = self.votes(&caller);
        if Self::own(&way, &caller, &vote).await?.is_none() {
            return Err(no_vote(&vote));
        }
        let ballot =
            Ballot { seq: asked.seq.max(1), content, reason: asked.reason, confidence: None };
        let casting = Casting { vote, voter, ballot, signed: signature.map(Signed::unchecked) };
        let receipt = way.cast_as_it_is(casting).await.map_err(|error| refusal(&error))?;
        let told = match receipt {
            Receipt::Taken { hash, seq, existed } => {
                json!({ "hash": hash, "seq": seq, "existed": existed })
            }
            Receipt::Equivocated => json!({ "equivocated": true }),
        };
        Ok(Response::new(CastBallotResponse { receipt_json: told.to_string() }))
    }

    async fn get_vote(&self, call: Request<GetVoteRequest>) -> Result<Response<Vote>, Status> {
        let (caller, asked) = (caller(&call)?, call.into_inner());
        let (votes, mut vote) = (self.votes(&caller), name::<VoteId>("vote", &asked.vote)?);
        if Self::own(&votes, &caller, &vote).await?.is_none() {
            return Err(no_vote(&vote));
        }
        if asked.wait_ms > 0 {
            let wait = Duration::from_millis(asked.wait_ms).min(WAIT_MAX);
            if let Ok(decided) = tokio::time::timeout(wait, votes.decided(&vote)).await {
                vote = decided.map_err(|error| refusal(&error))?.vote.clone();
            }
        }
        let Some(found) = Self::own(&votes, &caller, &vote).await? else {
            return Err(no_vote(&vote));
        };
        let minutes = votes.minutes(&vote).await.map_err(|error| failed(&error))?;
        let details_json = serde_json::to_string(&found).unwrap_or_default();
        let minutes = minutes.unwrap_or_default();
        Ok(Response::new(Vote { minutes, details_json, ..shown(&found.view) }))
    }

    async fn list_votes(
        &self,
        call: Request<ListVotesRequest>,
    ) -> Result<Response<ListVotesResponse>, Status> {
        let (caller, asked) = (caller(&call)?, call.into_inner());
        let votes = self.votes(&caller);
        let most = limit(asked.limit).min(LIST_MAX) as usize;
        let mut own = Vec::new();
        for view in votes.list(asked.open, most).await.map_err(|error| failed(&error))? {
            if Self::own(&votes, &caller, &view.vote).await?.is_some() {
                own.push(shown(&view));
            }
        }
        Ok(Response::new(ListVotesResponse { votes: own }))
    }
}

fn shown(view: &VoteView) -> Vote {
    Vote {
        vote: view.vote.to_string(),
        title: view.title.clone(),
        eligible: view.eligible,
        cast: view.cast,
        decision: view.decision.clone(),
        minutes: Vec::new(),
        details_json: serde_json::to_string(view).unwrap_or_default(),
    }
}

fn no_vote(vote: &VoteId) -> Status {
    refused(Reason::NotFound, format!("there is no vote {vote:?}, or it is forgotten"))
}

fn refusal(error: &VoteError) -> Status {
    match error {
        VoteError::Refused(CommitteeRefusal::NameTaken { .. }) => {
            refused(Reason::Exists, error.to_string())
        }
        VoteError::Refused(known) => failed(&Error::new(known.kind(), known.to_string())),
        VoteError::Failed(error) => failed(error),
    }
}
