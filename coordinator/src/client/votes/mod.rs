//! The way to votes: call one, cast ballots, follow it to its end.
//!
//! ```text
//! Votes -- call --> vote -- cast by voters --> decided -- outcome
//!                        \- seal, then reveal -/
//! ```
//!
//! Promises: whatever is asked twice because an answer was lost is done once, since a ballot is known
//! by its voter and its number, and a vote by its name; what is answered is durable; a voter with a
//! key signs here, and its seed does not leave the process.

mod paging;
mod rows;
#[cfg(test)]
mod tests;
mod voter;
mod way;

use std::{fmt, sync::Arc, time::Duration};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    id::{VoteId, VoteNo, VoterId},
    machine::ReplyTo,
    time::Wall,
};

pub use voter::{SealedBallot, Voter};

pub(crate) use paging::paged;

use super::{Tasks, WITHIN};
use crate::{
    committee::{
        Ballot, Casting, CommitteeAnswer, CommitteeCommand, CommitteeQuery, CommitteeRefusal,
        CommitteeReply, Decision, Digest, Mediation, Officer, Outcome, Proposal, Ruling, Scope,
        Truth, view::VoteDetail,
    },
    reach::Shard,
};

/// How often a vote is looked at that somebody waits for, at first and at most.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(250));

/// Why nothing came of a request for votes.
#[derive(Debug)]
pub enum VoteError {
    /// It was refused: nothing was done.
    Refused(CommitteeRefusal),
    /// It could not be asked, or what became of it is not known.
    Failed(Error),
}

impl fmt::Display for VoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for VoteError {}

impl From<Error> for VoteError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<VoteError> for Error {
    fn from(error: VoteError) -> Self {
        match error {
            VoteError::Refused(refusal) => Self::new(refusal.kind(), refusal.to_string()),
            VoteError::Failed(error) => error,
        }
    }
}

/// A vote that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    /// Its number.
    pub number: VoteNo,
    /// When it is closed at the latest.
    pub until: Wall,
    /// Whether it was open before.
    pub existed: bool,
}

/// What became of a ballot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// It is in.
    Taken {
        /// Its hash: by it the voter finds it in the record.
        hash: Digest,
        /// Its number.
        seq: u64,
        /// Whether it had been in before.
        existed: bool,
    },
    /// Two different ballots were signed under one number: both are kept, and the voter is set aside.
    Equivocated,
}

/// The way to the votes of a namespace. Cheap to clone.
#[derive(Clone)]
pub struct Votes {
    shard: Shard,
}

impl Votes {
    pub(crate) const fn new(shard: Shard) -> Self {
        Self { shard }
    }

    /// The way to the votes that are kept where these tasks are.
    pub fn beside(tasks: &Tasks) -> Self {
        Self::new(tasks.shard.clone())
    }

    /// Opens a vote, or finds it open as it is. Voters who do not fit its record are enrolled before,
    /// in pages.
    pub async fn call(&self, proposal: Proposal) -> Result<Called, VoteError> {
        let to = ReplyTo::default();
        let vote = proposal.id.clone();
        let (pages, proposal) = paged(proposal);
        // Voters of a vote that is open are not enrolled again.
        if pages.is_empty() || self.get(&vote).await?.is_none() {
            for members in pages {
                let vote = vote.clone();
                match self.asked(CommitteeCommand::Enrol { to, vote, members }).await? {
                    CommitteeReply::Enrolled { .. } => {}
                    reply => return Err(odd(&reply)),
                }
            }
        }
        let proposal = Box::new(proposal);
        match self.asked(CommitteeCommand::Open { to, proposal }).await? {
            CommitteeReply::Opened { number, until, existed } => {
                Ok(Called { number, until, existed })
            }
            reply => Err(odd(&reply)),
        }
    }

    /// Casts a ballot, signed if the voter has a key. The same ballot again is the same ballot.
    pub async fn cast(
        &self,
        vote: &VoteId,
        voter: &Voter,
        ballot: Ballot,
    ) -> Result<Receipt, VoteError> {
        let signed = if voter.has_key() {
            Some(voter.sign_ballot(&self.scope(vote, voter.id()).await?, &ballot)?)
        } else {
            None
        };
        let casting = Casting { vote: vote.clone(), voter: voter.id().clone(), ballot, signed };
        self.cast_as_it_is(casting).await
    }

