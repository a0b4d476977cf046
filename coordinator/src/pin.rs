//! Pins a git repository: which commit is looked at, and a folder with exactly its files.
//!
//! Promises: the folder holds what the commit holds, whatever happens to the working tree
//! afterwards; it is complete or absent; the repository itself is not touched (not even its index).
//! Submodules are not followed, and large-file pointers stay pointers.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use orkestra_agents::{kinds::command::git_environment, shipped::Source};
use orkestra_runtime::{Error, ErrorKind, Result};

use crate::scenario::Repository;

/// How many tags are shipped with a commit: the latest ones.
const TAGS_MAX: usize = 5_000;

/// A pinned repository, and what a person should know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// Where it is, which commit, and where its files are.
    pub repository: Repository,
    /// How many files differ from the commit and are therefore not looked at.
    pub uncommitted: usize,
}

/// A repository and the commit that it is at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub root: String,
    /// Which commit.
    pub commit: String,
    /// How many files differ from the commit.
    pub uncommitted: usize,
}

/// Pins the repository that holds `path` at its `HEAD`, with its files in a folder below `folder`.
pub fn pin(path: &str, folder: &Path) -> Result<Pinned> {
    let Found { root, commit, uncommitted } = find(path)?;
    let workspace = check_out(&root, &commit, folder)?;
    let workspace = workspace.to_string_lossy().into_owned();
    Ok(Pinned { repository: Repository { path: root, commit, workspace }, uncommitted })
}

/// Finds the repository that holds `path`, and the commit that it is at.
pub fn find(path: &str) -> Result<Found> {
    let root = git(path, &["rev-parse", "--show-toplevel"]).map_err(|error| {
        Error::new(
            ErrorKind::Invalid,
            format!("{path:?} is not in a git repository: name one, or begin one with `git init`"),
        )
        .because(error)
    })?;
    let commit =
        git(&root, &["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).map_err(|_| {
            let message =
                format!("the repository {root:?} has no commit yet: commit something first");
            Error::new(ErrorKind::Invalid, message)
        })?;
    let status = git(&root, &["status", "--porcelain", "--untracked-files=no"])?;
    Ok(Found { root, commit, uncommitted: status.lines().count() })
}

/// What is to be packed so that a commit can be shipped to other machines.
pub fn source(root: &str, commit: &str) -> Result<Source> {
    let place = |name: &str| git(root, &["rev-parse", "--git-path", name]);
    let root_path = Path::new(root);
    let objects = root_path.join(place("objects")?);
    let objects = objects.canonicalize().unwrap_or(objects);
    let tags = |which: &str| {
        let (format, which) = ("--format=%(objectname) %(refname)", format!("{which}={commit}"));
        let most = format!("--count={TAGS_MAX}");
        let arguments = ["for-each-ref", "--sort=-creatordate", &most, format, &which, "refs/tags"];
        let listed = git(root, &arguments)?;
        let tags = listed.lines().filter_map(|line| line.split_once(' '));
        let tags = tags.map(|(object, name)| (object.to_owned(), name.to_owned()));
        Ok::<_, Error>(tags.collect())
    };
    // Only a shallow clone has the file.
    let shallow = std::fs::read_to_string(root_path.join(place("shallow")?)).unwrap_or_default();
    let shallow = shallow.lines().map(str::to_owned).collect();
    let (commit, tags, own_tags) = (commit.to_owned(), tags("--merged")?, tags("--points-at")?);
    Ok(Source { objects, commit, shallow, tags, own_tags })
}

/// Lays the files of a commit below `folder`, unless they are there.
fn check_out(root: &str, commit: &str, folder: &Path) -> Result<PathBuf> {
    let failed = |what: &Path, error: std::io::Error| {
        Error::new(ErrorKind::Io, format!("cannot write {}", what.display())).because(error)
    };
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    let folder = folder.canonicalize().map_err(|error| failed(folder, error))?;
    let done = folder.join(commit);
    if done.is_dir() {
        return Ok(done);
    }
    let begun = folder.join(format!("{commit}.{}.part", std::process::id()));
    let index = folder.join(format!("{commit}.{}.index", std::process::id()));
    let _ = std::fs::remove_dir_all(&begun);
    std::fs::create_dir_all(&begun).map_err(|error| failed(&begun, error))?;
    let prefix = format!("--prefix={}/", begun.display());
    let laid = git_with_index(root, &index, &["read-tree", commit]).and_then(|_| {
        git_with_index(root, &index, &["checkout-index", "--all", "--force", &prefix])
    });
    let _ = std::fs::remove_file(&index);
    if let Err(error) = laid {
        let _ = std::fs::remove_dir_all(&begun);
        return Err(error);
    }
    // Two runs may race to the same commit; whoever comes second finds the same files.
    if let Err(error) = std::fs::rename(&begun, &done) {
        let _ = std::fs::remove_dir_all(&begun);
        if !done.is_dir() {
            return Err(failed(&done, error));
        }
    }
    Ok(done)
}

