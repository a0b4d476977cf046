//! What comes over the network and is refused: counted, and told in few lines however much it is.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Counts what is refused on a node. Cheap to clone; clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refused(Arc<AtomicU64>);

impl Refused {
    /// How much was refused.
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts one thing more, and says which and why: aloud where it is the first, the second, the
    /// fourth and so on, so that a flood fills no log.
    pub(crate) fn one(&self, what: &str, why: &dyn fmt::Display) {
        let count = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_power_of_two() {
            tracing::warn!(what, %why, count, "refused what came over the network");
        } else {
            tracing::debug!(what, %why, count, "refused what came over the network");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_count_together() {
        let refused = Refused::default();
        for _ in 0..5 {
            refused.clone().one("a frame", &"junk");
        }
        assert_eq!(refused.count(), 5);
    }
}
