//! What a scenario is given: declared in the file, set by the caller, resolved.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Scenario, words::InputType};
use crate::written::{Fault, Faults, Findings, Path, did_you_mean};

/// A git repository, pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Where it is, on this machine.
    pub path: String,
    /// The commit that is looked at.
    pub commit: String,
    /// The folder that holds the commit's files, on this machine.
    pub workspace: String,
}

/// The value of an input.
#[derive(Clone, Debug, PartialEq)]
pub enum InputValue {
    /// Of type `string`.
    Text(String),
    /// Of type `integer`.
    Integer(i64),
    /// Of type `boolean`.
    Boolean(bool),
    /// Of type `path`, as it was given.
    Path(String),
    /// Of type `repository`.
    Repository(Repository),
    /// Of type `list`.
    List(Vec<Value>),
}

/// The values of all inputs, by name.
pub type Inputs = BTreeMap<String, InputValue>;

/// An input, for whoever must set it.
#[derive(Clone, Debug, PartialEq)]
pub struct InputDeclaration {
    /// Its name.
    pub name: String,
    /// What kind of value it is.
    pub kind: InputType,
    /// Its value when none is given; none: it must be given.
    pub default: Option<Value>,
    /// One line for people; may be empty.
    pub description: String,
    /// Whether it may have to be deleted.
    pub sensitive: bool,
}

impl InputValue {
    /// What templates see.
    pub(super) fn shown(&self) -> Value {
        match self {
            Self::Text(text) | Self::Path(text) => json!(text),
            Self::Integer(number) => json!(number),
            Self::Boolean(yes) => json!(yes),
            Self::Repository(Repository { path, commit, workspace }) => {
                json!({ "path": path, "commit": commit, "workspace": workspace })
            }
            Self::List(items) => json!(items),
        }
    }

    /// What is hashed: a repository is its commit, wherever it lies.
    pub(super) fn hashed(&self) -> Value {
        match self {
            Self::Repository(Repository { commit, .. }) => json!({ "commit": commit }),
            Self::Text(_) | Self::Integer(_) | Self::Boolean(_) | Self::Path(_) | Self::List(_) => {
                self.shown()
            }
        }
    }

    const fn is_of(&self, kind: InputType) -> bool {
        matches!(
            (self, kind),
            (Self::Text(_), InputType::String)
                | (Self::Integer(_), InputType::Integer)
                | (Self::Boolean(_), InputType::Boolean)
                | (Self::Path(_), InputType::Path)
                | (Self::Repository(_), InputType::Repository)
                | (Self::List(_), InputType::List)
        )
    }
}

impl Scenario {
    /// What the scenario is given, by name.
    pub fn inputs(&self) -> Vec<InputDeclaration> {
        let declared = self.written.inputs.iter().map(|(name, input)| InputDeclaration {
            name: name.clone(),
            kind: input.kind,
            default: input.default.clone(),
            description: input.description.clone(),
            sensitive: input.sensitive,
        });
        declared.collect()
    }

    /// Gives every input its value: from `set` (name and text, as on a command line; the last of a
    /// name counts) or its default. `repository` finds the repository at a path and pins it; its
    /// error is one line for people.
    ///
    /// A list is written as JSON (`["cargo", "test"]`) or as words with spaces between them.
    pub fn resolve(
        &self,
        set: &[(String, String)],
        mut repository: impl FnMut(&str) -> Result<Repository, String>,
    ) -> Result<Inputs, Faults> {
        let mut findings = Findings::of(&self.source);
        let mut given: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, text) in set {
            if self.written.inputs.contains_key(name) {
                given.insert(name, text);
            } else {
                let help = did_you_mean(name, self.written.inputs.keys().map(String::as_str));
                findings.add_outside(name, format!("the scenario has no input {name:?}"), help);
            }
        }
        let mut inputs = Inputs::new();
        for (name, input) in &self.written.inputs {
            let at = Path::root().key("inputs").key(name).key("default");
            let value = match (given.get(name.as_str()), &input.default) {
                (Some(text), _) => read_text(input.kind, text, &mut repository).map_err(|why| {
                    let hidden = || "its value, which is not shown, is not of its type".to_owned();
                    let why = if input.sensitive { hidden() } else { why };
                    findings.add_outside(name, format!("input {name:?}: {why}"), None);
                }),
                (None, Some(default)) => read_default(input.kind, default, &mut repository)
                    .map_err(|why| findings.add(&at, format!("input {name:?}: {why}"), None)),
                (None, None) => {
                    let help = Some(format!("give it: --set {name}=…"));
                    findings.add_outside(name, format!("input {name:?} is missing"), help);
                    continue;
                }
            };
            inputs.extend(value.ok().map(|value| (name.clone(), value)));
        }
        findings.finish().map(|()| inputs)
    }

    /// Every declared input has a value of its type, and there are no others.
    pub(super) fn check_inputs(&self, inputs: &Inputs, findings: &mut Findings<'_>) {
        for (name, input) in &self.written.inputs {
            if inputs.get(name).is_none_or(|value| !value.is_of(input.kind)) {
                let message = format!("input {name:?} was not resolved to its type");
                findings.add_outside(name, message, None);
            }
        }
        for name in inputs.keys().filter(|name| !self.written.inputs.contains_key(*name)) {
            findings.add_outside(name, format!("the scenario has no input {name:?}"), None);
        }
    }
}

