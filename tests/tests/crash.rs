//! The real command, killed again and again: nothing that it said is lost, nothing is done twice in
//! the record, and whoever starts it once more gets the end.
//!
//! `ORKESTRA_TEST_SEED` repeats a failing run's moments (not the machine's).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must end")]

#[path = "crash/history.rs"]
mod history;
#[path = "crash/kills.rs"]
mod kills;
#[path = "crash/lives.rs"]
mod lives;
#[path = "crash/mutants.rs"]
mod mutants;
#[path = "crash/stops.rs"]
mod stops;

use std::collections::BTreeMap;

use orkestra_runtime::{
    chance::Chance,
    time::{Clock as _, SystemClock},
};
use orkestra_tests::command::{Desk, Said};
use serde_json::Value;

/// A folder for the command. Attempts fail on purpose here, and breakers open for it: not for long.
fn desk() -> Desk {
    let desk = Desk::with(env!("CARGO_BIN_EXE_orkestra-under-test"));
    desk.env("ORKESTRA_BREAKER__COOLDOWN", "20ms")
}

/// Chance from the seed of the environment, or from a fresh one; the seed is printed.
#[expect(clippy::print_stderr, reason = "whoever repeats a failure needs the seed")]
fn chance() -> Chance {
    let seed = match std::env::var("ORKESTRA_TEST_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => SystemClock::start().now().wall.as_ms(),
    };
    eprintln!("to repeat: ORKESTRA_TEST_SEED={seed}");
    Chance::from_seed(seed)
}

/// What the command said of ended tasks, over all its lives. It must not say anything twice.
#[derive(Debug, Default)]
struct Told {
    states: BTreeMap<String, String>,
}

impl Told {
    /// Takes in what one life said, whole lines only; answers how many endings that were.
    fn listen(&mut self, said: &Said) -> usize {
        let whole = said.out.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let mut heard = 0;
        for line in whole {
            let line: Value = serde_json::from_str(line).unwrap();
            if line["event"] != "task_ended" {
                continue;
            }
            let text = |key: &str| line[key].as_str().unwrap().to_owned();
            let before = self.states.insert(text("task"), text("state"));
            if line["caught_up"] == true {
                // Said by a life before, or lost with it: then it must be the same.
                let same = before.is_none() || before == Some(text("state"));
                assert!(same, "{} was said to have ended otherwise: {before:?}", text("task"));
                continue;
            }
            assert_eq!(before, None, "{} was said to have ended twice", text("task"));
            heard += 1;
        }
        heard
    }
}
