//! Following a log over the loss of connections, servers and leaders.

use async_nats::jetstream::consumer::DeliverPolicy;
use futures::{Stream, stream};

use super::{
    logs::{NatsLogs, trimmed},
    streams::PAUSE,
    tail::Tail,
};
use crate::{
    error::Result,
    fabric::{Entry, LogName, Sequence},
};

struct Following {
    logs: NatsLogs,
    log: LogName,
    next: u64,
    begun: bool,
    ended: bool,
    /// The tail, and whether nothing came from it yet.
    tail: Option<(Tail, bool)>,
}

/// Records from `from` on, each once and in order.
pub(super) fn follow(
    logs: NatsLogs,
    log: LogName,
    from: Sequence,
) -> impl Stream<Item = Result<Entry>> + Send {
    let next = from.0.max(1);
    let following = Following { logs, log, next, begun: false, ended: false, tail: None };
    stream::unfold(following, |mut following| async move {
        if following.ended {
            return None;
        }
        let wire = std::sync::Arc::clone(&following.logs.streams.wire);
        let item = tokio::select! {
            biased;
            error = wire.over() => Err(error),
            item = following.advance() => item,
        };
        following.ended = item.is_err();
        Some((item, following))
    })
}

impl Following {
    async fn advance(&mut self) -> Result<Entry> {
        loop {
            let Some((tail, is_fresh)) = &mut self.tail else {
                self.open().await;
                continue;
            };
            let Some(message) = tail.next().await else {
                self.tail = None;
                continue;
            };
            let was_fresh = std::mem::replace(is_fresh, false);
            let Ok(sequence) = message.info().map(|info| info.stream_sequence) else { continue };
            if sequence < self.next {
                continue;
            }
            if sequence > self.next && self.begun {
                // A tail that began where we stand and has no such record says that it is gone;
                // any other may have lost it on the way.
                if was_fresh {
                    return Err(trimmed(&self.log, self.next, sequence));
                }
                self.tail = None;
                continue;
            }
            self.begun = true;
            self.next = sequence + 1;
            let record = message.message.payload;
            return Ok(Entry { sequence: Sequence(sequence), record });
        }
    }

    /// Opens a tail where we stand, or waits a moment: for the log, for its leader, for the
    /// connection.
    async fn open(&mut self) {
        let names = &self.logs.names;
        let stream = names.journal(&self.log);
        let is_there = matches!(self.logs.streams.info(&stream).await, Ok(Some(_)));
        if is_there {
            let subject = names.journal_subject(&self.log);
            let from = DeliverPolicy::ByStartSequence { start_sequence: self.next };
            if let Ok(tail) = Tail::open(&self.logs.streams, &stream, &subject, from).await {
                self.tail = Some((tail, true));
                return;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}
