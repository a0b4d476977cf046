//! Checks and workspaces of tasks, as a scenario describes them.

use std::path::Path as FilePath;

use minijinja::{Environment, Value as Rendered};
use orkestra_runtime::protocol::check::{CheckName, Place, Switch, Switches, Workspace};

use super::{
    check_words::{SwitchWritten, WorkspaceWritten},
    task_words::TaskWritten,
    text::Text,
};
use crate::written::{Findings, Path, did_you_mean};

/// Reads which checks a task wants otherwise than by default.
pub(super) fn check_switches(
    task: &TaskWritten,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Switches {
    let mut switches = Switches::default();
    if task.ask.is_some() {
        for (key, given) in
            [("workspace", task.workspace.is_some()), ("checks", !task.checks.is_empty())]
        {
            if given {
                let message = format!("a task that asks people has no attempts, and so no {key:?}");
                findings.add(&at.key(key), message, Some("remove it".to_owned()));
            }
        }
    }
    for (name, switch) in &task.checks {
        let place = at.key("checks").key(name);
        let Some(check) = CheckName::named(name) else {
            let help = did_you_mean(name, CheckName::ALL.map(CheckName::as_str));
            findings.add_key(&place, format!("there is no check {name:?}"), help);
            continue;
        };
        let of_files = check.place() == Place::Files && *switch != SwitchWritten::Off;
        if of_files && task.workspace.is_none() {
            let help = Some("say which: workspace = { dir = \"…\" }".to_owned());
            let message = format!("{name} is about files, and the task has no workspace");
            findings.add_key(&place, message, help);
        }
        switches.0.insert(check, read(*switch));
    }
    switches
}

const fn read(written: SwitchWritten) -> Switch {
    match written {
        SwitchWritten::Off => Switch::Off,
        SwitchWritten::On => Switch::On,
        SwitchWritten::Warning => Switch::Warning,
        SwitchWritten::Fail => Switch::Fail,
        SwitchWritten::Critical => Switch::Critical,
    }
}

/// The templates of a workspace.
pub(super) struct WorkspaceTexts<'t> {
    dir: Text<'t>,
    output_dir: Option<Text<'t>>,
    output_file: Option<Text<'t>>,
    input_files: Vec<Text<'t>>,
}

impl<'t> WorkspaceTexts<'t> {
    pub(super) fn compile(
        environment: &'t Environment<'t>,
        written: &'t WorkspaceWritten,
    ) -> Result<Self, String> {
        let text = |text: &'t String| Text::compile(environment, text);
        Ok(Self {
            dir: text(&written.dir)?,
            output_dir: written.output_dir.as_ref().map(text).transpose()?,
            output_file: written.output_file.as_ref().map(text).transpose()?,
            input_files: written.input_files.iter().map(text).collect::<Result<_, _>>()?,
        })
    }

    /// The workspace; one of an empty folder is none. The error says at which key, and why.
    pub(super) fn fill(
        &self,
        names: &Rendered,
        folder: &str,
    ) -> Result<Option<Workspace>, (String, String)> {
        let filled = |key: &str, text: &Text<'_>| {
            let said = text.string(names).map_err(|why| (format!("workspace.{key}"), why));
            said.map(|text| text.trim().to_owned())
        };
        let some = |key: &str, text: &Option<Text<'_>>| {
            let said = text.as_ref().map(|text| filled(key, text)).transpose();
            said.map(|text| text.filter(|text| !text.is_empty()))
        };
        let dir = filled("dir", &self.dir)?;
        if dir.is_empty() {
            return Ok(None);
        }
        let dir = FilePath::new(folder).join(dir).to_string_lossy().into_owned();
        let mut input_files = Vec::with_capacity(self.input_files.len());
        for (index, text) in self.input_files.iter().enumerate() {
            let file = filled(&format!("input_files.{index}"), text)?;
            input_files.extend((!file.is_empty()).then_some(file));
        }
        let output_dir = some("output_dir", &self.output_dir)?;
        let output_file = some("output_file", &self.output_file)?;
        Ok(Some(Workspace { dir, output_dir, output_file, input_files }))
    }
}

