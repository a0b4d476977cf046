//! Workspaces and checks as they are written; see [`words`](super::words).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The files that a task works on: its worker checks them before and after.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct WorkspaceWritten {
    /// The folder in which it works; a template. Relative to the folder of this file.
    pub(super) dir: String,
    /// Where it writes; a template, relative to `dir`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output_dir: Option<String>,
    /// What it must have written; a template, relative to `dir`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output_file: Option<String>,
    /// What it reads; templates, relative to `dir`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) input_files: Vec<String>,
}

/// What is wanted of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum SwitchWritten {
    /// It is not made.
    Off,
    /// It is made, at its own level.
    On,
    /// Its failure is a warning.
    Warning,
    /// Its failure blocks.
    Fail,
    /// Its failure is critical, and blocks.
    Critical,
}
