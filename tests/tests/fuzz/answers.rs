//! What agents answered, read by those who depend on it.

use orkestra_runtime::{id::TaskId, protocol::payload::Json};
use serde_json::{Value, json};

use super::{
    repositories::review,
    target::{Said, Target, attack, refused},
};

#[test]
fn answers_of_other_agents() {
    let look = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        let json = match Json::parse(&text) {
            Ok(json) => json,
            Err(error) => return refused(&error),
        };
        let results = || {
            let names = ["secrets", "synthesis", "ballot"];
            names.map(|name| (TaskId::new(name).unwrap(), json.clone())).to_vec()
        };
        let input: Value = json.read().unwrap();
        let mut read = Vec::new();
        for reader in ["synthesis", "signoff", "report"] {
            read.push(review(reader, &json!({"perspective": "security"}), results()));
            read.push(review(reader, &input, results()));
        }
        if read.contains(&Said::Read) { Said::Read } else { Said::Refused }
    };
    let words = &[
        "\"findings\":",
        "\"severity\":\"critical\"",
        "\"counts\":",
        "\"score\":",
        "\"ready\":true",
        "\"minutes\":[",
        "null",
        "[",
        "{",
        "\"perspective\":\"legal\"",
        "\"line\":",
        "\"facts\":{",
        "-1",
        "1e308",
    ];
    attack!(Target::of("answers", []).knowing(words), look);
}
