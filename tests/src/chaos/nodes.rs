//! Nodes as processes: started, killed, paused, cut off and stopped.

use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tokio::process::{Child, ChildStdin, Command};

use super::plant::Plant;
use crate::{nats::Servers, proxy::Proxy};

/// How long a node may take until it is up.
const UP_WITHIN: Duration = Duration::from_mins(1);
/// How many of the last lines of a node's log are told.
const LINES_TOLD: usize = 6;

/// What is the same for all nodes.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    /// The program.
    pub(super) program: PathBuf,
    /// Where everything is written.
    pub(super) folder: PathBuf,
    /// On how many servers streams are kept.
    pub(super) replicas: usize,
    /// How many shards there are.
    pub(super) shards: u16,
    /// What is planted in coordinators.
    pub(super) plant: Plant,
}

impl Stage {
    /// The book of all agents.
    pub(super) fn book(&self) -> PathBuf {
        self.folder.join("executions")
    }
}

/// A node that runs or does not.
#[derive(Debug)]
pub(super) struct Place {
    /// What it is called.
    pub(super) name: String,
    /// Whether it leads; otherwise it hosts an agent.
    pub(super) leads: bool,
    /// How it reaches the servers, if it does not do so straight away.
    pub(super) proxies: Vec<Proxy>,
    urls: Vec<String>,
    child: Option<Child>,
    /// It ends at once when this is closed.
    leash: Option<ChildStdin>,
    /// Whether it stands still.
    pub(super) is_paused: bool,
}

impl Place {
    /// A node that does not run yet.
    pub(super) async fn new(name: &str, leads: bool, servers: &Servers, proxied: bool) -> Self {
        let mut between = Vec::new();
        for server in 0..servers.count() {
            if proxied {
                between.push(Proxy::to(servers.port(server)).await);
            }
        }
        let urls = if proxied { between.iter().map(Proxy::url).collect() } else { servers.urls() };
        Self {
            name: name.to_owned(),
            leads,
            proxies: between,
            urls,
            child: None,
            leash: None,
            is_paused: false,
        }
    }

