//! What can be typed behind `orkestra council`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand, ValueEnum};

use crate::written::parse_duration;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum CouncilCommand {
    /// Make a council: agents who propose, criticise and revise, and of whose proposals one wins.
    #[command(after_help = "\
Its seats are taken by the agents that are named, in turn, or else by all that have the role's name or
`council` among their capabilities. What proposals are checked for stands in a file of TOML or JSON
(docs/councils.md shows one).

Examples:
  orkestra council create DEV
  orkestra council create DEV --agents 5 --rounds 2 --exchange all
  orkestra council create EDITOR --agent brevity --agent structure --checks checks.toml")]
    Create(Box<CreateArgs>),
    /// List councils with their seats, and how they stand.
    #[command(after_help = "Example:\n  orkestra council list")]
    List {
        /// Only of this role.
        #[arg(long, value_name = "ROLE")]
        role: Option<String>,
    },
    /// End a council with all its seats.
    #[command(after_help = "Example:\n  orkestra council delete DEV --force")]
    Delete {
        /// Its role.
        role: String,
        /// Also while it deliberates: that is cancelled.
        #[arg(long)]
        force: bool,
    },
    /// Give an agent a seat in a council, which is made if it is missing.
    #[command(after_help = "Example:\n  orkestra council register DEV coder")]
    Register {
        /// The role.
        role: String,
        /// The agent of the team.
        agent: String,
        /// Where it is reached, for people.
        #[arg(long, value_name = "TEXT", default_value = "")]
        endpoint: String,
        /// What else is known of it; may be repeated.
        #[arg(long = "metadata", value_name = "NAME=TEXT")]
        metadata: Vec<String>,
    },
    /// Take a seat away.
    #[command(after_help = "Example:\n  orkestra council unregister DEV agent-dev-001")]
    Unregister {
        /// The role.
        role: String,
        /// The seat.
        agent: String,
    },
    /// Give a council something to think about.
    #[command(after_help = "\
Example:
  orkestra council deliberate DEV --task 'Write a plan' --requirement 'says how it is tested' --wait

The same name with the same request is the same deliberation. With --wait it ends with 0 when there is a
winner, and with 1 when not.")]
    Deliberate(Box<DeliberateArgs>),
    /// Show a deliberation: how far it is, the proposals with what was found in them, and who wins.
    #[command(after_help = "Example:\n  orkestra council get 0123456789abcdef")]
    Get {
        /// The deliberation.
        id: String,
        /// Write the content that wins, and nothing else.
        #[arg(long)]
        winner: bool,
    },
    /// Show what happened: who proposed, criticised, revised, and why the winner won.
    #[command(after_help = "Example:\n  orkestra council minutes 0123456789abcdef")]
    Minutes {
        /// The deliberation.
        id: String,
    },
    /// End a deliberation without a winner.
    #[command(
        after_help = "Example:\n  orkestra council cancel 0123456789abcdef --reason 'asked too soon'"
    )]
    Cancel {
        /// The deliberation.
        id: String,
        /// Why, for the record.
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
    },
}

/// How a council deliberates, where it is typed.
#[derive(Debug, Args)]
pub(in crate::cli) struct WayArgs {
    /// How many rounds of critique and revision.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=5))]
    pub(super) rounds: Option<u32>,
    /// Who criticises whom: each the next one, each all others, or nobody.
    #[arg(long, value_name = "WAY")]
    pub(super) exchange: Option<ExchangeArg>,
    /// Who wins: score, architect, architect=K, committee or committee=METHOD.
    #[arg(long, value_name = "WAY")]
    pub(super) select: Option<String>,
    /// What proposals are checked for: a file, or - for the standard input.
    #[arg(long, value_name = "FILE")]
    pub(super) checks: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ExchangeArg {
    /// Each the next one.
    Ring,
    /// Each all others.
    All,
    /// Nobody.
    None,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CreateArgs {
    /// What its agents are for.
    pub(super) role: String,
    /// How many seats it has; by default as many as agents are named, or three.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) agents: u32,
    /// Which agent takes a seat; may be repeated.
    #[arg(long = "agent", value_name = "NAME")]
    pub(super) named: Vec<String>,
    #[command(flatten)]
    pub(super) way: WayArgs,
    /// Which agent judges where a committee selects; may be repeated. By default those who deliberate.
    #[arg(long = "judge", value_name = "NAME")]
    pub(super) judges: Vec<String>,
    /// What people call the models behind its agents.
    #[arg(long, value_name = "NAME")]
    pub(super) model: Option<String>,
    /// What else its agents are told with every step; may be repeated.
    #[arg(long = "param", value_name = "NAME=TEXT")]
    pub(super) params: Vec<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DeliberateArgs {
    /// Whose council.
    pub(super) role: String,
    /// What is to be done.
    #[arg(long, value_name = "TEXT")]
    pub(super) task: String,
    /// What it is called; by default a name is drawn.
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(super) id: String,
    /// By what proposals are judged.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(super) rubric: String,
    /// What a proposal must meet; may be repeated.
    #[arg(long = "requirement", value_name = "TEXT")]
    pub(super) requirements: Vec<String>,
    /// What else agents are told; @ takes it from a file; may be repeated.
    #[arg(long = "metadata", value_name = "NAME=TEXT|NAME=@FILE")]
    pub(super) metadata: Vec<String>,
    /// How many seats deliberate; by default three.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) agents: u32,
    #[command(flatten)]
    pub(super) way: WayArgs,
    /// How often each step is tried; by default ten times.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) tries: u32,
    /// How long it may take; by default five minutes.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(super) timeout: Option<Duration>,
    /// What shuffles are drawn from.
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// Wait until it is over, and show it.
    #[arg(long)]
    pub(super) wait: bool,
}
