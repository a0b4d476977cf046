//! Opening votes: from there on, nothing about them changes.

use std::{sync::Arc, time::Duration};

use orkestra_runtime::{
    id::{VoteId, VoteNo, VoterId},
    machine::ReplyTo,
    time::Now,
};

use super::{
    decision::{CommitteeDecision, CommitteeNews, Told},
    digest::Digest,
    event::CommitteeEvent,
    machine::{Asker, CommitteeMachine},
    proposal::{Electorate, Proposal, ProposalFault, bytes_of, sound_members, sound_roll},
    refusal::{Bound, CommitteeRefusal},
    reply::CommitteeReply,
    settings::{self, DRAFTS_MAX, KEPT_BYTES_MAX, MEMBERS_MAX, OPEN_MAX, PROPOSAL_BYTES_MAX},
    state::{Draft, Durable},
};

impl CommitteeMachine {
    pub(super) fn decide_enrol(
        &self,
        to: ReplyTo,
        vote: &VoteId,
        members: &Electorate,
        out: &mut CommitteeDecision,
    ) {
        let answer = self.enrol(vote, members, out);
        Self::answered(Asker::Reply(to), answer, out);
    }

    fn enrol(
        &self,
        vote: &VoteId,
        members: &Electorate,
        out: &mut CommitteeDecision,
    ) -> Result<CommitteeReply, CommitteeRefusal> {
        if self.durable.names.contains_key(vote) {
            return Err(CommitteeRefusal::NameTaken { vote: vote.clone() });
        }
        let draft = self.durable.drafts.get(vote);
        if draft.is_none() && self.durable.drafts.len() >= DRAFTS_MAX {
            return Err(Bound::Drafts.refused());
        }
        let (bytes, max) = (bytes_of(members), PROPOSAL_BYTES_MAX);
        if bytes > max {
            let (bytes, max) = (bytes as u64, max as u64);
            return Err(ProposalFault::TooLarge { bytes, max }.into());
        }
        sound_members(members)?;
        let mut new = Electorate::new();
        for (voter, member) in members {
            match draft.and_then(|draft| draft.members.get(voter)) {
                None => drop(new.insert(voter.clone(), member.clone())),
                Some(known) if known == member => {}
                Some(_) => {
                    return Err(CommitteeRefusal::EnrolledOtherwise { voter: voter.clone() });
                }
            }
        }
        let all = draft.map_or(0, |draft| draft.members.len()) + new.len();
        if all > MEMBERS_MAX {
            return Err(Bound::Members.refused());
        }
        if !new.is_empty() {
            out.event(CommitteeEvent::Enrolled { vote: vote.clone(), members: Arc::new(new) });
        }
        Ok(CommitteeReply::Enrolled { members: all as u64 })
    }

    pub(super) fn decide_open(
        &self,
        now: Now,
        asker: Asker,
        proposal: &Proposal,
        out: &mut CommitteeDecision,
    ) {
        let mut proposal = proposal.clone();
        // Nobody else says which task waits.
        proposal.for_task = match asker {
            Asker::Task(task) => Some(task),
            Asker::Reply(_) => None,
        };
        let answer = self.open(now, proposal, out);
        if let (Asker::Task(task), Ok((vote, CommitteeReply::Opened { number, .. }))) =
            (asker, &answer)
        {
            let (vote, number) = (vote.clone(), *number);
            out.news.push(CommitteeNews::Opened { task, vote, number });
        }
        Self::answered(asker, answer.map(|(_, reply)| reply), out);
    }

    fn open(
        &self,
        now: Now,
        mut proposal: Proposal,
        out: &mut CommitteeDecision,
    ) -> Result<(VoteId, CommitteeReply), CommitteeRefusal> {
        let id = proposal.id.clone();
        let sent = sent(&proposal);
        if let Some((number, vote)) = self.durable.named(&id) {
            if vote.sent != sent {
                return Err(CommitteeRefusal::NameTaken { vote: id });
            }
            let until = vote.until().unwrap_or(now.wall);
            return Ok((id, CommitteeReply::Opened { number, until, existed: true }));
        }
        if self.durable.deadlines.len() + self.durable.counting.len() >= OPEN_MAX {
            return Err(Bound::Open.refused());
        }
        let draft = self.durable.drafts.get(&id);
        let enrolled = draft.map_or(0, |draft| draft.members.len());
        proposal.check(enrolled)?;
        if draft.is_none() {
            self.durable.weigh_named(&mut proposal);
        }
        self.check_roll(&proposal, draft)?;
        let members = proposal.electorate.len() + enrolled;
        let needs = settings::reserved(members, proposal.options.len());
        let left = KEPT_BYTES_MAX.saturating_sub(self.durable.reserved);
        if needs > left {
            return Err(CommitteeRefusal::NoRoom { needs, left });
        }
        let until = now.wall + Duration::from_millis(proposal.deadline_ms);
        let number = out.event(CommitteeEvent::Opened {
            proposal: Arc::new(proposal),
            realm: self.settings.realm.clone(),
            until,
            sent,
            enrolled: draft.map(|draft| (draft.members.len() as u64, draft.chain)),
            climb: None,
        });
        let number = VoteNo(number.0);
        out.tell((&id, number), Told::Opened);
        Ok((id, CommitteeReply::Opened { number, until, existed: false }))
    }
}

impl CommitteeMachine {
    /// Whether those whom a proposal names and those who were enrolled before can vote together.
    fn check_roll(
        &self,
        proposal: &Proposal,
        draft: Option<&Draft>,
    ) -> Result<(), CommitteeRefusal> {
        let named = proposal.electorate.iter();
        let drafted = draft.into_iter().flat_map(|draft| draft.members.iter());
        if let Some(draft) = draft
            && let Some((voter, _)) = named.clone().find(|(voter, member)| {
                draft.members.get(*voter).is_some_and(|known| known != *member)
            })
        {
            return Err(CommitteeRefusal::EnrolledOtherwise { voter: voter.clone() });
        }
        // Who is enrolled as well as named is one voter.
        let only = |(voter, _): &(&VoterId, _)| !proposal.electorate.contains_key(*voter);
        let all = named.chain(drafted.filter(only));
        sound_roll(all.clone())?;
        if Durable::weighs_more(proposal, draft.is_some()) {
            let mut members: Electorate =
                all.map(|(voter, member)| (voter.clone(), member.clone())).collect();
            self.durable.weigh_all(&mut members, proposal, draft.is_some())?;
            sound_roll(members.iter())?;
        }
        Ok(())
    }
}

/// The hash of a proposal as it was sent.
fn sent(proposal: &Proposal) -> Digest {
    // What cannot be written cannot have been read.
    Digest::of(&serde_json::to_vec(proposal).unwrap_or_default())
}
