//! From agents as a scenario describes them to members of a team.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use orkestra_agents::{
    Agent, DynAgent, SecretSource, Secrets, builtin, demo,
    kinds::{
        command::{CommandAgent, CommandSpec, PlainInput, PlainOutput, Protocol},
        function::{BlockingPool, FunctionAgent},
    },
    worker::{AgentFactory, Terms},
};
use orkestra_runtime::{
    Error, ErrorKind, Result,
    backoff::Backoff,
    id::{AgentId, Capability},
    protocol::{
        agent::{AgentProfile, Availability},
        council::CHECKS_CAPABILITY,
        task::FailureKind,
    },
    restart::Restart,
};

use crate::{
    scenario::{
        AgentConfig, AgentKind, CommandConfig, ExitMeans, Protocol as Spoken, RestartConfig,
        RestartOn, RestartPolicy, SecretSource as Found, Stdin,
    },
    system::{Care, Member},
    task::PERSON,
};

/// How many proposals are checked at once.
const CHECKER_CAPACITY: u32 = 4;

/// What all agents of a team share.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The threads on which blocking functions run.
    pub pool: BlockingPool,
    /// How much a program may put out, unless its scenario says otherwise, in bytes.
    pub output_max: u64,
    /// How often a worker gives a sign of life.
    pub beat_every: std::time::Duration,
}

impl Default for Shared {
    /// As a node is configured by default.
    fn default() -> Self {
        Self {
            pool: BlockingPool::with_lost_max(32, 8),
            output_max: 1024 * 1024,
            beat_every: std::time::Duration::from_secs(5),
        }
    }
}

/// The people of a team, as a scenario describes them: they have no worker, and nothing is assigned
/// to them.
pub fn people(configs: &[AgentConfig]) -> Vec<AgentProfile> {
    let people = configs.iter().filter(|config| config.kind == AgentKind::Person);
    let profile = |config: &AgentConfig| AgentProfile {
        id: config.id.clone(),
        kind: PERSON.to_owned(),
        description: config.description.clone(),
        capabilities: Vec::new(),
        specialties: config.specialties.clone(),
        capacity: 0,
        availability: Availability::Available,
    };
    people.map(profile).collect()
}

/// Who checks what councils propose: it is hosted wherever a team has agents, unless one of them
/// can do it.
pub fn checker() -> Result<AgentConfig> {
    let builtin = builtin::find(CHECKS_CAPABILITY);
    Ok(AgentConfig {
        id: AgentId::new(CHECKS_CAPABILITY)?,
        description: builtin.map_or("", |it| it.description).to_owned(),
        capacity: CHECKER_CAPACITY,
        capabilities: vec![Capability::new(CHECKS_CAPABILITY)?],
        specialties: Vec::new(),
        silence_max: None,
        restart_on: Vec::new(),
        restart: RestartConfig::default(),
        kind: AgentKind::Function(CHECKS_CAPABILITY.to_owned()),
    })
}

/// The same, for a team in which nobody else can do it and nobody is called so.
pub fn checker_for(agents: &[AgentConfig]) -> Option<AgentConfig> {
    let can = |agent: &AgentConfig| {
        agent.id.as_str() == CHECKS_CAPABILITY
            || agent.capabilities.iter().any(|it| it.as_str() == CHECKS_CAPABILITY)
    };
    if agents.iter().any(can) { None } else { checker().ok() }
}

/// A member of a team, as a scenario describes it; none for a person.
pub fn member(config: &AgentConfig, shared: &Shared) -> Result<Option<Member>> {
    let (kind, factory, secrets) = match &config.kind {
        AgentKind::Function(name) => ("function", function(name, &shared.pool)?, None),
        AgentKind::Command(command) => {
            ("command", program(command, shared)?, Some(secrets_of(command)))
        }
        AgentKind::Person => return Ok(None),
    };
    let restart_on = config.restart_on.iter().map(|end| match end {
        RestartOn::Panic => FailureKind::Panicked,
        RestartOn::Hang => FailureKind::Hung,
        RestartOn::Killed => FailureKind::Killed,
    });
    Ok(Some(Member {
        profile: AgentProfile {
            id: config.id.clone(),
            kind: kind.to_owned(),
            description: config.description.clone(),
            capabilities: config.capabilities.clone(),
            specialties: config.specialties.clone(),
            capacity: config.capacity,
            availability: Availability::Available,
        },
        factory,
        terms: Terms {
            silence_max: config.silence_max,
            restart_on: restart_on.collect(),
            beat_every: shared.beat_every,
            ..Terms::default()
        },
        secrets,
        care: care(config),
    }))
}

