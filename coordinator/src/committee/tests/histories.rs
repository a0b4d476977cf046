//! Random histories of a vote against a simple model of it.

use std::collections::{BTreeMap, BTreeSet};

use orkestra_runtime::id::{VoteId, VoteNo, VoterId};
use proptest::prelude::*;

use super::script::{Script, keeper, key, keyed, option, options, vote, voter};
use crate::committee::{
    Ballot, Casting, CommitteeCommand, CommitteeEvent, CommitteeReply, Content, Decision, Digest,
    Ladder, Mediation, Member, Proposal, Question, Recount, Ruling, Rung, Scope, Sealing, Signed,
    TieWay,
    consensus::{ClassicMethod, ClassicRule},
    motion::{Base, MotionRule, QuorumOf},
    sign,
    state::Phase,
    tally::{Exact, Kind, Method},
};

/// Voters; the first two have keys.
const VOTERS: [&str; 5] = ["ann", "ben", "cem", "dot", "eve"];
const KEYED: u8 = 2;
const OPTIONS: [&str; 4] = ["a", "b", "c", "d"];

#[derive(Clone, Debug)]
enum Act {
    Cast { who: usize, seq: u64, says: u8, proof: Proof },
    Commit { who: usize, seq: u64, says: u8, proof: Proof },
    Reveal { who: usize, seq: u64, says: u8, proof: Proof },
    Malformed { who: usize },
    Absent { who: usize },
    Close,
    Withdraw,
    Mediate,
    Rule,
    Wait { ms: u64 },
    TakeOver,
}

/// What a ballot is signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    /// As the voter should, or nothing where it has no key.
    Right,
    /// By another key.
    Forged,
    /// For another round.
    Replayed,
    None,
}

fn act() -> impl Strategy<Value = Act> {
    let proof = prop_oneof![
        12 => Just(Proof::Right), 1 => Just(Proof::Forged), 1 => Just(Proof::Replayed),
        1 => Just(Proof::None),
    ];
    // Few numbers and few things to say, so that they meet.
    let cast = (0..VOTERS.len(), prop_oneof![8 => Just(1_u64), 2 => 2..4_u64], 0..6_u8, proof);
    prop_oneof![
        20 => cast.clone().prop_map(|(who, seq, says, proof)| Act::Cast { who, seq, says, proof }),
        6 => cast.clone().prop_map(|(who, seq, says, proof)| Act::Commit { who, seq, says, proof }),
        8 => cast.prop_map(|(who, seq, says, proof)| Act::Reveal { who, seq, says, proof }),
        1 => (0..VOTERS.len()).prop_map(|who| Act::Malformed { who }),
        1 => (0..VOTERS.len()).prop_map(|who| Act::Absent { who }),
        1 => Just(Act::Close),
        1 => prop_oneof![1 => Just(Act::Withdraw), 9 => Just(Act::TakeOver)],
        2 => Just(Act::Mediate),
        1 => Just(Act::Rule),
        3 => (1..12_000_u64).prop_map(|ms| Act::Wait { ms }),
    ]
}

fn question() -> impl Strategy<Value = Question> {
    let rules = prop_oneof![
        Just(MotionRule::Majority),
        Just(MotionRule::Unanimity),
        Just(MotionRule::Consent),
    ];
    let motion =
        (rules, prop_oneof![Just("0"), Just("1/2"), Just("1")]).prop_map(|(rule, quorum)| {
            Question::Motion {
                rule,
                base: Base::Cast,
                quorum: quorum.parse().unwrap(),
                quorum_of: QuorumOf::Weight,
                delegations_max: 2,
            }
        });
    let classic = prop_oneof![
        Just(ClassicMethod::Unanimous),
        Just(ClassicMethod::supermajority()),
        Just(ClassicMethod::Majority),
        Just(ClassicMethod::Plurality),
        Just(ClassicMethod::RankedChoice),
        Just(ClassicMethod::weighted()),
    ];
    let classic = classic.prop_map(|method| Question::Classic(ClassicRule::of(method)));
    let elections = prop_oneof![
        Just((Kind::Ranked, Method::Schulze, None)),
        Just((Kind::Ranked, Method::AbsoluteMajority, None)),
        Just((Kind::RankedWeak, Method::CondorcetWinner, None)),
        Just((Kind::Ranked, Method::StvScottish, Some(2))),
        Just((Kind::Approval, Method::Approval, None)),
        Just((Kind::Approval, Method::EqualShares, Some(2))),
        Just((Kind::Score, Method::Star, None)),
        Just((Kind::Single, Method::Plurality, None)),
    ];
    let election = elections.prop_map(|(kind, method, seats)| Question::Election {
        kind,
        method,
        seats,
        score_max: 5,
        quorum: Exact::ratio(1, 2).unwrap(),
        quorum_of: QuorumOf::Members,
        ahead_by: (kind == Kind::Single).then_some(2),
    });
    prop_oneof![2 => motion, 3 => classic, 3 => election]
}

