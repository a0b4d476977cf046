//! `orkestra supervision`: who was started, ended and restarted, read from the file that tells it.
//!
//! The file is read, never asked for: it tells of runs that are dead as well as of one that goes on.

mod draw;
mod fold;
mod lines;

use std::{path::Path, time::Duration};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::embedded::holder,
    supervise::log::{Reader, Reading, Record},
};
use serde::Serialize;

pub(super) use self::lines::{is_of_interest, painted};
use self::{draw::draw, fold::Fold, lines::Sheet};
use crate::{
    cli::{
        args::SupervisionCommand,
        run::{SUPERVISION_LOG, interrupted},
    },
    health::Lives,
    output::{Console, Exit, Format, Table, is_reader_gone},
};

/// How often a log that is followed is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub(super) async fn serve(
    command: &SupervisionCommand,
    data_dir: &Path,
    console: &mut Console,
) -> Result<Exit> {
    match command {
        SupervisionCommand::Log { child, limit, follow } => {
            let choice = Choice { child: child.as_deref(), limit: *limit };
            if *follow {
                choice.follow(data_dir, console).await
            } else {
                choice.show(data_dir, console)
            }
        }
        SupervisionCommand::Tree => tree(data_dir, console),
    }
}

/// A line for programs: a record, and the start of the node it belongs to.
#[derive(Debug, Serialize)]
struct Line {
    start: u32,
    #[serde(flatten)]
    record: Record,
}

/// Which lines are wanted.
#[derive(Clone, Copy, Debug)]
struct Choice<'a> {
    child: Option<&'a str>,
    limit: Option<usize>,
}

impl Choice<'_> {
    /// The lines that are wanted, each with the start of the node it belongs to.
    fn of(&self, records: Vec<Record>, lives: &mut Lives) -> Vec<Line> {
        let mut wanted: Vec<Line> = records
            .into_iter()
            .map(|record| Line { start: lives.of(&record), record })
            .filter(|line| self.child.is_none_or(|text| line.record.who.contains(text)))
            .collect();
        let surplus = wanted.len().saturating_sub(self.limit.unwrap_or(usize::MAX));
        wanted.drain(..surplus);
        wanted
    }

    fn show(&self, data_dir: &Path, console: &mut Console) -> Result<Exit> {
        let mut reader = Reader::of(data_dir.join(SUPERVISION_LOG));
        let reading = read_on(&mut reader, data_dir)?;
        let unreadable = reading.unreadable;
        let lines = self.of(reading.records, &mut Lives::default());
        if console.format() == Format::Table && !lines.is_empty() {
            let mut sheet = Sheet::new(console.surroundings().colours_data());
            write_lines(&lines, &mut sheet, console)?;
        } else {
            console.list(&lines, |_| Table::default())?;
        }
        tell_unreadable(unreadable, console)?;
        if reader.has_rest() && holder(data_dir)?.is_none() {
            console.say("note: the last line is torn: its writer was killed while it wrote")?;
        }
        Ok(Exit::Done)
    }

    /// Shows what there is, and then each line as it comes, until somebody interrupts or whoever
    /// reads goes away.
    async fn follow(&self, data_dir: &Path, console: &mut Console) -> Result<Exit> {
        if matches!(console.format(), Format::Json | Format::Yaml) {
            let message = "--follow writes line by line, and a document has an end: \
                           use -o table or -o ndjson";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let mut reader = Reader::of(data_dir.join(SUPERVISION_LOG));
        let mut lives = Lives::default();
        let mut sheet = Sheet::new(console.surroundings().colours_data());
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut choice = *self;
        let stopped = interrupted();
        tokio::pin!(stopped);
        loop {
            tokio::select! {
                biased;
                () = &mut stopped => return Ok(Exit::Interrupted),
                _ = looks.tick() => {}
            }
            let reading = read_on(&mut reader, data_dir)?;
            let added = choice.of(reading.records, &mut lives);
            // What comes later is wanted whole.
            choice.limit = None;
            if console.format() == Format::Table {
                write_lines(&added, &mut sheet, console)?;
            } else {
                added.iter().try_for_each(|line| console.line(line))?;
            }
            tell_unreadable(reading.unreadable, console)?;
            if console.is_closed() || is_reader_gone() {
                return Ok(Exit::Done);
            }
        }
    }
}

fn write_lines(lines: &[Line], sheet: &mut Sheet, console: &mut Console) -> Result<()> {
    sheet.widen(lines.iter().map(|line| &line.record));
    let text: String = lines.iter().map(|line| sheet.line(line.start, &line.record)).collect();
    console.text(&text)
}

fn tell_unreadable(lines: usize, console: &mut Console) -> Result<()> {
    match lines {
        0 => Ok(()),
        1 => console.say("note: one line cannot be read: torn by a kill, or of a later version"),
        _ => console.say(format!(
            "note: {lines} lines cannot be read: torn by kills, or of a later version"
        )),
    }
}

fn tree(data_dir: &Path, console: &mut Console) -> Result<Exit> {
    let pid = holder(data_dir)?;
    let reading = read_on(&mut Reader::of(data_dir.join(SUPERVISION_LOG)), data_dir)?;
    let mut fold = Fold::default();
    for record in &reading.records {
        fold.add(record);
    }
    let Some(shown) = fold.shown(pid) else {
        console.list::<u8>(&[], |_| Table::default())?;
        return Ok(Exit::Done);
    };
    console.say(shown.standing())?;
    console.item(&shown, |shown| draw(&shown.tree))?;
    Ok(Exit::Done)
}

fn read_on(reader: &mut Reader, data_dir: &Path) -> Result<Reading> {
    reader.read_on().map_err(|error| {
        if error.kind() != ErrorKind::NotFound {
            return error;
        }
        let message = format!(
            "there is no supervision log in {}: name another folder with --data-dir, or run something",
            data_dir.display()
        );
        Error::new(ErrorKind::NotFound, message)
    })
}

#[cfg(test)]
mod tests;
