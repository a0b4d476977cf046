//! What can be typed to change something.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::args::RunChoice;

/// What is recorded where no reason is given.
const NO_REASON: &str = "asked on the command line";

/// Changes of a task.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum TaskChange {
    /// Cancel a task with its children.
    Cancel {
        /// The task.
        task: String,
        #[command(flatten)]
        run: RunChoice,
        /// Why, for the record.
        #[arg(long, value_name = "TEXT", default_value = NO_REASON)]
        reason: String,
    },
    /// Try a failed or cancelled task again, and what failed because of it.
    Retry {
        /// The task.
        task: String,
        #[command(flatten)]
        run: RunChoice,
    },
    /// Say yes to a task that asks people.
    #[command(after_help = "Example:\n  orkestra task approve release --reason tested")]
    Approve {
        #[command(flatten)]
        word: WordArgs,
    },
    /// Say no to a task that asks people.
    Reject {
        #[command(flatten)]
        word: WordArgs,
    },
    /// Answer a task that asks people.
    #[command(after_help = "Examples:
  orkestra task answer version --text 2.0
  orkestra task answer version --file answer.json --as grace")]
    Answer {
        #[command(flatten)]
        word: WordArgs,
        #[command(flatten)]
        answer: AnswerArgs,
    },
    /// Show what waits for people: who may decide, who has, and what happens when time is over.
    #[command(after_help = "Example:\n  orkestra task pending")]
    Pending {
        /// Only of this run; by default of all.
        #[arg(long, value_name = "RUN")]
        run: Option<String>,
    },
}

/// What every word of a person has.
#[derive(Debug, Args)]
pub(in crate::cli) struct WordArgs {
    /// The task.
    pub(super) task: String,
    #[command(flatten)]
    pub(super) run: RunChoice,
    /// Who decides; by default the user who asks, whose account is recorded in any case.
    #[arg(long = "as", value_name = "NAME")]
    pub(super) name: Option<String>,
    /// Why, for the record.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(super) reason: String,
}

/// An answer, in one of three ways.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(in crate::cli) struct AnswerArgs {
    /// The answer is this text.
    #[arg(long, value_name = "TEXT")]
    pub(super) text: Option<String>,
    /// The answer is this JSON.
    #[arg(long, value_name = "JSON")]
    pub(super) json: Option<String>,
    /// The answer is in this file: JSON if it is called `*.json`, text otherwise.
    #[arg(long, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
}

/// Changes of an agent.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum AgentChange {
    /// Give an agent no more work; what it holds it finishes.
    #[command(after_help = "Example:\n  orkestra agent drain secrets --reason maintenance")]
    Drain {
        /// The agent.
        agent: String,
        /// Why, for the record.
        #[arg(long, value_name = "TEXT", default_value = NO_REASON)]
        reason: String,
    },
    /// Give a drained agent work again.
    Resume {
        /// The agent.
        agent: String,
    },
}

/// What is paused or resumed: a run, or else all runs of a namespace, now and later.
#[derive(Debug, Args)]
pub(in crate::cli) struct ScopeArgs {
    /// One run.
    #[arg(long, value_name = "RUN")]
    pub(super) run: Option<String>,
}

/// Changes of runs, and what goes on.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ControlCommand {
    /// Show what goes on in the folder now: who is at work, and which runs have not ended.
    #[command(after_help = "Examples:\n  orkestra status\n  orkestra status -o json")]
    Status,
    /// Give out no more work; what is under way goes on. Stands until `resume`, across restarts.
    #[command(after_help = "Examples:
  orkestra pause --reason maintenance
  orkestra pause --run release-review-1")]
    Pause {
        #[command(flatten)]
        scope: ScopeArgs,
        /// Why, for the record.
        #[arg(long, value_name = "TEXT", default_value = NO_REASON)]
        reason: String,
    },
    /// Let go on what was paused.
    Resume {
        #[command(flatten)]
        scope: ScopeArgs,
    },
    /// Cancel a run with all its tasks.
    #[command(after_help = "Example:\n  orkestra cancel release-review-1 --reason superseded")]
    Cancel {
        /// The run; it is never guessed.
        run: String,
        /// Why, for the record.
        #[arg(long, value_name = "TEXT", default_value = NO_REASON)]
        reason: String,
    },
}
