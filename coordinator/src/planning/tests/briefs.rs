use super::stage::role;
use crate::planning::{
    BriefOptions, BriefPhase, BriefRequest, Gathered, Scope, brief, brief::tokens,
};

fn request(options: BriefOptions) -> BriefRequest {
    BriefRequest {
        task_id: "P1-dev-001".to_owned(),
        case_id: "C1".to_owned(),
        story_id: String::new(),
        role: role("DEV"),
        phase: BriefPhase::Build,
        options,
    }
}

fn read() -> Gathered {
    let pair = |who: &str, what: &str| (who.to_owned(), what.to_owned());
    Gathered {
        title: "the lock".to_owned(),
        instructions: "build it".to_owned(),
        run: Some("r1".to_owned()),
        state: Some("running".to_owned()),
        requirements: vec!["be small".to_owned()],
        rubric: "clarity".to_owned(),
        plan: "P1".to_owned(),
        results: vec![pair("P1-architect-001", "completed: \"a sketch\"")],
        understandings: vec![pair("ada", "it is a lock")],
        decisions: vec![pair("eve", "approved")],
        tools: vec![pair("ada", "dev (function)")],
        timeline: (1..=60).map(|n| (n * 1_000, format!("event {n}"))).collect(),
    }
}

#[test]
fn a_brief_has_four_blocks_a_weight_and_a_hash_that_is_stable_while_nothing_changed() {
    let whole = brief(&request(BriefOptions::default()), &read());
    assert!(whole.blocks.system.starts_with("You are DEV.\nPhase BUILD."));
    for part in ["build it", "It must: be small", "a sketch", "it is a lock", "eve: approved"] {
        assert!(whole.blocks.context.contains(part), "{part}");
    }
    assert_eq!(whole.blocks.tools.lines().last(), Some("- ada: dev (function)"));
    assert_eq!(whole.blocks.history.lines().count(), 51);
    assert!(whole.blocks.history.ends_with("1970-01-01T00:01:00.000Z: event 60"));
    assert_eq!(whole.token_count, tokens(&whole.text));
    assert_eq!(whole.version_hash.len(), 64);
    assert_eq!(whole, brief(&request(BriefOptions::default()), &read()));
    let mut later = read();
    later.state = Some("completed".to_owned());
    assert_ne!(whole.version_hash, brief(&request(BriefOptions::default()), &later).version_hash);
}

#[test]
fn what_is_not_wanted_is_not_there() {
    let none = BriefOptions {
        include_timeline: false,
        include_decisions: false,
        include_summaries: false,
        ..BriefOptions::default()
    };
    let bare = brief(&request(none), &read());
    assert_eq!(bare.blocks.history, "");
    for part in ["a sketch", "it is a lock", "eve"] {
        assert!(!bare.text.contains(part), "{part}");
    }
    let only = BriefOptions { scopes: vec![Scope::Timeline], max_events: 2, ..Default::default() };
    let only = brief(&request(only), &read());
    assert_eq!(only.blocks.history.lines().count(), 3);
    assert_eq!(only.blocks.context, "Task: P1-dev-001\nCase: C1");
    assert_eq!(only.blocks.tools, "");
}

#[test]
fn a_phase_and_a_scope_are_read_in_any_case_and_what_is_none_is_told() {
    assert_eq!(BriefPhase::named("design").unwrap(), BriefPhase::Design);
    assert_eq!(BriefPhase::named("").unwrap(), BriefPhase::Build);
    assert!(BriefPhase::named("dance").unwrap_err().to_string().contains("DESIGN, BUILD"));
    assert_eq!(Scope::named("Timeline").unwrap(), Scope::Timeline);
    let told = Scope::named("timelime").unwrap_err().to_string();
    assert!(told.contains("did you mean \"timeline\""), "{told}");
}

#[test]
fn a_text_has_no_fewer_tokens_than_words_nor_than_a_quarter_of_its_bytes() {
    assert_eq!((tokens(""), tokens("a b c"), tokens("abcdefgh"), tokens("abcde")), (0, 3, 2, 2));
}

#[test]
fn what_is_long_is_cut_at_a_character_and_is_one_line() {
    let mut read = read();
    read.decisions = vec![("eve".to_owned(), format!("a\nb {}", "ü".repeat(2_000)))];
    let whole = brief(&request(BriefOptions::default()), &read);
    let line = whole.blocks.context.lines().find(|line| line.starts_with("- eve")).unwrap();
    assert!(line.starts_with("- eve: a b ü") && line.ends_with("ü…"), "{line}");
}
