//! Finds out what a view shows.

use std::{ops::Bound, sync::Arc};

use orkestra_runtime::id::{VoteId, VoteNo, VoterId};

use super::{
    casting::newest,
    machine::{CommitteeMachine, Tally},
    outcome::Aside,
    proposal::{Member, bytes_of},
    state::{Phase, Vote},
    view::{
        BallotView, CommitteeAnswer, CommitteeGauges, CommitteeQuery, Page, PhaseView, ROWS_MAX,
        RecordView, VoteDetail, VoteView, VoterView,
    },
    weights::brier,
};

/// How many of those who have not voted are named.
const MISSING_MAX: usize = 100;
/// After so many bytes a page of ballots ends.
const PAGE_BYTES_MAX: usize = 256 * 1024;

impl Vote {
    /// What the vote does now.
    pub(super) const fn shown(&self) -> PhaseView {
        match self.phase {
            Phase::Voting { until } => PhaseView::Voting { until },
            Phase::Revealing { until, .. } => PhaseView::Revealing { until },
            Phase::Mediating { until } => PhaseView::Mediating { until },
            Phase::Person { until } => PhaseView::Person { until },
            Phase::Counting { .. } => PhaseView::Counting,
            Phase::Decided { .. } => PhaseView::Decided,
        }
    }
}

impl CommitteeMachine {
    /// Answers a question.
    pub fn answer(&self, query: &CommitteeQuery) -> CommitteeAnswer {
        match query {
            CommitteeQuery::List { before, open, limit } => {
                let to = before.map_or(Bound::Unbounded, Bound::Excluded);
                let votes = self.durable.votes.range((Bound::Unbounded, to)).rev();
                let shown = votes.filter(|(_, vote)| !*open || vote.outcome().is_none());
                let rows = shown.map(|(no, vote)| self.show(*no, vote));
                CommitteeAnswer::Votes(page(rows, *limit))
            }
            CommitteeQuery::Get(name) => {
                let found = self.durable.named(name);
                CommitteeAnswer::Vote(found.map(|(no, vote)| Box::new(self.detail(no, vote))))
            }
            CommitteeQuery::Ballots { vote, after, limit } => {
                let found = self.durable.named(vote);
                let page = found.map(|(_, vote)| ballots(vote, after.as_ref(), *limit));
                CommitteeAnswer::Ballots(page)
            }
            CommitteeQuery::Members { vote, after, limit } => {
                let found = self.durable.named(vote);
                let page = found.map(|(_, vote)| self.members_of(vote, after.as_ref(), *limit));
                CommitteeAnswer::Members(page)
            }
            CommitteeQuery::Voter { vote, voter } => {
                let found = self.durable.named(vote);
                let view = found.and_then(|(no, vote)| self.voter_view((no, vote), voter));
                CommitteeAnswer::Voter(view.map(Box::new))
            }
            CommitteeQuery::Waiting { voter, limit } => {
                let open = self.durable.deadlines.iter().filter_map(|(_, no)| {
                    let vote = self.durable.votes.get(no)?;
                    let member = self.durable.member(vote, voter)?;
                    may(vote, voter, member).then(|| self.show(*no, vote))
                });
                CommitteeAnswer::Votes(page(open, *limit))
            }
            CommitteeQuery::Minutes(name) => {
                let found = self.durable.named(name);
                CommitteeAnswer::Minutes(found.map(|(no, _)| self.minutes(no)))
            }
            CommitteeQuery::Records { domain, voters } => {
                let record = |voter: &VoterId| {
                    let found = self.durable.records.get(&(domain.clone(), voter.clone()));
                    let judged = found.map(|found| found.judged.clone()).unwrap_or_default();
                    RecordView { voter: voter.clone(), brier: brier(&judged), judged }
                };
                CommitteeAnswer::Records(voters.iter().take(ROWS_MAX).map(record).collect())
            }
            CommitteeQuery::Gauges => CommitteeAnswer::Gauges(self.gauges()),
        }
    }

    /// How many there are of what.
    pub fn gauges(&self) -> CommitteeGauges {
        let Tally { opened, cast, equivocated, concluded } = self.live.tally;
        CommitteeGauges {
            open: self.durable.deadlines.len() as u64,
            counting: self.durable.counting.len() as u64,
            decided: self.durable.decided,
            ballots: self.durable.ballots,
            reserved_bytes: self.durable.reserved,
            opened,
            cast,
            equivocated,
            concluded,
        }
    }

    fn name_of(&self, no: VoteNo, vote: &Vote) -> VoteId {
        self.durable.votes.get(&no).unwrap_or(vote).proposal.id.clone()
    }

