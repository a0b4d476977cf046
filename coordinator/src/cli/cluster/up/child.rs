//! One node of the cluster: a process of this same program, in a folder of its own.

use std::{
    fmt::Write as _,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    supervise::{event::What, log::Record},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    sync::{mpsc, watch},
};

use crate::{
    cli::{
        args::{Common, UpArgs},
        cluster::lines,
        settings::Settings,
        supervision::painted,
    },
    node::NodeRecord,
    output::{Console, Format},
};

/// How long a node may take to end in order before it is killed.
const STOP_WITHIN: Duration = Duration::from_secs(40);
/// How wide the names of children are.
const WHO_WIDTH: usize = 28;

/// What a node said: an event of its own, as JSON.
pub(super) type Said = Value;

/// A node that can be started.
#[derive(Debug)]
pub(super) struct NodeProcess {
    pub(super) name: String,
    program: PathBuf,
    folder: PathBuf,
    config: PathBuf,
    verbose: u8,
}

impl NodeProcess {
    /// Writes the configuration of a node into a folder of its own.
    pub(super) fn write(
        folder: &Path,
        (args, number): (&UpArgs, u16),
        (common, settings, url): (&Common, &Settings, &str),
    ) -> Result<Self> {
        let name = format!("node-{number}");
        let folder = folder.join(&name);
        super::folder_at(&folder)?;
        let program = std::env::current_exe().map_err(|error| {
            Error::new(ErrorKind::Io, "cannot find the program of this process").because(error)
        })?;
        let config = folder.join("node.toml");
        let text = text((args, number), (settings, url), (&name, &folder));
        fs::write(&config, text).map_err(|error| {
            let message = format!("cannot write {}", config.display());
            Error::new(ErrorKind::Io, message).because(error)
        })?;
        Ok(Self { name, program, folder, config, verbose: common.verbose })
    }

    /// Runs it until it ends by itself, which is an error, or until it is told to stop.
    pub(super) async fn run(
        &self,
        lines: mpsc::Sender<Said>,
        mut stopping: watch::Receiver<bool>,
    ) -> Result<()> {
        if *stopping.borrow() {
            let _ = lines.send(self.stopped()).await;
            return Ok(());
        }
        let mut child = self.start()?;
        let pid = child.id();
        // Held apart: whoever waits for a child closes its input first, and that would end it.
        let _leash = child.stdin.take();
        let Some(out) = child.stdout.take() else {
            return Err(Error::new(ErrorKind::Fault, "a node has no output"));
        };
        let mut out = BufReader::new(out).lines();
        let said = async {
            while let Ok(Some(line)) = out.next_line().await {
                let Ok(said) = serde_json::from_str::<Value>(&line) else { continue };
                if lines.send(said).await.is_err() {
                    break;
                }
            }
        };
        tokio::pin!(said);
        let mut has_said_all = false;
        loop {
            tokio::select! {
                () = &mut said, if !has_said_all => has_said_all = true,
                status = child.wait() => {
                    let status = status.map_err(|error| failed(&self.name, error))?;
                    let why = self.last_words();
                    let message = format!("{} ended by itself ({status}){why}", self.name);
                    return Err(Error::new(ErrorKind::Unavailable, message));
                }
                _ = stopping.wait_for(|is| *is) => break,
            }
        }
        if let Some(pid) = pid.and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw) {
            // One that has ended meanwhile hears nothing.
            let _ = kill_process(pid, Signal::TERM);
        }
        let ended = async {
            loop {
                tokio::select! {
                    () = &mut said, if !has_said_all => has_said_all = true,
                    status = child.wait() => return status,
                }
            }
        };
        if let Ok(ended) = tokio::time::timeout(STOP_WITHIN, ended).await {
            ended.map_err(|error| failed(&self.name, error))?;
        } else {
            child.kill().await.map_err(|error| failed(&self.name, error))?;
        }
        let _ = lines.send(self.stopped()).await;
        Ok(())
    }

    fn start(&self) -> Result<Child> {
        let talk = File::options().create(true).append(true).open(self.talk());
        let talk = talk.map_err(|error| failed(&self.name, error))?;
        let mut command = Command::new(&self.program);
        command.arg("node").arg("--leash").arg("--config").arg(&self.config);
        command.args(std::iter::repeat_n("-v", usize::from(self.verbose)));
        // The other end of its input is held here alone: it notices when this process is gone.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(talk);
        // A key that interrupts this process is for this process, which then stops the nodes.
        command.process_group(0).kill_on_drop(true).current_dir(&self.folder);
        command.spawn().map_err(|error| failed(&self.name, error))
    }

    fn stopped(&self) -> Said {
        json!({"event": "stopped", "node": self.name})
    }

    fn talk(&self) -> PathBuf {
        self.folder.join("talk.log")
    }

    /// What it said to people at its end, if that was an error.
    fn last_words(&self) -> String {
        let talk = fs::read(self.talk()).unwrap_or_default();
        let talk = String::from_utf8_lossy(&talk).into_owned();
        let last = talk.lines().last().filter(|line| line.starts_with("error"));
        last.map(|line| format!(": {line}")).unwrap_or_default()
    }
}

