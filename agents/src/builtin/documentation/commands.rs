//! The commands that a README tells people to type.

use ignore::gitignore::Gitignore;
use regex::Regex;
use serde_json::Value;

use super::{
    super::{
        finding::{Finding, Review, Severity},
        manifest::Manifests,
        workspace::{Workspace, folder_of, resolve},
    },
    is_ignored,
    page::{Block, Page},
};

/// Where the commands stand, and what they can name.
pub(super) struct Place<'a> {
    pub(super) workspace: &'a Workspace<'a>,
    pub(super) manifests: &'a Manifests,
    pub(super) ignored: &'a Gitignore,
    pub(super) path: &'a str,
}

/// Checks the shell blocks of a page; how many commands it knew how to check.
pub(super) fn check(place: &Place<'_>, page: &Page, review: &mut Review) -> usize {
    let mut checked = 0;
    for block in &page.blocks {
        let language = block.language.split([' ', ',', '{']).next().unwrap_or_default();
        if matches!(language, "sh" | "bash" | "shell" | "zsh" | "console" | "shell-session") {
            checked += check_block(place, block, review);
        }
    }
    checked
}

fn check_block(place: &Place<'_>, block: &Block, review: &mut Review) -> usize {
    let mut checked = 0;
    // What is typed begins at the root or beside the page; `cd` goes on from there.
    let mut folders = vec![String::new(), folder_of(place.path).to_owned()];
    folders.dedup();
    for (line, command) in commands(block) {
        let words = words(&command);
        let words: Vec<&str> =
            words.iter().map(String::as_str).skip_while(|word| is_prefix(word)).collect();
        let Some((program, arguments)) = words.split_first() else { continue };
        if words.iter().any(|word| word.contains(['<', '*', '$', '{'])) {
            continue;
        }
        if *program == "cd" {
            let to = arguments.first().copied().unwrap_or_default();
            let inside: Vec<String> = folders.iter().filter_map(|it| resolve(it, to)).collect();
            let known = inside.into_iter().find(|folder| place.workspace.has(folder));
            // A folder that is not here is the clone itself, or one that nothing is known of.
            folders = vec![known.unwrap_or_default()];
            continue;
        }
        let Some(result) = missing(place, &folders, program, arguments) else { continue };
        checked += 1;
        if let Err(message) = result {
            review.add(
                Finding::new(Severity::Medium, "missing_target", message)
                    .at(place.path, line)
                    .evidence(&command)
                    .advice("correct the command or add what it names"),
            );
        }
    }
    checked
}

fn is_prefix(word: &str) -> bool {
    let assignment = word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && name.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit())
    });
    assignment || matches!(word, "sudo" | "time" | "env" | "exec")
}

/// The commands of a block with their lines: continued lines joined, comments and output left out.
fn commands(block: &Block) -> Vec<(usize, String)> {
    let prompted = block.text.lines().any(|line| line.starts_with("$ "));
    let mut found = Vec::new();
    let mut joined: Option<(usize, String)> = None;
    for (line, text) in block.text.lines().enumerate().map(|(at, text)| (block.line + at, text)) {
        let typed = match (&joined, text.strip_prefix("$ ")) {
            (None, Some(typed)) => typed,
            (None, None) if prompted => continue,
            _ => text.trim_start_matches("> "),
        };
        let (first, mut so_far) = joined.take().unwrap_or((line, String::new()));
        so_far.push_str(typed.trim_end_matches('\\'));
        if typed.ends_with('\\') {
            joined = Some((first, so_far + " "));
            continue;
        }
        let text = so_far.split(" #").next().unwrap_or_default().trim();
        if !text.starts_with('#') {
            let parts =
                text.split("&&").flat_map(|it| it.split("||")).flat_map(|it| it.split([';', '|']));
            found.extend(
                parts.map(|it| (first, it.trim().to_owned())).filter(|it| !it.1.is_empty()),
            );
        }
    }
    found
}

fn words(command: &str) -> Vec<String> {
    let clean = |word: &str| word.trim_matches(['"', '\'']).to_owned();
    command.split_whitespace().map(clean).take_while(|word| !word.starts_with('>')).collect()
}

