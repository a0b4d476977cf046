//! The supervision tree as the log tells it: the latest life of the node.

use std::collections::BTreeMap;

use orkestra_runtime::{
    id::Incarnation,
    supervise::{event::What, log::Record},
    time::Wall,
};
use serde::Serialize;

use crate::health::Lives;

/// What a child was doing when it was last told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Starting,
    Running,
    /// It is tried again at this time.
    BackingOff(Wall),
    Stopping,
    Stopped,
    /// It is tried no more until somebody restarts it.
    Parked,
    /// It had more restarts than are borne.
    GaveUp,
    /// It was killed and did not die.
    Lost,
}

/// How a life ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Ending {
    pub(super) at: Wall,
    pub(super) what: What,
    pub(super) why: Option<String>,
}

/// A child and all below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Branch {
    pub(super) path: String,
    pub(super) state: State,
    /// Since when.
    pub(super) since: Wall,
    pub(super) incarnation: Incarnation,
    /// Starts after the first, in this life of the node.
    pub(super) restarts: u32,
    pub(super) last_exit: Option<Ending>,
    /// The last exit that was no peaceful one.
    pub(super) last_failure: Option<Ending>,
    pub(super) children: Vec<Self>,
}

/// A tree, and what it is the tree of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Shown {
    /// The process that runs now, if one does.
    pub(super) pid: Option<u32>,
    /// The start of the node that is shown, from 1.
    pub(super) start: u32,
    /// When it was last heard of.
    pub(super) heard: Wall,
    /// Whether it ended in order, and said so.
    pub(super) ended: bool,
    pub(super) tree: Branch,
}

impl Shown {
    /// What it is that is shown, in one line.
    pub(super) fn standing(&self) -> String {
        let Self { start, heard, .. } = self;
        match (self.pid, self.ended) {
            (Some(pid), false) => {
                format!("process {pid} is at work; this is what its log says until {heard}")
            }
            (Some(pid), true) => {
                format!(
                    "process {pid} has not begun; this is start {start}, which ended at {heard}"
                )
            }
            (None, true) => format!("nothing runs here now; start {start} ended at {heard}"),
            (None, false) => format!(
                "nothing runs here now; start {start} was killed after {heard}: \
                 what stands as running ran then"
            ),
        }
    }
}

/// Folds records, in their order, into the tree of the latest life.
#[derive(Clone, Debug, Default)]
pub(super) struct Fold {
    lives: Lives,
    start: u32,
    heard: Wall,
    seen: BTreeMap<String, Seen>,
}

/// A child so far; `order` is that of the first time it was told of.
#[derive(Clone, Debug)]
struct Seen {
    order: usize,
    branch: Branch,
    has_started: bool,
}

impl Fold {
    pub(super) fn add(&mut self, record: &Record) {
        let start = self.lives.of(record);
        if start != self.start {
            self.seen.clear();
            self.start = start;
        }
        self.heard = record.at;
        if record.what == What::LinesLost {
            return;
        }
        for (end, _) in record.who.match_indices('/') {
            if let Some(above) = record.who.get(..end) {
                self.see(above, record.at);
            }
        }
        self.see(&record.who, record.at).take(record);
        if matches!(record.what, What::Ended | What::Stopped | What::Lost) {
            self.sink(&record.who, record.at);
        }
    }

    /// The tree, none if nothing was ever told.
    pub(super) fn shown(self, pid: Option<u32>) -> Option<Shown> {
        let Self { start, heard, seen, .. } = self;
        let mut below: BTreeMap<String, Vec<Seen>> = BTreeMap::new();
        let mut roots = Vec::new();
        for (path, seen) in seen {
            match path.rsplit_once('/') {
                Some((above, _)) => below.entry(above.to_owned()).or_default().push(seen),
                None => roots.push(seen),
            }
        }
        let root = roots.into_iter().min_by_key(|seen| seen.order)?;
        let tree = grown(root.branch, &mut below);
        let ended = matches!(tree.state, State::Stopped | State::GaveUp);
        Some(Shown { pid, start, heard, ended, tree })
    }

    fn see(&mut self, path: &str, at: Wall) -> &mut Seen {
        let order = self.seen.len();
        self.seen.entry(path.to_owned()).or_insert_with(|| Seen {
            order,
            branch: Branch {
                path: path.to_owned(),
                // Nobody starts a root but its process, and nobody tells of it.
                state: if path.contains('/') { State::Starting } else { State::Running },
                since: at,
                incarnation: Incarnation(0),
                restarts: 0,
                last_exit: None,
                last_failure: None,
                children: Vec::new(),
            },
            has_started: false,
        })
    }

    /// Nobody outlives his supervisor, though one that was killed has no time to say so.
    fn sink(&mut self, path: &str, at: Wall) {
        let below = format!("{path}/");
        for (_, seen) in
            self.seen.range_mut(below.clone()..).take_while(|(path, _)| path.starts_with(&below))
        {
            let is_down = matches!(
                seen.branch.state,
                State::Stopped | State::Parked | State::GaveUp | State::Lost
            );
            if !is_down {
                (seen.branch.state, seen.branch.since) = (State::Stopped, at);
            }
        }
    }
}

fn grown(mut branch: Branch, below: &mut BTreeMap<String, Vec<Seen>>) -> Branch {
    let mut children = below.remove(&branch.path).unwrap_or_default();
    children.sort_by_key(|seen| seen.order);
    branch.children = children.into_iter().map(|seen| grown(seen.branch, below)).collect();
    branch
}

impl Seen {
    fn take(&mut self, record: &Record) {
        let is_start = matches!(
            record.what,
            What::Started | What::Restarted | What::Ignored | What::StartFailed
        );
        let branch = &mut self.branch;
        // A supervisor's own lines bear no incarnation: none of its lives begins with them.
        let is_start = is_start && record.incarnation.0 > 0;
        if is_start {
            branch.restarts += u32::from(self.has_started);
            self.has_started = true;
            branch.incarnation = record.incarnation;
        }
        branch.state = match record.what {
            What::Started | What::Restarted => State::Running,
            What::Ignored | What::StartFailed | What::Ended | What::Stopped => State::Stopped,
            What::BackingOff => State::BackingOff(Wall::from_ms(
                record.at.as_ms().saturating_add(record.delay_ms.unwrap_or_default()),
            )),
            What::Hung | What::Killed => State::Stopping,
            What::Lost => State::Lost,
            What::Parked => State::Parked,
            What::GaveUp => State::GaveUp,
            What::LinesLost => branch.state,
        };
        branch.since = record.at;
        if is_exit(record.what) {
            let ending = Ending { at: record.at, what: record.what, why: record.why.clone() };
            if !is_peace(record) {
                branch.last_failure = Some(ending.clone());
            }
            branch.last_exit = Some(ending);
        }
    }
}

const fn is_exit(what: What) -> bool {
    matches!(
        what,
        What::StartFailed
            | What::Ended
            | What::Hung
            | What::Killed
            | What::Stopped
            | What::Lost
            | What::GaveUp
    )
}

fn is_peace(record: &Record) -> bool {
    let why = record.why.as_deref();
    match record.what {
        What::Ended => matches!(why, Some("normal" | "shutdown")),
        // It ended because it was asked to; that it had to be killed for it has a line of its own.
        What::Stopped => true,
        _ => false,
    }
}
