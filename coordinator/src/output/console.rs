//! Where data and talk go.

use std::{
    fmt,
    io::{self, ErrorKind as IoKind, IsTerminal, Write},
};

use orkestra_runtime::{Error, ErrorKind, Result};
use rustix::event::{PollFd, PollFlags, Timespec};
use serde::Serialize;

use super::Table;

/// How data is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people: columns, no borders.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// One YAML document.
    Yaml,
    /// One JSON document a line, for each item.
    Ndjson,
}

/// What the command runs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and all mix freely")]
pub struct Surroundings {
    /// The standard error is a terminal.
    pub talk_is_terminal: bool,
    /// The standard output is a terminal.
    pub data_is_terminal: bool,
    /// `NO_COLOR` is set and not empty.
    pub no_color: bool,
    /// `CI` is set and not empty.
    pub ci: bool,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Self {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        Self {
            talk_is_terminal: io::stderr().is_terminal(),
            data_is_terminal: io::stdout().is_terminal(),
            no_color: is_set("NO_COLOR"),
            ci: is_set("CI"),
        }
    }

    /// Whether talk may be coloured.
    pub const fn colours_talk(self) -> bool {
        self.talk_is_terminal && !self.no_color && !self.ci
    }

    /// Whether data for people may be coloured.
    pub const fn colours_data(self) -> bool {
        self.data_is_terminal && !self.no_color && !self.ci
    }
}

/// Whether whoever reads the standard output of this process has gone away: one who waits for news
/// would else find out only when there are some.
pub fn is_reader_gone() -> bool {
    let out = io::stdout();
    let mut asked = [PollFd::new(&out, PollFlags::empty())];
    let told = rustix::event::poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
    told.is_ok() && asked.iter().any(|out| out.revents().contains(PollFlags::ERR))
}

/// The two streams of a command: data for whoever asked, talk for whoever watches.
pub struct Console {
    out: Stream,
    talk: Stream,
    format: Format,
    surroundings: Surroundings,
    is_quiet: bool,
}

/// A stream that may be closed by its reader, after which nothing is written any more.
struct Stream {
    to: Box<dyn Write + Send>,
    is_closed: bool,
}

impl Stream {
    fn write(&mut self, text: &str) -> Result<()> {
        if self.is_closed {
            return Ok(());
        }
        match self.to.write_all(text.as_bytes()).and_then(|()| self.to.flush()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == IoKind::BrokenPipe => {
                self.is_closed = true;
                Ok(())
            }
            Err(error) => Err(Error::new(ErrorKind::Io, "cannot write the output").because(error)),
        }
    }
}

impl Console {
    /// The streams of this process.
    pub fn of_process(format: Format, is_quiet: bool) -> Self {
        let surroundings = Surroundings::of_process();
        Self::new((Box::new(io::stdout()), Box::new(io::stderr())), format, surroundings)
            .quiet(is_quiet)
    }

    /// A console that writes data to the first stream and talk to the second.
    pub fn new(
        (out, talk): (Box<dyn Write + Send>, Box<dyn Write + Send>),
        format: Format,
        surroundings: Surroundings,
    ) -> Self {
        Self {
            out: Stream { to: out, is_closed: false },
            talk: Stream { to: talk, is_closed: false },
            format,
            surroundings,
            is_quiet: false,
        }
    }

    /// The same console, which says only what went wrong.
    #[must_use]
    pub const fn quiet(mut self, is_quiet: bool) -> Self {
        self.is_quiet = is_quiet;
        self
    }

    /// How data is written.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// What it runs in.
    pub const fn surroundings(&self) -> Surroundings {
        self.surroundings
    }

    /// Whether it says only what went wrong.
    pub const fn is_quiet(&self) -> bool {
        self.is_quiet
    }

    /// Whether whoever reads the data has gone away: going on is of no use to them.
    pub const fn is_closed(&self) -> bool {
        self.out.is_closed
    }

    /// Writes several items: a table for people, a list for programs, one a line as NDJSON.
    pub fn list<T: Serialize>(
        &mut self,
        items: &[T],
        table: impl FnOnce(&[T]) -> Table,
    ) -> Result<()> {
        match self.format {
            Format::Table => {
                let table = table(items);
                if table.is_empty() {
                    return self.say("nothing found");
                }
                self.out.write(&table.render())
            }
            Format::Ndjson => items.iter().try_for_each(|item| self.line(item)),
            Format::Json | Format::Yaml => self.document(items),
        }
    }

    /// Writes one thing: text for people, a document for programs.
    pub fn item<T: Serialize>(&mut self, item: &T, text: impl FnOnce(&T) -> String) -> Result<()> {
        match self.format {
            Format::Table => self.text(&text(item)),
            Format::Ndjson => self.line(item),
            Format::Json | Format::Yaml => self.document(item),
        }
    }

