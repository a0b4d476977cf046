//! What can be typed to read what happened.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum AuditCommand {
    /// List events, oldest first.
    #[command(after_help = "Examples:
  orkestra audit list --task secrets
  orkestra audit list --type task_retry --since 2026-11-21T09:00:00Z")]
    List(AuditArgs),
    /// Write events as JSON lines: to standard output, or one file a day into a folder.
    #[command(after_help = "Example:\n  orkestra audit export --dir audit/")]
    Export {
        #[command(flatten)]
        filter: AuditArgs,
        /// Write `audit_YYYYMMDD.jsonl` files into this folder.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct AuditArgs {
    /// Not before this time (RFC 3339, or a date).
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) since: Option<String>,
    /// Before this time (RFC 3339, or a date).
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) until: Option<String>,
    /// Of this type (`task_retry`), or family (`task`).
    #[arg(long = "type", value_name = "TYPE")]
    pub(in crate::cli) event_type: Option<String>,
    /// About this task.
    #[arg(long, value_name = "TASK")]
    pub(in crate::cli) task: Option<String>,
    /// About this agent.
    #[arg(long, value_name = "AGENT")]
    pub(in crate::cli) agent: Option<String>,
    /// Of this run.
    #[arg(long, value_name = "RUN")]
    pub(in crate::cli) run: Option<String>,
    /// At most so many.
    #[arg(long, value_name = "N")]
    pub(in crate::cli) limit: Option<usize>,
}
