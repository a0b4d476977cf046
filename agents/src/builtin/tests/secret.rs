//! A secret is found, and never repeated.

use serde_json::json;

use super::scratch::{Scratch, lines, told};
use crate::builtin::REVIEWERS;

/// Characters without meaning, `length` of them; nowhere in this repository as they are.
fn noise(length: usize) -> String {
    let all = b"q7Zp2LmX9vKt4RwB8nYc3HsD6fJg5TbVaE1uWzQ0xCkMiNoP";
    all.iter().cycle().take(length).map(|byte| char::from(*byte)).collect()
}

fn upper(length: usize) -> String {
    noise(length * 2).to_uppercase().chars().take(length).collect()
}

/// Each kind's rule with a secret of that kind, and the line that it stands on.
fn secrets() -> Vec<(&'static str, String, String)> {
    let key = format!("-----BEGIN RSA {} KEY-----", "PRIVATE");
    let body = noise(64);
    let bare = |rule, secret: String| (rule, secret.clone(), format!("let it = {secret};"));
    let web = ["eyJ", &noise(20), ".eyJ", &noise(30), ".", &noise(40)].concat();
    vec![
        ("private_key", body.clone(), format!("{key}\n{body}\n")),
        bare("aws_key", format!("{}{}", "AKIA", upper(16))),
        ("aws_secret", noise(40), format!("aws_secret_access_key = {}", noise(40))),
        bare("github_token", format!("{}_{}", "ghp", noise(36))),
        bare("gitlab_token", format!("{}-{}", "glpat", noise(20))),
        bare("slack_token", format!("{}-{}", "xoxb", noise(30))),
        bare("stripe_key", format!("{}_live_{}", "sk", noise(24))),
        bare("google_key", format!("{}{}", "AIza", noise(35))),
        bare("anthropic_key", format!("{}-ant-{}", "sk", noise(40))),
        bare("openai_key", format!("{}-proj-{}", "sk", noise(44))),
        bare("npm_token", format!("{}_{}", "npm", noise(36))),
        bare("jwt", web),
        ("url_password", noise(12), format!("db = postgres://me:{}@db/x", noise(12))),
        ("assigned", noise(18), format!("{} = \"{}\"", "password", noise(18))),
    ]
}

#[test]
fn every_kind_of_secret_is_found_at_its_line() {
    for (rule, _, line) in secrets() {
        let scratch = Scratch::with(&[("src/a.rs", &format!("one\ntwo\n{line}\n"))]);
        let severity = match rule {
            "assigned" | "jwt" | "url_password" => "high",
            _ => "critical",
        };
        let report = scratch.review("secrets");
        assert_eq!(told(&report), [format!("{severity} secrets.{rule} src/a.rs:3")]);
    }
}

#[test]
fn no_reviewer_ever_repeats_a_secret() {
    for (rule, secret, line) in secrets() {
        let comment = format!("// TO{} {line}\n", "DO").replace('\n', "\n// ");
        let readme = format!("[x](gone/{secret}) `src/{secret}.rs`\n\n```sh\n./{secret}\n```\n");
        let files = [("src/a.rs", comment.as_str()), ("README.md", readme.as_str())];
        let scratch = Scratch::with(&files);
        for reviewer in REVIEWERS {
            // A bare password, without what is around it, is a word like any other.
            if reviewer == "documentation" && !line.starts_with("let it") {
                continue;
            }
            let report = scratch.review(reviewer).to_string();
            assert!(!report.contains(&secret), "{reviewer} repeats a {rule}");
            let part: String = secret.chars().skip(4).take(12).collect();
            assert!(!report.contains(&part), "{reviewer} repeats a part of a {rule}");
        }
    }
}

