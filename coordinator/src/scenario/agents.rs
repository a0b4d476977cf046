//! Agents, as a scenario describes them.

use std::{collections::BTreeMap, time::Duration};

use orkestra_runtime::id::{AgentId, Capability};
use serde::{Deserialize, Serialize};

use super::words::{
    AgentWritten, BackoffWritten, ExitMeans, KindWritten, Protocol, RestartOn, RestartPolicy,
    RestartWritten, Stdin,
};
use crate::written::{Findings, Path, did_you_mean, parse_bytes, parse_duration};

/// An agent that a run needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentConfig {
    /// Its name.
    pub id: AgentId,
    /// One line for people; may be empty.
    pub description: String,
    /// How many attempts it holds at once; at least 1.
    pub capacity: u32,
    /// What it can do.
    pub capabilities: Vec<Capability>,
    /// What it is good at.
    pub specialties: Vec<String>,
    /// How long it may give no sign of life.
    pub silence_max: Option<Duration>,
    /// After what its worker is started anew, besides its own end.
    pub restart_on: Vec<RestartOn>,
    /// How its worker is supervised.
    pub restart: RestartConfig,
    /// How it works.
    pub kind: AgentKind,
}

/// How an agent works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AgentKind {
    /// By a built-in function of this name.
    Function(String),
    /// By a program.
    Command(CommandConfig),
    /// A person, who is asked.
    Person,
}

/// A program that works as an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandConfig {
    /// The program and its arguments; never empty once prepared.
    pub argv: Vec<String>,
    /// The folder to run in; none: a folder of the attempt's own.
    pub cwd: Option<String>,
    /// What it speaks.
    pub protocol: Protocol,
    /// The environment variables that it is given; none: the usual ones.
    pub env: Option<Vec<String>>,
    /// Secrets, by the environment variable that carries them. Never their values.
    pub secrets: BTreeMap<String, SecretSource>,
    /// How many bytes of memory it may use.
    pub memory_max: Option<u64>,
    /// How long each of its processes may compute.
    pub cpu_max: Option<Duration>,
    /// How many files each of its processes may have open at once.
    pub open_files_max: Option<u64>,
    /// How many bytes the largest file may have that it writes.
    pub file_max: Option<u64>,
    /// How many bytes it may put out.
    pub output_max: Option<u64>,
    /// The exit codes that mean success.
    pub success_codes: Vec<u8>,
    /// What it reads.
    pub stdin: Stdin,
    /// Whether what it puts out is JSON (plain commands).
    pub parse_stdout_as_json: bool,
    /// What its exit code means (plain commands).
    #[serde(default)]
    pub exit: ExitMeans,
}

/// Where a secret is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SecretSource {
    /// In this environment variable.
    Env(String),
    /// In this file.
    File(String),
}

/// How a worker is supervised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartConfig {
    /// After which ends it is started again.
    pub policy: RestartPolicy,
    /// The first delay.
    pub base: Duration,
    /// By how much each is longer than the one before.
    pub factor: u32,
    /// The longest delay.
    pub max: Duration,
    /// After how long a life the delays begin anew.
    pub reset_after: Duration,
    /// After how many tries in a row it is given up and parked.
    pub attempts_max: Option<u32>,
}

impl Default for RestartConfig {
    /// Always, after 100 ms, 200 ms … 10 s, anew after 30 s of life.
    fn default() -> Self {
        Self {
            policy: RestartPolicy::Permanent,
            base: Duration::from_millis(100),
            factor: 2,
            max: Duration::from_secs(10),
            reset_after: Duration::from_secs(30),
            attempts_max: None,
        }
    }
}

