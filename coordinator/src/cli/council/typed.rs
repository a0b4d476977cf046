//! What is typed of councils, read.

use std::{collections::BTreeMap, io::Read as _, path::Path};

use orkestra_runtime::{Error, ErrorKind, Result, id::AgentId, protocol::council::ChecksSpec};

use super::args::{ExchangeArg, WayArgs};
use crate::{
    committee::tally::Method,
    council::{Exchange, Selection},
    scenario::ChecksWritten,
};

/// The largest file that is read.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// How a council deliberates; what was not typed is none.
pub(super) struct Way {
    pub(super) rounds: Option<u32>,
    pub(super) exchange: Option<Exchange>,
    pub(super) selection: Option<Selection>,
    pub(super) checks: Option<ChecksSpec>,
}

impl Way {
    pub(super) fn read(args: &WayArgs) -> Result<Self> {
        let exchange = args.exchange.map(|exchange| match exchange {
            ExchangeArg::Ring => Exchange::Ring,
            ExchangeArg::All => Exchange::All,
            ExchangeArg::None => Exchange::None,
        });
        let selection = args.select.as_deref().map(selection).transpose()?;
        let checks = args.checks.as_deref().map(checks).transpose()?;
        Ok(Self { rounds: args.rounds, exchange, selection, checks })
    }
}

fn invalid(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, why.into())
}

fn selection(word: &str) -> Result<Selection> {
    let (name, how) = word.split_once('=').map_or((word, None), |(name, how)| (name, Some(how)));
    match (name, how) {
        ("score", None) => Ok(Selection::Score),
        ("architect", None) => Ok(Selection::Architect { k: 0 }),
        ("architect", Some(k)) => k
            .parse()
            .map(|k| Selection::Architect { k })
            .map_err(|_| invalid(format!("{k:?} is no number of proposals"))),
        ("committee", None) => Ok(Selection::Committee { method: Method::Schulze }),
        ("committee", Some(method)) => method
            .parse()
            .map(|method| Selection::Committee { method })
            .map_err(|error| invalid(format!("{error}"))),
        _ => Err(invalid(format!(
            "{word:?} selects nobody: say score, architect, architect=K, committee or \
             committee=METHOD"
        ))),
    }
}

/// Reads what proposals are checked for, of TOML or JSON.
fn checks(file: &Path) -> Result<ChecksSpec> {
    let (name, text) = text_of(file)?;
    let wrong = |why: String| invalid(format!("cannot read the checks {name}: {why}"));
    let written: ChecksWritten = if text.trim_start().starts_with('{') {
        serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?
    } else {
        toml::from_str(&text).map_err(|error| wrong(error.to_string()))?
    };
    written.spec().map_err(wrong)
}

fn text_of(file: &Path) -> Result<(String, String)> {
    let is_stdin = file.as_os_str() == "-";
    let name = if is_stdin { "the standard input".to_owned() } else { file.display().to_string() };
    let cannot = |error: std::io::Error| invalid(format!("cannot read {name}")).because(error);
    let mut text = String::new();
    let read = if is_stdin {
        std::io::stdin().take(FILE_BYTES_MAX + 1).read_to_string(&mut text)
    } else {
        let file = std::fs::File::open(file).map_err(cannot)?;
        file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)
    };
    if read.map_err(cannot)? as u64 > FILE_BYTES_MAX {
        return Err(invalid(format!("{name} has more than {FILE_BYTES_MAX} bytes")));
    }
    Ok((name, text))
}

/// Agents by name.
pub(super) fn agents(names: &[String]) -> Result<Vec<AgentId>> {
    names.iter().map(AgentId::new).collect()
}

/// `NAME=TEXT` each, or with files `NAME=@FILE`.
pub(super) fn pairs(words: &[String], files: bool) -> Result<BTreeMap<String, String>> {
    let mut pairs = BTreeMap::new();
    for word in words {
        let Some((name, text)) = word.split_once('=') else {
            return Err(invalid(format!("{word:?} is not NAME=TEXT")));
        };
        let text = match text.strip_prefix('@').filter(|_| files) {
            Some(file) => text_of(Path::new(file))?.1,
            None => text.to_owned(),
        };
        if pairs.insert(name.to_owned(), text).is_some() {
            return Err(invalid(format!("{name:?} is said twice")));
        }
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_is_a_word_with_how() {
        let of = |word: &str| selection(word).map_err(|error| error.to_string());
        assert_eq!(of("architect=5"), Ok(Selection::Architect { k: 5 }));
        assert_eq!(of("committee"), Ok(Selection::Committee { method: Method::Schulze }));
        assert_eq!(of("committee=borda"), Ok(Selection::Committee { method: Method::Borda }));
        assert!(of("score=1").unwrap_err().contains("selects nobody"));
        assert!(of("architect=few").unwrap_err().contains("no number"));
    }

    #[test]
    fn metadata_stands_on_the_line_or_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("text");
        std::fs::write(&file, "long\n").unwrap();
        let words = ["a=1=2".to_owned(), format!("text=@{}", file.display())];
        let read = pairs(&words, true).unwrap();
        assert_eq!(read["a"], "1=2");
        assert_eq!(read["text"], "long\n");
        assert!(pairs(&["a".to_owned()], true).is_err());
        assert!(pairs(&["a=1".to_owned(), "a=2".to_owned()], true).is_err());
    }

    #[test]
    fn checks_are_read_strictly_from_either_language() {
        let folder = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            let file = folder.path().join("checks");
            std::fs::write(&file, text).unwrap();
            checks(&file).map_err(|error| error.to_string())
        };
        let toml =
            read("dry_run = 'v'\n[policy]\nforbidden = ['x', { regex = '^a', words = true }]");
        let json =
            r#"{"dry_run": "v", "policy": {"forbidden": ["x", {"regex": "^a", "words": true}]}}"#;
        assert_eq!(toml.as_ref().map(|spec| spec.policy.forbidden.len()), Ok(2));
        assert_eq!(toml, read(json));
        assert!(read("[lint]\nmax_lines = 1").unwrap_err().contains("max_lines"));
        assert!(
            read("[policy]\nforbidden = [{ regex = '(' }]").unwrap_err().contains("no pattern")
        );
    }
}
