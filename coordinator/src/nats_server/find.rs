//! Which program is the server: named, installed, or fetched.

use std::{
    ffi::OsString,
    fmt,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use orkestra_runtime::{Error, ErrorKind, Result};
use tokio::process::Command;

use super::fetch;

/// The oldest server whose JetStream does what the fabric needs.
const OLDEST: Version = Version { major: 2, minor: 10, patch: 0 };
/// How long a program may take to say its version.
const PATIENCE: Duration = Duration::from_secs(20);

/// A version of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// 2 in 2.15.1.
    pub major: u32,
    /// 15 in 2.15.1.
    pub minor: u32,
    /// 1 in 2.15.1.
    pub patch: u32,
}

impl Version {
    /// Reads what `nats-server --version` says, `nats-server: v2.15.1`; what follows the third
    /// number (`-beta.1`) is left out.
    pub fn read(said: &str) -> Option<Self> {
        let text = said.trim().rsplit([' ', '\t']).next()?;
        let text = text.strip_prefix('v').unwrap_or(text);
        let digits = |part: &str| {
            let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            part.get(..end)?.parse().ok()
        };
        let mut parts = text.splitn(3, '.');
        let (major, minor) = (digits(parts.next()?)?, digits(parts.next()?)?);
        Some(Self { major, minor, patch: digits(parts.next()?)? })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A server program that is new enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    /// Where it is.
    pub path: PathBuf,
    /// What it says it is.
    pub version: Version,
}

/// Where a server is looked for.
#[derive(Clone, Debug)]
pub struct Search {
    /// The program that was named, as `$NATS_SERVER` does: it or none.
    pub named: Option<OsString>,
    /// The folders of programs, as `$PATH` lists them.
    pub path: Option<OsString>,
    /// The folder for the pinned one, which is made when it is needed.
    pub tools: PathBuf,
}

impl Search {
    /// By the environment of this process.
    pub fn here(tools: impl Into<PathBuf>) -> Self {
        let named = std::env::var_os("NATS_SERVER").filter(|named| !named.is_empty());
        Self { named, path: std::env::var_os("PATH"), tools: tools.into() }
    }

    /// The named one; else the first on the path that is new enough; else the pinned one, fetched
    /// when it is not there yet.
    pub async fn run(&self) -> Result<Binary> {
        let mut passed_over = Vec::new();
        if let Some(binary) = self.look(&mut passed_over).await? {
            return Ok(binary);
        }
        let pinned = self.tools.join(fetch::file_name());
        fetch::fetch(&pinned).await.map_err(|error| with_all(error, &passed_over))?;
        accept(&pinned).await
    }

    /// The same, but nothing is fetched: none if that would have to be done.
    pub async fn installed(&self) -> Result<Option<Binary>> {
        self.look(&mut Vec::new()).await
    }

    async fn look(&self, passed_over: &mut Vec<String>) -> Result<Option<Binary>> {
        if let Some(named) = &self.named {
            let named = accept(Path::new(named)).await.map_err(|error| {
                let message = "NATS_SERVER does not name a server that can be used: name another, \
                               or unset it to have one found";
                Error::new(error.kind(), message).because(error)
            });
            return named.map(Some);
        }
        for candidate in self.on_path() {
            match accept(&candidate).await {
                Ok(binary) => return Ok(Some(binary)),
                Err(error) => {
                    tracing::warn!(%error, "a nats-server on the path is passed over");
                    passed_over.push(error.to_string());
                }
            }
        }
        let pinned = self.tools.join(fetch::file_name());
        if is_program(&pinned) { accept(&pinned).await.map(Some) } else { Ok(None) }
    }

