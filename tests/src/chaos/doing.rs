//! What a run waits for, so that one that does not come to its end says what it was at.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

/// What is waited for now.
#[derive(Debug, Default)]
pub(super) struct Doing(Mutex<String>);

impl Doing {
    /// From now on this is waited for.
    pub(super) fn now(&self, what: impl Into<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = what.into();
    }
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
