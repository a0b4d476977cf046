//! What a process that works with agents does for its own sake before it begins: what it is told
//! and what it writes is for its owner alone, and so it is for the programs that it starts.

use orkestra_runtime::{Error, ErrorKind, Result};
use rustix::{
    fs::Mode,
    process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit, umask},
};

/// Guards this process; programs that it starts inherit all but the second.
///
/// 1. Files and folders that are made are for their owner (mode 600 and 700).
/// 2. Other processes of this user cannot read its memory or its environment, where secrets may be,
///    unless they are root's.
/// 3. Nothing writes its memory to the disk when it crashes.
///
/// What it cannot do is to keep open files to itself that it was handed: it tells of them.
pub(super) fn guard() -> Result<()> {
    let handed = handed_on();
    if !handed.is_empty() {
        tracing::info!(
            ?handed,
            "file descriptors were handed to this process, and go on to programs"
        );
    }
    umask(Mode::RWXG | Mode::RWXO);
    let failed = |error| {
        Error::new(ErrorKind::Io, "cannot keep this process's memory to itself").because(error)
    };
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).map_err(std::io::Error::from).map_err(failed)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(std::io::Error::from)
        .map_err(failed)
}

/// The descriptors beyond the usual three that programs inherit. This process opens none such.
fn handed_on() -> Vec<u32> {
    const CLOSE_ON_EXEC: u32 = 0o2_000_000;
    let Ok(entries) = std::fs::read_dir("/proc/self/fdinfo") else { return Vec::new() };
    let is_handed_on = |number: &u32| {
        let about = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).ok()?;
        let flags = about.lines().find_map(|line| line.strip_prefix("flags:"))?;
        let flags = u32::from_str_radix(flags.trim(), 8).ok()?;
        Some(flags & CLOSE_ON_EXEC == 0)
    };
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut found: Vec<u32> =
        numbers.filter(|number| *number > 2 && is_handed_on(number).unwrap_or(false)).collect();
    found.sort_unstable();
    found
}
