//! What Linux tells in small files.

use std::path::PathBuf;

/// The value in bytes of a line of `/proc/meminfo`: `MemAvailable:   123 kB`.
pub(super) fn meminfo(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// Where the control group of this process has its files, from `/proc/self/cgroup`; only for the
/// unified hierarchy.
pub(super) fn cgroup(text: &str) -> Option<PathBuf> {
    let path = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    Some(PathBuf::from("/sys/fs/cgroup").join(path.trim().trim_start_matches('/')))
}

/// A limit of a control group; none for `max`.
pub(super) fn limit(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_files_are_read_and_what_is_not_there_is_none() {
        let text = "MemTotal:       16384 kB\nMemAvailable:    2048 kB\nHugePages_Total:       0\n";
        assert_eq!(meminfo(text, "MemTotal"), Some(16 * 1024 * 1024));
        assert_eq!(meminfo(text, "MemAvailable"), Some(2 * 1024 * 1024));
        assert_eq!((meminfo(text, "Mem"), meminfo(text, "HugePages_Total")), (None, None));
        let group = PathBuf::from("/sys/fs/cgroup/user.slice/a.scope");
        assert_eq!(cgroup("0::/user.slice/a.scope\n"), Some(group));
        assert_eq!(cgroup("12:memory:/x\n"), None);
        assert_eq!((limit("max\n"), limit("1024\n")), (None, Some(1024)));
    }
}
