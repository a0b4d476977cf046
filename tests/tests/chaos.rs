//! A cluster of real processes over real servers: killed, paused, cut off and restarted while it
//! works, and judged from outside.
//!
//! `ORKESTRA_TEST_SEED` repeats a failing run's plan (not the machine's moments).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must end")]

use futures::StreamExt as _;
use orkestra_runtime::time::{Clock as _, SystemClock};
use orkestra_tests::chaos::{Report, Setup, plan::Fault, plant::Plant, run};

const PROGRAM: &str = env!("CARGO_BIN_EXE_cluster-node");

fn seed() -> u64 {
    match std::env::var("ORKESTRA_TEST_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => SystemClock::start().now().wall.as_ms(),
    }
}

fn setup() -> Setup {
    Setup::new(PROGRAM, seed())
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
    assert!(report.grants > 20 && report.lock_calls > 60, "nobody used locks: {report}");
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_told_to_stop_ends_in_time_whatever_servers_and_ways_are_like() {
    let mut setup = setup();
    (setup.coordinators, setup.tasks, setup.faults) = (3, 600, 18);
    setup.apart = std::time::Duration::from_millis(600);
    setup.kinds = vec![
        (Fault::Restart, 8),
        (Fault::Rolling, 1),
        (Fault::Pause, 2),
        (Fault::CutBoth, 2),
        (Fault::CutOut, 1),
        (Fault::CutIn, 1),
        (Fault::Refuse, 1),
        (Fault::ServerPause, 4),
        (Fault::ServerKill, 2),
        (Fault::ServerRestart, 1),
    ];
    is_sound(&ran(setup).await);
}

/// What the checks say of a bug: one of these.
const FOUND: [(Plant, &[&str]); 8] = [
    (Plant::Unfenced, &["numbers have a gap", "a reign that is over", "reigns do not rise"]),
    (Plant::AnswerEarly, &["are lost", "never given", "out twice", "no rest"]),
    (Plant::OutcomeStale, &["which is not open"]),
    (Plant::AttemptAgain, &["given out of turn"]),
    (Plant::OutcomeTwice, &["ended before with"]),
    (Plant::SubmitForgotten, &["are lost", "was never submitted"]),
    (Plant::LineLost, &["were not carried out"]),
    (Plant::GrantForgotten, &["was never given", "held at once", "not linearizable"]),
];

/// How many small runs go on at a time.
const AT_ONCE: usize = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_bug_that_is_planted_is_found_and_where_none_is_nothing_is() {
    is_sound(&ran(Setup::planted(PROGRAM, seed(), Plant::Nothing)).await);
    let searched = |(plant, words): (Plant, &'static [&'static str])| async move {
        let said = ran(Setup::planted(PROGRAM, seed(), plant)).await.findings.join("\n");
        assert!(words.iter().any(|word| said.contains(word)), "{plant:?} is found by: {said}");
        plant
    };
    let searched = futures::stream::iter(FOUND.map(searched)).buffer_unordered(AT_ONCE);
    let found = Box::pin(searched.collect::<Vec<Plant>>()).await;
    assert!(Plant::ALL.iter().all(|plant| found.contains(plant)), "{found:?}");
}
