//! When a snapshot is due, and how much of the journal stays behind it for audits: by records where
//! they are small, by bytes where each holds many events.

use std::collections::VecDeque;

use super::{hands::Written, settings::Settings};

/// How many places of the journal are remembered with their bytes.
const PLACES_MAX: usize = 256;

/// What one reign knows of the journal's length.
pub(super) struct Window {
    settings: Settings,
    /// What had been written when the latest snapshot was made.
    bytes_then: u64,
    /// How much had been written at some records, the oldest first.
    places: VecDeque<Written>,
}

impl Window {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, bytes_then: 0, places: VecDeque::new() }
    }

    /// Whether enough was written since the snapshot at record `last`.
    pub(super) const fn is_due(&self, last: u64, written: Written) -> bool {
        written.end.0 >= last + self.settings.snapshot_every
            || written.bytes >= self.bytes_then + self.settings.snapshot_bytes
    }

    pub(super) fn snapshot_was_made(&mut self, written: Written) {
        self.bytes_then = written.bytes;
        self.places.push_back(written);
        if self.places.len() > PLACES_MAX {
            self.places.pop_front();
        }
    }

    /// How many records are kept now: as many as are set, and of what this reign wrote no more bytes
    /// than are set, as far as it remembers where they begin.
    pub(super) fn records_kept(&self, written: Written) -> u64 {
        let Settings { records_kept, bytes_kept, .. } = self.settings;
        let beyond = |place: &&Written| written.bytes - place.bytes >= bytes_kept;
        let place = self.places.iter().rev().find(beyond);
        place.map_or(records_kept, |place| records_kept.min(written.end.0 - place.end.0))
    }
}

#[cfg(test)]
mod tests {
    use orkestra_runtime::fabric::Sequence;

    use super::*;

    fn window() -> Window {
        Window::new(Settings {
            snapshot_every: 100,
            snapshot_bytes: 1_000,
            records_kept: 50,
            bytes_kept: 2_000,
            ..Settings::default()
        })
    }

    fn written(end: u64, bytes: u64) -> Written {
        Written { end: Sequence(end), bytes }
    }

    #[test]
    fn a_snapshot_is_due_after_so_many_records_or_so_many_bytes() {
        let mut window = window();
        assert!(!window.is_due(7, written(106, 999)));
        assert!(window.is_due(7, written(107, 0)));
        assert!(window.is_due(7, written(8, 1_000)));
        window.snapshot_was_made(written(8, 1_000));
        assert!(!window.is_due(8, written(9, 1_999)));
    }

    #[test]
    fn no_more_is_kept_than_so_many_records_and_so_many_bytes() {
        let mut window = window();
        for end in 1..=5 {
            window.snapshot_was_made(written(end * 10, end * 1_000));
        }
        // Two thousand bytes were written since record 30, which is 25 records ago.
        assert_eq!(window.records_kept(written(55, 5_500)), 25);
        assert_eq!(window.records_kept(written(500, 5_500)), 50);
        assert_eq!(Window::new(window.settings).records_kept(written(55, 5_500)), 50);
    }
}
