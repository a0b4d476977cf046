//! Our supervisors beside the real one of Erlang/OTP, as it was recorded.
//!
//! `cargo run -p orkestra-tests --bin otp-oracle -- --scenarios 1000 --seed 7` makes new scenarios
//! and asks the Erlang of this machine.

use std::collections::BTreeMap;

use orkestra_tests::otp::{Played, difference, read, scenario};

const RECORDED: &str = include_str!("../../runtime/tests-data/otp_played.txt");
const SEED: u64 = 1;

fn recorded() -> Result<Vec<Played>, String> {
    read(RECORDED)
}

#[test]
fn supervision_goes_as_it_went_under_the_real_otp() {
    let recorded = recorded().unwrap();
    assert!(recorded.len() >= 1_200, "only {} scenarios", recorded.len());
    let differ: Vec<String> = recorded.iter().filter_map(difference).collect();
    assert!(differ.is_empty(), "{} differ, the first in\n{}", differ.len(), differ[0]);
}

/// How often each thing happens in what was recorded: otherwise agreement would prove little.
#[test]
fn the_recorded_scenarios_show_all_that_a_supervisor_does() {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut saw =
        |what: &'static str, how_often: usize| *seen.entry(what).or_default() += how_often;
    for played in recorded().unwrap() {
        for line in &played.told {
            let words = || line.split(' ').take_while(|word| *word != "|" && *word != ";");
            let first = |sign: char| words().filter(|word| word.starts_with(sign)).count();
            saw("starts", first('+'));
            saw("failed starts", first('x'));
            saw("ignored starts", first('i'));
            saw("ends", first('!'));
            saw("stops", first('-'));
            saw("late stops", first('~'));
            saw("restarts of a supervisor", words().filter(|word| *word == "+in2").count());
        }
        let has = |word: &str| played.told.iter().any(|line| line.split(' ').any(|w| w == word));
        let last = played.told.last().map_or("", String::as_str);
        let stopped = played.told.len() == played.scenario.steps.len() + 1;
        saw("give-ups and auto-shutdowns", usize::from(last.contains("; down") && !stopped));
        saw("first starts that fail", usize::from(last.contains("not_started")));
        for answer in ["restarting", "running", "not_found", "already_present", "already_started"] {
            saw(answer, usize::from(has(answer)));
        }
        saw("below a dead supervisor", usize::from(has("gone")));
    }
    let rare: Vec<_> = seen.iter().filter(|(_, times)| **times < 20).collect();
    assert!(rare.is_empty(), "hardly seen: {rare:?} of {seen:?}");
}

#[test]
fn a_seed_makes_the_recorded_scenarios_again() {
    let said = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.starts_with('=')).map(str::to_owned).collect()
    };
    let count = recorded().unwrap().len() as u64;
    let made: String = (1..=count).map(|number| scenario(SEED, number)).collect();
    assert_eq!(said(&made), said(RECORDED));
}

#[test]
fn a_difference_is_seen_and_shown() {
    let text = "scenario 1\nsup top - one_for_one 1 60 never\nchild a top permanent 1000\n\
                = +top1 +a1\ndo die a boom\n= !a +a2\ndo die a boom\n= !a +a3\n";
    let played = read(text).unwrap_or_else(|fault| panic!("{fault}"));
    let shown = difference(&played[0]).unwrap_or_default();
    assert!(shown.ends_with("otp:  !a +a3\n    ours: !a ; down shutdown\n"), "{shown}");
}
