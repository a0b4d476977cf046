//! Plain values: JSON, payloads, names, durations, sizes, times.

use std::str::FromStr;

use orkestra_coordinator::{
    cli::time_of,
    written::{parse_bytes, parse_duration, show_bytes, show_duration},
};
use orkestra_runtime::{
    Error, ErrorKind,
    fabric::{BlobName, Key, LogName, Pattern, Subject},
    id::{AgentId, Capability, NodeId, RunId, TaskId},
    protocol::{
        payload::{Json, Payload},
        task::{Outcome, TaskSpec},
    },
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    events,
    target::{Said, Target, attack, refused},
};

const JSON_WORDS: &[&str] =
    &["[", "{", "{\"a\":", "\"", "\\u", "\\ud800", "1e999", "-", "null", "inline", "blob", "name"];

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn json_as_agents_write_it() {
    let look = |bytes: &[u8]| {
        let text = text(bytes);
        let json = match Json::parse(&text) {
            Ok(json) => json,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Invalid);
                return refused(&error);
            }
        };
        assert_eq!(json.as_str(), text);
        // What was checked when it came in can be read by whoever needs it.
        let value: Value = json.read().unwrap();
        assert_eq!(Json::of(&value).unwrap().read::<Value>().unwrap(), value);
        let payload = Payload::Inline(json);
        assert_eq!(stored(&payload), payload);
        Said::Read
    };
    attack!(Target::of("json", []).knowing(JSON_WORDS), look);
}

fn stored<T: Serialize + DeserializeOwned>(value: &T) -> T {
    let mut buffer = Vec::new();
    orkestra_runtime::record::encode_event(value, &mut buffer).unwrap();
    serde_json::from_slice(&serde_json::to_vec(value).unwrap()).unwrap()
}

/// A payload that is read holds what a payload may hold.
fn check_payload(payload: &Payload) {
    if let Payload::Inline(json) = payload {
        let raw = serde_json::from_str::<&serde_json::value::RawValue>(json.as_str());
        raw.unwrap_or_else(|error| panic!("{json} is taken for JSON: {error}"));
    }
}

#[test]
fn payloads_specs_and_outcomes() {
    let look = |bytes: &[u8]| {
        let spec = serde_json::from_slice::<TaskSpec>(bytes);
        if let Ok(spec) = &spec {
            check_payload(&spec.input);
            assert_eq!(&stored(spec), spec);
        }
        let outcome = serde_json::from_slice::<Outcome>(bytes);
        if let Ok(outcome) = &outcome {
            if let Outcome::Completed(payload) = outcome {
                check_payload(payload);
            }
            assert_eq!(&stored(outcome), outcome);
        }
        match serde_json::from_slice::<Payload>(bytes) {
            Ok(payload) => {
                check_payload(&payload);
                assert_eq!(stored(&payload), payload);
                Said::Read
            }
            Err(_) if spec.is_ok() || outcome.is_ok() => Said::Read,
            // What serde says repeats the name that it does not know.
            Err(_) => Said::Refused,
        }
    };
    let specs = events::history().into_iter().filter_map(|event| {
        let value = serde_json::to_value(event).unwrap();
        Some(serde_json::to_vec(value.pointer("/task/submitted/spec")?).unwrap())
    });
    let target = Target::of("payloads", specs.collect::<Vec<_>>());
    attack!(target.knowing(JSON_WORDS), look);
}

/// A name that is taken is kept as it is, in every form.
fn named<T>(
    text: &str,
    new: impl Fn(&str) -> Result<T, Error>,
    shown: impl Fn(&T) -> String,
) -> bool {
    match new(text) {
        Ok(name) => {
            assert_eq!(shown(&name), text);
            assert!((1..=256).contains(&text.len()) && text.is_ascii(), "{text:?}");
            assert!(!text.contains(|c: char| c.is_ascii_control() || " \"'\\".contains(c)));
            true
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Invalid);
            refused(&error);
            false
        }
    }
}

fn spelled<T: Serialize + DeserializeOwned + ToString + FromStr<Err = Error>>(text: &str) -> bool {
    let taken = named(text, T::from_str, T::to_string);
    let json = serde_json::to_string(text).unwrap();
    let read = serde_json::from_str::<T>(&json);
    assert_eq!(read.is_ok(), taken, "{text:?} from outside");
    assert!(read.is_err() || serde_json::to_string(&read.unwrap()).unwrap() == json);
    taken
}

#[test]
fn names_of_everything() {
    let look = |bytes: &[u8]| {
        let text = text(bytes);
        let text = text.as_str();
        let taken = [
            spelled::<RunId>(text),
            spelled::<TaskId>(text),
            spelled::<AgentId>(text),
            spelled::<NodeId>(text),
            spelled::<Capability>(text),
            spelled::<BlobName>(text),
            named(text, LogName::new, |name| name.as_str().to_owned()),
            named(text, Key::new, |name| name.as_str().to_owned()),
            named(text, Subject::new, |name| name.as_str().to_owned()),
            named(text, Pattern::new, |name| name.as_str().to_owned()),
        ];
        if let Ok(subject) = Subject::new(text) {
            assert!(Pattern::new(text).unwrap().matches(&subject), "{text} does not hear itself");
            assert!(Pattern::new(">").unwrap().matches(&subject));
        }
        if taken.contains(&true) { Said::Read } else { Said::Refused }
    };
    let words = &["*", ">", ".", "/", "@", ":", "-", "\u{130}", "ａ"];
    attack!(Target::of("names", []).knowing(words), look);
}

#[test]
fn durations_sizes_and_times() {
    let look = |bytes: &[u8]| {
        let text = text(bytes);
        let mut said = Vec::new();
        said.push(match parse_duration(&text) {
            Ok(duration) => {
                assert_eq!(parse_duration(&show_duration(duration)), Ok(duration), "{text:?}");
                Said::Read
            }
            Err(why) => refused(&why),
        });
        said.push(match parse_bytes(&text) {
            Ok(bytes) => {
                assert_eq!(parse_bytes(&show_bytes(bytes)), Ok(bytes), "{text:?}");
                Said::Read
            }
            Err(why) => refused(&why),
        });
        said.push(match time_of(&text) {
            Ok(wall) => {
                assert_eq!(time_of(&wall.to_string()).unwrap(), wall, "{text:?}");
                Said::Read
            }
            Err(error) => refused(&error),
        });
        if said.contains(&Said::Read) { Said::Read } else { Said::Refused }
    };
    let words = &["ms", "s", "m", "h", "d", "years", "KiB", "MiB", "TiB", "GB", ".", "_", "Z", "T"];
    attack!(Target::of("units", []).knowing(words), look);
}
