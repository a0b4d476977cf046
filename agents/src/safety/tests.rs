//! File checks in folders and repositories that the tests make.

use std::{collections::BTreeMap, fs, path::Path, process::Command, sync::Arc};

use orkestra_runtime::{
    id::{Attempt, TaskNo},
    protocol::check::{
        CheckName, CheckResult, Level, Phase, Switch, Switches, Workspace, is_blocked,
    },
    time::{Clock, Moment, Now, Wall},
};

use super::*;

/// A clock that stands still until it is told otherwise.
#[derive(Debug, Default)]
struct Still(std::sync::atomic::AtomicU64);

impl Clock for Still {
    fn now(&self) -> Now {
        let ms = self.0.load(std::sync::atomic::Ordering::SeqCst);
        Now { moment: Moment::from_ms(ms), wall: Wall::from_ms(1_000_000 + ms) }
    }
}

struct Desk {
    clock: Arc<Still>,
    inspector: Arc<Inspector>,
    folder: tempfile::TempDir,
    workspace: Workspace,
    switches: Switches,
}

fn desk() -> Desk {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(Still::default());
    let inspector = Arc::new(Inspector::new(Arc::clone(&clock) as _));
    let workspace =
        Workspace { dir: folder.path().to_string_lossy().into_owned(), ..Workspace::default() };
    Desk { clock, inspector, folder, workspace, switches: Switches::default() }
}

impl Desk {
    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    fn switch(&mut self, check: CheckName, switch: Switch) {
        self.switches.0.insert(check, switch);
    }

    fn later(&self, ms: u64) {
        self.clock.0.fetch_add(ms, std::sync::atomic::Ordering::SeqCst);
    }

    fn git(&self, arguments: &[&str]) {
        let git = Command::new("git")
            .args(["-c", "user.name=n", "-c", "user.email=e@e", "-c", "commit.gpgsign=false"])
            .arg("-C")
            .arg(self.path())
            .args(arguments)
            .output()
            .unwrap();
        assert!(git.status.success(), "{git:?}");
    }

    fn inspect(&self, phase: Phase) -> Vec<CheckResult> {
        let subject = Subject {
            workspace: Some(Box::new(self.workspace.clone())),
            switches: self.switches.clone(),
            attempt: (TaskNo(7), Attempt(1)),
        };
        let since = self.clock.now().moment;
        self.inspector.inspect_now(phase, &subject, since)
    }

    fn one(&self, check: CheckName) -> CheckResult {
        let all = self.inspect(check.phase());
        all.into_iter().find(|result| result.check_name == check).unwrap()
    }

    fn level(&self, check: CheckName) -> Level {
        self.one(check).level
    }
}

#[test]
fn a139_every_file_check_gives_one_result_and_all_pass_where_nothing_is_declared() {
    let mut desk = desk();
    // The disk of whoever runs this test may be full.
    desk.switch(CheckName::DiskSpace, Switch::Off);
    let told = |results: Vec<CheckResult>| {
        results.iter().map(|r| format!("{} {}", r.check_name, r.level)).collect::<Vec<_>>()
    };
    assert_eq!(told(desk.inspect(Phase::Pre)), ["output_writable pass", "git_clean pass"]);
    assert_eq!(
        told(desk.inspect(Phase::Post)),
        ["output_exists pass", "output_not_empty pass", "no_errors pass", "git_committed pass"]
    );
    assert_eq!(fs::read_dir(desk.path()).unwrap().count(), 0, "nothing was left behind");
}

#[tokio::test]
async fn a139_without_a_workspace_nothing_is_looked_at_and_each_check_passes() {
    let desk = desk();
    let switches = Switches(BTreeMap::from([(CheckName::RetryCount, Switch::On)]));
    let subject = Subject { workspace: None, switches, attempt: (TaskNo(7), Attempt(1)) };
    let subject = Arc::new(subject);
    for (phase, count) in [(Phase::Pre, 3), (Phase::Post, 4)] {
        let results = desk.inspector.inspect(phase, &subject).await;
        assert_eq!(results.len(), count);
        assert!(results.iter().all(|result| result.message == "no workspace is declared"));
    }
}

#[test]
fn a139_output_writable_makes_the_folder_and_leaves_no_probe() {
    let mut desk = desk();
    desk.workspace.output_dir = Some("out/deep".into());
    assert_eq!(desk.level(CheckName::OutputWritable), Level::Pass);
    assert_eq!(fs::read_dir(desk.path().join("out/deep")).unwrap().count(), 0);
}

#[test]
fn a139_output_writable_fails_where_a_file_stands_and_says_what_to_do() {
    let mut desk = desk();
    desk.write("out", "x");
    desk.workspace.output_dir = Some("out".into());
    let found = desk.one(CheckName::OutputWritable);
    assert_eq!((found.level, found.category.as_str()), (Level::Fail, "permissions"));
    assert!(found.message.ends_with("out is there and is no folder"), "{}", found.message);
    assert!(!found.suggestion.is_empty());
    desk.workspace.output_dir = Some("out/below".into());
    assert_eq!(desk.level(CheckName::OutputWritable), Level::Fail);
}

#[test]
fn a139_a_probe_that_a_crash_left_is_no_obstacle() {
    let mut desk = desk();
    desk.workspace.output_dir = Some(".".into());
    desk.write(".orkestra-probe-7-1", "old");
    assert_eq!(desk.level(CheckName::OutputWritable), Level::Pass);
    assert_eq!(fs::read_dir(desk.path()).unwrap().count(), 0);
}

