//! Casting ballots: open, sealed and revealed.

use orkestra_runtime::{
    id::{Number, VoteNo, VoterId},
    machine::ReplyTo,
};

use super::{
    ballot::{Ballot, Content},
    command::{Casting, CommitteeCommand, Sealing},
    decision::CommitteeDecision,
    digest::{Digest, Signature},
    event::CommitteeEvent,
    machine::{Asker, CommitteeMachine},
    outcome::Aside,
    proposal::{BallotFault, Member, Question},
    refusal::CommitteeRefusal,
    reply::CommitteeReply,
    settings::{INLINE_MEMBERS_MAX, REASONS_BYTES_MAX, WORDS_CHARS_MAX},
    signed::Signed,
    state::{Phase, Vote},
};

pub(super) type Answered = Result<CommitteeReply, CommitteeRefusal>;

/// Below so many ballots each is looked at; above, every eighth part of the next power of two.
const ALWAYS: usize = 64;

/// Whether it is looked whether a vote is settled when it has so many ballots.
pub(super) const fn is_step(ballots: usize) -> bool {
    if ballots <= ALWAYS {
        return true;
    }
    let power = 1_usize << ballots.ilog2();
    ballots.is_multiple_of(power / 8)
}

/// A ballot that may be cast: who it is of, what it is, and what proves it.
struct Shown<'a> {
    no: VoteNo,
    vote: &'a Vote,
    voter: &'a VoterId,
    hash: Digest,
    signature: Option<Signature>,
}

impl CommitteeMachine {
    pub(super) fn decide_cast(
        &self,
        asker: Asker,
        casting: &Casting,
        nonce: Option<&Digest>,
        out: &mut CommitteeDecision,
    ) {
        let answer = self.cast(casting, nonce, out);
        Self::answered_of(asker, &casting.voter, answer, out);
    }

    pub(super) fn cast(
        &self,
        casting: &Casting,
        nonce: Option<&Digest>,
        out: &mut CommitteeDecision,
    ) -> Answered {
        let Casting { vote: name, voter, ballot, signed } = casting;
        let (no, vote) = self.named(name)?;
        let member = self.voter(vote, voter)?;
        let bytes = vote.scope(no).bytes(voter, ballot);
        let hash = Digest::of(&bytes);
        let signature = proved(voter, member, signed.as_ref(), &bytes)?;
        let shown = Shown { no, vote, voter, hash, signature };
        if let Some(known) = same(vote, voter, &hash) {
            return Ok(CommitteeReply::Cast { hash, seq: known, existed: true });
        }
        self.readable(vote, voter, ballot)?;
        match &vote.phase {
            Phase::Voting { .. } if vote.is_sealed() => {
                return Err(CommitteeRefusal::MustSeal { vote: name.clone() });
            }
            Phase::Voting { .. } if nonce.is_some() => {
                return Err(CommitteeRefusal::NotSealed { vote: name.clone() });
            }
            Phase::Voting { .. } => {
                if let Some(reply) = self.replaces(&shown, ballot, out)? {
                    return Ok(reply);
                }
            }
            Phase::Revealing { .. } => Self::opens_seal(&shown, ballot, nonce)?,
            Phase::Mediating { .. }
            | Phase::Person { .. }
            | Phase::Counting { .. }
            | Phase::Decided { .. } => {
                let has_ended = !vote.is_open() && !vote.is_bare;
                if has_ended && !vote.late.contains(voter) {
                    let (vote, voter) = (no, voter.clone());
                    out.event(CommitteeEvent::Late { vote, voter, hash, signature });
                }
                return Err(Self::not_now(vote));
            }
        }
        let reasons = vote.reasons_bytes + ballot.reason.len() as u64;
        if !ballot.reason.is_empty() && reasons > REASONS_BYTES_MAX {
            return Err(BallotFault::NoRoomForReasons.into());
        }
        out.event(CommitteeEvent::Cast {
            vote: no,
            voter: voter.clone(),
            ballot: ballot.clone(),
            hash,
            signature,
            nonce: nonce.copied(),
        });
        let before = vote.ballots.contains_key(voter);
        self.then_look(no, vote, vote.ballots.len() + usize::from(!before), out);
        Ok(CommitteeReply::Cast { hash, seq: ballot.seq, existed: false })
    }

