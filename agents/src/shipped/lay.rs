//! Laying a shipped commit out in a folder: a repository at that commit, and its files beside it.
//!
//! Nothing that was shipped is believed before it was proved: the manifest is read with bounds, git
//! hashes every object, all that the commit and its tags reach must be there, and how large the files
//! are is counted before the first one is written. Git itself refuses to write outside of the folder
//! or into its own.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use orkestra_runtime::{Error, ErrorKind, Result};

use super::{
    git::Git,
    make::{PACKED_BYTES_MAX, written},
    manifest::Manifest,
    reference::Reference,
};

/// The longest list of files that is read, in bytes.
const LIST_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What the repository says of itself: whoever asks git there runs nothing of it.
const CONFIGURATION: &str = "[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n[core]\n\
                             \thooksPath = /dev/null\n\tfsmonitor = false\n";

/// Where the repository stands in the folder of a commit.
pub(super) fn repository_in(folder: &Path, reference: &Reference) -> PathBuf {
    folder.join("repository").join(reference.name())
}

/// Where its files stand.
pub(super) fn workspace_in(folder: &Path) -> PathBuf {
    folder.join("workspace")
}

/// Lays a commit out in an empty folder; answers about how many bytes it takes. Its files may have at
/// most `most` bytes.
///
/// An error of kind `Corrupt`: what was shipped is not what was asked for; `Full`: it is too large.
pub(super) async fn lay(
    reference: &Reference,
    shipped: &Bytes,
    (folder, most): (&Path, u64),
) -> Result<u64> {
    let (manifest, pack) = Manifest::read(shipped)?;
    let commit = reference.commit();
    if manifest.commit != commit {
        let message = format!("the blob holds commit {}", manifest.commit);
        return Err(Error::new(ErrorKind::Corrupt, message));
    }
    let (repository, workspace) = (repository_in(folder, reference), workspace_in(folder));
    made(&repository)?;
    made(&workspace)?;
    let git = Git { folder: &repository };
    let mut init = vec!["init", "--quiet", "--template="];
    if commit.len() == 64 {
        init.push("--object-format=sha256");
    }
    git.run(&init).await?;
    let own = repository.join(".git");
    configure(&own)?;
    if !manifest.shallow.is_empty() {
        written(&own, "shallow", &(manifest.shallow.join("\n") + "\n"))?;
    }
    filled(&git, &manifest, pack).await?;
    let bytes = size_of(&git, commit).await?;
    if bytes > most {
        let message = format!("its files have {bytes} bytes, and at most {most} are laid out");
        return Err(Error::new(ErrorKind::Full, message));
    }
    git.run(&["checkout", "--quiet", "--detach", "--force", commit]).await?;
    let prefix = format!("--prefix={}/", workspace.display());
    git.run(&["checkout-index", "--all", "--force", &prefix]).await?;
    Ok(2 * bytes + shipped.len() as u64)
}

/// Takes the objects and the tags in, and proves that all of them are there.
async fn filled(git: &Git<'_>, manifest: &Manifest, pack: Bytes) -> Result<()> {
    let spoiled = |error: Error| {
        Error::new(ErrorKind::Corrupt, "what was shipped is damaged or not whole").because(error)
    };
    let bound = format!("--max-input-size={PACKED_BYTES_MAX}");
    git.fed(&["index-pack", "--stdin", &bound], pack).await.map_err(spoiled)?;
    let kind = git.run(&["cat-file", "-t", &manifest.commit]).await.map_err(spoiled)?;
    if kind != "commit" {
        let message = format!("object {} is no commit but a {kind}", manifest.commit);
        return Err(Error::new(ErrorKind::Corrupt, message));
    }
    let tags = manifest.tags.iter().map(|(object, _)| object);
    let roots = std::iter::once(&manifest.commit).chain(tags);
    let roots = roots.fold(String::new(), |text, object| text + object + "\n");
    let reached = ["rev-list", "--objects", "--quiet", "--stdin"];
    git.fed(&reached, roots.into()).await.map_err(spoiled)?;
    let create = |(object, name): &(String, String)| format!("create {name}\0{object}\0");
    let create: String = manifest.tags.iter().map(create).collect();
    git.fed(&["update-ref", "--stdin", "-z"], create.into()).await.map_err(spoiled)?;
    Ok(())
}

/// How many bytes the files of a commit have.
async fn size_of(git: &Git<'_>, commit: &str) -> Result<u64> {
    let list = ["ls-tree", "-r", "-l", "-z", "--full-tree", commit];
    let Some(listed) = git.ask(&list, Bytes::new(), LIST_BYTES_MAX).await? else {
        return Err(Error::new(ErrorKind::Full, "it has more files than are laid out"));
    };
    let sizes = listed.split(|byte| *byte == 0).filter_map(|entry| {
        let head = entry.split(|byte| *byte == b'\t').next()?;
        let size = std::str::from_utf8(head).ok()?.split_ascii_whitespace().nth(3)?;
        size.parse::<u64>().ok()
    });
    Ok(sizes.fold(0, u64::saturating_add))
}

fn configure(own: &Path) -> Result<()> {
    let path = own.join("config");
    let failed = |error: io::Error| {
        let message = format!("cannot write {}", path.display());
        Error::new(ErrorKind::Io, message).because(error)
    };
    let before = fs::read_to_string(&path).map_err(failed)?;
    fs::write(&path, before + CONFIGURATION).map_err(failed)
}

/// A folder for this node alone.
pub(super) fn made(folder: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| {
        let message = format!("cannot make the folder {}", folder.display());
        Error::new(ErrorKind::Io, message).because(error)
    })
}
