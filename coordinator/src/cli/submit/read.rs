//! What is submitted from a file or the standard input, as JSON or TOML: one task, a list of tasks, or
//! a whole submission.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    ops::Range,
    path::Path,
};

use orkestra_runtime::{Error, ErrorKind};
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};

use crate::{
    cli::failure::Failure,
    public::{Submission, TaskWord, help_of},
    written::{Fault, Faults, fault_at},
};

/// The largest file that is read.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// What names the standard input in the place of a file.
const STDIN: &str = "-";
/// The keys by which a whole submission is told from a task.
const OF_A_SUBMISSION: [&str; 6] = ["namespace", "run", "key", "task", "tasks", "seal"];

/// What a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Whole,
    List,
    One,
}

/// Reads a submission; faults have their place.
pub(super) fn read(file: &Path) -> Result<Submission, Failure> {
    let is_stdin = file.as_os_str() == STDIN;
    let name = if is_stdin { "the standard input".into() } else { file.to_string_lossy() };
    let text = if is_stdin { text_of(&name, io::stdin()) } else { text_of_file(&name, file) }?;
    let ending = file.extension().and_then(|ending| ending.to_str());
    let is_toml = match ending.map(str::to_ascii_lowercase).as_deref() {
        Some("toml") => true,
        Some("json") => false,
        _ => !looks_like_json(&text),
    };
    Ok(if is_toml { of_toml(&name, &text) } else { of_json(&name, &text) }?)
}

fn text_of_file(name: &str, file: &Path) -> Result<String, Error> {
    let file = File::open(file).map_err(|error| {
        Error::new(ErrorKind::Invalid, format!("cannot read {name}")).because(error)
    })?;
    text_of(name, file)
}

fn text_of(name: &str, from: impl Read) -> Result<String, Error> {
    let mut text = String::new();
    let read = from.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(|error| {
        Error::new(ErrorKind::Invalid, format!("cannot read {name}")).because(error)
    })?;
    if read as u64 > FILE_BYTES_MAX {
        let message = format!("{name} has more than {FILE_BYTES_MAX} bytes: submit it in parts");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    Ok(text)
}

/// JSON begins with an object, or with a list of them; a table of TOML is a bracket before a name.
fn looks_like_json(text: &str) -> bool {
    let text = text.trim_start();
    let in_list = text.strip_prefix('[').map(str::trim_start);
    text.starts_with('{') || in_list.is_some_and(|rest| rest.starts_with(['{', ']']))
}

fn of_json(name: &str, text: &str) -> Result<Submission, Faults> {
    fn parse<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, Faults> {
        serde_json::from_str(text).map_err(|error| of_json_error(name, text, &error))
    }
    let shape = if text.trim_start().starts_with('[') {
        Shape::List
    } else {
        shape_of(parse::<BTreeMap<String, Box<RawValue>>>(name, text)?.keys())
    };
    Ok(match shape {
        Shape::Whole => parse(name, text)?,
        Shape::List => Submission { tasks: parse(name, text)?, ..Submission::default() },
        Shape::One => Submission { task: Some(parse(name, text)?), ..Submission::default() },
    })
}

fn of_toml(name: &str, text: &str) -> Result<Submission, Faults> {
    fn parse<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, Faults> {
        toml::from_str(text).map_err(|error| {
            fault(name, text, error.span().unwrap_or(0..0), error.message().replace('\n', ", "))
        })
    }
    let whole: Submission<toml::Value> = match shape_of(parse::<toml::Table>(name, text)?.keys()) {
        Shape::Whole | Shape::List => parse(name, text)?,
        Shape::One => {
            let (namespace, run, key) = (None, None, None);
            let task: TaskWord<toml::Value> = parse(name, text)?;
            Submission { namespace, run, key, task: Some(task), tasks: Vec::new(), seal: false }
        }
    };
    whole.with_inputs(|input| given(input).map_err(|why| fault(name, text, 0..0, why)))
}

fn shape_of<'a>(mut keys: impl Iterator<Item = &'a String>) -> Shape {
    let is_whole = keys.any(|key| OF_A_SUBMISSION.contains(&key.as_str()));
    if is_whole { Shape::Whole } else { Shape::One }
}

/// An input as JSON; dates as text.
fn given(input: toml::Value) -> Result<Box<RawValue>, String> {
    let json = json_of(input)?;
    to_raw_value(&json).map_err(|error| format!("an input cannot be written as JSON: {error}"))
}

