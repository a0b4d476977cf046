//! Reviews become a synthesis, ballots, a verdict and a report.

use serde_json::{Value, json};

use super::scratch::{MIT, Scratch, merged, run};
use crate::builtin::REVIEWERS;

fn finding(id: &str, rule: &str, severity: &str) -> Value {
    json!({"id": id, "rule": rule, "severity": severity, "file": "a|b.rs", "line": 7,
        "message": "it is *wrong*", "evidence": "x ` y", "advice": "mend it"})
}

fn review(reviewer: &str, findings: &[Value]) -> Value {
    json!({"reviewer": reviewer, "summary": "seen", "findings": findings, "facts": {"n": 1}})
}

fn synthesis(options: &Value, reviews: &[(&str, Value)]) -> Value {
    run("synthesis", options, reviews).unwrap()
}

/// All eight reviews without a finding but these of one.
fn all_with(reviewer: &str, findings: &[Value]) -> Value {
    let reviews = REVIEWERS.map(|name| {
        let own = if name == reviewer { findings } else { &[] };
        (name, review(name, own))
    });
    synthesis(&json!({}), &reviews)
}

/// What a perspective says, with its own reasons for it.
fn says(perspective: &str, synthesis: &Value) -> String {
    let input = json!({"perspective": perspective});
    let signed = run("signoff", &input, &[("synthesis", synthesis.clone())]).unwrap();
    assert_eq!(signed["voter"], perspective);
    assert!(!signed["reasons"].as_array().unwrap().is_empty());
    assert_ne!(signed["ballot"]["reason"], "");
    signed["ballot"]["content"].as_str().unwrap().to_owned()
}

#[test]
fn a_synthesis_merges_weighs_and_proposes() {
    let one = [finding("1", "a.x", "medium"), finding("2", "a.y", "low")];
    let two =
        [finding("1", "a.x", "high"), finding("3", "b.z", "critical"), finding("4", "b.i", "info")];
    let results = [("t1", review("a", &one)), ("t2", review("b", &two)), ("fsck", json!("fine"))];
    let it = synthesis(&json!({"required": ["a", "t2", "c"]}), &results);
    assert_eq!(it["score"], 100 - 15 - 1 - 40);
    assert_eq!(it["counts"], json!({"critical": 1, "high": 1, "medium": 0, "low": 1, "info": 1}));
    assert_eq!(it["verdict_proposal"], "not_ready");
    assert_eq!(it["missing"], json!(["c"]));
    assert_eq!(it["others"], json!(["fsck"]));
    assert_eq!(it["why"], "2 blockers; no review by c");
    let ids = |key: &str| -> Vec<String> {
        it[key].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("findings"), ["3", "1", "2", "4"]);
    assert_eq!(ids("blockers"), ["3", "1"]);
    assert_eq!(
        it["reviewers"][1],
        json!({"name": "b", "summary": "seen", "findings": 3, "facts": {"n": 1}})
    );
}

#[test]
fn medium_findings_count_from_the_limit_on() {
    let found = |number: usize| -> Vec<Value> {
        (0..number).map(|nth| finding(&format!("{nth}"), "large.size", "medium")).collect()
    };
    assert_eq!(all_with("large", &found(9))["verdict_proposal"], "ready");
    assert_eq!(all_with("large", &found(10))["verdict_proposal"], "not_ready");
    let options = json!({"medium_max": 2, "required": []});
    let it = synthesis(&options, &[("large", review("large", &found(1)))]);
    assert_eq!([&it["verdict_proposal"], &it["score"]], [&json!("ready"), &json!(96)]);
}

#[test]
fn a_missing_reviewer_is_a_reason_against() {
    let it = synthesis(&json!({}), &[("secrets", review("secrets", &[]))]);
    assert_eq!(it["verdict_proposal"], "not_ready");
    assert_eq!(it["missing"].as_array().unwrap().len(), 7);
    assert_eq!(it["score"], 100);
}

#[test]
fn each_perspective_votes_by_its_own_rules() {
    let voters = ["security", "quality", "legal", "operations"];
    let against = |reviewer: &str, rule: &str, severity: &str| -> Vec<&str> {
        let it = all_with(reviewer, &[finding("1", rule, severity)]);
        let blocked = it["verdict_proposal"] != "ready";
        let said = |voter: &&str| match says(voter, &it).as_str() {
            "no" => true,
            "yes" => false,
            other => {
                assert_eq!((other, blocked), ("abstain", true), "{voter} on {rule}");
                false
            }
        };
        voters.into_iter().filter(said).collect()
    };
    assert_eq!(against("secrets", "secrets.assigned", "low"), Vec::<&str>::new());
    assert_eq!(against("secrets", "secrets.jwt", "high"), ["security"]);
    assert_eq!(against("secrets", "secrets.aws_key", "critical"), voters);
    assert_eq!(against("dependencies", "dependencies.path_outside", "high"), ["security"]);
    assert_eq!(against("dependencies", "dependencies.stale_lock", "medium"), ["operations"]);
    assert_eq!(against("documentation", "documentation.no_readme", "high"), ["quality"]);
    assert_eq!(against("inventory", "inventory.no_tests", "medium"), ["quality"]);
    assert_eq!(against("licences", "licences.no_expression", "medium"), ["legal"]);
    assert_eq!(against("large", "large.size", "high"), ["operations"]);
    assert_eq!(against("history", "history.version_not_raised", "medium"), ["operations"]);
}

