//! One node: a process of this same program, started, heard, and ended with all of its group.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use orkestra_runtime::{Error, ErrorKind, Result};
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, waitpid};
use serde_json::Value;
use tokio::{
    io::AsyncReadExt as _,
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::{mpsc, oneshot, watch},
};

use super::{
    alive::{Alive, One},
    lines::Lines,
};
use crate::cli::door::{LISTENING, WHAT};

/// How much is read of a node at once.
const READ_BYTES: usize = 8 * 1024;

/// What a node is started with.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// What it is called.
    pub(super) name: String,
    /// The program, and the words that it is started with.
    pub(super) program: PathBuf,
    pub(super) words: Vec<String>,
    /// The variables of this process that it must not have.
    pub(super) without: Vec<String>,
    /// What it says to people goes there.
    pub(super) log: PathBuf,
    /// How long it may take to end in order.
    pub(super) stop_within: Duration,
}

/// What became known of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It is up.
    Up { node: String, pid: u32, life: u64 },
    /// It leads so many shards.
    Leads { node: String, shards: usize },
    /// Clients come in there over gRPC.
    Listens { node: String, address: String },
}

/// What a process needs of this one.
#[derive(Clone, Debug)]
pub(super) struct Ties {
    /// Whom to tell what became known.
    pub(super) said: mpsc::Sender<Said>,
    /// Who counts it.
    pub(super) alive: Alive,
}

/// A node that runs. It is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Process {
    plan: Plan,
    child: Child,
    group: Option<Pid>,
    number: u32,
    out: Option<ChildStdout>,
    /// Held, and never written to: its other end tells the node when this process is gone. Waiting
    /// for a child would close it, if the child had it.
    _leash: Option<ChildStdin>,
    said: mpsc::Sender<Said>,
    // Last, so that it counts until all else is gone.
    _alive: One,
}

impl Process {
    pub(super) fn start(plan: Plan, ties: &Ties) -> Result<Self> {
        let failed = |error: std::io::Error| {
            let message = format!("cannot start {} with {}", plan.name, plan.program.display());
            Error::new(ErrorKind::Io, message).because(error)
        };
        let log = File::options().create(true).append(true).open(&plan.log).map_err(failed)?;
        let mut command = Command::new(&plan.program);
        command.args(&plan.words);
        for variable in &plan.without {
            command.env_remove(variable);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        // A key that interrupts this process is for this process, which then stops the nodes.
        command.process_group(0).kill_on_drop(true);
        let alive = ties.alive.one();
        let mut child = command.spawn().map_err(failed)?;
        let number = child.id().unwrap_or_default();
        let group = i32::try_from(number).ok().and_then(Pid::from_raw);
        let (out, leash) = (child.stdout.take(), child.stdin.take());
        let said = ties.said.clone();
        Ok(Self { plan, child, group, number, out, _leash: leash, said, _alive: alive })
    }

    /// Looks after it: tells when it is up, and stops it in order when that is wanted. One that ends
    /// by itself is an error, so that a supervisor starts it again.
    pub(super) async fn attend(
        mut self,
        up: oneshot::Sender<Result<()>>,
        mut stopping: watch::Receiver<bool>,
    ) -> Result<()> {
        let mut up = Some(up);
        let mut out = self.out.take();
        let (mut lines, mut chunk) = (Lines::default(), vec![0; READ_BYTES]);
        loop {
            tokio::select! {
                biased;
                // Whoever holds the other end is gone: nobody wants it any more.
                () = asked(&mut stopping) => break,
                bytes = read(&mut out, &mut chunk) => {
                    for line in lines.take(chunk.get(..bytes).unwrap_or_default()) {
                        self.hear(&line, &mut up).await;
                    }
                }
                status = self.child.wait() => {
                    let ended = self.ended(status.ok());
                    if let Some(up) = up {
                        let _ = up.send(Err(Error::new(ended.kind(), ended.to_string())));
                    }
                    return Err(ended);
                }
            }
        }
        self.stop(out).await
    }

    async fn hear(&self, text: &[u8], up: &mut Option<oneshot::Sender<Result<()>>>) {
        // What cannot be read is for somebody else.
        let Ok(said) = serde_json::from_slice::<Value>(text) else { return };
        let node = self.plan.name.clone();
        let told = match said["event"].as_str() {
            Some("up") => {
                let of = said["life"].as_u64();
                Said::Up { node, pid: self.number, life: of.unwrap_or_default() }
            }
            Some("leads") => {
                Said::Leads { node, shards: said["shards"].as_array().map_or(0, Vec::len) }
            }
            Some(LISTENING) if said[WHAT.0] == WHAT.1 => {
                let address = said["address"].as_str().unwrap_or_default().to_owned();
                Said::Listens { node, address }
            }
            _ => return,
        };
        let is_up = matches!(told, Said::Up { .. });
        let _ = self.said.send(told).await;
        if let Some(up) = up.take_if(|_| is_up) {
            let _ = up.send(Ok(()));
        }
    }

    /// Stops it in order; kills it if that takes too long.
    async fn stop(mut self, mut out: Option<ChildStdout>) -> Result<()> {
        self.signal(Signal::TERM);
        // One that was paused has to run to hear it.
        self.signal(Signal::CONT);
        let within = self.plan.stop_within;
        let name = self.plan.name.clone();
        let mut chunk = vec![0; READ_BYTES];
        let ended = tokio::time::timeout(within, async {
            loop {
                tokio::select! {
                    status = self.child.wait() => return status,
                    // It must not wait for somebody to read its last words.
                    _ = read(&mut out, &mut chunk) => {}
                }
            }
        });
        if ended.await.is_err() {
            let message = format!("{name} did not stop within {within:?} and was killed");
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        self.forget();
        Ok(())
    }

    /// Why it ended, in its own words as far as it left some.
    fn ended(&mut self, status: Option<ExitStatus>) -> Error {
        self.forget();
        let how = status.map_or_else(|| "nobody knows how".to_owned(), |status| status.to_string());
        let log = fs::read(&self.plan.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let was_refused = status.is_some_and(|status| status.code().is_some_and(|code| code != 0));
        // One that was killed said nothing about it.
        let last = log.lines().rfind(|line| was_refused && line.starts_with("error"));
        let last = last.map(|line| format!(": {line}")).unwrap_or_default();
        let message = format!("process {} ended, {how}{last}", self.number);
        Error::new(ErrorKind::Unavailable, message)
    }

    fn signal(&self, signal: Signal) {
        // A group that is gone already is what was wanted.
        if let Some(group) = self.group {
            let _ = kill_process_group(group, signal);
        }
    }

    /// Kills what is left of its group, once it is reaped: its number may belong to somebody else
    /// later.
    fn forget(&mut self) {
        self.signal(Signal::KILL);
        self.group = None;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Reaped here, so that whoever drops it may remove its folder at once. A process that was
        // killed does not keep one waiting.
        if let Some(pid) = self.group {
            self.forget();
            let _ = waitpid(Some(pid), WaitOptions::empty());
        }
    }
}

async fn asked(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|is| *is).await;
}

/// Reads what there is; waits for ever when there will be nothing more.
async fn read(out: &mut Option<ChildStdout>, chunk: &mut [u8]) -> usize {
    if let Some(open) = out
        && let Ok(bytes @ 1..) = open.read(chunk).await
    {
        return bytes;
    }
    *out = None;
    std::future::pending().await
}
