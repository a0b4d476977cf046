//! Stories about scenario files.

use orkestra_runtime::protocol::task::{DependencyKind, Priority};

use super::*;

const HEAD: &str = "[scenario]\nname = 's'\n[agents.a]\nkind = 'function'\nfunction = 'noop'\ncapabilities = ['c']\ncapacity = 2\n";

pub(super) fn read(body: &str) -> Result<Scenario, Faults> {
    Scenario::read(&format!("{HEAD}{body}"), "dir/s.toml", &["noop", "secrets"])
}

#[expect(clippy::unnecessary_wraps, reason = "finding a repository can fail elsewhere")]
fn nowhere(path: &str) -> Result<Repository, String> {
    let text = |text: &str| text.to_owned();
    Ok(Repository { path: text(path), commit: text("c0ffee"), workspace: format!("/w/{path}") })
}

pub(super) fn prepare(body: &str) -> Result<Prepared, Faults> {
    let scenario = read(body)?;
    scenario.prepare(&scenario.resolve(&[], nowhere)?)
}

pub(super) fn told(result: Result<impl std::fmt::Debug, Faults>) -> Vec<String> {
    let faults = result.unwrap_err().faults.into_iter();
    faults.map(|fault| format!("{}: {}", fault.key, fault.message)).collect()
}

fn input(task: &TaskSpec) -> String {
    serde_json::to_string(&task.input).unwrap()
}

#[test]
fn a_small_scenario_is_read_with_its_defaults() {
    let prepared = prepare("[[tasks]]\nid = 't'\n").unwrap();
    assert_eq!((prepared.name.as_str(), prepared.version, prepared.concurrency), ("s", 1, 2));
    assert_eq!(prepared.agents[0].kind, AgentKind::Function("noop".to_owned()));
    assert_eq!(prepared.agents[0].restart, RestartConfig::default());
    assert_eq!(prepared.tasks, [TaskSpec::new(TaskId::new("t").unwrap())]);
}

#[test]
fn all_faults_are_told_at_once_with_advice() {
    let text = "[scenario]\nname = 's'\ntitel = 'x'\n\n[agents.a]\nkind = 'functoin'\ncapacity = 'two'\n[[tasks]]\npriority = 9\n";
    let faults = Scenario::read(text, "s.toml", &[]).unwrap_err();
    let shown = faults.to_string();
    assert!(shown.starts_with(
        "s.toml:3:1: there is no key \"titel\" here\n  |\n3 | titel = 'x'\n  | ^^^^^\n  = help: did you mean \"title\"?\n"
    ), "{shown}");
    assert_eq!(
        told(Scenario::read(text, "s.toml", &[])),
        [
            "scenario.titel: there is no key \"titel\" here",
            "agents.a.kind: this is \"functoin\", and one of function, command, person is wanted",
            "agents.a.capacity: this is the string \"two\", and a whole number is wanted",
            "tasks[0].id: the key \"id\" is missing",
            "tasks[0].priority: this is 9, and at most 4 is wanted",
        ]
    );
    let json = serde_json::to_value(&faults).unwrap();
    assert_eq!(json["faults"][0]["line"], 3);
    assert_eq!(json["faults"][1]["help"], "did you mean \"function\"?");
}

#[test]
fn what_words_cannot_tell_is_checked_too() {
    let body = "silence_max = 'soon'\n[agents.b]\nkind = 'command'\nargv = ['x']\nmemory_max = '1 parsec'\nfunction = 'noop'\n[agents.c]\nkind = 'function'\nfunction = 'secret'\n[[tasks]]\nid = 't'\nrequires = ['d']\nagents = ['aa']\ntimeout = '3 apples'\nneeds = [{ task = 'x', kind = 'conditional' }, { task = 'x', pointer = 'ok' }]\n";
    let mut told = told(read(body));
    told.sort();
    assert_eq!(
        told,
        [
            "agents.a.silence_max: \"soon\" is not a duration (expected number at 0)",
            "agents.b.function: a command agent has no \"function\"",
            "agents.b.memory_max: \"1 parsec\" is not a size (there is no unit \"parsec\")",
            "agents.c.function: there is no built-in function \"secret\"",
            "tasks[0].agents[0]: there is no agent \"aa\"",
            "tasks[0].needs[0]: a conditional need has no condition",
            "tasks[0].needs[1]: only a conditional need has a condition",
            "tasks[0].requires[0]: none of the task's agents can \"d\"",
            "tasks[0].timeout: \"3 apples\" is not a duration (unknown time unit \"apples\", supported units: ns, us/µs, ms, sec, min, hours, days, weeks, months, years (and few variations))",
        ]
    );
}