fn ladder() -> impl Strategy<Value = Ladder> {
    let rungs =
        [Rung::Reask, Rung::Runoff, Rung::Approval, Rung::Compromise, Rung::Mediator, Rung::Person];
    let rungs = proptest::sample::subsequence(rungs.to_vec(), 0..=6).prop_shuffle();
    (rungs, 1..5_u32).prop_map(|(rungs, rounds_max)| Ladder {
        rungs,
        rounds_max,
        round_ms: Some(8_000),
        mediator: Some(voter("mia")),
        person: "paula".to_owned(),
        patience_ms: Some(9_000),
    })
}

fn asked() -> impl Strategy<Value = Proposal> {
    let ties = prop_oneof![
        Just(vec![]),
        Just(vec![TieWay::Expert, TieWay::Proposer]),
        Just(vec![TieWay::Lot]),
    ];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (question(), ladder(), ties, flags).prop_map(|(question, ladder, ties, flags)| {
        let (early, changeable, is_sealed) = flags;
        let is_ahead = matches!(question, Question::Election { ahead_by: Some(_), .. });
        let is_motion = question.is_motion();
        let member = |(number, name): (u8, &&str)| {
            let member = if number <= KEYED { keyed(number) } else { Member::default() };
            (voter(name), member)
        };
        let mut asked = Proposal {
            early,
            changeable: changeable && !is_ahead,
            sealed_ms: (is_sealed && !is_ahead).then_some(5_000),
            ladder,
            ties,
            electorate: (1..).zip(&VOTERS).map(member).collect(),
            ..Proposal::new(vote("v"), voter("ann"), question, 10_000)
        };
        if !is_motion {
            asked.options = options(&OPTIONS);
        }
        asked
    })
}

/// What a vote has in, said as simply as it can be.
#[derive(Clone, Debug, Default)]
struct Model {
    ballots: BTreeMap<VoterId, (u64, Ballot)>,
    sealed: BTreeMap<VoterId, (u64, Digest)>,
    aside: BTreeSet<VoterId>,
}

struct Pair {
    s: Script,
    models: BTreeMap<VoteNo, Model>,
}

impl Pair {
    fn new(asked: &Proposal) -> Self {
        let mut s = Script::new();
        s.open(asked);
        Self { s, models: BTreeMap::new() }
    }

    /// The last round.
    fn active(&self) -> (VoteNo, VoteId, Scope) {
        let (no, found) = self.s.committee().durable.votes.last_key_value().unwrap();
        (*no, found.proposal.id.clone(), found.scope(*no))
    }

    fn phase(&self) -> Phase {
        self.s.committee().durable.votes.last_key_value().unwrap().1.phase.clone()
    }

    /// Something that answers the question as it is asked now.
    fn content(&self, says: u8) -> Content {
        let (_, found) = self.s.committee().durable.votes.last_key_value().unwrap();
        let all = &found.proposal.options;
        let one = |at: usize| all[at % all.len()].id.clone();
        let says = usize::from(says);
        let rotated = || (0..all.len()).map(|at| one(at + says)).collect::<Vec<_>>();
        match &found.proposal.question {
            Question::Motion { .. } => match says {
                0 | 1 => Content::Yes,
                2 => Content::No,
                3 => Content::Veto,
                4 => Content::Abstain,
                _ => Content::Delegate(voter("cem")),
            },
            _ if says == 5 => Content::Abstain,
            Question::Classic(rule) if rule.method == ClassicMethod::RankedChoice => {
                Content::Ranking(rotated().into_iter().map(|one| vec![one]).collect())
            }
            Question::Classic(_) => Content::Choice(one(says)),
            Question::Election { kind, .. } => match kind {
                Kind::Ranked | Kind::RankedTruncated | Kind::RankedWeak => {
                    Content::Ranking(rotated().into_iter().map(|one| vec![one]).collect())
                }
                Kind::Approval => Content::Approved(rotated().into_iter().take(2).collect()),
                Kind::Score => {
                    let scored = (0..).zip(rotated()).map(|(score, one)| (one, score));
                    Content::Scores(scored.collect())
                }
                Kind::Single => Content::Choice(one(says)),
                Kind::Cumulative => Content::Points([(one(says), 5)].into()),
            },
        }
    }