fn failed(name: &str, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cannot run {name}")).because(error)
}

fn text(
    (args, number): (&UpArgs, u16),
    (settings, url): (&Settings, &str),
    (name, folder): (&str, &Path),
) -> String {
    let config = &settings.config;
    let hosts = args.agents.is_none_or(|agents| number <= agents);
    let roles = if hosts { "coordinator, agents" } else { "coordinator" };
    let mut text = format!(
        "data_dir = {}\n\n[node]\nname = \"{name}\"\nroles = \"{roles}\"\n",
        quoted(&folder.join("data"))
    );
    let cluster = &config.cluster_name.0;
    let shards = config.cluster_shards.0;
    // Writing to a text cannot fail.
    let _ = write!(text, "\n[cluster]\nname = \"{cluster}\"\nshards = {shards}\n");
    text.push_str("\n[agents]\nhost = \"all\"\n");
    let _ = write!(text, "\n[nats]\nurl = \"{url}\"\n");
    text
}

fn quoted(path: &Path) -> String {
    json!(path.to_string_lossy()).to_string()
}

/// Shows what a node said; what is as it should be only where all is wanted.
pub(super) fn tell(said: &Said, all: bool, console: &mut Console) -> Result<()> {
    if console.format() == Format::Ndjson {
        return console.line(said);
    }
    let node = said["node"].as_str().unwrap_or_default();
    let line = match said["event"].as_str() {
        Some("supervision") => {
            let Ok(line) = serde_json::from_value::<NodeRecord>(said.clone()) else {
                return Ok(());
            };
            if !all && is_usual(&line.record) {
                return Ok(());
            }
            lines::shown(&line, console.surroundings().colours_data())
        }
        Some("up") => format!("{node:<10} is up, process {}, life {}", said["pid"], said["life"]),
        Some("leads") => {
            let shards = said["shards"].as_array().map_or(0, Vec::len);
            format!("{node:<10} leads {shards} shards")
        }
        Some("member") => {
            let member = said["member"].as_str().unwrap_or_default();
            let state = said["state"].as_str().unwrap_or_default();
            if !all && state == "up" {
                return Ok(());
            }
            format!("{node:<10} sees {member}: {state}")
        }
        Some("connection") if said["connected"] == true => format!("{node:<10} has NATS again"),
        Some("connection") => format!("{node:<10} has lost NATS"),
        Some("stopped") => format!("{node:<10} has stopped"),
        _ => return Ok(()),
    };
    console.text(&line)
}

/// Shows a line of this process's own supervision log: what became of the nodes.
pub(super) fn tell_own(record: &Arc<Record>, all: bool, console: &mut Console) -> Result<()> {
    if console.format() == Format::Ndjson {
        return console.line(&json!({"event": "supervision", "record": **record}));
    }
    if !all && is_usual(record) {
        return Ok(());
    }
    let painted = painted(record, WHO_WIDTH, console.surroundings().colours_data());
    console.text(&format!("{:<10} {painted}", "up"))
}

/// A first start, or an end that was asked for: hundreds of them make a node.
fn is_usual(record: &Record) -> bool {
    match record.what {
        What::Started => !record.who.contains("/agents/"),
        What::Stopped | What::Ignored => true,
        What::StartFailed
        | What::Ended
        | What::BackingOff
        | What::Killed
        | What::Restarted
        | What::Hung
        | What::Lost
        | What::Parked
        | What::GaveUp
        | What::LinesLost => false,
    }
}