    pub(super) fn show(&self, no: VoteNo, vote: &Vote) -> VoteView {
        let members = self.durable.rolls.get(&vote.roll).map_or(0, |roll| roll.members.len());
        let turnout = vote.outcome().map(|outcome| &outcome.turnout);
        let now = (members as u64, vote.ballots.len().max(vote.sealed.len()) as u64);
        let (eligible, cast) = turnout.map_or(now, |turnout| (turnout.eligible, turnout.cast));
        VoteView {
            vote: vote.proposal.id.clone(),
            number: no,
            title: vote.proposal.title.clone(),
            phase: vote.shown(),
            opened: vote.opened,
            round: vote.round(),
            rung: vote.rung(),
            root: self.name_of(vote.root, vote),
            eligible,
            cast,
            aside: vote.aside.len() as u64,
            decision: vote
                .outcome()
                .map(|outcome| outcome.decision.to_string())
                .unwrap_or_default(),
        }
    }

    fn detail(&self, no: VoteNo, vote: &Vote) -> VoteDetail {
        let members = self.durable.members(vote);
        let missing = members.iter().filter(|(voter, member)| may(vote, voter, member));
        let rounds = self.durable.rounds.get(&vote.root).into_iter().flatten();
        VoteDetail {
            view: self.show(no, vote),
            proposal: Arc::clone(&vote.proposal),
            scope: vote.scope(no),
            note: vote.note.clone(),
            missing: missing.take(MISSING_MAX).map(|(voter, _)| voter.clone()).collect(),
            outcome: vote.outcome().cloned(),
            rounds: rounds.map(|no| (self.name_of(*no, vote), *no)).collect(),
            record: vote.chain,
            last: vote.last,
        }
    }

    fn members_of(
        &self,
        vote: &Vote,
        after: Option<&VoterId>,
        limit: u64,
    ) -> Page<(VoterId, Member)> {
        let members = self.durable.members(vote);
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = members.range::<VoterId, _>((from, Bound::Unbounded));
        page(rows.map(|(voter, member)| (voter.clone(), member.clone())), limit)
    }

    fn voter_view(&self, (no, vote): (VoteNo, &Vote), voter: &VoterId) -> Option<VoterView> {
        let member = self.durable.member(vote, voter)?.clone();
        Some(VoterView {
            scope: vote.scope(no),
            phase: vote.shown(),
            sealed: vote.is_sealed(),
            newest: newest(vote, voter).unwrap_or(0),
            may: may(vote, voter, &member),
            aside: vote.aside.get(voter).cloned(),
            member,
        })
    }
}

/// Whether a voter is waited for: it can say something, and has not.
fn may(vote: &Vote, voter: &VoterId, _: &Member) -> bool {
    let is_aside = matches!(vote.aside.get(voter), Some(Aside::Equivocated | Aside::Malformed));
    match vote.phase {
        Phase::Voting { .. } => !is_aside && newest(vote, voter).is_none(),
        Phase::Revealing { .. } => {
            !is_aside && vote.sealed.contains_key(voter) && !vote.ballots.contains_key(voter)
        }
        Phase::Mediating { .. }
        | Phase::Person { .. }
        | Phase::Counting { .. }
        | Phase::Decided { .. } => false,
    }
}

fn ballots(vote: &Vote, after: Option<&VoterId>, limit: u64) -> Page<BallotView> {
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    let is_closed = !vote.is_open();
    let is_sealed = vote.is_sealed() && matches!(vote.phase, Phase::Voting { .. });
    let mut rows: Vec<BallotView> = Vec::new();
    let (mut bytes, mut more) = (0, false);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX).min(ROWS_MAX);
    let sealed = vote.sealed.range::<VoterId, _>((from, Bound::Unbounded));
    let hidden = sealed.filter(|(voter, _)| is_sealed || !vote.ballots.contains_key(*voter));
    let mut hidden = hidden.peekable();
    let mut open = vote.ballots.range::<VoterId, _>((from, Bound::Unbounded)).peekable();
    loop {
        let is_hidden = match (hidden.peek(), open.peek()) {
            (None, None) => break,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some((a, _)), Some((b, _))) => a < b,
        };
        if rows.len() >= limit || bytes > PAGE_BYTES_MAX {
            more = true;
            break;
        }
        let row = if is_hidden {
            hidden.next().map(|(voter, kept)| BallotView {
                voter: voter.clone(),
                seq: kept.seq,
                hash: kept.hash,
                number: kept.number,
                at: kept.at,
                signed: kept.signed,
                sealed: true,
                replaced: 0,
                content: None,
                reason: String::new(),
            })
        } else {
            open.next().map(|(voter, kept)| BallotView {
                voter: voter.clone(),
                seq: kept.seq,
                hash: kept.hash,
                number: kept.number,
                at: kept.at,
                signed: kept.signed,
                sealed: false,
                replaced: kept.replaced,
                content: is_closed.then(|| vote.proposal.content(&kept.said)),
                reason: if is_closed { kept.reason.clone() } else { String::new() },
            })
        };
        if let Some(row) = row {
            bytes += bytes_of(&row);
            rows.push(row);
        }
    }
    Page { rows, more }
}

fn page<T>(mut rows: impl Iterator<Item = T>, limit: u64) -> Page<T> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX).min(ROWS_MAX);
    let taken = rows.by_ref().take(limit).collect();
    Page { rows: taken, more: rows.next().is_some() }
}
