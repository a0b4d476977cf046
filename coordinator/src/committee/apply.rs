//! Folds events into state: structural consequences only, nothing is chosen here.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use orkestra_runtime::{
    id::{Number, VoteId, VoteNo, VoterId},
    time::Wall,
};

use super::{
    ballot::Ballot,
    command::Truth,
    digest::Digest,
    event::{BEGINNING, Climb, CommitteeEvent},
    machine::CommitteeMachine,
    officers::mediated,
    outcome::Aside,
    proposal::{Electorate, Proposal, Rung, Said},
    settings::{PAIRS_MAX, PAIRS_MEMBERS_MAX, RECORDS_MAX, reserved},
    state::{Draft, Durable, Kept, Phase, Record, Roll, Sealed, Vote},
    weights::Judged,
};

/// What is said of a vote when it is opened, beside its proposal.
struct Opened<'a> {
    realm: &'a str,
    until: Wall,
    sent: Digest,
    climb: Option<&'a Climb>,
    number: Number,
    at: Wall,
}

impl CommitteeMachine {
    /// Changes durable state.
    pub fn apply(&mut self, number: Number, at: Wall, event: &CommitteeEvent) {
        match event {
            CommitteeEvent::Enrolled { vote, members } => {
                let drafts = &mut self.durable.drafts;
                let draft = drafts.entry(vote.clone()).or_insert_with(|| Draft {
                    members: Arc::default(),
                    since: at,
                    chain: BEGINNING,
                });
                let all = Arc::make_mut(&mut draft.members);
                all.extend(members.iter().map(|(voter, member)| (voter.clone(), member.clone())));
                draft.chain = event.link(&draft.chain, number, at);
            }
            CommitteeEvent::Opened { proposal, realm, until, sent, climb, .. } => {
                let (climb, sent) = (climb.as_ref(), *sent);
                let opened = Opened { realm, until: *until, sent, climb, number, at };
                self.opened(proposal, &opened);
            }
            CommitteeEvent::Judged { vote, truth, many, .. } => {
                self.judged((*vote, number), truth, *many);
            }
            CommitteeEvent::Forgotten { ballots, votes, drafts } => {
                self.forgotten(ballots, votes, drafts);
            }
            CommitteeEvent::Cast { .. }
            | CommitteeEvent::Committed { .. }
            | CommitteeEvent::Equivocated { .. }
            | CommitteeEvent::Late { .. }
            | CommitteeEvent::Malformed { .. }
            | CommitteeEvent::SetAside { .. } => self.heard((number, at), event),
            CommitteeEvent::Unsealing { vote, why, until } => {
                let phase = Phase::Revealing { why: why.clone(), until: *until };
                self.changed(*vote, |vote| vote.phase = phase);
            }
            CommitteeEvent::Mediated { vote, note, options, until, .. } => {
                let phase = Phase::Voting { until: *until };
                self.changed(*vote, |vote| {
                    vote.phase = phase;
                    vote.heard = vote.heard.map(|_| at);
                    vote.note.clone_from(note);
                    vote.proposal = Arc::new(mediated(&vote.proposal, options));
                });
            }
            CommitteeEvent::Closed { vote, why } => {
                let phase = Phase::Counting { why: why.clone() };
                self.changed(*vote, |vote| vote.phase = phase);
            }
            CommitteeEvent::Decided { vote, outcome } => {
                let phase = Phase::Decided { outcome: Arc::clone(outcome), at };
                self.changed(*vote, |vote| vote.phase = phase);
            }
        }
        // Last: what the event changed is not part of what it hashes.
        if let Some(vote) = event.vote(number).and_then(|no| self.durable.votes.get_mut(&no)) {
            vote.chain = event.link(&vote.chain, number, at);
            vote.last = number;
        }
    }