#[test]
fn a_quoted_line_is_cut_only_after_its_secret_was_struck_out() {
    let token = format!("{}_{}", "ghp", noise(36));
    let slack = format!("{}-{}-XX{}-{}", "xoxb", noise(20), "X", noise(20));
    let key = format!("-----BEGIN {} KEY-----\\n{}\\n{}", "PRIVATE", noise(64), noise(40));
    for secret in [&token, &slack, &key] {
        for before in [0, 150, 170, 185, 195] {
            let text = format!("// TO{} {} {secret}\n", "DO", "-".repeat(before));
            let scratch = Scratch::with(&[("a.rs", &text)]);
            let report = scratch.review("unfinished").to_string();
            assert!(report.contains("left for later"), "{report}");
            let body: Vec<char> = secret.chars().collect();
            let start = if secret == &key { 30 } else { 5 };
            for part in body[start..].windows(8).filter(|part| !part.contains(&'\\')) {
                let part: String = part.iter().collect();
                assert!(!report.contains(&part), "{part} of {secret} in {report}");
            }
        }
    }
}

#[test]
fn placeholders_hashes_and_lock_files_are_let_pass() {
    let text = [
        format!("{}{}", "AKIA", "IOSFODNN7EXAMPLE"),
        format!("{} = \"{}\"", "password", "changeme-please-1"),
        format!("{} = \"${{TOKEN}}\"", "token"),
        format!("{} = \"access_token_name\"", "token"),
        format!("{} = \"{}\"", "api_key", "x".repeat(30)),
        format!("{} = \"{}\"", "token", "0123456789abcdef".repeat(4)),
        format!("{}_{}", "ghp", "x".repeat(36)),
        format!("-----BEGIN {} KEY-----", "PRIVATE"),
        "postgres://user:password@localhost/db".to_owned(),
    ];
    let lock = format!("{} = \"{}\"\n", "token", noise(30));
    let binary = format!("\0{} = \"{}\"\n", "token", noise(30));
    let files = [("src/a.rs", &text.join("\n")), ("Cargo.lock", &lock), ("a.bin", &binary)];
    let scratch = Scratch::with(&files.map(|(path, text)| (path, text.as_str())));
    assert_eq!(lines(&scratch.review("secrets")), Vec::<String>::new());
}

#[test]
fn a_marker_on_the_line_or_above_is_noted_and_holds_no_further() {
    let secret = format!("{}{}", "AKIA", upper(16));
    let marker = "// orkestra:allow-secret";
    let text = format!("{secret} {marker}\n\n{marker}\n{secret}\n\n{secret}\n");
    let scratch = Scratch::with(&[("a.txt", &text)]);
    assert_eq!(
        lines(&scratch.review("secrets")),
        [
            "critical secrets.aws_key a.txt:6",
            "info secrets.allowed a.txt:1",
            "info secrets.allowed a.txt:4"
        ]
    );
}

#[test]
fn a_password_of_a_test_weighs_little() {
    let text = format!("{} = \"{}\"\n", "password", noise(18));
    let scratch = Scratch::with(&[("tests/a.py", &text)]);
    assert_eq!(told(&scratch.review("secrets")), ["low secrets.assigned tests/a.py:1"]);
}

#[test]
fn too_many_findings_are_counted_and_the_gravest_kept() {
    let scratch = Scratch::new();
    for number in 0..30 {
        let text = format!("{} = \"{}{number}\"\n", "password", noise(18)).repeat(20);
        scratch.write(&format!("tests/{number:02}.py"), text.as_bytes());
    }
    scratch.write("z.txt", format!("{}{}", "AKIA", upper(16)).as_bytes());
    scratch.commit(0);
    let report = scratch.review("secrets");
    assert_eq!(report["facts"]["findings_left_out"], 101);
    assert_eq!(report["findings"].as_array().unwrap().len(), 501);
    assert_eq!(lines(&report)[0], "critical secrets.aws_key z.txt:1");
    assert_eq!(report["facts"]["counts"], json!({"critical": 1, "low": 600, "info": 1}));
}
