//! Logs on streams, one stream a log: the stream's sequence is the log's position.

use std::{collections::VecDeque, sync::Arc};

use async_nats::{
    StatusCode,
    header::{NATS_EXPECTED_LAST_SEQUENCE, NATS_SEQUENCE},
};
use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture};
use serde_json::json;

use super::{
    faults::Refusal,
    following,
    names::Names,
    streams::{Kind, PAUSE, Streams, expecting},
    wire::Parcel,
};
use crate::{
    error::{Error, ErrorKind, Result},
    fabric::{AppendError, AskError, Entry, Follow, LogName, Logs, Sequence, log::must_begin},
    limits::RECORD_BYTES_MAX,
};

/// What a message has beside its record.
const OVERHEAD_BYTES: usize = 512;
/// How much is asked for at once, at least: small enough to be quick, large enough to be worth it.
const READ_BYTES_MIN: usize = 64 * 1024;
const READ_BYTES_MAX: usize = 4 * 1024 * 1024;
const READ_RECORDS_MAX: usize = 1_000;

/// The logs of a cluster. Cheap to clone; clones are the same logs.
#[derive(Clone, Debug)]
pub(super) struct NatsLogs {
    pub(super) streams: Arc<Streams>,
    pub(super) names: Names,
    /// Whether servers give many messages to one question.
    pub(super) many: bool,
}

impl NatsLogs {
    async fn append(
        &self,
        log: &LogName,
        end: Sequence,
        record: Bytes,
    ) -> Result<Sequence, AppendError> {
        let room = self.streams.wire.bytes_max().saturating_sub(OVERHEAD_BYTES);
        if record.len() > RECORD_BYTES_MAX.min(room) {
            return Err(AppendError::TooLarge);
        }
        let late = || AppendError::Unknown("no answer came in time".to_owned());
        let append = self.append_once_there(log, end, record);
        // Each answer has its own limit; this is for all of them, and for a log that must be made.
        let limit = self.streams.wire.within * 2;
        tokio::time::timeout(limit, append).await.unwrap_or_else(|_| Err(late()))
    }

    /// Appends; makes the log where there is none, and tries again while nobody answers for it,
    /// since nothing was done then.
    async fn append_once_there(
        &self,
        log: &LogName,
        end: Sequence,
        record: Bytes,
    ) -> Result<Sequence, AppendError> {
        let (stream, subject) = (self.names.journal(log), self.names.journal_subject(log));
        let unknown = |refusal: Refusal| AppendError::Unknown(refusal.to_string());
        loop {
            let header = NATS_EXPECTED_LAST_SEQUENCE.as_ref();
            let parcel = expecting(subject.clone(), header, end.0, record.clone());
            match self.streams.keep(&stream, parcel).await {
                Ok(sequence) if sequence == end.0 + 1 => return Ok(Sequence(sequence)),
                Ok(sequence) => {
                    let why = format!("it was stored at {sequence}, which is not behind {}", end.0);
                    return Err(AppendError::Unknown(why));
                }
                Err(Refusal::Full) => return Err(AppendError::Full),
                Err(Refusal::TooLarge) => return Err(AppendError::TooLarge),
                Err(Refusal::WrongLast) => return self.conflict(log, end).await,
                Err(Refusal::NoOne) => match self.streams.info(&stream).await {
                    Ok(None) if end.0 > 0 => return Err(AppendError::Conflict(Sequence(0))),
                    Ok(None) => {
                        let made =
                            self.streams.find_or_make(Kind::Journal, &stream, &subject).await;
                        made.map_err(unknown)?;
                    }
                    Ok(Some(_)) | Err(_) => tokio::time::sleep(PAUSE).await,
                },
                Err(other) => return Err(unknown(other)),
            }
        }
    }

