//! The tokens of locks, as programs in any language read them: by the names of the locks.

use orkestra_runtime::protocol::lock::Grant;
use serde::{Serialize, Serializer};

/// The variable of the environment that carries them.
pub(super) const VARIABLE: &str = "ORKESTRA_LOCK_TOKENS";

/// A JSON object: `{"db": 17}`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tokens<'a>(pub(super) &'a [Grant]);

impl Tokens<'_> {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As text; none where there are no locks.
    pub(super) fn text(self) -> Option<String> {
        // Names and numbers can be written as JSON.
        (!self.is_empty()).then(|| serde_json::to_string(&self).unwrap_or_default())
    }
}

impl Serialize for Tokens<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|held| (held.key.as_str(), held.token.0)))
    }
}
