//! What no record names goes at the next start: a blob whose task was never recorded, since the
//! process was killed in between; the result of an attempt that came too late; what was redacted,
//! and whose deletion was broken off; what belongs to runs that are no longer retained.

use std::sync::Arc;

use orkestra_runtime::fabric::{BlobName, Blobs};

use crate::{
    client::Tasks,
    task::{Answer, Query},
};

/// The sealed blobs that are there; none when they cannot be listed, which is told. Asked before
/// anything works: whatever is put from then on is still to be named.
pub(crate) async fn listed(blobs: &Arc<dyn Blobs>) -> Vec<BlobName> {
    blobs.sealed().await.unwrap_or_else(|error| {
        tracing::warn!(%error, "sealed blobs that nothing names stay until the next start");
        Vec::new()
    })
}

/// Deletes the sealed blobs of a list that nothing names. The list is from before the node began to
/// work, so nothing in it is still to be named.
///
/// It is tried at each start, so that a failure is told and no more.
pub(crate) async fn sweep(found: Vec<BlobName>, tasks: &Tasks) {
    if found.is_empty() {
        return;
    }
    let named = match tasks.query(Query::Blobs).await {
        Ok(Answer::Blobs(named)) => named,
        Ok(_) => return,
        Err(error) => {
            tracing::warn!(%error, "sealed blobs that nothing names stay until the next start");
            return;
        }
    };
    for name in found.iter().filter(|name| !named.contains(name)) {
        match tasks.blobs().delete(name).await {
            Ok(()) => tracing::info!(blob = %name, "sealed blob deleted, since nothing names it"),
            Err(error) => tracing::warn!(blob = %name, %error, "sealed blob not deleted"),
        }
    }
}
