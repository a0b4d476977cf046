//! `orkestra lock`: locks from a shell, kept by a cluster or by the process that is at work in the
//! folder.

pub(super) mod args;
mod hold;
mod keeper;
mod look;
mod run;
mod sessions;
mod under;

use orkestra_runtime::{
    Result,
    id::{LockKey, SessionId},
};

use self::args::{LockCommand, WantArgs};
use crate::{
    cli::change::Asking,
    lock::{LockRefusal, Mode, Patience, Want},
    output::{Console, Exit},
};

pub(super) use self::under::become_program;

/// Does what was typed.
pub(super) async fn serve(
    command: &LockCommand,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    match command {
        LockCommand::List { limit } => look::list(*limit, asking, console).await,
        LockCommand::Get { key } => look::get(key, asking, console).await,
        LockCommand::Acquire(args) => hold::acquire(args, asking, console).await,
        LockCommand::Release(args) => hold::release(args, asking, console).await,
        LockCommand::Steal(args) => hold::steal(args, asking, console).await,
        LockCommand::Sessions { limit } => sessions::list(*limit, asking, console).await,
        LockCommand::End(args) => sessions::end(args, asking, console).await,
        LockCommand::Clean(args) => sessions::clean(args, asking, console).await,
        LockCommand::Run(args) => run::run(args, asking, console).await,
        // Carried out before anything is read.
        LockCommand::Exec { .. } => Ok(Exit::Invalid),
    }
}

/// What is wanted of each of these locks.
fn wants(keys: &[String], args: &WantArgs) -> Result<Vec<Want>> {
    let mode = match args.permits {
        Some(of) => Mode::Permits { permits: args.take, of },
        None if args.shared => Mode::Shared,
        None => Mode::Exclusive,
    };
    keys.iter().map(|key| Ok(Want { key: LockKey::new(key)?, mode })).collect()
}

fn patience(args: &WantArgs) -> Patience {
    match args.wait {
        _ if args.no_wait => Patience::Try,
        Some(wait) => Patience::For { ms: ms(wait) },
        None => Patience::Endless,
    }
}

fn ms(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What the session is called: as was said, or as nobody else is.
fn session_name(args: &WantArgs) -> Result<SessionId> {
    if let Some(name) = &args.session {
        return SessionId::new(name);
    }
    let number = crate::reach::nobodys_token()?;
    SessionId::new(format!("cli-{:x}-{:08x}", std::process::id(), number & 0xffff_ffff))
}

/// Whether a request came to nothing only because others have what it wants.
const fn is_not_got(refusal: &LockRefusal) -> bool {
    matches!(
        refusal,
        LockRefusal::Busy { .. } | LockRefusal::TimedOut { .. } | LockRefusal::Deadlock { .. }
    )
}
