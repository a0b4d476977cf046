//! This executable again, in a process of its own.

use std::process::Stdio;

use clap::{ValueEnum as _, builder::PossibleValue};
use orkestra_runtime::{Error, ErrorKind, Result};
use tokio::process::Command;

use super::{Figure, Part, Place, cannot};

/// The command that measures a part; its data lies below the folder of the bench.
pub(super) fn command(part: Part, place: &Place) -> Result<Command> {
    let program = std::env::current_exe().map_err(|error| cannot("find this program", error))?;
    let name = part.to_possible_value();
    let folder = place.room(name.as_ref().map_or("part", PossibleValue::get_name));
    std::fs::create_dir_all(&folder).map_err(|error| cannot("make a folder", error))?;
    let mut command = Command::new(program);
    command.args(["bench", "--output", "ndjson", "--part"]);
    command.args(name.as_ref().map(PossibleValue::get_name));
    command.arg("--data-dir").arg(folder);
    command.stdin(Stdio::null()).kill_on_drop(true);
    Ok(command)
}

/// Measures a part in its own process.
pub(super) async fn measure(part: Part, place: &Place) -> Result<Vec<Figure>> {
    let output = command(part, place)?.output().await;
    let output = output.map_err(|error| cannot("start this program again", error))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let message = format!("the bench of {part:?} ended with {}", output.status);
        return Err(Error::new(ErrorKind::Fault, message).because(said));
    }
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| {
            serde_json::from_str(line).map_err(|error| cannot("read a figure of a part", error))
        })
        .collect()
}

/// A line of what this system tells about this process, in kibibytes: `VmHWM`, `VmRSS`.
pub(super) fn memory_kib(line: &str) -> Option<u32> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let found =
        text.lines().find_map(|candidate| candidate.strip_prefix(line)?.strip_prefix(':'))?;
    found.split_whitespace().next()?.parse().ok()
}
