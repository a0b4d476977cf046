//! What deliberations came to, in figures that are bounded however many there were.

use std::collections::{BTreeMap, VecDeque};

use orkestra_runtime::time::Wall;
use serde::{Deserialize, Serialize};

use super::{
    event::EndStatus,
    settings::{RECENT_MAX, ROLES_COUNTED_MAX},
    state::CouncilKey,
    words::Kind,
};

/// Each power of two of milliseconds is cut into so many parts, so that a duration read back is at
/// most a sixteenth more than it was.
const PARTS: u64 = 16;

/// Durations, by how long they were: exact below 16 ms, else to a sixteenth.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Durations(BTreeMap<u16, u64>);

impl Durations {
    pub(super) fn add(&mut self, ms: u64) {
        *self.0.entry(place(ms)).or_default() += 1;
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (place, count) in &other.0 {
            *self.0.entry(*place).or_default() += count;
        }
    }

    /// How long so many in a hundred were at most; 0 where there are none.
    pub(super) fn quantile(&self, percent: u64) -> u64 {
        let all: u64 = self.0.values().sum();
        let rank = (all * percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (place, count) in &self.0 {
            seen += count;
            if seen >= rank {
                return longest(*place);
            }
        }
        0
    }
}

fn place(ms: u64) -> u16 {
    if ms < PARTS {
        return u16::try_from(ms).unwrap_or_default();
    }
    let power = u64::from(ms.ilog2());
    let part = (ms >> (power - 4)) & (PARTS - 1);
    u16::try_from((power - 3) * PARTS + part).unwrap_or(u16::MAX)
}

fn longest(place: u16) -> u64 {
    let place = u64::from(place);
    if place < PARTS {
        return place;
    }
    let (shift, part) = (place / PARTS - 1, place % PARTS);
    ((u128::from(PARTS + part + 1) << shift) - 1).try_into().unwrap_or(u64::MAX)
}

/// What deliberations of one kind came to in one council.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Tally {
    pub(super) completed: u64,
    pub(super) failed: u64,
    pub(super) timed_out: u64,
    pub(super) cancelled: u64,
    pub(super) sum_ms: u64,
    pub(super) answered: u64,
    pub(super) answered_ms: u64,
    pub(super) durations: Durations,
}

impl Tally {
    pub(super) const fn all(&self) -> u64 {
        self.completed + self.failed + self.timed_out + self.cancelled
    }

    pub(super) fn of(&self, status: EndStatus) -> u64 {
        match status {
            EndStatus::Completed => self.completed,
            EndStatus::Failed => self.failed,
            EndStatus::Timeout => self.timed_out,
            EndStatus::Cancelled => self.cancelled,
        }
    }

    pub(super) fn add(&mut self, ended: &Over) {
        match ended.status {
            EndStatus::Completed => self.completed += 1,
            EndStatus::Failed => self.failed += 1,
            EndStatus::Timeout => self.timed_out += 1,
            EndStatus::Cancelled => self.cancelled += 1,
        }
        self.sum_ms = self.sum_ms.saturating_add(ended.ms);
        self.answered += ended.answered;
        self.answered_ms = self.answered_ms.saturating_add(ended.answered_ms);
        self.durations.add(ended.ms);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.completed += other.completed;
        self.failed += other.failed;
        self.timed_out += other.timed_out;
        self.cancelled += other.cancelled;
        self.sum_ms = self.sum_ms.saturating_add(other.sum_ms);
        self.answered += other.answered;
        self.answered_ms = self.answered_ms.saturating_add(other.answered_ms);
        self.durations.merge(&other.durations);
    }

    /// How long one took on average.
    pub(super) fn average_ms(&self) -> f64 {
        mean(self.sum_ms, self.all())
    }
}

#[expect(clippy::cast_precision_loss, reason = "an average for people")]
pub(super) fn mean(sum: u64, count: u64) -> f64 {
    if count == 0 { 0.0 } else { sum as f64 / count as f64 }
}

/// A deliberation that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Over {
    pub(super) at: Wall,
    pub(super) key: CouncilKey,
    pub(super) kind: Kind,
    pub(super) status: EndStatus,
    pub(super) ms: u64,
    pub(super) answered: u64,
    pub(super) answered_ms: u64,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Stats {
    tallies: BTreeMap<CouncilKey, BTreeMap<Kind, Tally>>,
    /// The last ones, oldest first.
    recent: VecDeque<Over>,
}

/// Figures by council and kind.
pub(super) type Tallies = BTreeMap<CouncilKey, BTreeMap<Kind, Tally>>;

impl Stats {
    pub(super) fn add(&mut self, ended: Over) {
        let mut key = ended.key.clone();
        if !self.tallies.contains_key(&key) && self.tallies.len() >= ROLES_COUNTED_MAX {
            key = (String::new(), "others".to_owned());
        }
        self.tallies.entry(key).or_default().entry(ended.kind).or_default().add(&ended);
        while self.recent.len() >= RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(ended);
    }

    /// Figures of a namespace, or of all; of all that ended, or of the last that ended since a time.
    pub(super) fn of(&self, namespace: Option<&str>, since: Option<Wall>) -> Tallies {
        let wanted = |key: &CouncilKey| namespace.is_none_or(|namespace| key.0 == namespace);
        let Some(since) = since else {
            let all = self.tallies.iter().filter(|(key, _)| wanted(key));
            return all.map(|(key, tallies)| (key.clone(), tallies.clone())).collect();
        };
        let mut tallies = Tallies::new();
        let recent = self.recent.iter().filter(|over| over.at >= since && wanted(&over.key));
        for over in recent {
            tallies.entry(over.key.clone()).or_default().entry(over.kind).or_default().add(over);
        }
        tallies
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_read_back_as_it_was_or_a_sixteenth_more_at_most() {
        let mut shown = 0;
        for ms in (0..2_000).chain([4_095, 4_096, 299_999, 300_000, u64::MAX / 2, u64::MAX]) {
            let read = longest(place(ms));
            assert!(read >= ms && read - ms <= ms / 16, "{ms} is read as {read}");
            shown = shown.max(place(ms));
        }
        assert!(shown < 1_000, "{shown} places are needed");
    }

    #[test]
    fn a100_quantiles_are_those_of_what_was_added() {
        let mut durations = Durations::default();
        assert_eq!(durations.quantile(50), 0);
        for ms in 1..=100 {
            durations.add(ms * 10);
        }
        let near = |percent: u64, ms: u64| {
            let read = durations.quantile(percent);
            assert!(read >= ms && read <= ms + ms / 16, "p{percent} is {read}, and was {ms}");
        };
        near(50, 500);
        near(95, 950);
        near(99, 990);
    }
}