    /// Reads where the log ends, after a server said that it ends elsewhere. What is on its way to
    /// be stored counts for that server already, and can be read a moment later.
    async fn conflict(&self, log: &LogName, end: Sequence) -> Result<Sequence, AppendError> {
        loop {
            match self.end(log).await {
                Ok(found) if found != end => return Err(AppendError::Conflict(found)),
                Ok(_) => tokio::time::sleep(PAUSE / 10).await,
                Err(error) => return Err(AppendError::Unknown(error.to_string())),
            }
        }
    }

    pub(super) async fn end(&self, log: &LogName) -> Result<Sequence> {
        let info = self.streams.info(&self.names.journal(log)).await;
        let info = info.map_err(|refusal| refusal.into_error(&format!("find log {log}")))?;
        Ok(Sequence(info.map_or(0, |info| info.last())))
    }

    async fn read(&self, log: &LogName, from: Sequence, bytes_max: usize) -> Result<Vec<Entry>> {
        let late = || Refusal::Unclear("no answer came in time".to_owned());
        let what = format!("read log {log}");
        let reading = self.read_all(log, from, bytes_max);
        // Each answer has its own limit; this is for a stream that never has what it says.
        let limit = self.streams.wire.within * 4;
        let read = tokio::time::timeout(limit, reading).await;
        read.unwrap_or_else(|_| Err(late().into_error(&what)))
    }

    /// Any server that keeps the stream may answer a question, and may be behind: so whoever has
    /// read less than he asked for compares with where the leader says that the log ends.
    async fn read_all(
        &self,
        log: &LogName,
        from: Sequence,
        bytes_max: usize,
    ) -> Result<Vec<Entry>> {
        let stream = self.names.journal(log);
        let mut read = Read { next: from.0.max(1), bytes: 0, bytes_max, entries: Vec::new() };
        loop {
            let full = self.batch(&stream, &mut read).await;
            if full.map_err(|refusal| refusal.into_error(&format!("read log {log}")))? {
                return Ok(read.entries);
            }
            let info = self.streams.info(&stream).await;
            let info = info.map_err(|refusal| refusal.into_error(&format!("read log {log}")))?;
            let Some(info) = info else { return Ok(read.entries) };
            if read.next > info.last() || info.first() > info.last() {
                return Ok(read.entries);
            }
            if read.entries.is_empty() {
                read.next = read.next.max(info.first());
            } else if read.next < info.first() {
                return Ok(read.entries);
            }
        }
    }