    /// Its process, while it runs.
    pub(super) fn process(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Starts it; it is up a while later.
    pub(super) fn start(&mut self, stage: &Stage) {
        let file = |name: String| {
            let opened = OpenOptions::new().create(true).append(true).open(stage.folder.join(name));
            opened.expect("a file of a node opens")
        };
        let mut command = Command::new(&stage.program);
        command.args(["--name", &self.name]);
        command.args(["--shards", &stage.shards.to_string()]);
        command.args(["--replicas", &stage.replicas.to_string()]);
        for url in &self.urls {
            command.args(["--url", url]);
        }
        command.arg("--folder").arg(stage.folder.join(&self.name));
        command.arg("--book").arg(stage.book());
        if self.leads {
            command.args(["--roles", "coordinator"]);
            if let Some((name, value)) = stage.plant.variable() {
                command.env(name, value);
            }
        } else {
            command.args(["--roles", "agents", "--agent", &format!("{}-agent:8:24", self.name)]);
        }
        command.stdin(Stdio::piped()).stdout(file(format!("{}.out", self.name)));
        command.stderr(file(format!("{}.log", self.name)));
        command.process_group(0).kill_on_drop(true);
        let mut child = command.spawn().expect("a node starts");
        // Whoever waits for a child closes what it reads.
        self.leash = child.stdin.take();
        self.child = Some(child);
        self.is_paused = false;
    }

    /// What it said last.
    pub(super) fn last_word(&self, folder: &Path) -> String {
        let said = fs::read_to_string(folder.join(format!("{}.out", self.name)));
        said.unwrap_or_default().lines().last().unwrap_or_default().to_owned()
    }

    /// The end of its log, on one line.
    pub(super) fn log_end(&self, folder: &Path) -> String {
        let log = fs::read_to_string(folder.join(format!("{}.log", self.name)));
        let log = log.unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LINES_TOLD)..].join(" | ")
    }

    /// How often it said that it is up.
    fn ups(&self, folder: &Path) -> usize {
        let said = fs::read_to_string(folder.join(format!("{}.out", self.name)));
        said.unwrap_or_default().lines().filter(|line| line.starts_with("up ")).count()
    }

    /// Waits until its first life is up.
    pub(super) async fn until_up(&mut self, folder: &Path) -> Result<(), String> {
        let up = async {
            while self.ups(folder) == 0 {
                if self.has_ended() {
                    return Err(format!("{} ended at its start", self.name));
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok(())
        };
        let up = tokio::time::timeout(UP_WITHIN, up).await;
        up.unwrap_or_else(|_| Err(format!("{} is not up in {UP_WITHIN:?}", self.name)))
    }

    /// Whether it has ended by itself.
    pub(super) fn has_ended(&mut self) -> bool {
        let ended = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
        ended.is_some()
    }

    /// Kills it as a crash would; it is gone when this returns.
    pub(super) async fn kill(&mut self) {
        self.signal(Signal::KILL);
        if let Some(mut child) = self.child.take() {
            let _ = child.wait().await;
        }
        self.is_paused = false;
    }

    /// Lets it stand still.
    pub(super) fn pause(&mut self) {
        self.signal(Signal::STOP);
        if let Some(pid) = self.pid() {
            let _ = waitpid(Some(pid), WaitOptions::UNTRACED);
        }
        self.is_paused = true;
    }

    /// Lets it go on.
    pub(super) fn resume(&mut self) {
        self.signal(Signal::CONT);
        self.is_paused = false;
    }

    /// Asks it to stop in order. From now on it is the business of whoever asked.
    pub(super) fn ask_to_stop(&mut self) -> Option<Stopping> {
        self.signal(Signal::TERM);
        let process = self.process()?;
        let child = self.child.take()?;
        Some(Stopping { child, process, _leash: self.leash.take() })
    }

    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.process()?).ok().and_then(Pid::from_raw)
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid() {
            // One that has ended by itself is seen when it is looked for.
            let _ = kill_process(pid, signal);
        }
    }

    /// How much memory its process has, in KiB.
    pub(super) fn memory(&self) -> u64 {
        let Some(process) = self.process() else { return 0 };
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    }
}

/// A node that was asked to stop.
#[derive(Debug)]
pub(super) struct Stopping {
    child: Child,
    /// Its process.
    pub(super) process: u32,
    // It ends at once when this is closed.
    _leash: Option<ChildStdin>,
}

impl Stopping {
    /// How it ended, once it has.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// What its threads are at, for whoever has to find out why it does not end.
    pub(super) fn threads(&self) -> String {
        let Ok(threads) = fs::read_dir(format!("/proc/{}/task", self.process)) else {
            return String::new();
        };
        let state = |thread: PathBuf| {
            let read = |name: &str| fs::read_to_string(thread.join(name)).unwrap_or_default();
            let stat = read("stat");
            let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
            let fields: Vec<&str> = rest.split_whitespace().collect();
            let at = |field: usize| fields.get(field).copied().unwrap_or("?");
            format!("{} {} {} ticks in {}", read("comm").trim(), at(0), at(11), read("wchan"))
        };
        threads.flatten().map(|thread| state(thread.path())).collect::<Vec<_>>().join(", ")
    }

    /// Kills it.
    pub(super) async fn kill(mut self) {
        let _ = self.child.kill().await;
    }
}

/// How many processes there are in the group of a process.
pub(super) fn left_of(process: u32) -> usize {
    let Ok(all) = fs::read_dir("/proc") else { return 0 };
    let in_group = |stat: &str| {
        // The name of the program stands in brackets and may hold anything.
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        rest.split_whitespace().nth(2).and_then(|group| group.parse().ok()) == Some(process)
    };
    all.flatten()
        .filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok())
        .filter(|stat| in_group(stat))
        .count()
}
