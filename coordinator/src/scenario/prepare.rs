//! From a scenario and its inputs to agents and tasks.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use minijinja::{Environment, Value as Rendered};
use orkestra_runtime::{
    id::{AgentId, TaskId},
    protocol::{
        payload::{Json, Payload},
        task::{Dependency, DependencyKind, TaskSpec},
    },
};
use serde_json::Value;

use super::{
    AgentConfig, AgentKind, Inputs, Place, Prepared, Scenario,
    graph::order,
    hash::hash,
    sensitive::apart,
    task_words::TaskWritten,
    tasks::Fixed,
    templates::Templates,
    text::{Text, environment, rendered},
    votes::without_left_out,
    words::PlaceWritten,
};
use crate::{
    team::checker_for,
    written::{Faults, Findings, Path, did_you_mean},
};

impl Scenario {
    /// Fills all templates and expands all repetitions. Whatever a task needs stands before it.
    ///
    /// All faults at once: names that are no names, two tasks of one name, needs that nobody is,
    /// cycles, templates that fail.
    pub fn prepare(&self, inputs: &Inputs) -> Result<Prepared, Faults> {
        let mut findings = Findings::of(&self.source);
        self.check_inputs(inputs, &mut findings);
        let environment = environment();
        let names = self.template_names(inputs);
        let mut agents = self.fill_agents(&environment, &names, &mut findings);
        let (folder, made) = (self.folder.clone(), Vec::new());
        let mut expansion = Expansion { findings, folder, made, left_out: HashMap::new() };
        for (index, (task, fixed)) in self.written.tasks.iter().zip(&self.fixed).enumerate() {
            let at = Path::root().key("tasks").index(index);
            expansion.expand(&environment, task, fixed, (&names, &at));
        }
        let tasks = expansion.connect();
        let mut findings = expansion.findings;
        let head = &self.written.scenario;
        let place = |written: &Option<PlaceWritten>, key: &str, findings: &mut Findings<'_>| {
            let written = written.as_ref()?;
            let at = Path::root().key("scenario").key(key).key("task");
            let found = tasks.iter().find(|task| task.id.as_str() == written.task);
            if found.is_some_and(|task| task.sensitive.output) {
                let why =
                    format!("the output of task {:?} is sensitive: it is not shown", written.task);
                findings.add(&at, why, None);
            }
            if findings.any() || found.is_some() {
                let task = findings.keep(&at, TaskId::new(&written.task))?;
                return Some(Place { task, pointer: written.pointer.clone() });
            }
            let help = did_you_mean(&written.task, tasks.iter().map(|task| task.id.as_str()));
            findings.add(&at, format!("there is no task {:?}", written.task), help);
            None
        };
        let (verdict, report) = (
            place(&head.verdict, "verdict", &mut findings),
            place(&head.report, "report", &mut findings),
        );
        findings.finish()?;
        let has_councils = tasks.iter().any(|task| task.council.is_some());
        if has_councils || !self.councils.is_empty() {
            agents.extend(checker_for(&agents));
        }
        let workers = agents.iter().filter(|agent| agent.kind != AgentKind::Person);
        let capacity = workers.fold(0_u32, |sum, agent| sum.saturating_add(agent.capacity));
        let (hashed, sensitive_inputs) = apart(&self.written, inputs);
        Ok(Prepared {
            name: head.name.clone(),
            title: head.title.clone(),
            version: head.version,
            namespace: head.namespace.clone().unwrap_or_default(),
            concurrency: head.concurrency.unwrap_or_else(|| capacity.max(1)),
            agents,
            councils: self.councils.clone(),
            tasks,
            verdict,
            report,
            scenario_hash: self.hash.clone(),
            input_hash: hash(&hashed),
            sensitive_inputs,
            shipped: Vec::new(),
        })
    }

    fn template_names(&self, inputs: &Inputs) -> BTreeMap<String, Rendered> {
        let head = &self.written.scenario;
        let inputs = inputs.iter().map(|(name, value)| (name.as_str(), rendered(&value.shown())));
        let inputs = Rendered::from_pairs(inputs);
        let scenario = serde_json::json!({
            "name": head.name, "title": head.title, "version": head.version, "folder": self.folder,
        });
        BTreeMap::from([
            ("inputs".to_owned(), inputs),
            ("scenario".to_owned(), rendered(&scenario)),
        ])
    }

    fn fill_agents(
        &self,
        environment: &Environment<'_>,
        names: &BTreeMap<String, Rendered>,
        findings: &mut Findings<'_>,
    ) -> Vec<AgentConfig> {
        let names = scope(names);
        let mut agents = self.agents.clone();
        for AgentConfig { id, kind, .. } in &mut agents {
            let AgentKind::Command(command) = kind else { continue };
            let at = Path::root().key("agents").key(id.as_str());
            let mut argv = Vec::new();
            for (index, text) in command.argv.iter().enumerate() {
                let place = at.key("argv").index(index);
                let filled = Text::compile(environment, text).and_then(|text| text.value(&names));
                match findings.keep(&place, filled) {
                    Some(Value::Array(items)) => argv.extend(items.iter().map(as_word)),
                    Some(value) => argv.push(as_word(&value)),
                    None => {}
                }
            }
            if let Some(text) = &mut command.cwd {
                let filled = Text::compile(environment, text).and_then(|text| text.string(&names));
                *text = findings.keep(&at.key("cwd"), filled).unwrap_or_default();
            }
            command.argv = argv;
        }
        agents
    }
}

