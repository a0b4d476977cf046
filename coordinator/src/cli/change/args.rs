//! What can be typed to change something.

use clap::Subcommand;

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
}

/// Changes of runs, and what goes on.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ControlCommand {
    /// Show what goes on in the folder now: who is at work, and which runs have not ended.
    #[command(after_help = "Examples:\n  orkestra status\n  orkestra status -o json")]
    Status,
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
