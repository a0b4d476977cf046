//! Each check fails on a proposal that is bad in its way, and on no other.

use orkestra_runtime::{
    id::{Attempt, RunId, TaskId},
    protocol::{
        council::{CONTENT_BYTES_MAX, ChecksFound},
        payload::Json,
        task::Failure,
    },
};
use serde_json::{Value, json};

use crate::{Context, Work, builtin};

const GOOD: &str = "\
# Orkestra

A runtime for teams.

## Use

- Start it.
- Stop it.
";

fn check_output(checks: &Value, output: &Value) -> Result<ChecksFound, Failure> {
    let folder = tempfile::tempdir().unwrap();
    let context = Context::alone(folder.path().join("own"));
    let work = Work {
        run: RunId::new("deliberation:d").unwrap(),
        id: TaskId::new("check-1").unwrap(),
        attempt: Attempt(1),
        title: String::new(),
        instructions: String::new(),
        input: Json::of(&json!({"v": 1, "step": "check", "checks": checks})).unwrap(),
        results: vec![(TaskId::new("revise-1-1").unwrap(), Json::of(output).unwrap())],
        timeout_ms: None,
    };
    let agent = builtin::find("proposal-checks").unwrap();
    (agent.run)(&work, &context).map(|json| json.read().unwrap())
}

fn check(checks: &Value, content: &str) -> ChecksFound {
    check_output(checks, &json!({"content": content, "notes": "n"})).unwrap()
}

fn violations(policy: &Value, content: &str) -> Vec<String> {
    let checked = check(&json!({"policy": policy}), content);
    assert_eq!(checked.policy.passed, checked.policy.violations.is_empty());
    assert!(checked.lint.passed, "{checked:?}");
    checked.policy.violations
}

fn errors(lint: &Value, content: &str) -> Vec<String> {
    let checked = check(&json!({"lint": lint}), content);
    assert_eq!(checked.lint.passed, checked.lint.errors.is_empty());
    assert_eq!(checked.lint.error_count as usize, checked.lint.errors.len());
    assert!(checked.policy.passed, "{checked:?}");
    checked.lint.errors
}

fn markdown(content: &str) -> Vec<String> {
    errors(&json!({"format": "markdown"}), content)
}

fn warnings(lint: &Value, content: &str) -> Vec<String> {
    let checked = check(&json!({"lint": lint}), content);
    assert!(checked.lint.passed, "{checked:?}");
    assert_eq!(checked.lint.warning_count as usize, checked.lint.errors.len());
    checked.lint.errors
}

#[test]
fn a_good_proposal_passes_every_check_without_a_finding() {
    let checks = json!({
        "policy": {
            "required": [{"text": "orkestra", "ignore_case": true}, {"text": "^## \\w+$", "regex": true}],
            "forbidden": [{"text": "just", "words": true}],
        },
        "lint": {
            "format": "markdown", "min_bytes": 10, "max_bytes": 1_000, "max_line": 80,
            "max_sentence": 12, "required_headings": ["orkestra", "Use"],
            "no_trailing_space": true, "no_tabs": true,
        },
    });
    let checked = check(&checks, GOOD);
    assert!(checked.policy.passed && checked.lint.passed, "{checked:?}");
    assert_eq!((checked.lint.error_count, checked.lint.warning_count), (0, 0), "{checked:?}");
    assert_eq!(checked.policy.message, "3 rules kept");
    assert_eq!(check_output(&checks, &json!(GOOD)).unwrap(), checked, "a text is a proposal too");
}

#[test]
fn policy_fails_where_required_content_is_missing() {
    let policy = json!({"required": [{"text": "Orkestra"}, {"text": "license"}, {"text": "^# [a-z]", "regex": true}]});
    let told = ["required, but not there: \"license\"", "required, but not there: /^# [a-z]/"];
    assert_eq!(violations(&policy, GOOD), told);
}

