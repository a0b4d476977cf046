//! Families of voters that are held to their share.

use std::collections::BTreeMap;

use num_rational::BigRational;
use num_traits::{One as _, Zero as _};
use proptest::prelude::*;

use super::script::{Script, choice, electorate, option, proposal, vote, voter};
use crate::committee::{
    CommitteeCommand, CommitteeRefusal, Decision, Electorate, Member, Proposal, ProposalFault,
    Question, Recount,
    consensus::ClassicMethod,
    families::hold,
    tally::{Exact, Weight},
};

fn members(of: &[(&str, u64, Option<&str>)]) -> Electorate {
    let member = |(name, weight, family): &(&str, u64, Option<&str>)| {
        let (weight, family) = (Weight::new(*weight, 1).unwrap(), family.map(str::to_owned));
        (voter(name), Member { weight, family, ..Member::default() })
    };
    of.iter().map(member).collect()
}

fn weights(members: &Electorate) -> Vec<String> {
    members.values().map(|member| member.weight.to_string()).collect()
}

/// What each family weighs, and all together.
fn shares(members: &Electorate) -> (BTreeMap<&str, BigRational>, BigRational) {
    let (mut families, mut all) = (BTreeMap::new(), BigRational::zero());
    for member in members.values() {
        let weight = member.weight.exact().0;
        if let Some(family) = &member.family {
            *families.entry(family.as_str()).or_insert_with(BigRational::zero) += &weight;
        }
        all += weight;
    }
    (families, all)
}

proptest! {
    #[test]
    fn no_family_weighs_more_than_its_share_and_nothing_is_taken_that_need_not_be(
        drawn in prop::collection::vec((0_u64..50, prop::option::of(0_u8..5)), 1..12),
        (p, q) in (1_u64..6, 1_u64..12),
    ) {
        prop_assume!(p <= q);
        let cap = Exact::ratio(p, q).unwrap();
        let before: Electorate = drawn.iter().enumerate().map(|(at, (weight, family))| {
            let family = family.map(|family| format!("f{family}"));
            let weight = Weight::new(*weight, 1).unwrap();
            (voter(&format!("v{at:02}")), Member { weight, family, ..Member::default() })
        }).collect();
        let mut after = before.clone();
        let (totals, all) = shares(&before);
        let weighty = totals.values().filter(|total| !total.is_zero()).count();
        let free = &all - totals.values().sum::<BigRational>();
        let is_few =
            free.is_zero() && BigRational::from_integer(weighty.into()) * &cap.0 < BigRational::one();
        let held = hold(&mut after, &cap);
        prop_assert_eq!(held.is_err(), is_few, "{:?}", held);
        if held.is_ok() {
            let (now, all) = shares(&after);
            for (family, total) in &now {
                prop_assert!(*total <= &cap.0 * &all, "{} weighs {} of {}", family, total, all);
                if total != &totals[family] {
                    prop_assert_eq!(total, &(&cap.0 * &all), "{} has less than it may", family);
                }
            }
            for (name, member) in &after {
                let given = before[name].weight;
                match member.given {
                    None => prop_assert_eq!(member.weight, given),
                    Some(was) => {
                        prop_assert_eq!(was, given);
                        prop_assert!(member.weight.exact() <= given.exact());
                    }
                }
                if member.family.is_none() {
                    prop_assert_eq!(member.given, None, "who is of no family keeps all");
                }
            }
            let mut again = after.clone();
            hold(&mut again, &cap).unwrap();
            prop_assert_eq!(again, after, "held again it is the same");
        }
    }
}

