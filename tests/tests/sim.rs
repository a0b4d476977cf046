//! The simulated shard, over many seeds.

use orkestra_tests::sim::{Plant, repeat, run};

const SEEDS: u64 = 400;

#[test]
fn whatever_goes_wrong_the_clients_books_hold_and_the_shard_comes_to_rest() {
    let mut total = [0; 7];
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
    }
    // Each kind of fault and of work really happened, and not by a hair.
    assert!(total.iter().all(|sum| *sum > SEEDS / 2), "{total:?}");
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
    for plant in Plant::ALL {
        let found = (0..SEEDS).find_map(|seed| run(seed, plant).err());
        assert!(found.is_some(), "{plant:?} is not found in {SEEDS} seeds");
        let found = found.unwrap_or_default();
        let stops = found.starts_with("idle") || found.starts_with("it does not come to rest");
        assert!(!stops, "{plant:?} only stops the world: {found}");
    }
}
