//! How far a run is, while it runs.
//!
//! Somebody else feeds it; this shows it: bars and "who does what" on a terminal, a line now and
//! then elsewhere, JSON lines for programs.

use std::{fmt, time::Duration};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use orkestra_runtime::{Result, time::Moment};
use serde::Serialize;

use super::{Console, Format, human};

/// How many running tasks are shown at once.
const SHOWN_MAX: usize = 8;

/// How often a line is written where there is no terminal, at most.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How far a run is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// How many tasks it has.
    pub total: u64,
    /// How many have completed.
    pub done: u64,
    /// How many have failed.
    pub failed: u64,
    /// How many were cancelled.
    pub cancelled: u64,
    /// How many wait for people.
    #[serde(skip_serializing_if = "is_zero")]
    pub asked: u64,
    /// What goes on.
    pub running: Vec<Running>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Snapshot {
    const fn ended(&self) -> u64 {
        self.done + self.failed + self.cancelled
    }

    /// What did not come to a good end, if anything; as it is said.
    fn losses(&self) -> Vec<String> {
        let counts = [(self.failed, "failed"), (self.cancelled, "cancelled")];
        let some = counts.into_iter().filter(|(count, _)| *count > 0);
        some.map(|(count, how)| format!("{count} {how}")).collect()
    }
}

/// An attempt that goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Running {
    /// The task.
    pub task: String,
    /// Who works on it.
    pub agent: String,
    /// For how long.
    #[serde(serialize_with = "as_ms", rename = "running_ms")]
    pub since: Duration,
    /// What it says of itself; may be empty.
    pub message: String,
}

fn as_ms<S: serde::Serializer>(since: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Shows how far a run is.
pub struct Progress(Shown);

enum Shown {
    Nothing,
    Lines { last: Option<(Moment, Snapshot)> },
    Events { last: Option<Snapshot> },
    Bars(Box<Bars>),
}

struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    who: Vec<ProgressBar>,
}

impl Progress {
    /// Bars on a terminal, JSON lines when NDJSON was asked for, lines of text elsewhere, nothing
    /// when the console is quiet.
    pub fn on(console: &Console) -> Self {
        let surroundings = console.surroundings();
        Self(if console.format() == Format::Ndjson {
            Shown::Events { last: None }
        } else if console.is_quiet() {
            Shown::Nothing
        } else if surroundings.talk_is_terminal && !surroundings.ci {
            Shown::Bars(Box::new(Bars::new(surroundings.no_color)))
        } else {
            Shown::Lines { last: None }
        })
    }

    /// Shows a state. May be called as often as one likes: lines are rate-limited.
    pub fn show(&mut self, console: &mut Console, now: Moment, state: &Snapshot) -> Result<()> {
        match &mut self.0 {
            Shown::Nothing => Ok(()),
            Shown::Bars(bars) => {
                bars.show(state);
                Ok(())
            }
            Shown::Events { last } => {
                if last.as_ref() == Some(state) {
                    return Ok(());
                }
                *last = Some(state.clone());
                console.line(&Event { event: "progress", state })
            }
            Shown::Lines { last } => {
                let is_due = match last {
                    None => true,
                    Some((at, shown)) => {
                        let has_moved = shown.ended() != state.ended();
                        let has_ended = state.ended() == state.total && has_moved;
                        has_ended || now.since(*at) >= LINE_EVERY
                    }
                };
                if !is_due {
                    return Ok(());
                }
                *last = Some((now, state.clone()));
                console.say(line(state))
            }
        }
    }

    /// Says something while bars may be up.
    pub fn say(&self, console: &mut Console, line: impl fmt::Display) -> Result<()> {
        match &self.0 {
            Shown::Bars(bars) => bars.all.suspend(|| console.say(line)),
            Shown::Nothing | Shown::Lines { .. } | Shown::Events { .. } => console.say(line),
        }
    }

    /// Takes the bars away.
    pub fn finish(self) {
        if let Shown::Bars(bars) = self.0 {
            for bar in bars.who.iter().chain([&bars.total]) {
                bar.finish_and_clear();
            }
        }
    }
}

#[derive(Serialize)]
struct Event<'a> {
    event: &'static str,
    #[serde(flatten)]
    state: &'a Snapshot,
}

