//! Which program, how it is spoken to, what it gets and how much it may take.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    path::PathBuf,
    time::Duration,
};

use orkestra_runtime::{Error, ErrorKind, Result, protocol::task::Failure};

use crate::{context::Context, shipped::place};

/// The variables that a program gets from this process unless its spec says otherwise.
pub const ENVIRONMENT: [&str; 6] = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/// What git is given of this process's environment: the usual, and settings by variables. Filters of
/// a repository are programs, and this process may know secrets.
pub fn git_environment() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        let is_setting = name == "XDG_CONFIG_HOME" || name.starts_with("GIT_CONFIG");
        is_setting || ENVIRONMENT.contains(&&*name)
    })
}

/// How a program is spoken to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// The assignment as a line of JSON in, lines of JSON out.
    #[default]
    JsonLines,
    /// For any program; its exit code is judged.
    Plain {
        /// What it reads.
        input: PlainInput,
        /// What becomes of what it writes.
        output: PlainOutput,
        /// Which exit codes are a success.
        success_codes: BTreeSet<i32>,
    },
}

impl Protocol {
    /// [`Protocol::Plain`] with the input as JSON, everything kept, and 0 for success.
    pub fn plain() -> Self {
        Self::Plain {
            input: PlainInput::default(),
            output: PlainOutput::default(),
            success_codes: [0].into(),
        }
    }
}

/// What a plain program reads on its standard input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlainInput {
    /// The task's input, as JSON.
    #[default]
    Json,
    /// Nothing: it ends at once.
    Nothing,
    /// The text of the last task that its task depends on: the answer itself where that is a text, its
    /// `content` where it has one, and otherwise its JSON.
    Result,
}

/// What becomes of what a plain program writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlainOutput {
    /// `{"exit_code", "stdout", "stderr"}`, as text.
    #[default]
    Text,
    /// Standard output must be JSON, and is the output.
    Json,
    /// `{"exit_code", "output"}`: whatever the exit code, it is an answer and no failure. What was
    /// written to standard error stands behind standard output.
    Answer,
}

/// How much a program may take. What it may take of time is its attempt's own limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most that it may write to standard output, in bytes.
    pub stdout_bytes_max: usize,
    /// The longest line of `json-lines`, in bytes.
    pub line_bytes_max: usize,
    /// How much of the end of standard error is kept, in bytes.
    pub stderr_bytes_kept: usize,
    /// The address space of each of its processes, in bytes.
    pub memory_bytes_max: Option<u64>,
    /// How long each of its processes may compute; then it is killed. In whole seconds, rounded up.
    pub cpu_max: Option<Duration>,
    /// How many files each of its processes may have open at once.
    pub open_files_max: Option<u64>,
    /// The largest file that it may write, in bytes.
    pub file_bytes_max: Option<u64>,
    /// How long it has to end after `SIGTERM`, or after its last line. Shorter than its worker's
    /// grace.
    pub stop_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            stdout_bytes_max: 16 * 1024 * 1024,
            line_bytes_max: 8 * 1024 * 1024,
            stderr_bytes_kept: 64 * 1024,
            memory_bytes_max: None,
            cpu_max: None,
            open_files_max: None,
            file_bytes_max: None,
            stop_grace: Duration::from_millis(500),
        }
    }
}

/// Which program, how it is spoken to, what it gets and how much it may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandSpec {
    /// The program, by name or by path, and its arguments, as they are.
    pub argv: Vec<String>,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// Which variables of this process it gets; all others are kept from it.
    pub environment: BTreeSet<String>,
    /// Variables with fixed values; not for secrets.
    pub variables: BTreeMap<String, String>,
    /// Secrets that it gets: variable to name. They are read at the start of each attempt, and their
    /// values are taken out of whatever it writes.
    pub secrets: BTreeMap<String, String>,
    /// Where it works; none: in its attempt's own folder.
    pub folder: Option<PathBuf>,
    /// How much it may take.
    pub limits: Limits,
}

impl CommandSpec {
    /// A program that speaks `json-lines`, with the usual environment and limits.
    pub fn new<A: Into<String>>(argv: impl IntoIterator<Item = A>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            protocol: Protocol::default(),
            environment: ENVIRONMENT.into_iter().map(str::to_owned).collect(),
            variables: BTreeMap::new(),
            secrets: BTreeMap::new(),
            folder: None,
            limits: Limits::default(),
        }
    }

    pub(super) fn program(&self) -> &str {
        self.argv.first().map_or("", String::as_str)
    }

    /// The spec with folders of this machine where it names what was shipped.
    pub(super) async fn placed(&self, context: &Context) -> Result<Cow<'_, Self>, Failure> {
        let mut placed = Cow::Borrowed(self);
        if let Cow::Owned(argv) = place::texts(&self.argv, context).await? {
            placed.to_mut().argv = argv;
        }
        if let Some(folder) = self.folder.as_ref().and_then(|folder| folder.to_str())
            && let Some(here) = place::text(folder, context).await?
        {
            placed.to_mut().folder = Some(here.into());
        }
        Ok(placed)
    }

    pub(super) fn check(&self) -> Result<()> {
        let refused = |why: String| {
            Err(Error::new(ErrorKind::Invalid, format!("cannot use this as a command: {why}")))
        };
        if self.program().is_empty() {
            return refused("no program is named".into());
        }
        if let Some(bad) = self.argv.iter().find(|argument| argument.contains('\0')) {
            return refused(format!("the argument {bad:?} contains a zero byte"));
        }
        let given = self.environment.iter();
        let mut names = given.chain(self.variables.keys()).chain(self.secrets.keys());
        if let Some(bad) = names.find(|name| name.is_empty() || name.contains(['=', '\0'])) {
            return refused(format!("{bad:?} cannot name a variable"));
        }
        let both = self.secrets.keys().find(|name| self.variables.contains_key(*name));
        if let Some(both) = both {
            return refused(format!("the variable {both:?} is both a secret and a fixed value"));
        }
        if self.limits.stdout_bytes_max == 0 || self.limits.line_bytes_max == 0 {
            return refused("a limit of 0 bytes of output leaves nothing to say".into());
        }
        Ok(())
    }
}
