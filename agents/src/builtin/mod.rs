//! Ready-made reviewers: is this repository ready to release?
//!
//! Each is a blocking function from one attempt to JSON. The first eight read a commit and answer
//! with a [`finding::Report`]; the others read the answers of those they depend on. The same commit
//! and options give the same bytes. Nothing of the repository is ever run, no symlink is followed,
//! and what looks like a secret is struck out of every answer.
//!
//! They do not judge whether the code is right, and ask nobody on the network.
//!
//! Look next at [`finding`] for what they say, and at each file for its rules.

pub mod finding;

mod dependencies;
mod documentation;
pub(crate) mod git;
mod history;
mod inventory;
mod large;
mod lexer;
mod licences;
mod manifest;
pub mod proposal_checks;
mod redact;
mod report;
mod secrets;
mod signoff;
mod synthesis;
#[cfg(feature = "testing")]
pub mod testing;
mod unfinished;
mod workspace;

#[cfg(test)]
mod tests;

use std::fmt;

use orkestra_runtime::{
    Result,
    protocol::{payload::Json, task::Failure},
};

use crate::{Context, Work};

/// A ready-made agent: a blocking function with a name.
#[derive(Clone, Copy)]
pub struct Builtin {
    /// What scenarios call it.
    pub name: &'static str,
    /// One line for people.
    pub description: &'static str,
    /// What it can do.
    pub capabilities: &'static [&'static str],
    /// What it is good at.
    pub specialties: &'static [&'static str],
    /// Works on one attempt. Blocks; call it where blocking is allowed.
    pub run: fn(&Work, &Context) -> Result<Json, Failure>,
}

impl fmt::Debug for Builtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builtin").field("name", &self.name).finish_non_exhaustive()
    }
}

static ALL: [Builtin; 12] = [
    Builtin {
        name: "inventory",
        description: "counts languages, lines, tests and what a repository should have",
        capabilities: &["review", "inventory"],
        specialties: &["quality"],
        run: inventory::run,
    },
    Builtin {
        name: "documentation",
        description: "finds links, paths and commands in Markdown that point nowhere",
        capabilities: &["review", "documentation"],
        specialties: &["documentation"],
        run: documentation::run,
    },
    Builtin {
        name: "secrets",
        description: "finds keys and passwords, and never repeats them",
        capabilities: &["review", "secrets"],
        specialties: &["security"],
        run: secrets::run,
    },
    Builtin {
        name: "licences",
        description: "compares licence files, manifests and headers",
        capabilities: &["review", "licences"],
        specialties: &["legal"],
        run: licences::run,
    },
    Builtin {
        name: "dependencies",
        description: "compares manifests with lock files, and finds what is not pinned",
        capabilities: &["review", "dependencies"],
        specialties: &["operations", "security"],
        run: dependencies::run,
    },
    Builtin {
        name: "unfinished",
        description: "finds what was left for later, and how long ago",
        capabilities: &["review", "unfinished"],
        specialties: &["quality"],
        run: unfinished::run,
    },
    Builtin {
        name: "large",
        description: "finds large files, binaries and generated files",
        capabilities: &["review", "large"],
        specialties: &["operations"],
        run: large::run,
    },
    Builtin {
        name: "history",
        description: "compares versions, tags and the changelog, and finds hot spots",
        capabilities: &["review", "history"],
        specialties: &["operations"],
        run: history::run,
    },
    Builtin {
        name: "synthesis",
        description: "merges reviews, weighs them and proposes a verdict",
        capabilities: &["synthesis"],
        specialties: &["quality"],
        run: synthesis::run,
    },
    Builtin {
        name: "signoff",
        description: "votes on a synthesis from one perspective",
        capabilities: &["signoff"],
        specialties: &["security", "quality", "legal", "operations"],
        run: signoff::run,
    },
    Builtin {
        name: "report",
        description: "writes what was found as Markdown",
        capabilities: &["report"],
        specialties: &["documentation"],
        run: report::run,
    },
    Builtin {
        name: "proposal-checks",
        description: "checks what a council proposes: what must stand in it, and how it is built",
        capabilities: &["proposal-checks"],
        specialties: &["quality"],
        run: proposal_checks::run,
    },
];

/// All ready-made agents: first those who read a commit, then those who read their answers, and who
/// checks what councils propose.
pub fn all() -> &'static [Builtin] {
    &ALL
}

/// The ready-made agent of this name.
pub fn find(name: &str) -> Option<&'static Builtin> {
    ALL.iter().find(|builtin| builtin.name == name)
}

/// The reviewers that a synthesis expects unless told otherwise.
const REVIEWERS: [&str; 8] = [
    "inventory",
    "documentation",
    "secrets",
    "licences",
    "dependencies",
    "unfinished",
    "large",
    "history",
];
