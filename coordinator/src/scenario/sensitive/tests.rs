//! Stories about what is sensitive in a scenario.

use orkestra_runtime::protocol::task::TaskSpec;

use super::super::*;

const HEAD: &str = "[scenario]\nname = 's'\n[inputs.token]\ntype = 'string'\nsensitive = true\n[inputs.open]\ntype = 'string'\ndefault = 'o'\n[agents.a]\nkind = 'function'\nfunction = 'noop'\n";

fn nowhere(_: &str) -> Result<Repository, String> {
    Err("there is none".to_owned())
}

fn prepare(body: &str, token: &str) -> Result<Prepared, Faults> {
    let scenario = Scenario::read(&format!("{HEAD}{body}"), "s.toml", &["noop"])?;
    let set = [("token".to_owned(), token.to_owned())];
    scenario.prepare(&scenario.resolve(&set, nowhere)?)
}

fn told(body: &str) -> Vec<String> {
    let faults = prepare(body, "t").unwrap_err().faults.into_iter();
    faults.map(|fault| format!("{}: {}", fault.key, fault.message)).collect()
}

fn sensitive(task: &TaskSpec) -> (bool, bool) {
    (task.sensitive.input, task.sensitive.output)
}

#[test]
fn a_task_is_sensitive_by_what_it_says_and_by_what_it_uses() {
    let body = "
[[tasks]]
id = 'uses'
input = { token = '{{ inputs.token }}' }
[[tasks]]
id = 'uses-all'
input = '{{ inputs | tojson }}'
[[tasks]]
id = 'says'
sensitive = ['input', 'output']
input = 'x'
[[tasks]]
id = 'plain'
input = '{{ inputs.open }}'
";
    let prepared = prepare(body, "canary-1").unwrap();
    let found: Vec<_> = prepared.tasks.iter().map(sensitive).collect();
    assert_eq!(found, [(true, false), (true, false), (true, true), (false, false)]);
    assert_eq!(prepared.sensitive_inputs.json().unwrap().as_str(), r#"{"token":"canary-1"}"#);
    assert_eq!(format!("{:?}", prepared.sensitive_inputs), "SensitiveInputs(not shown)");
    // The hash that is shown says nothing of it.
    assert_eq!(prepared.input_hash, prepare(body, "canary-2").unwrap().input_hash);
}

#[test]
fn a_sensitive_input_goes_nowhere_but_into_inputs_of_tasks() {
    let body = "
[agents.b]
kind = 'command'
argv = ['sh', '{{ inputs.token }}']
cwd = '/{{ inputs.token }}'
[agents.p]
kind = 'person'
[[tasks]]
id = '{{ inputs.token }}'
title = 'for {{ inputs.token }}'
instructions = '{{ inputs[\"token\"] }}'
when = '{{ inputs.token }}'
[[tasks]]
id = 'asks'
ask = 'approval'
agents = ['p']
input = '{{ inputs.token }}'
";
    let argv = "a sensitive input is used here, and everybody on the machine can see the arguments of a program";
    let cwd =
        "a sensitive input is used here, and everybody on the machine can see where a program runs";
    let kept = "a sensitive input is used here, and it stands in the journal for ever";
    assert_eq!(
        told(body),
        [
            format!("agents.b.argv[1]: {argv}"),
            format!("agents.b.cwd: {cwd}"),
            format!("tasks[0].id: {kept}"),
            format!("tasks[0].title: {kept}"),
            format!("tasks[0].instructions: {kept}"),
            format!("tasks[0].when: {kept}"),
            "tasks[1].input: people are asked and answer in the open: this cannot be sensitive"
                .to_owned(),
        ]
    );
    let text = "[scenario]\nname = 's'\n[inputs.token]\ntype = 'string'\nsensitive = true\ndefault = 'x'\n[agents.a]\nkind = 'function'\nfunction = 'noop'\n[[tasks]]\nid = 't'\n";
    let fault = Scenario::read(text, "s.toml", &["noop"]).unwrap_err().faults.remove(0);
    assert_eq!(fault.message, "a sensitive input has no default: it would stand in this file");
    assert_eq!(fault.help.unwrap(), "leave it out, and give it: --set token=@FILE");
}

#[test]
fn nothing_depends_on_what_a_sensitive_output_says() {
    let body = "
[[tasks]]
id = 'one'
sensitive = ['output']
[[tasks]]
id = 'two'
needs = [{ task = 'one', kind = 'conditional', pointer = '/ok', equals = true }]
";
    let why = "the output of task \"one\" is sensitive: nothing may depend on what it says";
    assert_eq!(told(body), [format!("tasks[1].needs[0]: {why}")]);
    let head = "verdict = { task = 'one' }\n[inputs.token]";
    let text = format!("{HEAD}{body}").replace("[inputs.token]", head);
    let text =
        text.replace("kind = 'conditional', pointer = '/ok', equals = true", "kind = 'soft'");
    let scenario = Scenario::read(&text, "s.toml", &["noop"]).unwrap();
    let set = [("token".to_owned(), "t".to_owned())];
    let inputs = scenario.resolve(&set, nowhere).unwrap();
    let shown = scenario.prepare(&inputs).unwrap_err().to_string();
    assert!(shown.contains("the output of task \"one\" is sensitive: it is not shown"), "{shown}");
}

#[test]
fn a_fault_does_not_show_a_sensitive_value() {
    let text = format!("{HEAD}[[tasks]]\nid = 't'\ninput = '{{{{ inputs.token + 1 }}}}'\n");
    let scenario = Scenario::read(&text, "s.toml", &["noop"]).unwrap();
    let set = [("token".to_owned(), "canary".to_owned())];
    let inputs = scenario.resolve(&set, nowhere).unwrap();
    let shown = scenario.prepare(&inputs).unwrap_err().to_string();
    assert!(shown.contains("fails on a sensitive value, which is not shown"), "{shown}");
    let number = text.replacen("type = 'string'", "type = 'integer'", 1);
    let scenario = Scenario::read(&number, "s.toml", &["noop"]).unwrap();
    let shown = scenario.resolve(&set, nowhere).unwrap_err().to_string();
    assert!(shown.contains("is not of its type") && !shown.contains("canary"), "{shown}");
}

#[test]
fn a_file_without_anything_sensitive_has_the_hash_that_it_always_had() {
    let text = "[scenario]\nname = 's'\n[inputs.x]\ntype = 'string'\ndefault = 'o'\n[agents.a]\nkind = 'function'\nfunction = 'noop'\n[[tasks]]\nid = 't'\ninput = '{{ inputs.x }}'\n";
    let scenario = Scenario::read(text, "s.toml", &["noop"]).unwrap();
    assert_eq!(scenario.hash(), "367fea591b23f43c917afdafed9c91dd1382fa40d83da2923b9b3002ad8ecd79");
    let spec = &scenario.prepare(&scenario.resolve(&[], nowhere).unwrap()).unwrap().tasks[0];
    assert!(!serde_json::to_string(spec).unwrap().contains("sensitive"));
}
