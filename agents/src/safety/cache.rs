//! Answers about a folder, believed for one second.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use orkestra_runtime::time::{Clock, Moment};

/// How long an answer is believed.
const BELIEVED: Duration = Duration::from_secs(1);
/// How many folders are remembered before those that nobody asks about are forgotten.
const FOLDERS_MAX: usize = 256;

/// An answer, and when it was asked for.
type Slot<T> = Arc<Mutex<Option<(Moment, T)>>>;

/// Answers by folder. Whoever asks about a folder while another does waits for that answer.
pub(super) struct Cache<T>(Mutex<BTreeMap<PathBuf, Slot<T>>>);

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Cache<T> {
    /// The answer about a folder: one that was asked for within the last second and not before a
    /// moment, or else what `ask` says. Blocks.
    pub(super) fn answer(
        &self,
        folder: &Path,
        clock: &dyn Clock,
        not_before: Moment,
        ask: impl FnOnce() -> T,
    ) -> T {
        let slot = self.slot(folder);
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock.now().moment;
        if let Some((at, answer)) = &*slot
            && *at >= not_before
            && now < *at + BELIEVED
        {
            return answer.clone();
        }
        let answer = ask();
        *slot = Some((now, answer.clone()));
        answer
    }

    fn slot(&self, folder: &Path) -> Slot<T> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= FOLDERS_MAX {
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(slots.entry(folder.to_owned()).or_default())
    }
}