    /// Asks once. True when no more is wanted.
    async fn batch(&self, stream: &str, read: &mut Read) -> Result<bool, Refusal> {
        let left = read.bytes_max.saturating_sub(read.bytes);
        let bytes = left.clamp(READ_BYTES_MIN, READ_BYTES_MAX);
        let request = if self.many {
            json!({ "seq": read.next, "batch": READ_RECORDS_MAX, "max_bytes": bytes })
        } else {
            json!({ "seq": read.next })
        };
        let parcel =
            Parcel::new(format!("{}.DIRECT.GET.{stream}", self.streams.api), request.to_string());
        let many = self.many;
        let (mut messages, mut ended) = (VecDeque::new(), false);
        let max = READ_RECORDS_MAX + 1;
        let asked = self.streams.wire.ask_many(parcel, self.streams.wire.within, max, |message| {
            ended = message.status.is_some_and(|status| status != StatusCode::OK);
            if !ended {
                messages.push_back(message);
            }
            many && !ended
        });
        match asked.await {
            Ok(()) => {}
            // No such stream, or nobody who could answer for it: the leader knows.
            Err(AskError::NoOne) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        for message in messages {
            let sequence = message.headers.as_ref().and_then(|headers| headers.get(NATS_SEQUENCE));
            let sequence = sequence.and_then(|text| text.as_str().parse().ok());
            let Some(sequence) = sequence else { continue };
            if !read.take(sequence, message.payload) {
                return Ok(true);
            }
        }
        Ok(!read.entries.is_empty() && read.bytes >= read.bytes_max)
    }

    async fn begin(&self, log: &LogName, first: Sequence) -> Result<()> {
        let (stream, subject) = (self.names.journal(log), self.names.journal_subject(log));
        let what = format!("begin log {log}");
        let made = self.streams.find_or_make(Kind::Journal, &stream, &subject).await;
        let info = made.map_err(|refusal| refusal.into_error(&what))?;
        if !must_begin(log, Sequence(info.last()), first)? {
            return Ok(());
        }
        // A stream that is told to forget beyond its end moves its end.
        let purged = self.streams.purge(&stream, json!({ "seq": first.0 })).await;
        purged.map_err(|refusal| refusal.into_error(&what))?;
        let end = self.end(log).await?;
        if end.0 + 1 == first.0 {
            return Ok(());
        }
        let message = format!("cannot {what}: it ends at {} all the same", end.0);
        Err(Error::new(ErrorKind::Conflict, message))
    }

    async fn trim(&self, log: &LogName, first: Sequence) -> Result<()> {
        let stream = self.names.journal(log);
        let what = format!("trim log {log}");
        let info = self.streams.info(&stream).await;
        let Some(info) = info.map_err(|refusal| refusal.into_error(&what))? else { return Ok(()) };
        // A stream that is told to forget beyond its end moves its end.
        let first = first.0.min(info.last() + 1);
        if first <= info.first() {
            return Ok(());
        }
        let purged = self.streams.purge(&stream, json!({ "seq": first })).await;
        purged.map_err(|refusal| refusal.into_error(&what))
    }

    fn closed(&self) -> Option<Error> {
        self.streams.wire.is_over().then(super::faults::closed)
    }
}

/// What was read so far.
struct Read {
    next: u64,
    bytes: usize,
    bytes_max: usize,
    entries: Vec<Entry>,
}

impl Read {
    /// Takes the next record; false when it does not fit any more. One that is not the next is
    /// left out: it is asked for again, or what is before it was trimmed.
    fn take(&mut self, sequence: u64, record: Bytes) -> bool {
        let is_next = sequence == self.next || (self.entries.is_empty() && sequence > self.next);
        if !is_next {
            return true;
        }
        if !self.entries.is_empty() && self.bytes + record.len() > self.bytes_max {
            return false;
        }
        self.bytes += record.len();
        self.next = sequence + 1;
        self.entries.push(Entry { sequence: Sequence(sequence), record });
        true
    }
}

impl Logs for NatsLogs {
    fn append(
        &self,
        log: &LogName,
        end: Sequence,
        record: Bytes,
    ) -> BoxFuture<'static, Result<Sequence, AppendError>> {
        let (this, log) = (self.clone(), log.clone());
        async move { Self::append(&this, &log, end, record).await }.boxed()
    }

    fn end(&self, log: &LogName) -> BoxFuture<'static, Result<Sequence>> {
        let (this, log) = (self.clone(), log.clone());
        async move { Self::end(&this, &log).await }.boxed()
    }

    fn read(
        &self,
        log: &LogName,
        from: Sequence,
        bytes_max: usize,
    ) -> BoxFuture<'static, Result<Vec<Entry>>> {
        let (this, log) = (self.clone(), log.clone());
        async move {
            if let Some(closed) = this.closed() {
                return Err(closed);
            }
            Self::read(&this, &log, from, bytes_max).await
        }
        .boxed()
    }

    fn follow(&self, log: &LogName, from: Sequence) -> Follow {
        following::follow(self.clone(), log.clone(), from).boxed()
    }

    fn begin(&self, log: &LogName, first: Sequence) -> BoxFuture<'static, Result<()>> {
        let (this, log) = (self.clone(), log.clone());
        async move { Self::begin(&this, &log, first).await }.boxed()
    }

    fn trim(&self, log: &LogName, first: Sequence) -> BoxFuture<'static, Result<()>> {
        let (this, log) = (self.clone(), log.clone());
        async move { Self::trim(&this, &log, first).await }.boxed()
    }
}

/// What is told to a follower whose next record was trimmed.
pub(super) fn trimmed(log: &LogName, next: u64, found: u64) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!("cannot follow log {log} past {next}: it was trimmed up to {found} meanwhile"),
    )
}