    /// Casts a ballot that was signed elsewhere, or is not signed.
    pub async fn cast_as_it_is(&self, casting: Casting) -> Result<Receipt, VoteError> {
        let (to, casting) = (ReplyTo::default(), Box::new(casting));
        receipt(self.asked(CommitteeCommand::Cast { to, casting }).await?)
    }

    /// Commits to a ballot in a vote whose ballots are sealed. Whoever drops what this answers cannot
    /// reveal the ballot, and counts as absent.
    pub async fn seal(
        &self,
        vote: &VoteId,
        voter: &Voter,
        ballot: Ballot,
    ) -> Result<SealedBallot, VoteError> {
        let scope = self.scope(vote, voter.id()).await?;
        let sealed = voter.seal(&scope, ballot)?;
        self.commit(&scope, voter, &sealed).await?;
        Ok(sealed)
    }

    /// Reveals a ballot, once all are in.
    pub async fn reveal(
        &self,
        vote: &VoteId,
        voter: &Voter,
        sealed: &SealedBallot,
    ) -> Result<Receipt, VoteError> {
        let scope = self.scope(vote, voter.id()).await?;
        let casting = Box::new(voter.casting(&scope, sealed.ballot.clone())?);
        let (to, nonce) = (ReplyTo::default(), sealed.nonce);
        receipt(self.asked(CommitteeCommand::Reveal { to, casting, nonce }).await?)
    }

    async fn commit(
        &self,
        scope: &Scope,
        voter: &Voter,
        sealed: &SealedBallot,
    ) -> Result<(), VoteError> {
        let (to, sealing) = (ReplyTo::default(), voter.sealing(scope, sealed)?);
        match self.asked(CommitteeCommand::Commit { to, sealing }).await? {
            CommitteeReply::Committed { .. } => Ok(()),
            reply => Err(odd(&reply)),
        }
    }

    /// Says that a voter answered with something that is no ballot; answers whether it is to be asked
    /// once more.
    pub async fn malformed(
        &self,
        vote: &VoteId,
        voter: &VoterId,
        why: &str,
    ) -> Result<bool, VoteError> {
        let (to, vote, voter, why) =
            (ReplyTo::default(), vote.clone(), voter.clone(), why.to_owned());
        match self.once(CommitteeCommand::Malformed { to, vote, voter, why }).await? {
            CommitteeReply::OnceMore => Ok(true),
            CommitteeReply::SetAside => Ok(false),
            reply => Err(odd(&reply)),
        }
    }

    /// Closes a vote before its time: what is in counts.
    pub async fn close(&self, vote: &VoteId, officer: Officer) -> Result<(), VoteError> {
        let (to, vote) = (ReplyTo::default(), vote.clone());
        match self.once(CommitteeCommand::Close { to, vote, officer }).await? {
            CommitteeReply::Closed | CommitteeReply::Decided { .. } => Ok(()),
            reply => Err(odd(&reply)),
        }
    }

    /// Withdraws a vote, with all that would follow from it.
    pub async fn withdraw(&self, vote: &VoteId, officer: Officer) -> Result<(), VoteError> {
        let (to, vote) = (ReplyTo::default(), vote.clone());
        match self.once(CommitteeCommand::Withdraw { to, vote, officer }).await? {
            CommitteeReply::Withdrawn => Ok(()),
            reply => Err(odd(&reply)),
        }
    }

    /// Says what whoever mediates proposes.
    pub async fn mediate(
        &self,
        vote: &VoteId,
        by: &VoterId,
        mediation: Mediation,
    ) -> Result<(), VoteError> {
        let (to, vote, by) = (ReplyTo::default(), vote.clone(), by.clone());
        let mediation = Box::new(mediation);
        match self.once(CommitteeCommand::Mediate { to, vote, by, mediation }).await? {
            CommitteeReply::Mediated { .. } => Ok(()),
            reply => Err(odd(&reply)),
        }
    }

