//! The machine: room, time, limits.

use std::{fs, path::Path, time::Duration};

use orkestra_runtime::{
    protocol::check::{Category, Level},
    time::{Now, Wall},
};
use rustix::process::{Resource, getrlimit};

use super::{Finding, parse};

/// Fewer open files than this are soon used up: each program takes several.
const FILES_MIN: u64 = 1_024;
/// Fewer processes than this are soon used up.
const PROCESSES_MIN: u64 = 256;
/// By how much the record may lie ahead of the clock.
const AHEAD_MAX: Duration = Duration::from_secs(2);

/// Looks at the machine below a folder. With the time is told when the last record was written.
pub(super) async fn look(
    dir: &Path,
    (now, last_record): (Now, Option<Wall>),
    findings: &mut Vec<Finding>,
) {
    let dir = dir.to_owned();
    let looked = tokio::task::spawn_blocking(move || {
        let mut found = room(&dir);
        found.push(clock(now.wall, last_record));
        found.extend(time_service());
        found.push(rlimit("Open Files", Resource::Nofile, FILES_MIN));
        found.push(rlimit("Processes", Resource::Nproc, PROCESSES_MIN));
        found.extend(memory());
        found.extend(group());
        found
    });
    match looked.await {
        Ok(found) => findings.extend(found),
        Err(error) => {
            findings.push(finding("Machine", Level::Warning, format!("cannot check: {error}")));
        }
    }
}

fn finding(name: &str, level: Level, message: impl Into<String>) -> Finding {
    Finding::new(("host", Category::Resources), name, level, message)
}

/// Bytes and inodes that are free where the folder is, or will be.
fn room(dir: &Path) -> Vec<Finding> {
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let there = dir.ancestors().find(|path| path.exists()).unwrap_or_else(|| Path::new("/"));
    let about = match rustix::fs::statvfs(there) {
        Ok(about) => about,
        Err(error) => {
            return vec![finding("Disk Space", Level::Warning, format!("cannot check: {error}"))];
        }
    };
    let (free, total) = (about.f_bavail, about.f_blocks);
    vec![
        share("Disk Space", (free, total), "make room on this disk, or move the folder"),
        share("Inodes", (about.f_favail, about.f_files), "remove files that nobody needs"),
    ]
}

/// Below 10 % free it is a warning, below 5 % critical.
pub(super) fn share(name: &str, (free, total): (u64, u64), advice: &str) -> Finding {
    let percent = u128::from(free) * 100 / u128::from(total.max(1));
    let level = Level::of_room(free, total);
    if total == 0 {
        return finding(name, level, "this file system tells no number");
    }
    let found = finding(name, level, format!("{percent} % are free"));
    if level == Level::Pass { found } else { found.advise(advice) }
}

/// Whether the clock was set back since the last record.
pub(super) fn clock(now: Wall, last_record: Option<Wall>) -> Finding {
    let named = |level, message: String| {
        Finding::new(("host", Category::Consistency), "Clock", level, message)
    };
    let Some(last) = last_record else { return named(Level::Pass, format!("it is {now}")) };
    let ahead = last.since(now);
    if ahead > AHEAD_MAX {
        let message =
            format!("it is {now}, and the last record was written {} s later", ahead.as_secs());
        return named(Level::Warning, message).advise(
            "set the clock; until then deadlines and retries wait for it, and nothing is unsafe",
        );
    }
    named(Level::Pass, format!("it is {now}, after the last record"))
}

/// What the time service of systemd says, where it runs; elsewhere nothing is claimed.
fn time_service() -> Option<Finding> {
    let folder = Path::new("/run/systemd/timesync");
    if !folder.exists() {
        return None;
    }
    Some(if folder.join("synchronized").exists() {
        finding("Time Service", Level::Pass, "the clock is synchronized")
    } else {
        finding("Time Service", Level::Warning, "the clock is not synchronized")
            .advise("see `timedatectl`")
    })
}

fn rlimit(name: &str, resource: Resource, least: u64) -> Finding {
    match getrlimit(resource).current {
        None => finding(name, Level::Pass, "no limit"),
        Some(most) if most < least => finding(name, Level::Warning, format!("at most {most}"))
            .advise(format!(
                "raise the limit to {least} or more with `ulimit`, or have fewer agents"
            )),
        Some(most) => finding(name, Level::Pass, format!("at most {most}")),
    }
}

fn memory() -> Option<Finding> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let free = parse::meminfo(&text, "MemAvailable")?;
    let total = parse::meminfo(&text, "MemTotal")?;
    Some(share("Memory", (free, total), "end what needs much of it, or have fewer agents"))
}

/// The control group's limits of memory and processes, where there is one.
fn group() -> Vec<Finding> {
    let Some(folder) =
        fs::read_to_string("/proc/self/cgroup").ok().and_then(|text| parse::cgroup(&text))
    else {
        return Vec::new();
    };
    let read = |name: &str| parse::limit(&fs::read_to_string(folder.join(name)).ok()?);
    let pairs = [
        ("Control Group Memory", "memory.max", "memory.current"),
        ("Control Group Processes", "pids.max", "pids.current"),
    ];
    let found = pairs.into_iter().filter_map(|(name, most, used)| {
        let (most, used) = (read(most)?, read(used)?);
        let free = most.saturating_sub(used);
        Some(share(
            name,
            (free, most),
            "raise the limit of the control group, or have fewer agents",
        ))
    });
    found.collect()
}
