//! A worker whose tasks declare a workspace: checks around the agent's code.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use orkestra_runtime::protocol::{
    agent::Assignment,
    check::{CheckName, Level, Phase, Switch, Switches, Workspace},
    payload::{Json, Payload},
    task::{Failure, FailureKind, Outcome},
};

use super::tests::{Hired, bench};
use crate::{
    agent::DynAgent,
    kinds::function::FunctionAgent,
    testing::{assignment, json},
};

/// A worker of an agent, and a folder in which its tasks work.
async fn hired(agent: impl DynAgent) -> (Hired, tempfile::TempDir) {
    (bench(1, agent).hire().await, tempfile::tempdir().unwrap())
}

fn in_folder(folder: &tempfile::TempDir, switches: &[(CheckName, Switch)]) -> Assignment {
    let dir = folder.path().to_string_lossy().into_owned();
    let workspace = Workspace {
        dir,
        output_dir: Some("out".into()),
        output_file: Some("out/answer".into()),
        input_files: Vec::new(),
    };
    let mut checks = Switches(switches.iter().copied().collect());
    // The disk of whoever runs this test may be full.
    checks.0.insert(CheckName::DiskSpace, Switch::Off);
    Assignment { workspace: Some(Box::new(workspace)), checks, ..assignment(1) }
}

/// Writes into its output file, whatever it is given.
fn writer(folder: &tempfile::TempDir, text: &'static str) -> impl DynAgent + use<> {
    let path = folder.path().join("out/answer");
    FunctionAgent::new(move |_, _| {
        let path = path.clone();
        async move {
            std::fs::write(path, text).unwrap();
            Ok(json("1"))
        }
    })
}

#[tokio::test]
async fn a139_what_was_checked_before_and_after_is_reported_with_the_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let mut hired = bench(1, writer(&folder, "fine")).hire().await;
    hired.assign(vec![in_folder(&folder, &[])]);
    let report = hired.ended().await.remove(0);
    assert_eq!(report.outcome, Outcome::Completed(Payload::Inline(json("1"))));
    let told: Vec<_> =
        report.checks.iter().map(|c| format!("{} {}", c.check_name, c.level)).collect();
    let before = ["output_writable pass", "git_clean pass"];
    let after =
        ["output_exists pass", "output_not_empty pass", "no_errors pass", "git_committed pass"];
    assert_eq!(told, [&before[..], &after[..]].concat());
}

#[tokio::test]
async fn a139_what_is_blocked_before_never_reaches_the_agent() {
    let begun = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&begun);
    let agent = FunctionAgent::new(move |_, _| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Ok(Json::null()) }
    });
    let (mut hired, folder) = hired(agent).await;
    std::fs::write(folder.path().join("out"), "a file").unwrap();
    hired.assign(vec![in_folder(&folder, &[])]);
    let report = hired.ended().await.remove(0);
    let Outcome::Failed(failure) = report.outcome else { panic!("{report:?}") };
    assert_eq!((failure.kind, failure.retryable), (FailureKind::Error, true));
    let told = "blocked by pre-task checks: Output Writable (fail): ";
    assert!(failure.message.starts_with(told), "{failure}");
    assert_eq!(begun.load(Ordering::SeqCst), 0);
    assert!(report.checks.iter().all(|check| check.check_name.phase() == Phase::Pre));
}

#[tokio::test]
async fn a139_what_is_blocked_after_makes_a_failure_of_the_answer() {
    let (mut hired, folder) = hired(super::tests::idle()).await;
    hired.assign(vec![in_folder(&folder, &[])]);
    let report = hired.ended().await.remove(0);
    let Outcome::Failed(failure) = report.outcome else { panic!("{report:?}") };
    let told = "blocked by post-task checks: Output Exists (fail): the output file ";
    assert!(failure.message.starts_with(told), "{failure}");
    let empty = report.checks.iter().find(|c| c.check_name == CheckName::OutputNotEmpty);
    assert_eq!(empty.map(|check| check.level), Some(Level::Warning));
}

#[tokio::test]
async fn a139_a_check_that_is_off_blocks_nothing_and_a_warning_may_be_made_to_block() {
    let folder = tempfile::tempdir().unwrap();
    let mut hired = bench(1, writer(&folder, "an ERROR")).hire().await;
    hired.assign(vec![in_folder(&folder, &[(CheckName::NoErrors, Switch::Off)])]);
    assert!(matches!(hired.ended().await.remove(0).outcome, Outcome::Completed(_)));
    let strict = in_folder(&folder, &[(CheckName::NoErrors, Switch::Fail)]);
    hired.assign(vec![Assignment { attempt: strict.attempt.next(), ..strict }]);
    let told = hired.failure().await.message;
    assert!(told.contains("No Errors (fail)"), "{told}");
}

#[tokio::test]
async fn a139_an_attempt_that_failed_by_itself_is_not_checked_after() {
    let agent = FunctionAgent::new(|_, _| async { Err(Failure::error("no luck")) });
    let (mut hired, folder) = hired(agent).await;
    hired.assign(vec![in_folder(&folder, &[])]);
    let report = hired.ended().await.remove(0);
    assert_eq!(report.outcome, Outcome::Failed(Failure::error("no luck")));
    assert!(report.checks.iter().all(|check| check.check_name.phase() == Phase::Pre));
    assert_eq!(report.checks.len(), 2);
}
