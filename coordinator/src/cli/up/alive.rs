//! How many of the processes that were started are still there.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

/// Counts processes. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Alive(Arc<watch::Sender<usize>>);

/// One that is there until this is dropped.
#[derive(Debug)]
pub(super) struct One(Arc<watch::Sender<usize>>);

impl Alive {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    pub(super) fn one(&self) -> One {
        self.0.send_modify(|count| *count += 1);
        One(Arc::clone(&self.0))
    }

    /// Waits until none is there any more; answers whether that came to be.
    pub(super) async fn none_within(&self, within: Duration) -> bool {
        let mut count = self.0.subscribe();
        let none = count.wait_for(|count| *count == 0);
        tokio::time::timeout(within, none).await.is_ok()
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}
