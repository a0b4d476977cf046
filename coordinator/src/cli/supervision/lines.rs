//! How lines of the supervision log look to a person.

use orkestra_runtime::supervise::{
    event::What,
    log::{Mood, Record},
};

/// The widest column of names; longer ones push their line.
const NAME_MAX: usize = 40;

/// Lines under one another, as wide as their names need, with a head for each start of the node
/// and each day.
#[derive(Clone, Debug)]
pub(super) struct Sheet {
    is_coloured: bool,
    width: usize,
    start: u32,
    day: String,
}

impl Sheet {
    pub(super) const fn new(is_coloured: bool) -> Self {
        Self { is_coloured, width: 0, start: 0, day: String::new() }
    }

    /// Makes room for the names of these.
    pub(super) fn widen<'a>(&mut self, records: impl Iterator<Item = &'a Record>) {
        let widest = records.map(|record| record.who.chars().count()).max().unwrap_or(0);
        self.width = self.width.max(widest.min(NAME_MAX));
    }

    /// A record as it stands here, with whatever heads it; each line ended.
    pub(super) fn line(&mut self, start: u32, record: &Record) -> String {
        let day: String = record.at.to_string().chars().take(10).collect();
        let mut text = String::new();
        if start != self.start {
            text = format!("── start {start}, {day} ──\n");
        } else if day != self.day {
            text = format!("── {day} ──\n");
        }
        (self.start, self.day) = (start, day);
        text.push_str(&painted(record, self.width, self.is_coloured));
        text.push('\n');
        text
    }
}

/// A record on one line, in the colour of its mood.
pub(in crate::cli) fn painted(record: &Record, width: usize, is_coloured: bool) -> String {
    // A reason is whatever some program said: it must not break lines, nor steer a terminal.
    let line: String =
        record.line(width).chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    match record.mood() {
        Mood::Uneasy if is_coloured => format!("\u{1b}[33m{line}\u{1b}[0m"),
        Mood::Bad if is_coloured => format!("\u{1b}[31m{line}\u{1b}[0m"),
        Mood::Well | Mood::Uneasy | Mood::Bad => line,
    }
}

/// Whether somebody who watches a run wants to know this at once.
pub(in crate::cli) const fn is_of_interest(what: What) -> bool {
    match what {
        What::Restarted | What::Hung | What::Lost | What::Parked | What::GaveUp => true,
        What::Started
        | What::Ignored
        | What::StartFailed
        | What::Ended
        | What::BackingOff
        | What::Killed
        | What::Stopped
        | What::LinesLost => false,
    }
}
