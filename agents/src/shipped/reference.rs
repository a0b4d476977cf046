//! What stands in the place of a path until it is known where the repository lies.

use std::{borrow::Cow, path::Path};

use orkestra_runtime::{Error, ErrorKind, Result, fabric::BlobName};

/// What every reference begins with. It looks like a path, so that it stays as it is where paths are
/// joined, and no such folder is there where it was not replaced.
const BEGIN: &str = "/orkestra.repository/v1/";
/// What stands for the repository itself.
const REPOSITORY: &str = "repository";
/// What stands for the folder with exactly the files of the commit.
const WORKSPACE: &str = "workspace";
/// The longest name of a repository, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// Names a commit that was shipped: by the blob, the commit, and what people call the repository.
///
/// ```text
///   /orkestra.repository/v1/{blob}/{commit}/{name}/repository
///   /orkestra.repository/v1/{blob}/{commit}/{name}/workspace
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    blob: BlobName,
    commit: String,
    name: String,
}

impl Reference {
    /// A reference to a commit in a blob; `path` is where the repository lies, whose last part is
    /// what it is called.
    ///
    /// An error of kind `Invalid` says that this is no full name of a commit.
    pub fn new(blob: BlobName, commit: &str, path: &Path) -> Result<Self> {
        if !is_object(commit) {
            let message = format!("{commit:?} is not the full name of a commit");
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let name = path.file_name().map(|name| name.to_string_lossy());
        let name = name.filter(|name| is_name(name)).unwrap_or(Cow::Borrowed(REPOSITORY));
        Ok(Self { blob, commit: commit.to_owned(), name: name.into_owned() })
    }

    /// The blob that holds the commit.
    pub const fn blob(&self) -> &BlobName {
        &self.blob
    }

    /// The full name of the commit.
    pub fn commit(&self) -> &str {
        &self.commit
    }

    /// What the repository is called: a name that is safe as a part of a path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What stands in the place of the repository's path.
    pub fn path(&self) -> String {
        self.text(REPOSITORY)
    }

    /// What stands in the place of the path of the commit's files.
    pub fn workspace(&self) -> String {
        self.text(WORKSPACE)
    }

    fn text(&self, what: &str) -> String {
        format!("{BEGIN}{}/{}/{}/{what}", self.blob, self.commit, self.name)
    }

    /// Reads a reference at the beginning of a text; how long it is.
    fn read(text: &str) -> Option<(Self, usize)> {
        let rest = text.strip_prefix(BEGIN)?;
        let mut parts = rest.splitn(4, '/');
        let (blob, commit, name) = (parts.next()?, parts.next()?, parts.next()?);
        let end = parts.next()?;
        let what = [REPOSITORY, WORKSPACE].into_iter().find(|what| end.starts_with(what))?;
        if !is_object(commit) || !is_name(name) {
            return None;
        }
        let of =
            Self { blob: blob.parse().ok()?, commit: commit.to_owned(), name: name.to_owned() };
        let length = of.text(what).len();
        Some((of, length))
    }
}

/// Whether this is the full name of an object, by either of git's hashes.
pub(super) fn is_object(text: &str) -> bool {
    matches!(text.len(), 40 | 64)
        && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Whether this can be a part of a path, and stands in JSON as it is.
fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len())
        && !text.starts_with(['.', '-'])
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// The references in a text, each once, in the order in which they first stand there.
pub(crate) fn found(text: &str) -> Vec<Reference> {
    let mut all = Vec::new();
    for (at, _) in text.match_indices(BEGIN) {
        let read = text.get(at..).and_then(Reference::read);
        if let Some((reference, _)) = read
            && !all.contains(&reference)
        {
            all.push(reference);
        }
    }
    all
}

/// The text with something else in the place of each reference; `of` is asked with a reference and
/// whether the files of the commit are meant. What only looks like a reference stays.
pub(super) fn replaced(text: &str, mut of: impl FnMut(&Reference, bool) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(BEGIN) {
        let (before, here) = rest.split_at(at);
        out.push_str(before);
        let length = if let Some((reference, length)) = Reference::read(here) {
            let is_workspace = here.get(..length).is_some_and(|text| text.ends_with(WORKSPACE));
            out.push_str(&of(&reference, is_workspace));
            length
        } else {
            out.push_str(BEGIN);
            BEGIN.len()
        };
        rest = here.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(path: &str) -> Reference {
        Reference::new(BlobName::of(b"x"), &"ab".repeat(20), Path::new(path)).unwrap()
    }

    #[test]
    fn references_are_found_wherever_they_stand_and_nothing_else_is() {
        let (one, other) = (reference("/home/ada/tidy"), reference("/"));
        assert_eq!((one.name(), other.name()), ("tidy", "repository"));
        let text = format!("{{\"a\":\"{}\",\"b\":\"{}/src\"}}", one.path(), other.workspace());
        assert_eq!(found(&text), [one.clone(), other]);
        let told = replaced(&text, |of, is_workspace| format!("<{}{is_workspace}>", of.name()));
        assert_eq!(told, "{\"a\":\"<tidyfalse>\",\"b\":\"<repositorytrue>/src\"}");
        for odd in [
            "/orkestra.repository/v1/",
            "/orkestra.repository/v1/x/y/z/repository",
            &one.path().replace("tidy", ".."),
            &one.path().replace("tidy", "a\"b"),
            &one.path().replace("ab", "AB"),
            &one.path().replace("/repository", "/else"),
            &one.path().replace("v1", "v2"),
        ] {
            assert!(found(odd).is_empty(), "{odd}");
            assert_eq!(replaced(odd, |_, _| String::new()), odd);
        }
    }

    #[test]
    fn a_name_that_is_not_safe_is_not_used_and_a_commit_that_is_cut_is_refused() {
        for path in ["/a/..", "/a/-x", "/a/.git", "/a/b c", "/a/\u{e4}", &"x".repeat(65)] {
            assert_eq!(reference(path).name(), "repository", "{path}");
        }
        assert!(Reference::new(BlobName::of(b"x"), "abcdef", Path::new("/a")).is_err());
    }
}
