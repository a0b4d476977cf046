//! The commit under review: its files as plain files, its history by git.
//!
//! What belongs to the commit is told by `git ls-tree`; what is in a file is read from the
//! workspace. Nothing in the workspace is run, and no symlink is followed.

use std::{
    collections::HashSet,
    ffi::OsString,
    fs::{self, File},
    io::Read,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

use orkestra_runtime::{Result, protocol::task::Failure};
use serde::Deserialize;

use super::git::Git;
use crate::{Context, Work};

/// The largest file whose text is read whole, in bytes.
pub(crate) const TEXT_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// The most that is read of a lock file, in bytes.
const LOCK_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How far into a file a zero byte makes it binary.
const BINARY_WINDOW_BYTES: usize = 8 * 1024;

/// Which repository, at which commit.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Repository {
    pub(crate) path: PathBuf,
    pub(crate) commit: String,
    pub(crate) workspace: PathBuf,
}

#[derive(Deserialize)]
struct Input {
    repository: Repository,
}

/// What git says a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    File,
    Symlink,
    Submodule,
}

/// One path of the commit.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// From the root; bytes that are no UTF-8 are replaced.
    pub(crate) path: String,
    /// As git has it.
    raw: OsString,
    pub(crate) mode: Mode,
    /// The size of its blob; 0 for a submodule.
    pub(crate) bytes: u64,
}

impl Entry {
    /// The last part of the path.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The path without its last part; empty at the root.
    pub(crate) fn folder(&self) -> &str {
        folder_of(&self.path)
    }

    /// What follows the last dot of the name, in lower case.
    pub(crate) fn extension(&self) -> String {
        Path::new(self.name())
            .extension()
            .map(|extension| extension.to_string_lossy().to_lowercase())
            .unwrap_or_default()
    }
}

/// The commit under review.
pub(crate) struct Workspace<'a> {
    root: PathBuf,
    pub(crate) git: Git<'a>,
    pub(crate) entries: Vec<Entry>,
    paths: HashSet<String>,
    context: &'a Context,
}

impl<'a> Workspace<'a> {
    /// Reads the input, and the list of the commit's files, sorted by path.
    pub(crate) fn open(work: &Work, context: &'a Context) -> Result<Self, Failure> {
        let Input { repository } = work.input()?;
        let digits = repository.commit.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !digits || !matches!(repository.commit.len(), 40 | 64) {
            let message = format!(
                "cannot review commit {:?}: it is not a full commit name; give all 40 digits",
                super::finding::shorten(&repository.commit, 80)
            );
            return Err(Failure::error(message).for_good());
        }
        let root = fs::canonicalize(&repository.workspace).map_err(|error| {
            let folder = repository.workspace.display();
            Failure::error(format!("cannot open the workspace {folder}: {error}"))
        })?;
        let git = Git::new(repository.path, repository.commit, context);
        let listing = git.run(&["ls-tree", "-r", "-z", "-l", "--full-tree", git.commit()])?;
        let mut entries: Vec<Entry> =
            listing.split(|byte| *byte == 0).filter_map(parse_entry).collect();
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        let mut paths: HashSet<String> = HashSet::with_capacity(entries.len() * 2);
        for entry in &entries {
            let mut folder = entry.folder();
            while !folder.is_empty() && paths.insert(folder.to_owned()) {
                folder = folder_of(folder);
            }
            paths.insert(entry.path.clone());
        }
        Ok(Self { root, git, entries, paths, context })
    }

    /// Whether the commit has this file or folder; the path is from the root, without `.` or `..`.
    pub(crate) fn has(&self, path: &str) -> bool {
        path.is_empty() || self.paths.contains(path)
    }