fn git(path: &str, arguments: &[&str]) -> Result<String> {
    run(git_command(path).args(arguments), arguments)
}

fn git_with_index(path: &str, index: &Path, arguments: &[&str]) -> Result<String> {
    run(git_command(path).args(arguments).env("GIT_INDEX_FILE", index), arguments)
}

/// Git as it behaves without anybody's settings: no pager, no prompt, no hook, no lock on the index.
fn git_command(path: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(path)
        .args(["-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=off"])
        .args(["-c", "core.fsmonitor=false", "-c", "advice.detachedHead=false"])
        .env_clear()
        .envs(git_environment())
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_LFS_SKIP_SMUDGE", "1");
    command
}

fn run(command: &mut Command, arguments: &[&str]) -> Result<String> {
    let what = arguments.first().copied().unwrap_or_default();
    let output = command.output().map_err(|error| {
        let message = "cannot run \"git\": install it, or put it on PATH";
        Error::new(ErrorKind::NotFound, message).because(error)
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().next().unwrap_or("it gave no reason").to_owned();
    Err(Error::new(ErrorKind::Io, format!("git {what} failed: {said}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch() -> (tempfile::TempDir, String) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("repo");
        std::fs::create_dir(&path).unwrap();
        let path = path.to_string_lossy().into_owned();
        git(&path, &["init", "--quiet"]).unwrap();
        git(&path, &["config", "user.name", "Test"]).unwrap();
        git(&path, &["config", "user.email", "test@example.org"]).unwrap();
        (dir, path)
    }

    fn commit(path: &str, file: &str, text: &str) {
        std::fs::write(Path::new(path).join(file), text).unwrap();
        git(path, &["add", "--all"]).unwrap();
        git(path, &["commit", "--quiet", "--message", "test"]).unwrap();
    }

    #[test]
    fn a_pinned_folder_holds_the_commit_and_not_the_working_tree() {
        let (dir, path) = scratch();
        commit(&path, "a.txt", "one");
        std::fs::write(Path::new(&path).join("a.txt"), "two").unwrap();
        std::fs::write(Path::new(&path).join("untracked.txt"), "x").unwrap();
        let pinned = pin(&path, &dir.path().join("work")).unwrap();
        assert_eq!(pinned.uncommitted, 1);
        let folder = Path::new(&pinned.repository.workspace);
        assert_eq!(std::fs::read_to_string(folder.join("a.txt")).unwrap(), "one");
        assert!(!folder.join("untracked.txt").exists());
        assert!(!folder.join(".git").exists());
        assert_eq!(pin(&path, &dir.path().join("work")).unwrap(), pinned);
        commit(&path, "b.txt", "three");
        let later = pin(&path, &dir.path().join("work")).unwrap();
        assert_ne!(later.repository.commit, pinned.repository.commit);
    }

    #[test]
    fn what_is_packed_of_a_commit_is_found_from_any_of_its_working_trees() {
        let (dir, path) = scratch();
        commit(&path, "a.txt", "one");
        git(&path, &["tag", "v1"]).unwrap();
        commit(&path, "b.txt", "two");
        git(&path, &["tag", "v2"]).unwrap();
        let tree = dir.path().join("tree").to_string_lossy().into_owned();
        git(&path, &["worktree", "add", "--quiet", "--detach", &tree]).unwrap();
        let found = find(&tree).unwrap();
        let source = source(&found.root, &found.commit).unwrap();
        let objects = Path::new(&path).join(".git/objects").canonicalize().unwrap();
        assert_eq!((source.objects, source.commit), (objects, found.commit));
        let names = |tags: &[(String, String)]| {
            let mut names: Vec<String> = tags.iter().map(|(_, name)| name.clone()).collect();
            names.sort();
            names
        };
        assert_eq!(names(&source.tags), ["refs/tags/v1", "refs/tags/v2"]);
        assert_eq!(names(&source.own_tags), ["refs/tags/v2"]);
        assert!(source.shallow.is_empty());
        git(&tree, &["checkout", "--quiet", "v1"]).unwrap();
        assert_ne!(find(&tree).unwrap().commit, find(&path).unwrap().commit);
    }

    #[test]
    fn what_cannot_be_pinned_is_refused_with_advice() {
        let (dir, path) = scratch();
        let told = |path: &str| pin(path, dir.path()).unwrap_err().to_string();
        assert!(told(&path).contains("has no commit yet"), "{}", told(&path));
        let outside = tempfile::tempdir().unwrap();
        let outside = outside.path().to_string_lossy().into_owned();
        assert!(told(&outside).contains("is not in a git repository"), "{}", told(&outside));
        assert!(told("/no/such/folder").contains("is not in a git repository"));
    }
}
