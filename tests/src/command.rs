//! The command as a user types it: in a folder of its own, bounded in time, and gone afterwards.

#![expect(clippy::unwrap_used, reason = "what cannot be set up ends the test")]
#![expect(clippy::panic, reason = "a command that does not end is a failure")]

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread::JoinHandle,
    time::Duration,
};

use orkestra_runtime::time::{Clock as _, SystemClock};
pub use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

/// How long one command may take before it counts as hanging.
pub const LIMIT: Duration = Duration::from_mins(2);

/// A folder in which the command is run.
#[derive(Debug)]
pub struct Desk {
    program: PathBuf,
    home: TempDir,
    env: Vec<(String, String)>,
}

impl Desk {
    /// An empty folder, and the program that is run in it.
    pub fn with(program: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        Self { program: program.into(), home, env: Vec::new() }
    }

    /// The same desk, with an environment variable for every command.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// The folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Writes a file in the folder.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Reads a file of the folder.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The program that is run.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The command, with nothing of this process's own settings.
    pub fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).current_dir(self.home.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            let is_setting = text.starts_with("ORKESTRA_")
                || (text.starts_with("NATS_") && text != "NATS_SERVER");
            if is_setting || ["NO_COLOR", "CI", "RUST_LOG"].iter().any(|other| name == *other) {
                command.env_remove(name);
            }
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts the command.
    pub fn start<S: AsRef<OsStr>>(&self, args: &[S]) -> Running {
        Running::of(self.command(args))
    }

    /// Runs the command to its end.
    pub fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Said {
        self.start(args).end()
    }
}

/// What a command said, and how it ended.
#[derive(Clone, Debug)]
pub struct Said {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

#[expect(clippy::return_self_not_must_use, reason = "a check is complete in itself")]
impl Said {
    /// The same, if it ended with this code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "output:\n{}\ntalk:\n{}", self.out, self.err);
        self
    }

    /// The same, if its talk contains all of these.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.err.contains(word), "{word:?} is not in the talk:\n{}", self.err);
        }
        self
    }

    /// The same, if its data contains all of these.
    #[track_caller]
    pub fn shows(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.out.contains(word), "{word:?} is not in the output:\n{}", self.out);
        }
        self
    }

    /// Its data as one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }

    /// What of its data is whole, as a JSON document a line: one that was killed may have said half
    /// a line.
    #[track_caller]
    pub fn lines_that_are_whole(&self) -> Vec<Value> {
        let whole = self.out.rfind('\n').map_or(0, |end| end + 1);
        let whole = Self { out: self.out[..whole].to_owned(), ..self.clone() };
        whole.lines()
    }

    /// Its data as a JSON document a line.
    #[track_caller]
    pub fn lines(&self) -> Vec<Value> {
        let line = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        self.out.lines().map(line).collect()
    }
}

/// A command that runs; killed when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    clock: Arc<SystemClock>,
    heard: String,
    lines: Receiver<String>,
    talk: Option<JoinHandle<String>>,
}

impl Running {
    /// Starts a command and hears it.
    pub fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut err = child.stderr.take().unwrap();
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            while out.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
                if sender.send(std::mem::take(&mut line)).is_err() {
                    break;
                }
            }
        });
        let talk = std::thread::spawn(move || {
            let mut talk = Vec::new();
            // What was said before the pipe broke still counts.
            let _ = err.read_to_end(&mut talk);
            String::from_utf8_lossy(&talk).into_owned()
        });
        Self { child, clock: SystemClock::start(), heard: String::new(), lines, talk: Some(talk) }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How long ago it was started.
    pub fn age(&self) -> Duration {
        self.clock.now().moment.since(orkestra_runtime::time::Moment::START)
    }

    /// Hears lines until one is wanted, which is answered; none if the time, counted from the
    /// start, or the output ends before.
    pub fn hear(&mut self, until: Duration, wanted: impl Fn(&str) -> bool) -> Option<String> {
        loop {
            let line = self.lines.recv_timeout(until.saturating_sub(self.age())).ok()?;
            self.heard.push_str(&line);
            if wanted(&line) {
                return Some(line);
            }
        }
    }

    /// Hears a line that contains this.
    #[track_caller]
    pub fn await_line(&mut self, word: &str) -> String {
        if let Some(line) = self.hear(LIMIT, |line| line.contains(word)) {
            return line;
        }
        let _ = self.child.kill();
        let said = self.finish();
        panic!("{word:?} was never said, but {:?}, and:\n{}", said.out, said.err)
    }

    /// Sends it a signal; one that has ended hears nothing.
    pub fn signal(&self, signal: Signal) {
        let _ =
            rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal);
    }

    /// Kills it at once, and answers what it had said.
    pub fn kill(mut self) -> Said {
        self.child.kill().unwrap();
        self.finish()
    }

    /// Waits for its end.
    pub fn end(mut self) -> Said {
        self.finish()
    }

    /// Waits for its end, and answers how old it was then.
    pub fn end_and_age(mut self) -> (Said, Duration) {
        let said = self.finish();
        let age = self.age();
        (said, age)
    }

    fn finish(&mut self) -> Said {
        loop {
            match self.lines.recv_timeout(LIMIT) {
                Ok(line) => self.heard.push_str(&line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    let _ = self.child.kill();
                    // Whoever has its pipe still would be waited for as well.
                    let talk = self.talk.take().filter(JoinHandle::is_finished);
                    let talk = talk.map(|talk| talk.join().unwrap());
                    panic!(
                        "it said nothing for {LIMIT:?} and did not end, after {}, and:\n{}",
                        self.heard,
                        talk.unwrap_or_default()
                    );
                }
            }
        }
        let code = self.child.wait().unwrap().code();
        let err = self.talk.take().map(|talk| talk.join().unwrap()).unwrap_or_default();
        Said { code, out: std::mem::take(&mut self.heard), err }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended, and been waited for, long before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
