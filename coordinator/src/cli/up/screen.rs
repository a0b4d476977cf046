//! What is shown of a cluster: lines for a person, JSON for a program.

use std::{collections::BTreeMap, fmt};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    id::NodeId,
    supervise::{event::What, log::Record},
};
use serde_json::{Value, json};

use super::{
    burst::{self, Burst, Shown},
    process::Said,
    tree::ROOT,
};
use crate::{
    cli::supervision::painted,
    node::NodeRecord,
    output::{Console, Format},
};

/// How wide the names of nodes and of children are.
const NODE_WIDTH: usize = 8;
const WHO_WIDTH: usize = 24;

/// What was shown, and what is yet to be.
#[derive(Debug)]
pub(super) struct Screen {
    is_for_programs: bool,
    bursts: BTreeMap<String, Burst>,
    leads: BTreeMap<String, usize>,
    lives: BTreeMap<String, u32>,
    processes: BTreeMap<String, u32>,
}

impl Screen {
    pub(super) fn of(console: &Console) -> Result<Self> {
        let format = console.format();
        if matches!(format, Format::Json | Format::Yaml) {
            let message = "a cluster is shown line by line, and a document has an end: \
                           use -o table or -o ndjson";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let is_for_programs = format == Format::Ndjson || !console.surroundings().data_is_terminal;
        let (bursts, leads, lives, processes) = Default::default();
        Ok(Self { is_for_programs, bursts, leads, lives, processes })
    }

    /// How many shards our nodes lead, as they said last.
    pub(super) fn led(&self) -> usize {
        self.leads.values().sum()
    }

    /// The process of each of our nodes.
    pub(super) fn processes(&self) -> BTreeMap<String, u32> {
        self.processes.clone()
    }

    /// An event, for programs only.
    pub(super) fn event(&self, event: &Value, console: &mut Console) -> Result<()> {
        if self.is_for_programs { console.line(event) } else { Ok(()) }
    }

    /// A line of the supervision log of a node, or of this process.
    pub(super) fn record(&mut self, line: NodeRecord, console: &mut Console) -> Result<()> {
        if self.is_for_programs {
            let mut value = serde_json::to_value(&line).unwrap_or_default();
            if let Some(fields) = value.as_object_mut() {
                fields.insert("event".to_owned(), "supervision".into());
            }
            return console.line(&value);
        }
        let node = line.node.to_string();
        let burst = self.bursts.entry(node.clone()).or_default();
        if burst::can_wait(line.record.what) {
            burst.add(line.record);
            return Ok(());
        }
        let before = burst.take(true);
        show(&node, before, console)?;
        show_record(&node, &line.record, console)
    }

    /// A line of the supervision log of this process.
    pub(super) fn own(&mut self, record: &Record, console: &mut Console) -> Result<()> {
        let is_of_a_node = record.who.matches('/').count() > 1;
        // That a node is up it tells itself, with its process.
        let is_told = is_of_a_node && matches!(record.what, What::Started | What::Restarted);
        if is_told && !self.is_for_programs {
            return Ok(());
        }
        self.record(NodeRecord { node: NodeId::new(ROOT)?, record: record.clone() }, console)
    }

    /// What became known of a node of ours.
    pub(super) fn said(&mut self, said: &Said, console: &mut Console) -> Result<()> {
        match said {
            Said::Up { node, pid, life } => {
                let lives = self.lives.entry(node.clone()).or_default();
                *lives += 1;
                self.leads.remove(node);
                self.processes.insert(node.clone(), *pid);
                let again = if *lives > 1 { " again" } else { "" };
                let event = json!({"event": "up", "node": node, "pid": pid, "life": life});
                self.event(&event, console)?;
                self.tell(node, format_args!("is up{again}: process {pid}, life {life}"), console)
            }
            Said::Listens { node, address } => {
                let event =
                    json!({"event": "listening", "what": "grpc", "node": node, "address": address});
                self.event(&event, console)?;
                self.tell(node, format_args!("lets clients in over gRPC at {address}"), console)
            }
            Said::Leads { node, shards } => {
                let before = self.leads.insert(node.clone(), *shards);
                let event = json!({"event": "leads", "node": node, "shards": shards});
                self.event(&event, console)?;
                let was = before.map(|before| format!(", {before} before")).unwrap_or_default();
                let word = if *shards == 1 { "shard" } else { "shards" };
                self.tell(node, format_args!("leads {shards} {word}{was}"), console)
            }
        }
    }

    /// Shows what has waited.
    pub(super) fn flush(&mut self, now: bool, console: &mut Console) -> Result<()> {
        for (node, burst) in &mut self.bursts {
            let shown = burst.take(now);
            show(node, shown, console)?;
        }
        Ok(())
    }

    fn tell(&self, node: &str, what: impl fmt::Display, console: &mut Console) -> Result<()> {
        if self.is_for_programs {
            return Ok(());
        }
        let line = format!("{node:NODE_WIDTH$}  {what}");
        console.text(&emphasized(&line, console))
    }
}

fn emphasized(line: &str, console: &Console) -> String {
    if console.surroundings().colours_data() {
        format!("\u{1b}[1m{line}\u{1b}[0m")
    } else {
        line.to_owned()
    }
}

fn show(node: &str, shown: Option<Shown>, console: &mut Console) -> Result<()> {
    match shown {
        None => Ok(()),
        Some(Shown::Each(records)) => {
            records.iter().try_for_each(|record| show_record(node, record, console))
        }
        Some(Shown::Sum(clock, sum)) => {
            console.text(&format!("{node:NODE_WIDTH$}  {clock}  {sum}"))
        }
    }
}

fn show_record(node: &str, record: &Record, console: &mut Console) -> Result<()> {
    let line = painted(record, WHO_WIDTH, console.surroundings().colours_data());
    console.text(&format!("{node:NODE_WIDTH$}  {line}"))
}
