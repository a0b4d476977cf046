//! What people write: scenarios, configurations, command lines.

use std::collections::HashSet;

use orkestra_agents::{builtin, demo};
use orkestra_coordinator::{
    cli,
    config::{Config, KEYS, Layers, embedded},
    scenario::{Inputs, Prepared, Repository, Scenario},
    written::{Faults, parse_bytes, show_bytes},
};

use super::target::{Said, Target, attack, refused};

/// How many tasks a scenario may have to be filled here; more only takes longer.
const TASKS_MAX: u64 = 400;

const WORDS: &[&str] = &[
    "[[tasks]]\n",
    "[agents.x]\n",
    "id = \"a\"\n",
    "needs = [\"a\"]\n",
    "repeat = { n = 0, m = 4294967295, o = 4294967295, p = 4294967295 }\n",
    "when = \"{{ false }}\"\n",
    "{{ inputs.",
    "{% for x in range(100000) %}",
    "{% endfor %}",
    "}}",
    "\"\"\"",
    "[",
    "{ a = ",
    "a.",
    "= ",
    "\"",
    "#",
    "\n",
];

fn functions() -> Vec<&'static str> {
    let builtins = builtin::all().iter().map(|one| one.name);
    builtins.chain(demo::ALL.iter().map(|one| one.name)).collect()
}

/// Faults stand in the file, in its order, each with something to read.
pub(crate) fn faulted(faults: &Faults, text: &str) -> Said {
    assert!(!faults.faults.is_empty(), "refused without a fault");
    assert!(faults.faults.len() <= 101, "{} faults", faults.faults.len());
    let lines = text.split('\n').count();
    for fault in &faults.faults {
        assert!(!fault.message.is_empty());
        assert!(fault.line <= lines, "line {} of {lines}", fault.line);
        let column = fault.text.chars().count() + 1;
        assert!(fault.column <= column, "column {} of {:?}", fault.column, fault.text);
        assert!(fault.column + fault.width <= column + 1, "{fault:?}");
    }
    assert!(!faults.to_string().is_empty());
    Said::Refused
}

/// How many tasks a scenario stands for.
fn count(text: &str) -> u64 {
    let Ok(table) = text.parse::<toml::Table>() else { return u64::MAX };
    let tasks = table.get("tasks").and_then(toml::Value::as_array);
    let repeated = |task: &toml::Value| {
        let repeat = task.get("repeat").and_then(toml::Value::as_table);
        let counts = repeat.into_iter().flatten().filter_map(|(_, count)| count.as_integer());
        counts.fold(1_u64, |product, count| product.saturating_mul(count.unsigned_abs()))
    };
    tasks.map_or(0, |tasks| tasks.iter().map(repeated).fold(0, u64::saturating_add))
}

fn check_prepared(prepared: &Prepared) {
    let mut before = HashSet::new();
    for task in &prepared.tasks {
        for dependency in &task.dependencies {
            assert!(before.contains(&dependency.on), "{} before {}", task.id, dependency.on);
        }
        assert!(before.insert(task.id.clone()), "two tasks {}", task.id);
    }
    for place in prepared.verdict.iter().chain(&prepared.report) {
        assert!(before.contains(&place.task), "{} is no task", place.task);
    }
    assert!(prepared.concurrency > 0);
}

fn filled(scenario: &Scenario, text: &str) -> Result<(Inputs, Prepared), Faults> {
    let repository = |path: &str| {
        let (path, commit) = (path.to_owned(), "c".repeat(40));
        Ok(Repository { workspace: path.clone(), path, commit })
    };
    let inputs = scenario.resolve(&[], repository).inspect_err(|faults| {
        faulted(faults, text);
    })?;
    let prepared = scenario.prepare(&inputs).inspect_err(|faults| {
        faulted(faults, text);
    })?;
    Ok((inputs, prepared))
}