/// `None` for a command that is not checked; an error when it names what is not there.
fn missing(
    place: &Place<'_>,
    folders: &[String],
    program: &str,
    arguments: &[&str],
) -> Option<Result<(), String>> {
    match program {
        "cargo" => cargo(place, arguments),
        "make" => make(place, folders, arguments),
        "npm" | "pnpm" | "yarn" => script(place, folders, arguments),
        "python" | "python3" | "node" | "bash" | "sh" | "ruby" => {
            let file = arguments.first().filter(|it| !it.starts_with('-') && it.contains('.'))?;
            Some(file_missing(place, folders, file))
        }
        _ if program.starts_with("./") => Some(file_missing(place, folders, program)),
        _ => None,
    }
}

fn file_missing(place: &Place<'_>, folders: &[String], file: &str) -> Result<(), String> {
    if file.starts_with(['/', '~']) {
        return Ok(());
    }
    let there = |path: String| place.workspace.has(&path) || is_ignored(place.ignored, &path);
    let found = folders.iter().filter_map(|folder| resolve(folder, file)).any(there);
    if found { Ok(()) } else { Err(format!("there is no file {}", file.trim_start_matches("./"))) }
}

fn cargo(place: &Place<'_>, arguments: &[&str]) -> Option<Result<(), String>> {
    let ours: Vec<&str> = arguments.iter().copied().take_while(|it| *it != "--").collect();
    if !matches!(*ours.first()?, "run" | "build" | "test" | "bench" | "check" | "r" | "b" | "t") {
        return None;
    }
    let manifests = || place.manifests.by_folder.values();
    if manifests().next().is_none() {
        return Some(Err("there is no Cargo.toml".to_owned()));
    }
    let mut option = None;
    let spelled = ours.iter().flat_map(|word| match word.split_once('=') {
        Some((name, value)) if name.starts_with('-') => vec![name, value],
        _ => vec![*word],
    });
    for word in spelled {
        let missing = match option.take() {
            Some("-p" | "--package") => !manifests().any(|it| it.name() == Some(word)),
            Some(kind @ ("--bin" | "--example" | "--test" | "--bench")) => {
                let kind = kind.trim_start_matches('-');
                !manifests().any(|it| it.has_target(place.workspace, kind, word))
            }
            _ => false,
        };
        if missing {
            return Some(Err(format!("no package of the repository has {word}")));
        }
        option = Some(word);
    }
    Some(Ok(()))
}

fn make(place: &Place<'_>, folders: &[String], arguments: &[&str]) -> Option<Result<(), String>> {
    if arguments.iter().any(|it| it.starts_with('-')) {
        return None;
    }
    let names = ["Makefile", "makefile", "GNUmakefile"];
    let mut paths =
        folders.iter().flat_map(|folder| names.iter().filter_map(|name| resolve(folder, name)));
    let Some(text) = paths.find_map(|path| place.workspace.text_at(&path)) else {
        return Some(Err("there is no Makefile".to_owned()));
    };
    let rule = Regex::new(r"(?m)^([A-Za-z0-9_./ %-]+?)\s*::?(?:[^=]|$)").ok()?;
    let targets: Vec<&str> = rule
        .captures_iter(&text)
        .filter_map(|found| found.get(1))
        .flat_map(|names| names.as_str().split_whitespace())
        .collect();
    if text.lines().any(|line| line.starts_with("include"))
        || targets.iter().any(|it| it.contains('%'))
    {
        return None;
    }
    let wanted = arguments.iter().filter(|it| !it.contains('='));
    let missing = wanted.copied().find(|it| !targets.contains(it));
    Some(missing.map_or(Ok(()), |target| Err(format!("the Makefile has no target {target}"))))
}

fn script(place: &Place<'_>, folders: &[String], arguments: &[&str]) -> Option<Result<(), String>> {
    let (verb, rest) = arguments.split_first()?;
    let name = match *verb {
        "run" | "run-script" => *rest.first()?,
        "test" | "start" => verb,
        _ => return None,
    };
    let mut paths = folders.iter().filter_map(|folder| resolve(folder, "package.json"));
    let Some(text) = paths.find_map(|path| place.workspace.text_at(&path)) else {
        return Some(Err("there is no package.json".to_owned()));
    };
    let json: Value = serde_json::from_str(&text).ok()?;
    let known = json.get("scripts").is_some_and(|scripts| scripts.get(name).is_some());
    Some(if known { Ok(()) } else { Err(format!("package.json has no script {name}")) })
}