#[test]
fn policy_fails_where_forbidden_content_stands_and_names_the_lines() {
    let policy = json!({"forbidden": [{"text": "very", "words": true, "ignore_case": true}]});
    assert_eq!(violations(&policy, "every\ndelivery"), Vec::<String>::new());
    assert_eq!(
        violations(&policy, "a\nVery, very good\n\nvery\n"),
        ["forbidden, but there: \"very\", 3 times (lines 2, 4)"]
    );
    let policy = json!({"forbidden": [{"text": "very", "message": "say how much"}]});
    assert_eq!(violations(&policy, "very"), ["say how much, 1 time (line 1)"]);
    let policy = json!({"forbidden": [{"text": "v.ry", "regex": false}]});
    assert_eq!(violations(&policy, "very"), Vec::<String>::new(), "a dot is a dot");
    let policy = json!({"forbidden": [{"text": "x"}]});
    let told = violations(&policy, &"x\n".repeat(10));
    assert_eq!(told, ["forbidden, but there: \"x\", 10 times (lines 1, 2, 3, 4, 5, …)"]);
}

#[test]
fn a_pattern_that_is_none_is_the_fault_of_the_checks_and_not_of_the_proposal() {
    for pattern in ["(", r"\p{No}{1000}{1000}", r"(a)\1"] {
        let checks = json!({"policy": {"forbidden": [{"text": pattern, "regex": true}]}});
        let failed = check_output(&checks, &json!(GOOD)).unwrap_err();
        assert!(failed.message.starts_with("cannot check by these checks: /"), "{failed}");
        assert!(failed.message.contains("is no pattern"), "{failed}");
        assert!(!failed.retryable, "{failed}");
    }
    let checks = json!({"lint": {"min_bytes": 2, "max_bytes": 1}});
    assert!(check_output(&checks, &json!(GOOD)).is_err());
}

#[test]
fn a_pattern_takes_time_in_proportion_to_the_text_whatever_it_is() {
    // By backtracking this would take longer than anybody lives.
    let checks = json!({"policy": {"required": [{"text": "(a*)*b", "regex": true}]}});
    assert!(!check(&checks, &"a".repeat(CONTENT_BYTES_MAX)).policy.passed);
}

#[test]
fn lint_fails_on_length_lines_and_sentences_out_of_bounds() {
    assert_eq!(
        errors(&json!({"min_bytes": 10}), "short"),
        ["it has 5 bytes, and at least 10 are asked"]
    );
    assert_eq!(
        errors(&json!({"max_bytes": 4}), "short"),
        ["it has 5 bytes, and at most 4 are allowed"]
    );
    assert_eq!(errors(&json!({}), " \n"), ["it is empty"]);
    assert_eq!(
        errors(&json!({"max_line": 3}), "äöü\nabcd"),
        ["line 2: 4 characters, and at most 3 are allowed"]
    );
    let lint = json!({"max_sentence": 4});
    assert_eq!(
        errors(&lint, "One two three four. Five (six seven\neight.) Nine?"),
        Vec::<String>::new()
    );
    assert_eq!(
        errors(&lint, "One. Two three\nfour five six.\n\nSeven"),
        ["line 1: a sentence of 5 words, and at most 4 are allowed"]
    );
}

#[test]
fn lint_warns_of_spaces_and_tabs_and_fails_on_control_characters() {
    let told = warnings(&json!({"no_trailing_space": true}), "a\nb \n");
    assert_eq!(told, ["warning: line 2: spaces at the end"]);
    assert_eq!(warnings(&json!({"no_tabs": true}), "a\n\tb"), ["warning: line 2: a tab"]);
    assert_eq!(errors(&json!({}), "a \n\tb\r\nc"), Vec::<String>::new());
    assert_eq!(errors(&json!({}), "a\u{7}"), ["line 1: a control character"]);
}

