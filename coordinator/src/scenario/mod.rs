//! Scenario files: a team of agents and the tasks that it works on, in TOML.
//!
//! Two steps, so that a file can be checked without doing anything:
//!
//! 1. [`Scenario::read`] checks the text as it stands: unknown keys, wrong types, names, durations,
//!    templates, functions, requirements that no agent meets.
//! 2. [`Scenario::resolve`] gives every input its value, [`Scenario::prepare`] fills the templates,
//!    expands repetitions, and checks the graph of tasks.
//!
//! Each step tells all its faults at once. Nothing here reads a file, starts a program or looks at
//! an environment: text comes in, and the caller finds repositories.

mod agents;
mod ask_words;
mod asks;
mod check_words;
mod checks;
mod council_words;
mod councils;
mod graph;
mod hash;
mod inputs;
mod lock_words;
mod locks;
mod names;
mod prepare;
mod sensitive;
mod task_words;
mod tasks;
mod templates;
#[cfg(test)]
mod tests;
mod text;
mod vote_words;
mod votes;
mod words;

use orkestra_runtime::{
    id::{RunId, TaskId},
    protocol::{agent::Artifact, task::TaskSpec},
};
use serde_json::Value;

pub use agents::{AgentConfig, AgentKind, CommandConfig, RestartConfig, SecretSource};
pub(crate) use council_words::ChecksWritten;
pub use inputs::{InputDeclaration, InputValue, Inputs, Repository, argument_fault};
pub use lock_words::LockWritten;
pub use sensitive::SensitiveInputs;
pub use words::{ExitMeans, InputType, Protocol, RestartOn, RestartPolicy, Stdin};

use crate::{
    council::NewCouncil,
    written::{Faults, Findings, Path, Source, check},
};

/// A scenario file that was read and checked.
#[derive(Clone, Debug)]
pub struct Scenario {
    source: Source,
    written: words::Written,
    agents: Vec<AgentConfig>,
    councils: Vec<NewCouncil>,
    fixed: Vec<tasks::Fixed>,
    hash: String,
    folder: String,
}

/// What a run needs: nothing in it refers to the file any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The scenario's name: a checked name.
    pub name: String,
    /// One line for people; may be empty.
    pub title: String,
    /// Which edition of the scenario this is.
    pub version: u32,
    /// Whose run it is: what is paused together; empty is the default namespace.
    pub namespace: String,
    /// How many attempts of the run may go on at once; at least 1.
    pub concurrency: u32,
    /// Who works, by name.
    pub agents: Vec<AgentConfig>,
    /// The councils that it brings.
    pub councils: Vec<NewCouncil>,
    /// What is to be done; whatever a task needs stands before it.
    pub tasks: Vec<TaskSpec>,
    /// Where the yes or no of the whole stands.
    pub verdict: Option<Place>,
    /// Where the text of the report stands.
    pub report: Option<Place>,
    /// SHA-256 in hex of what the file says, however it is written.
    pub scenario_hash: String,
    /// SHA-256 in hex of the inputs that are not sensitive; a repository counts by its commit.
    pub input_hash: String,
    /// The other inputs.
    pub sensitive_inputs: SensitiveInputs,
    /// The repositories that are shipped for it, if it is run on other machines.
    pub shipped: Vec<Artifact>,
}

/// A place in the output of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The task.
    pub task: TaskId,
    /// A JSON pointer into its output; empty for all of it.
    pub pointer: String,
}

impl Scenario {
    /// Reads the text of a scenario file; `functions` are the built-ins that agents may name.
    pub fn read(text: &str, file_name: &str, functions: &[&str]) -> Result<Self, Faults> {
        let source = Source::parse(file_name, text)?;
        let mut findings = Findings::of(&source);
        check(&schema(), &mut findings);
        findings.finish()?;
        let mut findings = Findings::of(&source);
        let read = serde_json::from_value::<words::Written>(source.value().clone());
        let Some(written) = findings.keep(&Path::root(), read) else {
            return Err(findings
                .finish()
                .err()
                .unwrap_or_else(|| Faults { file: file_name.to_owned(), faults: Vec::new() }));
        };
        let head = Path::root().key("scenario");
        findings.keep(&head.key("name"), RunId::new(&written.scenario.name));
        for (key, place) in
            [("verdict", &written.scenario.verdict), ("report", &written.scenario.report)]
        {
            let pointer = place.as_ref().map(|place| place.pointer.as_str());
            tasks::check_pointer(pointer, &head.key(key).key("pointer"), &mut findings);
        }
        inputs::check_declarations(&written, &mut findings);
        let mut agents = Vec::new();
        for (name, agent) in &written.agents {
            agents.extend(agents::check_agent(name, agent, functions, &mut findings));
        }
        let councils = councils::check_councils(&written, &mut findings);
        let fixed = tasks::check_tasks(&written, &agents, &mut findings);
        names::check_templates(&written, &mut findings);
        sensitive::check_sensitive(&written, &mut findings);
        findings.finish()?;
        let value = serde_json::to_value(&written).unwrap_or(Value::Null);
        let folder =
            std::path::Path::new(file_name).parent().map(|folder| folder.to_string_lossy());
        let folder = folder.filter(|folder| !folder.is_empty());
        let folder = folder.map_or_else(|| ".".to_owned(), std::borrow::Cow::into_owned);
        Ok(Self { hash: hash::hash(&value), source, written, agents, councils, fixed, folder })
    }

    /// Says where the file's folder is, for templates (`scenario.folder`); by default it is taken
    /// from the file's name.
    #[must_use]
    pub fn in_folder(mut self, folder: &str) -> Self {
        folder.clone_into(&mut self.folder);
        self
    }

    /// The scenario's name.
    pub fn name(&self) -> &str {
        &self.written.scenario.name
    }

    /// One line for people; may be empty.
    pub fn title(&self) -> &str {
        &self.written.scenario.title
    }

    /// SHA-256 in hex of what the file says, however it is written.
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

/// The JSON Schema of scenario files: what it allows is what is read.
pub fn schema() -> Value {
    schemars::schema_for!(words::Written).to_value()
}