    /// What a voter said, or did not.
    fn heard(&mut self, (number, at): (Number, Wall), event: &CommitteeEvent) {
        match event {
            CommitteeEvent::Cast { vote, voter, ballot, hash, signature, .. } => {
                let signed = signature.is_some();
                if let Some(vote) = self.durable.votes.get_mut(vote) {
                    let shown = (*hash, signed);
                    let before = vote.ballots.len();
                    vote.cast(voter, ballot, shown, (number, at));
                    self.durable.ballots += (vote.ballots.len() - before) as u64;
                }
                self.moved(*vote, at);
            }
            CommitteeEvent::Committed { vote, voter, seq, sealed, signature } => {
                if let Some(vote) = self.durable.votes.get_mut(vote) {
                    let (seq, hash, signed) = (*seq, *sealed, signature.is_some());
                    let kept = Sealed { seq, hash, number, at, signed };
                    vote.aside.remove(voter);
                    let is_new = vote.sealed.insert(voter.clone(), kept).is_none();
                    self.durable.ballots += u64::from(is_new);
                }
                self.moved(*vote, at);
            }
            CommitteeEvent::Equivocated { vote, voter, .. } => {
                self.changed(*vote, |vote| {
                    Arc::make_mut(&mut vote.ballots).remove(voter);
                    vote.sealed.remove(voter);
                    vote.aside.insert(voter.clone(), Aside::Equivocated);
                });
            }
            CommitteeEvent::Late { vote, voter, .. } => {
                if let Some(vote) = self.durable.votes.get_mut(vote) {
                    vote.late.insert(voter.clone());
                }
            }
            CommitteeEvent::Malformed { vote, voter, .. } => {
                if let Some(vote) = self.durable.votes.get_mut(vote) {
                    vote.malformed.insert(voter.clone());
                }
            }
            CommitteeEvent::SetAside { vote, voter, why } => {
                if let Some(vote) = self.durable.votes.get_mut(vote) {
                    vote.aside.insert(voter.clone(), why.clone());
                }
            }
            // No other is about one voter.
            CommitteeEvent::Enrolled { .. }
            | CommitteeEvent::Opened { .. }
            | CommitteeEvent::Unsealing { .. }
            | CommitteeEvent::Mediated { .. }
            | CommitteeEvent::Closed { .. }
            | CommitteeEvent::Decided { .. }
            | CommitteeEvent::Judged { .. }
            | CommitteeEvent::Forgotten { .. } => {}
        }
    }

    /// Notes that a ballot came, in a vote that may stall.
    fn moved(&mut self, no: VoteNo, at: Wall) {
        if self.durable.votes.get(&no).is_some_and(|vote| vote.heard.is_some()) {
            self.changed(no, |vote| vote.heard = Some(at));
        }
    }

    /// Changes a vote in a way that what is known from votes depends on.
    fn changed(&mut self, no: VoteNo, change: impl FnOnce(&mut Vote)) {
        self.durable.unnote(no);
        if let Some(vote) = self.durable.votes.get_mut(&no) {
            change(vote);
        }
        self.durable.note(no);
    }

    fn opened(&mut self, proposal: &Arc<Proposal>, opened: &Opened<'_>) {
        let no = VoteNo(opened.number.0);
        let before = opened.climb.and_then(|climb| self.durable.votes.get(&climb.from));
        let (roll, root) = before.map_or((no, no), |before| (before.roll, before.root));
        // Who will not vote, and who was false, is not waited for in later rounds either.
        let stays = |(_, why): &(&VoterId, &Aside)| match why {
            Aside::Equivocated | Aside::Absent { .. } => true,
            Aside::Malformed => false,
        };
        let aside = before.into_iter().flat_map(|before| before.aside.iter()).filter(stays);
        let aside = aside.map(|(voter, why)| (voter.clone(), why.clone())).collect();
        let until = opened.until;
        let phase = match opened.climb.map(|climb| climb.rung) {
            Some(Rung::Mediator) => Phase::Mediating { until },
            Some(Rung::Person) => Phase::Person { until },
            Some(Rung::Reask | Rung::Runoff | Rung::Approval | Rung::Compromise) | None => {
                Phase::Voting { until }
            }
        };
        if roll == no {
            self.enrolled(no, proposal);
        }
        let bare = Proposal { electorate: Electorate::new(), ..(**proposal).clone() };
        let vote = Vote {
            proposal: Arc::new(bare),
            realm: opened.realm.to_owned(),
            opened: opened.at,
            sent: opened.sent,
            roll,
            root,
            climb: opened.climb.cloned(),
            phase,
            note: String::new(),
            ballots: Arc::default(),
            sealed: BTreeMap::new(),
            aside,
            malformed: BTreeSet::new(),
            late: BTreeSet::new(),
            heard: proposal.stalled_after_ms.map(|_| opened.at),
            reasons_bytes: 0,
            chain: BEGINNING,
            last: opened.number,
            truth: None,
            is_bare: false,
        };
        self.durable.votes.insert(no, vote);
        self.durable.note(no);
    }

    fn enrolled(&mut self, no: VoteNo, proposal: &Proposal) {
        let draft = self.durable.drafts.remove(&proposal.id);
        let is_enrolled = draft.is_some();
        let mut members = draft.map(|draft| draft.members).unwrap_or_default();
        let all = Arc::make_mut(&mut members);
        let named = proposal.electorate.iter();
        all.extend(named.map(|(voter, member)| (voter.clone(), member.clone())));
        // That it can be was looked at before it was opened.
        let _ = self.durable.weigh_all(all, proposal, is_enrolled);
        let reserved = reserved(members.len(), proposal.options.len());
        self.durable.rolls.insert(no, Roll { members, reserved });
    }

