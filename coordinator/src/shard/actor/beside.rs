//! Work that keeps a processor busy, on a thread for such work.

use std::pin::pin;

use futures::future::{Either, select};
use orkestra_runtime::{Error, ErrorKind, Result};
use tokio::{runtime::Handle, sync::oneshot};

/// Runs work that keeps a processor busy on a thread for such work.
///
/// # Cancellation
/// When the future is dropped the work ends at its next wait: a reign that is not to begin any more
/// must not write its record later.
pub(super) async fn beside<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let runtime = Handle::current();
    let (_wanted, unwanted) = oneshot::channel::<()>();
    let done = tokio::task::spawn_blocking(move || {
        runtime.block_on(async {
            match select(pin!(work), unwanted).await {
                Either::Left((done, _)) => done,
                Either::Right(_) => {
                    Err(Error::new(ErrorKind::Unavailable, "folding a journal was broken off"))
                }
            }
        })
    });
    done.await.unwrap_or_else(|error| {
        Err(Error::new(ErrorKind::Fault, "folding a journal broke off").because(error))
    })
}