#[test]
fn a139_git_clean_warns_of_what_is_uncommitted_and_names_it() {
    let desk = desk();
    desk.git(&["init", "-q"]);
    desk.write("a.txt", "a");
    let found = desk.one(CheckName::GitClean);
    assert_eq!((found.level, found.details.as_str()), (Level::Warning, "?? a.txt"));
    desk.git(&["add", "."]);
    desk.git(&["commit", "-q", "-m", "a"]);
    desk.later(1_000);
    assert_eq!(desk.level(CheckName::GitClean), Level::Pass);
}

#[test]
fn a139_git_is_believed_for_a_second_before_the_work_and_asked_anew_after_it() {
    let desk = desk();
    desk.git(&["init", "-q"]);
    assert_eq!(desk.level(CheckName::GitClean), Level::Pass);
    desk.write("a.txt", "a");
    desk.later(999);
    assert_eq!(desk.level(CheckName::GitClean), Level::Pass, "the answer is 999 ms old");
    assert_eq!(desk.level(CheckName::GitCommitted), Level::Warning, "the work has ended since");
    fs::remove_file(desk.path().join("a.txt")).unwrap();
    desk.later(999);
    assert_eq!(desk.level(CheckName::GitClean), Level::Warning, "the answer is 999 ms old");
    desk.later(1);
    assert_eq!(desk.level(CheckName::GitClean), Level::Pass);
}

#[test]
fn a139_a_broken_repository_is_a_warning_that_it_cannot_be_checked_whatever_the_switch() {
    let mut desk = desk();
    desk.git(&["init", "-q"]);
    desk.write(".git/HEAD", "ref: refs/heads/x");
    desk.write(".git/config", "[broken");
    desk.switch(CheckName::GitClean, Switch::Critical);
    let found = desk.one(CheckName::GitClean);
    assert_eq!(found.level, Level::Warning);
    assert!(found.message.starts_with("cannot check: git status ended with"), "{}", found.message);
}

#[test]
fn a139_disk_space_warns_below_ten_percent_and_is_critical_below_five() {
    let levels = |free| Level::of_room(free, 1_000);
    assert_eq!([levels(1_000), levels(100)], [Level::Pass, Level::Pass]);
    assert_eq!([levels(99), levels(50)], [Level::Warning, Level::Warning]);
    assert_eq!([levels(49), levels(0)], [Level::Critical, Level::Critical]);
    assert_eq!(Level::of_room(0, 0), Level::Pass);
    let desk = desk();
    let found = desk.one(CheckName::DiskSpace);
    assert!(found.message.contains("% of the disk are free"), "{}", found.message);
}

#[test]
fn a139_an_output_file_must_be_there_have_something_and_speak_of_no_error() {
    let mut desk = desk();
    desk.workspace.output_file = Some("report.md".into());
    let levels = |desk: &Desk| {
        let checks = [CheckName::OutputExists, CheckName::OutputNotEmpty, CheckName::NoErrors];
        checks.map(|check| desk.level(check))
    };
    assert_eq!(levels(&desk), [Level::Fail, Level::Warning, Level::Pass]);
    desk.write("report.md", "");
    assert_eq!(levels(&desk), [Level::Pass, Level::Warning, Level::Pass]);
    desk.write("report.md", "all is well; no error, failed nothing");
    assert_eq!(levels(&desk), [Level::Pass, Level::Pass, Level::Pass]);
    for word in ["ERROR", "FAILED", "Exception", "Traceback"] {
        // Where two pieces of what is read meet.
        let text = format!("{}{word}", "x".repeat(64 * 1024 - 3));
        desk.write("report.md", &text);
        assert_eq!(levels(&desk), [Level::Pass, Level::Pass, Level::Warning]);
        assert_eq!(desk.one(CheckName::NoErrors).details, word);
    }
}

#[test]
fn a139_optional_file_checks_are_made_when_they_are_switched_on() {
    let mut desk = desk();
    desk.workspace.input_files = vec!["a".into(), "b".into()];
    desk.write("a", "");
    desk.write("x.tmp", "");
    let names = |results: &[CheckResult]| {
        results.iter().map(|result| result.check_name).collect::<Vec<_>>()
    };
    assert!(!names(&desk.inspect(Phase::Pre)).contains(&CheckName::InputFilesExist));
    desk.switch(CheckName::InputFilesExist, Switch::On);
    desk.switch(CheckName::NoOrphanTempFiles, Switch::On);
    let missing = desk.one(CheckName::InputFilesExist);
    assert_eq!((missing.level, missing.details.as_str()), (Level::Fail, "b"));
    let left = desk.one(CheckName::NoOrphanTempFiles);
    assert_eq!((left.level, left.details.as_str()), (Level::Warning, "x.tmp"));
}

#[test]
fn a139_a_level_can_be_set_and_no_failure_keeps_the_others_from_being_made() {
    let mut desk = desk();
    desk.git(&["init", "-q"]);
    desk.write("a.txt", "a");
    desk.write("out", "x");
    desk.workspace.output_dir = Some("out".into());
    desk.switches = Switches(BTreeMap::from([
        (CheckName::GitClean, Switch::Fail),
        (CheckName::OutputWritable, Switch::Warning),
        (CheckName::DiskSpace, Switch::Off),
    ]));
    let results = desk.inspect(Phase::Pre);
    let levels: Vec<_> = results.iter().map(|result| result.level).collect();
    assert_eq!(levels, [Level::Warning, Level::Fail]);
    assert!(is_blocked(&results));
}
