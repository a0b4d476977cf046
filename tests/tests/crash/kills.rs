//! Killed without a warning, two hundred times.

use std::time::Duration;

use orkestra_runtime::chance::Chance;
use orkestra_tests::command::{Desk, LIMIT};

use crate::{
    Told, chance, desk,
    history::{check, exported},
};

const KILLS: usize = 200;
const TASKS: usize = 2_000;
/// How many kills must have hit a run in the middle, or the history proves little.
const AMIDST_MIN: usize = 100;
/// And how many must have hit a start.
const EARLY_MIN: usize = 10;
/// After how many kills the record is kept, to be compared with a later one.
const KEEP_EVERY: usize = 40;

/// Three agents that work and one whose attempts fail at first; chains, joins, and soft ends.
const SCENARIO: &str = r#"
[scenario]
name = "killed"
concurrency = 12

[agents.ann]
kind = "function"
function = "demo-trace"
capabilities = ["work"]
capacity = 5

[agents.bob]
kind = "function"
function = "demo-trace"
capabilities = ["work"]
capacity = 3

[agents.carl]
kind = "function"
function = "demo-trace"
capabilities = ["work", "doubt"]
capacity = 4

[[tasks]]
id = "work-{{ n }}"
repeat = { n = 1700 }
requires = ["work"]
needs = [
  "{% if n >= 20 %}work-{{ n - 20 }}{% endif %}",
  "{% if n >= 33 %}work-{{ n - 33 }}{% endif %}",
]
input = { ms = "{{ 4 + n * 7 % 24 }}", trace = "{{ scenario.folder }}/trace" }
retry = { max = 20, base = "5ms", factor = 2, cap = "50ms", jitter = 20 }

[[tasks]]
id = "doubt-{{ n }}"
repeat = { n = 200 }
requires = ["doubt"]
needs = ["work-{{ n * 8 }}"]
input = { ms = "{{ 2 + n % 9 }}", times = "{{ 1 + n % 2 }}", trace = "{{ scenario.folder }}/trace" }
retry = { max = 20, base = "5ms", factor = 2, cap = "50ms", jitter = 20 }

[[tasks]]
id = "join-{{ n }}"
repeat = { n = 100 }
requires = ["work"]
needs = ["doubt-{{ n }}", { task = "doubt-{{ n + 100 }}", kind = "soft" }]
input = { ms = 1, trace = "{{ scenario.folder }}/trace" }
"#;

const RUN: [&str; 6] = ["run", "killed.toml", "--data-dir", "data", "-o", "ndjson"];

/// When one life ends.
enum Moment {
    /// So long after its beginning, whatever it is at.
    After(Duration),
    /// So long after it said that so many tasks have ended.
    Amidst(u64, Duration),
}

impl Moment {
    fn draw(chance: &mut Chance, start_takes: Duration) -> Self {
        if chance.per_mille(250) {
            Self::After(chance.up_to(start_takes))
        } else {
            Self::Amidst(1 + chance.below(8), Duration::from_micros(chance.below(10_000)))
        }
    }
}

/// One life of the command, which ends at its moment; answers how many endings it told.
fn live(desk: &Desk, moment: &Moment, told: &mut Told) -> usize {
    let mut running = desk.start(&RUN);
    match *moment {
        Moment::After(span) => {
            running.hear(span, |_| false);
        }
        Moment::Amidst(endings, span) => {
            for _ in 0..endings {
                running.await_line("\"caught_up\":false");
            }
            let until = running.age() + span;
            running.hear(until, |_| false);
        }
    }
    let said = running.kill();
    assert!(!said.out.contains("run_ended"), "the run was over before the last kill");
    assert_eq!(said.code, None, "it ended by itself: {}", said.err);
    told.listen(&said)
}

/// How long the command takes to its first ending, which is also the first life.
fn first_life(desk: &Desk, told: &mut Told) -> Duration {
    let mut running = desk.start(&RUN);
    running.await_line("\"caught_up\":false");
    let took = running.age();
    told.listen(&running.kill());
    took
}

#[expect(clippy::print_stderr, reason = "the figures are for whoever reads the test's output")]
#[tokio::test]
async fn two_hundred_kills_lose_nothing_that_was_said_and_record_nothing_twice() {
    let mut chance = chance();
    let (desk, mut told) =
        (desk().env("ORKESTRA_JOURNAL__SNAPSHOT_EVERY_RECORDS", "250"), Told::default());
    desk.write("killed.toml", SCENARIO);
    let start_takes = first_life(&desk, &mut told);
    let (mut amidst, mut kept) = (0, Vec::new());
    for kill in 1..KILLS {
        let moment = Moment::draw(&mut chance, start_takes);
        amidst += usize::from(live(&desk, &moment, &mut told) > 0);
        if kill % KEEP_EVERY == 0 {
            kept.push(exported(&desk));
        }
    }
    let said_before = told.states.len();

    let mut last = desk.start(&RUN);
    last.hear(LIMIT, |line| line.contains("run_ended"));
    let said = last.end().expect(0).says(&["run killed-1 goes on where it was: ", "of 2000 tasks"]);
    told.listen(&said);
    let ended = said.lines().pop().unwrap();
    assert_eq!((&ended["event"], &ended["run"]), (&"run_ended".into(), &"killed-1".into()));
    assert_eq!(ended["counts"]["completed"], TASKS);

    let figures = check(&desk, &told, TASKS).await;
    let export = exported(&desk);
    for (index, kept) in kept.iter().enumerate() {
        assert!(export.starts_with(kept.as_str()), "the record of keep {index} was changed");
    }
    assert!(amidst >= AMIDST_MIN, "only {amidst} kills hit a run in the middle");
    assert!(KILLS - 1 - amidst >= EARLY_MIN, "only {} kills hit a start", KILLS - 1 - amidst);
    assert!(figures.executed_again > 0, "no kill ever hit between doing and recording");
    assert!(figures.reigns > amidst);
    eprintln!(
        "{KILLS} kills, {amidst} amidst; {said_before} endings told before the last; {figures}"
    );
}
