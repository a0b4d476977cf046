//! What can be typed to look after a data directory.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Operation {
    /// Copy the data directory, also while a run goes on in it.
    #[command(
        after_help = "Examples:\n  orkestra backup --into backups/monday\n  orkestra backup --into /mnt/other/orkestra -o json"
    )]
    Backup {
        /// The new folder; it must not exist, or be empty.
        #[arg(long, value_name = "DIR")]
        into: PathBuf,
    },
    /// Make a data directory of a backup.
    #[command(
        after_help = "Example:\n  orkestra restore --from backups/monday --data-dir restored"
    )]
    Restore {
        /// The backup; what becomes of it is the data directory, which must not exist, or be empty.
        #[arg(long, value_name = "DIR")]
        from: PathBuf,
    },
    /// Take a snapshot, forget the journal behind it, and give room back to the disk.
    #[command(after_help = "Examples:\n  orkestra compact\n  orkestra compact --keep-records 1000")]
    Compact {
        /// How many records behind the older snapshot are kept for the audit; by default 100000.
        #[arg(long, value_name = "N")]
        keep_records: Option<u64>,
    },
}
