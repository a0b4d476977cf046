//! What can be asked of votes.

use orkestra_runtime::id::{AgentId, VoteId, VoterId};
use serde::Deserialize;

use super::{Trouble, word};
use crate::{
    committee::{Content, Digest, Signature, tally::Weight},
    door::{Code, Reason},
    voting::written::WrittenProposal,
};

/// Something that is asked of votes.
#[derive(Clone, Debug)]
pub enum VoteWord {
    /// Calls a vote.
    Call(Box<CallVote>),
    /// Casts a ballot, or reveals one that was sealed.
    Cast(Box<CastBallot>),
    /// Commits to a sealed ballot.
    Seal(SealBallot),
    /// Shows what a voter needs to vote, and to sign.
    Voter(OfVoter),
    /// Shows a vote.
    Get(OfVote),
    /// Lists votes.
    List(ListVotes),
    /// Closes a vote before its time.
    Close(CloseVote),
}

/// A vote that is to be called.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallVote {
    /// Whose votes it is among.
    pub namespace: Option<String>,
    /// What is proposed, as in a file; it names its proposer.
    pub proposal: WrittenProposal,
}

/// A ballot.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CastBallot {
    /// Whose votes.
    pub namespace: Option<String>,
    /// In which vote.
    pub vote: VoteId,
    /// Whose.
    pub voter: VoterId,
    /// The voter's number for it: the same again is the same ballot.
    #[serde(default = "first")]
    pub seq: u64,
    /// What it says.
    pub content: Content,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// How sure the voter is to be right.
    pub confidence: Option<Weight>,
    /// With what it was sealed, of one that is revealed.
    pub nonce: Option<Digest>,
    /// The signature of its bytes, of a voter with a key.
    pub signature: Option<Signature>,
}

const fn first() -> u64 {
    1
}

/// A sealed ballot.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealBallot {
    /// Whose votes.
    pub namespace: Option<String>,
    /// In which vote.
    pub vote: VoteId,
    /// Whose.
    pub voter: VoterId,
    /// The number of the ballot that is in it.
    #[serde(default = "first")]
    pub seq: u64,
    /// What the voter commits to.
    pub sealed: Digest,
    /// The signature of that, of a voter with a key.
    pub signature: Option<Signature>,
}

/// One voter in one vote.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfVoter {
    /// Whose votes.
    pub namespace: Option<String>,
    /// Which vote.
    pub vote: VoteId,
    /// Which voter.
    pub voter: VoterId,
}

/// One vote.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfVote {
    /// Whose votes.
    pub namespace: Option<String>,
    /// Which.
    pub vote: VoteId,
    /// How long to wait until it is decided, later rounds included, before it is shown, in
    /// milliseconds.
    #[serde(default)]
    pub wait_ms: u64,
}

/// Votes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListVotes {
    /// Whose.
    pub namespace: Option<String>,
    /// Only those that are not decided.
    #[serde(default)]
    pub open: bool,
    /// How many at most.
    pub limit: Option<usize>,
}

/// A vote that is to be closed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloseVote {
    /// Whose votes.
    pub namespace: Option<String>,
    /// Which.
    pub vote: VoteId,
    /// Why, for the record.
    pub reason: Reason,
    /// For whom it is asked, for the record.
    pub r#as: Option<AgentId>,
}

impl VoteWord {
    /// Reads what was sent to a subject below `vote.`; none if there is none such.
    pub(super) fn read(verb: &str, body: &[u8]) -> Result<Option<Self>, Trouble> {
        Ok(Some(match verb {
            "call" => Self::Call(Box::new(word(body)?)),
            "cast" => Self::Cast(Box::new(ballot(body, false)?)),
            "seal" => Self::Seal(word(body)?),
            "reveal" => Self::Cast(Box::new(ballot(body, true)?)),
            "voter" => Self::Voter(word(body)?),
            "get" => Self::Get(word(body)?),
            "list" => Self::List(word(body)?),
            "close" => Self::Close(word(body)?),
            _ => return Ok(None),
        }))
    }
}

/// Reads a ballot: with what it was sealed is said of one that is revealed, and of no other.
fn ballot(body: &[u8], is_revealed: bool) -> Result<CastBallot, Trouble> {
    let ballot: CastBallot = word(body)?;
    let why = match (is_revealed, &ballot.nonce) {
        (true, None) => "the `nonce` is missing with which the ballot was sealed",
        (false, Some(_)) => "a ballot with a `nonce` was sealed: reveal it with `vote.reveal`",
        (true, Some(_)) | (false, None) => return Ok(ballot),
    };
    Err(Trouble::new(Code::Invalid, why))
}
