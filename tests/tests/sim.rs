//! The simulated shard, over many seeds; and a model of leases, in every order.

#[path = "sim/leases/mod.rs"]
mod leases;

use std::collections::BTreeMap;

use orkestra_tests::sim::{
    MUTANTS, NODE_MUTANTS, NodePlant, Plant, TEAM_MUTANTS, TeamPlant, repeat, run, run_nodes,
    run_team,
};

const SEEDS: u64 = 400;
const TEAM_SEEDS: u64 = 200;
const NODE_SEEDS: u64 = 60;

#[test]
fn whatever_goes_wrong_the_clients_books_hold_and_the_shard_comes_to_rest() {
    let mut total = [0; 7];
    let mut faults = BTreeMap::new();
    for seed in 0..SEEDS {
        let history = run(seed, Plant::Nothing)
            .unwrap_or_else(|fault| panic!("seed {seed}: {fault}\nrepeat: {}", repeat(seed)));
        let counts = [
            history.done,
            history.reads,
            history.restarts,
            history.crashes,
            history.parked,
            history.late,
            history.snapshots,
        ];
        total.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        for (kind, count) in history.faults {
            *faults.entry(kind).or_insert(0) += count;
        }
    }
    // Each kind of fault and of work really happened, and not by a hair.
    assert!(total.iter().all(|sum| *sum > SEEDS / 2), "{total:?}");
    assert_eq!(faults.len(), 9, "{faults:?}");
    assert!(faults.values().all(|count| *count > SEEDS / 2), "{faults:?}");
}

#[test]
fn a_seed_gives_the_same_history_again() {
    for seed in 0..20 {
        assert_eq!(run(seed, Plant::Nothing), run(seed, Plant::Nothing));
    }
    assert_ne!(run(1, Plant::Nothing), run(2, Plant::Nothing));
}

#[test]
fn every_planted_bug_is_found() {
    for (plant, promise) in MUTANTS {
        let found = (0..SEEDS).find_map(|seed| run(seed, plant).err());
        assert!(found.is_some(), "{plant:?} is not found in {SEEDS} seeds: {promise}");
        let found = found.unwrap_or_default();
        let stops = found.starts_with("idle") || found.starts_with("it does not come to rest");
        assert!(!stops, "{plant:?} only stops the world: {found}");
    }
}

#[test]
fn every_bug_that_can_be_planted_is_in_the_list_once() {
    for (index, (plant, promise)) in MUTANTS.iter().enumerate() {
        assert!(MUTANTS.iter().skip(index + 1).all(|(other, _)| other != plant), "{plant:?}");
        assert!(!promise.is_empty() && *plant != Plant::Nothing);
    }
    let source = include_str!("../src/sim/mutants.rs");
    let enums = source.split("pub enum ").skip(1).filter_map(|rest| rest.split_once("\n}"));
    let kinds = enums.flat_map(|(kinds, _)| kinds.lines());
    let kinds = kinds.filter(|line| line.ends_with(',') && !line.contains("///"));
    let listed = MUTANTS.len() + TEAM_MUTANTS.len() + 2;
    assert_eq!(kinds.count(), listed, "a bug that nobody plants");
}

#[test]
fn whatever_goes_wrong_in_a_team_every_task_ends_once_and_as_it_was_told() {
    let mut total = [0; 11];
    for seed in 0..TEAM_SEEDS {
        let history = run_team(seed, TeamPlant::Nothing)
            .unwrap_or_else(|fault| panic!("seed {seed} of the team: {fault}"));
        let counts = [
            history.attempts / 10,
            history.restarts,
            history.deaths,
            history.late,
            history.decided,
            history.refused,
            history.repeated,
            history.stops,
            history.opened,
            history.locked,
            history.stolen,
        ];
        total.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    assert!(total.iter().all(|sum| *sum > TEAM_SEEDS), "{total:?}");
    assert_eq!(run_team(3, TeamPlant::Nothing), run_team(3, TeamPlant::Nothing));
}

#[test]
fn every_bug_that_is_planted_in_a_team_is_found() {
    for (plant, promise) in TEAM_MUTANTS {
        let mut faults = (0..TEAM_SEEDS).filter_map(|seed| run_team(seed, plant).err());
        // That two replays differ shows no more than that one of them is bent.
        let tells = |fault: &String| {
            plant == TeamPlant::FailedTwice || !fault.starts_with("a replay on another machine")
        };
        let found = faults.find(tells);
        let found = found.unwrap_or_else(|| panic!("{plant:?} is not found: {promise}"));
        assert!(!found.starts_with("it does not come"), "{plant:?} only stops the world: {found}");
    }
}

#[test]
fn whatever_goes_wrong_between_nodes_one_of_them_leads_and_nothing_acknowledged_is_lost() {
    let mut total = [0; 5];
    let mut faults = BTreeMap::new();
    for seed in 0..NODE_SEEDS {
        let history = run_nodes(seed, NodePlant::Nothing)
            .unwrap_or_else(|fault| panic!("seed {seed} of nodes: {fault}"));
        let counts =
            [history.done, history.reads, history.reigns, history.hand_overs, history.lapsed];
        total.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        for (kind, count) in history.faults {
            *faults.entry(kind).or_insert(0) += count;
        }
    }
    assert!(total.iter().all(|sum| *sum > NODE_SEEDS / 2), "{total:?}");
    assert_eq!(faults.len(), 16, "{faults:?}");
    assert!(faults.values().all(|count| *count > NODE_SEEDS / 2), "{faults:?}");
    assert_eq!(run_nodes(3, NodePlant::Nothing), run_nodes(3, NodePlant::Nothing));
}

#[test]
fn every_bug_that_is_planted_between_nodes_is_found() {
    for (plant, promise) in NODE_MUTANTS {
        let found = (0..NODE_SEEDS).find_map(|seed| run_nodes(seed, plant).err());
        let found = found.unwrap_or_else(|| panic!("{plant:?} is not found: {promise}"));
        let stops = found.starts_with("idle") || found.starts_with("it does not come to rest");
        assert!(!stops, "{plant:?} only stops the world: {found}");
    }
}

#[test]
fn every_bug_between_nodes_is_in_the_list_once() {
    for (index, (plant, promise)) in NODE_MUTANTS.iter().enumerate() {
        assert!(NODE_MUTANTS.iter().skip(index + 1).all(|(other, _)| other != plant), "{plant:?}");
        assert!(!promise.is_empty() && *plant != NodePlant::Nothing);
    }
    let source = include_str!("../src/sim/nodes/plants.rs");
    let kinds = source.split_once("pub enum ").and_then(|(_, rest)| rest.split_once("\n}"));
    let kinds = kinds.map_or("", |(kinds, _)| kinds).lines();
    let kinds = kinds.filter(|line| line.ends_with(',') && !line.contains("///"));
    assert_eq!(kinds.count(), NODE_MUTANTS.len() + 1, "a bug that nobody plants");
}
