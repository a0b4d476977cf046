//! Asked to stop in order, again and again.

use orkestra_tests::command::Signal;

use crate::{
    Told, chance, desk,
    history::{Asked, check, traced},
};

const STOPS: usize = 15;
/// So many that a slow machine does not come to the end before the last stop.
const TASKS: usize = 3_000;

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
repeat = { n = 3000 }
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
    for _ in 0..STOPS {
        let mut running = desk.start(&RUN);
        for _ in 0..=chance.below(20) {
            running.await_line("\"caught_up\":false");
        }
        let signal = if chance.per_mille(500) { Signal::INT } else { Signal::TERM };
        running.signal(signal);
        let said = running.end().expect(130).says(&[
            "stopping: agents finish or hand back; once more aborts",
            "interrupted; the same command goes on where it was",
        ]);
        told.listen(&said);
    }
    let before = told.states.len();
    assert!(before < TASKS, "the run was over before the last stop");
    let said = desk.run(&RUN).expect(0).says(&["run stopped-1 goes on where it was: "]);
    told.listen(&said);

    let figures = check(&desk, &told, &Asked { tasks: TASKS, needs }).await;
    assert_eq!(traced(&desk).len(), TASKS, "an attempt was cut off and done again: {figures}");
    eprintln!("{STOPS} stops; {before} endings told before the last; {figures}");
}
