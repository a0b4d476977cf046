//! Runs any number of seeds of the simulated shard, team and nodes, on all cores:
//! `simulate --seeds N [--seed FIRST] [--trace]`.
//!
//! How far it is goes to standard error, the figures at the end to standard output. It stops at the
//! first seed that does not hold, with what is wrong and the command that repeats it; `--trace`
//! prints everything that happened.

#![expect(clippy::print_stdout, reason = "this program's output is what it is for")]
#![expect(clippy::print_stderr, reason = "so is how far it is")]

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    process::ExitCode,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use orkestra_runtime::time::{Clock as _, Moment, SystemClock};
use orkestra_tests::sim::{History, NodesHistory, TeamHistory, repeat, run_all};

/// How often it says how far it is.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// What all histories add up to.
#[derive(Default)]
struct Sum {
    seeds: u64,
    steps: u64,
    done: u64,
    reads: u64,
    reigns: u64,
    snapshots: u64,
    attempts: u64,
    nodes_reigns: u64,
    nodes_done: u64,
    faults: BTreeMap<&'static str, u64>,
    /// The lowest seed that does not hold, and why.
    failed: Option<(u64, String)>,
}

impl Sum {
    fn add(&mut self, history: &History, team: &TeamHistory, nodes: &NodesHistory) {
        self.seeds += 1;
        self.steps += history.steps;
        self.done += history.done;
        self.reads += history.reads;
        self.reigns += history.reigns;
        self.snapshots += history.snapshots;
        for (kind, count) in &history.faults {
            *self.faults.entry(kind).or_default() += count;
        }
        self.attempts += team.attempts;
        self.nodes_reigns += nodes.reigns;
        self.nodes_done += nodes.done;
        self.steps += nodes.steps;
        for (kind, count) in &nodes.faults {
            *self.faults.entry(kind).or_default() += count;
        }
        let of_team = [
            ("leaders died", team.restarts),
            ("workers died", team.deaths),
            ("late words", team.late),
        ];
        for (kind, count) in of_team {
            *self.faults.entry(kind).or_default() += count;
        }
    }

    fn told(&self, took: Duration) -> String {
        let Self { seeds, steps, done, reads, reigns, snapshots, attempts, .. } = self;
        let Self { nodes_reigns, nodes_done, .. } = self;
        let faults: u64 = self.faults.values().sum();
        let mut text = format!(
            "{seeds} seeds in {:.1} s: {steps} steps, {reigns} reigns, {done} transfers \
             acknowledged, {reads} reads, {snapshots} snapshots; {attempts} attempts of a team; \
             {nodes_reigns} reigns of nodes with {nodes_done} transfers; {faults} faults",
            took.as_secs_f64()
        );
        for (kind, count) in &self.faults {
            // Writing to a string cannot fail.
            let _ = write!(text, "\n  {count:>12} {kind}");
        }
        text
    }
}

/// Which seeds, and what became of them.
struct Work {
    next: AtomicU64,
    until: u64,
    trace: bool,
    sum: Mutex<Sum>,
}

impl Work {
    fn sum(&self) -> MutexGuard<'_, Sum> {
        self.sum.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes seeds until there are no more; whoever listens hears of the end by the sender's drop.
    fn work(&self, _working: Sender<()>) {
        loop {
            let seed = self.next.fetch_add(1, Ordering::SeqCst);
            if seed >= self.until {
                return;
            }
            match run_all(seed) {
                Ok((history, team, nodes)) => {
                    if self.trace {
                        println!("seed {seed}\n{}", history.trace.join("\n"));
                        println!("nodes of seed {seed}\n{}", nodes.trace.join("\n"));
                    }
                    self.sum().add(&history, &team, &nodes);
                }
                Err(fault) => {
                    self.next.store(self.until, Ordering::SeqCst);
                    let mut sum = self.sum();
                    if sum.failed.as_ref().is_none_or(|(lowest, _)| seed < *lowest) {
                        sum.failed = Some((seed, fault));
                    }
                }
            }
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let after = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse::<u64>().ok()
    };
    let (Some(seeds), first) = (after("--seeds"), after("--seed").unwrap_or(0)) else {
        println!("say how many: simulate --seeds N [--seed FIRST] [--trace]");
        return ExitCode::FAILURE;
    };
    let clock = SystemClock::start();
    let took = || clock.now().moment.since(Moment::START);
    let trace = arguments.iter().any(|argument| argument == "--trace");
    let until = first.saturating_add(seeds);
    let work = Work { next: first.into(), until, trace, sum: Mutex::default() };
    // A trace is told in order.
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let (working, ended) = channel();
        for _ in 0..if trace { 1 } else { cores } {
            let (work, working) = (&work, working.clone());
            scope.spawn(move || work.work(working));
        }
        drop(working);
        while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(TELL_EVERY) {
            let done = work.sum().seeds;
            eprintln!("{done} of {seeds} seeds in {:.0} s", took().as_secs_f64());
        }
    });
    let sum = work.sum();
    println!("{}", sum.told(took()));
    match &sum.failed {
        None => ExitCode::SUCCESS,
        Some((seed, fault)) => {
            println!("seed {seed}: {fault}\nrepeat: {}", repeat(*seed));
            ExitCode::FAILURE
        }
    }
}
