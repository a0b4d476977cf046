//! Who keeps the locks that a command is about.

use std::sync::Arc;

use orkestra_runtime::{Error, ErrorKind, Result, time::Clock as _};

use crate::{
    cli::{
        change::{Asking, Found, held},
        cluster::Cluster,
    },
    client::locks::Locks,
    door::{Asker, LockAsk, LockDoor, Request, nobody},
    inspect::Inspection,
    lock::{LockAnswer, LockQuery, LockReply},
    public::kept_namespace,
};

/// The way to locks that can be taken, and whom that is asked of.
pub(super) struct Keeper {
    pub(super) locks: Locks,
    /// Who asks, for the record.
    pub(super) by: String,
    cluster: Option<Cluster>,
}

impl Keeper {
    /// A cluster, or the process that is at work in the folder.
    pub(super) async fn find(asking: &Asking<'_>) -> Result<Self> {
        let by = Asker::of_process().await.to_string();
        let clock = Arc::clone(&asking.clock) as Arc<dyn orkestra_runtime::time::Clock>;
        if asking.settings.is_cluster() {
            let cluster = Cluster::connect(asking.settings).await?;
            let namespace = kept_namespace(asking.settings.namespace.as_deref());
            let locks = Locks::new(cluster.way_of(namespace)?.to, clock);
            return Ok(Self { locks, by, cluster: Some(cluster) });
        }
        let data_dir = asking.data_dir();
        let found = asking.find().await?;
        match found {
            Found::Node(_) => {
                let door = Arc::new(LockDoor::of(data_dir.to_owned()));
                Ok(Self { locks: Locks::through(door, clock), by, cluster: None })
            }
            Found::Closed(pid) => Err(held(data_dir, pid)),
            Found::Nobody => Err(nobody(data_dir)),
        }
    }

    pub(super) async fn close(self) {
        if let Some(cluster) = self.cluster {
            cluster.close().await;
        }
    }
}

/// Looks: where somebody is at work as it is now, otherwise as the folder says.
pub(super) async fn look(query: LockQuery, asking: &Asking<'_>) -> Result<LockAnswer> {
    if !asking.settings.is_cluster() && !matches!(asking.find().await?, Found::Node(_)) {
        let inspection = Inspection::of(asking.data_dir()).await?;
        let answer = inspection.locks(asking.clock.now(), &query);
        inspection.close().await;
        return Ok(answer);
    }
    asking.ask(&Request::Lock { ask: LockAsk::Look(query) }, None).await
}

/// Asks for a change, of whoever is at work or in the folder itself. A refusal is an error.
pub(super) async fn change(ask: LockAsk, asking: &Asking<'_>) -> Result<LockReply> {
    match asking.ask(&Request::Lock { ask }, None).await? {
        LockReply::Refused(refusal) => Err(Error::new(refusal.kind(), refusal.to_string())),
        reply => Ok(reply),
    }
}

pub(super) fn odd(answer: &impl std::fmt::Debug) -> Error {
    Error::new(ErrorKind::Fault, format!("the locks answered something else: {answer:?}"))
}
