//! `orkestra bench`: this machine, and Orkestra on it.
//!
//! Each figure stands beside a baseline that was measured in the same run, since machines differ
//! and ratios do not. Nothing is asserted. Data lies in a temporary folder that is removed at the
//! end. What is measured by memory or by the start of a process runs in a process of its own: this
//! executable again, see [`Part`].

mod bare;
mod baseline;
mod child;
mod figure;
mod flat;
mod grpc;
mod idle;
mod locks;
mod nats;
mod pipeline;
mod replay;
mod restart;
mod shell;
mod start;
mod storm;
mod tally;
mod tasks;
mod votes;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    time::{Clock, SystemClock},
};

use tempfile::TempDir;

use baseline::Baselines;
pub use figure::{Figure, table};
pub(crate) use nats::serve;
pub use nats::{PeerPlace, Servers, measure as measure_over_nats};

/// All groups of figures, in the order in which they are measured.
const GROUPS: [&str; 19] = [
    "baseline",
    "tasks.1",
    "tasks.64",
    "tasks.4096",
    "pipeline",
    "votes",
    "shell",
    "restart",
    "replay",
    "agents.idle",
    "start",
    "storm",
    "memory.flat",
    "locks.pairs",
    "locks.handover",
    "locks.waiters",
    "grpc.status",
    "grpc.events",
    "tally",
];

/// What is measured in a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// A graph of ten thousand tasks.
    Pipeline,
    /// A million events, folded.
    Replay,
    /// Ten thousand idle agents.
    AgentsIdle,
    /// A node that starts, runs one task, and stops.
    Start,
    /// Ten thousand children that crash at once.
    Storm,
    /// A million tasks of one stream.
    MemoryFlat,
    /// Ten thousand who wait for one lock.
    LocksWaiters,
    /// Answers questions over NATS.
    NatsEcho,
    /// A node of agents over NATS.
    NatsAgents,
    /// A coordinator over NATS.
    NatsCoordinator,
}

/// What every measurement is given.
#[derive(Clone, Debug)]
struct Place {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
}

impl Place {
    /// A folder of its own for one measurement.
    fn room(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Measures everything, or what has this name or a name that begins with it, in a folder below
/// `at`. `tell` is told what is being measured.
pub async fn measure(
    only: Option<&str>,
    at: &Path,
    mut tell: impl FnMut(&str) -> Result<()>,
) -> Result<Vec<Figure>> {
    let groups = groups_of(&GROUPS, only, "")?;
    let folder = folder_in(at)?;
    let place = Place { folder: folder.path().to_owned(), clock: SystemClock::start() };
    tell("baseline")?;
    let mut baselines = baseline::measure(&place).await?;
    let mut figures = Vec::new();
    for group in groups {
        if group != "baseline" {
            tell(group)?;
            baselines = baselines.with_appends_of_now(&place).await?;
        }
        figures.extend(measure_group(group, &place, &baselines).await?);
    }
    folder.close().map_err(|error| cannot("remove the folder of the bench", error))?;
    keep_wanted(&mut figures, &GROUPS, only);
    Ok(figures)
}

/// The groups that have this name or a name that begins with it; all where none is named. `how`:
/// with which option they are measured.
fn groups_of<'a>(groups: &[&'a str], only: Option<&str>, how: &str) -> Result<Vec<&'a str>> {
    let wanted: Vec<&str> = groups.iter().copied().filter(|group| is_wanted(group, only)).collect();
    if wanted.is_empty() {
        let named = only.unwrap_or_default();
        let there = groups.join(", ");
        let message = format!("there is no figure {named:?}{how}: use one of {there}");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    Ok(wanted)
}

/// A folder for a bench, which goes with it.
fn folder_in(at: &Path) -> Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("orkestra-bench-").tempdir_in(at);
    folder.map_err(|error| cannot("make a folder for the bench", error))
}

/// Keeps the figures whose names begin with what was named, or all of a group that was.
fn keep_wanted(figures: &mut Vec<Figure>, groups: &[&str], only: Option<&str>) {
    figures.retain(|figure| {
        only.is_none_or(|only| figure.name.starts_with(only) || groups.contains(&only))
    });
}

/// Measures one part in this process, below a folder that is there.
pub async fn measure_part(part: Part, folder: &Path) -> Result<Vec<Figure>> {
    let place = Place { folder: folder.to_owned(), clock: SystemClock::start() };
    match part {
        Part::Pipeline => pipeline::measure(&place).await,
        Part::Replay => replay::measure(&place).await,
        Part::AgentsIdle => idle::measure(&place).await,
        Part::Start => start::run_once(&place).await.map(|()| Vec::new()),
        Part::Storm => storm::measure(&place).await,
        Part::MemoryFlat => flat::measure(&place).await,
        Part::LocksWaiters => locks::waiters(&place).await,
        Part::NatsEcho | Part::NatsAgents | Part::NatsCoordinator => {
            let message = format!("{part:?} needs --nats, --cluster and --node");
            Err(Error::new(ErrorKind::Invalid, message))
        }
    }
}

async fn measure_group(group: &str, place: &Place, baselines: &Baselines) -> Result<Vec<Figure>> {
    match group {
        "baseline" => Ok(baselines.figures()),
        "tasks.1" => tasks::measure(1, place, baselines).await,
        "tasks.64" => tasks::measure(64, place, baselines).await,
        "tasks.4096" => tasks::measure(4_096, place, baselines).await,
        "pipeline" => {
            let figures = child::measure(Part::Pipeline, place).await?;
            Ok(pipeline::beside(figures, baselines))
        }
        "votes" => votes::measure(place, baselines).await,
        "shell" => shell::measure(place, baselines).await,
        "restart" => restart::measure(place).await,
        "replay" => child::measure(Part::Replay, place).await,
        "agents.idle" => child::measure(Part::AgentsIdle, place).await,
        "storm" => child::measure(Part::Storm, place).await,
        "memory.flat" => child::measure(Part::MemoryFlat, place).await,
        "locks.pairs" => locks::pairs(place, baselines).await,
        "locks.handover" => locks::handover(place, baselines).await,
        "locks.waiters" => child::measure(Part::LocksWaiters, place).await,
        "grpc.status" => Box::pin(grpc::status(place)).await,
        "tally" => tally::measure(place),
        "grpc.events" => Box::pin(grpc::events(place)).await,
        _ => start::measure(place).await,
    }
}

/// Whether a group may have figures that are asked for.
fn is_wanted(group: &str, only: Option<&str>) -> bool {
    only.is_none_or(|only| {
        let below = only.strip_prefix(group).is_some_and(|rest| rest.starts_with('.'));
        group.starts_with(only) || below
    })
}

fn cannot(what: &str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::Io, format!("cannot {what}")).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_or_its_beginning_chooses_groups() {
        let chosen = |only| -> Vec<&str> {
            GROUPS.into_iter().filter(|group| is_wanted(group, only)).collect()
        };
        assert_eq!(chosen(None).len(), GROUPS.len());
        assert_eq!(chosen(Some("tasks")), ["tasks.1", "tasks.64", "tasks.4096"]);
        assert_eq!(chosen(Some("tasks.1.p50")), ["tasks.1"]);
        assert!(chosen(Some("nothing")).is_empty());
    }

    #[tokio::test]
    async fn a_figure_that_is_not_there_is_refused_with_those_that_are() {
        let refused = measure(Some("taks"), Path::new("."), |_| Ok(())).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Invalid);
        assert!(refused.to_string().contains("tasks.4096"));
    }
}
