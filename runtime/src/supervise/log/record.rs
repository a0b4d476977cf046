//! One line of the supervision log.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    id::Incarnation,
    supervise::event::{Note, What},
    time::Wall,
};

/// The version of the format that this program writes, and the latest that it reads.
const VERSION: u8 = 1;

/// One line of the supervision log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The version of this format.
    pub v: u8,
    /// The number of the line in its log; contiguous but for lines that were lost.
    pub seq: u64,
    /// When.
    pub at: Wall,
    /// Who: its path in the tree, like `node/agents/secrets`.
    pub who: String,
    /// What happened.
    pub what: What,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Which life.
    #[serde(default)]
    pub incarnation: Incarnation,
    /// Which try in a row, from 1.
    #[serde(rename = "try", default)]
    pub attempt: u32,
    /// How long it took, or had lived, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
    /// How long is waited, or was waited, before the try, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// How many lines were lost here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<u64>,
}

/// How a line is to be taken; a colour, for whoever has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// As it should be.
    Well,
    /// Worth a look.
    Uneasy,
    /// Somebody should do something.
    Bad,
}

impl Record {
    pub(super) fn new(path: &str, note: &Note, at: Wall) -> Self {
        let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let who = note.child.as_ref().map_or_else(|| path.to_owned(), |id| format!("{path}/{id}"));
        Self {
            v: VERSION,
            seq: 0,
            at,
            who,
            what: note.what,
            why: note.why.as_deref().map(ToOwned::to_owned),
            incarnation: note.incarnation,
            attempt: note.attempt,
            took_ms: note.took.map(ms),
            delay_ms: note.delay.map(ms),
            lost: None,
        }
    }

    pub(super) fn lines_lost(count: u64, at: Wall) -> Self {
        Self {
            v: VERSION,
            seq: 0,
            at,
            who: "supervision-log".into(),
            what: What::LinesLost,
            why: None,
            incarnation: Incarnation(0),
            attempt: 0,
            took_ms: None,
            delay_ms: None,
            lost: Some(count),
        }
    }

    pub(super) fn from_line(line: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(line).ok().filter(|record| record.v <= VERSION)
    }

    /// How this line is to be taken.
    pub const fn mood(&self) -> Mood {
        match self.what {
            What::Started | What::Ignored | What::Stopped => Mood::Well,
            What::Restarted | What::Ended | What::BackingOff => Mood::Uneasy,
            What::StartFailed
            | What::Hung
            | What::Killed
            | What::Lost
            | What::Parked
            | What::GaveUp
            | What::LinesLost => Mood::Bad,
        }
    }

    /// One line for a person, with the name in a column `width` wide.
    pub fn line(&self, width: usize) -> String {
        let clock = self.at.to_string();
        let clock = clock.get(11..23).unwrap_or(&clock);
        let mut line = format!("{clock}  {:width$}  {:12}", self.who, self.what.as_str());
        let why = self.why.as_ref().map(|why| format!("({why})"));
        for part in self.story().into_iter().chain(why) {
            line.push_str("  ");
            line.push_str(&part);
        }
        line.truncate(line.trim_end().len());
        line
    }

    fn story(&self) -> Option<String> {
        let took = self.took_ms.map(|ms| span(Duration::from_millis(ms)));
        let delay = self.delay_ms.map(|ms| span(Duration::from_millis(ms)));
        let attempt = self.attempt;
        match (self.what, took, delay) {
            (What::Restarted, _, Some(delay)) => Some(format!("try {attempt} after {delay}")),
            (What::BackingOff, _, Some(delay)) => Some(format!("try {attempt} in {delay}")),
            (What::Parked | What::GaveUp, ..) => Some(format!("after {attempt} tries")),
            (What::LinesLost, ..) => {
                Some(format!("{} lines were lost", self.lost.unwrap_or_default()))
            }
            (What::StartFailed, Some(took), _) => Some(format!("try {attempt}, took {took}")),
            (What::StartFailed, None, _) => Some(format!("try {attempt}")),
            (What::Ended, Some(lived), _) => Some(format!("lived {lived}")),
            (What::Hung, Some(silent), _) => Some(format!("silent for {silent}")),
            (_, Some(took), _) => Some(format!("took {took}")),
            (_, None, _) => None,
        }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line(28))
    }
}

impl What {
    /// The word for it, as it stands in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Restarted => "restarted",
            Self::Ignored => "ignored",
            Self::StartFailed => "start failed",
            Self::Ended => "ended",
            Self::BackingOff => "backing off",
            Self::Hung => "hung",
            Self::Killed => "killed",
            Self::Stopped => "stopped",
            Self::Lost => "lost",
            Self::Parked => "parked",
            Self::GaveUp => "gave up",
            Self::LinesLost => "lines lost",
        }
    }
}

/// A span of time for a person: `350 ms`, `1.2 s`, `2 min 5 s`, `3 h 20 min`.
pub fn span(span: Duration) -> String {
    let (ms, s) = (span.as_millis(), span.as_secs());
    match s {
        0 => format!("{ms} ms"),
        1..60 => format!("{}.{} s", s, ms % 1_000 / 100),
        60..3_600 => format!("{} min {} s", s / 60, s % 60),
        _ => format!("{} h {} min", s / 3_600, s / 60 % 60),
    }
}
