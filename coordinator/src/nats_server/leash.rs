//! What ends a process when this one is no more.

use std::process::{Child, Command, Stdio};

use orkestra_runtime::{Error, ErrorKind, Result};

/// A small process that waits for us to be gone, and then kills what it watches.
///
/// It holds the other end of a pipe that only this process holds: however this process ends, the
/// system closes the pipe.
#[derive(Debug)]
pub(super) struct Leash(Child);

impl Leash {
    /// Watches a process.
    pub(super) fn on(pid: u32) -> Result<Self> {
        use std::os::unix::process::CommandExt as _;
        let mut command = Command::new("sh");
        // A key that interrupts this process must not end the watch, so it has its own group.
        command.args(["-c", "read -r _; kill -9 \"$0\" 2>/dev/null"]).arg(pid.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        command.spawn().map(Self).map_err(|error| {
            let message = "cannot start the shell that would end nats-server with this process";
            Error::new(ErrorKind::Io, message).because(error)
        })
    }
}

/// Takes the leash off. That has to be done as soon as the process that it watches is reaped:
/// later its number may belong to somebody else.
impl Drop for Leash {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    fn sleeper() -> Child {
        Command::new("sleep").arg("600").spawn().unwrap()
    }

    #[test]
    fn what_is_watched_is_killed_when_the_pipe_of_its_owner_closes() {
        let mut watched = sleeper();
        let mut leash = Leash::on(watched.id()).unwrap();
        // As the system does when a process ends in whatever way.
        drop(leash.0.stdin.take());
        assert_eq!(watched.wait().unwrap().signal(), Some(9));
    }

    #[test]
    fn what_is_watched_lives_on_when_its_leash_is_taken_off() {
        let mut watched = sleeper();
        drop(Leash::on(watched.id()).unwrap());
        assert!(watched.try_wait().unwrap().is_none());
        watched.kill().unwrap();
        watched.wait().unwrap();
    }
}
