//! Faults while they are being found.

use std::collections::BTreeSet;

use super::{Fault, Faults, Path, Source};

/// How many faults are told; the rest is counted. A file that is wrong in every line is as well
/// mended after the first hundred.
pub(super) const TOLD_MAX: usize = 100;

/// Gathers the faults of one file: one for each key, and a hundred at most.
#[derive(Debug)]
pub struct Findings<'a> {
    source: &'a Source,
    faults: Vec<Fault>,
    seen: BTreeSet<String>,
    untold: usize,
}

impl<'a> Findings<'a> {
    /// Nothing found yet.
    pub const fn of(source: &'a Source) -> Self {
        Self { source, faults: Vec::new(), seen: BTreeSet::new(), untold: 0 }
    }

    /// The file that is looked at.
    pub const fn source(&self) -> &'a Source {
        self.source
    }

    /// The value at a path is wrong.
    pub fn add(&mut self, path: &Path, message: impl Into<String>, help: Option<String>) {
        if self.is_told(path) {
            let fault = self.source.fault(path, message, help);
            self.faults.push(fault);
        }
    }

    /// The key at a path is wrong.
    pub fn add_key(&mut self, path: &Path, message: impl Into<String>, help: Option<String>) {
        if self.is_told(path) {
            let fault = self.source.key_fault(path, message, help);
            self.faults.push(fault);
        }
    }

    /// Something outside the file is wrong: an argument, say.
    pub fn add_outside(&mut self, key: &str, message: impl Into<String>, help: Option<String>) {
        self.faults.push(Fault::outside(key, message, help));
    }

    /// Keeps what is right; what is wrong is found.
    pub fn keep<T>(&mut self, path: &Path, tried: Result<T, impl ToString>) -> Option<T> {
        tried.map_err(|error| self.add(path, error.to_string(), None)).ok()
    }

    /// Whether anything was found.
    pub const fn any(&self) -> bool {
        !self.faults.is_empty()
    }

    /// `Ok` when nothing was found.
    pub fn finish(mut self) -> Result<(), Faults> {
        if self.untold > 0 {
            let message = format!("and {} more faults", self.untold);
            self.faults.push(Fault { line: usize::MAX, ..Fault::outside("", message, None) });
        }
        let told = Faults::unless_none(self.source.name(), self.faults);
        told.map_err(|mut faults| {
            for fault in &mut faults.faults {
                fault.line = if fault.line == usize::MAX { 0 } else { fault.line };
            }
            faults
        })
    }

    fn is_told(&mut self, path: &Path) -> bool {
        if !self.seen.insert(path.to_string()) {
            return false;
        }
        if self.faults.len() >= TOLD_MAX {
            self.untold += 1;
        }
        self.faults.len() < TOLD_MAX
    }
}
