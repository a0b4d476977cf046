//! Faults of usage are told with their place and with what to do.

use crate::{desk, example};

const BAD: &str = "[scenario]
name = 's'
titel = 'x'

[agents.a]
kind = 'functoin'
capacity = 'two'

[[tasks]]
priority = 9
";

#[test]
fn all_faults_of_a_scenario_are_told_at_once_with_places_and_advice() {
    let desk = desk();
    desk.write("bad.toml", BAD);
    for command in [&["run"][..], &["scenario", "check"]] {
        let said = desk.run(&[command, &["bad.toml"]].concat()).expect(2);
        said.says(&[
            "bad.toml:3:1: there is no key \"titel\" here",
            "did you mean \"title\"?",
            "bad.toml:6:8: this is \"functoin\", and one of function, command, person is wanted",
            "did you mean \"function\"?",
            "bad.toml:7:12: this is the string \"two\", and a whole number is wanted",
            "the key \"id\" is missing",
            "bad.toml:10:12: this is 9, and at most 4 is wanted",
        ]);
    }
    let json = desk.run(&["scenario", "check", "bad.toml", "-o", "json"]).expect(2).json();
    assert_eq!(json["faults"].as_array().unwrap().len(), 5);
    assert!(!desk.path(".orkestra").exists(), "a scenario with faults left something behind");
}

#[test]
fn an_input_that_the_scenario_has_not_is_refused_by_name() {
    let desk = desk();
    let run = ["run", &example("release-review.toml"), "--set", "rep=."];
    desk.run(&run).expect(2).says(&["\"rep\"", "did you mean \"repo\"?"]);
    let run = ["run", &example("release-review.toml"), "--set", "repo"];
    desk.run(&run).expect(2).says(&["\"repo\""]);
    let run = ["run", &example("release-review.toml"), "--set", "repo=."];
    desk.run(&run).expect(2).says(&["is not in a git repository"]);
    desk.run(&["run", "gone.toml"]).expect(2).says(&["cannot read the scenario gone.toml"]);
}

#[test]
fn faults_of_the_configuration_are_told_at_once() {
    let desk = desk().env("ORKESTRA_TASKS__LEASE", "soon");
    desk.write("orkestra.toml", "[node]\nnam = 'x'\n");
    let said = desk.run(&["run", &example("pipeline.toml")]).expect(2);
    said.says(&[
        "ORKESTRA_TASKS__LEASE",
        "\"soon\"",
        "orkestra.toml:2:1",
        "did you mean \"node.name\"?",
    ]);
}

#[test]
fn the_examples_have_no_fault() {
    let desk = desk();
    for name in ["pipeline.toml", "crash.toml"] {
        desk.run(&["scenario", "check", &example(name)]).expect(0).says(&["no fault"]);
    }
    assert!(desk.run(&["scenario", "schema"]).expect(0).json()["properties"].is_object());
}

/// The names of the commands that a help text lists.
fn commands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    // A line that is indented further goes on with the description before it.
    let names = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

#[test]
fn every_command_explains_itself() {
    let desk = desk();
    let mut todo = vec![Vec::<String>::new()];
    let mut explained = 0;
    while let Some(path) = todo.pop() {
        let args: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
        let help = desk.run(&args).expect(0).shows(&["Usage:"]).out;
        explained += 1;
        for name in commands(&help).into_iter().filter(|name| name != "help") {
            todo.push([&path[..], &[name]].concat());
        }
    }
    assert!(explained >= 20, "only {explained} commands were found");
    desk.run(&["--help"]).expect(0).shows(&["Exit codes:", "130  interrupted"]);
    desk.run(&["--version"]).expect(0).shows(&["orkestra 0."]);
    desk.run(&[""; 0]).expect(2).says(&["Usage:"]);
    desk.run(&["tasks"]).expect(2).says(&["unrecognized subcommand", "'task'"]);
}

#[test]
fn shells_are_helped_to_complete() {
    let desk = desk();
    for shell in ["bash", "zsh", "fish"] {
        let script = desk.run(&["completion", shell]).expect(0).out;
        assert!(script.contains("orkestra") && script.contains("audit"), "{shell}: {script}");
    }
}