    /// Whether a ballot may come in beside, or in place of, what the voter has in.
    fn replaces(
        &self,
        shown: &Shown<'_>,
        ballot: &Ballot,
        out: &mut CommitteeDecision,
    ) -> Result<Option<CommitteeReply>, CommitteeRefusal> {
        let Shown { vote, voter, .. } = *shown;
        not_aside(vote, voter)?;
        let Some(known) = vote.ballots.get(voter) else { return Ok(None) };
        if known.seq == ballot.seq {
            let Some(signature) = shown.signature.filter(|_| known.signed) else {
                return Err(other(vote, voter, known.seq));
            };
            let second = (Some(ballot.clone()), ballot.seq);
            equivocated(shown, known.number, second, signature, out);
            self.then_look(shown.no, vote, vote.ballots.len() - 1, out);
            return Ok(Some(CommitteeReply::Equivocated));
        }
        follows(vote, voter, (known.seq, ballot.seq))?;
        Ok(None)
    }

    fn opens_seal(
        shown: &Shown<'_>,
        ballot: &Ballot,
        nonce: Option<&Digest>,
    ) -> Result<(), CommitteeRefusal> {
        let Shown { no, vote, voter, .. } = *shown;
        not_aside(vote, voter)?;
        let voter = voter.clone();
        let Some(sealed) = vote.sealed.get(&voter) else {
            return Err(CommitteeRefusal::NothingSealed { voter });
        };
        let nonce = nonce.ok_or_else(|| Self::not_now(vote))?;
        let is_it = vote.scope(no).seal(&voter, nonce, ballot) == sealed.hash;
        if is_it && ballot.seq == sealed.seq {
            Ok(())
        } else {
            Err(CommitteeRefusal::OtherSeal { voter })
        }
    }

    pub(super) fn decide_commit(
        &self,
        to: ReplyTo,
        sealing: &Sealing,
        out: &mut CommitteeDecision,
    ) {
        let answer = self.commit(sealing, out);
        Self::answered(Asker::Reply(to), answer, out);
    }

    fn commit(&self, sealing: &Sealing, out: &mut CommitteeDecision) -> Answered {
        let Sealing { vote: name, voter, seq, sealed, signed } = sealing;
        let (no, vote) = self.named(name)?;
        let member = self.voter(vote, voter)?;
        let bytes = vote.scope(no).sealed_bytes(voter, *seq, sealed);
        let signature = proved(voter, member, signed.as_ref(), &bytes)?;
        if !vote.is_sealed() {
            return Err(CommitteeRefusal::NotSealed { vote: name.clone() });
        }
        if *seq == 0 {
            return Err(BallotFault::Seq.into());
        }
        let known = vote.sealed.get(voter);
        if known.is_some_and(|known| known.hash == *sealed && known.seq == *seq) {
            return Ok(CommitteeReply::Committed { existed: true });
        }
        if !matches!(vote.phase, Phase::Voting { .. }) {
            return Err(Self::not_now(vote));
        }
        not_aside(vote, voter)?;
        if let Some(known) = known {
            if known.seq == *seq {
                let Some(signature) = signature.filter(|_| known.signed) else {
                    return Err(other(vote, voter, known.seq));
                };
                let shown = Shown { no, vote, voter, hash: *sealed, signature: None };
                equivocated(&shown, known.number, (None, *seq), signature, out);
                self.then_look(no, vote, vote.sealed.len() - 1, out);
                return Ok(CommitteeReply::Equivocated);
            }
            follows(vote, voter, (known.seq, *seq))?;
        }
        let (voter, seq, sealed) = (voter.clone(), *seq, *sealed);
        out.event(CommitteeEvent::Committed { vote: no, voter, seq, sealed, signature });
        self.then_look(no, vote, vote.sealed.len() + usize::from(known.is_none()), out);
        Ok(CommitteeReply::Committed { existed: false })
    }

