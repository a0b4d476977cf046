//! What may happen to a vote, and what votes there may be.

use proptest::prelude::*;

use super::script::{keyed, options, vote, voter};
use crate::committee::{
    Ladder, Member, Proposal, Question, Rung, TieWay,
    consensus::{ClassicMethod, ClassicRule},
    motion::{Base, MotionRule, QuorumOf},
    tally::{Exact, Kind, Method},
};

/// Voters; the first two have keys.
pub(super) const VOTERS: [&str; 5] = ["ann", "ben", "cem", "dot", "eve"];
pub(super) const KEYED: u8 = 2;
pub(super) const OPTIONS: [&str; 4] = ["a", "b", "c", "d"];

#[derive(Clone, Debug)]
pub(super) enum Act {
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
pub(super) enum Proof {
    /// As the voter should, or nothing where it has no key.
    Right,
    /// By another key.
    Forged,
    /// For another round.
    Replayed,
    None,
}

pub(super) fn act() -> impl Strategy<Value = Act> {
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

pub(super) fn question() -> impl Strategy<Value = Question> {
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

pub(super) fn ladder() -> impl Strategy<Value = Ladder> {
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

pub(super) fn asked() -> impl Strategy<Value = Proposal> {
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
