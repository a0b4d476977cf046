//! A sign of life that costs nearly nothing to give.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::time::{Clock, Moment};

/// The heart of one incarnation of a child. Whoever does its work calls [`beat`](Self::beat) now
/// and then; its supervisor looks only when a beat is overdue. Cheap to clone, usable from any
/// thread; nothing at all when the child declares no heartbeat.
#[derive(Clone, Default)]
pub struct Heart(Option<Arc<Beats>>);

struct Beats {
    clock: Arc<dyn Clock>,
    last: AtomicU64,
}

impl Heart {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let last = AtomicU64::new(clock.now().moment.as_nanos());
        Self(Some(Arc::new(Beats { clock, last })))
    }

    /// A heart that nobody listens to.
    pub const fn silent() -> Self {
        Self(None)
    }

    /// Gives a sign of life.
    pub fn beat(&self) {
        if let Some(beats) = &self.0 {
            beats.last.store(beats.clock.now().moment.as_nanos(), Ordering::Relaxed);
        }
    }

    /// When it beat last.
    pub fn last(&self) -> Moment {
        self.0
            .as_ref()
            .map_or(Moment::START, |beats| Moment::from_nanos(beats.last.load(Ordering::Relaxed)))
    }
}

impl fmt::Debug for Heart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Heart").field(&self.last()).finish()
    }
}