#[test]
fn lint_of_markdown_fails_on_headings_that_are_missing_or_in_disorder() {
    let lint = json!({"format": "markdown", "required_headings": ["Use", "Orkestra", "Limits"]});
    assert_eq!(
        errors(&lint, GOOD),
        ["the heading \"Limits\" is missing", "line 1: the heading \"Orkestra\" stands too early"]
    );
    assert_eq!(markdown("# A\n\n### B\n"), ["line 3: a heading of level 3 below one of level 1"]);
    assert_eq!(
        markdown("## A\n\n# B\n"),
        ["line 3: a second title, or one that is not at the top"]
    );
    assert_eq!(markdown("# A\n\n##\n\ntext\n"), ["line 3: a heading without words"]);
}

#[test]
fn lint_of_markdown_fails_on_a_fence_that_is_open_and_a_link_to_nowhere() {
    assert_eq!(markdown("# A\n\n```sh\nls\n"), ["line 3: a fence that is not closed"]);
    assert_eq!(markdown("# A\n\n```sh\nls\n```\n"), Vec::<String>::new());
    assert_eq!(markdown("# A\n\n~~~~\n~~~\n"), ["line 3: a fence that is not closed"]);
    assert_eq!(markdown("- ```\n  ls\n  ```\n"), Vec::<String>::new());
    assert_eq!(markdown("Read [this]().\n"), ["line 1: a link to nowhere"]);
}

#[test]
fn lint_of_markdown_counts_sentences_of_prose_and_of_nothing_else() {
    let lint = json!({"format": "markdown", "max_sentence": 3});
    let fine =
        "# A title that is rather long\n\n```\none two three four\n```\n\n- One two.\n- Three\n";
    assert_eq!(errors(&lint, fine), Vec::<String>::new());
    assert_eq!(
        errors(&lint, "# A\n\nOne. Two *three*\n`four` five\n"),
        ["line 3: a sentence of 4 words, and at most 3 are allowed"]
    );
}

#[test]
fn lint_of_markdown_warns_of_blemishes() {
    let of = |content: &str| warnings(&json!({"format": "markdown"}), content);
    assert_eq!(
        of("# A\n\n- a\n\ntext\n\n* b\n"),
        ["warning: line 7: lists begin their items with different marks"]
    );
    assert_eq!(of("# A\n\n## b\n\n## B\n"), ["warning: line 5: a second heading \"B\""]);
    assert_eq!(of("# A\n\n\ntext\n"), ["warning: line 3: several empty lines in succession"]);
}

#[test]
fn lint_of_data_fails_on_what_does_not_parse() {
    let json = json!({"format": "json"});
    assert_eq!(errors(&json, "{\"a\": [1]}"), Vec::<String>::new());
    let told = errors(&json, "{\n\"a\": }");
    assert!(told[0].starts_with("line 2: no JSON: "), "{told:?}");
    let toml = json!({"format": "toml"});
    assert_eq!(errors(&toml, "a = 1\n"), Vec::<String>::new());
    let told = errors(&toml, "a = 1\nb = \n");
    assert!(told[0].starts_with("line 2: no TOML: "), "{told:?}");
}

#[test]
fn what_has_no_text_or_too_much_of_it_passes_nothing() {
    let none = check_output(&json!({}), &json!({"notes": "n"})).unwrap();
    let long = check(&json!({}), &"x".repeat(CONTENT_BYTES_MAX + 1));
    for (checked, why) in [(none, "has no text"), (long, "too long to be checked")] {
        assert!(!checked.policy.passed && !checked.lint.passed, "{checked:?}");
        assert!(checked.policy.violations[0].contains(why), "{checked:?}");
        assert!(checked.lint.errors[0].contains(why), "{checked:?}");
    }
}

#[test]
fn what_is_found_often_is_counted_and_listed_in_part() {
    let checked = check(&json!({"lint": {"no_tabs": true}}), &"\t\n".repeat(200));
    // The whole is empty as well.
    assert_eq!((checked.lint.error_count, checked.lint.warning_count), (1, 200));
    assert_eq!(checked.lint.errors.len(), 50);
}
