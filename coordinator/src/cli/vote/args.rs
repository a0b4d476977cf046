//! What can be typed behind `orkestra vote`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum VoteCommand {
    /// Count the elections and motions of a file, by every method that counts such ballots.
    ///
    /// With -o json it writes what each method answers: `{"ID": {"METHOD": {"winners": [...]}}}`, and
    /// of motions `{"ID": {"at_deadline": {...}, "settled_now": ...}}`. Candidates are named by their
    /// index, tied winners stand together, and numbers are exact. What a method cannot answer is left
    /// out, and said on standard error.
    #[command(after_help = "Examples:
  orkestra vote tally votes.json
  orkestra vote tally votes.json -o json
  orkestra vote tally votes.json --method schulze --method kemeny
  orkestra vote tally votes.json --compare")]
    Tally(TallyArgs),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct TallyArgs {
    /// The file, or - for the standard input; docs/voting.md says what it may hold.
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// Only by this method; may be repeated.
    #[arg(long = "method", value_name = "METHOD")]
    pub(super) methods: Vec<String>,
    /// Show where the methods disagree instead of what each answers.
    #[arg(long)]
    pub(super) compare: bool,
}
