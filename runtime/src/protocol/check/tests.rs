//! The checks as their specification lists them, and what blocks.

use super::*;

const AT: Wall = Wall::from_ms(7);

fn listed(phase: Phase) -> Vec<String> {
    let checks = CheckName::ALL.into_iter();
    let checks = checks.filter(|check| check.phase() == phase && !check.is_optional());
    checks.map(|c| format!("{} {} {}", c.title(), c.category(), c.level())).collect()
}

#[test]
fn a139_ten_checks_before_a_task_have_their_categories_and_levels() {
    assert_eq!(
        listed(Phase::Pre),
        [
            "Task Queue Exists file_system critical",
            "Valid JSON data_integrity critical",
            "Task Exists data_integrity fail",
            "Task Status data_integrity fail",
            "Dependencies Met dependencies fail",
            "No Lock Conflict consistency fail",
            "Agent Available resources warning",
            "Output Writable permissions fail",
            "Git Clean consistency warning",
            "Disk Space resources critical",
        ]
    );
}

#[test]
fn a139_eight_checks_after_a_task_have_their_categories_and_levels() {
    assert_eq!(
        listed(Phase::Post),
        [
            "Task Completed data_integrity fail",
            "Output Exists file_system fail",
            "Output Not Empty quality warning",
            "Lock Released consistency warning",
            "Completion Time data_integrity warning",
            "No Errors quality warning",
            "Git Committed consistency warning",
            "Queue Consistent data_integrity fail",
        ]
    );
}

#[test]
fn a139_names_are_spelled_alike_everywhere() {
    for check in CheckName::ALL {
        let spelled = serde_json::to_string(&check).unwrap();
        assert_eq!(spelled, format!("{:?}", check.as_str()));
        assert_eq!(CheckName::named(check.as_str()), Some(check));
        assert_eq!(check.title().to_lowercase().replace(' ', "_"), check.as_str());
    }
    assert_eq!(CheckName::named("git"), None);
}

#[test]
fn a139_any_fail_or_critical_blocks_and_nothing_else() {
    let result = |level| CheckResult::new(CheckName::DiskSpace, level, AT, "m");
    let blocked = |levels: &[Level]| {
        is_blocked(&levels.iter().map(|level| result(*level)).collect::<Vec<_>>())
    };
    assert!(!blocked(&[]));
    assert!(!blocked(&[Level::Pass, Level::Warning, Level::Warning]));
    assert!(blocked(&[Level::Pass, Level::Fail]));
    assert!(blocked(&[Level::Critical, Level::Pass]));
    assert_eq!(CheckResult::unable(CheckName::TaskExists, AT, "x").level, Level::Warning);
}

#[test]
fn a139_a_blocked_attempt_says_by_what_and_what_to_do() {
    let disk = CheckResult::new(CheckName::DiskSpace, Level::Critical, AT, "3 % are free");
    let disk = disk.advise("make room");
    let passed = CheckResult::pass(CheckName::GitClean, AT, "clean");
    let failure = blocked(Phase::Pre, &[passed.clone(), disk.clone()]).unwrap();
    let told = "blocked by pre-task checks: Disk Space (critical): 3 % are free; make room";
    assert_eq!((failure.message.as_str(), failure.retryable), (told, true));
    let exists = CheckResult::new(CheckName::TaskExists, Level::Fail, AT, "no");
    assert!(!blocked(Phase::Pre, &[disk, exists]).unwrap().retryable);
    assert_eq!(blocked(Phase::Post, &[passed]), None);
}

#[test]
fn a139_each_check_can_be_switched() {
    let switches = Switches(BTreeMap::from([
        (CheckName::GitClean, Switch::Fail),
        (CheckName::DiskSpace, Switch::Off),
        (CheckName::RetryCount, Switch::On),
        (CheckName::OutputExists, Switch::Warning),
    ]));
    assert!(switches.runs(CheckName::GitClean) && !switches.runs(CheckName::DiskSpace));
    assert!(switches.runs(CheckName::RetryCount) && !switches.runs(CheckName::AgentActive));
    assert_eq!(switches.level(CheckName::GitClean, Level::Warning), Level::Fail);
    assert_eq!(switches.level(CheckName::GitClean, Level::Pass), Level::Pass);
    assert_eq!(switches.level(CheckName::OutputExists, Level::Fail), Level::Warning);
    let files: Vec<_> = switches.at(Phase::Pre, Place::Files).collect();
    assert_eq!(files, [CheckName::OutputWritable, CheckName::GitClean]);
    let node = Switches(BTreeMap::from([
        (CheckName::GitClean, Switch::Off),
        (CheckName::NoErrors, Switch::Off),
    ]));
    let both = switches.or(&node);
    assert!(both.runs(CheckName::GitClean) && !both.runs(CheckName::NoErrors));
}

#[test]
fn a139_texts_are_bounded() {
    let long = CheckResult::pass(CheckName::NoErrors, AT, "é".repeat(1_000));
    assert!(long.message.len() <= CHECK_TEXT_BYTES_MAX && long.message.ends_with('…'));
}

#[test]
fn a139_a_task_that_asks_for_no_checks_is_spelled_as_ever() {
    use crate::protocol::task::TaskSpec;
    let mut spec = TaskSpec::named("t").unwrap();
    let spelled = serde_json::to_string(&spec).unwrap();
    assert!(!spelled.contains("workspace") && !spelled.contains("checks"), "{spelled}");
    assert_eq!(serde_json::from_str::<TaskSpec>(&spelled).unwrap(), spec);
    spec.checks.0.insert(CheckName::GitClean, Switch::Off);
    assert!(serde_json::to_string(&spec).unwrap().ends_with(r#""checks":{"git_clean":"off"}}"#));
}
