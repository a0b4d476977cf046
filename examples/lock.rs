//! Two who write in turn under one lock, and what becomes of a token that is old.

use orkestra_coordinator::{
    client::locks::SessionSpec,
    lock::{LockReason, Mode, Patience, Want},
    system::System,
};
use orkestra_runtime::{
    Result,
    id::{LockKey, SessionId},
};

fn named(name: &str) -> Result<SessionSpec> {
    Ok(SessionSpec { name: SessionId::new(name)?, lease: None, by: "an example".to_owned() })
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "examples show what they did")]
async fn main() -> Result<()> {
    let system = System::builder().start().await?;
    let ledger = || LockKey::new("ledger").map(|key| vec![Want { key, mode: Mode::Exclusive }]);
    let ann = system.locks().open(named("ann")?).await?;
    let bob = system.locks().open(named("bob")?).await?;

    let held = ann.acquire(ledger()?, Patience::For { ms: 5_000 }).await?;
    let refused = bob.acquire(ledger()?, Patience::Try).await.is_err();
    let old = held.grants()[0].clone();
    tokio::select! {
        why = held.lost() => println!("stop at once: {why}"),
        () = async { /* what is done under the lock shows old.token to whoever stores it */ } => {}
    }
    held.release(LockReason::Complete).await?;

    let next = bob.acquire(ledger()?, Patience::Endless).await?;
    let rises = next.grants()[0].token > old.token;
    let is_stale = system.locks().check(old).await.is_err();
    println!("refused: {refused}; the token rises: {rises}; the old one is stale: {is_stale}");
    next.release(LockReason::Complete).await?;
    ann.close().await?;
    bob.close().await?;
    system.stop().await
}
