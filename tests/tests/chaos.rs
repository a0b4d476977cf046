//! A cluster of real processes over real servers: killed, paused, cut off and restarted while it
//! works, and judged from outside.
//!
//! `ORKESTRA_TEST_SEED` repeats a failing run's plan (not the machine's moments).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must end")]

use orkestra_runtime::time::{Clock as _, SystemClock};
use orkestra_tests::chaos::{Report, Setup, plan::Fault, run};

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
