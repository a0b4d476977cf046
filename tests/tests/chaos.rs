//! A cluster of real processes over real servers: killed, paused, cut off and restarted while it
//! works, and judged from outside.
//!
//! `ORKESTRA_TEST_SEED` repeats a failing run's plan (not the machine's moments).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must end")]

use futures::StreamExt as _;
use orkestra_runtime::time::{Clock as _, SystemClock};
use orkestra_tests::chaos::{Report, Setup, plan::Fault, plant::Plant, run};

fn setup() -> Setup {
    let seed = match std::env::var("ORKESTRA_TEST_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => SystemClock::start().now().wall.as_ms(),
    };
    Setup::new(env!("CARGO_BIN_EXE_cluster-node"), seed)
}

#[expect(clippy::print_stderr, reason = "the figures are for whoever reads the test's output")]
async fn ran(setup: Setup) -> Report {
    let seed = setup.seed;
    let report = run(&setup).await;
    let report = report.map_err(|why| format!("ORKESTRA_TEST_SEED={seed}: {why}")).unwrap();
    eprintln!("to repeat: ORKESTRA_TEST_SEED={seed}\n{report}");
    report
}

fn is_sound(report: &Report) {
    assert!(report.findings.is_empty(), "ORKESTRA_TEST_SEED={}: {report}", report.seed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_one_server_nothing_acknowledged_is_lost_and_nothing_is_recorded_twice() {
    let mut setup = setup();
    (setup.coordinators, setup.agents, setup.tasks, setup.faults) = (3, 3, 2_000, 24);
    let report = ran(setup).await;
    is_sound(&report);
    assert!(report.again > 0, "no fault ever hit between doing and recording: {report}");
    assert!(report.count(Fault::Kill) > 0, "nobody was killed: {report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_three_servers_of_which_one_is_down_at_a_time_it_holds_as_well() {
    let mut setup = setup();
    (setup.servers, setup.coordinators, setup.agents) = (3, 2, 2);
    (setup.tasks, setup.faults) = (1_000, 12);
    let report = ran(setup).await;
    is_sound(&report);
    assert!(report.executions >= 1_000, "less was carried out than was asked for: {report}");
}

/// What the checks say of a bug: one of these.
const FOUND: [(Plant, &[&str]); 7] = [
    (Plant::Unfenced, &["numbers have a gap", "a reign that is over", "reigns do not rise"]),
    (Plant::AnswerEarly, &["are lost", "never given", "out twice", "no rest", "ended by itself"]),
    (Plant::OutcomeStale, &["which is not open"]),
    (Plant::AttemptAgain, &["given out of turn"]),
    (Plant::OutcomeTwice, &["ended before with"]),
    (Plant::SubmitForgotten, &["are lost", "was never submitted", "no rest"]),
    (Plant::LineLost, &["were not carried out"]),
];

/// How many small runs go on at a time.
const AT_ONCE: usize = 3;

/// How many small histories a bug may pass unseen: real machines do not repeat a moment, and some
/// bugs show only in one.
const TRIES: usize = 4;

/// Looks for a bug in one small history after another.
async fn searched((plant, words): (Plant, &[&str])) -> (Plant, bool, String) {
    let mut said = String::new();
    for _ in 0..TRIES {
        said = under(plant).await.join("\n");
        if words.iter().any(|word| said.contains(word)) {
            return (plant, true, said);
        }
    }
    (plant, false, said)
}

/// A small history under a bug: leaders die, and others take over.
async fn under(plant: Plant) -> Vec<String> {
    let mut setup = setup();
    (setup.plant, setup.tasks, setup.faults, setup.shards) = (plant, 400, 5, 2);
    setup.leaders_only = true;
    // A leader that goes on after another took over is one that stood still; what a leader knew
    // alone goes with it when it is killed.
    let kind = if plant == Plant::Unfenced { Fault::Pause } else { Fault::Kill };
    setup.kinds.retain(|(fault, _)| *fault == kind);
    // A bug may keep it from coming to rest, which is found as well.
    setup.patience = std::time::Duration::from_secs(8);
    ran(setup).await.findings
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_bug_that_is_planted_is_found_and_where_none_is_nothing_is() {
    let sound = under(Plant::Nothing).await;
    assert_eq!(sound, Vec::<String>::new(), "a small run without a bug is not sound");
    let runs = futures::stream::iter(FOUND.map(searched));
    let runs =
        Box::pin(runs.buffer_unordered(AT_ONCE).collect::<Vec<(Plant, bool, String)>>()).await;
    for (plant, is_found, found) in &runs {
        assert!(is_found, "{plant:?} is found by: {found}");
    }
    assert!(Plant::ALL.iter().all(|plant| FOUND.iter().any(|(known, _)| known == plant)));
}
