//! Packing a commit, so that the same commit gives the same bytes.
//!
//! It is packed in a scratch repository that borrows the objects of the original: what that is
//! configured to, how it is packed, and what lies in its folder changes nothing.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use orkestra_runtime::{Error, ErrorKind, Result, limits::BLOB_BYTES_MAX};

use super::{
    git::Git,
    manifest::{MANIFEST_BYTES_MAX, Manifest, is_tag},
};

/// The most that a shipped commit may take, packed, in bytes.
pub const PACKED_BYTES_MAX: usize = BLOB_BYTES_MAX;
/// A history that takes more than so many times the bound where it lies is not tried.
const TRIED_FACTOR: u64 = 2;
/// The longest list of commits that is read, in bytes.
const LIST_BYTES_MAX: usize = 128 * 1024 * 1024;

/// What is to be packed, and from where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The folder with the objects of the repository.
    pub objects: PathBuf,
    /// The full name of the commit.
    pub commit: String,
    /// Commits whose parents are not there, where the repository is a shallow clone.
    pub shallow: Vec<String>,
    /// The tags in the history of the commit: objects and full names.
    pub tags: Vec<(String, String)>,
    /// Those of them that are of this very commit.
    pub own_tags: Vec<(String, String)>,
}

/// A commit that was packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// What is kept as a blob.
    pub bytes: Bytes,
    /// Whether all of the history is in it that the repository has.
    pub has_history: bool,
}

/// Packs a commit with its history, or alone where that does not fit `most` bytes. `scratch` is an
/// empty folder that is the caller's to remove.
///
/// An error of kind `Invalid` says that the commit itself does not fit, or is not there as a whole,
/// and what to do.
pub async fn make(source: &Source, scratch: &Path, most: usize) -> Result<Made> {
    let git = Git { folder: scratch };
    let mut init = vec!["init", "--quiet", "--bare", "--template="];
    if source.commit.len() == 64 {
        init.push("--object-format=sha256");
    }
    git.run(&init).await?;
    let borrowed = format!("{}\n", source.objects.display());
    written(&scratch.join("objects/info"), "alternates", &borrowed)?;
    let shallow = shallow_in(source, &git).await?;
    let whole = Manifest { shallow, ..manifest(&source.commit, &source.tags) };
    if let Some(bytes) = packed(&git, &whole, most).await.map_err(incomplete)? {
        return Ok(Made { bytes, has_history: true });
    }
    let alone = Manifest {
        shallow: vec![source.commit.clone()],
        ..manifest(&source.commit, &source.own_tags)
    };
    // Without a history it is the same again.
    let count = git.run(&["rev-list", "--count", "--max-count=2", &source.commit]).await;
    let has_history = count.map_err(incomplete)? != "1";
    if has_history && let Some(bytes) = packed(&git, &alone, most).await.map_err(incomplete)? {
        return Ok(Made { bytes, has_history: false });
    }
    let message = format!(
        "the files of commit {} take more than {} MiB when packed, which is the most that is shipped \
         to other machines: take large files out of the repository (Git LFS, or a repository of their \
         own), or run it in one process, without a server",
        source.commit.get(..12).unwrap_or(&source.commit),
        most / (1024 * 1024)
    );
    Err(Error::new(ErrorKind::Invalid, message))
}

fn incomplete(error: Error) -> Error {
    let message = "cannot pack the commit with all that belongs to it: `git fsck` says what is missing; \
                   in a partial clone fetch the rest first (`git fetch --refetch --no-filter`)";
    Error::new(ErrorKind::Invalid, message).because(error)
}

fn manifest(commit: &str, tags: &[(String, String)]) -> Manifest {
    let mut tags: Vec<_> = tags.iter().filter(|(_, name)| is_tag(name)).cloned().collect();
    tags.sort_by(|a, b| a.1.cmp(&b.1));
    Manifest { commit: commit.to_owned(), shallow: Vec::new(), tags }
}

/// Where the history of the commit was cut off already.
async fn shallow_in(source: &Source, git: &Git<'_>) -> Result<Vec<String>> {
    if source.shallow.is_empty() {
        return Ok(Vec::new());
    }
    let lines = source.shallow.iter().fold(String::new(), |text, object| text + object + "\n");
    written(git.folder, "shallow", &lines)?;
    let roots = roots(&manifest(&source.commit, &source.tags));
    let listed = git.ask(&["rev-list", "--stdin"], roots, LIST_BYTES_MAX).await?;
    let listed = listed.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let listed = listed.unwrap_or_default();
    let mut shallow: Vec<String> = listed
        .lines()
        .filter(|commit| source.shallow.iter().any(|object| object == commit))
        .map(str::to_owned)
        .collect();
    shallow.sort();
    Ok(shallow)
}

/// The pack of what a manifest names, behind it; none when both are more than `most` bytes.
async fn packed(git: &Git<'_>, manifest: &Manifest, most: usize) -> Result<Option<Bytes>> {
    let cut = manifest.shallow.iter().fold(String::new(), |text, object| text + object + "\n");
    written(git.folder, "shallow", &cut)?;
    let roots = roots(manifest);
    // An older git cannot tell how much it is; then it is tried.
    let measured =
        git.fed(&["rev-list", "--objects", "--disk-usage", "--stdin"], roots.clone()).await;
    let bytes = measured.ok().and_then(|text| text.parse::<u64>().ok());
    if bytes.is_some_and(|bytes| bytes > TRIED_FACTOR * most as u64) {
        return Ok(None);
    }
    let head = manifest.written();
    if head.len() > MANIFEST_BYTES_MAX {
        return Ok(None);
    }
    let Some(room) = most.checked_sub(head.len()) else { return Ok(None) };
    // One thread, and nothing that was packed before: the same objects give the same pack.
    let arguments = [
        "pack-objects",
        "--revs",
        "--stdout",
        "-q",
        "--threads=1",
        "--window=10",
        "--depth=50",
        "--no-reuse-delta",
        "--no-reuse-object",
        "--no-use-bitmap-index",
        "--delta-base-offset",
    ];
    let Some(pack) = git.ask(&arguments, roots, room).await? else { return Ok(None) };
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&pack);
    Ok(Some(bytes.into()))
}

fn roots(manifest: &Manifest) -> Bytes {
    let tags = manifest.tags.iter().map(|(object, _)| object);
    let all = std::iter::once(&manifest.commit).chain(tags);
    all.fold(String::new(), |text, object| text + object + "\n").into()
}

/// Writes a file in a folder, which is made where it is not there.
pub(super) fn written(folder: &Path, file: &str, text: &str) -> Result<()> {
    let path = folder.join(file);
    let failed = |error: io::Error| {
        let message = format!("cannot write {}", path.display());
        Error::new(ErrorKind::Io, message).because(error)
    };
    fs::create_dir_all(folder).map_err(failed)?;
    fs::write(&path, text).map_err(failed)
}
