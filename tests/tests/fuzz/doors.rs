//! What comes to the control door, and what a backup says of itself.

use orkestra_coordinator::{
    door::is_request,
    ops::{MANIFEST_VERSION, read_manifest},
};
use orkestra_runtime::ErrorKind;
use serde_json::{Map, Value};

use super::target::{Said, Target, attack, refused};

#[test]
fn requests_at_the_control_door() {
    let look = |line: &[u8]| {
        if !is_request(line) {
            return Said::Refused;
        }
        // What is carried out is an object that names its version, its id and its command.
        let fields: Map<String, Value> = serde_json::from_slice(line).unwrap();
        assert_eq!(fields["v"], 1);
        assert!(fields["id"].is_u64() || fields["id"].as_str().is_some_and(|id| id.len() <= 128));
        assert!(fields["command"].is_string());
        // Written otherwise it is the same request; with a field more it is none.
        let mut fields = fields;
        assert!(is_request(&serde_json::to_vec_pretty(&fields).unwrap()), "{fields:?}");
        fields.insert("nobody_knows_this".to_owned(), Value::Null);
        assert!(!is_request(&serde_json::to_vec(&fields).unwrap()), "{fields:?}");
        Said::Read
    };
    let words = &[
        "\"v\":1",
        "\"v\":2",
        "\"id\":1",
        "\"as\":\"ann\"",
        "\"command\":\"status\"",
        "\"command\":\"task_cancel\"",
        "\"task\":\"a\"",
        "\"reason\":\"r\"",
        "null",
        "[",
        "{\"a\":",
        "1e999",
    ];
    attack!(Target::of("requests", []).knowing(words), look);
}

#[test]
fn lists_of_backups() {
    let look = |text: &[u8]| {
        let manifest = match read_manifest(text) {
            Ok(manifest) => manifest,
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::TooNew), "{error}");
                return refused(&error);
            }
        };
        assert!(manifest.v <= MANIFEST_VERSION);
        // No file of it can be put anywhere but into the folder that is restored.
        for path in manifest.files.keys() {
            let parts: Vec<&str> = path.split('/').collect();
            assert!(!path.starts_with('/') && !parts.contains(&".."), "{path:?}");
        }
        let again = serde_json::to_vec(&manifest).unwrap();
        assert_eq!(read_manifest(&again).unwrap(), manifest);
        Said::Read
    };
    let words =
        &["\"v\":1", "\"v\":2", "\"files\":{", "\"../x\":", "\"/x\":", "\"bytes\":-1", "{}"];
    attack!(Target::of("manifests", []).knowing(words), look);
}