#[test]
fn members_of_a_family_lose_alike_and_what_is_left_is_exact() {
    let third = Exact::ratio(1, 3).unwrap();
    let mut all = members(&[
        ("a1", 4, Some("large")),
        ("a2", 2, Some("large")),
        ("b", 1, Some("small")),
        ("c", 1, None),
        ("d", 1, None),
    ]);
    hold(&mut all, &third).unwrap();
    // Three are not of it, and are two thirds: it has one half of three.
    assert_eq!(weights(&all), ["1", "1/2", "1", "1", "1"]);
    let mut three = members(&[("a", 5, Some("x")), ("b", 3, Some("y")), ("c", 1, Some("z"))]);
    hold(&mut three, &third).unwrap();
    assert_eq!(weights(&three), ["1", "1", "1"], "three with a third each are alike");
    let mut two = members(&[("a", 5, Some("x")), ("b", 3, Some("y")), ("c", 0, Some("z"))]);
    let fault = ProposalFault::FewFamilies { families: 2, cap: third.clone(), needed: 3 };
    assert_eq!(hold(&mut two, &third), Err(fault), "who weighs nothing fills nothing");
}

fn asked() -> Proposal {
    let question = Question::classic(ClassicMethod::Plurality);
    let electorate = members(&[
        ("a1", 1, Some("large")),
        ("a2", 1, Some("large")),
        ("a3", 1, Some("large")),
        ("b", 1, Some("small")),
        ("c", 1, None),
    ]);
    let family_cap = Exact::ratio(1, 3);
    Proposal { electorate, family_cap, ..proposal(question, &[], &["x", "y"]) }
}

#[test]
fn a_family_that_is_held_does_not_outvote_the_others_and_the_minutes_say_so() {
    let mut s = Script::new();
    let by_weight = Question::classic(ClassicMethod::weighted());
    s.open(&Proposal { question: by_weight, early: false, ..asked() });
    s.take_over();
    s.all(&[("a1", choice("x")), ("a2", choice("x")), ("a3", choice("x"))]);
    s.all(&[("b", choice("y")), ("c", choice("y"))]);
    assert_eq!(s.decision("v"), Decision::Chosen(vec![option("y")]));
    let (_, found) = s.committee().durable.named(&vote("v")).unwrap();
    let a1 = s.committee().durable.member(found, &voter("a1")).unwrap();
    assert_eq!((a1.weight, a1.given), (Weight::new(1, 3).unwrap(), Some(Weight::ONE)));
    let minutes = s.minutes("v").join("\n");
    let line = "no family weighs more than 1/3 of all: large weighs 1 instead of 3";
    assert!(minutes.contains(line), "{minutes}");
    let mut again = Recount::of(s.committee().durable.named(&vote("v")).unwrap().0, true);
    for (number, at, event) in s.events() {
        again.hear(number, at, event);
    }
    assert_eq!(again.finish().1, None);
    s.check_replay();
}

#[test]
fn who_was_enrolled_before_is_held_to_the_share_as_well() {
    let mut s = Script::new();
    let Proposal { electorate: all, .. } = asked();
    let v = vote("v");
    s.ask(|to| CommitteeCommand::Enrol { to, vote: v, members: all });
    s.open(&Proposal { electorate: Electorate::new(), enrolled: 5, ..asked() });
    let (_, found) = s.committee().durable.named(&vote("v")).unwrap();
    assert_eq!(weights(&s.committee().durable.members(found)), ["1/3", "1/3", "1/3", "1", "1"]);
    s.check_replay();
}

#[test]
fn a_share_that_cannot_be_and_what_only_the_committee_says_are_refused() {
    let refused = |proposal: Proposal| {
        let mut s = Script::new();
        let proposal = Box::new(proposal);
        match s.refused(|to| CommitteeCommand::Open { to, proposal }) {
            CommitteeRefusal::Proposal { fault } => fault,
            other => panic!("{other:?}"),
        }
    };
    let fault = refused(Proposal { family_cap: Exact::ratio(3, 2), ..asked() });
    assert!(matches!(fault, ProposalFault::Part { .. }), "{fault}");
    let mut few = asked();
    few.electorate.remove(&voter("c"));
    let told = refused(few).to_string();
    assert!(told.contains("let voters of 3 families vote"), "{told}");
    let mut given = Proposal { electorate: electorate(&["ann"]), ..asked() };
    given.electorate.get_mut(&voter("ann")).unwrap().given = Some(Weight::ONE);
    assert_eq!(refused(given), ProposalFault::Given { voter: voter("ann") });
}
