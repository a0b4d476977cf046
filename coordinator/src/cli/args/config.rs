//! What can be typed to look at the configuration.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ConfigCommand {
    /// Show every key with its value and where that comes from.
    Show,
    /// Check the configuration and show all its faults.
    Check,
    /// Explain one key.
    #[command(after_help = "Example:\n  orkestra config explain tasks.lease")]
    Explain {
        /// The key.
        key: String,
    },
}