#[test]
fn a_perspective_that_misses_its_reviewer_votes_against() {
    let it = synthesis(&json!({}), &[("secrets", review("secrets", &[]))]);
    assert_eq!(says("security", &it), "no");
    let both = [("s", review("secrets", &[])), ("d", review("dependencies", &[]))];
    assert_eq!(says("security", &synthesis(&json!({"required": []}), &both)), "yes");
    let failure = run("signoff", &json!({"perspective": "legal"}), &[]).unwrap_err();
    assert!(failure.message.starts_with("no synthesis among the results"), "{failure}");
}

#[test]
fn nobody_says_yes_to_what_the_synthesis_does_not_propose() {
    let it = all_with("inventory", &[finding("1", "hygiene.conflict", "high")]);
    let signed = run("signoff", &json!({"perspective": "legal"}), &[("synthesis", it)]).unwrap();
    assert_eq!(
        signed["ballot"],
        json!({"content": "abstain", "reason": "nothing speaks against it for legal; the synthesis does not propose it (1 blocker)"})
    );
}

#[test]
fn who_holds_a_veto_uses_it_and_a_long_reason_is_cut_where_a_ballot_ends() {
    let found: Vec<Value> =
        (0..30).map(|n| finding(&n.to_string(), "secrets.jwt", "high")).collect();
    let it = all_with("secrets", &found);
    let input = json!({"perspective": "security", "veto": true});
    let signed = run("signoff", &input, &[("synthesis", it)]).unwrap();
    assert_eq!(signed["ballot"]["content"], "veto");
    assert_eq!(signed["reasons"].as_array().unwrap().len(), 21);
    let reason = signed["ballot"]["reason"].as_str().unwrap();
    assert!(reason.starts_with("secrets.jwt: it is *wrong* (a|b.rs:7); "), "{reason}");
    assert!(reason.ends_with(" more") && reason.chars().count() <= 320, "{reason}");
}

#[test]
fn a_report_says_first_what_matters_first() {
    let scratch = Scratch::with(&[("a", "a")]);
    let found = [
        finding("1", "secrets.jwt", "high"),
        finding("2", "secrets.x", "medium"),
        finding("3", "secrets.y", "low"),
    ];
    let it = all_with("secrets", &found);
    let verdict = json!({
        "ready": true, "decision": "passed", "chosen": [],
        "turnout": {"eligible": 4, "cast": 3, "abstained": 0},
        "minutes": ["legal votes yes: *fine*", "decision: passed"],
    });
    let results = [("synthesis", it), ("verdict", verdict)];
    let report = run("report", &scratch.input(), &results).unwrap();
    let text = report["markdown"].as_str().unwrap();
    let commit = scratch.git(&["rev-parse", "HEAD"]);
    let expected = [
        "# Ready to release\n\nScore 80 of 100: 1 blocker. 3 of 4 voted: passed.\n",
        &format!("commit `{commit}` of 2020-09-13 12:26:40 +0000."),
        "| secrets | 3 | seen |\n",
        "## Minutes of the vote\n\n- legal votes yes: \\*fine\\*\n- decision: passed\n",
        "## Blockers\n\n- **high** `a|b.rs:7`: it is \\*wrong\\* (`secrets.jwt`)\n  - seen: `x ' y`\n  - advice: mend it\n",
        "## Should be mended\n\n- **medium** `a|b.rs:7`",
        "- low `secrets.y`, 1 time: `a|b.rs:7` (first: it is \\*wrong\\*)\n",
        "## What was not checked\n",
        "Findings: 0 critical, 1 high, 1 medium, 1 low, 0 info.\n",
    ];
    let mut from = 0;
    for part in expected {
        let at = text[from..].find(part);
        from += at.unwrap_or_else(|| panic!("no {part:?} after byte {from} of:\n{text}"));
    }
}

#[test]
fn the_whole_job_ends_with_ballots_and_a_report() {
    let scratch = Scratch::with(&[("LICENSE", MIT), ("README.md", "# A\n")]);
    let reviews = REVIEWERS.map(|name| (name, scratch.review(name)));
    let it = synthesis(&scratch.input(), &reviews);
    assert_eq!([&it["verdict_proposal"], &it["score"]], [&json!("ready"), &json!(100)]);
    for perspective in ["security", "quality", "legal", "operations"] {
        let input = merged(scratch.input(), &json!({"perspective": perspective}));
        let signed = run("signoff", &input, &[("synthesis", it.clone())]).unwrap();
        assert_eq!(signed["ballot"]["content"], "yes", "{signed:#}");
    }
    let results = [("synthesis", it)];
    let report = run("report", &scratch.input(), &results).unwrap();
    let text = report["markdown"].as_str().unwrap();
    assert!(text.starts_with("# Ready to release\n\nScore 100 of 100: no blocker"), "{text}");
}