fn json_of(value: toml::Value) -> Result<serde_json::Value, String> {
    Ok(match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Boolean(yes) => yes.into(),
        toml::Value::Datetime(date) => date.to_string().into(),
        toml::Value::Float(number) => serde_json::Number::from_f64(number)
            .ok_or_else(|| format!("an input holds {number}, which JSON cannot say"))?
            .into(),
        toml::Value::Array(list) => {
            list.into_iter().map(json_of).collect::<Result<Vec<_>, _>>()?.into()
        }
        toml::Value::Table(table) => {
            let entries = table.into_iter().map(|(key, value)| Ok((key, json_of(value)?)));
            serde_json::Value::Object(entries.collect::<Result<_, String>>()?)
        }
    })
}

fn of_json_error(name: &str, text: &str, error: &serde_json::Error) -> Faults {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default().to_owned();
    let line_start: usize =
        text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    // It is told where reading stopped, which is behind what is wrong.
    let end = line_start + error.column();
    fault(name, text, end.saturating_sub(1)..end, message)
}

fn fault(name: &str, text: &str, at: Range<usize>, message: String) -> Faults {
    let help = help_of(&message);
    let fault = Fault { help, ..fault_at(text, at, "", message) };
    Faults { file: name.to_owned(), faults: vec![fault] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(submission: &Submission) -> Vec<&str> {
        let tasks = submission.task.iter().chain(&submission.tasks);
        tasks.map(|task| task.input.as_ref().map_or("", |input| input.get())).collect()
    }

    #[test]
    fn one_task_a_list_and_a_whole_submission_are_read_from_json_and_from_toml() {
        let one = of_json("f", r#"{"id": "a", "input": 1.10}"#).unwrap();
        assert_eq!(
            (inputs(&one), &one.run),
            (vec!["1.10"], &None),
            "an input stays as it is written"
        );
        let list = of_json("f", r#" [{"id": "a"}, {"id": "b", "needs": ["a"]}]"#).unwrap();
        assert_eq!(list.tasks.len(), 2);
        let whole = of_json("f", r#"{"key": "k", "tasks": [{"input": {"n": 1}}]}"#).unwrap();
        assert_eq!((inputs(&whole), whole.key.as_deref()), (vec![r#"{"n": 1}"#], Some("k")));

        let one = of_toml("f", "id = 'a'\n[input]\nn = 1\nat = 2026-01-02\n").unwrap();
        assert_eq!(inputs(&one), [r#"{"at":"2026-01-02","n":1}"#]);
        let text = "run = 'r'\nseal = true\n[[tasks]]\nid = 'a'\n[[tasks]]\nid = 'b'\n";
        let many = of_toml("f", text).unwrap();
        assert_eq!((many.tasks.len(), many.seal), (2, true));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_with_what_was_meant() {
        let text = "[\n  {\"id\": \"a\"},\n  {\"id\": \"b\", \"need\": [\"a\"]}\n]";
        let told = of_json("f.json", text).unwrap_err().to_string();
        assert!(told.contains("f.json:3:") && told.contains("unknown field `need`"), "{told}");
        assert!(told.contains("did you mean \"needs\"?"), "{told}");
        let told = of_json("f.json", "{\"id\": }").unwrap_err().to_string();
        assert!(told.contains("f.json:1:8"), "{told}");
        let text = "[[tasks]]\nid = 'a'\nretries = 'many'\n";
        let told = of_toml("f.toml", text).unwrap_err().to_string();
        assert!(told.contains("f.toml:3:11") && told.contains("3 | retries = 'many'"), "{told}");
        let told = of_toml("f.toml", "id = 'a'\n[input]\nx = nan\n").unwrap_err().to_string();
        assert!(told.contains("which JSON cannot say"), "{told}");
    }

    #[test]
    fn what_comes_without_a_name_is_told_apart_by_how_it_begins() {
        assert!(looks_like_json(" {\"id\": 1}") && looks_like_json("[ {}]"));
        assert!(!looks_like_json("[[tasks]]\nid = 'a'") && !looks_like_json("id = 'a'"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tasks");
        std::fs::write(&file, "[[tasks]]\nid = 'a'\n").unwrap();
        assert_eq!(read(&file).unwrap().tasks.len(), 1);
        assert!(read(&folder.path().join("gone.json")).is_err());
    }
}
