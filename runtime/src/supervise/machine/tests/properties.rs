//! What holds whatever happens: seeded histories of ends, failed starts, questions and time.

use std::time::Duration;

use super::world::{Actor, Does, World, child, plan};
use crate::{
    backoff::Backoff,
    chance::Chance,
    restart::Restart,
    supervise::{
        event::{Admin, ChildState, End},
        rules::{Shutdown, Strategy},
    },
};

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
const STRATEGIES: [Strategy; 3] = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];
const RESTARTS: [Restart; 3] = [Restart::Permanent, Restart::Transient, Restart::Temporary];
const INTENSITY: u32 = 6;

fn actor(chance: &mut Chance, name: &'static str, strategy: Strategy) -> Actor {
    let restart = *chance.pick(&RESTARTS).unwrap();
    let mut actor = child(name, restart);
    for n in 2..12 {
        if chance.per_mille(200) {
            let does = if chance.per_mille(700) { Does::Fail } else { Does::Linger };
            actor = actor.on_start([n], does);
        }
    }
    if chance.per_mille(300) {
        actor = actor.slow(chance.below(3_000) + 1);
    }
    actor.with(|rules| {
        rules.start_within = Some(Duration::from_millis(700));
        if chance.per_mille(400) {
            rules.backoff = Some(Backoff::default());
        }
        if chance.per_mille(200) {
            rules.shutdown = Shutdown::Brutal;
        }
        if chance.per_mille(200) {
            rules.drain_within = Some(Duration::from_millis(300));
        }
        if strategy == Strategy::OneForOne && chance.per_mille(300) {
            rules.attempts_max = Some(3);
        }
    })
}

fn live(world: &mut World, chance: &mut Chance) {
    let alive: Vec<String> = world.alive.keys().map(ToString::to_string).collect();
    let name = (*chance.pick(&NAMES).unwrap()).into();
    match chance.below(10) {
        0..5 => {
            let how = *chance.pick(&["boom", "normal", "kill", "shutdown"]).unwrap();
            if let Some(id) = chance.pick(&alive) {
                world.die(id, how);
            }
        }
        5 => drop(world.ask(Admin::Terminate(name))),
        6 => drop(world.ask(Admin::Restart(name))),
        7 => drop(world.ask(Admin::Delete(name))),
        _ => world.sleep(chance.below(2_000)),
    }
}

/// No window of the period holds more restarts than the supervisor bears; counted from the starts
/// that were carried out, by other books than the machine's own.
fn assert_intensity(again: &[u64], seed: u64) {
    for (n, began) in again.iter().enumerate() {
        let within = again[n..].iter().take_while(|at| **at - began <= 5_000).count();
        assert!(within <= INTENSITY as usize, "seed {seed}: {within} restarts from {began} ms");
    }
}

#[test]
fn whatever_happens_the_promises_hold_and_closing_comes_to_an_end() {
    let (mut restarts_seen, mut gave_up) = (0, 0);
    for seed in 0..400 {
        let chance = &mut Chance::from_seed(seed);
        let strategy = *chance.pick(&STRATEGIES).unwrap();
        let actors = NAMES.map(|name| actor(chance, name, strategy)).to_vec();
        // That there are never two incarnations of one child is asserted at each start.
        let mut world = World::new(plan(strategy, INTENSITY, 5), actors).unwrap();
        let opened: Vec<String> =
            NAMES.iter().map(|name| format!("{{started,{name},1}}")).collect();
        assert_eq!(world.trace, opened, "the first start is in order");
        for _ in 0..60 {
            if world.end.is_some() {
                break;
            }
            live(&mut world, chance);
        }
        if strategy == Strategy::OneForOne {
            assert_intensity(&world.again, seed);
        }
        restarts_seen += world.again.len();
        gave_up += usize::from(matches!(world.end, Some(End::GaveUp(_))));
        if world.end.is_none() {
            let before = world.trace.len();
            world.finish();
            assert_reverse(&world.trace[before..]);
        }
        assert!(world.alive.is_empty(), "seed {seed}: {:?} outlived their supervisor", world.alive);
        assert!(world.machine.is_closed());
        let states = world.states();
        assert!(states.iter().all(|(_, state)| *state != ChildState::Running), "seed {seed}");
    }
    assert!(
        restarts_seen > 1_000 && gave_up > 20 && gave_up < 380,
        "idle, and proves nothing: {restarts_seen} restarts, {gave_up} gave up"
    );
}

/// Names are in the order of their start, so stops tell them backwards.
fn assert_reverse(trace: &[String]) {
    let stopped: Vec<&str> = trace
        .iter()
        .filter_map(|line| line.strip_prefix("{stopped,"))
        .map(|rest| &rest[..1])
        .collect();
    let mut backwards = stopped.clone();
    backwards.sort_unstable();
    backwards.reverse();
    assert_eq!(stopped, backwards);
}

#[test]
fn two_runs_of_one_seed_are_equal() {
    let run = |seed| {
        let chance = &mut Chance::from_seed(seed);
        let actors = NAMES.map(|name| actor(chance, name, Strategy::RestForOne)).to_vec();
        let mut world = World::new(plan(Strategy::RestForOne, INTENSITY, 5), actors).unwrap();
        for _ in 0..60 {
            if world.end.is_none() {
                live(&mut world, chance);
            }
        }
        (world.trace, world.notes)
    };
    assert!((0..20).all(|seed| run(seed) == run(seed)));
}
