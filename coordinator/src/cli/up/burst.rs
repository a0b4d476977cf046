//! What goes as it should, in numbers: a node that starts tells of each of its children.

use std::collections::BTreeMap;

use orkestra_runtime::supervise::{event::What, log::Record};

/// How many lines are shown one by one.
const FEW: usize = 4;

/// Lines of one node that nobody has to hurry for.
#[derive(Debug, Default)]
pub(super) struct Burst {
    first: Vec<Record>,
    counts: BTreeMap<&'static str, usize>,
    clock: String,
    /// Whether there was one since it was looked at last.
    is_going_on: bool,
}

/// What is to be shown of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// Each line.
    Each(Vec<Record>),
    /// When, and how much of what there was.
    Sum(String, String),
}

impl Burst {
    pub(super) fn add(&mut self, record: Record) {
        *self.counts.entry(word(record.what)).or_default() += 1;
        let clock = record.at.to_string();
        clock.get(11..23).unwrap_or(&clock).clone_into(&mut self.clock);
        self.is_going_on = true;
        if self.first.len() <= FEW {
            self.first.push(record);
        }
    }

    /// What there is to show when nothing came since the last time; with `now`, in any case.
    pub(super) fn take(&mut self, now: bool) -> Option<Shown> {
        if std::mem::take(&mut self.is_going_on) && !now {
            return None;
        }
        let burst = std::mem::take(self);
        match burst.first.len() {
            0 => None,
            1..=FEW => Some(Shown::Each(burst.first)),
            _ => {
                let counts = burst.counts.iter().map(|(word, count)| format!("{count} {word}"));
                Some(Shown::Sum(burst.clock, counts.collect::<Vec<_>>().join(", ")))
            }
        }
    }
}

/// Whether a line can wait a moment.
pub(super) const fn can_wait(what: What) -> bool {
    match what {
        What::Started | What::Ignored | What::Stopped => true,
        What::Restarted
        | What::StartFailed
        | What::Ended
        | What::BackingOff
        | What::Hung
        | What::Killed
        | What::Lost
        | What::Parked
        | What::GaveUp
        | What::LinesLost => false,
    }
}

const fn word(what: What) -> &'static str {
    if let What::Started = what { "children started" } else { "children stopped" }
}

#[cfg(test)]
mod tests {
    use orkestra_runtime::{id::Incarnation, time::Wall};

    use super::*;

    fn record(seq: u64, what: What) -> Record {
        Record {
            v: 1,
            seq,
            at: Wall::from_ms(1_795_251_600_000 + seq),
            who: format!("node/{seq}"),
            what,
            why: None,
            incarnation: Incarnation(1),
            attempt: 1,
            took_ms: None,
            delay_ms: None,
            lost: None,
        }
    }

    #[test]
    fn a_few_lines_are_shown_each_and_many_as_their_number_once_they_have_ended() {
        let mut burst = Burst::default();
        assert_eq!(burst.take(true), None);
        let few: Vec<Record> = (0..4).map(|seq| record(seq, What::Started)).collect();
        few.iter().cloned().for_each(|record| burst.add(record));
        assert_eq!(burst.take(false), None, "more may come");
        assert_eq!(burst.take(false), Some(Shown::Each(few)));
        for seq in 0..5 {
            burst.add(record(seq, What::Started));
            burst.add(record(seq, What::Stopped));
        }
        let sum = "5 children started, 5 children stopped".to_owned();
        assert_eq!(burst.take(true), Some(Shown::Sum("09:00:00.004".to_owned(), sum)));
        assert_eq!(burst.take(true), None);
    }
}
