//! What stands before the pack in a shipped blob: lines of text, ended by an empty one.
//!
//! ```text
//!   orkestra repository 1
//!   commit {object}
//!   shallow {object}            commits whose parents are not in the pack
//!   tag {object} refs/tags/{name}
//!
//!   PACK…
//! ```

use std::fmt::Write as _;

use bytes::Bytes;
use orkestra_runtime::{Error, ErrorKind, Result};

use super::reference::is_object;

const FIRST: &str = "orkestra repository ";
const VERSION: u32 = 1;
/// The longest manifest that is read, in bytes.
pub(super) const MANIFEST_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The longest name of a tag, in bytes.
const TAG_BYTES_MAX: usize = 1_024;

/// What stands before the pack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) commit: String,
    /// Commits whose parents are not there, in order.
    pub(super) shallow: Vec<String>,
    /// Objects and full names of tags, by name.
    pub(super) tags: Vec<(String, String)>,
}

fn corrupt(why: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("this blob is no shipped repository: {why}"))
}

impl Manifest {
    pub(super) fn written(&self) -> String {
        let Self { commit, shallow, tags } = self;
        let mut text = format!("{FIRST}{VERSION}\ncommit {commit}\n");
        for object in shallow {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "shallow {object}");
        }
        for (object, name) in tags {
            let _ = writeln!(text, "tag {object} {name}");
        }
        text.push('\n');
        text
    }

    /// Reads what stands before the pack, and gives the pack. Nothing in it is believed before it
    /// was looked at.
    pub(super) fn read(bytes: &Bytes) -> Result<(Self, Bytes)> {
        let window = bytes.get(..bytes.len().min(MANIFEST_BYTES_MAX)).unwrap_or_default();
        let end = window.windows(2).position(|two| two == b"\n\n");
        let end = end.ok_or_else(|| corrupt("its manifest has no end"))?;
        let head = window.get(..end).unwrap_or_default();
        let head = std::str::from_utf8(head).map_err(|_| corrupt("its manifest is not text"))?;
        let mut lines = head.lines();
        let version = lines.next().and_then(|line| line.strip_prefix(FIRST));
        match version.and_then(|version| version.parse::<u32>().ok()) {
            Some(VERSION) => {}
            Some(newer) if newer > VERSION => {
                let message = format!(
                    "a newer program shipped this repository (version {newer}): upgrade this node"
                );
                return Err(Error::new(ErrorKind::TooNew, message));
            }
            Some(_) | None => return Err(corrupt("it begins otherwise")),
        }
        let mut manifest = Self::default();
        for line in lines {
            manifest.take(line).ok_or_else(|| corrupt("a line of its manifest is unknown"))?;
        }
        let length = manifest.commit.len();
        let objects = manifest.shallow.iter().chain(manifest.tags.iter().map(|(object, _)| object));
        if length == 0 || objects.into_iter().any(|object| object.len() != length) {
            return Err(corrupt("its manifest names no commit, or objects of two kinds"));
        }
        Ok((manifest, bytes.slice(end + 2..)))
    }

    fn take(&mut self, line: &str) -> Option<()> {
        let (word, rest) = line.split_once(' ')?;
        let object = |text: &str| is_object(text).then(|| text.to_owned());
        match word {
            "commit" if self.commit.is_empty() => self.commit = object(rest)?,
            "shallow" => self.shallow.push(object(rest)?),
            "tag" => {
                let (of, name) = rest.split_once(' ')?;
                self.tags.push((object(of)?, is_tag(name).then(|| name.to_owned())?));
            }
            _ => return None,
        }
        Some(())
    }
}

/// Whether a line can hold this as the full name of a tag; git looks at the rest.
pub(super) fn is_tag(name: &str) -> bool {
    name.starts_with("refs/tags/")
        && name.len() <= TAG_BYTES_MAX
        && !name.split('/').any(|part| part.is_empty() || part.starts_with('.'))
        && !name.chars().any(|c| c.is_control() || c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let object = |digit: &str| digit.repeat(40);
        Manifest {
            commit: object("a"),
            shallow: vec![object("b")],
            tags: vec![(object("c"), "refs/tags/v1".to_owned())],
        }
    }

    #[test]
    fn what_is_written_is_read_and_the_pack_follows() {
        let bytes = Bytes::from(manifest().written() + "PACK\n\nmore");
        let (read, pack) = Manifest::read(&bytes).unwrap();
        assert_eq!((read, &pack[..]), (manifest(), &b"PACK\n\nmore"[..]));
    }

    #[test]
    fn what_is_not_a_manifest_is_refused_and_a_newer_one_by_its_version() {
        let written = manifest().written();
        let kind = |text: String| Manifest::read(&Bytes::from(text)).unwrap_err().kind();
        assert_eq!(kind(written.replace(" 1\n", " 2\n")), ErrorKind::TooNew);
        for spoiled in [
            String::new(),
            "PACK".to_owned(),
            written.replace("commit", "branch"),
            written.replace('c', "C"),
            written.replace("refs/tags/v1", "refs/heads/v1"),
            written.replace("refs/tags/v1", "refs/tags/../heads/v1"),
            written.replace("refs/tags/v1", "refs/tags/v 1"),
            written.replace("refs/tags/v1", "refs/tags/v\u{0}1"),
            written.replace(&"b".repeat(40), &"b".repeat(64)),
            written.replace(&format!("commit {}\n", "a".repeat(40)), ""),
            written.trim_end().to_owned(),
        ] {
            assert_eq!(kind(spoiled.clone()), ErrorKind::Corrupt, "{spoiled}");
        }
    }
}
