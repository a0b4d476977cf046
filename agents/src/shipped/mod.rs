//! Repositories that are shipped to other machines: one pinned commit, as a blob.
//!
//! A run of one process has its agents look at a repository where it lies. On other machines there is
//! nothing at that path, so a run of a cluster ships the commit: [`make`] packs it, the pack is kept
//! as a blob, and what agents are given names it by a [`Reference`] in the place of a path. Before an
//! attempt begins, its node lays the commit out in a folder of its own ([`Repositories`]) and puts
//! that folder where the reference stands.
//!
//! Promises: the same commit with the same tags is packed to the same bytes, whoever packs it with
//! the same git, however his repository is packed; what is laid out is complete or absent, has the
//! commit whose name was asked for (git's own hashes prove all of its contents), and is laid out once
//! for all attempts of a node; nobody's settings, hooks or filters run at either end.
//!
//! Lost on the way: branches, notes, the reflog, what is not committed, tags that do not lie in the
//! history of the commit, and submodules. Large-file pointers stay pointers. Where the history does
//! not fit, the commit goes alone, as in a shallow clone.

mod cache;
mod git;
mod lay;
mod make;
mod manifest;
pub(crate) mod place;
mod reference;
#[cfg(test)]
mod tests;

pub(crate) use cache::Laid;
pub use cache::{Bounds, Repositories};
pub use make::{Made, PACKED_BYTES_MAX, Source, make};
pub use reference::Reference;
pub(crate) use reference::found;
