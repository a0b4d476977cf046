//! What can be typed behind `orkestra lock`.

use std::{ffi::OsString, time::Duration};

use clap::{Args, Subcommand};

use crate::written::parse_duration;

/// For how long a lock is held that nobody renews.
const LEASE: &str = "10m";
/// For how long a lock outlives whoever held it for a program.
const RUN_LEASE: &str = "30s";
/// How long a program may take to end once its lock is lost.
const GRACE: &str = "10s";

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum LockCommand {
    /// List the locks that are held, lost or waited for.
    #[command(after_help = "Example:\n  orkestra lock list -o json")]
    List {
        /// At most so many.
        #[arg(long, value_name = "N")]
        limit: Option<u64>,
    },
    /// Show one lock: who holds it and with which token, who waits, and for whom; ends with 1 if
    /// nobody holds it.
    #[command(after_help = "Example:\n  orkestra lock get deploy")]
    Get {
        /// The lock.
        key: String,
    },
    /// Take locks, all at once, and leave them to a session that nobody renews: they are free again
    /// when they are released, or some time after their lease.
    #[command(
        after_help = "It ends with 0 when the locks are held, and with 1 when they could not be had.

Examples:
  orkestra lock acquire deploy --lease 10m
  orkestra lock acquire deploy --no-wait -o json
  orkestra lock acquire licences --permits 5 --wait 30s"
    )]
    Acquire(AcquireArgs),
    /// Give back what `lock acquire` took.
    #[command(after_help = "Example:\n  orkestra lock release deploy --session cli-7 --token 17")]
    Release(ReleaseArgs),
    /// Take a lock from whoever holds it. The old tokens are no longer good; the lock is kept back for
    /// a while, until whoever had it has heard of that.
    #[command(
        after_help = "Example:\n  orkestra lock steal deploy --reason 'its machine burnt down'"
    )]
    Steal(StealArgs),
    /// List the sessions that hold locks or wait for them.
    #[command(after_help = "Example:\n  orkestra lock sessions -o json")]
    Sessions {
        /// At most so many.
        #[arg(long, value_name = "N")]
        limit: Option<u64>,
    },
    /// End a session for whoever opened it. What it held is kept back for a while, unless it is said
    /// to be sure that nobody works under it any more.
    #[command(
        after_help = "Example:\n  orkestra lock end cli-7 --reason 'its machine burnt down' --dead --delay 0s"
    )]
    End(EndArgs),
    /// End the sessions that are stale: nobody renewed them for as long as their lease, or for so long.
    #[command(after_help = "Examples:
  orkestra lock clean --dry-run
  orkestra lock clean --stale 30m")]
    Clean(CleanArgs),
    /// Run a program while a lock is held for it.
    #[command(after_help = RUN_HELP)]
    Run(RunArgs),
    /// Be replaced by a program that ends with the process that it is run for.
    #[command(hide = true)]
    Exec {
        /// For which process.
        #[arg(long, value_name = "PID")]
        parent: i32,
        /// The program, and its arguments.
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
}

const RUN_HELP: &str = "\
The lock is held by a session that is renewed while the program runs, and is free when it has
ended. The program finds its lock in ORKESTRA_LOCK_KEY and ORKESTRA_LOCK_SESSION, and in
ORKESTRA_LOCK_TOKEN the number that rises with every holder: give it to whatever may refuse an old
one. When the lock is lost the program is asked to end (SIGTERM), and killed after a grace. Signals
that ask this command to end are handed on to it.

Exit codes: those of the program (128 and the signal's number if a signal ended it), and
  2    not begun: usage or an input is wrong
  4    not begun: nobody who keeps locks can be reached
  120  not begun: the lock could not be had
  121  the lock was lost while the program ran
  126  the program could not be started
  127  there is no such program
  130  interrupted while it waited

Examples:
  orkestra lock run deploy -- ./deploy.sh production
  orkestra lock run report --wait 30s -- make report
  orkestra lock run nightly --no-wait -- ./nightly.sh
  orkestra lock run table --shared -- ./read.sh
  orkestra lock run licences --permits 5 -- ./simulate";

/// How a lock is wanted, and for how long it is waited for.
#[derive(Debug, Args)]
pub(in crate::cli) struct WantArgs {
    /// Hold it together with others who do so, and with nobody who holds it alone.
    #[arg(long, conflicts_with = "permits")]
    pub(super) shared: bool,
    /// Hold one of so many permits; all who use the lock at the same time say the same number.
    #[arg(long, value_name = "N")]
    pub(super) permits: Option<u32>,
    /// Hold so many of the permits.
    #[arg(long, value_name = "N", requires = "permits", default_value_t = 1)]
    pub(super) take: u32,
    /// Wait for so long; by default without end.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, conflicts_with = "no_wait")]
    pub(super) wait: Option<Duration>,
    /// Do not wait.
    #[arg(long)]
    pub(super) no_wait: bool,
    /// What its session is called; by default a name that nobody else has.
    #[arg(long, value_name = "NAME")]
    pub(super) session: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct AcquireArgs {
    /// The locks.
    #[arg(required = true, value_name = "KEY")]
    pub(super) keys: Vec<String>,
    #[command(flatten)]
    pub(super) want: WantArgs,
    /// For how long they are held at least, unless they are released or stolen.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = LEASE)]
    pub(super) lease: Duration,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ReleaseArgs {
    /// The locks.
    #[arg(required = true, value_name = "KEY")]
    pub(super) keys: Vec<String>,
    /// The session that holds them.
    #[arg(long, value_name = "NAME")]
    pub(super) session: String,
    /// The token that they were given with.
    #[arg(long, value_name = "N")]
    pub(super) token: u64,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct StealArgs {
    /// The lock.
    pub(super) key: String,
    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: String,
    /// Only if this is still its newest token.
    #[arg(long, value_name = "N")]
    pub(super) token: Option<u64>,
    /// For how long it is kept back from others; 0s if nobody does anything under it any more.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(super) delay: Option<Duration>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct EndArgs {
    /// The session.
    pub(super) session: String,
    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: String,
    /// Its process is gone: the record then says `DEAD_PROCESS`, and not `MANUAL`.
    #[arg(long)]
    pub(super) dead: bool,
    /// For how long what it held is kept back from others; 0s if nobody does anything under it any
    /// more.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(super) delay: Option<Duration>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CleanArgs {
    /// How long a session may be silent though its lease is longer; by default as `locks.lease` says.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(super) stale: Option<Duration>,
    /// Only show who would go.
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RunArgs {
    /// The lock.
    pub(super) key: String,
    #[command(flatten)]
    pub(super) want: WantArgs,
    /// For how long the lock outlives this process if that is killed.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = RUN_LEASE)]
    pub(super) lease: Duration,
    /// How long the program may take to end once the lock is lost.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = GRACE)]
    pub(super) grace: Duration,
    /// The program, and its arguments.
    #[arg(last = true, required = true)]
    pub(super) command: Vec<OsString>,
}
