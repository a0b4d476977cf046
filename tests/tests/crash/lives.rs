//! One life after another of the real command, each of which is killed.

use std::time::Duration;

use orkestra_runtime::chance::Chance;
use orkestra_tests::command::{Desk, LIMIT, Running, Signal};

use crate::Told;

/// Three agents that work and one whose attempts fail at first; chains, joins, soft ends, and some
/// results that are too large for an event. `tasks` is a multiple of 20.
pub(crate) fn scenario(tasks: usize) -> String {
    let joins = tasks / 20;
    TEMPLATE
        .replace("WORKS", &(joins * 17).to_string())
        .replace("DOUBTS", &(joins * 2).to_string())
        .replace("JOINS", &joins.to_string())
}

const TEMPLATE: &str = r#"
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
repeat = { n = WORKS }
requires = ["work"]
needs = [
  "{% if n >= 20 %}work-{{ n - 20 }}{% endif %}",
  "{% if n >= 33 %}work-{{ n - 33 }}{% endif %}",
]
input = { ms = "{{ 4 + n * 7 % 24 }}", bytes = "{{ 70000 if n % 25 == 3 else 0 }}", trace = "{{ scenario.folder }}/trace" }
retry = { max = 20, base = "5ms", factor = 2, cap = "50ms", jitter = 20 }

[[tasks]]
id = "doubt-{{ n }}"
repeat = { n = DOUBTS }
requires = ["doubt"]
needs = ["work-{{ n * 8 }}"]
input = { ms = "{{ 2 + n % 9 }}", times = "{{ 1 + n % 2 }}", trace = "{{ scenario.folder }}/trace" }
retry = { max = 20, base = "5ms", factor = 2, cap = "50ms", jitter = 20 }

[[tasks]]
id = "join-{{ n }}"
repeat = { n = JOINS }
requires = ["work"]
needs = ["doubt-{{ n }}", { task = "doubt-{{ n + JOINS }}", kind = "soft" }]
input = { ms = 1, trace = "{{ scenario.folder }}/trace" }
"#;

/// What must have ended before a task of that scenario begins.
pub(crate) fn needs_of(task: &str, tasks: usize) -> Vec<String> {
    let (kind, number) = task.rsplit_once('-').unwrap();
    let number: usize = number.parse().unwrap();
    let work = |back: usize| Some(format!("work-{}", number.checked_sub(back)?));
    match kind {
        "work" => [20, 33].into_iter().filter_map(work).collect(),
        "doubt" => vec![format!("work-{}", number * 8)],
        _ => vec![format!("doubt-{number}"), format!("doubt-{}", number + tasks / 20)],
    }
}

pub(crate) const RUN: [&str; 6] = ["run", "killed.toml", "--data-dir", "data", "-o", "ndjson"];

/// When one life ends.
pub(crate) enum Moment {
    /// So long after its beginning, whatever it is at.
    After(Duration),
    /// So long after it said that so many tasks have ended.
    Amidst(u64, Duration),
}

impl Moment {
    pub(crate) fn draw(chance: &mut Chance, start_takes: Duration) -> Self {
        if chance.per_mille(250) {
            Self::After(chance.up_to(start_takes))
        } else {
            Self::Amidst(1 + chance.below(8), Duration::from_micros(chance.below(10_000)))
        }
    }
}

/// Somebody else wants to work in the folder of who works there, and is refused. Who works there
/// stands still meanwhile, and holds it all the same.
fn check_rival(desk: &Desk, running: &Running) {
    running.signal(Signal::STOP);
    let mut rival = desk.start(&RUN);
    let worked = rival.hear(LIMIT, |line| line.contains("task_ended"));
    assert_eq!(worked, None, "two processes work in one folder");
    rival.end().expect(4).says(&["holds it; stop that process, or use another directory"]);
}

/// One life of the command, which ends at its moment, perhaps with a rival beside it; answers how
/// many endings it told.
pub(crate) fn live(desk: &Desk, moment: &Moment, told: &mut Told, rival: bool) -> usize {
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
            if rival {
                check_rival(desk, &running);
            }
        }
    }
    let said = running.kill();
    assert!(!said.out.contains("run_ended"), "the run was over before the last kill");
    assert_eq!(said.code, None, "it ended by itself: {}", said.err);
    told.listen(&said)
}

/// How long the command takes to its first ending, which is also the first life.
pub(crate) fn first_life(desk: &Desk, told: &mut Told) -> Duration {
    let mut running = desk.start(&RUN);
    running.await_line("\"caught_up\":false");
    let took = running.age();
    told.listen(&running.kill());
    took
}
