//! What a voter said that is not asked twice: in later rounds it stands, as far as it can.
//!
//! A task says what it says once, in its outcome. When its vote goes on, what it said in the round
//! before is cast again, without the options that are gone; nothing is guessed about what is new. What
//! cannot be read as a ballot of the new round is an absence, with the reason.

use orkestra_runtime::id::{OptionId, VoteNo, VoterId};

use super::{
    ballot::{Ballot, Content},
    casting::{newest, words},
    command::Casting,
    decision::CommitteeDecision,
    machine::CommitteeMachine,
    outcome::Aside,
    proposal::Proposal,
    settings::REASON_BYTES_MAX,
    state::{Kept, Phase, Vote},
};

/// What the reason of a ballot begins with that stands from the round before.
const AS_BEFORE: &str = "as before";

impl CommitteeMachine {
    pub(super) fn decide_stand(&self, no: VoteNo, voter: &VoterId, out: &mut CommitteeDecision) {
        // A mediator speaks before anybody is asked, and a person is asked instead.
        let waits = |vote: &&Vote| {
            matches!(vote.phase, Phase::Voting { .. })
                && newest(vote, voter).is_none()
                && !vote.aside.contains_key(voter)
                && self.durable.member(vote, voter).is_some()
        };
        let Some(vote) = self.durable.votes.get(&no).filter(waits) else { return };
        let stands = self.stands(vote, voter).and_then(|ballot| {
            let (vote, voter, signed) = (vote.proposal.id.clone(), voter.clone(), None);
            let cast = self.cast(&Casting { vote, voter, ballot, signed }, None, out);
            cast.map(drop).map_err(|refusal| refusal.to_string())
        });
        if let Err(why) = stands {
            let why = format!("what its task said does not stand in this round: {why}");
            self.set_aside((no, vote), voter, Aside::Absent { why: words(&why) }, out);
        }
    }

    /// The ballot of the round before, as it is in this one; else why there is none.
    fn stands(&self, vote: &Vote, voter: &VoterId) -> Result<Ballot, String> {
        let before = vote.climb.as_ref().and_then(|climb| self.durable.votes.get(&climb.from));
        let found = before.and_then(|before| Some((before, before.ballots.get(voter)?)));
        let (before, kept) = found.ok_or("it had said nothing that counted")?;
        let content = left_of(before.proposal.content(&kept.said), &vote.proposal)
            .ok_or("nothing that it was for is left")?;
        let (reason, confidence) = (reason_of(kept), kept.confidence);
        Ok(Ballot { reason, confidence, ..Ballot::of(content) })
    }
}

/// What is said of the options that are left; none where nothing is.
fn left_of(content: Content, now: &Proposal) -> Option<Content> {
    let is_left = |option: &OptionId| now.place(option).is_some();
    Some(match content {
        Content::Yes | Content::No | Content::Abstain | Content::Veto | Content::Delegate(_) => {
            content
        }
        Content::Choice(option) => Content::Choice(Some(option).filter(is_left)?),
        Content::Ranking(mut groups) => {
            groups.iter_mut().for_each(|group| group.retain(is_left));
            groups.retain(|group| !group.is_empty());
            (!groups.is_empty()).then_some(Content::Ranking(groups))?
        }
        // To live with none of those that are left is said as well.
        Content::Approved(mut options) => {
            options.retain(is_left);
            Content::Approved(options)
        }
        Content::Scores(mut given) => {
            given.retain(|option, _| is_left(option));
            (!given.is_empty()).then_some(Content::Scores(given))?
        }
        Content::Points(mut given) => {
            given.retain(|option, points| *points > 0 && is_left(option));
            (!given.is_empty()).then_some(Content::Points(given))?
        }
    })
}

/// The reason of a ballot that stands: it says so, and what was said.
fn reason_of(kept: &Kept) -> String {
    let before = kept.reason.as_str();
    if before.starts_with(AS_BEFORE) {
        return before.to_owned();
    }
    let mut reason = match before {
        "" => AS_BEFORE.to_owned(),
        before => format!("{AS_BEFORE}: {before}"),
    };
    while reason.len() > REASON_BYTES_MAX {
        reason.pop();
    }
    reason
}
