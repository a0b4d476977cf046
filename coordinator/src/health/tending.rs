//! What the supervision log says: who ended and came back, and how long the node was up.

use std::{collections::BTreeMap, time::Duration};

use orkestra_runtime::{
    supervise::{event::What, log::Record},
    time::Wall,
};

use super::{
    incidents::{Incident, IncidentKind, Incidents},
    lives::Lives,
};

/// Where agents stand in the tree.
pub const AGENTS: &str = "node/house/agents/";

/// What is said of the journal when it is full.
const JOURNAL: &str = "journal";

/// What the supervision log says, up to a line.
#[derive(Clone, Debug, Default)]
pub struct Tending {
    lives: Lives,
    life: u32,
    is_over: bool,
    heard: Wall,
    /// When each life began, and when it was last heard of.
    spans: Vec<(Wall, Wall)>,
    parked: BTreeMap<String, String>,
    restarts: u64,
    incidents: Incidents,
}

impl Tending {
    /// What the logs of the nodes of a cluster say together: starts, restarts and what went wrong on
    /// all of them. It was up as long as the one that was up longest.
    pub fn of_nodes<'a>(lines: impl IntoIterator<Item = (&'a str, Vec<Record>)>) -> Self {
        let mut all = Self::default();
        for (node, records) in lines {
            let mut one = Self::default();
            for record in &records {
                one.add(record);
            }
            if one.uptime() >= all.uptime() {
                all.spans.clone_from(&one.spans);
            }
            all.life += one.life;
            all.restarts += one.restarts;
            all.parked.append(&mut one.parked);
            all.incidents.join(node, one.incidents);
        }
        all
    }

    /// Folds the next line in; answers an incident that is over with it.
    pub fn add(&mut self, record: &Record) -> Option<Incident> {
        let mut over = None;
        let life = self.lives.of(record);
        if life != self.life {
            if self.life > 0 && !self.is_over {
                let kind = IncidentKind::NodeKilled;
                self.incidents.begin(kind, "node", "it ended without a word", self.heard);
                over = self.incidents.recover(kind, "node", record.at);
            }
            (self.life, self.is_over) = (life, false);
            self.parked.clear();
            self.spans.push((record.at, record.at));
        }
        self.heard = self.heard.max(record.at);
        self.hear(record.at);
        if record.what == What::LinesLost {
            return over;
        }
        if !record.who.contains('/') {
            self.is_over |= matches!(record.what, What::Stopped | What::GaveUp | What::StartFailed);
            return over;
        }
        self.tend(record).or(over)
    }

    fn tend(&mut self, record: &Record) -> Option<Incident> {
        let (kind, subject) = match record.who.strip_prefix(AGENTS) {
            Some(agent) => (IncidentKind::AgentEnded, agent),
            None => (IncidentKind::PartEnded, record.who.as_str()),
        };
        let why = record.why.as_deref().unwrap_or_default();
        let in_peace = matches!(why, "normal" | "shutdown");
        match record.what {
            What::Ended if in_peace => None,
            What::Ended | What::Hung | What::StartFailed => {
                self.incidents.begin(kind, subject, why, record.at);
                None
            }
            What::Started | What::Restarted => {
                self.restarts += u64::from(record.what == What::Restarted);
                self.parked.remove(subject);
                self.incidents.recover(kind, subject, record.at)
            }
            What::Parked | What::Lost => {
                self.parked.insert(subject.to_owned(), why.to_owned());
                self.incidents.give_up(kind, subject, record.at)
            }
            What::Stopped | What::GaveUp => self.incidents.give_up(kind, subject, record.at),
            _ => None,
        }
    }

    /// The node lived at this time: something else bears witness to it.
    pub fn hear(&mut self, at: Wall) {
        let begun = self.spans.partition_point(|(from, _)| *from <= at);
        if let Some((_, until)) = begun.checked_sub(1).and_then(|life| self.spans.get_mut(life)) {
            *until = (*until).max(at);
        }
    }

    /// The journal is full.
    pub fn journal_is_full(&mut self, at: Wall) {
        self.incidents.begin(IncidentKind::JournalFull, JOURNAL, "there is no room", at);
    }

    /// The journal has room again, if it was full.
    pub fn journal_has_room(&mut self, at: Wall) -> Option<Incident> {
        self.incidents.recover(IncidentKind::JournalFull, JOURNAL, at)
    }

    /// How long the node was up, over all its lives: from the first word of each to the last.
    pub fn uptime(&self) -> Duration {
        self.spans.iter().map(|(from, until)| until.since(*from)).sum()
    }

    /// How often the node was started.
    pub const fn starts(&self) -> u32 {
        self.life
    }

    /// How often something was started again by its supervisor.
    pub const fn restarts(&self) -> u64 {
        self.restarts
    }

    /// Why an agent is tried no more, if it is not.
    pub fn parked(&self, agent: &str) -> Option<&str> {
        self.parked.get(agent).map(String::as_str)
    }

    /// What went wrong with agents, with parts of the node, and with the node.
    pub const fn incidents(&self) -> &Incidents {
        &self.incidents
    }
}

/// The kind of an end, from the words in which it was told: one of `normal`, `shutdown`, `killed`,
/// `lost`, `hung`, `failed`.
pub fn reason_of(why: Option<&str>) -> &'static str {
    match why {
        Some("normal") => "normal",
        Some("shutdown") => "shutdown",
        Some("killed") => "killed",
        Some("lost") => "lost",
        Some("hung") => "hung",
        _ => "failed",
    }
}
