//! The shipped repositories that a node has laid out, each once for all its attempts.

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use orkestra_runtime::{Error, ErrorKind, Result, fabric::Blobs};

use super::{
    lay::{lay, made, repository_in, workspace_in},
    reference::Reference,
};

/// How much is kept laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How many commits.
    pub commits_max: usize,
    /// How many bytes all of them take, about.
    pub bytes_max: u64,
    /// How many bytes the files of one commit may have.
    pub files_bytes_max: u64,
}

impl Default for Bounds {
    /// 16 commits, 8 GiB, 2 GiB for the files of one.
    fn default() -> Self {
        const GIB: u64 = 1024 * 1024 * 1024;
        Self { commits_max: 16, bytes_max: 8 * GIB, files_bytes_max: 2 * GIB }
    }
}

/// A commit that is laid out. It stays while somebody holds this.
#[derive(Debug)]
pub(crate) struct Laid {
    folder: PathBuf,
    /// The repository.
    pub(crate) repository: PathBuf,
    /// The files of the commit.
    pub(crate) workspace: PathBuf,
    bytes: u64,
}

/// A commit's place: who lays it out holds the lock, and who comes meanwhile waits.
#[derive(Debug, Default)]
struct Place {
    laid: tokio::sync::Mutex<Option<Arc<Laid>>>,
}

#[derive(Debug, Default)]
struct Shelves {
    /// By reference, with when each was last asked for.
    places: BTreeMap<Reference, (u64, Arc<Place>)>,
    turn: u64,
}

/// The shipped repositories of a node, in a folder of their own.
///
/// What is not used goes when there are too many, the one first that was not asked for the longest;
/// what an attempt works with stays.
pub struct Repositories {
    folder: PathBuf,
    blobs: Arc<dyn Blobs>,
    bounds: Bounds,
    shelves: Mutex<Shelves>,
}

impl Repositories {
    /// Repositories below a folder, of which nothing from an earlier life is kept: what it held is
    /// removed. What cannot be removed is told of, and does no harm.
    pub async fn in_folder(folder: PathBuf, blobs: Arc<dyn Blobs>, bounds: Bounds) -> Arc<Self> {
        // Programs have other folders to work in than this process.
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        remove(folder.clone()).await;
        Arc::new(Self { folder, blobs, bounds, shelves: Mutex::default() })
    }

    /// The commit of a reference, laid out; now, if it was not before.
    ///
    /// The error says why it is not, and what to do.
    pub(crate) async fn hold(&self, reference: &Reference) -> Result<Arc<Laid>> {
        let place = self.place(reference);
        let mut laid = place.laid.lock().await;
        if let Some(laid) = laid.as_ref().filter(|laid| laid.repository.join(".git").is_dir()) {
            return Ok(Arc::clone(laid));
        }
        let now = self.lay(reference).await.map_err(|error| told(reference, error))?;
        let now = Arc::new(now);
        *laid = Some(Arc::clone(&now));
        drop(laid);
        self.make_room().await;
        Ok(now)
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, reference: &Reference) -> Arc<Place> {
        let mut shelves = self.shelves();
        shelves.turn += 1;
        let turn = shelves.turn;
        let (used, place) = shelves.places.entry(reference.clone()).or_default();
        *used = turn;
        Arc::clone(place)
    }

    /// Lays a commit out beside its place, and puts it there as a whole.
    async fn lay(&self, reference: &Reference) -> Result<Laid> {
        let missing = || {
            let message = format!("no blob is named {}", reference.blob());
            Error::new(ErrorKind::NotFound, message)
        };
        let shipped = self.blobs.get(reference.blob()).await?.ok_or_else(missing)?;
        let name = format!("{}-{}", reference.blob(), reference.name());
        let (folder, part) = (self.folder.join(&name), self.folder.join(format!("{name}.part")));
        remove(part.clone()).await;
        remove(folder.clone()).await;
        made(&part)?;
        let begun = Begun(part);
        let bounded = (begun.0.as_path(), self.bounds.files_bytes_max);
        let bytes = lay(reference, &shipped, bounded).await?;
        fs::rename(&begun.0, &folder).map_err(|error| {
            let message = format!("cannot put {} in its place", folder.display());
            Error::new(ErrorKind::Io, message).because(error)
        })?;
        let (repository, workspace) = (repository_in(&folder, reference), workspace_in(&folder));
        tracing::info!(commit = reference.commit(), folder = %folder.display(), "repository laid out");
        Ok(Laid { folder, repository, workspace, bytes })
    }

    /// Removes what nobody uses, until the rest is within bounds.
    async fn make_room(&self) {
        for folder in self.surplus() {
            remove(folder).await;
        }
    }

    /// Takes places away that are too many, and gives their folders.
    fn surplus(&self) -> Vec<PathBuf> {
        let mut shelves = self.shelves();
        let (mut count, mut bytes) = (0, 0_u64);
        let mut unused = Vec::new();
        for (reference, (used, place)) in &shelves.places {
            // Whoever lays it out now, or waits for it, uses it.
            let Ok(laid) = place.laid.try_lock() else { continue };
            let Some(laid) = laid.as_ref() else { continue };
            count += 1;
            bytes = bytes.saturating_add(laid.bytes);
            if Arc::strong_count(place) == 1 && Arc::strong_count(laid) == 1 {
                unused.push((*used, reference.clone(), laid.folder.clone(), laid.bytes));
            }
        }
        unused.sort_unstable();
        let mut folders = Vec::new();
        for (_, reference, folder, its) in unused {
            if count <= self.bounds.commits_max && bytes <= self.bounds.bytes_max {
                break;
            }
            shelves.places.remove(&reference);
            (count, bytes) = (count - 1, bytes.saturating_sub(its));
            // Out of the way at once: the next one of this name may come before it is removed.
            let mut gone = folder.clone().into_os_string();
            gone.push(".gone");
            let gone = PathBuf::from(gone);
            folders.push(if fs::rename(&folder, &gone).is_ok() { gone } else { folder });
        }
        folders
    }
}

impl fmt::Debug for Repositories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repositories").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// Removes what was begun and not finished: also when whoever waited for it has gone.
struct Begun(PathBuf);

impl Drop for Begun {
    fn drop(&mut self) {
        cleared(&self.0);
    }
}

async fn remove(folder: PathBuf) {
    // A large folder takes its time, which nobody else need wait for.
    let _ = tokio::task::spawn_blocking(move || cleared(&folder)).await;
}

fn cleared(folder: &Path) {
    if let Err(error) = fs::remove_dir_all(folder)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(folder = %folder.display(), %error, "folder of a repository stays");
    }
}

fn told(reference: &Reference, error: Error) -> Error {
    let what = match error.kind() {
        ErrorKind::NotFound | ErrorKind::Corrupt => {
            "what was shipped of it is gone or damaged; run the scenario again from where the repository \
             is, which ships it anew"
        }
        ErrorKind::Full => "it has no place on this node; make room, or ship less",
        ErrorKind::TooNew => "this node is too old for it",
        _ => "it is tried again with the next attempt",
    };
    let message = format!(
        "cannot lay out repository {:?} at commit {} on this node: {what}",
        reference.name(),
        reference.commit().get(..12).unwrap_or_default(),
    );
    Error::new(error.kind(), message).because(error)
}