    /// Writes text as data, whatever the format: a report, a completion script.
    pub fn text(&mut self, text: &str) -> Result<()> {
        self.out.write(text)?;
        if text.is_empty() || text.ends_with('\n') { Ok(()) } else { self.out.write("\n") }
    }

    /// Writes one JSON document on a line of the data, whatever the format: events as they happen.
    pub fn line<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<()> {
        let mut text = serde_json::to_string(item).map_err(unwritable)?;
        text.push('\n');
        self.out.write(&text)
    }

    /// Says something to whoever watches.
    pub fn say(&mut self, line: impl fmt::Display) -> Result<()> {
        if self.is_quiet { Ok(()) } else { self.talk.write(&format!("{line}\n")) }
    }

    /// Says that something is not as it should be, and goes on.
    pub fn warn(&mut self, line: impl fmt::Display) -> Result<()> {
        let word = self.painted("warning", "33");
        self.talk.write(&format!("{word}: {line}\n"))
    }

    /// Says what went wrong.
    pub fn error(&mut self, line: impl fmt::Display) -> Result<()> {
        let word = self.painted("error", "31");
        self.talk.write(&format!("{word}: {line}\n"))
    }

    fn painted(&self, word: &str, colour: &str) -> String {
        if self.surroundings.colours_talk() {
            format!("\u{1b}[1;{colour}m{word}\u{1b}[0m")
        } else {
            word.to_owned()
        }
    }

    fn document<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<()> {
        let text = if self.format == Format::Yaml {
            serde_saphyr::to_string(&item).map_err(unwritable)?
        } else {
            serde_json::to_string_pretty(item).map_err(unwritable)?
        };
        self.text(&text)
    }
}

fn unwritable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::Fault, "cannot write a value as a document").because(error)
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console")
            .field("format", &self.format)
            .field("surroundings", &self.surroundings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Keeps what is written; may be a pipe that its reader has closed.
    #[derive(Clone, Default)]
    pub(in crate::output) struct Kept(Arc<Mutex<Vec<u8>>>, bool);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.1 {
                return Err(IoKind::BrokenPipe.into());
            }
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Kept {
        pub(in crate::output) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    pub(in crate::output) fn console(format: Format) -> (Console, Kept, Kept) {
        let (out, talk) = (Kept::default(), Kept::default());
        let streams: (Box<dyn Write + Send>, Box<dyn Write + Send>) =
            (Box::new(out.clone()), Box::new(talk.clone()));
        (Console::new(streams, format, Surroundings::default()), out, talk)
    }

    fn listed(format: Format) -> String {
        let (mut console, out, talk) = console(format);
        let items = [serde_json::json!({ "a": 1 }), serde_json::json!({ "a": 2 })];
        let table = |items: &[serde_json::Value]| {
            let mut table = Table::new(["a"]);
            for item in items {
                table.row([item["a"].to_string()]);
            }
            table
        };
        console.list(&items, table).unwrap();
        assert_eq!(talk.text(), "");
        out.text()
    }

    #[test]
    fn one_list_is_written_in_four_ways() {
        assert_eq!(listed(Format::Table), "A\n1\n2\n");
        assert_eq!(listed(Format::Ndjson), "{\"a\":1}\n{\"a\":2}\n");
        assert_eq!(listed(Format::Yaml), "- a: 1\n- a: 2\n");
        assert_eq!(listed(Format::Json), "[\n  {\n    \"a\": 1\n  },\n  {\n    \"a\": 2\n  }\n]\n");
    }

    #[test]
    fn talk_never_stands_among_data() {
        let (mut console, out, talk) = console(Format::Table);
        console.list::<u8>(&[], |_| Table::new(["a"])).unwrap();
        console.error("no such task").unwrap();
        assert_eq!(
            (out.text().as_str(), talk.text().as_str()),
            ("", "nothing found\nerror: no such task\n")
        );
        let mut console = console.quiet(true);
        console.say("hello").unwrap();
        assert!(!talk.text().contains("hello"));
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        let closed = || Box::new(Kept(Arc::default(), true));
        let mut console = Console::new((closed(), closed()), Format::Json, Surroundings::default());
        console.text("x").unwrap();
        assert!(console.is_closed());
        console.item(&1, |_| String::new()).unwrap();
    }

    #[test]
    fn colour_is_for_terminals_that_want_it() {
        let painted = |surroundings| {
            let talk = Kept::default();
            let streams = (Box::new(Kept::default()) as _, Box::new(talk.clone()) as _);
            Console::new(streams, Format::Table, surroundings).error("x").unwrap();
            talk.text()
        };
        let terminal = Surroundings { talk_is_terminal: true, ..Surroundings::default() };
        assert_eq!(painted(terminal), "\u{1b}[1;31merror\u{1b}[0m: x\n");
        assert_eq!(painted(Surroundings { no_color: true, ..terminal }), "error: x\n");
        assert_eq!(painted(Surroundings { ci: true, ..terminal }), "error: x\n");
    }
}
