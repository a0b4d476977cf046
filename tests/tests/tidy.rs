//! What the architecture says of itself, checked against the files.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its files has failed")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Words: plain values. They know only each other.
const WORDS: [&str; 10] =
    ["chance", "config", "envelope", "error", "id", "limits", "protocol", "record", "time", "wire"];
/// Minds: pure decisions. They know words and each other.
const MINDS: [&str; 3] = ["backoff", "machine", "restart"];
/// The names of blobs are words that live beside the blobs.
const KNOWN_STEPS: [(&str, &str); 1] = [("runtime/src/protocol/payload.rs", "fabric")];

const LINES_MAX: usize = 400;
const EXAMPLE_LINES_MAX: usize = 80;

struct File {
    /// From the root of the project, with `/`.
    path: String,
    text: String,
}

impl File {
    /// Without comments, texts and trailing tests.
    fn code(&self) -> String {
        let code = code_of(&self.text);
        let tests = code.find("#[cfg(test)]\nmod ").filter(|at| code[*at..].contains('{'));
        code[..tests.unwrap_or(code.len())].to_owned()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn files(folders: &[&str], ending: &str) -> Vec<File> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if name.ends_with(ending) && path.is_file() {
                let Ok(text) = fs::read_to_string(&path) else { continue };
                let path = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
                found.push(File { path, text });
            }
        }
    }
    assert!(!found.is_empty(), "no {ending} files found: this test is blind");
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// What runs in production: no files of tests.
fn sources() -> Vec<File> {
    let all = files(&["runtime/src", "agents/src", "coordinator/src"], ".rs");
    let is_test = |path: &str| {
        path.contains("/tests/") || path.ends_with("tests.rs") || path.contains("/testing")
    };
    all.into_iter().filter(|file| !is_test(&file.path)).collect()
}

/// Everything but this file, which must name what it looks for.
fn all_rust() -> Vec<File> {
    let folders = ["runtime", "agents", "coordinator", "examples", "tests"];
    files(&folders, ".rs").into_iter().filter(|f| f.path != "tests/tests/tidy.rs").collect()
}

/// Blanks out comments and texts, so that only code is looked at. Lines stay where they are.
fn code_of(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let mut code = String::with_capacity(text.len());
    let mut i = 0;
    while i < chars.len() {
        let start = i;
        match at(i) {
            '/' if at(i + 1) == '/' => {
                while i < chars.len() && at(i) != '\n' {
                    i += 1;
                }
            }
            '/' if at(i + 1) == '*' => {
                let mut depth = 0;
                loop {
                    match (at(i), at(i + 1)) {
                        ('/', '*') => (depth, i) = (depth + 1, i + 2),
                        ('*', '/') => (depth, i) = (depth - 1, i + 2),
                        _ => i += 1,
                    }
                    if depth == 0 || i >= chars.len() {
                        break;
                    }
                }
            }
            'r' if is_raw(&chars, i) => {
                let hashes = chars[i + 1..].iter().take_while(|c| **c == '#').count();
                let end: Vec<char> = format!("\"{}", "#".repeat(hashes)).chars().collect();
                i += hashes + 2;
                while i < chars.len() && !chars[i..].starts_with(&end) {
                    i += 1;
                }
                i += end.len();
            }
            '"' => {
                i += 1;
                while i < chars.len() && at(i) != '"' {
                    i += if at(i) == '\\' { 2 } else { 1 };
                }
                i += 1;
            }
            '\'' if at(i + 1) == '\\' => {
                i += 3;
                while i < chars.len() && at(i) != '\'' {
                    i += 1;
                }
                i += 1;
            }
            '\'' if at(i + 2) == '\'' => i += 3,
            other => {
                code.push(other);
                i += 1;
                continue;
            }
        }
        let blanked = &chars[start..i.min(chars.len())];
        code.extend(blanked.iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
    }
    code
}

fn is_raw(chars: &[char], i: usize) -> bool {
    let before = i.checked_sub(1).map(|at| chars[at]);
    let is_word = before.is_some_and(|c| (c.is_alphanumeric() && c != 'b') || c == '_');
    let after = chars[i + 1..].iter().find(|c| **c != '#');
    !is_word && after == Some(&'"')
}

/// The modules of its own crate that code names: `crate::a`, `crate::{a, b::c}`.
fn named_modules(code: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    let word = |text: &str| -> String {
        text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            named.insert(word(rest));
            continue;
        };
        let (mut depth, mut begins) = (0_i32, true);
        for (i, c) in group.char_indices() {
            if begins && (c.is_alphabetic() || c == '_') {
                named.insert(word(&group[i..]));
                begins = false;
            }
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' => begins = depth == 0,
                _ => {}
            }
        }
    }
    named
}