    /// The entry of this very path.
    pub(crate) fn entry(&self, path: &str) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok()?;
        self.entries.get(at)
    }

    /// The regular files, with a look at whether to go on and a word of progress now and then.
    pub(crate) fn each_file(
        &self,
        mut visit: impl FnMut(&Entry) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let total = self.entries.len().max(1);
        for (nth, entry) in self.entries.iter().enumerate() {
            self.go_on()?;
            if nth % 500 == 0 {
                let percent = u8::try_from(nth * 100 / total).unwrap_or(100);
                self.context.progress(percent, format!("{nth} of {total} files"));
            }
            if entry.mode == Mode::File {
                visit(entry)?;
            }
        }
        Ok(())
    }

    /// A failure when the attempt was cancelled.
    pub(crate) fn go_on(&self) -> Result<(), Failure> {
        go_on(self.context)
    }

    /// The file's bytes, at most so many. `None` when it is not a plain file inside the workspace.
    pub(crate) fn bytes(&self, entry: &Entry, bytes_max: u64) -> Option<Vec<u8>> {
        if entry.mode != Mode::File {
            return None;
        }
        let path = self.root.join(&entry.raw);
        if !fs::symlink_metadata(&path).ok()?.is_file()
            || !fs::canonicalize(&path).ok()?.starts_with(&self.root)
        {
            return None;
        }
        let mut bytes = Vec::new();
        File::open(&path).ok()?.take(bytes_max).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    /// The bytes of a text file of at most [`TEXT_BYTES_MAX`]; `None` for others.
    pub(crate) fn text_bytes(&self, entry: &Entry) -> Option<Vec<u8>> {
        if entry.bytes > TEXT_BYTES_MAX {
            return None;
        }
        self.bytes(entry, TEXT_BYTES_MAX).filter(|bytes| !is_binary(bytes))
    }

    /// The same as text; bytes that are no UTF-8 are replaced.
    pub(crate) fn text(&self, entry: &Entry) -> Option<String> {
        self.text_bytes(entry).map(|bytes| match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        })
    }

    /// The text of a lock file, which may be larger than what people write.
    pub(crate) fn lock_text(&self, entry: &Entry) -> Option<String> {
        let bytes = self.bytes(entry, LOCK_BYTES_MAX)?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The text of the file at a path.
    pub(crate) fn text_at(&self, path: &str) -> Option<String> {
        self.entry(path).and_then(|entry| self.text(entry))
    }
}

/// A failure when the attempt was cancelled.
pub(crate) fn go_on(context: &Context) -> Result<(), Failure> {
    if context.is_cancelled() {
        return Err(Failure::error("stopped: the attempt was cancelled"));
    }
    Ok(())
}

/// Whether the beginning of a file has a zero byte, as git tells text from the rest.
pub(crate) fn is_binary(bytes: &[u8]) -> bool {
    bytes.iter().take(BINARY_WINDOW_BYTES).any(|byte| *byte == 0)
}

/// The path without its last part; empty at the root.
pub(crate) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Puts a path behind a folder and resolves `.` and `..`; `None` when it leaves the repository.
pub(crate) fn resolve(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    let base = if path.starts_with('/') { "" } else { folder };
    for part in base.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The line of an offset, from 1.
pub(crate) fn line_of(bytes: &[u8], offset: usize) -> usize {
    Lines::new(bytes).of(offset)
}

/// Finds the lines of offsets; in one pass as long as they rise.
pub(crate) struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, line: 1 }
    }

    /// The line of an offset, from 1.
    pub(crate) fn of(&mut self, offset: usize) -> usize {
        if offset < self.at {
            *self = Self::new(self.text);
        }
        let passed = self.text.get(self.at..offset).unwrap_or_default();
        self.line += passed.split(|byte| *byte == b'\n').count() - 1;
        self.at = offset;
        self.line
    }
}

/// Reads `<mode> <type> <object> <size>\t<path>`.
fn parse_entry(line: &[u8]) -> Option<Entry> {
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    let (head, path) = line.split_at(tab);
    let head = std::str::from_utf8(head).ok()?;
    let mut words = head.split_ascii_whitespace();
    let mode = match words.next()? {
        "120000" => Mode::Symlink,
        "160000" => Mode::Submodule,
        _ => Mode::File,
    };
    let bytes = words.nth(2).and_then(|size| size.parse().ok()).unwrap_or(0);
    let raw = OsString::from_vec(path.get(1..)?.to_vec());
    Some(Entry { path: raw.to_string_lossy().into_owned(), raw, mode, bytes })
}
