//! Git as nobody's: in a folder that this process made, without anybody's settings.

use std::{path::Path, process::Stdio, time::Duration};

use bytes::Bytes;
use orkestra_runtime::{Error, ErrorKind, Result};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
};

use crate::builtin::git::SETTINGS;

/// How long one word to git may take.
const WITHIN: Duration = Duration::from_mins(10);
/// The most that is kept of what git complains about, in bytes.
const ERRORS_BYTES_MAX: u64 = 4 * 1024;
/// The most that is read of an answer that should be short, in bytes.
const SHORT_BYTES_MAX: usize = 1024 * 1024;

/// Beside those that keep an answer as it is: nothing is run that a repository or a person names,
/// and what comes out depends on the objects alone.
const OWN_SETTINGS: [&str; 9] = [
    "init.defaultBranch=main",
    "core.autocrlf=false",
    "core.commitGraph=false",
    "core.logAllRefUpdates=false",
    "advice.detachedHead=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.allow=never",
    "submodule.recurse=false",
];

/// Git in a folder. When the future of an answer is dropped, git is killed.
pub(super) struct Git<'a> {
    pub(super) folder: &'a Path,
}

impl Git<'_> {
    /// A short answer.
    pub(super) async fn run(&self, arguments: &[&str]) -> Result<String> {
        self.fed(arguments, Bytes::new()).await
    }

    /// A short answer to something longer.
    pub(super) async fn fed(&self, arguments: &[&str], input: Bytes) -> Result<String> {
        let output = self.ask(arguments, input, SHORT_BYTES_MAX).await?.ok_or_else(|| {
            let what = arguments.first().copied().unwrap_or_default();
            Error::new(ErrorKind::Io, format!("git {what} says more than it should"))
        })?;
        Ok(String::from_utf8_lossy(&output).trim_end().to_owned())
    }

    /// What git prints; none when it is more than `most` bytes.
    pub(super) async fn ask(
        &self,
        arguments: &[&str],
        input: Bytes,
        most: usize,
    ) -> Result<Option<Vec<u8>>> {
        let what = arguments.first().copied().unwrap_or_default();
        let failed = |why: String| Error::new(ErrorKind::Io, format!("git {what} failed: {why}"));
        let mut child = self.command(arguments).spawn().map_err(|error| {
            let message = "cannot run \"git\": install it on this machine, or put it on PATH";
            Error::new(ErrorKind::Unavailable, message).because(error)
        })?;
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let feed = async move {
            if let Some(mut pipe) = stdin {
                // Who does not listen to the end says why.
                let _ = pipe.write_all(&input).await;
            }
        };
        let listen = async move {
            let mut output = Vec::new();
            if let Some(pipe) = stdout {
                // The pipe is closed after this: whoever has more to say ends.
                pipe.take(most as u64 + 1).read_to_end(&mut output).await?;
            }
            Ok::<_, std::io::Error>(output)
        };
        let complain = async move {
            let mut text = Vec::new();
            if let Some(mut pipe) = stderr {
                let _ = (&mut pipe).take(ERRORS_BYTES_MAX).read_to_end(&mut text).await;
                let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
            }
            String::from_utf8_lossy(&text).lines().next().unwrap_or("it gave no reason").to_owned()
        };
        let talk = async {
            let ((), output, errors) = futures::future::join3(feed, listen, complain).await;
            (output, errors, child.wait().await)
        };
        let (output, errors, status) = tokio::time::timeout(WITHIN, talk).await.map_err(|_| {
            failed(format!("it took longer than {} minutes", WITHIN.as_secs() / 60))
        })?;
        let output = output.map_err(|error| failed(error.to_string()))?;
        if output.len() > most {
            return Ok(None);
        }
        let status = status.map_err(|error| failed(error.to_string()))?;
        if status.success() { Ok(Some(output)) } else { Err(failed(errors)) }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.args(["--no-pager", "--no-replace-objects", "--literal-pathspecs"]);
        for setting in SETTINGS.iter().chain(&OWN_SETTINGS) {
            command.args(["-c", setting]);
        }
        command.arg("-C").arg(self.folder).args(arguments).env_clear();
        for name in ["PATH", "TMPDIR"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command
            .env("HOME", "/nonexistent")
            .env("XDG_CONFIG_HOME", "/nonexistent")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }
}