    fn signed(who: usize, proof: Proof, bytes: &[u8], other: &[u8]) -> Option<Signed> {
        let number = u8::try_from(who + 1).unwrap();
        let by = |number: u8, bytes: &[u8]| {
            Some(Signed::unchecked(sign(&key(number).seed, bytes).unwrap()))
        };
        match proof {
            Proof::Right if number <= KEYED => by(number, bytes),
            Proof::Right | Proof::None => None,
            Proof::Forged => by(number + 7, bytes),
            Proof::Replayed => by(number, other),
        }
    }

    /// Whether the proof is that of the voter.
    fn is_proved(who: usize, proof: Proof) -> bool {
        match proof {
            Proof::Right => true,
            Proof::None => who >= usize::from(KEYED),
            Proof::Forged | Proof::Replayed => false,
        }
    }

    fn act(&mut self, act: &Act) {
        let (no, id, scope) = self.active();
        let other = Scope { round: scope.round + 1, ..scope.clone() };
        match act {
            Act::Cast { who, seq, says, proof } => {
                let ballot = Ballot { seq: *seq, ..Ballot::of(self.content(*says)) };
                let by = voter(VOTERS[*who]);
                let (bytes, else_bytes) = (scope.bytes(&by, &ballot), other.bytes(&by, &ballot));
                let signed = Self::signed(*who, *proof, &bytes, &else_bytes);
                let expected = self.expect_cast(no, (*who, *proof), &ballot, None);
                let casting = Box::new(Casting { vote: id, voter: by, ballot, signed });
                let told = self.s.ask(|to| CommitteeCommand::Cast { to, casting });
                assert_eq!(class(&told), expected, "{act:?}: {told:?}");
            }
            Act::Reveal { who, seq, says, proof } => {
                let ballot = Ballot { seq: *seq, ..Ballot::of(self.content(*says)) };
                let by = voter(VOTERS[*who]);
                let (bytes, else_bytes) = (scope.bytes(&by, &ballot), other.bytes(&by, &ballot));
                let signed = Self::signed(*who, *proof, &bytes, &else_bytes);
                let nonce = Digest([1; 32]);
                let sealed = scope.seal(&by, &nonce, &ballot);
                let expected = self.expect_cast(no, (*who, *proof), &ballot, Some(sealed));
                let casting = Box::new(Casting { vote: id, voter: by, ballot, signed });
                let told = self.s.ask(|to| CommitteeCommand::Reveal { to, casting, nonce });
                assert_eq!(class(&told), expected, "{act:?}: {told:?}");
            }
            Act::Commit { who, seq, says, proof } => {
                let ballot = Ballot { seq: *seq, ..Ballot::of(self.content(*says)) };
                let by = voter(VOTERS[*who]);
                let sealed = scope.seal(&by, &Digest([1; 32]), &ballot);
                let bytes = scope.sealed_bytes(&by, *seq, &sealed);
                let else_bytes = other.sealed_bytes(&by, *seq, &sealed);
                let signed = Self::signed(*who, *proof, &bytes, &else_bytes);
                let expected = self.expect_commit(no, (*who, *proof), *seq, sealed);
                let sealing = Sealing { vote: id, voter: by, seq: *seq, sealed, signed };
                let told = self.s.ask(|to| CommitteeCommand::Commit { to, sealing });
                assert_eq!(class(&told), expected, "{act:?}: {told:?}");
            }
            Act::Malformed { who } => {
                let (voter, why) = (voter(VOTERS[*who]), "junk".to_owned());
                let of = voter.clone();
                let told =
                    self.s.ask(|to| CommitteeCommand::Malformed { to, vote: id, voter, why });
                if told == CommitteeReply::SetAside {
                    self.models.entry(no).or_default().aside.insert(of);
                }
            }
            Act::Absent { who } => {
                let (voter, officer) = (voter(VOTERS[*who]), keeper());
                self.s.ask(|to| CommitteeCommand::Absent { to, vote: id, voter, officer });
            }
            Act::Close => {
                let officer = keeper();
                self.s.ask(|to| CommitteeCommand::Close { to, vote: vote("v"), officer });
            }
            Act::Withdraw => {
                let officer = keeper();
                self.s.ask(|to| CommitteeCommand::Withdraw { to, vote: vote("v"), officer });
            }
            Act::Mediate => {
                let is_motion = self
                    .s
                    .committee()
                    .durable
                    .votes
                    .values()
                    .next()
                    .unwrap()
                    .proposal
                    .options
                    .is_empty();
                let options = if is_motion { vec![] } else { options(&["new"]) };
                let mediation = Box::new(Mediation { note: "well".to_owned(), options });
                let (vote, by) = (vote("v"), voter("mia"));
                self.s.ask(|to| CommitteeCommand::Mediate { to, vote, by, mediation });
            }
            Act::Rule => {
                let (vote, ruling, officer) =
                    (vote("v"), Ruling::Choose(vec![option("a")]), keeper());
                self.s.ask(|to| CommitteeCommand::Decide { to, vote, ruling, officer });
            }
            Act::Wait { ms } => self.s.wait_ms(*ms),
            Act::TakeOver => self.s.take_over(),
        }
        self.follow();
    }

