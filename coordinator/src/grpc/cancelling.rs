//! Cancels what nobody waits for any more: a call that is dropped can ask for nothing itself.

use std::{fmt, time::Duration};

use futures::{StreamExt as _, stream::FuturesUnordered};
use tokio::sync::mpsc;

use crate::client::councils::Councils;

/// How many are cancelled at once.
const AT_ONCE_MAX: usize = 64;
/// How often what is not there yet is looked for again, and after how long: what was asked to begin
/// may begin after whoever asked is gone.
const TRIES: u32 = 10;
const AGAIN: Duration = Duration::from_millis(200);
/// Who cancels, and why, for the record.
const BY: &str = "whoever called over gRPC";
const WHY: &str = "the call was dropped, or its deadline has passed";

/// What is to be cancelled.
struct Dropped {
    councils: Councils,
    namespace: String,
    id: String,
}

/// Where to say what is to be cancelled. Cheap to clone.
#[derive(Clone)]
pub(super) struct Cancelling(mpsc::UnboundedSender<Dropped>);

/// Whoever cancels.
pub(super) struct Canceller(mpsc::UnboundedReceiver<Dropped>);

/// Cancels a deliberation when it is dropped, unless it was told that there is no need.
pub(super) struct Waiting {
    cancelling: Cancelling,
    dropped: Option<Dropped>,
}

/// Somebody who cancels, and where to say what. What waits is bounded by the calls that there are.
pub(super) fn cancelling() -> (Cancelling, Canceller) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Cancelling(sender), Canceller(receiver))
}

impl Cancelling {
    /// Somebody waits for a deliberation from now on.
    pub(super) fn waiting(&self, councils: Councils, namespace: &str, id: &str) -> Waiting {
        let dropped = Dropped { councils, namespace: namespace.to_owned(), id: id.to_owned() };
        Waiting { cancelling: self.clone(), dropped: Some(dropped) }
    }
}

impl Waiting {
    /// It has ended, or is not this caller's to cancel.
    pub(super) fn is_over(&mut self) {
        self.dropped = None;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(dropped) = self.dropped.take() {
            // Nobody cancels any more: the door is shut, and the deliberation keeps its own deadline.
            let _ = self.cancelling.0.send(dropped);
        }
    }
}

impl Canceller {
    /// Cancels until nobody is left who could say what.
    pub(super) async fn run(mut self) {
        let mut at_work = FuturesUnordered::new();
        loop {
            let has_room = at_work.len() < AT_ONCE_MAX;
            tokio::select! {
                dropped = self.0.recv(), if has_room => match dropped {
                    Some(dropped) => at_work.push(dropped.cancel()),
                    None => break,
                },
                Some(()) = at_work.next() => {}
            }
        }
        while at_work.next().await.is_some() {}
    }
}

impl Dropped {
    async fn cancel(self) {
        let Self { councils, namespace, id } = self;
        for _ in 0..TRIES {
            match councils.cancel(&namespace, &id, BY, WHY).await {
                Ok(_) => return,
                Err(error) => {
                    tracing::debug!(%error, id, "a deliberation that nobody waits for goes on yet");
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
        tracing::warn!(id, "a deliberation that nobody waits for was not cancelled");
    }
}

impl fmt::Debug for Cancelling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancelling").finish_non_exhaustive()
    }
}