fn care(config: &AgentConfig) -> Care {
    let restart = &config.restart;
    Care {
        restart: match restart.policy {
            RestartPolicy::Permanent => Restart::Permanent,
            RestartPolicy::Transient => Restart::Transient,
            RestartPolicy::Temporary => Restart::Temporary,
        },
        backoff: Some(Backoff {
            base: restart.base,
            factor: restart.factor,
            max: restart.max,
            jitter: true,
            reset_after: restart.reset_after,
        }),
        attempts_max: restart.attempts_max,
    }
}

fn fresh<A: Agent>(make: impl Fn() -> A + Send + Sync + 'static) -> AgentFactory {
    Arc::new(move || -> Arc<dyn DynAgent> { Arc::new(make()) })
}

fn function(name: &str, pool: &BlockingPool) -> Result<AgentFactory> {
    if let Some(found) = builtin::find(name) {
        let pool = pool.clone();
        return Ok(fresh(move || {
            FunctionAgent::blocking(pool.clone(), |work, context| (found.run)(&work, &context))
        }));
    }
    let found = demo::find(name).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("there is no built-in function {name:?}"))
    })?;
    Ok(fresh(move || FunctionAgent::new(found.play)))
}

fn program(command: &CommandConfig, shared: &Shared) -> Result<AgentFactory> {
    let bytes = |most: u64| usize::try_from(most).unwrap_or(usize::MAX);
    let mut spec = CommandSpec::new(command.argv.iter().cloned());
    spec.protocol = match command.protocol {
        Spoken::JsonLines => Protocol::JsonLines,
        Spoken::Plain => Protocol::Plain {
            input: match command.stdin {
                Stdin::Input => PlainInput::Json,
                Stdin::None => PlainInput::Nothing,
                Stdin::Result => PlainInput::Result,
            },
            output: match (command.exit, command.parse_stdout_as_json) {
                (ExitMeans::Answer, _) => PlainOutput::Answer,
                (ExitMeans::Verdict, true) => PlainOutput::Json,
                (ExitMeans::Verdict, false) => PlainOutput::Text,
            },
            success_codes: command.success_codes.iter().map(|code| i32::from(*code)).collect(),
        },
    };
    if let Some(names) = &command.env {
        spec.environment = names.iter().cloned().collect();
    }
    spec.secrets = command.secrets.keys().map(|name| (name.clone(), name.clone())).collect();
    spec.folder = command.cwd.as_ref().map(PathBuf::from);
    spec.limits.stdout_bytes_max = bytes(command.output_max.unwrap_or(shared.output_max));
    spec.limits.line_bytes_max = spec.limits.line_bytes_max.min(spec.limits.stdout_bytes_max);
    spec.limits.memory_bytes_max = command.memory_max;
    spec.limits.cpu_max = command.cpu_max;
    spec.limits.open_files_max = command.open_files_max;
    spec.limits.file_bytes_max = command.file_max;
    // Checked once here, so that making it anew at each life cannot fail.
    let agent: Arc<dyn DynAgent> = Arc::new(CommandAgent::new(spec)?);
    Ok(Arc::new(move || Arc::clone(&agent)))
}

fn secrets_of(command: &CommandConfig) -> Arc<dyn Secrets> {
    let sources: BTreeMap<String, SecretSource> = command
        .secrets
        .iter()
        .map(|(name, source)| {
            let source = match source {
                Found::Env(variable) => SecretSource::Environment(variable.clone()),
                Found::File(path) => SecretSource::File(PathBuf::from(path)),
            };
            (name.clone(), source)
        })
        .collect();
    Arc::new(sources)
}