#[test]
fn a_requirement_that_no_agent_meets_is_refused() {
    let faults = read("[[tasks]]\nid = 't'\nrequires = ['cc']\n").unwrap_err().faults;
    assert_eq!(faults[0].message, "no agent can \"cc\"");
    assert_eq!(faults[0].help.as_deref(), Some("known are: c"));
    assert!(read("[[tasks]]\nid = 't'\nrequires = ['c']\n").is_ok());
}

#[test]
fn templates_keep_types_and_fill_text() {
    let body = "[inputs.repo]\ntype = 'repository'\ndefault = '.'\n[inputs.n]\ntype = 'integer'\ndefault = 3\n[[tasks]]\nid = 't-{{ inputs.n + 1 }}'\ntitle = 'at {{ inputs.repo.commit }}'\ninput = { repository = '{{ inputs.repo }}', n = '{{ inputs.n }}', l = ['{{ scenario.folder }}', 7], text = 'n={{ inputs.n }}' }\n";
    let prepared = prepare(body).unwrap();
    let task = &prepared.tasks[0];
    assert_eq!((task.id.as_str(), task.title.as_str()), ("t-4", "at c0ffee"));
    assert_eq!(
        input(task),
        r#"{"inline":"{\"l\":[\"dir\",7],\"n\":3,\"repository\":{\"commit\":\"c0ffee\",\"path\":\".\",\"workspace\":\"/w/.\"},\"text\":\"n=3\"}"}"#
    );
}

#[test]
fn a_template_that_names_nothing_is_told_with_its_place() {
    let body = "[inputs.repo]\ntype = 'string'\ndefault = ''\n[[tasks]]\nid = 't'\ntitle = '{{ inputs.rep }}'\ninstructions = '{% if %}'\ninput = { a = '{{ layer }}' }\n";
    let faults = read(body).unwrap_err().faults;
    assert_eq!(faults[0].message, "there is no input \"rep\"");
    assert_eq!(faults[0].help.as_deref(), Some("did you mean \"repo\"?"));
    assert_eq!((faults[0].line, faults[0].column), (13, 9));
    assert!(faults[1].message.starts_with("the template fails: syntax error"), "{faults:?}");
    assert_eq!(faults[2].message, "there is no variable \"layer\"");
}

#[test]
fn a_task_that_is_left_out_is_missed_by_the_soft_only() {
    let inputs = "[inputs.build]\ntype = 'list'\ndefault = []\n";
    let build = "[[tasks]]\nid = 'build'\nwhen = '{{ inputs.build }}'\n";
    let soft = "[[tasks]]\nid = 'end'\nneeds = [{ task = 'build', kind = 'soft' }]\n";
    let prepared = prepare(&format!("{inputs}{build}{soft}")).unwrap();
    assert_eq!(prepared.tasks, [TaskSpec::new(TaskId::new("end").unwrap())]);

    let hard = "[[tasks]]\nid = 'end'\nneeds = ['build']\n";
    let faults = prepare(&format!("{inputs}{build}{hard}")).unwrap_err().faults;
    assert_eq!(
        faults[0].message,
        "task \"build\" was left out by its \"when\", and is needed here"
    );
    assert_eq!(faults[0].key, "tasks[1].needs[0]");

    let scenario = read(&format!("{inputs}{build}{hard}")).unwrap();
    let set = [("build".to_owned(), "cargo build".to_owned())];
    let prepared = scenario.prepare(&scenario.resolve(&set, nowhere).unwrap()).unwrap();
    assert_eq!(prepared.tasks.len(), 2);
}

