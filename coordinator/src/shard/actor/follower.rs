//! Following a shard that another node leads, so as to lead it at once when it must be.

use std::{sync::Arc, time::Duration};

use futures::StreamExt as _;
use orkestra_runtime::{
    ErrorKind, Result,
    fabric::{Entry, Sequence},
    journal::Journal,
};

use super::beside::beside;
use crate::shard::{
    fold::{Fold, Genesis},
    mind::Mind,
};

/// How many records are folded at a time.
const CHUNK: usize = 64;

/// How long a follower waits before it begins anew after an error.
const WAIT: Duration = Duration::from_millis(500);

/// Folds what is written, from `warm` or from the latest snapshot, until `over` is done, and hands
/// out what was folded; none when there was an error, or it was over before the first fold was made.
///
/// An error of kind `TooNew` means that a newer program wrote what this one cannot read: there is no
/// use in following on. Others are waited for.
///
/// A fold that is being made is brought to its end even when it is over: whoever is to lead now needs
/// it, and would have to begin anew.
pub(super) async fn follow<M: Mind>(
    (journal, genesis): (Journal, Genesis<M>),
    warm: Option<Fold<M>>,
    over: impl Future<Output = ()> + Send,
) -> Result<Option<Fold<M>>> {
    let mut over = std::pin::pin!(over);
    let mut fold = warm;
    loop {
        let (from, origin) = (fold.take(), (journal.clone(), Arc::clone(&genesis)));
        let caught_up = beside(catch_up(origin, from)).await;
        let mut warm = match caught_up {
            Ok(warm) => warm,
            Err(error) if error.kind() == ErrorKind::TooNew => return Err(error),
            Err(error) => {
                tracing::warn!(shard = journal.shard().0, %error, "cannot follow for now");
                tokio::select! {
                    biased;
                    () = &mut over => return Ok(None),
                    () = tokio::time::sleep(WAIT) => continue,
                }
            }
        };
        let next = Sequence(warm.position().sequence().0 + 1);
        let mut entries = journal.follow(next).ready_chunks(CHUNK);
        loop {
            let chunk = tokio::select! {
                biased;
                () = &mut over => return Ok(Some(warm)),
                chunk = entries.next() => chunk,
            };
            let chunk: Option<Result<Vec<Entry>>> = chunk.map(|chunk| chunk.into_iter().collect());
            let Some(Ok(chunk)) = chunk else {
                fold = Some(warm); // catching up tells what is the matter
                break;
            };
            match beside(async move { take(warm, &chunk) }).await {
                Ok(on) => warm = on,
                Err(error) if error.kind() == ErrorKind::TooNew => return Err(error),
                Err(error) => {
                    tracing::warn!(shard = journal.shard().0, %error, "begins to follow anew");
                    break;
                }
            }
        }
        // A stream that ends at once must not make this a busy loop.
        tokio::select! {
            biased;
            () = &mut over => return Ok(fold),
            () = tokio::time::sleep(WAIT) => {}
        }
    }
}

async fn catch_up<M: Mind>(
    (journal, genesis): (Journal, Genesis<M>),
    from: Option<Fold<M>>,
) -> Result<Fold<M>> {
    let mut fold = match from {
        Some(fold) => fold,
        None => Fold::restore(journal, genesis).await?,
    };
    fold.read_on(Sequence(u64::MAX)).await?;
    Ok(fold)
}

fn take<M: Mind>(mut fold: Fold<M>, entries: &[Entry]) -> Result<Fold<M>> {
    for entry in entries {
        fold.take(entry)?;
    }
    Ok(fold)
}
