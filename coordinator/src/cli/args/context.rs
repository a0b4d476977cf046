//! What can be typed about the context.

use clap::Subcommand;

use crate::context::ProjectPhase;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ContextCommand {
    /// Show how the work stands, what agents understand and what happened lately.
    #[command(
        after_help = "Examples:\n  orkestra context show\n  orkestra context show --agent synthesis\n  orkestra context show --snapshot 57 -o json"
    )]
    Show {
        /// Only this agent, with its own log.
        #[arg(long, value_name = "AGENT")]
        agent: Option<String>,
        /// As it was at this snapshot.
        #[arg(long, value_name = "SNAPSHOT")]
        snapshot: Option<String>,
        /// How many of the latest events.
        #[arg(long, value_name = "N", default_value_t = 10)]
        events: u64,
    },
    /// List snapshots, latest first.
    List,
    /// Take a snapshot.
    #[command(after_help = "Example:\n  orkestra context snapshot --reason \"before the release\"")]
    Snapshot {
        /// What is said of it.
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
    },
    /// Make what was understood at a snapshot, and its phase, the present again; tasks stay.
    #[command(after_help = "Example:\n  orkestra context restore 57")]
    Restore {
        /// The snapshot, by its number.
        snapshot: String,
    },
    /// Tell one who comes back what there is to know.
    Summary,
    /// Say in which phase the work is.
    #[command(after_help = "Example:\n  orkestra context phase testing")]
    Phase {
        /// The phase.
        phase: ProjectPhase,
    },
}