    fn judged(&mut self, (no, number): (VoteNo, Number), truth: &Truth, many: bool) {
        let Some(vote) = self.durable.votes.get_mut(&no) else { return };
        vote.truth = Some(truth.clone());
        let right: Vec<usize> = match truth {
            Truth::Motion(passes) => vec![usize::from(!passes)],
            Truth::Options(options) => {
                options.iter().filter_map(|option| vote.proposal.place(option)).collect()
            }
        };
        let domain = vote.proposal.domain.clone();
        let hits: Vec<(VoterId, Judged)> = vote
            .ballots
            .iter()
            .filter_map(|(voter, kept)| {
                let hit = is_hit(&kept.said, &right)?;
                let confidence = kept.confidence.map(super::tally::Weight::exact);
                Some((voter.clone(), Judged { hit, confidence }))
            })
            .collect();
        self.durable.pair(&hits);
        for (voter, judged) in hits {
            self.durable.remember((domain.clone(), voter), judged, (number, many));
        }
    }

    fn forgotten(&mut self, ballots: &[VoteNo], votes: &[VoteNo], drafts: &[VoteId]) {
        for no in ballots {
            self.changed(*no, |vote| {
                vote.is_bare = true;
                vote.ballots = Arc::default();
                vote.sealed.clear();
                vote.malformed.clear();
                vote.late.clear();
            });
            // What votes of a question have in common goes when all of them went.
            self.durable.forget_roll(*no);
        }
        for no in votes {
            self.durable.unnote(*no);
            self.durable.votes.remove(no);
            self.durable.rolls.remove(no);
        }
        for draft in drafts {
            self.durable.drafts.remove(draft);
        }
    }
}

/// Whether a ballot was for what was right; none where it was for nothing.
fn is_hit(said: &Said, right: &[usize]) -> Option<bool> {
    said.first().map(|first| right.contains(&first))
}

impl Vote {
    fn cast(
        &mut self,
        voter: &VoterId,
        ballot: &Ballot,
        (hash, signed): (Digest, bool),
        (number, at): (Number, Wall),
    ) {
        // It was read before it was written; what could not be read any more would abstain.
        let said = self.proposal.read(ballot).unwrap_or(Said::Election(None));
        // Nobody else has them while it is open, so nothing is copied.
        let ballots = Arc::make_mut(&mut self.ballots);
        let before = ballots.remove(voter);
        let less = before.as_ref().map_or(0, |before| before.reason.len() as u64);
        self.reasons_bytes = self.reasons_bytes.saturating_sub(less) + ballot.reason.len() as u64;
        let replaced = before.as_ref().map_or(0, |before| before.replaced + 1);
        let first = before.map(|before| before.first.unwrap_or(before.said));
        let kept = Kept {
            seq: ballot.seq,
            hash,
            number,
            at,
            signed,
            said,
            reason: ballot.reason.clone(),
            confidence: ballot.confidence,
            replaced,
            first,
        };
        self.aside.remove(voter);
        ballots.insert(voter.clone(), kept);
    }
}

impl Durable {
    /// Notes of every two how they did together.
    fn pair(&mut self, hits: &[(VoterId, Judged)]) {
        if hits.len() > PAIRS_MEMBERS_MAX {
            return;
        }
        for (at, (one, first)) in hits.iter().enumerate() {
            for (other, second) in &hits[at + 1..] {
                let pair = (one.clone(), other.clone());
                if self.pairs.len() >= PAIRS_MAX && !self.pairs.contains_key(&pair) {
                    continue;
                }
                let together = self.pairs.entry(pair).or_default();
                match (first.hit, second.hit) {
                    (true, true) => together.both_right += 1,
                    (false, false) => together.both_wrong += 1,
                    (true, false) => together.only_first += 1,
                    (false, true) => together.only_second += 1,
                }
            }
        }
    }

    fn remember(
        &mut self,
        whose: (String, VoterId),
        judged: Judged,
        (number, many): (Number, bool),
    ) {
        if self.records.len() >= RECORDS_MAX && !self.records.contains_key(&whose) {
            // One large vote does not make all others forgotten.
            if many {
                return;
            }
            // Who was judged longest ago is forgotten.
            let oldest = self.records.iter().min_by_key(|(_, record)| record.last);
            if let Some(oldest) = oldest.map(|(whose, _)| whose.clone()) {
                self.records.remove(&oldest);
            }
        }
        let record: &mut Record = self.records.entry(whose).or_default();
        record.remember(judged, number);
    }

    /// Forgets who might vote, when no vote of the question has ballots any more.
    fn forget_roll(&mut self, no: VoteNo) {
        let Some(roll) = self.votes.get(&no).map(|vote| vote.roll) else { return };
        let rounds = self.rounds.get(&roll).into_iter().flatten();
        let mut found = rounds.filter_map(|no| self.votes.get(no));
        if found.all(|vote| vote.is_bare)
            && let Some(roll) = self.rolls.get_mut(&roll)
        {
            roll.members = Arc::default();
        }
    }
}
