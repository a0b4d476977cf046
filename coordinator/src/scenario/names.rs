//! Whether templates say names that exist.

use minijinja::Environment;

use super::{
    task_words::NeedWritten,
    text::{Shape, Text, environment},
    words::Written,
};
use crate::written::{Findings, Path, did_you_mean};

/// Compiles every template once, and looks at the names in it.
pub(super) fn check_templates(written: &Written, findings: &mut Findings<'_>) {
    let environment = environment();
    let inputs: Vec<&str> = written.inputs.keys().map(String::as_str).collect();
    let mut checker = Checker { environment: &environment, inputs, findings };
    for (name, agent) in &written.agents {
        let at = Path::root().key("agents").key(name);
        for (index, text) in agent.argv.iter().flatten().enumerate() {
            checker.text(text, &at.key("argv").index(index), &[]);
        }
        checker.texts([("cwd", agent.cwd.as_deref())], &at, &[]);
    }
    for (index, task) in written.tasks.iter().enumerate() {
        let at = Path::root().key("tasks").index(index);
        let variables: Vec<&str> = task.repeat.keys().map(String::as_str).collect();
        let single = [
            ("id", Some(task.id.as_str())),
            ("title", Some(task.title.as_str())),
            ("instructions", Some(task.instructions.as_str())),
            ("parent", task.parent.as_deref()),
            ("when", task.when.as_deref()),
        ];
        checker.texts(single, &at, &variables);
        for (index, need) in task.needs.iter().enumerate() {
            let place = at.key("needs").index(index);
            match need {
                NeedWritten::Name(name) => checker.text(name, &place, &variables),
                NeedWritten::Full(full) => {
                    checker.text(&full.task, &place.key("task"), &variables);
                }
            }
        }
        for (index, lock) in task.locks.iter().enumerate() {
            checker.text(lock.key(), &at.key("locks").index(index), &variables);
        }
        if let Some(workspace) = &task.workspace {
            let place = at.key("workspace");
            let single = [
                ("dir", Some(workspace.dir.as_str())),
                ("output_dir", workspace.output_dir.as_deref()),
                ("output_file", workspace.output_file.as_deref()),
            ];
            checker.texts(single, &place, &variables);
            for (index, text) in workspace.input_files.iter().enumerate() {
                checker.text(text, &place.key("input_files").index(index), &variables);
            }
        }
        if let Some(council) = &task.council {
            let place = at.key("council");
            let single =
                [("task", council.task.as_deref()), ("rubric", Some(council.rubric.as_str()))];
            checker.texts(single, &place, &variables);
            for (index, text) in council.requirements.iter().enumerate() {
                checker.text(text, &place.key("requirements").index(index), &variables);
            }
            for (key, text) in &council.metadata {
                checker.text(text, &place.key("metadata").key(key), &variables);
            }
        }
        if let Some(input) = &task.input {
            let place = at.key("input");
            match Shape::compile(checker.environment, input) {
                Ok(shape) => checker.names(shape.names(), &place, &variables),
                Err(why) => checker.findings.add(&place, why, None),
            }
        }
    }
}

struct Checker<'a, 'f> {
    environment: &'a Environment<'a>,
    inputs: Vec<&'a str>,
    findings: &'a mut Findings<'f>,
}

impl<'a> Checker<'a, '_> {
    fn texts<const N: usize>(
        &mut self,
        texts: [(&str, Option<&'a str>); N],
        at: &Path,
        variables: &[&str],
    ) {
        for (key, text) in texts {
            if let Some(text) = text {
                self.text(text, &at.key(key), variables);
            }
        }
    }

    fn text(&mut self, text: &'a str, at: &Path, variables: &[&str]) {
        match Text::compile(self.environment, text) {
            Ok(text) => self.names(text.names(), at, variables),
            Err(why) => self.findings.add(at, why, None),
        }
    }

    fn names(&mut self, names: Vec<String>, at: &Path, variables: &[&str]) {
        for name in names {
            let mut parts = name.split('.');
            let (root, next) = (parts.next().unwrap_or_default(), parts.next());
            let (wrong, help) = match (root, next) {
                ("inputs", Some(input)) if !self.inputs.contains(&input) => {
                    let help = did_you_mean(input, self.inputs.iter().copied());
                    (format!("there is no input {input:?}"), help)
                }
                ("scenario", Some(field)) if !SCENARIO.contains(&field) => {
                    let help = did_you_mean(field, SCENARIO);
                    (format!("a scenario has no {field:?}"), help)
                }
                ("inputs" | "scenario", _) => continue,
                (known, _) if variables.contains(&known) || self.is_global(known) => continue,
                (unknown, _) => {
                    let known = variables.iter().copied().chain(["inputs", "scenario"]);
                    (format!("there is no variable {unknown:?}"), did_you_mean(unknown, known))
                }
            };
            self.findings.add(at, wrong, help);
        }
    }

    fn is_global(&self, name: &str) -> bool {
        self.environment.globals().any(|(known, _)| known == name)
    }
}

/// What templates know of the scenario itself.
pub(super) const SCENARIO: [&str; 4] = ["folder", "name", "title", "version"];