fn line(state: &Snapshot) -> String {
    let mut parts = vec![format!("{} of {} tasks done", state.done, state.total)];
    parts.extend(state.losses());
    parts.extend(asked(state));
    if let Some(Running { task, agent, since, .. }) = state.running.first() {
        let (running, since) = (state.running.len(), human::duration(*since));
        parts.push(format!("{running} running ({task} by {agent} for {since})"));
    }
    parts.join(", ")
}

/// How many wait for people, if any do.
fn asked(state: &Snapshot) -> Option<String> {
    match state.asked {
        0 => None,
        1 => Some("1 waits for people".to_owned()),
        asked => Some(format!("{asked} wait for people")),
    }
}

impl Bars {
    fn new(no_color: bool) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        let total = all.add(ProgressBar::new(0));
        let template = if no_color {
            "[{elapsed_precise}] {wide_bar} {pos}/{len} {msg}"
        } else {
            "[{elapsed_precise}] {wide_bar:.cyan} {pos}/{len} {msg}"
        };
        // A template that cannot be read leaves indicatif's own style: less pretty, and no worse.
        if let Ok(style) = ProgressStyle::with_template(template) {
            total.set_style(style);
        }
        Self { all, total, who: Vec::new() }
    }

    fn show(&mut self, state: &Snapshot) {
        self.total.set_length(state.total);
        self.total.set_position(state.ended());
        let told = state.losses().into_iter().chain(asked(state));
        self.total.set_message(told.collect::<Vec<_>>().join(", "));
        let shown = state.running.len().min(SHOWN_MAX);
        while self.who.len() > shown {
            if let Some(bar) = self.who.pop() {
                bar.finish_and_clear();
                self.all.remove(&bar);
            }
        }
        while self.who.len() < shown {
            let bar = self.all.add(ProgressBar::no_length());
            if let Ok(style) = ProgressStyle::with_template("  {wide_msg}") {
                bar.set_style(style);
            }
            self.who.push(bar);
        }
        for (bar, running) in self.who.iter().zip(&state.running) {
            let Running { task, agent, since, message } = running;
            let since = human::duration(*since);
            bar.set_message(format!("{agent:<16} {task:<24} {since:>6}  {message}"));
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Shown::Nothing => "Progress(nothing)",
            Shown::Lines { .. } => "Progress(lines)",
            Shown::Events { .. } => "Progress(events)",
            Shown::Bars(_) => "Progress(bars)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::console::tests::console, *};

    fn state(done: u64, failed: u64) -> Snapshot {
        let running = Running {
            task: "secrets".to_owned(),
            agent: "a".to_owned(),
            since: Duration::from_secs(12),
            message: String::new(),
        };
        let running = if done + failed < 4 { vec![running] } else { Vec::new() };
        Snapshot { total: 4, done, failed, cancelled: 0, asked: 0, running }
    }

    #[test]
    fn lines_come_now_and_then_and_at_the_end() {
        let (mut console, out, talk) = console(Format::Table);
        let mut progress = Progress::on(&console);
        for (ms, state) in
            [(0, state(0, 0)), (100, state(1, 0)), (5_000, state(2, 1)), (5_100, state(3, 1))]
        {
            progress.show(&mut console, Moment::from_ms(ms), &state).unwrap();
        }
        progress.finish();
        assert_eq!(
            talk.text(),
            "0 of 4 tasks done, 1 running (secrets by a for 12s)\n\
             2 of 4 tasks done, 1 failed, 1 running (secrets by a for 12s)\n\
             3 of 4 tasks done, 1 failed\n"
        );
        assert_eq!(out.text(), "");
    }

    #[test]
    fn what_was_cancelled_is_not_called_failed() {
        let state = Snapshot { cancelled: 1, ..state(2, 1) };
        assert_eq!(
            line(&Snapshot { running: Vec::new(), ..state }),
            "2 of 4 tasks done, 1 failed, 1 cancelled"
        );
    }

    #[test]
    fn programs_read_a_line_for_each_change() {
        let (mut console, out, _) = console(Format::Ndjson);
        let mut progress = Progress::on(&console);
        for done in [1, 1, 4] {
            progress.show(&mut console, Moment::START, &state(done, 0)).unwrap();
        }
        assert_eq!(
            out.text(),
            "{\"event\":\"progress\",\"total\":4,\"done\":1,\"failed\":0,\"cancelled\":0,\"running\":[{\"task\":\"secrets\",\"agent\":\"a\",\"running_ms\":12000,\"message\":\"\"}]}\n\
             {\"event\":\"progress\",\"total\":4,\"done\":4,\"failed\":0,\"cancelled\":0,\"running\":[]}\n"
        );
    }
}