    /// Decides in the place of a vote that waits for a person.
    pub async fn decide(
        &self,
        vote: &VoteId,
        ruling: Ruling,
        officer: Officer,
    ) -> Result<Decision, VoteError> {
        let (to, vote) = (ReplyTo::default(), vote.clone());
        match self.once(CommitteeCommand::Decide { to, vote, ruling, officer }).await? {
            CommitteeReply::Decided { decision, .. } => Ok(decision),
            reply => Err(odd(&reply)),
        }
    }

    /// Says what was found out to be right: by this voters have records. Answers of how many.
    pub async fn judge(
        &self,
        vote: &VoteId,
        truth: Truth,
        officer: Officer,
    ) -> Result<u64, VoteError> {
        let (to, vote) = (ReplyTo::default(), vote.clone());
        match self.asked(CommitteeCommand::Judge { to, vote, truth, officer }).await? {
            CommitteeReply::Judged { voters } => Ok(voters),
            reply => Err(odd(&reply)),
        }
    }

    /// Waits until a question is decided for good: later rounds that follow from the vote are
    /// followed. Dropping the future undoes nothing.
    pub async fn decided(&self, vote: &VoteId) -> Result<Arc<Outcome>, VoteError> {
        let (mut vote, mut wait) = (vote.clone(), LOOK_EVERY.0);
        loop {
            let Some(found) = self.get(&vote).await? else {
                return Err(VoteError::Refused(CommitteeRefusal::NoVote { vote }));
            };
            match following(&found) {
                Following::Over(outcome) => return Ok(outcome),
                Following::On(next) => {
                    (vote, wait) = (next, LOOK_EVERY.0);
                    continue;
                }
                Following::Open => {}
            }
            tokio::time::sleep(wait).await;
            wait = LOOK_EVERY.1.min(wait * 2);
        }
    }

    /// Asks something that changes nothing.
    pub async fn query(&self, query: CommitteeQuery) -> Result<CommitteeAnswer> {
        way::query(&self.shard, query, WITHIN).await
    }

    /// Passes on what another process asks, as it is.
    pub(crate) async fn pass(&self, command: CommitteeCommand) -> Result<CommitteeReply> {
        match self.asked(command).await {
            Ok(reply) => Ok(reply),
            Err(VoteError::Refused(refusal)) => Ok(CommitteeReply::Refused(refusal)),
            Err(VoteError::Failed(error)) => Err(error),
        }
    }

    /// The way within this process.
    #[cfg(test)]
    pub(crate) fn here(&self) -> Option<crate::reach::Here> {
        self.shard.handle().cloned()
    }

    async fn asked(&self, command: CommitteeCommand) -> Result<CommitteeReply, VoteError> {
        way::asked(&self.shard, command, WITHIN).await
    }

    async fn once(&self, command: CommitteeCommand) -> Result<CommitteeReply, VoteError> {
        way::once(&self.shard, command, WITHIN).await
    }
}

/// Where somebody stands who follows a question.
pub(crate) enum Following {
    /// It is decided for good.
    Over(Arc<Outcome>),
    /// It goes on as another vote.
    On(VoteId),
    /// Nothing is known yet.
    Open,
}

/// What a vote says to whoever follows its question.
pub(crate) fn following(found: &VoteDetail) -> Following {
    match &found.outcome {
        None => Following::Open,
        Some(outcome) => match &outcome.decision {
            Decision::Next { vote, .. } => Following::On(vote.clone()),
            Decision::Passed
            | Decision::Failed
            | Decision::Chosen(_)
            | Decision::Vetoed { .. }
            | Decision::Unresolved
            | Decision::Withdrawn => Following::Over(Arc::clone(outcome)),
        },
    }
}

fn receipt(reply: CommitteeReply) -> Result<Receipt, VoteError> {
    match reply {
        CommitteeReply::Cast { hash, seq, existed } => Ok(Receipt::Taken { hash, seq, existed }),
        CommitteeReply::Equivocated => Ok(Receipt::Equivocated),
        reply => Err(odd(&reply)),
    }
}

fn odd(reply: &CommitteeReply) -> VoteError {
    let why = format!("the committee answered something else: {reply:?}");
    VoteError::Failed(Error::new(ErrorKind::Fault, why))
}

impl fmt::Debug for Votes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Votes").field("shard", &self.shard).finish_non_exhaustive()
    }
}