fn none(found: &[String]) {
    assert!(found.is_empty(), "\n  {}\n", found.join("\n  "));
}

/// Each place where code holds one of these.
fn places(file: &File, code: &str, words: &[&str]) -> Vec<String> {
    let lines = code.lines().enumerate();
    let hits = lines.filter_map(|(number, line)| {
        let word = words.iter().find(|word| line.contains(**word))?;
        Some(format!("{}:{}: {word}", file.path, number + 1))
    });
    hits.collect()
}

#[test]
fn crates_depend_downwards_only() {
    let arrows: [(&str, &[&str]); 4] = [
        ("runtime", &[]),
        ("agents", &["orkestra-runtime"]),
        ("coordinator/proto", &[]),
        ("coordinator", &["orkestra-agents", "orkestra-proto", "orkestra-runtime"]),
    ];
    for (name, allowed) in arrows {
        let text = fs::read_to_string(root().join(name).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = text.parse().unwrap();
        for section in ["dependencies", "build-dependencies"] {
            let Some(table) = manifest.get(section).and_then(toml::Value::as_table) else {
                continue;
            };
            for dependency in table.keys().filter(|key| key.starts_with("orkestra")) {
                assert!(allowed.contains(&dependency.as_str()), "{name} depends on {dependency}");
            }
        }
    }
}

#[test]
fn floors_of_the_runtime_are_kept() {
    let mut wrong = Vec::new();
    let mut steps = BTreeSet::new();
    for file in sources() {
        let Some(within) = file.path.strip_prefix("runtime/src/") else { continue };
        let module = within.split(['/', '.']).next().unwrap();
        let is_word = WORDS.contains(&module);
        let is_mind = MINDS.contains(&module) || within.ends_with("/machine.rs");
        if !is_word && !is_mind {
            continue;
        }
        for named in named_modules(&file.code()) {
            let is_below = WORDS.contains(&named.as_str())
                || (is_mind && (MINDS.contains(&named.as_str()) || named == module))
                // What the crate hands out at its top: `crate::Result`.
                || named.starts_with(char::is_uppercase);
            if KNOWN_STEPS.contains(&(file.path.as_str(), named.as_str())) {
                steps.insert((file.path.clone(), named));
            } else if !is_below {
                wrong.push(format!("{} knows {named}", file.path));
            }
        }
    }
    none(&wrong);
    assert_eq!(steps.len(), KNOWN_STEPS.len(), "a known step is no longer taken: take it out");
}

#[test]
fn minds_know_no_clock_no_chance_and_do_not_wait() {
    let words = [
        "async ",
        ".await",
        "tokio",
        "HashMap",
        "HashSet",
        "SystemTime",
        "Instant",
        "SystemClock",
        "dyn Clock",
        "std::thread",
        "std::fs",
        "std::net",
        "std::env",
        "std::process",
        "Mutex",
        "RwLock",
        "Atomic",
        "tracing",
        "ractor",
        "uuid",
        "rand::",
    ];
    let mut wrong = Vec::new();
    for file in sources() {
        let name = file.path.rsplit('/').next().unwrap();
        if name == "machine.rs" || file.path.contains("/machine/") {
            wrong.extend(places(&file, &file.code(), &words));
        }
    }
    none(&wrong);
}

#[test]
fn files_are_short() {
    let long = all_rust().into_iter().filter(|file| file.text.lines().count() > LINES_MAX);
    none(&long.map(|file| format!("{} is over {LINES_MAX} lines", file.path)).collect::<Vec<_>>());
    let long = files(&["examples"], ".rs")
        .into_iter()
        .filter(|file| file.text.lines().count() >= EXAMPLE_LINES_MAX);
    let told = long.map(|file| format!("{} is not under {EXAMPLE_LINES_MAX} lines", file.path));
    none(&told.collect::<Vec<_>>());
}

#[test]
fn one_module_prints() {
    let words = ["println!", "print!(", "dbg!", "io::stdout", "io::stderr", "stdout()", "stderr()"];
    let mut wrong = Vec::new();
    for file in sources() {
        let may_log = file.path.ends_with("/telemetry.rs");
        if !file.path.starts_with("coordinator/src/output/") && !may_log {
            wrong.extend(places(&file, &file.code(), &words));
        }
    }
    none(&wrong);
}

#[test]
fn one_file_knows_the_frames_between_nodes() {
    let may = ["runtime/src/wire", "tests/tests/wire"];
    let mut wrong = Vec::new();
    for file in all_rust() {
        if !may.iter().any(|start| file.path.starts_with(start)) {
            wrong.extend(places(&file, &code_of(&file.text), &["bincode"]));
        }
    }
    none(&wrong);
}

#[test]
fn one_folder_knows_the_servers_of_many_machines() {
    let (mut wrong, mut known) = (Vec::new(), 0);
    for file in sources() {
        let code = file.code();
        if !file.path.starts_with("runtime/src/fabric/nats/") {
            wrong.extend(places(
                &file,
                &code,
                &["async_nats", "use backoff::", "ExponentialBackoff"],
            ));
        } else if code.contains("use backoff::") {
            known += 1;
        }
    }
    none(&wrong);
    assert_eq!(known, 1, "the pauses between attempts to connect belong to one file");
}

#[test]
fn nothing_is_skipped_and_nothing_is_left_open() {
    let mut wrong = Vec::new();
    for file in all_rust() {
        let words = ["#[ignore", "todo!", "unimplemented!", "#[should_panic"];
        wrong.extend(places(&file, &code_of(&file.text), &words));
    }
    none(&wrong);
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    let here = root().to_string_lossy().into_owned();
    let words = [here.as_str(), "/root/", "/Users/"];
    let folders =
        ["runtime", "agents", "coordinator", "examples", "tests", "config", "docs", ".ci"];
    let folders: Vec<&str> = folders.into_iter().filter(|f| root().join(f).is_dir()).collect();
    let mut wrong = Vec::new();
    for ending in [".rs", ".toml", ".md", ".py", ".sh"] {
        let has_any = |folder: &&str| has_ending(&root().join(folder), ending);
        let folders: Vec<&str> = folders.iter().copied().filter(|f| has_any(f)).collect();
        if folders.is_empty() {
            continue;
        }
        for file in files(&folders, ending) {
            if file.path != "tests/tests/tidy.rs" {
                wrong.extend(places(&file, &file.text, &words));
            }
        }
    }
    none(&wrong);
}

fn has_ending(folder: &Path, ending: &str) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            has_ending(&path, ending)
        } else {
            path.to_string_lossy().ends_with(ending)
        }
    })
}

