//! Who is where, by name, within one node.
//!
//! Promises: an entry is that of the latest incarnation that was announced; an old incarnation can
//! neither replace nor remove a newer one. What is found is a copy: no guard of the map leaves this
//! file, so none is ever held across an await.
//!
//! Does not promise that who is found still lives: asking tells.

use std::hash::Hash;

use dashmap::{DashMap, Entry};

use crate::id::Incarnation;

/// Names, and what stands under them. Many may read and write at once.
#[derive(Debug)]
pub struct Directory<K: Eq + Hash, V>(DashMap<K, (Incarnation, V)>);

impl<K: Eq + Hash, V> Default for Directory<K, V> {
    fn default() -> Self {
        Self(DashMap::new())
    }
}

impl<K: Eq + Hash + Ord + Clone, V: Clone> Directory<K, V> {
    /// An empty directory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Enters a life of a name, in place of the same or an older one. An error carries the newer
    /// one that stands there.
    pub fn enter(&self, name: K, incarnation: Incarnation, value: V) -> Result<(), Incarnation> {
        match self.0.entry(name) {
            Entry::Occupied(mut entry) => {
                let standing = entry.get().0;
                if standing > incarnation {
                    return Err(standing);
                }
                entry.insert((incarnation, value));
            }
            Entry::Vacant(entry) => drop(entry.insert((incarnation, value))),
        }
        Ok(())
    }

    /// What stands under a name.
    pub fn find(&self, name: &K) -> Option<V> {
        self.0.get(name).map(|entry| entry.value().1.clone())
    }

    /// Which life stands under a name.
    pub fn incarnation(&self, name: &K) -> Option<Incarnation> {
        self.0.get(name).map(|entry| entry.value().0)
    }

    /// Removes a life of a name, or an older one; false when a newer one stands there, or none.
    pub fn leave(&self, name: &K, incarnation: Incarnation) -> bool {
        self.0.remove_if(name, |_, (standing, _)| *standing <= incarnation).is_some()
    }

    /// All names, in order.
    pub fn names(&self) -> Vec<K> {
        let mut names: Vec<_> = self.0.iter().map(|entry| entry.key().clone()).collect();
        names.sort();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Incarnation = Incarnation(1);
    const NEW: Incarnation = Incarnation(2);

    #[test]
    fn an_old_life_cannot_replace_a_newer_one() {
        let directory = Directory::new();
        assert_eq!(directory.enter("a", NEW, "new"), Ok(()));
        assert_eq!(directory.enter("a", OLD, "old"), Err(NEW));
        assert_eq!(directory.find(&"a"), Some("new"));
        assert_eq!(directory.enter("a", NEW, "new again"), Ok(()));
        assert_eq!(directory.find(&"a"), Some("new again"));
    }

    #[test]
    fn an_old_life_cannot_remove_a_newer_one() {
        let directory = Directory::new();
        directory.enter("a", OLD, "old").unwrap();
        directory.enter("a", NEW, "new").unwrap();
        assert!(!directory.leave(&"a", OLD));
        assert_eq!(directory.incarnation(&"a"), Some(NEW));
        assert!(directory.leave(&"a", NEW));
        assert!(!directory.leave(&"a", NEW));
        assert_eq!(directory.find(&"a"), None);
    }

    #[test]
    fn of_many_lives_that_enter_at_once_the_newest_stands() {
        let directory = Directory::new();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let directory = &directory;
                scope.spawn(move || {
                    for turn in 0..500 {
                        let life = Incarnation(turn * 4 + thread);
                        let _ = directory.enter("a", life, life);
                        directory.leave(&"a", Incarnation(life.0.saturating_sub(9)));
                    }
                });
            }
        });
        assert_eq!(directory.incarnation(&"a"), Some(Incarnation(1_999)));
        assert_eq!(directory.find(&"a"), Some(Incarnation(1_999)));
        assert_eq!(directory.names(), ["a"]);
    }
}