/// Checks an agent; its templates are still templates.
pub(super) fn check_agent(
    name: &str,
    written: &AgentWritten,
    functions: &[&str],
    findings: &mut Findings<'_>,
) -> Option<AgentConfig> {
    let at = Path::root().key("agents").key(name);
    let id = AgentId::new(name).map_err(|error| findings.add_key(&at, error.to_string(), None));
    let capabilities = written.capabilities.iter().enumerate().filter_map(|(index, word)| {
        findings.keep(&at.key("capabilities").index(index), Capability::new(word))
    });
    let capabilities = capabilities.collect();
    Some(AgentConfig {
        description: written.description.clone(),
        capacity: written.capacity,
        capabilities,
        specialties: written.specialties.clone(),
        silence_max: duration(written.silence_max.as_ref(), &at.key("silence_max"), findings),
        restart_on: written.restart_on.clone(),
        restart: written
            .restart
            .as_ref()
            .map(|restart| check_restart(restart, &at.key("restart"), findings))
            .unwrap_or_default(),
        kind: match written.kind {
            KindWritten::Function => check_function(written, functions, &at, findings)?,
            KindWritten::Command => AgentKind::Command(check_command(written, &at, findings)),
            KindWritten::Person => check_person(written, &at, findings),
        },
        id: id.ok()?,
    })
}

fn check_function(
    written: &AgentWritten,
    functions: &[&str],
    at: &Path,
    findings: &mut Findings<'_>,
) -> Option<AgentKind> {
    for key in of_commands(written) {
        let help = Some("remove it, or make the agent's kind \"command\"".to_owned());
        findings.add_key(&at.key(key), format!("a function agent has no {key:?}"), help);
    }
    let Some(function) = &written.function else {
        let help = Some("say which built-in works: function = \"…\"".to_owned());
        findings.add(&at.key("function"), "a function agent names no function", help);
        return None;
    };
    if !functions.contains(&function.as_str()) {
        let help = did_you_mean(function, functions.iter().copied());
        let message = format!("there is no built-in function {function:?}");
        findings.add(&at.key("function"), message, help);
    }
    Some(AgentKind::Function(function.clone()))
}

/// The keys that are given and that only a command has.
fn of_commands(written: &AgentWritten) -> Vec<&'static str> {
    let keys = [
        ("argv", written.argv.is_some()),
        ("cwd", written.cwd.is_some()),
        ("protocol", written.protocol.is_some()),
        ("env", written.env.is_some()),
        ("secrets", !written.secrets.is_empty()),
        ("memory_max", written.memory_max.is_some()),
        ("cpu_max", written.cpu_max.is_some()),
        ("open_files_max", written.open_files_max.is_some()),
        ("file_max", written.file_max.is_some()),
        ("output_max", written.output_max.is_some()),
        ("success_codes", written.success_codes.is_some()),
        ("stdin", written.stdin.is_some()),
        ("parse_stdout_as_json", written.parse_stdout_as_json.is_some()),
        ("exit", written.exit.is_some()),
    ];
    keys.into_iter().filter_map(|(key, is_given)| is_given.then_some(key)).collect()
}

fn check_person(written: &AgentWritten, at: &Path, findings: &mut Findings<'_>) -> AgentKind {
    let more = [
        ("function", written.function.is_some()),
        ("silence_max", written.silence_max.is_some()),
        ("restart_on", !written.restart_on.is_empty()),
        ("restart", written.restart.is_some()),
        ("capabilities", !written.capabilities.is_empty()),
    ];
    let more = more.into_iter().filter_map(|(key, is_given)| is_given.then_some(key));
    for key in of_commands(written).into_iter().chain(more) {
        let help = Some("remove it: a person has a name and a description".to_owned());
        findings.add_key(&at.key(key), format!("a person has no {key:?}"), help);
    }
    AgentKind::Person
}

