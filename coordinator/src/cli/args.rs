//! What can be typed.

mod audit;
mod cluster;
mod config;
mod context;
mod operations;
mod submit;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(super) use audit::{AuditArgs, AuditCommand};
pub(super) use cluster::{NodeArgs, NodeCommand, ShardCommand};
pub(super) use config::ConfigCommand;
pub(super) use context::ContextCommand;
pub(super) use operations::Operation;
pub(super) use submit::SubmitArgs;

use crate::{
    bench::Part,
    cli::{
        change::args::{AgentChange, ControlCommand, TaskChange},
        council::args::CouncilCommand,
        lock::args::LockCommand,
        up::UpArgs,
        vote::args::VoteCommand,
    },
    output::{Exit, Format},
};

/// Orkestra runs teams of agents: supervised, durable, and able to say why.
#[derive(Debug, Parser)]
#[command(name = "orkestra", version, after_help = Exit::HELP, max_term_width = 100)]
#[command(propagate_version = true, arg_required_else_help = true)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub(super) struct Common {
    /// The folder that holds the journal of runs.
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) data_dir: Option<PathBuf>,
    /// The configuration file; by default ./orkestra.toml if it is there.
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Speak with a cluster over these servers of NATS instead of working in a folder.
    #[arg(long, global = true, value_name = "URL")]
    pub(super) nats: Option<String>,
    /// Speak in the clear to a server on another machine.
    #[arg(long, global = true)]
    pub(super) insecure: bool,
    /// The namespace that is meant; by default that of the run, or the default namespace.
    #[arg(long, global = true, value_name = "NAME")]
    pub(super) namespace: Option<String>,
    /// How data is written.
    #[arg(short, long, global = true, value_enum, default_value_t)]
    pub(super) output: Format,
    /// Say only what went wrong.
    #[arg(short, long, global = true)]
    pub(super) quiet: bool,
    /// Log more (twice: even more), to standard error.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a scenario in this process; an interrupted run of it goes on where it was.
    #[command(after_help = "Examples:
  orkestra run examples/release-review.toml
  orkestra run examples/release-review.toml --set repo=../other --report review.md
  orkestra run examples/crash.toml --fresh")]
    Run(RunArgs),
    /// Check scenario files, or show what they may contain.
    #[command(subcommand)]
    Scenario(ScenarioCommand),
    #[command(flatten)]
    Control(ControlCommand),
    /// Look at tasks, cancel them, try them again, decide what they ask.
    #[command(subcommand)]
    Task(TaskCommand),
    /// Look at agents, give them no more work, or work again.
    #[command(subcommand)]
    Agent(AgentCommand),
    /// Say why a task stands where it stands, and what happens next.
    #[command(after_help = "Example:\n  orkestra why report")]
    Why {
        /// The task.
        task: String,
        #[command(flatten)]
        run: RunChoice,
    },
    /// See what happened and what agents understand; take and restore snapshots of it.
    #[command(subcommand)]
    Context(ContextCommand),
    /// Read what happened, event by event.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Read who was started, ended, restarted, and why.
    #[command(subcommand)]
    Supervision(SupervisionCommand),
    /// Say how well agents and the system do, how far runs are, and what went wrong.
    #[command(
        after_help = "It ends with 0 while the system is healthy or degraded, with 1 when it is unhealthy or critical.

