//! What command agents say, line by line, in whatever pieces it comes.

use std::{fmt::Write as _, path::PathBuf};

use orkestra_agents::{Context, Secret, kinds::command::testing::hear};
use orkestra_runtime::protocol::task::FailureKind;

use super::target::{Said, Target, attack, refused};

const LINE_BYTES_MAX: usize = 4_096;
const WORDS: &[&str] = &[
    "{\"type\":\"progress\",\"percent\":40}\n",
    "{\"type\":\"heartbeat\"}\n",
    "{\"type\":\"completed\",\"output\":",
    "{\"type\":\"failed\",\"message\":\"",
    "\"retryable\":false",
    "}\n",
    "\r\n",
    "\n",
    "[",
    "1e999",
    "\\ud800",
    "canary",
    "\"type\":",
    ",",
];

fn context() -> Context {
    Context::alone(PathBuf::from("/nowhere"))
}

#[test]
fn lines_of_a_program() {
    let look = |bytes: &[u8]| {
        let heard = |chunks: &[&[u8]]| hear(&context(), &[], LINE_BYTES_MAX, chunks);
        let whole = heard(&[bytes]);
        // However the pipe cuts it, it says the same.
        let at = bytes.len() / 2;
        assert_eq!(heard(&[&bytes[..at], &bytes[at..]]), whole);
        assert_eq!(heard(&bytes.chunks(7).collect::<Vec<_>>()), whole);
        match whole {
            Ok(Some(Ok(output))) => {
                output.read::<serde_json::Value>().unwrap();
                Said::Read
            }
            Ok(Some(Err(_)) | None) => Said::Read,
            Err(failure) => {
                assert_eq!(failure.kind, FailureKind::BadOutput);
                refused(&failure)
            }
        }
    };
    attack!(Target::of("program-lines", []).knowing(WORDS), look);
}

/// JSON of a text as some program may spell it: each character plainly or by its number.
fn spelled(text: &str, how: &[u8]) -> String {
    let mut spelled = String::from("\"");
    for (index, c) in text.chars().enumerate() {
        let how = how.get(index % how.len().max(1)).copied().unwrap_or_default();
        match how % 3 {
            0 if !"\"\\\n".contains(c) => spelled.push(c),
            1 if c == '/' => spelled.push_str("\\/"),
            _ => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    write!(spelled, "\\u{unit:04x}").unwrap();
                }
            }
        }
    }
    spelled + "\""
}

/// However a program spells a secret, nothing that it is heard to say has it.
#[test]
fn secrets_that_are_spelled_in_other_ways() {
    let secret = "pä/ss \"word\" & \\ more";
    let look = |bytes: &[u8]| {
        let (how, rest) = bytes.split_at(bytes.len().min(24));
        let text = spelled(secret, how);
        let around = spelled(&String::from_utf8_lossy(rest), how);
        let lines = [
            format!("{{\"type\":\"completed\",\"output\":{{\"a\":[{around},{text}]}}}}"),
            format!("{{\"type\":\"completed\",\"output\":{{{text}:1}}}}"),
            format!("{{\"type\":\"failed\",\"message\":{text}}}"),
            format!("{{\"type\":\"nonsense\",\"message\":{text}}}"),
            format!("{{\"type\":{text}}}"),
            format!("{text} is no line of the protocol"),
        ];
        let secrets = [Secret::new(secret)];
        for line in lines {
            let heard = hear(&context(), &secrets, 1 << 20, &[line.as_bytes()]);
            let told = match heard {
                Ok(Some(Ok(output))) => output.read::<serde_json::Value>().unwrap().to_string(),
                Ok(Some(Err(failure))) | Err(failure) => {
                    serde_json::to_string(&failure.to_string()).unwrap()
                }
                Ok(None) => panic!("{line} was not heard"),
            };
            let plain = serde_json::to_string(secret).unwrap();
            let inner = &plain[1..plain.len() - 1];
            assert!(!told.contains(inner), "{line} is heard as {told}");
        }
        if rest.is_empty() { Said::Refused } else { Said::Read }
    };
    attack!(Target::of("program-secrets", [b"x".to_vec()]).knowing(WORDS), look);
}
