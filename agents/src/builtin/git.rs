//! Git, asked about one commit and nothing else.

use std::{
    io::Read,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use orkestra_runtime::{Result, protocol::task::Failure};

use super::{finding::shorten, workspace::go_on};
use crate::{Context, kinds::command::git_environment};

/// The most that is read of one answer, in bytes.
const OUTPUT_BYTES_MAX: usize = 128 * 1024 * 1024;
/// The most that is read of what git complains about.
const ERRORS_BYTES_MAX: u64 = 8 * 1024;

/// What a repository's or a person's configuration might change in an answer, or run; set to what
/// leaves the answer as it is.
pub(crate) const SETTINGS: [&str; 9] = [
    "core.quotepath=off",
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "log.showSignature=false",
    "log.mailmap=false",
    "diff.renames=false",
    "diff.algorithm=default",
    "diff.indentHeuristic=true",
    "color.ui=false",
];

/// Settings by variables, which would change what is seen.
pub(crate) const FORGOTTEN: [&str; 2] = ["GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT"];

/// A repository at a commit.
pub(crate) struct Git<'a> {
    path: PathBuf,
    commit: String,
    context: &'a Context,
}

impl<'a> Git<'a> {
    pub(crate) fn new(path: PathBuf, commit: String, context: &'a Context) -> Self {
        Self { path, commit, context }
    }

    /// The full name of the commit.
    pub(crate) fn commit(&self) -> &str {
        &self.commit
    }

    /// What git prints; a failure when it ends with another code than 0.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Vec<u8>, Failure> {
        let (code, output, errors) = self.ask(arguments)?;
        if code == Some(0) {
            return Ok(output);
        }
        let what = arguments.first().copied().unwrap_or_default();
        let ended = code.map_or_else(|| "a signal".to_owned(), |code| format!("code {code}"));
        let why = shorten(errors.trim(), 400);
        let path = self.path.display();
        Err(Failure::error(format!("cannot ask git {what} about {path}: ended by {ended}: {why}")))
    }

    /// What git prints as trimmed text, or `None` when it has no answer.
    pub(crate) fn text(&self, arguments: &[&str]) -> Result<Option<String>, Failure> {
        let (code, output, _) = self.ask(arguments)?;
        let text = String::from_utf8_lossy(&output).trim().to_owned();
        Ok((code == Some(0) && !text.is_empty()).then_some(text))
    }

    /// When the commit was made, where it was made: `2026-01-31 12:00:00 +0100`. Not spelled by
    /// `%cI`, which depends on git's version.
    pub(crate) fn commit_date(&self) -> Result<Option<String>, Failure> {
        let date = "--date=format:%Y-%m-%d %H:%M:%S %z";
        self.text(&["show", "-s", "--format=%cd", date, &self.commit])
    }

    /// Whether earlier commits are missing from this clone.
    pub(crate) fn is_shallow(&self) -> Result<bool, Failure> {
        Ok(self.text(&["rev-parse", "--is-shallow-repository"])?.as_deref() == Some("true"))
    }

    fn ask(&self, arguments: &[&str]) -> Result<(Option<i32>, Vec<u8>, String), Failure> {
        let mut command = Command::new("git");
        command.args(["--no-pager", "--no-replace-objects", "--literal-pathspecs"]);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        command.arg("-C").arg(&self.path).args(arguments);
        command.env_clear().envs(git_environment());
        command.env("GIT_OPTIONAL_LOCKS", "0").env("GIT_TERMINAL_PROMPT", "0");
        command.env("GIT_NO_LAZY_FETCH", "1").env("LC_ALL", "C");
        for name in FORGOTTEN {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| {
            Failure::error(format!("cannot start git: {error}; install git and put it on PATH"))
        })?;
        let complaints = child.stderr.take();
        // Both pipes are read at once: a full one would stop git.
        let (output, errors) = std::thread::scope(|scope| {
            let errors = scope.spawn(move || {
                let mut text = Vec::new();
                if let Some(mut pipe) = complaints {
                    let _ = pipe.by_ref().take(ERRORS_BYTES_MAX).read_to_end(&mut text);
                    let _ = std::io::copy(&mut pipe, &mut std::io::sink());
                }
                String::from_utf8_lossy(&text).into_owned()
            });
            let output = self.read(&mut child);
            if output.is_err() {
                let _ = child.kill();
            }
            (output, errors.join().unwrap_or_default())
        });
        let status = child
            .wait()
            .map_err(|error| Failure::error(format!("cannot wait for git: {error}")))?;
        Ok((status.code(), output?, errors))
    }

    fn read(&self, child: &mut Child) -> Result<Vec<u8>, Failure> {
        let mut output = Vec::new();
        let mut piece = vec![0; 64 * 1024];
        let Some(pipe) = child.stdout.as_mut() else { return Ok(output) };
        loop {
            go_on(self.context)?;
            let read = pipe
                .read(&mut piece)
                .map_err(|error| Failure::error(format!("cannot read what git prints: {error}")))?;
            if read == 0 {
                return Ok(output);
            }
            if output.len() + read > OUTPUT_BYTES_MAX {
                let message = format!("git printed more than {OUTPUT_BYTES_MAX} bytes");
                return Err(Failure::error(message).for_good());
            }
            output.extend_from_slice(piece.get(..read).unwrap_or_default());
        }
    }
}