fn check_command(written: &AgentWritten, at: &Path, findings: &mut Findings<'_>) -> CommandConfig {
    if written.function.is_some() {
        let help = Some("remove it, or make the agent's kind \"function\"".to_owned());
        findings.add_key(&at.key("function"), "a command agent has no \"function\"", help);
    }
    let argv = written.argv.clone().unwrap_or_default();
    if argv.is_empty() {
        let help = Some("name the program: argv = [\"git\", \"fsck\"]".to_owned());
        findings.add(&at.key("argv"), "a command agent names no program", help);
    }
    let protocol = spoken(written, at, findings);
    let mut secrets = BTreeMap::new();
    for (name, secret) in &written.secrets {
        let source = match (&secret.env, &secret.file) {
            (Some(env), None) => SecretSource::Env(env.clone()),
            (None, Some(file)) => SecretSource::File(file.clone()),
            (Some(_), Some(_)) | (None, None) => {
                let message = "a secret is in exactly one place: env or file";
                findings.add(&at.key("secrets").key(name), message, None);
                continue;
            }
        };
        secrets.insert(name.clone(), source);
    }
    let cpu_max = duration(written.cpu_max.as_ref(), &at.key("cpu_max"), findings);
    let mut bytes = |text: &Option<String>, key: &str| {
        findings.keep(&at.key(key), text.as_deref().map(parse_bytes).transpose()).flatten()
    };
    CommandConfig {
        memory_max: bytes(&written.memory_max, "memory_max"),
        output_max: bytes(&written.output_max, "output_max"),
        file_max: bytes(&written.file_max, "file_max"),
        cpu_max,
        open_files_max: written.open_files_max,
        argv,
        cwd: written.cwd.clone(),
        protocol,
        env: written.env.clone(),
        secrets,
        success_codes: written.success_codes.clone().unwrap_or_else(|| vec![0]),
        stdin: written.stdin.unwrap_or_default(),
        parse_stdout_as_json: written.parse_stdout_as_json.unwrap_or(false),
        exit: written.exit.unwrap_or_default(),
    }
}

/// What a command speaks: what only a plain command has makes it one where nothing is said.
fn spoken(written: &AgentWritten, at: &Path, findings: &mut Findings<'_>) -> Protocol {
    let is_answer = written.exit == Some(ExitMeans::Answer);
    let reads_result = written.stdin == Some(Stdin::Result);
    let implied = if is_answer || reads_result { Protocol::Plain } else { Protocol::default() };
    let protocol = written.protocol.unwrap_or(implied);
    if written.parse_stdout_as_json.is_some() && protocol != Protocol::Plain {
        let help = Some("json-lines always is JSON: remove it".to_owned());
        let key = at.key("parse_stdout_as_json");
        findings.add_key(&key, "only a plain command has \"parse_stdout_as_json\"", help);
    }
    for (key, given) in [("exit", is_answer), ("stdin", reads_result)] {
        if given && protocol != Protocol::Plain {
            let help = Some("make it protocol = \"plain\"".to_owned());
            findings.add_key(&at.key(key), format!("only a plain command has this {key:?}"), help);
        }
    }
    let judged = [
        ("success_codes", written.success_codes.is_some()),
        ("parse_stdout_as_json", written.parse_stdout_as_json.is_some()),
    ];
    for (key, _) in judged.into_iter().filter(|(_, given)| is_answer && *given) {
        let message = format!("where the exit code is the answer, there is no {key:?}");
        findings.add_key(&at.key(key), message, Some("remove it".to_owned()));
    }
    protocol
}

fn check_restart(
    written: &RestartWritten,
    at: &Path,
    findings: &mut Findings<'_>,
) -> RestartConfig {
    let default = RestartConfig::default();
    let backoff = written.backoff.clone().unwrap_or(BackoffWritten {
        base: None,
        factor: None,
        max: None,
        reset_after: None,
    });
    let at = at.key("backoff");
    let mut or = |text: &Option<String>, key: &str, default| {
        duration(text.as_ref(), &at.key(key), findings).unwrap_or(default)
    };
    RestartConfig {
        policy: written.policy,
        base: or(&backoff.base, "base", default.base),
        factor: backoff.factor.unwrap_or(default.factor),
        max: or(&backoff.max, "max", default.max),
        reset_after: or(&backoff.reset_after, "reset_after", default.reset_after),
        attempts_max: written.attempts_max,
    }
}

/// Reads a duration, if one is given.
pub(super) fn duration(
    text: Option<&String>,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Option<Duration> {
    findings.keep(at, parse_duration(text?))
}