/// Reads a scenario in each of its steps.
pub(crate) fn look_at_scenario(bytes: &[u8]) -> Said {
    let text = String::from_utf8_lossy(bytes);
    let functions = functions();
    let scenario = match Scenario::read(&text, "folder/file.toml", &functions) {
        Ok(scenario) => scenario,
        Err(faults) => return faulted(&faults, &text),
    };
    // What is written with other blanks and comments is the same scenario.
    let spaced = format!("# a comment\n{text}\n\n");
    let again = Scenario::read(&spaced, "elsewhere.toml", &functions).unwrap();
    assert_eq!(again.hash(), scenario.hash());
    let all = count(&text);
    if (TASKS_MAX..=1_000_000).contains(&all) {
        return Said::Read;
    }
    let Ok((inputs, prepared)) = filled(&scenario, &text) else { return Said::Refused };
    check_prepared(&prepared);
    assert_eq!(scenario.prepare(&inputs).unwrap(), prepared, "another time it is another run");
    Said::Read
}

#[test]
fn scenarios() {
    attack!(Target::of("scenarios", []).knowing(WORDS), look_at_scenario);
}

#[test]
fn configurations() {
    let look = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        let env: Vec<(String, String)> = text
            .lines()
            .filter_map(|line| line.trim_start_matches(['#', ' ']).split_once(" = "))
            .map(|(key, value)| (format!("ORKESTRA_{}", key.to_uppercase()), value.to_owned()))
            .take(20)
            .collect();
        // As an environment it is mostly wrong, and told so.
        if let Err(faults) = Config::load(&Layers { env: &env, ..Layers::default() }) {
            faulted(&faults, "");
        }
        let file = Some(("orkestra.toml", &*text));
        match Config::load(&Layers { file, ..Layers::default() }) {
            Ok(config) => {
                let shown: Vec<(String, String)> =
                    config.show().into_iter().map(|it| (it.key.to_owned(), it.value)).collect();
                assert_eq!(shown.len(), KEYS.len());
                let again = Config::load(&Layers { flags: &shown, ..Layers::default() }).unwrap();
                for (key, value) in shown {
                    assert_eq!(again.value(&key), Some(value), "{key}");
                }
                Said::Read
            }
            Err(faults) => faulted(&faults, &text),
        }
    };
    let open = embedded().replace("\n# ", "\n").lines().fold(String::new(), |text, line| {
        // Meanings are comments still; keys are not.
        text + if line.contains(" = ") { "" } else { "# " } + line.trim_start_matches("# ") + "\n"
    });
    let open = open.replace("# [", "[");
    assert_eq!(parse_bytes(&show_bytes(7)), Ok(7));
    let seeds = [embedded().into_bytes(), open.into_bytes()];
    attack!(Target::of("configurations", seeds).knowing(WORDS), look);
}

#[test]
fn command_lines() {
    let look = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        match cli::parses(&text) {
            Ok(()) => Said::Read,
            Err(told) => {
                // Usage is long, and repeats what was typed.
                assert!(told.starts_with("error:") || told.contains("Usage:"), "{told}");
                Said::Refused
            }
        }
    };
    let words = &[" ", "--", " --output ", " -o ", "json", "=", " task ", " --run ", "-", "\u{0}"];
    attack!(Target::of("command-lines", []).knowing(words), look);
}

#[test]
fn a_scenario_that_is_nested_without_end_is_refused() {
    let head = "[scenario]\nname = \"x\"\n";
    for text in [
        format!("{head}x{} = 1\n", ".a".repeat(60_000)),
        format!("{head}[x{}]\n", ".a".repeat(60_000)),
        format!("{head}x = {}\n", "[".repeat(60_000)),
        format!("{head}x = {}\n", "{a=".repeat(60_000)),
        format!("{head}x = {}1{}\n", "[".repeat(30_000), "]".repeat(30_000)),
        format!("{head}[[tasks]]\nid = \"{{{{ {}\"\n", "(".repeat(60_000)),
        format!("{head}[[tasks]]\nid = \"{}\"\n", "{% if 1 %}".repeat(6_000)),
    ] {
        let read = Scenario::read(&text, "file.toml", &functions());
        assert_eq!(faulted(&read.unwrap_err(), &text), Said::Refused);
        let loaded = Config::load(&Layers { file: Some(("f", &text)), ..Layers::default() });
        refused(&loaded.unwrap_err().faults[0].message);
    }
}
