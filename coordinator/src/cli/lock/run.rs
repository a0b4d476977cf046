//! `orkestra lock run`: a program that runs while a lock is held for it.

use orkestra_runtime::{Error, ErrorKind, Result, id::Token};
use rustix::process::Signal;
use tokio::signal::unix::{Signal as Listening, SignalKind, signal};

use super::{
    args::RunArgs, is_not_got, keeper::Keeper, patience, session_name, under::Program, wants,
};
use crate::{
    cli::change::Asking,
    client::locks::{Guard, LockError, Session, SessionSpec},
    lock::LockReason,
    output::{Console, Exit},
};

/// How this ends when the lock could not be had.
const NOT_GOT: Exit = Exit::Of(120);
/// How it ends when the lock was lost while the program ran.
const LOST: Exit = Exit::Of(121);

/// Runs a program under a lock.
pub(super) async fn run(
    args: &RunArgs,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let keys = std::slice::from_ref(&args.key);
    let (wants, name) = (wants(keys, &args.want)?, session_name(&args.want)?);
    let mut signals = Signals::listen()?;
    let keeper = Keeper::find(asking).await?;
    let spec = SessionSpec { name, lease: Some(args.lease), by: keeper.by.clone() };
    let session = keeper.locks.open(spec).await?;
    let acquired = tokio::select! {
        acquired = session.acquire(wants, patience(&args.want)) => acquired,
        _ = signals.next() => {
            ended(session, console).await?;
            keeper.close().await;
            return Ok(Exit::Interrupted);
        }
    };
    let exit = match acquired {
        Ok(guard) => under(args, (guard, &session), &mut signals, console).await,
        Err(LockError::Refused(refusal)) if is_not_got(&refusal) => {
            console.error(refusal)?;
            Ok(NOT_GOT)
        }
        Err(error) => Err(error.into()),
    };
    ended(session, console).await?;
    keeper.close().await;
    exit
}

/// Runs the program until it ends or the lock is lost.
async fn under(
    args: &RunArgs,
    (guard, session): (Guard, &Session),
    signals: &mut Signals,
    console: &mut Console,
) -> Result<Exit> {
    let token = guard.token().unwrap_or(Token(0));
    let env = [
        ("ORKESTRA_LOCK_KEY", args.key.clone()),
        ("ORKESTRA_LOCK_SESSION", session.name().to_string()),
        ("ORKESTRA_LOCK_TOKEN", token.to_string()),
    ];
    let mut program = Program::start(&args.command, &env)?;
    let why = loop {
        tokio::select! {
            biased;
            exit = program.ended() => {
                let exit = exit?;
                if guard.valid_until().is_some() {
                    if let Err(error) = guard.release(LockReason::ScriptExit).await {
                        console.warn(format!("the lock is free only after a while: {error}"))?;
                    }
                    return Ok(exit);
                }
                break guard.lost().await;
            }
            why = guard.lost() => {
                let key = &args.key;
                console.error(format!("lock {key} is lost, so the program is ended: {why}"))?;
                program.stop(args.grace).await?;
                return Ok(LOST);
            }
            asked = signals.next() => program.signal(asked),
        }
    };
    console.error(format!("lock {} was lost before the program ended: {why}", args.key))?;
    Ok(LOST)
}

/// Ends a session; what cannot be closed ends with its lease.
async fn ended(session: Session, console: &mut Console) -> Result<()> {
    if let Err(error) = session.close().await {
        console.warn(format!("the session ends only with its lease: {error}"))?;
    }
    Ok(())
}

/// Signals that ask this process to end.
struct Signals([(Listening, Signal); 4]);

impl Signals {
    fn listen() -> Result<Self> {
        let on = |kind, handed_on| {
            let failed =
                |error| Error::new(ErrorKind::Io, "cannot listen for signals").because(error);
            Ok::<_, Error>((signal(kind).map_err(failed)?, handed_on))
        };
        Ok(Self([
            on(SignalKind::interrupt(), Signal::INT)?,
            on(SignalKind::terminate(), Signal::TERM)?,
            on(SignalKind::hangup(), Signal::HUP)?,
            on(SignalKind::quit(), Signal::QUIT)?,
        ]))
    }

    /// The next of them; dropping this loses none.
    async fn next(&mut self) -> Signal {
        let all = self.0.iter_mut().map(|(heard, handed_on)| {
            Box::pin(async move {
                if heard.recv().await.is_none() {
                    std::future::pending::<()>().await;
                }
                *handed_on
            })
        });
        futures::future::select_all(all).await.0
    }
}
