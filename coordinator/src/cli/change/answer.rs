//! A person's answer, as it was given: a text, JSON, or a file of either.

use std::{fs::File, io::Read as _, path::Path};

use orkestra_runtime::{Error, ErrorKind, Result};
use serde_json::Value;

use super::args::AnswerArgs;
use crate::door::LINE_BYTES_MAX;

pub(super) fn read(given: &AnswerArgs) -> Result<Value> {
    match (&given.text, &given.json, &given.file) {
        (Some(text), ..) => Ok(Value::from(text.as_str())),
        (_, Some(json), _) => parse(json, "--json"),
        (_, _, Some(file)) => {
            let text = read_file(file)?;
            let is_json =
                file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
            if is_json { parse(&text, &file.display().to_string()) } else { Ok(Value::from(text)) }
        }
        (None, None, None) => {
            let message = "there is no answer: give one with --text, --json or --file";
            Err(Error::new(ErrorKind::Invalid, message))
        }
    }
}

fn parse(text: &str, from: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|error| {
        let message = format!("cannot read the answer of {from} as JSON (a text is for --text)");
        Error::new(ErrorKind::Invalid, message).because(error)
    })
}

fn read_file(path: &Path) -> Result<String> {
    let failed = |error| {
        let message = format!("cannot read the answer in {}", path.display());
        Error::new(ErrorKind::Invalid, message).because(error)
    };
    let file = File::open(path).map_err(failed)?;
    let mut text = String::new();
    let most = LINE_BYTES_MAX as u64;
    let read = file.take(most + 1).read_to_string(&mut text).map_err(failed)?;
    if read > LINE_BYTES_MAX {
        let message = format!("the answer in {} has more than {most} bytes", path.display());
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_text_or_json_or_a_file_of_either() {
        let folder = tempfile::tempdir().unwrap();
        let none = || AnswerArgs { text: None, json: None, file: None };
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            read(&AnswerArgs { file: Some(path), ..none() })
        };
        let text = read(&AnswerArgs { text: Some("{2}".to_owned()), ..none() }).unwrap();
        assert_eq!(text, Value::from("{2}"));
        let json = |json: &str| read(&AnswerArgs { json: Some(json.to_owned()), ..none() });
        assert_eq!(json("[2]").unwrap(), serde_json::json!([2]));
        assert!(json("{2}").unwrap_err().to_string().contains("of --json as JSON"));
        assert_eq!(file("a.json", " 7\n").unwrap(), Value::from(7));
        assert_eq!(file("a.txt", "7\n").unwrap(), Value::from("7\n"));
        assert!(file("b.JSON", "x").unwrap_err().to_string().contains("b.JSON as JSON"));
        let long = "x".repeat(LINE_BYTES_MAX + 1);
        assert_eq!(file("long", &long).unwrap_err().kind(), ErrorKind::Invalid);
        let gone = AnswerArgs { file: Some(folder.path().join("gone")), ..none() };
        assert_eq!(read(&gone).unwrap_err().kind(), ErrorKind::Invalid);
    }
}
