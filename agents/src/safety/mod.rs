//! The file checks of a worker: made before an agent begins and after it has answered, only for
//! tasks that declare a workspace.
//!
//! Promises: all checks of a phase are made, none ends the others; each gives exactly one result,
//! also when it cannot be made (then a warning, "cannot check"); they run on a blocking thread, so
//! that neither the worker nor another attempt waits for a disk or for git. What git and the disk
//! say of a workspace is believed for one second; after an agent's work nothing is believed that
//! was asked before it had ended.
//!
//! Not promised: that what was found holds a moment later. Checks advise and stop gross mistakes;
//! what must be safe is fenced.

mod cache;
mod disk;
mod files;
mod git;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};

use orkestra_runtime::{
    protocol::check::{CheckName, CheckResult, Level, Phase, Place, Switches, Workspace},
    time::{Clock, Moment, Wall},
};

use self::{cache::Cache, git::Tree};
use crate::context::AttemptKey;

/// Whose files are checked, and how.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// None: it declares none, and nothing is looked at.
    pub(crate) workspace: Option<Box<Workspace>>,
    pub(crate) switches: Switches,
    pub(crate) attempt: AttemptKey,
}

/// The files of an attempt.
#[derive(Clone, Copy, Debug)]
struct Files<'a> {
    workspace: &'a Workspace,
    attempt: AttemptKey,
}

impl<'a> Files<'a> {
    fn dir(self) -> &'a Path {
        Path::new(&self.workspace.dir)
    }

    /// A path of the workspace in full.
    fn path(self, path: &str) -> PathBuf {
        self.dir().join(path)
    }
}

/// Who checks files for one worker.
pub(crate) struct Inspector {
    clock: Arc<dyn Clock>,
    trees: Cache<Result<Tree, String>>,
    disks: Cache<Result<disk::Room, String>>,
}

impl fmt::Debug for Inspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inspector").finish_non_exhaustive()
    }
}

impl Inspector {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, trees: Cache::default(), disks: Cache::default() }
    }

    /// Makes all file checks of a phase.
    pub(crate) async fn inspect(
        self: &Arc<Self>,
        phase: Phase,
        subject: &Arc<Subject>,
    ) -> Vec<CheckResult> {
        if subject.workspace.is_none() {
            return self.inspect_now(phase, subject, Moment::START);
        }
        let since = self.clock.now().moment;
        let (this, whose) = (Arc::clone(self), Arc::clone(subject));
        let work = tokio::task::spawn_blocking(move || this.inspect_now(phase, &whose, since));
        work.await.unwrap_or_else(|error| {
            let at = self.clock.now().wall;
            let checks = subject.switches.at(phase, Place::Files);
            checks.map(|check| CheckResult::unable(check, at, &error)).collect()
        })
    }

    /// The same; blocks if there is a workspace.
    fn inspect_now(&self, phase: Phase, subject: &Subject, since: Moment) -> Vec<CheckResult> {
        // Before the work, what was true a second ago will do.
        let not_before = match phase {
            Phase::Pre => Moment::START,
            Phase::Post => since,
        };
        let checks = subject.switches.at(phase, Place::Files);
        checks
            .map(|check| {
                let at = self.clock.now().wall;
                let Some(workspace) = &subject.workspace else {
                    return CheckResult::pass(check, at, "no workspace is declared");
                };
                let files = Files { workspace, attempt: subject.attempt };
                let one = AssertUnwindSafe(|| self.one(check, files, not_before, at));
                let found = catch_unwind(one)
                    .unwrap_or_else(|_| CheckResult::unable(check, at, "the check itself failed"));
                switched(found, &subject.switches)
            })
            .collect()
    }

    fn one(&self, check: CheckName, files: Files<'_>, not_before: Moment, at: Wall) -> CheckResult {
        match check {
            CheckName::OutputWritable => files::output_writable(files, at),
            CheckName::InputFilesExist => files::input_files_exist(files, at),
            CheckName::OutputExists => files::output_exists(files, at),
            CheckName::OutputNotEmpty => files::output_not_empty(files, at),
            CheckName::NoErrors => files::no_errors(files, at),
            CheckName::NoOrphanTempFiles => files::no_orphan_temp_files(files, at),
            CheckName::GitClean | CheckName::GitCommitted => {
                self.git(check, files.dir(), not_before, at)
            }
            CheckName::DiskSpace => self.disk(files.dir(), at),
            _ => CheckResult::unable(check, at, "it is not about files"),
        }
    }

    fn git(&self, check: CheckName, dir: &Path, not_before: Moment, at: Wall) -> CheckResult {
        let found = self.trees.answer(dir, &*self.clock, not_before, || git::look(dir));
        match found {
            Err(why) => CheckResult::unable(check, at, why),
            Ok(Tree::NoRepository) => {
                CheckResult::pass(check, at, format!("{} is in no git repository", dir.display()))
            }
            Ok(Tree::Clean) => CheckResult::pass(check, at, "nothing is uncommitted"),
            Ok(Tree::Changed { paths, more }) => {
                let sign = if more { "more than " } else { "" };
                let count = paths.len();
                let message = format!("{sign}{count} paths are uncommitted in {}", dir.display());
                CheckResult::new(check, Level::Warning, at, message)
                    .with_details(paths.join(", "))
                    .advise("commit or stash them, or switch this check off")
            }
        }
    }

    fn disk(&self, dir: &Path, at: Wall) -> CheckResult {
        let check = CheckName::DiskSpace;
        let found = self.disks.answer(dir, &*self.clock, Moment::START, || disk::room_at(dir));
        match found {
            Err(why) => CheckResult::unable(check, at, why),
            Ok(room) => {
                let message = room.to_string();
                let level = Level::of_room(room.free, room.total);
                let result = CheckResult::new(check, level, at, message);
                let advice = "make room on this disk: at least 10 % should be free";
                if level == Level::Pass { result } else { result.advise(advice) }
            }
        }
    }
}

/// The result at the level that was asked for; what could not be checked stays a warning.
fn switched(mut result: CheckResult, switches: &Switches) -> CheckResult {
    if !result.is_unable() {
        result.level = switches.level(result.check_name, result.level);
    }
    result
}
