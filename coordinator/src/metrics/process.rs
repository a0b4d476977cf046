//! Figures of the process, where the operating system tells them.

use std::fs;

use rustix::time::{ClockId, clock_gettime};

/// Figures of the process; what the operating system does not tell is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Process {
    pub(super) resident_bytes: Option<u64>,
    pub(super) open_fds: Option<u64>,
    pub(super) cpu_seconds: Option<f64>,
}

impl Process {
    /// Those of this process, now.
    pub(super) fn now() -> Self {
        Self {
            resident_bytes: fs::read_to_string("/proc/self/status")
                .ok()
                .as_deref()
                .and_then(resident),
            open_fds: fs::read_dir("/proc/self/fd").ok().map(|open| {
                // Looking opens the folder itself.
                (open.count() as u64).saturating_sub(1)
            }),
            cpu_seconds: cpu(),
        }
    }
}

/// What stands in `VmRSS:  1234 kB`.
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1_024)
}

fn cpu() -> Option<f64> {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    let (whole, rest) = (u32::try_from(spent.tv_sec).ok()?, u32::try_from(spent.tv_nsec).ok()?);
    Some(f64::from(whole) + f64::from(rest) / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_operating_system_tells_is_read_and_anything_else_is_absent() {
        assert_eq!(resident("Name:\tx\nVmRSS:\t    1234 kB\nThreads:\t1\n"), Some(1_263_616));
        assert_eq!(resident("Name:\tx\n"), None);
        assert_eq!(resident("VmRSS:\tmuch\n"), None);
        assert!(cpu().is_some_and(|seconds| seconds > 0.0));
    }
}