#[test]
fn the_graph_is_checked_and_ordered() {
    let order = prepare("[[tasks]]\nid = 'b'\nneeds = ['a']\n[[tasks]]\nid = 'a'\n").unwrap();
    let order: Vec<&str> = order.tasks.iter().map(|task| task.id.as_str()).collect();
    assert_eq!(order, ["a", "b"]);

    let cycle = "[[tasks]]\nid = 'a'\nneeds = ['c']\n[[tasks]]\nid = 'b'\nneeds = ['a']\n[[tasks]]\nid = 'c'\nneeds = ['b']\n";
    assert_eq!(
        told(prepare(cycle)),
        ["tasks[0].needs: these tasks wait for each other: a → c → b → a"]
    );
    let twice = "[[tasks]]\nid = 'a'\n[[tasks]]\nid = 'a'\n[[tasks]]\nid = 'x'\nneeds = ['aa']\nparent = 'y'\n";
    assert_eq!(
        told(prepare(twice)),
        [
            "tasks[1].id: there are two tasks \"a\"",
            "tasks[2].needs[0]: there is no task \"aa\"",
            "tasks[2].parent: there is no task \"y\"",
        ]
    );
}

#[test]
fn needs_priorities_and_retries_are_carried_over() {
    let body = "[[tasks]]\nid = 'a'\n[[tasks]]\nid = 'b'\npriority = 4\nretry = { max = 1, base = '2s', jitter = 0 }\ntimeout = '2m'\ndeadline = '1h'\nneeds = [{ task = 'a', kind = 'conditional', pointer = '/ok', equals = true }]\n[[tasks]]\nid = 'c'\npriority = 'high'\nretry = 'none'\nparent = 'b'\n";
    let tasks = prepare(body).unwrap().tasks;
    assert_eq!((tasks[1].priority, tasks[2].priority), (Priority::Critical, Priority::High));
    assert_eq!((tasks[1].timeout_ms, tasks[1].deadline_ms), (Some(120_000), Some(3_600_000)));
    assert_eq!((tasks[1].retry.retries_max, tasks[1].retry.base_ms), (1, 2_000));
    assert_eq!((tasks[1].retry.cap_ms, tasks[2].retry.retries_max), (300_000, 0));
    assert_eq!(
        tasks[1].dependencies[0].kind,
        DependencyKind::Conditional { pointer: "/ok".to_owned(), equals: "true".to_owned() }
    );
    assert_eq!(tasks[2].parent, Some(TaskId::new("b").unwrap()));
}

#[test]
fn command_agents_are_filled_and_lists_are_spliced() {
    let body = "[inputs.test]\ntype = 'list'\ndefault = ['cargo', 'test']\n[agents.b]\nkind = 'command'\nargv = ['sh', '{{ scenario.folder }}/x', '{{ inputs.test }}']\nprotocol = 'plain'\nmemory_max = '512MiB'\nsecrets = { TOKEN = { env = 'T' } }\n[[tasks]]\nid = 't'\n";
    let prepared = prepare(body).unwrap();
    let AgentKind::Command(command) = &prepared.agents[1].kind else { panic!("no command") };
    assert_eq!(command.argv, ["sh", "dir/x", "cargo", "test"]);
    assert_eq!((command.memory_max, command.success_codes.as_slice()), (Some(512 << 20), &[0][..]));
    assert_eq!(command.secrets["TOKEN"], SecretSource::Env("T".to_owned()));
}

#[test]
fn inputs_are_checked_at_the_door() {
    let body = "[inputs.n]\ntype = 'integer'\n[inputs.yes]\ntype = 'boolean'\ndefault = false\n[[tasks]]\nid = 't'\n";
    let scenario = read(body).unwrap();
    let set = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    assert_eq!(
        told(scenario.resolve(&[set("yess", "1"), set("yes", "maybe")], nowhere)),
        [
            "yess: the scenario has no input \"yess\"",
            "n: input \"n\" is missing",
            "yes: input \"yes\": \"maybe\" is neither true nor false",
        ]
    );
    let inputs = scenario.resolve(&[set("n", "5"), set("yes", "true")], nowhere).unwrap();
    assert_eq!(inputs["n"], InputValue::Integer(5));
    assert_eq!(inputs["yes"], InputValue::Boolean(true));
    assert_eq!(
        told(read("[inputs.n]\ntype = 'integer'\ndefault = 'x'\n[[tasks]]\nid='t'\n")),
        ["inputs.n.default: the default is not of the input's type"]
    );
}

