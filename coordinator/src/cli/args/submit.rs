//! What can be typed to submit tasks.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(in crate::cli) struct SubmitArgs {
    /// The file, as JSON or TOML; `-` reads the standard input.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) file: PathBuf,
    /// Under this key they are submitted once, however often that is asked for.
    #[arg(long, value_name = "KEY")]
    pub(in crate::cli) key: Option<String>,
    /// Into this run, which is opened where it is not there; by default a run of their own.
    #[arg(long, value_name = "RUN")]
    pub(in crate::cli) run: Option<String>,
    /// Let the run have no more tasks after these, so that it can end.
    #[arg(long)]
    pub(in crate::cli) seal: bool,
    /// Watch the run until it ends, as `orkestra task watch` does.
    #[arg(long)]
    pub(in crate::cli) wait: bool,
}