#[cfg(test)]
mod tests {
    use orkestra_runtime::protocol::task::TaskSpec;

    use super::super::Scenario;
    use super::*;
    use crate::written::Faults;

    const HEAD: &str = "[scenario]\nname = 's'\n[inputs.out]\ntype = 'string'\ndefault = 'report'\n\
        [agents.a]\nkind = 'function'\nfunction = 'noop'\n[agents.p]\nkind = 'person'\n[[tasks]]\n";

    fn read(body: &str) -> Result<Scenario, Faults> {
        Scenario::read(&format!("{HEAD}{body}"), "dir/s.toml", &["noop"])
    }

    fn task(body: &str) -> TaskSpec {
        let scenario = read(body).unwrap();
        let inputs = scenario.resolve(&[], |_| Err(String::new())).unwrap();
        scenario.prepare(&inputs).unwrap().tasks.remove(0)
    }

    #[test]
    fn a139_a_workspace_is_filled_and_lies_beside_the_scenario() {
        let spec = task(
            "id = 't'\nworkspace = { dir = 'work', output_dir = 'out', \
             output_file = 'out/{{ inputs.out }}.md', input_files = ['a', '{{ scenario.name }}'] }\n\
             checks = { git_clean = 'fail', disk_space = 'off', retry_count = 'on' }\n",
        );
        let workspace = Workspace {
            dir: "dir/work".into(),
            output_dir: Some("out".into()),
            output_file: Some("out/report.md".into()),
            input_files: vec!["a".into(), "s".into()],
        };
        assert_eq!(spec.workspace, Some(Box::new(workspace)));
        let switches = [
            (CheckName::GitClean, Switch::Fail),
            (CheckName::DiskSpace, Switch::Off),
            (CheckName::RetryCount, Switch::On),
        ];
        assert_eq!(spec.checks, Switches(switches.into()));
    }

    #[test]
    fn a139_a_folder_that_is_named_in_full_is_taken_as_it_is_and_an_empty_one_is_none() {
        let dir = |body: &str| task(body).workspace.map(|workspace| workspace.dir);
        assert_eq!(dir("id = 't'\nworkspace = { dir = '/w' }\n").as_deref(), Some("/w"));
        assert_eq!(dir("id = 't'\nworkspace = { dir = '{{ \"\" }}' }\n"), None);
    }

    #[test]
    fn a139_what_cannot_be_checked_is_told_with_its_place() {
        let told = |body: &str| {
            let faults = read(body).unwrap_err().faults.into_iter();
            let told = faults.map(|fault| {
                let help = fault.help.unwrap_or_default();
                format!("{}: {}; {help}", fault.key, fault.message)
            });
            told.collect::<Vec<_>>()
        };
        assert_eq!(
            told("id = 't'\nchecks = { git_claen = 'off', output_exists = 'fail' }\n"),
            [
                "tasks[0].checks.git_claen: there is no check \"git_claen\"; did you mean \"git_clean\"?",
                "tasks[0].checks.output_exists: output_exists is about files, and the task has no \
                 workspace; say which: workspace = { dir = \"…\" }",
            ]
        );
        assert_eq!(
            told("id = 't'\nask = 'approval'\nworkspace = { dir = 'w' }\n"),
            [
                "tasks[0].workspace: a task that asks people has no attempts, and so no \"workspace\"; \
              remove it"
            ]
        );
        assert_eq!(
            told("id = 't'\nworkspace = { dir = '{{ inputs.outt }}' }\n"),
            ["tasks[0].workspace.dir: there is no input \"outt\"; did you mean \"out\"?"]
        );
    }

    #[test]
    fn a139_a_scenario_that_asks_for_no_checks_is_hashed_as_ever() {
        let scenario = read("id = 't'\n").unwrap();
        let written = serde_json::to_value(&scenario.written).unwrap();
        let keys = written["tasks"][0].as_object().unwrap();
        assert!(!keys.contains_key("checks") && !keys.contains_key("workspace"));
    }
}
