//! A scenario file as it is written. The JSON Schema is derived from these types, and what it
//! allows is what is read.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{council_words::CouncilWritten, task_words::TaskWritten};

/// A scenario: a team of agents and the tasks that it works on.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Orkestra scenario")]
pub(super) struct Written {
    /// What the scenario is called and how it ends.
    pub(super) scenario: Head,
    /// What it is given, by name.
    #[serde(default)]
    pub(super) inputs: BTreeMap<String, InputWritten>,
    /// Who works, by name.
    #[serde(default)]
    pub(super) agents: BTreeMap<String, AgentWritten>,
    /// The councils that deliberate, by role.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) councils: BTreeMap<String, CouncilWritten>,
    /// What is to be done.
    #[serde(default)]
    pub(super) tasks: Vec<TaskWritten>,
}

/// What a scenario is called and how it ends.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    /// Its name: letters, digits and `_ - . : / @`.
    pub(super) name: String,
    /// One line for people.
    #[serde(default)]
    pub(super) title: String,
    /// Which edition of the scenario this is.
    #[serde(default = "one")]
    pub(super) version: u32,
    /// How many attempts may run at once; by default, as many as its agents hold.
    #[schemars(range(min = 1))]
    pub(super) concurrency: Option<u32>,
    /// Whose run it is: what `orkestra pause --namespace` stops together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) namespace: Option<String>,
    /// Where the yes or no of the whole stands: true ends the run with 0, false with 1.
    pub(super) verdict: Option<PlaceWritten>,
    /// Where the text stands that `--report` writes to a file.
    pub(super) report: Option<PlaceWritten>,
}

/// A place in the output of a task.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PlaceWritten {
    /// The task.
    pub(super) task: String,
    /// A JSON pointer into its output: `/ready`; empty for all of it.
    #[serde(default)]
    pub(super) pointer: String,
}

/// One thing that a scenario is given.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InputWritten {
    /// What kind of value it is.
    #[serde(rename = "type")]
    pub(super) kind: InputType,
    /// The value when none is given; without one, it must be given.
    pub(super) default: Option<Value>,
    /// One line for people.
    #[serde(default)]
    pub(super) description: String,
    /// Whether it may have to be deleted: then it stands in no journal, and only inputs of tasks may
    /// use it, which become sensitive by it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) sensitive: bool,
}

/// What kind of value an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum InputType {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
    /// The path of a file or folder.
    Path,
    /// The path of a git repository, which is pinned to a commit.
    Repository,
    /// A list of values.
    List,
}

/// An agent.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AgentWritten {
    /// How it works.
    pub(super) kind: KindWritten,
    /// For a function: which.
    pub(super) function: Option<String>,
    /// For a command: the program and its arguments. Templates; an element that is one expression
    /// and yields a list stands for its elements.
    pub(super) argv: Option<Vec<String>>,
    /// For a command: the folder to run in, a template; by default a folder of the attempt's own.
    pub(super) cwd: Option<String>,
    /// For a command: what it speaks.
    pub(super) protocol: Option<Protocol>,
    /// For a command: the environment variables that it is given; by default the usual ones.
    pub(super) env: Option<Vec<String>>,
    /// For a command: secrets, by the environment variable that carries them.
    #[serde(default)]
    pub(super) secrets: BTreeMap<String, SecretWritten>,
    /// For a command: how much memory it may use (`512MiB`).
    pub(super) memory_max: Option<String>,
    /// For a command: how long each of its processes may compute (`10m`).
    pub(super) cpu_max: Option<String>,
    /// For a command: how many files each of its processes may have open at once.
    #[schemars(range(min = 16))]
    pub(super) open_files_max: Option<u64>,
    /// For a command: the largest file that it may write (`1GiB`).
    pub(super) file_max: Option<String>,
    /// For a command: how much it may put out (`1MiB`).
    pub(super) output_max: Option<String>,
    /// For a command: the exit codes that mean success; by default 0.
    pub(super) success_codes: Option<Vec<u8>>,
    /// For a command: what it reads.
    pub(super) stdin: Option<Stdin>,
    /// For a plain command: what its exit code means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exit: Option<ExitMeans>,
    /// For a plain command: whether what it puts out is JSON.
    pub(super) parse_stdout_as_json: Option<bool>,
    /// One line for people.
    #[serde(default)]
    pub(super) description: String,
    /// How many attempts it holds at once.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 10_000))]
    pub(super) capacity: u32,
    /// What it can do.
    #[serde(default)]
    pub(super) capabilities: Vec<String>,
    /// What it is good at.
    #[serde(default)]
    pub(super) specialties: Vec<String>,
    /// How long it may give no sign of life (`30s`).
    pub(super) silence_max: Option<String>,
    /// After what its worker is started anew, besides its own end.
    #[serde(default)]
    pub(super) restart_on: Vec<RestartOn>,
    /// How its worker is supervised.
    pub(super) restart: Option<RestartWritten>,
}

/// How an agent works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum KindWritten {
    /// A built-in function.
    Function,
    /// A program.
    Command,
    /// Somebody who is asked, and answers with `orkestra task approve|reject|answer`.
    Person,
}

/// What a command agent speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Protocol {
    /// One JSON object a line, in and out.
    #[default]
    JsonLines,
    /// Its exit code and what it puts out.
    Plain,
}

/// What a command agent reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Stdin {
    /// Its task's input.
    #[default]
    Input,
    /// Nothing.
    None,
    /// The text of the last task that its task needs (plain commands).
    Result,
}

/// What the exit code of a plain command means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ExitMeans {
    /// Whether it succeeded.
    #[default]
    Verdict,
    /// Nothing but its answer: `{"exit_code", "output"}`, whatever it is.
    Answer,
}

/// After what a worker is started anew.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum RestartOn {
    /// The agent's code panicked.
    Panic,
    /// It gave no sign of life for too long.
    Hang,
    /// Its process was killed.
    Killed,
}

/// Where a secret is found: in exactly one of these.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretWritten {
    /// In an environment variable.
    pub(super) env: Option<String>,
    /// In a file.
    pub(super) file: Option<String>,
}

/// How a worker is supervised.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RestartWritten {
    /// After which ends it is started again.
    #[serde(default)]
    pub(super) policy: RestartPolicy,
    /// How long is waited before.
    pub(super) backoff: Option<BackoffWritten>,
    /// After how many tries in a row it is given up and parked; by default never.
    #[schemars(range(min = 1))]
    pub(super) attempts_max: Option<u32>,
}

/// After which ends a worker is started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum RestartPolicy {
    /// After each.
    #[default]
    Permanent,
    /// After a failure.
    Transient,
    /// After none.
    Temporary,
}

/// How long is waited before a worker is started again.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BackoffWritten {
    /// The first delay.
    pub(super) base: Option<String>,
    /// By how much each is longer than the one before.
    #[schemars(range(min = 1, max = 100))]
    pub(super) factor: Option<u32>,
    /// The longest delay.
    pub(super) max: Option<String>,
    /// After how long a life the delays begin anew.
    pub(super) reset_after: Option<String>,
}

const fn one() -> u32 {
    1
}