fn scope(names: &BTreeMap<String, Rendered>) -> Rendered {
    Rendered::from_pairs(names.iter().map(|(name, value)| (name.as_str(), value.clone())))
}

fn as_word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A task that was made: its needs by name, until all names are known.
struct Made {
    spec: TaskSpec,
    /// Where it is written; which need of it each dependency is.
    at: Path,
    written_needs: Vec<usize>,
}

struct Expansion<'f> {
    findings: Findings<'f>,
    /// The folder of the scenario's file.
    folder: String,
    made: Vec<Made>,
    left_out: HashMap<TaskId, Path>,
}

impl Expansion<'_> {
    fn expand(
        &mut self,
        environment: &Environment<'_>,
        task: &TaskWritten,
        fixed: &Fixed,
        (names, at): (&BTreeMap<String, Rendered>, &Path),
    ) {
        let Some(templates) = self.findings.keep(at, Templates::compile(environment, task)) else {
            return;
        };
        let mut names = names.clone();
        let variables: Vec<(&String, u32)> = task.repeat.iter().map(|(k, n)| (k, *n)).collect();
        // Before a zero a product may be larger than any number.
        let counts = variables.iter().map(|(_, count)| u64::from(*count));
        let all = counts.fold(1, u64::saturating_mul);
        for number in 0..all {
            let mut rest = number;
            for (variable, count) in variables.iter().rev() {
                names.insert((*variable).clone(), Rendered::from(rest % u64::from(*count)));
                rest /= u64::from(*count);
            }
            let scope = scope(&names);
            if let Err((key, why)) = self.make(&templates, task, fixed, (&scope, at)) {
                let place =
                    key.split('.').filter(|key| !key.is_empty()).fold(at.clone(), |path, key| {
                        match key.parse() {
                            Ok(index) => path.index(index),
                            Err(_) => path.key(key),
                        }
                    });
                self.findings.add(&place, why, None);
            }
        }
    }

    /// Makes one task. The error says at which key of it, and why.
    fn make(
        &mut self,
        templates: &Templates<'_>,
        task: &TaskWritten,
        fixed: &Fixed,
        (names, at): (&Rendered, &Path),
    ) -> Result<(), (String, String)> {
        let of = |key: &'static str| move |why: String| (key.to_owned(), why);
        let id = templates.id.string(names).and_then(|text| name(&text)).map_err(of("id"))?;
        let mut spec = TaskSpec::new(id);
        if let Some(when) = &templates.when
            && !holds(&when.value(names).map_err(of("when"))?)
        {
            self.left_out.insert(spec.id, at.clone());
            return Ok(());
        }
        spec.title = templates.title.string(names).map_err(of("title"))?;
        spec.instructions = templates.instructions.string(names).map_err(of("instructions"))?;
        if let Some(parent) = &templates.parent {
            let parent = parent.string(names).map_err(of("parent"))?;
            if !parent.trim().is_empty() {
                spec.parent = Some(name(&parent).map_err(of("parent"))?);
            }
        }
        if let Some(input) = &templates.input {
            let value = input.value(names).map_err(|why| {
                // Why a template fails may show what it was filled with.
                let hidden = "the template fails on a sensitive value, which is not shown";
                of("input")(if fixed.sensitive.input { hidden.to_owned() } else { why })
            })?;
            let json = Json::of(&value).map_err(|error| of("input")(error.to_string()))?;
            spec.input = Payload::Inline(json);
        }
        let mut written_needs = Vec::new();
        for (index, (need, kind)) in templates.needs.iter().enumerate() {
            let key = |why: String| (format!("needs.{index}"), why);
            let on = need.string(names).map_err(key)?;
            if !on.trim().is_empty() {
                let on = name(&on).map_err(key)?;
                if spec.dependencies.iter().any(|known| known.on == on) {
                    continue;
                }
                spec.dependencies.push(Dependency { on, kind: kind.clone() });
                written_needs.push(index);
            }
        }
        if let (Some(texts), Some(fixed)) = (&templates.council, &fixed.council) {
            let council = texts.fill(names, fixed, &spec.instructions)?;
            spec.council = Some(Box::new(council));
        }
        spec.vote = fixed.vote.clone().map(Box::new);
        for voter in fixed.vote.iter().flat_map(|vote| &vote.voters) {
            // A voter that fails, or is left out, is absent.
            if spec.dependencies.iter().all(|known| known.on != voter.task) {
                let (on, kind) = (voter.task.clone(), DependencyKind::Soft);
                spec.dependencies.push(Dependency { on, kind });
                written_needs.push(0);
            }
        }
        spec.category.clone_from(&task.category);
        spec.priority = fixed.priority;
        spec.requires.clone_from(&fixed.requires);
        spec.agents.clone_from(&fixed.agents);
        spec.retry = fixed.retry;
        (spec.timeout_ms, spec.deadline_ms) = (fixed.timeout_ms, fixed.deadline_ms);
        spec.ask.clone_from(&fixed.ask);
        spec.sensitive = fixed.sensitive;
        spec.checks = fixed.checks.clone();
        spec.locks = templates.locks.fill(names)?;
        if let Some(texts) = &templates.workspace {
            spec.workspace = texts.fill(names, &self.folder)?.map(Box::new);
        }
        self.made.push(Made { spec, at: at.clone(), written_needs });
        Ok(())
    }

    /// Ties needs to tasks, and orders the tasks.
    fn connect(&mut self) -> Vec<TaskSpec> {
        let mut made = std::mem::take(&mut self.made);
        let mut known: HashMap<TaskId, usize> = HashMap::with_capacity(made.len());
        for (index, Made { spec, at, .. }) in made.iter().enumerate() {
            if known.insert(spec.id.clone(), index).is_some()
                || self.left_out.contains_key(&spec.id)
            {
                let message = format!("there are two tasks {:?}", spec.id.as_str());
                self.findings.add(&at.key("id"), message, None);
            }
        }
        let hidden = (0..).zip(&made).filter(|(_, made)| made.spec.sensitive.output);
        let sensitive: BTreeSet<usize> = hidden.map(|(index, _)| index).collect();
        let mut needs: Vec<Vec<usize>> = Vec::with_capacity(made.len());
        for made in &mut made {
            needs.push(self.tie(made, &known, &sensitive));
        }
        for Made { spec, at, .. } in &made {
            if let Some(parent) = &spec.parent
                && !known.contains_key(parent)
            {
                self.nobody(parent, &at.key("parent"), &known);
            }
        }
        match order(&needs) {
            Ok(ordered) => {
                let mut specs: Vec<Option<TaskSpec>> =
                    made.into_iter().map(|made| Some(made.spec)).collect();
                ordered.into_iter().filter_map(|index| specs.get_mut(index)?.take()).collect()
            }
            Err(cycle) => {
                let round: Vec<&Made> = cycle.iter().filter_map(|index| made.get(*index)).collect();
                let path: Vec<&str> = round.iter().map(|made| made.spec.id.as_str()).collect();
                let message = format!("these tasks wait for each other: {}", path.join(" → "));
                if let Some(first) = round.first() {
                    self.findings.add(&first.at.key("needs"), message, None);
                }
                Vec::new()
            }
        }
    }

    /// The positions of what a task needs. Soft needs of what was left out are dropped.
    fn tie(
        &mut self,
        made: &mut Made,
        known: &HashMap<TaskId, usize>,
        sensitive: &BTreeSet<usize>,
    ) -> Vec<usize> {
        let mut tied = Vec::with_capacity(made.spec.dependencies.len());
        let mut kept = Vec::with_capacity(made.spec.dependencies.len());
        let needs = std::mem::take(&mut made.spec.dependencies).into_iter();
        for (need, written) in needs.zip(&made.written_needs) {
            let at = || made.at.key("needs").index(*written);
            if let Some(index) = known.get(&need.on) {
                if need.kind.is_conditional() && sensitive.contains(index) {
                    let on = need.on.as_str();
                    let message = format!(
                        "the output of task {on:?} is sensitive: nothing may depend on what it says"
                    );
                    self.findings.add(&at(), message, None);
                }
                tied.push(*index);
                kept.push(need);
            } else if !self.left_out.contains_key(&need.on) {
                self.nobody(&need.on, &at(), known);
            } else if need.kind != DependencyKind::Soft {
                let on = need.on.as_str();
                let message =
                    format!("task {on:?} was left out by its \"when\", and is needed here");
                let help = format!("make the need soft: {{ task = {on:?}, kind = \"soft\" }}");
                self.findings.add(&at(), message, Some(help));
            }
        }
        made.spec.dependencies = kept;
        if let Some(vote) = &mut made.spec.vote {
            let needs = &made.spec.dependencies;
            without_left_out(vote, |task| needs.iter().any(|need| need.on == *task));
        }
        tied
    }

    fn nobody(&mut self, task: &TaskId, at: &Path, known: &HashMap<TaskId, usize>) {
        let help = did_you_mean(task.as_str(), known.keys().map(TaskId::as_str));
        self.findings.add(at, format!("there is no task {:?}", task.as_str()), help);
    }
}

fn name(text: &str) -> Result<TaskId, String> {
    TaskId::new(text.trim()).map_err(|error| error.to_string())
}

fn holds(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(yes) => *yes,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !["", "0", "false", "False", "none", "[]"].contains(&text.trim()),
        Value::Array(items) => !items.is_empty(),
        Value::Object(_) => true,
    }
}

/// The agents of a prepared scenario, by name.
impl Prepared {
    /// The agent of a name.
    pub fn agent(&self, id: &AgentId) -> Option<&AgentConfig> {
        self.agents.iter().find(|agent| agent.id == *id)
    }
}
