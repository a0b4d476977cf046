//! Voters who say nothing that counts: who answers with no ballot, and who will not vote.

use orkestra_runtime::{
    id::{VoteId, VoteNo, VoterId},
    machine::ReplyTo,
};

use super::{
    casting::{Answered, newest, not_aside, words},
    command::Officer,
    decision::{CommitteeDecision, CommitteeNews},
    event::CommitteeEvent,
    machine::{Asker, CommitteeMachine},
    outcome::Aside,
    refusal::CommitteeRefusal,
    reply::CommitteeReply,
    state::{Phase, Vote},
};

impl CommitteeMachine {
    pub(super) fn decide_malformed(
        &self,
        asker: Asker,
        (name, voter): (&VoteId, &VoterId),
        why: &str,
        out: &mut CommitteeDecision,
    ) {
        let answer = self.malformed((name, voter), why, out);
        if let (Asker::Task(task), Ok(reply)) = (asker, &answer) {
            let again = *reply == CommitteeReply::OnceMore;
            out.news.push(CommitteeNews::Malformed { task, voter: voter.clone(), again });
        }
        Self::answered_of(asker, voter, answer, out);
    }

    fn malformed(
        &self,
        (name, voter): (&VoteId, &VoterId),
        why: &str,
        out: &mut CommitteeDecision,
    ) -> Answered {
        let (no, vote) = self.named(name)?;
        let member = self.voter(vote, voter)?;
        if !matches!(vote.phase, Phase::Voting { .. } | Phase::Revealing { .. }) {
            return Err(Self::not_now(vote));
        }
        not_aside(vote, voter)?;
        if let Some(seq) = newest(vote, voter).filter(|_| !vote.proposal.changeable) {
            return Err(CommitteeRefusal::HasVoted { voter: voter.clone(), seq });
        }
        if !vote.malformed.contains(voter) {
            let (vote, voter, why) = (no, voter.clone(), words(why));
            out.event(CommitteeEvent::Malformed { vote, voter, why });
            return Ok(CommitteeReply::OnceMore);
        }
        // What cannot be read is signed by nobody: it silences nobody who signs.
        if member.key.is_some() || newest(vote, voter).is_some() {
            return Ok(CommitteeReply::OnceMore);
        }
        Ok(self.set_aside((no, vote), voter, Aside::Malformed, out))
    }

    pub(super) fn decide_absent(
        &self,
        to: ReplyTo,
        (name, voter): (&VoteId, &VoterId),
        officer: &Officer,
        out: &mut CommitteeDecision,
    ) {
        let answer = if officer.is_keeper {
            self.is_absent((name, voter), &officer.why, out)
        } else {
            self.named(name).and_then(|(_, vote)| {
                let (vote, proposer) = (name.clone(), vote.proposal.proposer.clone());
                Err(CommitteeRefusal::NotYours { vote, proposer })
            })
        };
        Self::answered(Asker::Reply(to), answer, out);
    }

    pub(super) fn is_absent(
        &self,
        (name, voter): (&VoteId, &VoterId),
        why: &str,
        out: &mut CommitteeDecision,
    ) -> Answered {
        let (no, vote) = self.named(name)?;
        self.voter(vote, voter)?;
        if !matches!(vote.phase, Phase::Voting { .. } | Phase::Mediating { .. }) {
            return Err(Self::not_now(vote));
        }
        if vote.aside.contains_key(voter) {
            return Ok(CommitteeReply::SetAside);
        }
        if let Some(seq) = newest(vote, voter) {
            return Err(CommitteeRefusal::HasVoted { voter: voter.clone(), seq });
        }
        Ok(self.set_aside((no, vote), voter, Aside::Absent { why: words(why) }, out))
    }

    /// Takes a voter for absent.
    pub(super) fn set_aside(
        &self,
        (no, vote): (VoteNo, &Vote),
        voter: &VoterId,
        why: Aside,
        out: &mut CommitteeDecision,
    ) -> CommitteeReply {
        out.event(CommitteeEvent::SetAside { vote: no, voter: voter.clone(), why });
        self.then_look(no, vote, vote.ballots.len().max(vote.sealed.len()), out);
        CommitteeReply::SetAside
    }
}
