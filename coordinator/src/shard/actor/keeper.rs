//! Snapshots beside a reign. Whoever follows makes none.

use std::sync::Arc;

use orkestra_runtime::journal::Journal;
use tokio::sync::{Mutex, mpsc, watch};

use super::{
    beside::beside, handle::SnapshotAsk, hands::Written, settings::Settings, window::Window,
};
use crate::shard::{
    fold::{Fold, Genesis},
    mind::Mind,
};

/// What the keeper of a reign works with.
pub(super) struct KeeperParts<M: Mind> {
    pub(super) journal: Journal,
    pub(super) genesis: Genesis<M>,
    pub(super) settings: Settings,
    /// Heard by the keeper of the present reign.
    pub(super) asked: Arc<Mutex<mpsc::Receiver<SnapshotAsk>>>,
}

/// Makes a snapshot whenever enough has become durable, and when it is asked for one.
pub(super) async fn keep<M: Mind>(parts: KeeperParts<M>, mut durable: watch::Receiver<Written>) {
    let KeeperParts { journal, genesis, settings, asked } = parts;
    let mut asked = asked.lock().await;
    let shard = journal.shard().0;
    let mut last = match journal.snapshots().await {
        Ok(marks) => marks.last().map_or(0, |mark| mark.position.sequence().0),
        Err(_) => 0,
    };
    let mut kept: Option<Fold<M>> = None;
    let mut window = Window::new(settings);
    loop {
        let ask = tokio::select! {
            biased;
            due = durable.wait_for(|written| window.is_due(last, *written)) => {
                if due.is_err() {
                    return;
                }
                None
            }
            Some(ask) = asked.recv() => Some(ask),
        };
        let records_kept = ask.as_ref().and_then(|ask| ask.records_kept);
        let records_kept = records_kept.unwrap_or_else(|| window.records_kept(*durable.borrow()));
        let (journal, genesis, fold) = (journal.clone(), Arc::clone(&genesis), kept.take());
        let made = beside(async move {
            let mut fold = match fold {
                Some(fold) => fold,
                None => Fold::restore(journal, genesis).await?,
            };
            let position = fold.snapshot(records_kept).await?;
            Ok((fold, position))
        });
        let made = made.await;
        let reply = ask.map(|ask| ask.reply);
        match made {
            Ok((fold, position)) => {
                // Whoever asked may have gone.
                let _ = reply.map(|reply| reply.send(Ok(position)));
                tracing::info!(shard, at = %position.number, "snapshot kept");
                last = position.sequence().0;
                window.snapshot_was_made(*durable.borrow());
                kept = Some(fold);
            }
            Err(error) => {
                tracing::error!(shard, %error, "snapshot failed; nothing is forgotten");
                let _ = reply.map(|reply| reply.send(Err(error)));
                last = durable.borrow().end.0;
                window.snapshot_was_made(*durable.borrow());
            }
        }
    }
}
