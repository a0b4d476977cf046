//! What whoever watches many registers was told, and what it must be told yet.

use std::collections::{BTreeMap, VecDeque};

use super::{Key, Revision, Value};

/// Turns what is read and heard of registers into news, each at most once.
#[derive(Debug, Default)]
pub(super) struct Told {
    revisions: BTreeMap<Key, Revision>,
    news: VecDeque<(Key, Option<Value>)>,
}

impl Told {
    /// These are all that are present: what was told of and is not among them is gone. True when
    /// that is news.
    pub(super) fn all_are(&mut self, present: Vec<(Key, Value)>) -> bool {
        let mut gone = std::mem::take(&mut self.revisions);
        for (key, value) in present {
            if gone.remove(&key) != Some(value.revision) {
                self.news.push_back((key.clone(), Some(value.clone())));
            }
            self.revisions.insert(key, value.revision);
        }
        self.news.extend(gone.into_keys().map(|key| (key, None)));
        !self.news.is_empty()
    }

    /// The oldest news.
    pub(super) fn next(&mut self) -> Option<(Key, Option<Value>)> {
        self.news.pop_front()
    }
}
