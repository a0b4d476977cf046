//! Dependencies: whether manifests and lock files agree, and what is not pinned.
//!
//! Cargo ([`cargo`]), npm ([`npm`]) and pip ([`python`]) are read; nobody is asked on the network, so
//! nothing is said about known weaknesses or newer versions.

mod cargo;
mod npm;
mod python;

use orkestra_runtime::{
    Result,
    protocol::{payload::Json, task::Failure},
};

use super::{
    finding::{Review, count},
    workspace::Workspace,
};
use crate::{Context, Work};

/// Compares; no options.
pub(super) fn run(work: &Work, context: &Context) -> Result<Json, Failure> {
    let workspace = Workspace::open(work, context)?;
    let mut review = Review::new("dependencies")?;
    let crates = cargo::review(&workspace, &mut review)?;
    context.progress(50, "npm");
    let npm = npm::review(&workspace, &mut review)?;
    context.progress(80, "pip");
    let python = python::review(&workspace, &mut review)?;
    review.fact("cargo_manifests", crates.manifests);
    review.fact("cargo_locked_packages", crates.locked);
    review.fact("cargo_duplicates", crates.duplicates);
    review.fact("npm_manifests", npm);
    review.fact("python_requirements", python);
    review.fact("not_checked", "known weaknesses, newer versions, other package managers");
    let manifests = count(crates.manifests + npm + python, "manifest");
    let summary = format!("{manifests}, {}", count(review.found(), "problem"));
    review.finish(summary)
}
