//! A program that runs under a lock: started so that it ends with this process, and ended when the
//! lock is lost.

use std::{
    convert::Infallible,
    ffi::OsString,
    io::{self, IsTerminal as _},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::ExitStatus,
    time::Duration,
};

use orkestra_runtime::{Error, ErrorKind, Result};
use rustix::process::{
    Pid, Signal, getppid, kill_process, kill_process_group, set_parent_process_death_signal,
};
use tokio::process::{Child, Command};

use crate::output::Exit;

/// What a shell ends with when a program cannot be started, and when there is none.
const CANNOT_START: u8 = 126;
const NO_PROGRAM: u8 = 127;
/// What a shell adds to the number of a signal.
const BY_SIGNAL: i32 = 128;

/// A program that runs.
#[derive(Debug)]
pub(super) struct Program {
    child: Child,
    /// Its own group, which is ended as a whole; none where it shares that of a terminal.
    group: Option<Pid>,
    /// The signal that was handed on to it last.
    handed_on: Option<Signal>,
}

impl Program {
    /// Starts a program with these variables beside those of this process.
    ///
    /// At a terminal it stays in the group that the terminal speaks to, so that it can read there.
    pub(super) fn start(command: &[OsString], env: &[(&str, String)]) -> Result<Self> {
        let failed = |error| Error::new(ErrorKind::Io, "cannot start the program").because(error);
        let own = std::env::current_exe().map_err(failed)?;
        let has_group = !io::stdin().is_terminal();
        let mut started = Command::new(own);
        // This program replaces itself by that one, and is killed when its parent is gone: nothing
        // goes on under a lock that nobody renews.
        started.args(["lock", "exec", "--parent", &std::process::id().to_string(), "--"]);
        started
            .args(command)
            .envs(env.iter().map(|(name, value)| (name, value)))
            .kill_on_drop(true);
        if has_group {
            started.process_group(0);
        }
        let child = started.spawn().map_err(failed)?;
        let group = pid_of(&child).filter(|_| has_group);
        Ok(Self { child, group, handed_on: None })
    }

    /// Waits for its end; dropping this loses nothing.
    pub(super) async fn ended(&mut self) -> Result<Exit> {
        let status = self.child.wait().await;
        let failed =
            |error| Error::new(ErrorKind::Io, "cannot wait for the program").because(error);
        // A process that was just being made by one of the group may have missed the signal.
        if let (Some(group), Some(signal)) = (self.group, self.handed_on.take()) {
            let _ = kill_process_group(group, signal);
        }
        Ok(exit_of(status.map_err(failed)?))
    }

    /// Hands a signal on to it; one that has ended hears nothing.
    pub(super) fn signal(&mut self, signal: Signal) {
        self.handed_on = Some(signal);
        // What is gone already needs no signal.
        let _ = match (self.group, pid_of(&self.child)) {
            (Some(group), Some(_)) => kill_process_group(group, signal),
            (None, Some(pid)) => kill_process(pid, signal),
            (_, None) => Ok(()),
        };
    }

    /// Asks it to end, and kills it after the grace.
    pub(super) async fn stop(mut self, grace: Duration) -> Result<()> {
        self.signal(Signal::TERM);
        if tokio::time::timeout(grace, self.child.wait()).await.is_err() {
            self.signal(Signal::KILL);
        }
        self.ended().await.map(drop)
    }
}

/// None of one that has ended and was waited for.
fn pid_of(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
}

fn exit_of(status: ExitStatus) -> Exit {
    let code = status.code().or_else(|| Some(BY_SIGNAL + status.signal()?));
    Exit::Of(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX))
}

/// Replaces this process by a program that is killed when its parent ends; answers only if that
/// cannot be done.
pub(in crate::cli) fn become_program(parent: i32, command: &[OsString]) -> (Exit, String) {
    let Err(error) = replaced(parent, command);
    let code = if error.kind() == io::ErrorKind::NotFound { NO_PROGRAM } else { CANNOT_START };
    let name = command.first().map(|name| name.to_string_lossy().into_owned());
    (Exit::Of(code), format!("cannot start {:?}: {error}", name.unwrap_or_default()))
}

fn replaced(parent: i32, command: &[OsString]) -> io::Result<Infallible> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have gone before that was said.
    if getppid().map(Pid::as_raw_nonzero).map(std::num::NonZero::get) != Some(parent) {
        return Err(io::Error::other("the process that it is run for is gone"));
    }
    let (program, args) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    Err(std::process::Command::new(program).args(args).exec())
}
