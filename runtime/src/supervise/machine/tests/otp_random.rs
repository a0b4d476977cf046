//! Four hundred random scenarios, as real OTP played them.

use super::{
    oracle::shown,
    world::{Actor, Does, World, child, plan},
};
use crate::{
    restart::Restart,
    supervise::rules::{Plan, Strategy},
};

const PLAYED: &str = include_str!("../../../../tests-data/otp_random.txt");

fn flags(header: &str) -> Plan {
    let words: Vec<&str> = header.split(' ').collect();
    let strategy = match words[1] {
        "one_for_one" => Strategy::OneForOne,
        "one_for_all" => Strategy::OneForAll,
        "rest_for_one" => Strategy::RestForOne,
        word => panic!("no strategy is called {word:?}"),
    };
    plan(strategy, words[2].parse().unwrap(), 60)
}

fn actor(line: &'static str) -> Actor {
    let words: Vec<&'static str> = line.split(' ').collect();
    let restart = match words[1] {
        "permanent" => Restart::Permanent,
        "transient" => Restart::Transient,
        "temporary" => Restart::Temporary,
        word => panic!("no restart is called {word:?}"),
    };
    let fails = words[2..].iter().map(|n| n.parse().unwrap());
    child(words[0], restart).on_start(fails, Does::Fail)
}

fn take(world: &mut World, step: &str) {
    let words: Vec<&str> = step.split(' ').collect();
    match words[..] {
        ["die", id, how] => {
            if world.alive.contains_key(id) {
                world.die(id, how);
            }
        }
        ["terminate", id] => world.terminate(id),
        ["restart", id] => world.restart(id),
        ["delete", id] => world.delete(id),
        ["which"] => world.which(),
        _ => panic!("no step is called {step:?}"),
    }
}

#[test]
fn random_scenarios_go_as_they_went_under_otp() {
    let mut played = 0;
    for scenario in PLAYED.split("## ").skip(1) {
        let lines: Vec<&'static str> = scenario.lines().collect();
        let of = |kind: &'static str| lines.iter().filter_map(move |line| line.strip_prefix(kind));
        let actors = of("child ").map(actor).collect();
        let mut world = World::new(flags(lines[0]), actors).unwrap();
        for step in of("step ") {
            if world.end.is_none() {
                take(&mut world, step);
            }
        }
        let end = match world.end {
            None => format!("=>{{up,[{}]}}", shown(&mut world)),
            Some(_) => "=>down".to_owned(),
        };
        world.trace.push(end);
        let did: Vec<&str> = of(" ").collect();
        assert_eq!(world.trace, did, "in scenario {}", lines[0]);
        played += 1;
    }
    assert_eq!(played, 400);
}