Examples:
  orkestra health
  orkestra health -o json"
    )]
    Health(HealthArgs),
    /// Take locks, look at them, give them back; run a program while one is held.
    #[command(subcommand)]
    Lock(LockCommand),
    /// Count votes.
    #[command(subcommand)]
    Vote(VoteCommand),
    /// Have several agents propose, criticise and revise, and take the best.
    #[command(subcommand)]
    Council(CouncilCommand),
    /// Look at the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look at the folder, the machine and the team, and advise; with --heal, repair.
    #[command(after_help = "Examples:
  orkestra doctor
  orkestra doctor --scenario examples/release-review.toml
  orkestra doctor --heal")]
    Doctor(DoctorArgs),
    #[command(flatten)]
    Operate(Operation),
    /// Run a node of a cluster, or look at nodes and drain them.
    #[command(args_conflicts_with_subcommands = true)]
    #[command(after_help = "Examples:
  orkestra node --config node.toml
  orkestra node --nats nats://127.0.0.1:4222 --data-dir n1 --role coordinator,agents
  orkestra node list --nats nats://127.0.0.1:4222")]
    Node(NodeArgs),
    /// Look at the parts of a cluster, and say who shall lead one.
    #[command(subcommand)]
    Shard(ShardCommand),
    /// Start a cluster on this machine for trying things; Ctrl-C ends it and leaves nothing.
    ///
    /// It starts a nats-server of its own (the one on PATH or named by `NATS_SERVER`, or else one that
    /// it fetches), unless --nats says where one is; and each node as a process of its own. It shows
    /// what happens to them, and starts again what ends. Nodes host every agent that a scenario asks
    /// for, programs as well: they run as you.
    #[command(after_help = "Examples:
  orkestra up
  orkestra up --nodes 5 --agents 2
  orkestra up --dir try
  orkestra up --nodes 3 --nats nats://127.0.0.1:4222")]
    Up(UpArgs),
    /// Save what is left of a damaged data directory into a new one.
    #[command(after_help = "Example:\n  orkestra recover --data-dir .orkestra --into saved")]
    Recover {
        /// The new folder; it must not exist, or be empty.
        #[arg(long, value_name = "DIR")]
        into: PathBuf,
    },
    /// Measure this machine and Orkestra on it; with --nats nodes over a server, or over one that is
    /// started for it (own).
    #[command(after_help = "Examples:
  orkestra bench
  orkestra bench --only tasks -o json
  orkestra bench --nats own
  orkestra bench --nats nats://127.0.0.1:4222 --only nats.ask")]
    Bench(BenchArgs),
    /// Write a completion script for a shell.
    #[command(
        after_help = "Example:\n  orkestra completion bash > ~/.local/share/bash-completion/completions/orkestra"
    )]
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    /// Only the figures of this name, or of names that begin with it.
    #[arg(long, value_name = "NAME")]
    pub(super) only: Option<String>,
    /// Measure one part in this process; its data stays in the data directory.
    #[arg(long, hide = true, requires = "data_dir", conflicts_with = "only")]
    pub(super) part: Option<Part>,
    /// The cluster in which this process has a part.
    #[arg(long, hide = true, requires = "part")]
    pub(super) cluster: Option<String>,
    /// What it is called there.
    #[arg(long, hide = true, requires = "part")]
    pub(super) node: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The scenario file.
    pub(super) file: PathBuf,
    /// Set an input of the scenario; may be repeated.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub(super) set: Vec<String>,
    /// Begin anew, even if a run of this scenario was interrupted.
    #[arg(long)]
    pub(super) fresh: bool,
    /// With --nats: replace agents of these names that the cluster hosts with other configurations.
    #[arg(long)]
    pub(super) replace_agents: bool,
    /// End with 3 as soon as nothing is left but what waits for people.
    #[arg(long)]
    pub(super) no_wait: bool,
    /// Write the scenario's report to this file.
    #[arg(long, value_name = "FILE")]
    pub(super) report: Option<PathBuf>,
    #[command(flatten)]
    pub(super) watching: WatchingArgs,
}