#[test]
fn hashes_follow_the_meaning_and_not_the_writing_or_the_machine() {
    let inputs = "[inputs.repo]\ntype = 'repository'\ndefault = '.'\n";
    let of = |text: &str, repository: Repository| {
        let scenario = Scenario::read(text, "s.toml", &["noop"]).unwrap();
        let inputs = scenario.resolve(&[], |_| Ok(repository.clone())).unwrap();
        let prepared = scenario.prepare(&inputs).unwrap();
        (prepared.scenario_hash, prepared.input_hash)
    };
    let here = nowhere("here").unwrap();
    let first = of(&format!("{HEAD}{inputs}[[tasks]]\nid = 't'\n"), here.clone());
    let reordered = format!("# a comment\n[[tasks]]\nid   = \"t\"\n{inputs}{HEAD}");
    assert_eq!(first, of(&reordered, nowhere("there").unwrap()));
    assert_eq!(first.0.len(), 64);
    let changed = of(&format!("{HEAD}{inputs}[[tasks]]\nid = 'u'\n"), here.clone());
    assert_ne!(first.0, changed.0);
    let moved = of(&reordered, Repository { commit: "beef".to_owned(), ..here });
    assert_ne!(first.1, moved.1);
}

#[test]
fn repetition_makes_the_product_and_faults_are_told_once() {
    let body = "[[tasks]]\nid = 't-{{ layer }}-{{ index }}'\nrepeat = { layer = 3, index = 2 }\nneeds = [\"{% if layer > 0 %}t-{{ layer - 1 }}-{{ index }}{% endif %}\"]\n";
    let tasks = prepare(body).unwrap().tasks;
    assert_eq!(tasks.len(), 6);
    let last = tasks.iter().find(|task| task.id.as_str() == "t-2-1").unwrap();
    assert_eq!(last.dependencies[0].on.as_str(), "t-1-1");
    let wrong = body.replace("t-{{ layer - 1 }}", "u-{{ layer - 1 }}");
    assert_eq!(told(prepare(&wrong)).len(), 1);
    let clash = "[[tasks]]\nid = 't-{{ x // 2 }}'\nrepeat = { x = 4 }\n";
    assert_eq!(told(prepare(clash)), ["tasks[0].id: there are two tasks \"t-0\""]);
}

#[test]
fn a_file_that_is_wrong_everywhere_is_told_a_hundred_times() {
    let body =
        (0..500).map(|n| format!("[[tasks]]\nid = 't{n}'\nneeds = ['x']\n")).collect::<Vec<_>>();
    let faults = prepare(&body.concat()).unwrap_err().faults;
    assert_eq!(faults.len(), 101);
    assert_eq!(faults[100].message, "and 400 more faults");
}

#[test]
fn the_schema_refuses_unknown_keys_everywhere() {
    fn walk(schema: &Value, path: &str) {
        if schema["properties"].is_object() {
            assert_eq!(schema["additionalProperties"], false, "{path} is open");
        }
        for (key, inner) in schema.as_object().into_iter().flatten() {
            walk(inner, &format!("{path}/{key}"));
        }
        for inner in schema.as_array().into_iter().flatten() {
            walk(inner, path);
        }
    }
    let schema = schema();
    walk(&schema, "");
    assert_eq!(schema["required"], serde_json::json!(["scenario"]));
}

/// What the examples may name.
const BUILTINS: [&str; 15] = [
    "dependencies",
    "demo-fail",
    "demo-hang",
    "demo-panic",
    "documentation",
    "history",
    "inventory",
    "large",
    "licences",
    "noop",
    "report",
    "secrets",
    "signoff",
    "synthesis",
    "unfinished",
];

