//! What can be typed to look after a data directory.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Operation {
    /// Copy the data directory, also while a run goes on in it; with --nats what a cluster keeps.
    #[command(after_help = "Examples:
  orkestra backup --into backups/monday
  orkestra backup --into /mnt/other/orkestra -o json
  orkestra backup --into backups/cluster --nats nats://127.0.0.1:4222")]
    Backup {
        /// The new folder; it must not exist, or be empty.
        #[arg(long, value_name = "DIR")]
        into: PathBuf,
    },
    /// Make a data directory of a backup; with --nats a cluster, on servers that have none of its name.
    #[command(after_help = "Examples:
  orkestra restore --from backups/monday --data-dir restored
  orkestra restore --from backups/cluster --nats nats://127.0.0.1:4222")]
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