fn read_text(
    kind: InputType,
    text: &str,
    repository: &mut impl FnMut(&str) -> Result<Repository, String>,
) -> Result<InputValue, String> {
    match kind {
        InputType::String => Ok(InputValue::Text(text.to_owned())),
        InputType::Integer => text
            .parse()
            .map(InputValue::Integer)
            .map_err(|_| format!("{text:?} is not a whole number")),
        InputType::Boolean => text
            .parse()
            .map(InputValue::Boolean)
            .map_err(|_| format!("{text:?} is neither true nor false")),
        InputType::Path => Ok(InputValue::Path(text.to_owned())),
        InputType::Repository => repository(text).map(InputValue::Repository),
        InputType::List if text.trim_start().starts_with('[') => serde_json::from_str(text)
            .map(InputValue::List)
            .map_err(|error| format!("{text:?} is not a JSON list: {error}")),
        InputType::List => Ok(InputValue::List(text.split_whitespace().map(Value::from).collect())),
    }
}

fn read_default(
    kind: InputType,
    default: &Value,
    repository: &mut impl FnMut(&str) -> Result<Repository, String>,
) -> Result<InputValue, String> {
    match (kind, default) {
        (InputType::Repository, Value::String(path)) => {
            repository(path).map(InputValue::Repository)
        }
        _ => fixed_default(kind, default),
    }
}

fn fixed_default(kind: InputType, default: &Value) -> Result<InputValue, String> {
    match (kind, default) {
        (InputType::String, Value::String(text)) => Ok(InputValue::Text(text.clone())),
        (InputType::Integer, Value::Number(number)) if number.is_i64() => {
            Ok(InputValue::Integer(number.as_i64().unwrap_or_default()))
        }
        (InputType::Boolean, Value::Bool(yes)) => Ok(InputValue::Boolean(*yes)),
        (InputType::Path | InputType::Repository, Value::String(text)) => {
            Ok(InputValue::Path(text.clone()))
        }
        (InputType::List, Value::Array(items)) => Ok(InputValue::List(items.clone())),
        _ => Err("the default is not of the input's type".to_owned()),
    }
}

/// Names and defaults of the declared inputs.
pub(super) fn check_declarations(scenario: &super::words::Written, findings: &mut Findings<'_>) {
    let inputs = Path::root().key("inputs");
    for (name, input) in &scenario.inputs {
        if !is_variable(name) {
            let message = format!("{name:?} cannot name an input: templates could not say it");
            let help = Some("use letters, digits and _".to_owned());
            findings.add_key(&inputs.key(name), message, help);
        }
        if let Some(default) = &input.default {
            findings.keep(&inputs.key(name).key("default"), fixed_default(input.kind, default));
        }
    }
}

/// Whether templates can say a name.
pub(super) fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A fault of an argument, for callers that parse `name=value` themselves.
pub fn argument_fault(argument: &str) -> Fault {
    let help = Some("write --set name=value".to_owned());
    Fault::outside(argument, format!("{argument:?} sets nothing: there is no \"=\" in it"), help)
}