fn example(name: &str) -> (Scenario, Prepared) {
    let path = format!("{}/../examples/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let scenario = Scenario::read(&text, "examples/x.toml", &BUILTINS).unwrap();
    let inputs = scenario.resolve(&[], nowhere).unwrap();
    let prepared = scenario.prepare(&inputs).unwrap();
    (scenario, prepared)
}

#[test]
fn the_examples_are_ready_to_run() {
    let (review, prepared) = example("release-review");
    assert_eq!((prepared.agents.len(), prepared.tasks.len()), (15, 17));
    let set = ["build", "test"].map(|name| (name.to_owned(), "true".to_owned()));
    let with_both = review.prepare(&review.resolve(&set, nowhere).unwrap()).unwrap();
    assert_eq!(with_both.tasks.len(), 19);
    assert_eq!(prepared.verdict.unwrap().pointer, "/ready");
    assert_eq!(example("crash").1.tasks.len(), 26);
    assert_eq!(example("crash").1.agents[3].restart.attempts_max, Some(10));
}

#[test]
fn ten_thousand_tasks_are_prepared() {
    let (_, pipeline) = example("pipeline");
    assert_eq!((pipeline.tasks.len(), pipeline.concurrency), (10_000, 64));
    let needs: usize = pipeline.tasks.iter().map(|task| task.dependencies.len()).sum();
    assert_eq!(needs, 9_900 * 3);
    let first_layer = pipeline.tasks.iter().filter(|task| task.dependencies.is_empty()).count();
    assert_eq!(first_layer, 100);
}

#[test]
fn ten_thousand_written_tasks_are_read_too() {
    let task = |n: usize| {
        let needs = (1..=3).filter_map(|back| Some(format!("'t{}'", n.checked_sub(back * 100)?)));
        let needs = needs.collect::<Vec<_>>().join(", ");
        format!("[[tasks]]\nid = 't{n}'\ntitle = 'number {{{{ 1 + {n} }}}}'\nneeds = [{needs}]\n")
    };
    let body: Vec<String> = (0..10_000).map(task).collect();
    let prepared = prepare(&body.concat()).unwrap();
    assert_eq!(prepared.tasks.len(), 10_000);
    assert_eq!(prepared.tasks[9_999].title, "number 10000");
}

#[test]
fn the_schema_says_nothing_that_is_not_checked() {
    fn walk(schema: &Value) {
        const KNOWN: [&str; 17] = [
            "$defs",
            "$ref",
            "$schema",
            "additionalProperties",
            "anyOf",
            "const",
            "default",
            "description",
            "enum",
            "format",
            "items",
            "maximum",
            "minimum",
            "oneOf",
            "properties",
            "required",
            "title",
        ];
        for (key, inner) in schema.as_object().into_iter().flatten() {
            assert!(KNOWN.contains(&key.as_str()) || key == "type", "nobody checks {key:?}");
            match key.as_str() {
                "properties" | "$defs" => inner.as_object().unwrap().values().for_each(walk),
                "anyOf" | "oneOf" => inner.as_array().unwrap().iter().for_each(walk),
                "items" | "additionalProperties" => walk(inner),
                _ => {}
            }
        }
    }
    walk(&schema());
}

#[test]
fn a_program_whose_exit_code_is_its_answer_is_a_plain_one() {
    let agent = |rest: &str| {
        format!("[agents.v]\nkind = 'command'\nargv = ['v']\n{rest}\n[[tasks]]\nid = 't'\n")
    };
    let prepared = prepare(&agent("exit = 'answer'\nstdin = 'result'")).unwrap();
    let AgentKind::Command(command) = &prepared.agents[1].kind else { panic!("no command") };
    let meant = (command.protocol, command.exit, command.stdin);
    assert_eq!(meant, (Protocol::Plain, ExitMeans::Answer, Stdin::Result));
    let told = told(read(&agent("exit = 'answer'\nprotocol = 'json-lines'\nsuccess_codes = [1]")));
    assert_eq!(
        told,
        [
            "agents.v.exit: only a plain command has this \"exit\"",
            "agents.v.success_codes: where the exit code is the answer, there is no \"success_codes\"",
        ]
    );
}
