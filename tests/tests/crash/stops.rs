//! Asked to stop in order, again and again.

use orkestra_tests::command::{LIMIT, Signal};

use crate::{
    Told, chance, desk,
    history::{Asked, check, traced},
};

const STOPS: usize = 15;
const TASKS: usize = 1_500;
/// How many stops must have hit a run at work: a slow machine may come to its end before the others.
const STOPS_MIN: usize = 5;

/// Longer attempts than a stop takes to ask for, so that each stop finds some at work; and many more
/// of them than end before the last stop on a fast machine.
const SCENARIO: &str = r#"
[scenario]
name = "stopped"

[agents.ann]
kind = "function"
function = "demo-trace"
capacity = 6

[agents.bob]
kind = "function"
function = "demo-trace"
capacity = 2

[[tasks]]
id = "t-{{ n }}"
repeat = { n = 1500 }
needs = ["{% if n >= 30 %}t-{{ n - 30 }}{% endif %}"]
input = { ms = "{{ 10 + n * 7 % 30 }}", trace = "{{ scenario.folder }}/trace" }
"#;

const RUN: [&str; 6] = ["run", "stopped.toml", "--data-dir", "data", "-o", "ndjson"];

/// What must have ended before a task begins.
fn needs(task: &str) -> Vec<String> {
    let number: usize = task.trim_start_matches("t-").parse().unwrap();
    number.checked_sub(30).map(|before| format!("t-{before}")).into_iter().collect()
}

#[expect(clippy::print_stderr, reason = "the figures are for whoever reads the test's output")]
#[tokio::test]
async fn who_stops_in_order_finishes_what_it_holds_and_does_nothing_twice() {
    let mut chance = chance();
    let (desk, mut told) = (desk(), Told::default());
    desk.write("stopped.toml", SCENARIO);
    let (mut stops, mut is_over) = (0, false);
    while stops < STOPS && !is_over {
        let mut running = desk.start(&RUN);
        let ends = |line: &str| line.contains("\"caught_up\":false");
        if (0..=chance.below(20)).all(|_| running.hear(LIMIT, ends).is_some()) {
            let signal = if chance.per_mille(500) { Signal::INT } else { Signal::TERM };
            running.signal(signal);
        }
        let said = running.end();
        told.listen(&said);
        // It may come to its end before it hears of the stop, or while it stops.
        is_over = said.code == Some(0) || said.err.contains("and run stopped-1 has ended");
        if said.code != Some(0) {
            let words = ["stopping: agents finish or hand back; once more aborts", "interrupted"];
            said.expect(130).says(&words);
            stops += 1;
        }
    }
    assert!(stops >= STOPS_MIN, "only {stops} stops hit a run at work");
    let before = told.states.len();
    if !is_over {
        let said = desk.run(&RUN).expect(0).says(&["run stopped-1 goes on where it was: "]);
        told.listen(&said);
    }

    let figures = check(&desk, &told, &Asked { tasks: TASKS, needs }).await;
    assert_eq!(traced(&desk).len(), TASKS, "an attempt was cut off and done again: {figures}");
    eprintln!("{stops} stops; {before} endings told before the last; {figures}");
}
