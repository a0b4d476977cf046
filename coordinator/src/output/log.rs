//! The log of this process: lines for people on a terminal, JSON lines elsewhere, on standard error.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use super::Surroundings;

/// Begins to log what a filter lets through (`warn`, or directives as `RUST_LOG` takes them); one
/// that cannot be read lets warnings through.
pub fn begin_log(filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("warn"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // A second logger in one process is nobody's fault: the first goes on.
    let begun = if io::stderr().is_terminal() {
        log.with_ansi(!Surroundings::of_process().no_color).try_init()
    } else {
        log.json().try_init()
    };
    if let Err(error) = begun {
        tracing::debug!(%error, "a logger is there already");
    }
}