    fn on_path(&self) -> Vec<PathBuf> {
        let folders = self.path.iter().flat_map(std::env::split_paths);
        folders.map(|folder| folder.join("nats-server")).filter(|path| is_program(path)).collect()
    }
}

/// Finds a server by the environment of this process: `$NATS_SERVER`, the path, the folder of
/// tools; and fetches the pinned one into that folder if there is none.
pub async fn find(tools: impl Into<PathBuf>) -> Result<Binary> {
    Search::here(tools).run().await
}

fn with_all(error: Error, passed_over: &[String]) -> Error {
    if passed_over.is_empty() {
        return error;
    }
    let message = format!("no nats-server can be used; passed over: {}", passed_over.join("; "));
    Error::new(error.kind(), message).because(error)
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Asks a program for its version, and refuses what is too old.
async fn accept(path: &Path) -> Result<Binary> {
    let shown = path.display();
    let mut command = Command::new(path);
    command.arg("--version").stdin(Stdio::null()).kill_on_drop(true);
    let said = tokio::time::timeout(PATIENCE, command.output()).await.map_err(|_| {
        Error::new(ErrorKind::Unavailable, format!("{shown} does not say its version in time"))
    })?;
    let said = said
        .map_err(|error| Error::new(ErrorKind::Io, format!("cannot run {shown}")).because(error))?;
    let text = String::from_utf8_lossy(&said.stdout);
    let Some(version) = Version::read(&text) else {
        let message = format!("{shown} is no nats-server: it does not say a version");
        return Err(Error::new(ErrorKind::Invalid, message));
    };
    if version < OLDEST {
        let message = format!(
            "{shown} is version {version}, and {OLDEST} or newer is needed: install a newer \
             nats-server, or name one with NATS_SERVER"
        );
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    Ok(Binary { path: path.to_owned(), version })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by another process: a program that this one has open for writing cannot be started,
    /// and a child that another test starts meanwhile would have it open.
    fn program(folder: &Path, name: &str, says: &str) -> PathBuf {
        let path = folder.join(name);
        let script = "printf '#!/bin/sh\necho \"%s\"\n' \"$1\" > \"$0\"; chmod 755 \"$0\"";
        let mut shell = std::process::Command::new("sh");
        assert!(shell.arg("-c").arg(script).arg(&path).arg(says).status().unwrap().success());
        path
    }

    #[test]
    fn versions_are_read_as_the_server_says_them() {
        let version = |major, minor, patch| Some(Version { major, minor, patch });
        assert_eq!(Version::read("nats-server: v2.15.1\n"), version(2, 15, 1));
        assert_eq!(Version::read("nats-server: v2.11.0-preview.2"), version(2, 11, 0));
        assert_eq!(Version::read("nats-server: v2.9.10"), version(2, 9, 10));
        assert_eq!(Version::read("hello"), None);
        assert_eq!(Version::read(""), None);
        assert!(version(2, 9, 10) < Some(OLDEST));
    }

    #[tokio::test]
    async fn the_named_one_is_taken_before_the_path_and_the_path_before_the_tools() {
        let dir = tempfile::tempdir().unwrap();
        let (bin, tools) = (dir.path().join("bin"), dir.path().join("tools"));
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::create_dir_all(&tools).unwrap();
        let named = program(dir.path(), "mine", "nats-server: v2.12.0");
        let installed = program(&bin, "nats-server", "nats-server: v2.11.4");
        let pinned = program(&tools, &fetch::file_name(), "nats-server: v2.15.1");
        let path = Some(bin.clone().into_os_string());
        let mut search = Search { named: Some(named.clone().into()), path, tools };
        assert_eq!(search.run().await.unwrap().path, named);
        search.named = None;
        assert_eq!(search.run().await.unwrap().path, installed);
        program(&bin, "nats-server", "nats-server: v2.9.10");
        assert_eq!(search.run().await.unwrap().path, pinned);
    }

    #[tokio::test]
    async fn a_named_one_that_is_too_old_is_refused_with_advice() {
        let dir = tempfile::tempdir().unwrap();
        let old = program(dir.path(), "old", "nats-server: v2.9.10");
        let search =
            Search { named: Some(old.into()), path: None, tools: dir.path().join("tools") };
        let told = search.run().await.unwrap_err().to_string();
        assert!(told.contains("is version 2.9.10, and 2.10.0 or newer is needed"), "{told}");
        assert!(told.contains("name another, or unset it"), "{told}");
    }
}
