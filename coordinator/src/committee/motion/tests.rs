use std::collections::BTreeSet;

use super::*;
use crate::committee::tests::draws::Draws;

const ALL: [MotionBallot; 4] =
    [MotionBallot::Yes, MotionBallot::No, MotionBallot::Abstain, MotionBallot::Veto];

fn exact(text: &str) -> Exact {
    text.parse().unwrap()
}

fn motion(rule: MotionRule, weights: &[(&str, &str)]) -> Motion {
    Motion {
        voters: weights.iter().map(|(name, weight)| ((*name).to_owned(), exact(weight))).collect(),
        rule,
        base: Base::Cast,
        quorum: exact("1/2"),
        quorum_of: QuorumOf::Weight,
        veto_holders: BTreeSet::new(),
        delegations_max: None,
    }
}

fn cast(ballots: &[(&str, MotionBallot)], delegations: &[(&str, &str)]) -> Cast {
    let name = |name: &str| name.to_owned();
    Cast {
        ballots: ballots.iter().map(|(voter, ballot)| (name(voter), *ballot)).collect(),
        delegations: delegations.iter().map(|(from, to)| (name(from), name(to))).collect(),
    }
}

/// Every outcome that the missing ballots can still lead to, by trying them all.
fn by_trying(motion: &Motion, cast: &Cast) -> BTreeSet<MotionOutcome> {
    let missing: Vec<&String> =
        motion.voters.keys().filter(|voter| !cast.ballots.contains_key(*voter)).collect();
    let ways = 5_usize.pow(u32::try_from(missing.len()).unwrap());
    let one_way = |mut way: usize| {
        let mut all = cast.clone();
        for voter in &missing {
            if let Some(ballot) = ALL.get(way % 5) {
                all.ballots.insert((*voter).clone(), *ballot);
            }
            way /= 5;
        }
        motion.at_deadline(&all).outcome
    };
    (0..ways).map(one_way).collect()
}

fn any(draws: &mut Draws) -> (Motion, Cast) {
    let names = ["a", "b", "c", "d"];
    let names = &names[..2 + draws.below(3)];
    let weights: Vec<(&str, &str)> = names
        .iter()
        .map(|name| (*name, draws.one_of(&["1", "1", "2", "1/3", "0", "7/2"])))
        .collect();
    let rule = match draws.below(4) {
        0 => MotionRule::Majority,
        1 => MotionRule::Unanimity,
        2 => MotionRule::Consent,
        _ => {
            let fraction = exact(draws.one_of(&["2/3", "1/2", "3/4", "1", "1/10"]));
            MotionRule::Supermajority { fraction }
        }
    };
    let mut motion = motion(rule, &weights);
    motion.base = draws.one_of(&[Base::Cast, Base::Present, Base::Electorate]);
    motion.quorum = exact(draws.one_of(&["0", "1/2", "3/5", "1"]));
    motion.quorum_of = draws.one_of(&[QuorumOf::Weight, QuorumOf::Members]);
    motion.delegations_max = draws.one_of(&[None, None, Some(1)]);
    if draws.below(4) == 0 {
        motion.veto_holders.insert(draws.one_of(names).to_owned());
    }
    let mut cast = Cast::default();
    for name in names {
        match draws.below(3) {
            0 => drop(cast.ballots.insert((*name).to_owned(), draws.one_of(&ALL))),
            1 => drop(cast.delegations.insert((*name).to_owned(), draws.one_of(names).to_owned())),
            _ => {}
        }
    }
    (motion, cast)
}

#[test]
fn settled_is_what_trying_every_ballot_comes_to() {
    let mut draws = Draws(7);
    let (mut settled, mut open) = (0, 0);
    for _ in 0..500 {
        let (motion, cast) = any(&mut draws);
        let possible = by_trying(&motion, &cast);
        let only = (possible.len() == 1).then(|| *possible.iter().next().unwrap());
        assert_eq!(motion.settled_now(&cast), only, "{motion:?}\n{cast:?}\n{possible:?}");
        if only.is_some() { settled += 1 } else { open += 1 }
    }
    assert!(settled > 60 && open > 60, "{settled} settled, {open} open: this proves little");
}

