//! What is to be seen of votes.

use orkestra_runtime::{
    Result,
    id::{VoteId, VoterId},
};

use super::{VoteError, Votes, way::other};
use crate::committee::{
    CommitteeAnswer, CommitteeQuery, CommitteeRefusal, Scope,
    view::{BallotView, CommitteeGauges, ROWS_MAX, VoteDetail, VoteView, VoterView},
};

impl Votes {
    /// Shows a vote; none if there is none of the name.
    pub async fn get(&self, vote: &VoteId) -> Result<Option<Box<VoteDetail>>> {
        match self.query(CommitteeQuery::Get(vote.clone())).await? {
            CommitteeAnswer::Vote(vote) => Ok(vote),
            answer => Err(other(&answer)),
        }
    }

    /// Votes, the newest first: at most so many, and only those that are not decided if so asked.
    pub async fn list(&self, open: bool, limit: usize) -> Result<Vec<VoteView>> {
        let (mut rows, mut before) = (Vec::new(), None);
        loop {
            let left = limit.saturating_sub(rows.len()) as u64;
            let page = match self.query(CommitteeQuery::List { before, open, limit: left }).await? {
                CommitteeAnswer::Votes(page) => page,
                answer => return Err(other(&answer)),
            };
            rows.extend(page.rows);
            before = rows.last().map(|vote: &VoteView| vote.number);
            if !page.more || rows.len() >= limit {
                return Ok(rows);
            }
        }
    }

    /// All ballots of a vote, by voter; none if there is no such vote. What they say is shown once it
    /// is closed.
    pub async fn ballots(&self, vote: &VoteId) -> Result<Option<Vec<BallotView>>> {
        let (mut rows, mut after) = (Vec::new(), None);
        loop {
            let (vote, limit) = (vote.clone(), ROWS_MAX as u64);
            let page = match self.query(CommitteeQuery::Ballots { vote, after, limit }).await? {
                CommitteeAnswer::Ballots(Some(page)) => page,
                CommitteeAnswer::Ballots(None) => return Ok(None),
                answer => return Err(other(&answer)),
            };
            rows.extend(page.rows);
            after = rows.last().map(|ballot: &BallotView| ballot.voter.clone());
            if !page.more {
                return Ok(Some(rows));
            }
        }
    }

    /// What happened in a vote, as lines for people; none if there is no such vote.
    pub async fn minutes(&self, vote: &VoteId) -> Result<Option<Vec<String>>> {
        match self.query(CommitteeQuery::Minutes(vote.clone())).await? {
            CommitteeAnswer::Minutes(minutes) => Ok(minutes),
            answer => Err(other(&answer)),
        }
    }

    /// All that a voter needs to vote; none if there is no such vote, or it has none in it.
    pub async fn voter(&self, vote: &VoteId, voter: &VoterId) -> Result<Option<Box<VoterView>>> {
        let (vote, voter) = (vote.clone(), voter.clone());
        match self.query(CommitteeQuery::Voter { vote, voter }).await? {
            CommitteeAnswer::Voter(view) => Ok(view),
            answer => Err(other(&answer)),
        }
    }

    /// How many there are of what.
    pub async fn gauges(&self) -> Result<CommitteeGauges> {
        match self.query(CommitteeQuery::Gauges).await? {
            CommitteeAnswer::Gauges(gauges) => Ok(gauges),
            answer => Err(other(&answer)),
        }
    }

    /// What ballots of a voter are for.
    pub(super) async fn scope(&self, vote: &VoteId, voter: &VoterId) -> Result<Scope, VoteError> {
        if let Some(view) = self.voter(vote, voter).await? {
            return Ok(view.scope);
        }
        let (vote, voter) = (vote.clone(), voter.clone());
        Err(VoteError::Refused(match self.get(&vote).await? {
            Some(_) => CommitteeRefusal::NoVoter { voter, vote },
            None => CommitteeRefusal::NoVote { vote },
        }))
    }
}
