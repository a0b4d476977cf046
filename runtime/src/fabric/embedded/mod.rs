//! The fabric of one process: messages in memory; logs, registers and blobs in memory or in a
//! directory.
//!
//! | made by | keeps | for |
//! |---|---|---|
//! | [`Embedded::memory`] | nothing | tests |
//! | [`Embedded::strict`] | nothing; everything is handed out as a copy of its bytes | tests |
//! | [`Embedded::open`] | on this disk before it is acknowledged (`fsync`) | one machine |
//! | [`Embedded::open_read_only`] | what is there | looking at a run, dead or alive |
//!
//! [`back_up`] copies a directory, also while a process writes there; [`recover`] saves what is sound
//! of a damaged store into a new one.
//!
//! Promises: one process writes in a directory, and a second one is told who it is; a lock that a
//! crash leaves behind is free. What was acknowledged is there after a crash; what was torn is cut
//! off; what was damaged is found, named and refused, never handed out. A read, however long, does
//! not make an append wait.
//!
//! Does not promise: that messages survive anything, or that a file shrinks when a log is trimmed
//! (its room is used again, until [`Keeper::shrink`] gives it back).

mod bus;
mod inbox;
mod memory;
mod signals;
mod sqlite;

use std::{path::Path, sync::Arc};

use futures::{FutureExt as _, future::BoxFuture};
use tokio::sync::watch;

pub use bus::{SUBSCRIPTION_CAPACITY_MAX, SUBSCRIPTIONS_MAX};
pub use sqlite::{
    BackedUp, CopiedFile, Copying, RecoveredLog, Recovery, Verification, back_up, copy_file,
    holder, missing_blobs, recover, verify,
};

use super::{Blobs, Durability, Fabric, Keeper, Logs, Messages, Registers};
use crate::error::Result;
use bus::Bus;
use memory::Memory;
use sqlite::{FileBlobs, Store};

/// What may be set of a store in a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// How large the file of logs and registers may become, in bytes; without one, as large as the
    /// disk allows. What does not fit is refused as `Full`, until something is trimmed.
    pub store_bytes_max: Option<u64>,
}

/// A fabric of one process.
#[derive(Debug)]
pub struct Embedded {
    bus: Bus,
    outside: Bus,
    kept: Kept,
}

#[derive(Debug)]
enum Kept {
    InMemory(Memory),
    InDirectory(Store, FileBlobs),
}

impl Embedded {
    /// A fabric that keeps nothing.
    pub fn memory() -> Self {
        Self::over(false, Kept::InMemory(Memory::new(false)))
    }

    /// A fabric that keeps nothing and shares nothing: whatever is handed out is a copy.
    pub fn strict() -> Self {
        Self::over(true, Kept::InMemory(Memory::new(true)))
    }

    fn over(strict: bool, kept: Kept) -> Self {
        Self { bus: Bus::new(strict), outside: Bus::new(strict), kept }
    }

    /// Opens a directory, and makes a store in it if it has none. Blocks while it does so.
    ///
    /// An error of kind `Conflict` names the process that holds the directory; `Corrupt` the file
    /// that is damaged or missing, `TooNew` one that a newer program wrote.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(dir, &Settings::default())
    }

    /// Opens a directory with settings.
    pub fn open_with(dir: impl AsRef<Path>, settings: &Settings) -> Result<Self> {
        let dir = dir.as_ref();
        let store = Store::open(dir, settings)?;
        let kept = Kept::InDirectory(store, FileBlobs::beside(dir, true));
        Ok(Self::over(false, kept))
    }

    /// Opens a store to look at it, whether or not a process writes there ([`holder`] says which).
    /// Whatever would write is refused; what is followed is looked at five times a second.
    pub fn open_read_only(dir: impl AsRef<Path>) -> Result<Self> {
        let dir = dir.as_ref();
        let store = Store::open_read_only(dir)?;
        let kept = Kept::InDirectory(store, FileBlobs::beside(dir, false));
        Ok(Self::over(false, kept))
    }
}

impl Fabric for Embedded {
    fn durability(&self) -> Durability {
        match self.kept {
            Kept::InMemory(_) => Durability::Memory,
            Kept::InDirectory(..) => Durability::Fsync,
        }
    }

    fn connected(&self) -> watch::Receiver<bool> {
        super::always_connected()
    }

    fn messages(&self) -> Arc<dyn Messages> {
        Arc::new(self.bus.clone())
    }

    fn outside(&self) -> Option<Arc<dyn Messages>> {
        Some(Arc::new(self.outside.clone()))
    }

    fn logs(&self) -> Arc<dyn Logs> {
        match &self.kept {
            Kept::InMemory(memory) => Arc::new(memory.clone()),
            Kept::InDirectory(store, _) => Arc::new(store.clone()),
        }
    }

    fn registers(&self) -> Arc<dyn Registers> {
        match &self.kept {
            Kept::InMemory(memory) => Arc::new(memory.clone()),
            Kept::InDirectory(store, _) => Arc::new(store.clone()),
        }
    }

    fn blobs(&self) -> Arc<dyn Blobs> {
        match &self.kept {
            Kept::InMemory(memory) => Arc::new(memory.clone()),
            Kept::InDirectory(_, blobs) => Arc::new(blobs.clone()),
        }
    }

    fn keeper(&self) -> Option<Arc<dyn Keeper>> {
        match &self.kept {
            Kept::InMemory(_) => None,
            Kept::InDirectory(store, blobs) => Some(store.keeper(blobs)?),
        }
    }

    /// Returns when everything is written and the directory is free for another process.
    fn close(&self) -> BoxFuture<'_, ()> {
        async move {
            self.bus.close();
            self.outside.close();
            match &self.kept {
                Kept::InMemory(memory) => memory.close(),
                Kept::InDirectory(store, blobs) => {
                    blobs.close().await;
                    store.close().await;
                }
            }
        }
        .boxed()
    }
}
