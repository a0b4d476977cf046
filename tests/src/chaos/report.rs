//! What came of a run, for people.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::plan::Fault;

/// What came of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// What must not be; nothing when all holds.
    pub findings: Vec<String>,
    /// Where chance came from.
    pub seed: u64,
    /// How often what went wrong.
    pub counts: BTreeMap<Fault, u64>,
    /// How many tasks are on record.
    pub tasks: usize,
    /// Acknowledged tasks that are not on record, or have no end.
    pub lost: u64,
    /// Attempts that were carried out twice.
    pub doubled: u64,
    /// Outcomes that were recorded of attempts that were not open.
    pub stale: u64,
    /// How many attempts were carried out.
    pub executions: u64,
    /// How many tasks were carried out more than once.
    pub again: u64,
    /// How many attempts were carried out to their end, and not accepted.
    pub refused: u64,
    /// How often a lock was given, and how many calls of its clients were held against that.
    pub grants: u64,
    /// How many calls of clients of locks there are.
    pub lock_calls: usize,
    /// How many reigns there were.
    pub reigns: usize,
    /// How many calls of the client failed, and were made again.
    pub failed_calls: usize,
    /// From the kill of a leader to the next accepted command, in milliseconds, sorted.
    pub take_overs: Vec<u64>,
    /// From the kill of an agents' node to the beginning of the same task elsewhere.
    pub recoveries: Vec<u64>,
    /// How long nodes took to stop in order, in milliseconds, sorted.
    pub stops: Vec<u64>,
    /// The most memory that a node had, in KiB.
    pub memory: u64,
    /// How long it took to come to rest.
    pub rest: Duration,
    /// How long all of it took.
    pub took: Duration,
}

impl Report {
    /// How often something went wrong.
    pub fn count(&self, fault: Fault) -> u64 {
        self.counts.get(&fault).copied().unwrap_or(0)
    }
}

/// The median, the 99th percentile and the largest of sorted spans.
fn told(spans: &[u64]) -> String {
    let at = |per_cent: usize| spans.get((spans.len() * per_cent / 100).min(spans.len() - 1));
    match spans {
        [] => "none".to_owned(),
        [.., most] => {
            let (half, nearly) = (at(50).unwrap_or(most), at(99).unwrap_or(most));
            format!("{} times, p50 {half} ms, p99 {nearly} ms, at most {most} ms", spans.len())
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |faults: &[Fault]| faults.iter().map(|fault| self.count(*fault)).sum::<u64>();
        let partitions = of(&[Fault::CutBoth, Fault::CutIn, Fault::CutOut, Fault::Refuse]);
        writeln!(
            f,
            "seed {}: {} kills, {} pauses, {partitions} partitions, {} resets, {} restarts, {} of \
             servers",
            self.seed,
            of(&[Fault::Kill, Fault::ServerKill]),
            of(&[Fault::Pause, Fault::ServerPause]),
            of(&[Fault::Reset]),
            of(&[Fault::Restart, Fault::Rolling, Fault::ServerRestart]),
            of(&[Fault::ServerKill, Fault::ServerPause, Fault::ServerRestart]),
        )?;
        writeln!(
            f,
            "{} tasks: {} lost, {} doubled, {} stale writes accepted; {} executions, {} tasks more \
             than once, {} late results refused; {} reigns; {} calls made again",
            self.tasks,
            self.lost,
            self.doubled,
            self.stale,
            self.executions,
            self.again,
            self.refused,
            self.reigns,
            self.failed_calls,
        )?;
        writeln!(f, "{} locks given, {} calls about them", self.grants, self.lock_calls)?;
        writeln!(f, "take-over: {}", told(&self.take_overs))?;
        writeln!(f, "recovery of work: {}", told(&self.recoveries))?;
        writeln!(f, "stops in order: {}", told(&self.stops))?;
        write!(
            f,
            "rest after {:.1} s, all in {:.1} s, at most {} MiB in a node",
            self.rest.as_secs_f64(),
            self.took.as_secs_f64(),
            self.memory / 1024
        )?;
        for finding in &self.findings {
            write!(f, "\nFOUND {finding}")?;
        }
        Ok(())
    }
}