#[test]
fn a_delegation_is_followed_to_its_end_and_no_further_than_its_bound() {
    let voters = [("a", "1"), ("b", "1"), ("c", "1"), ("d", "1"), ("e", "1")];
    let mut motion = motion(MotionRule::Majority, &voters);
    let chain = cast(
        &[("c", MotionBallot::Yes)],
        &[("a", "b"), ("b", "c"), ("d", "e"), ("e", "d"), ("c", "d")],
    );
    let present = |motion: &Motion| motion.at_deadline(&chain).yes.to_string();
    assert_eq!(present(&motion), "3", "c speaks for b, and through b for a; d and e are absent");
    motion.delegations_max = Some(1);
    assert_eq!(present(&motion), "2");
    motion.delegations_max = Some(0);
    assert_eq!(present(&motion), "1");
    let own = cast(&[("a", MotionBallot::No), ("c", MotionBallot::Yes)], &[("a", "c")]);
    assert_eq!(motion.effective(&own)["a"], Some(MotionBallot::No), "an own ballot beats it");
}

#[test]
fn a_long_chain_of_delegations_costs_no_more_than_its_length() {
    let names: Vec<String> = (0..20_000).map(|number| format!("v{number:05}")).collect();
    let weights: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let motion = motion(MotionRule::Unanimity, &weights);
    let delegations: Vec<(&str, &str)> =
        names.windows(2).map(|two| (two[0].as_str(), two[1].as_str())).collect();
    let all = cast(&[("v19999", MotionBallot::Yes)], &delegations);
    assert_eq!(motion.at_deadline(&all).yes, Exact::whole(20_000));
}

#[test]
fn only_a_holder_s_own_veto_blocks() {
    let mut motion = motion(MotionRule::Majority, &[("a", "1"), ("b", "1"), ("c", "1")]);
    motion.veto_holders.insert("a".to_owned());
    let (yes, veto) = (MotionBallot::Yes, MotionBallot::Veto);
    let outcome = |cast: &Cast| motion.at_deadline(cast).outcome;
    assert_eq!(outcome(&cast(&[("a", veto)], &[])), MotionOutcome::Vetoed, "quorum or not");
    assert_eq!(outcome(&cast(&[("a", yes), ("b", veto), ("c", yes)], &[])), MotionOutcome::Passed);
    // A holder who delegates to one who vetoes says no, and no more.
    let delegated = cast(&[("b", veto), ("c", yes)], &[("a", "b")]);
    assert_eq!(motion.effective(&delegated)["a"], Some(MotionBallot::No));
    assert_eq!(outcome(&delegated), MotionOutcome::Failed);
}

#[test]
fn a_majority_is_more_than_half_and_two_thirds_are_reached_when_met() {
    let voters = [("a", "1"), ("b", "1"), ("c", "1"), ("d", "1")];
    let (yes, no, abstain) = (MotionBallot::Yes, MotionBallot::No, MotionBallot::Abstain);
    let tie = cast(&[("a", yes), ("b", yes), ("c", no), ("d", no)], &[]);
    let majority = motion(MotionRule::Majority, &voters);
    assert_eq!(majority.at_deadline(&tie).outcome, MotionOutcome::Failed);
    let two_thirds = MotionRule::Supermajority { fraction: exact("2/3") };
    let mut motion = motion(two_thirds, &voters);
    let met = cast(&[("a", yes), ("b", yes), ("c", no), ("d", abstain)], &[]);
    assert_eq!(motion.at_deadline(&met).outcome, MotionOutcome::Passed);
    motion.base = Base::Present;
    assert_eq!(motion.at_deadline(&met).outcome, MotionOutcome::Failed);
}

#[test]
fn silence_consents_where_a_quorum_allows_it() {
    let mut motion = motion(MotionRule::Consent, &[("a", "1"), ("b", "1"), ("c", "1")]);
    motion.quorum = exact("0");
    assert_eq!(motion.at_deadline(&Cast::default()).outcome, MotionOutcome::Passed);
    assert_eq!(motion.settled_now(&Cast::default()), None, "anybody may yet object");
    let objected = cast(&[("b", MotionBallot::No)], &[]);
    assert_eq!(motion.settled_now(&objected), Some(MotionOutcome::Failed));
}

#[test]
fn a_motion_reads_back_as_it_was_stored() {
    let (motion, cast) = any(&mut Draws(3));
    let json = serde_json::to_string(&(&motion, &cast)).unwrap();
    assert_eq!(serde_json::from_str::<(Motion, Cast)>(&json).unwrap(), (motion, cast));
}
