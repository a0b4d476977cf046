//! What was measured, beside what it is measured by.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::output::Table;

/// One figure, with the baseline of the same run if it has one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// How much.
    pub value: f64,
    /// Of what: of the value and of the baseline.
    pub unit: String,
    /// What it is measured by.
    pub baseline: Option<String>,
    /// How much that was.
    pub baseline_value: Option<f64>,
    /// How often the baseline goes into the value.
    pub ratio: Option<f64>,
}

impl Figure {
    pub(super) fn new(name: impl Into<String>, value: f64, unit: &str) -> Self {
        let unit = unit.to_owned();
        Self { name: name.into(), value, unit, baseline: None, baseline_value: None, ratio: None }
    }

    /// The same figure beside another one, which has the same unit.
    pub(super) fn beside(mut self, baseline: &Self) -> Self {
        self.baseline = Some(baseline.name.clone());
        self.baseline_value = Some(baseline.value);
        self.ratio = (baseline.value != 0.0).then(|| self.value / baseline.value);
        self
    }
}

/// Figures as a table for people.
pub fn table(figures: &[Figure]) -> Table {
    let mut table = Table::new(["figure", "value", "unit", "baseline", "of baseline", "ratio"]);
    let shown = |value: Option<f64>| value.map(short).unwrap_or_default();
    for figure in figures {
        table.row([
            figure.name.clone(),
            short(figure.value),
            figure.unit.clone(),
            figure.baseline.clone().unwrap_or_default(),
            shown(figure.baseline_value),
            shown(figure.ratio),
        ]);
    }
    table
}

/// A number in three digits, or whole if it has more.
fn short(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// Durations, to be asked for their quantiles.
#[derive(Debug, Default)]
pub(super) struct Durations(Vec<Duration>);

impl Durations {
    pub(super) fn push(&mut self, duration: Duration) {
        self.0.push(duration);
    }

    /// Takes in those of another.
    pub(super) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    /// The figure `name.slowest`, in milliseconds.
    pub(super) fn slowest(&self, name: &str) -> Figure {
        let slowest = self.0.iter().max().copied().unwrap_or_default();
        Figure::new(format!("{name}.slowest"), ms(slowest), "ms")
    }

    /// The figures `name.p50` and `name.p99`, in milliseconds.
    pub(super) fn figures(mut self, name: &str) -> [Figure; 2] {
        self.0.sort_unstable();
        [50, 99].map(|percent| {
            let place = (self.0.len() * percent / 100).min(self.0.len().saturating_sub(1));
            let duration = self.0.get(place).copied().unwrap_or_default();
            Figure::new(format!("{name}.p{percent}"), ms(duration), "ms")
        })
    }
}

pub(super) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// How many a second.
pub(super) fn rate(count: usize, within: Duration) -> f64 {
    number(count) / within.as_secs_f64().max(f64::EPSILON)
}

/// A count as a number that can be divided; exact up to 2^32, which no count of a bench reaches.
pub(super) fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_taken_from_what_was_sorted() {
        let mut durations = Durations::default();
        (0..100).rev().for_each(|ms| durations.push(Duration::from_millis(ms)));
        let [p50, p99] = durations.figures("x");
        assert_eq!((p50.name.as_str(), p50.value), ("x.p50", 50.0));
        assert_eq!((p99.name.as_str(), p99.value), ("x.p99", 99.0));
    }

    #[test]
    fn a_figure_stands_beside_its_baseline() {
        let baseline = Figure::new("append", 100.0, "/s");
        let figure = Figure::new("tasks", 250.0, "/s").beside(&baseline);
        assert_eq!(figure.ratio, Some(2.5));
        let text = table(&[baseline, figure]).render();
        assert_eq!(
            text.lines().last(),
            Some("tasks    250     /s     append     100           2.50")
        );
    }
}
