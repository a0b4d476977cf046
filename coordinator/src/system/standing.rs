//! Whether a node can write.

use std::time::Duration;

use orkestra_runtime::time::Moment;
use tokio::sync::watch;

/// Whether the journal of a node is full, and when it was last.
#[derive(Debug, Default)]
pub struct Standing(watch::Sender<Full>);

#[derive(Clone, Copy, Debug, Default)]
enum Full {
    #[default]
    Never,
    Since(Moment),
    Until(Moment),
}

impl Standing {
    fn now(&self) -> Full {
        *self.0.borrow()
    }

    /// Remembers that the journal has become full, or has room again.
    pub(super) fn set_full(&self, is_full: bool, now: Moment) {
        self.0.send_replace(if is_full { Full::Since(now) } else { Full::Until(now) });
    }

    /// Waits until nothing can be written (`true`), or everything (`false`).
    pub async fn until_full_is(&self, is_full: bool) {
        let mut changes = self.0.subscribe();
        // It cannot fail while this is there to be asked.
        let _ = changes.wait_for(|full| matches!(full, Full::Since(_)) == is_full).await;
    }

    /// Whether nothing can be written now.
    pub fn is_full(&self) -> bool {
        matches!(self.now(), Full::Since(_))
    }

    /// Since when nothing can be written.
    pub fn full_since(&self) -> Option<Moment> {
        match self.now() {
            Full::Since(moment) => Some(moment),
            Full::Never | Full::Until(_) => None,
        }
    }

    /// Whether nothing could be written at any time of late.
    pub fn full_within(&self, now: Moment, span: Duration) -> bool {
        match self.now() {
            Full::Never => false,
            Full::Since(_) => true,
            Full::Until(moment) => now.since(moment) < span,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_remembered_for_a_while() {
        let standing = Standing::default();
        let (at, hour) = (|s: u64| Moment::from_ms(s * 1_000), Duration::from_hours(1));
        assert!(!standing.is_full() && !standing.full_within(at(9), hour));
        standing.set_full(true, at(10));
        assert!(standing.is_full() && standing.full_within(at(99_999), hour));
        assert_eq!(standing.full_since(), Some(at(10)));
        standing.set_full(false, at(20));
        assert!(!standing.is_full() && standing.full_within(at(3_619), hour));
        assert!(!standing.full_within(at(3_620), hour));
    }
}
