//! Which contents of a scenario are sensitive, and where they must not go.

use minijinja::Environment;
use orkestra_runtime::protocol::{payload::Json, task::Sensitive};
use serde_json::Value;

use super::{
    Inputs,
    task_words::{NeedWritten, PartWritten, TaskWritten},
    text::{Shape, Text, environment},
    words::{InputType, Written},
};
use crate::written::{Findings, Path};

/// The values of sensitive inputs, as JSON; shown to nobody.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SensitiveInputs(Option<Json>);

impl SensitiveInputs {
    /// Their values by name; none where no input is sensitive.
    pub const fn json(&self) -> Option<&Json> {
        self.0.as_ref()
    }
}

impl std::fmt::Debug for SensitiveInputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SensitiveInputs(not shown)")
    }
}

/// The hashed values of inputs, apart: those that may be hashed in the open, and the others.
pub(super) fn apart(written: &Written, inputs: &Inputs) -> (Value, SensitiveInputs) {
    let is_sensitive = |name: &str| written.inputs.get(name).is_some_and(|input| input.sensitive);
    let (mut open, mut hidden) = (serde_json::Map::new(), serde_json::Map::new());
    for (name, value) in inputs {
        let of = if is_sensitive(name) { &mut hidden } else { &mut open };
        of.insert(name.clone(), value.hashed());
    }
    let hidden = (!hidden.is_empty()).then(|| Json::of(&hidden).unwrap_or_default());
    (Value::Object(open), SensitiveInputs(hidden))
}

/// What of a task is sensitive: what it says is, and an input that uses one.
pub(super) fn of_task(task: &TaskWritten, written: &Written) -> Sensitive {
    let says = |part| task.sensitive.contains(&part);
    let environment = environment();
    let uses = task.input.as_ref().is_some_and(|input| {
        Shape::compile(&environment, input).is_ok_and(|shape| uses(&shape.names(), written))
    });
    Sensitive { input: says(PartWritten::Input) || uses, output: says(PartWritten::Output) }
}

/// Whether names of a template lead to a sensitive input.
fn uses(names: &[String], written: &Written) -> bool {
    let any = written.inputs.values().any(|input| input.sensitive);
    names.iter().any(|name| {
        let mut parts = name.split('.');
        match (parts.next(), parts.next()) {
            (Some("inputs"), Some(input)) => {
                written.inputs.get(input).is_some_and(|input| input.sensitive)
            }
            // All inputs, or one whose name is worked out.
            (Some("inputs"), None) => any,
            _ => false,
        }
    })
}

/// Sensitive inputs stand in no file and go into inputs of tasks only; people are asked in the open.
pub(super) fn check_sensitive(written: &Written, findings: &mut Findings<'_>) {
    for (name, input) in written.inputs.iter().filter(|(_, input)| input.sensitive) {
        let at = Path::root().key("inputs").key(name);
        if input.default.is_some() {
            let help = Some(format!("leave it out, and give it: --set {name}=@FILE"));
            let message = "a sensitive input has no default: it would stand in this file";
            findings.add(&at.key("default"), message, help);
        }
        if input.kind == InputType::Repository {
            let message = "a repository cannot be sensitive: its files are laid out on the disk";
            findings.add(&at.key("type"), message, None);
        }
    }
    let environment = environment();
    let mut checker = Checker { environment: &environment, written, findings };
    for (name, agent) in &written.agents {
        let at = Path::root().key("agents").key(name);
        for (index, text) in agent.argv.iter().flatten().enumerate() {
            let place = at.key("argv").index(index);
            checker.open(
                text,
                &place,
                "everybody on the machine can see the arguments of a program",
            );
        }
        if let Some(text) = &agent.cwd {
            checker.open(
                text,
                &at.key("cwd"),
                "everybody on the machine can see where a program runs",
            );
        }
    }
    for (index, task) in written.tasks.iter().enumerate() {
        checker.task(task, &Path::root().key("tasks").index(index));
    }
}

struct Checker<'a, 'f> {
    environment: &'a Environment<'a>,
    written: &'a Written,
    findings: &'a mut Findings<'f>,
}

impl Checker<'_, '_> {
    fn task(&mut self, task: &TaskWritten, at: &Path) {
        const WHY: &str = "it stands in the journal for ever";
        let texts = [
            ("id", Some(&task.id)),
            ("title", Some(&task.title)),
            ("instructions", Some(&task.instructions)),
            ("parent", task.parent.as_ref()),
            ("when", task.when.as_ref()),
        ];
        for (key, text) in texts {
            if let Some(text) = text {
                self.open(text, &at.key(key), WHY);
            }
        }
        for (index, need) in task.needs.iter().enumerate() {
            let (NeedWritten::Name(name)
            | NeedWritten::Full(super::task_words::NeedFull { task: name, .. })) = need;
            self.open(name, &at.key("needs").index(index), WHY);
        }
        for (index, lock) in task.locks.iter().enumerate() {
            self.open(lock.key(), &at.key("locks").index(index), WHY);
        }
        if let Some(council) = &task.council {
            let place = at.key("council");
            let texts = council.task.iter().chain([&council.rubric]);
            for text in texts.chain(&council.requirements).chain(council.metadata.values()) {
                self.open(text, &place, WHY);
            }
        }
        if task.ask.is_some() && of_task(task, self.written).any() {
            let message = "people are asked and answer in the open: this cannot be sensitive";
            let key = if task.sensitive.is_empty() { "input" } else { "sensitive" };
            self.findings.add(&at.key(key), message, None);
        }
    }

    /// A text that does not stay secret uses no sensitive input.
    fn open(&mut self, text: &str, at: &Path, why: &str) {
        // One that cannot be compiled is told of elsewhere.
        let Ok(compiled) = Text::compile(self.environment, text) else { return };
        if uses(&compiled.names(), self.written) {
            let help = Some("use it in the input of a task".to_owned());
            self.findings.add(at, format!("a sensitive input is used here, and {why}"), help);
        }
    }
}

#[cfg(test)]
mod tests;