    /// Voters set aside stay so in later rounds.
    fn follow(&mut self) {
        let votes = &self.s.committee().durable.votes;
        for (no, found) in votes {
            if self.models.contains_key(no) {
                continue;
            }
            let before = found.climb.as_ref().and_then(|climb| self.models.get(&climb.from));
            let keyed = [voter("ann"), voter("ben")];
            // Only who has a key can be false; who answered with junk may answer better.
            let aside = before.map(|before| before.aside.clone()).unwrap_or_default();
            let aside = aside.into_iter().filter(|who| keyed.contains(who)).collect();
            self.models.insert(*no, Model { aside, ..Model::default() });
        }
    }

    fn expect_cast(
        &mut self,
        no: VoteNo,
        (who, proof): (usize, Proof),
        ballot: &Ballot,
        sealed: Option<Digest>,
    ) -> &'static str {
        let phase = self.phase();
        let found = &self.s.committee().durable.votes[&no].proposal;
        let (changeable, is_sealed) = (found.changeable, found.sealed_ms.is_some());
        let by = voter(VOTERS[who]);
        let model = self.models.entry(no).or_default();
        if !Self::is_proved(who, proof) {
            return "refused";
        }
        if model.ballots.get(&by).is_some_and(|(_, known)| known == ballot) {
            return "again";
        }
        if matches!(&ballot.content, Content::Delegate(to) if *to == by) {
            return "refused";
        }
        match phase {
            Phase::Voting { .. } if is_sealed || sealed.is_some() || model.aside.contains(&by) => {
                "refused"
            }
            Phase::Voting { .. } => {
                let known = model.ballots.get(&by).map(|(seq, _)| *seq);
                if known == Some(ballot.seq) && who < usize::from(KEYED) {
                    model.ballots.remove(&by);
                    model.aside.insert(by);
                    return "equivocated";
                }
                if known.is_some_and(|known| !changeable || known >= ballot.seq) {
                    return "refused";
                }
                model.ballots.insert(by, (ballot.seq, ballot.clone()));
                "in"
            }
            Phase::Revealing { .. } => {
                let is_it = sealed.is_some_and(|sealed| {
                    model.sealed.get(&by) == Some(&(ballot.seq, sealed))
                        && !model.aside.contains(&by)
                });
                if is_it {
                    model.ballots.insert(by, (ballot.seq, ballot.clone()));
                }
                if is_it { "in" } else { "refused" }
            }
            Phase::Mediating { .. }
            | Phase::Person { .. }
            | Phase::Counting { .. }
            | Phase::Decided { .. } => "refused",
        }
    }

    fn expect_commit(
        &mut self,
        no: VoteNo,
        (who, proof): (usize, Proof),
        seq: u64,
        sealed: Digest,
    ) -> &'static str {
        let phase = self.phase();
        let found = &self.s.committee().durable.votes[&no].proposal;
        let (changeable, is_sealed) = (found.changeable, found.sealed_ms.is_some());
        let by = voter(VOTERS[who]);
        let model = self.models.entry(no).or_default();
        if !Self::is_proved(who, proof) || !is_sealed {
            return "refused";
        }
        let known = model.sealed.get(&by).copied();
        if known == Some((seq, sealed)) {
            return "again";
        }
        if !matches!(phase, Phase::Voting { .. }) || model.aside.contains(&by) {
            return "refused";
        }
        if known.is_some_and(|(known, _)| known == seq) && who < usize::from(KEYED) {
            model.sealed.remove(&by);
            model.aside.insert(by);
            return "equivocated";
        }
        if known.is_some_and(|(known, _)| !changeable || known >= seq) {
            return "refused";
        }
        model.sealed.insert(by, (seq, sealed));
        "in"
    }

    /// What must hold when all is over.
    fn check(&mut self) {
        // Longer than all rounds can take together.
        self.s.wait_ms(400_000);
        self.follow();
        let votes = &self.s.committee().durable.votes;
        let (_, last) = votes.last_key_value().unwrap();
        let ladder = &last.proposal.ladder;
        assert!(last.outcome().unwrap().decision.is_final());
        assert!(
            votes.len() <= ladder.rounds_max as usize + 1 && votes.len() <= ladder.rungs.len() + 1
        );
        for (no, found) in votes {
            let outcome = found.outcome().unwrap();
            let is_last = found.proposal.id == last.proposal.id;
            assert_eq!(matches!(outcome.decision, Decision::Next { .. }), !is_last);
            let model = &self.models[no];
            assert_eq!(outcome.turnout.cast, model.ballots.len() as u64, "each once");
            let counted: BTreeMap<&VoterId, &Content> =
                model.ballots.iter().map(|(voter, (_, ballot))| (voter, &ballot.content)).collect();
            let kept: BTreeMap<&VoterId, Content> = found
                .ballots
                .iter()
                .map(|(voter, kept)| (voter, found.proposal.content(&kept.said)))
                .collect();
            assert!(kept.iter().all(|(voter, said)| counted.get(voter) == Some(&said)));
        }
        let mut closed = BTreeSet::new();
        for (number, _, event) in self.s.events() {
            let no = event.vote(number);
            match event {
                CommitteeEvent::Closed { .. } => drop(closed.insert(no)),
                CommitteeEvent::Cast { .. }
                | CommitteeEvent::Committed { .. }
                | CommitteeEvent::Equivocated { .. } => {
                    assert!(!closed.contains(&no), "nothing is taken after it was closed");
                }
                _ => {}
            }
        }
        self.recount();
        self.s.check_replay();
    }

    fn recount(&self) {
        let root = *self.s.committee().durable.votes.keys().next().unwrap();
        let mut again = Recount::of(root, true);
        for (number, at, event) in self.s.events() {
            again.hear(number, at, event);
        }
        let (rounds, difference) = again.finish();
        assert_eq!(difference, None);
        for round in rounds {
            let found = &self.s.committee().durable.votes[&round.number];
            assert_eq!(round.decision, found.outcome().map(|outcome| outcome.decision.clone()));
            assert_eq!(round.record, found.chain);
        }
    }
}

fn class(reply: &CommitteeReply) -> &'static str {
    match reply {
        CommitteeReply::Cast { existed: false, .. }
        | CommitteeReply::Committed { existed: false } => "in",
        CommitteeReply::Cast { existed: true, .. }
        | CommitteeReply::Committed { existed: true } => "again",
        CommitteeReply::Equivocated => "equivocated",
        CommitteeReply::Refused(_) => "refused",
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 5_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_everybody_counts_once_it_ends_and_a_recount_comes_to_the_same(
        asked in asked(),
        acts in proptest::collection::vec(act(), 1..50),
    ) {
        let mut pair = Pair::new(&asked);
        pair.follow();
        for act in &acts {
            pair.act(act);
        }
        pair.check();
    }
}