/// Who may look on from outside.
#[derive(Debug, Default, Args)]
pub(super) struct WatchingArgs {
    /// Let metrics be read at this address while it runs; port 0 takes any that is free.
    #[arg(long, value_name = "ADDR")]
    pub(super) metrics: Option<String>,
    /// Let clients in over gRPC at this address while it runs; without a port it is 50055, and port 0
    /// takes any that is free.
    #[arg(long, value_name = "ADDR")]
    pub(super) grpc: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct HealthArgs {
    #[command(flatten)]
    pub(super) run: RunChoice,
    /// Show only so many incidents, the latest ones.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(super) incidents: usize,
}

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Look at the agents of this scenario too: their programs and their keys.
    #[arg(long, value_name = "FILE")]
    pub(super) scenario: Option<PathBuf>,
    /// Set an input of the scenario; may be repeated.
    #[arg(long = "set", value_name = "NAME=VALUE", requires = "scenario")]
    pub(super) set: Vec<String>,
    /// Where backups are kept, to see how old the newest is.
    #[arg(long, value_name = "DIR")]
    pub(super) backups: Option<PathBuf>,
    /// Read every blob, not only some.
    #[arg(long)]
    pub(super) deep: bool,
    /// Repair what nothing else would, and list what was done.
    #[arg(long)]
    pub(super) heal: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum ScenarioCommand {
    /// Check a scenario file and show all its faults, with line and column.
    #[command(after_help = "Example:\n  orkestra scenario check examples/release-review.toml")]
    Check {
        /// The scenario file.
        file: PathBuf,
        /// Set an input of the scenario; may be repeated.
        #[arg(long = "set", value_name = "NAME=VALUE")]
        set: Vec<String>,
    },
    /// Show the JSON Schema of scenario files.
    Schema,
}

/// Which run is meant.
#[derive(Clone, Debug, Args)]
pub(super) struct RunChoice {
    /// The run; by default the latest.
    #[arg(long, value_name = "RUN")]
    pub(super) run: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum TaskCommand {
    /// List the tasks of a run.
    #[command(
        after_help = "Examples:\n  orkestra task list\n  orkestra task list --state failed -o json"
    )]
    List {
        #[command(flatten)]
        run: RunChoice,
        /// Only tasks in this state (held, waiting, ready, retrying, running, asked, completed, failed, cancelled).
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
        /// At most so many.
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// Show one task with its input and its result.
    Get {
        /// The task.
        task: String,
        #[command(flatten)]
        run: RunChoice,
        /// Show what is sensitive as well; who does so is recorded.
        #[arg(long)]
        reveal: bool,
    },
    /// Delete what is sensitive in an ended task, or in a run that has ended, for good.
    #[command(
        after_help = "Examples:\n  orkestra task redact interview\n  orkestra task redact --all --run hiring-3"
    )]
    Redact {
        /// The task.
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        task: Option<String>,
        #[command(flatten)]
        run: RunChoice,
        /// In all tasks of the run that --run names.
        #[arg(long, requires = "run")]
        all: bool,
    },
    /// Submit tasks from a file, in JSON or TOML: one, many, or with the run that they are for.
    #[command(after_help = "Examples:
  orkestra task submit --file tasks.toml --nats nats://127.0.0.1:4222
  orkestra task submit --file task.json --key order-17 --wait
  generate-tasks | orkestra task submit --file - --run sums")]
    Submit(SubmitArgs),
    /// Show how far a run is until it ends, and end as it does: with 1 if a task failed.
    #[command(after_help = "Example:\n  orkestra task watch job-2f2565da25e8e2d06a0dd186")]
    Watch {
        /// The run; it is never guessed.
        run: String,
        /// End with 3 as soon as nothing is left but what waits for people.
        #[arg(long)]
        no_wait: bool,
    },
    #[command(flatten)]
    Change(TaskChange),
}

#[derive(Debug, Subcommand)]
pub(super) enum AgentCommand {
    /// List agents: what they can do, what they did, why one cannot work.
    List,
    #[command(flatten)]
    Change(AgentChange),
    /// With --nats: have the cluster host an agent no more.
    Withdraw {
        /// The agent.
        agent: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum SupervisionCommand {
    /// Show the supervision log.
    #[command(
        after_help = "Examples:\n  orkestra supervision log\n  orkestra supervision log --child agents/secrets\n  orkestra supervision log --follow --limit 20"
    )]
    Log {
        /// Only of children whose path contains this.
        #[arg(long, value_name = "TEXT")]
        child: Option<String>,
        /// Only the last so many.
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
        /// Go on with what is added, until interrupted.
        #[arg(short, long)]
        follow: bool,
    },
    /// Show the supervision tree of the latest start with states and restart counts.
    Tree,
}
