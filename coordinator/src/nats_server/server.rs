//! A server that runs.

use std::{
    fs::{self, OpenOptions},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use orkestra_runtime::{Error, ErrorKind, Result};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tokio::process::{Child, Command};

use super::{find::Binary, health, leash::Leash, spec::ServerSpec};

/// How long a server may take until it is ready; a cluster has to find its leader.
const STARTING: Duration = Duration::from_mins(1);
/// How long an orderly stop may take: a server with streams closes each of them.
const STOPPING: Duration = Duration::from_secs(20);
/// How often a server is asked whether it is ready.
const ASKING: Duration = Duration::from_millis(20);
/// How much of a log is told when a server has failed.
const LINES_TOLD: usize = 3;

/// A server that runs on this machine. It is killed when it is dropped, and also when this process
/// ends in whatever way.
#[derive(Debug)]
pub struct Server {
    spec: ServerSpec,
    child: Child,
    pid: Option<Pid>,
    leash: Option<Leash>,
}

impl Server {
    /// Starts a server and waits until it is ready.
    pub async fn start(binary: &Binary, spec: ServerSpec) -> Result<Self> {
        let mut server = Self::launch(binary, spec)?;
        server.ready().await?;
        Ok(server)
    }

    /// Starts a server that need not be ready: one of a cluster waits for the others.
    pub fn launch(binary: &Binary, spec: ServerSpec) -> Result<Self> {
        let failed = |what: &str, error: std::io::Error| {
            let message = format!("cannot {what} for nats-server in {}", spec.folder.display());
            Error::new(ErrorKind::Io, message).because(error)
        };
        fs::create_dir_all(&spec.folder).map_err(|error| failed("make a folder", error))?;
        if spec.given.is_none() {
            fs::write(spec.config_path(), spec.config()?)
                .map_err(|error| failed("write the configuration", error))?;
        }
        let log = OpenOptions::new().create(true).append(true).open(spec.log_path());
        let log = log.map_err(|error| failed("open a log", error))?;
        let more = log.try_clone().map_err(|error| failed("open a log", error))?;
        let mut command = Command::new(&binary.path);
        command.arg("--config").arg(spec.config_path()).current_dir(&spec.folder);
        // These hold before what the configuration says, which says the same unless it was given.
        command.arg("--port").arg(spec.ports.client.to_string());
        command.arg("--http_port").arg(spec.ports.monitor.to_string());
        command.stdin(Stdio::null()).stdout(log).stderr(more);
        // A key that interrupts this process is for this process, which then stops the server.
        command.process_group(0).kill_on_drop(true);
        let child = command.spawn().map_err(|error| {
            Error::new(ErrorKind::Io, format!("cannot start {}", binary.path.display()))
                .because(error)
        })?;
        let number = child.id().unwrap_or_default();
        let pid = i32::try_from(number).ok().and_then(Pid::from_raw);
        let mut server = Self { spec, child, pid, leash: None };
        server.leash = Some(Leash::on(number)?);
        Ok(server)
    }

    /// Waits until it takes clients and its JetStream can be used.
    pub async fn ready(&mut self) -> Result<()> {
        let waiting = async {
            while !health::is_healthy(self.spec.ports.monitor).await {
                let status = self.child.try_wait();
                if let Ok(Some(status)) = status {
                    return Err(self.told(&format!("ended at its start ({status})")));
                }
                tokio::time::sleep(ASKING).await;
            }
            Ok(())
        };
        match tokio::time::timeout(STARTING, waiting).await {
            Ok(done) => done,
            Err(_) => Err(self.told("was not ready in time")),
        }
    }

    /// What it was started with.
    pub const fn spec(&self) -> &ServerSpec {
        &self.spec
    }

    /// Where clients find it.
    pub fn url(&self) -> String {
        self.spec.url()
    }

    /// Its process, while it has not been seen to end.
    pub const fn pid(&self) -> Option<Pid> {
        self.pid
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        let status = self.child.wait().await;
        self.forget();
        status.map_err(|error| {
            Error::new(ErrorKind::Io, "cannot wait for nats-server").because(error)
        })
    }

    /// Sends a signal to it; one that has ended is left alone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let Some(pid) = self.pid else { return Ok(()) };
        kill_process(pid, signal).map_err(|error| {
            let message = format!("cannot signal the nats-server {:?}", self.spec.name);
            Error::new(ErrorKind::Io, message).because(error)
        })
    }

    /// Stops it in order; kills it if that takes too long.
    pub async fn stop(mut self) -> Result<()> {
        self.signal(Signal::TERM)?;
        // One that was paused has to run to hear it.
        self.signal(Signal::CONT)?;
        match tokio::time::timeout(STOPPING, self.ended()).await {
            Ok(status) => status.map(drop),
            Err(_) => {
                tracing::warn!(server = %self.spec.name, "nats-server did not stop and is killed");
                self.kill().await
            }
        }
    }

    /// Kills it as a crash would, and waits until it is gone.
    pub async fn kill(mut self) -> Result<()> {
        self.signal(Signal::KILL)?;
        self.ended().await.map(drop)
    }

    /// The end of its log, which says what went wrong.
    fn told(&self, what: &str) -> Error {
        let log = fs::read(self.spec.log_path()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).into_owned();
        let bad = |line: &&str| line.contains("[FTL]") || line.contains("[ERR]");
        let mut lines: Vec<&str> = log.lines().filter(bad).collect();
        if lines.is_empty() {
            lines = log.lines().collect();
        }
        let last = lines.get(lines.len().saturating_sub(LINES_TOLD)..).unwrap_or_default();
        let name = &self.spec.name;
        let shown = self.spec.log_path();
        let message =
            format!("the nats-server {name:?} {what}; its log ({}) ends:", shown.display());
        Error::new(ErrorKind::Unavailable, format!("{message} {}", last.join("; ")))
    }

    fn forget(&mut self) {
        self.leash = None;
        self.pid = None;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Reaped here, so that whoever drops it may remove its folder at once. A process that was
        // killed does not keep one waiting.
        if let Some(pid) = self.pid {
            let _ = kill_process(pid, Signal::KILL);
            self.forget();
            let _ = waitpid(Some(pid), WaitOptions::empty());
        }
    }
}

/// Keeps a server as a duty: tells when it is ready, and stops it in order when `stop` comes. A
/// server that ends by itself is an error, so that a supervisor starts it again.
pub async fn run(
    binary: &Binary,
    spec: ServerSpec,
    ready: impl FnOnce(&Server) + Send,
    stop: impl Future<Output = ()> + Send,
) -> Result<()> {
    let mut server = Server::start(binary, spec).await?;
    ready(&server);
    let status = tokio::select! {
        status = server.ended() => status?,
        () = stop => return server.stop().await,
    };
    Err(server.told(&format!("ended by itself ({status})")))
}