    /// A member of the electorate.
    pub(super) fn voter<'a>(
        &'a self,
        vote: &Vote,
        voter: &VoterId,
    ) -> Result<&'a Member, CommitteeRefusal> {
        self.durable.member(vote, voter).ok_or_else(|| CommitteeRefusal::NoVoter {
            voter: voter.clone(),
            vote: vote.proposal.id.clone(),
        })
    }

    /// Whether a ballot says something that can be counted.
    fn readable(
        &self,
        vote: &Vote,
        voter: &VoterId,
        ballot: &Ballot,
    ) -> Result<(), CommitteeRefusal> {
        vote.proposal.read(ballot)?;
        if let Content::Delegate(to) = &ballot.content
            && (to == voter || self.durable.member(vote, to).is_none())
        {
            return Err(BallotFault::Delegate { voter: to.clone() }.into());
        }
        Ok(())
    }

    pub(super) fn not_now(vote: &Vote) -> CommitteeRefusal {
        CommitteeRefusal::NotNow { vote: vote.proposal.id.clone(), phase: vote.shown() }
    }

    /// Lets it be looked whether the vote can be closed, where that may be.
    ///
    /// With many voters it is not looked at after every ballot: what each look costs grows with their
    /// number, so between two looks at least an eighth as many ballots must come in as there are.
    pub(super) fn then_look(
        &self,
        no: VoteNo,
        vote: &Vote,
        ballots: usize,
        out: &mut CommitteeDecision,
    ) {
        let members = self.durable.rolls.get(&vote.roll).map_or(0, |roll| roll.members.len());
        // One who was absent may have voted, and one may have been set aside: look rather too often.
        let is_last = ballots + vote.aside.len() + 1 >= members;
        let is_ahead =
            matches!(&vote.proposal.question, Question::Election { ahead_by: Some(_), .. });
        let may_settle = members <= INLINE_MEMBERS_MAX && (is_step(ballots) || is_ahead);
        let is_revealed = matches!(vote.phase, Phase::Revealing { .. })
            && ballots + vote.aside.len() >= vote.sealed.len();
        if !vote.proposal.changeable && (is_last || may_settle || is_revealed)
            || matches!(vote.phase, Phase::Revealing { .. }) && is_revealed
        {
            out.then.push(CommitteeCommand::Look { vote: no });
        }
    }
}

/// The signature of a ballot, where the voter has a key: right, and there.
fn proved(
    voter: &VoterId,
    member: &Member,
    signed: Option<&Signed>,
    bytes: &[u8],
) -> Result<Option<Signature>, CommitteeRefusal> {
    let voter = voter.clone();
    match (&member.key, signed) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(CommitteeRefusal::NoKey { voter }),
        (Some(_), None) => Err(CommitteeRefusal::Unsigned { voter }),
        (Some(key), Some(signed)) if signed.is_by(key, bytes) => Ok(Some(signed.signature)),
        (Some(_), Some(_)) => Err(CommitteeRefusal::Forged { voter }),
    }
}

/// The number of a ballot that is in and is the same.
fn same(vote: &Vote, voter: &VoterId, hash: &Digest) -> Option<u64> {
    vote.ballots.get(voter).filter(|known| known.hash == *hash).map(|known| known.seq)
}

/// The number of the newest ballot of a voter.
pub(super) fn newest(vote: &Vote, voter: &VoterId) -> Option<u64> {
    let open = vote.ballots.get(voter).map(|known| known.seq);
    open.or_else(|| vote.sealed.get(voter).map(|known| known.seq))
}

/// Who will not vote may change its mind; others who are set aside stay so.
pub(super) fn not_aside(vote: &Vote, voter: &VoterId) -> Result<(), CommitteeRefusal> {
    match vote.aside.get(voter) {
        None | Some(Aside::Absent { .. }) => Ok(()),
        Some(why @ (Aside::Equivocated | Aside::Malformed)) => {
            Err(CommitteeRefusal::IsAside { voter: voter.clone(), why: why.clone() })
        }
    }
}

fn other(vote: &Vote, voter: &VoterId, seq: u64) -> CommitteeRefusal {
    let voter = voter.clone();
    if vote.proposal.changeable {
        CommitteeRefusal::OtherBallot { voter, seq }
    } else {
        CommitteeRefusal::HasVoted { voter, seq }
    }
}

/// Whether a ballot may replace one that is in.
fn follows(vote: &Vote, voter: &VoterId, (known, seq): (u64, u64)) -> Result<(), CommitteeRefusal> {
    let voter = voter.clone();
    if !vote.proposal.changeable {
        return Err(CommitteeRefusal::HasVoted { voter, seq: known });
    }
    if seq < known {
        return Err(CommitteeRefusal::OldBallot { voter, newest: known });
    }
    Ok(())
}

fn equivocated(
    shown: &Shown<'_>,
    first: Number,
    (ballot, seq): (Option<Ballot>, u64),
    signature: Signature,
    out: &mut CommitteeDecision,
) {
    let (vote, voter, hash) = (shown.no, shown.voter.clone(), shown.hash);
    out.event(CommitteeEvent::Equivocated { vote, voter, first, seq, ballot, hash, signature });
}

/// What is said for the record, as long as it may be.
pub(super) fn words(text: &str) -> String {
    text.chars().take(WORDS_CHARS_MAX).collect()
}
