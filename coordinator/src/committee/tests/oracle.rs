//! The answers of two independent libraries, held against ours.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::committee::{
    motion::{Cast, Motion},
    tally::{Ballot, Counting, Election, Kind, Method, Ranking, Vote, Weight},
};

const ELECTIONS: &str = include_str!("../../../../tests/oracles/voting/public.json");
const MOTIONS: &str = include_str!("../../../../tests/oracles/voting/motions_public.json");

#[derive(Deserialize)]
struct Elections {
    elections: Vec<Asked>,
}

#[derive(Deserialize)]
struct Asked {
    id: String,
    kind: Kind,
    family: String,
    candidates: Vec<String>,
    tie_break: Vec<usize>,
    seats: Option<usize>,
    ballots: Vec<Written>,
    expected: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Written {
    count: u64,
    #[serde(default)]
    weight: Weight,
    ranking: Option<Ranking>,
    approved: Option<Box<[u16]>>,
    scores: Option<Box<[u16]>>,
}

fn election(asked: &Asked) -> Election {
    let ballot = |written: &Written| Ballot {
        count: written.count,
        weight: written.weight,
        vote: match (&written.ranking, &written.approved, &written.scores) {
            (Some(ranking), _, _) => Vote::Ranking(ranking.clone()),
            (_, Some(approved), _) => Vote::Approved(approved.clone()),
            (_, _, scores) => Vote::Scores(scores.clone().unwrap()),
        },
    };
    let ballots = asked.ballots.iter().map(ballot).collect();
    let election = Election::new(&asked.id, (asked.kind, asked.candidates.len()), ballots);
    let election = election.unwrap().with_tie_break(asked.tie_break.clone()).unwrap();
    match asked.seats {
        Some(seats) => election.with_seats(seats).unwrap(),
        None => election,
    }
}

#[test]
fn every_election_is_counted_as_two_libraries_count_it() {
    let asked: Elections = serde_json::from_str(ELECTIONS).unwrap();
    let (mut right, mut wrong) = (0, Vec::new());
    for asked in &asked.elections {
        let election = election(asked);
        let counting = Counting::of(&election);
        for (name, expected) in &asked.expected {
            let method: Method = name.parse().unwrap();
            let answer = counting.answer(method);
            let got = answer.as_ref().map(|answer| serde_json::to_value(answer).unwrap());
            // An answer may say more than was asked, never something else.
            let agrees = got.as_ref().is_ok_and(|got| {
                expected.as_object().unwrap().iter().all(|(key, value)| got.get(key) == Some(value))
            });
            if agrees {
                right += 1;
            } else {
                let Asked { id, family, .. } = asked;
                wrong.push(format!("{id} {name} ({family}): want {expected}, got {got:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!((asked.elections.len(), right), (100, 2_133));
}

#[derive(Deserialize)]
struct Motions {
    motions: Vec<Moved>,
}

#[derive(Deserialize)]
struct Moved {
    id: String,
    fraction: Option<Value>,
    rule: String,
    ballots: Value,
    #[serde(default)]
    delegations: Option<Value>,
    expected: Value,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[test]
fn every_motion_ends_as_its_rules_say() {
    let moved: Motions = serde_json::from_str(MOTIONS).unwrap();
    let mut wrong = Vec::new();
    for moved in &moved.motions {
        let mut written = serde_json::to_value(&moved.rest).unwrap();
        written["rule"] = moved.rule.clone().into();
        if let Some(fraction) = &moved.fraction {
            written["fraction"] = fraction.clone();
        }
        let motion: Motion = serde_json::from_value(written).unwrap();
        let delegations = moved.delegations.clone().unwrap_or_else(|| serde_json::json!({}));
        let cast = serde_json::json!({ "ballots": moved.ballots, "delegations": delegations });
        let cast: Cast = serde_json::from_value(cast).unwrap();
        let got = serde_json::json!({
            "at_deadline": motion.at_deadline(&cast),
            "settled_now": motion.settled_now(&cast),
            "effective": motion.effective(&cast),
        });
        if got != moved.expected {
            wrong.push(format!("{}: want {}\n got {got}", moved.id, moved.expected));
        }
    }
    assert_eq!(moved.motions.len(), 60);
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
