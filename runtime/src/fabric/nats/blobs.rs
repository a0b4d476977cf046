//! Blobs in parts, one message a part.
//!
//! ```text
//!   ork.v1.{cluster}.blob.{hash}.{number}   a part, all but the last of the same size
//!   ork.v1.{cluster}.blob.{hash}.sealed     is there when the blob is sealed
//!   ork.v1.{cluster}.blob.{hash}.head       how many bytes and how large a part; written last
//! ```
//!
//! The head makes a blob: without it there is none, whatever parts there are. The stream keeps the
//! last message of each subject, so keeping the same bytes again changes nothing.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, future::BoxFuture, stream};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    faults::{Refusal, closed},
    names::Names,
    streams::Streams,
    wire::Parcel,
};
use crate::{
    error::{Error, ErrorKind, Result},
    fabric::{BlobName, Blobs, is_sealed},
    limits::BLOB_BYTES_MAX,
};

/// How large a part is, unless the servers take less.
const PART_BYTES: usize = 256 * 1024;
/// What a message has beside its part.
const OVERHEAD_BYTES: usize = 512;
const PARTS_AT_ONCE: usize = 8;
const HEAD_VERSION: u32 = 1;

/// What makes the parts a blob.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    version: u32,
    bytes: usize,
    part: usize,
}

impl Head {
    /// Whether it can be believed before anything is read because of it.
    fn is_sound(&self) -> bool {
        self.bytes <= BLOB_BYTES_MAX && (1..=BLOB_BYTES_MAX).contains(&self.part)
    }

    fn parts(&self) -> usize {
        self.bytes.div_ceil(self.part)
    }
}

/// The blobs of a cluster. Cheap to clone; clones are the same blobs.
#[derive(Clone, Debug)]
pub(super) struct NatsBlobs {
    pub(super) streams: Arc<Streams>,
    pub(super) names: Names,
}

fn damaged(name: &BlobName, why: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("blob {name} is damaged: {why}"))
}

impl NatsBlobs {
    async fn keep(&self, name: &BlobName, part: &str, bytes: Bytes) -> Result<(), Refusal> {
        let subject = self.names.blob_subject(name.as_str(), part);
        let parcel = || Parcel::new(subject.clone(), bytes.clone());
        self.streams.keep_patiently(&self.names.blobs(), parcel).await.map(drop)
    }

    async fn head(&self, name: &BlobName) -> Result<Option<Head>> {
        let subject = self.names.blob_subject(name.as_str(), "head");
        let found = self.streams.last(&self.names.blobs(), &subject).await;
        let found = found.map_err(|refusal| refusal.into_error(&format!("read blob {name}")))?;
        let Some(found) = found else { return Ok(None) };
        let head: Head = serde_json::from_slice(&found.payload)
            .map_err(|error| damaged(name, "its head cannot be read").because(error))?;
        if head.version > HEAD_VERSION {
            let why = format!("blob {name} was kept by a newer program, which reads it");
            return Err(Error::new(ErrorKind::TooNew, why));
        }
        if head.is_sound() { Ok(Some(head)) } else { Err(damaged(name, "its head cannot be")) }
    }