#[test]
fn the_configuration_file_says_what_holds_anyway() {
    use orkestra_coordinator::config::{cluster, embedded};
    for (name, expected) in [("embedded.toml", embedded()), ("cluster.toml", cluster())] {
        let written = fs::read_to_string(root().join("config").join(name)).unwrap_or_default();
        if written != expected {
            let anew = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
            fs::write(&anew, &expected).unwrap();
            let from = anew.display();
            none(&[format!("config/{name} is out of date: copy {from} over it")]);
        }
    }
}

#[test]
fn the_server_configuration_is_made_from_the_table_of_access() {
    let plan = orkestra_coordinator::access::Plan::new("main", 16, &["example"]).unwrap();
    let mut wrong = Vec::new();
    for (name, expected) in plan.files() {
        let place = format!("config/nats/{name}");
        if fs::read_to_string(root().join(&place)).unwrap_or_default() != expected {
            let anew = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
            fs::write(&anew, &expected).unwrap();
            wrong.push(format!("{place} is out of date: copy {} over it", anew.display()));
        }
    }
    none(&wrong);
}

#[test]
fn links_of_documents_lead_somewhere() {
    let names = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"];
    let mut wrong = Vec::new();
    for name in names.into_iter().filter(|name| root().join(name).exists()) {
        let text = fs::read_to_string(root().join(name)).unwrap();
        let prose: Vec<&str> = text.split("```").step_by(2).collect();
        for link in prose.iter().flat_map(|part| part.split("](").skip(1)) {
            let target = link.split([')', ' ', '#']).next().unwrap();
            let is_outside = target.is_empty() || target.contains("://") || target.contains(':');
            if !is_outside && !root().join(target).exists() {
                wrong.push(format!("{name}: {target}"));
            }
        }
    }
    none(&wrong);
}

#[test]
fn what_is_looked_at_is_code() {
    let text = "let a = \"todo!\"; // todo!\nlet b = r#\"x\"y\"#; let c = 'c'; /* todo! */ todo!()";
    let code = code_of(text);
    assert_eq!(code.matches("todo!").count(), 1);
    assert_eq!(code.lines().count(), 2);
    assert!(code_of("fn a<'a>(x: &'a str) -> char { '\\'' } // x").contains("'a str"));
    let named = named_modules("use crate::{a, b::{c, d}, e::F};\nlet x = crate::g::h();");
    assert_eq!(named.into_iter().collect::<Vec<_>>(), ["a", "b", "e", "g"]);
}