    async fn put(&self, bytes: Bytes) -> Result<BlobName> {
        if bytes.len() > BLOB_BYTES_MAX {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!(
                    "cannot keep a blob of {} bytes: at most {BLOB_BYTES_MAX} are allowed",
                    bytes.len()
                ),
            ));
        }
        if self.streams.wire.is_over() {
            return Err(closed());
        }
        let name = BlobName::of(&bytes);
        if self.head(&name).await.is_ok_and(|head| head.is_some()) {
            return Ok(name);
        }
        let kept = self.put_parts(&name, bytes).await;
        kept.map_err(|refusal| refusal.into_error(&format!("keep blob {name}")))?;
        Ok(name)
    }

    async fn put_parts(&self, name: &BlobName, bytes: Bytes) -> Result<(), Refusal> {
        let room = self.streams.wire.bytes_max().saturating_sub(OVERHEAD_BYTES);
        let part = PART_BYTES.min(room).max(1);
        let head = Head { version: HEAD_VERSION, bytes: bytes.len(), part };
        let parts = (0..head.parts()).map(|number| {
            let begin = number * part;
            let part = bytes.slice(begin..(begin + part).min(bytes.len()));
            async move { self.keep(name, &number.to_string(), part).await }
        });
        let kept = stream::iter(parts).buffer_unordered(PARTS_AT_ONCE);
        kept.try_for_each(|()| std::future::ready(Ok(()))).await?;
        if is_sealed(&bytes) {
            self.keep(name, "sealed", Bytes::new()).await?;
        }
        let head = serde_json::to_vec(&head).map_err(|e| Refusal::Unclear(e.to_string()))?;
        self.keep(name, "head", head.into()).await
    }

    async fn get(&self, name: &BlobName) -> Result<Option<Bytes>> {
        if self.streams.wire.is_over() {
            return Err(closed());
        }
        let Some(head) = self.head(name).await? else { return Ok(None) };
        let parts = (0..head.parts()).map(|number| self.part(name, number));
        let mut parts = stream::iter(parts).buffered(PARTS_AT_ONCE);
        let mut bytes = BytesMut::with_capacity(head.bytes);
        while let Some(part) = parts.next().await {
            let part = part.map_err(|refusal| match refusal {
                Refusal::NoMessage => damaged(name, "a part of it is missing"),
                other => other.into_error(&format!("read blob {name}")),
            })?;
            if bytes.len() + part.len() > head.bytes {
                return Err(damaged(name, "its parts are larger than it is"));
            }
            bytes.extend_from_slice(&part);
        }
        let bytes = bytes.freeze();
        if BlobName::of(&bytes) == *name {
            Ok(Some(bytes))
        } else {
            Err(damaged(name, "its bytes do not match its name"))
        }
    }

    /// Any server that keeps the stream may give a part. One that is behind has none; then the
    /// leader is asked.
    async fn part(&self, name: &BlobName, number: usize) -> Result<Bytes, Refusal> {
        let subject = self.names.blob_subject(name.as_str(), &number.to_string());
        let stream = self.names.blobs();
        let ask = format!("{}.DIRECT.GET.{stream}.{subject}", self.streams.api);
        let parcel = Parcel::new(ask, Bytes::new());
        if let Ok(answer) = self.streams.wire.ask(parcel, self.streams.wire.within).await
            && answer.status.is_none()
        {
            return Ok(answer.payload);
        }
        let found = self.streams.last(&stream, &subject).await?;
        found.map(|found| found.payload).ok_or(Refusal::NoMessage)
    }
}

impl Blobs for NatsBlobs {
    fn put(&self, bytes: Bytes) -> BoxFuture<'static, Result<BlobName>> {
        let this = self.clone();
        async move { Self::put(&this, bytes).await }.boxed()
    }

    fn get(&self, name: &BlobName) -> BoxFuture<'static, Result<Option<Bytes>>> {
        let (this, name) = (self.clone(), name.clone());
        async move { Self::get(&this, &name).await }.boxed()
    }

    fn delete(&self, name: &BlobName) -> BoxFuture<'static, Result<()>> {
        let (this, name) = (self.clone(), name.clone());
        async move {
            let filter = this.names.blob_subject(name.as_str(), ">");
            let purged = this.streams.purge(&this.names.blobs(), json!({ "filter": filter })).await;
            purged.map_err(|refusal| refusal.into_error(&format!("delete blob {name}")))
        }
        .boxed()
    }

    fn sealed(&self) -> BoxFuture<'static, Result<Vec<BlobName>>> {
        let this = self.clone();
        async move {
            let filter = this.names.blob_subject("*", "sealed");
            let subjects = this.streams.subjects(&this.names.blobs(), &filter).await;
            let subjects =
                subjects.map_err(|refusal| refusal.into_error("list the sealed blobs"))?;
            Ok(subjects.iter().filter_map(|subject| this.names.blob_of(subject)).collect())
        }
        .boxed()
    }
}
