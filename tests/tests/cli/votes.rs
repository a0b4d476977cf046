//! Votes from a shell: in a folder, beside a run, and over NATS.

use std::os::unix::fs::PermissionsExt as _;

use bytes::Bytes;
use orkestra_runtime::{
    fabric::{Fabric as _, Sequence, embedded::Embedded},
    id::ShardId,
    journal::Journal,
};
use orkestra_tests::command::{Desk, Said};
use serde_json::Value;

use crate::{RUN_SLOW, cluster::Stage, desk, slow};

const RELEASE: &str = r#"
id = "release"
title = "Release 1.7?"
motion = { rule = "supermajority", fraction = "2/3" }
proposer = "ada"
deadline = "2h"

[voters]
ada = 1
bob = { weight = 1, veto = true }
eve = 1
"#;

fn vote(desk: &Desk, args: &[&str]) -> Said {
    desk.run(&[&["vote"], args, &["--data-dir", "data"]].concat())
}

#[test]
fn a_vote_is_called_cast_by_three_and_its_minutes_tell_it() {
    let desk = desk();
    desk.write("release.toml", RELEASE);
    vote(&desk, &["call", "release.toml"]).expect(0).shows(&["vote release is open", "3 may vote"]);
    vote(&desk, &["call", "release.toml"]).expect(0).shows(&["vote release is open already"]);
    let open = vote(&desk, &["get", "release"]).expect(0);
    open.shows(&["a motion, quorum 1/2", "0 of 3 have voted", "not yet: ada bob eve"]);
    vote(&desk, &["watch", "release", "--within", "0s"]).expect(1).says(&["is not decided yet"]);

    let because = ["--because", "the tests pass"];
    let cast = |words: &[&str]| vote(&desk, &[&["cast", "release"], words].concat());
    cast(&[&["yes", "--as", "ada"], &because[..]].concat()).expect(0).shows(&["is in, not signed"]);
    cast(&[&["yes", "--as", "ada"], &because[..]].concat())
        .expect(0)
        .shows(&["had been in before"]);
    cast(&["no", "--as", "ada"]).expect(4).says(&["ada"]);
    cast(&["yes", "--as", "mallory"]).expect(2).says(&["mallory has no vote in release"]);
    let wrong = cast(&["--choice", "soup", "--as", "bob"]).expect(2);
    wrong.says(&["yes, no, abstain, veto or a delegate"]);
    cast(&["no", "--as", "eve", "--because", "I am tired"]).expect(0);
    cast(&["--delegate", "ada", "--as", "bob"]).expect(0);

    let done = vote(&desk, &["watch", "release"]).expect(0);
    done.shows(&[
        "state: decided: passed",
        "ada votes yes: the tests pass",
        "bob lets ada vote",
        "eve votes no: I am tired",
        "record: ",
    ]);
    let got = vote(&desk, &["get", "release", "-o", "json"]).expect(0).json();
    assert_eq!(got["outcome"]["tallied"]["count"]["motion"]["yes"], 2, "{got:#}");
    let late = cast(&["yes", "--as", "eve"]);
    late.expect(4).says(&["release"]);
    let listed = vote(&desk, &["list", "-o", "json"]).expect(0).json();
    assert_eq!((&listed[0]["vote"], &listed[0]["decision"]), (&"release".into(), &"passed".into()));
    vote(&desk, &["judge", "release", "--fail"]).expect(0).shows(&["in the records of 3 voters"]);
    let rows = desk.run(&["audit", "list", "--data-dir", "data", "-o", "json"]).expect(0).json();
    let types: Vec<&str> =
        rows.as_array().unwrap().iter().filter_map(|row| row["event_type"].as_str()).collect();
    assert!(types.iter().filter(|name| name.contains("vote")).count() >= 5, "{types:?}");
}

#[test]
fn it_closes_early_when_nothing_can_change_it_and_shows_where_methods_disagree() {
    let desk = desk();
    desk.write(
        "lunch.json",
        r#"{"id": "lunch", "proposer": "ada", "election": "schulze",
            "options": ["soup", {"id": "rice", "title": "fried"}, "bread"],
            "tallies": ["plurality", "borda", "copeland"],
            "voters": ["a", "b", "c", "d", "e"]}"#,
    );
    vote(&desk, &["call", "lunch.json"]).expect(0);
    for (voter, ranking) in
        [("a", "soup,rice,bread"), ("b", "soup,rice,bread"), ("c", "rice,bread,soup")]
    {
        vote(&desk, &["cast", "lunch", "--ranking", ranking, "--as", voter]).expect(0);
    }
    let half = vote(&desk, &["cast", "lunch", "--ranking", "soup", "--as", "d"]);
    half.expect(2).says(&["it leaves options out"]);
    vote(&desk, &["cast", "lunch", "--ranking", "rice,bread,soup", "--as", "d"]).expect(0);
    vote(&desk, &["cast", "lunch", "--ranking", "soup,bread,rice", "--as", "e"]).expect(0);
    let done = vote(&desk, &["get", "lunch"]).expect(0);
    done.shows(&["decided: chosen: soup", "ELECTS", "plurality", "minutes:"]);
}

#[test]
fn signed_ballots_count_only_by_their_key_and_nobody_signs_a_second_one_by_mistake() {
    let desk = desk();
    let key = |name: &str| {
        let told = vote(&desk, &["key", name, "-o", "json"]).expect(0).json();
        let mode = std::fs::metadata(desk.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "others can read the seed");
        told["key"].as_str().unwrap().to_owned()
    };
    let (ada, _mallory) = (key("ada.nk"), key("mallory.nk"));
    vote(&desk, &["key", "ada.nk"]).expect(2).says(&["cannot make a key in ada.nk"]);
    let text =
        format!("id = 'board'\nproposer = 'ada'\n[voters]\nada = {{ key = '{ada}' }}\nbob = 1\n");
    desk.write("board.toml", &text);
    vote(&desk, &["call", "board.toml"]).expect(0);
    let cast = |words: &[&str]| vote(&desk, &[&["cast", "board"], words].concat());
    cast(&["yes", "--as", "ada"]).expect(2).says(&["give its file with --key"]);
    cast(&["yes", "--as", "ada", "--key", "mallory.nk"]).expect(2).says(&["give the right one"]);
    cast(&["yes", "--as", "bob", "--key", "ada.nk"]).expect(2).says(&["has no key in this vote"]);
    cast(&["yes", "--as", "ada", "--key", "board.toml"]).expect(2).says(&["holds no voter's key"]);
    cast(&["yes", "--as", "ada", "--key", "ada.nk"]).expect(0).shows(&["is in, signed"]);
    cast(&["yes", "--as", "ada", "--key", "ada.nk"]).expect(0).shows(&["had been in before"]);
    cast(&["no", "--as", "ada", "--key", "ada.nk"]).expect(4).says(&["so none is signed"]);
    cast(&["yes", "--as", "bob"]).expect(0);
    vote(&desk, &["get", "board"]).expect(0).shows(&["decided: passed"]);
}

#[test]
fn a_sealed_ballot_is_kept_in_a_file_and_revealed_from_it() {
    let desk = desk();
    let called =
        ["call", "--id", "board", "--voter", "ada", "--voter", "bob=3/2", "--sealed", "1h"];
    vote(&desk, &called).expect(0);
    let cast = |words: &[&str]| vote(&desk, &[&["cast", "board"], words].concat());
    cast(&["yes", "--as", "ada"])
        .expect(2)
        .says(&["ballots of vote board are sealed", "--keep FILE"]);
    cast(&["yes", "--as", "ada", "--keep", "ada.json"]).expect(0).shows(&["vote reveal board"]);
    cast(&["yes", "--as", "ada", "--keep", "ada.json"]).expect(0).shows(&["had been in before"]);
    cast(&["no", "--as", "bob", "--keep", "ada.json"]).expect(4).says(&["keeps another"]);
    cast(&["no", "--as", "bob", "--keep", "bob.json"]).expect(0);
    let open = vote(&desk, &["get", "board"]).expect(0);
    let open = open.shows(&["sealed ballots are revealed"]);
    assert!(!open.out.contains("votes yes"), "{}", open.out);
    vote(&desk, &["reveal", "board", "--from", "ada.json"]).expect(0);
    vote(&desk, &["reveal", "board", "--from", "bob.json", "--as", "ada"]).expect(2);
    vote(&desk, &["reveal", "board", "--from", "bob.json"]).expect(0);
    vote(&desk, &["get", "board"]).expect(0).shows(&["decided: failed", "bob votes no"]);
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_nothing_is_called() {
    let desk = desk();
    vote(&desk, &["list"]).expect(2).says(&["there is no run in"]);
    desk.write("bad.toml", "id = 'a'\nvoters = ['ada']\nmotoin = 'majority'\n");
    let told = vote(&desk, &["call", "bad.toml"]).expect(2);
    told.says(&["bad.toml:3:1", "3 | motoin", "did you mean \"motion\"?"]);
    vote(&desk, &["call", "gone.toml"]).expect(2).says(&["cannot read the proposal gone.toml"]);
    vote(&desk, &["call", "--voter", "ada"]).expect(2).says(&["the vote has no name"]);
    vote(&desk, &["call", "--id", "a"]).expect(2).says(&["nobody may vote"]);
    let twice = ["call", "--id", "a", "--voter", "ada", "--voter", "ada=2"];
    vote(&desk, &twice).expect(2).says(&["named twice"]);
    let method = ["call", "--id", "a", "--voter", "ada", "--method", "schultze"];
    vote(&desk, &method).expect(2);
    let none = ["call", "--id", "a", "--voter", "ada", "--method", "approval"];
    vote(&desk, &none).expect(2).says(&["this cannot be voted on"]);
    vote(&desk, &["call", "--id", "a", "--voter", "ada"]).expect(0);
    vote(&desk, &["get", "b"]).expect(2).says(&["there is no vote b", "vote list"]);
    vote(&desk, &["cast", "a"]).expect(2);
    vote(&desk, &["cast", "a", "maybe", "--as", "ada"]).expect(2);
    vote(&desk, &["decide", "a", "--pass"]).expect(4).says(&["vote a is being voted on"]);
    vote(&desk, &["withdraw", "a", "--reason", "too soon"]).expect(0).shows(&["is withdrawn"]);
    vote(&desk, &["get", "a"]).expect(0).shows(&["decided: withdrawn", "too soon"]);
}

#[test]
fn beside_a_run_votes_are_cast_at_its_door_and_a_watcher_hears_the_end() {
    let desk = slow();
    let mut running = desk.start(&[&RUN_SLOW[..], &["--set", "ms=900000"]].concat());
    running.await_line("\"task\":\"nap-0\"");
    vote(&desk, &["call", "--id", "go", "--voter", "ada", "--voter", "bob"]).expect(0);
    let watching = desk.start(&["vote", "watch", "go", "--data-dir", "data"]);
    vote(&desk, &["cast", "go", "yes", "--as", "ada"]).expect(0);
    vote(&desk, &["close", "go", "--reason", "bob is away"]).expect(0).shows(&["is closed"]);
    watching.end().expect(0).shows(&["decided: passed", "bob is away"]);
}

#[test]
fn over_nats_the_death_of_the_leader_in_mid_vote_changes_no_tally() {
    let stage = Stage::new();
    let mut nodes = vec![("node-1", stage.node("node-1")), ("node-2", stage.node("node-2"))];
    let shard = orkestra_runtime::leadership::placement::shard_of("", 16);
    let leader = stage.leader_of(shard);
    stage.desk.write("release.toml", RELEASE);
    stage.run(&["vote", "call", "release.toml"]).expect(0).shows(&["is open"]);
    stage.run(&["vote", "cast", "release", "yes", "--as", "ada"]).expect(0);
    let before = stage.json(&["vote", "get", "release"]);
    let at = nodes.iter().position(|(name, _)| *name == leader).unwrap();
    nodes.remove(at).1.kill();

    let voted = |seen: &Value| seen["view"]["cast"] == 1;
    let after = stage.await_that(&["vote", "get", "release"], voted);
    assert_eq!(after["record"], before["record"], "what happened is another thing now");
    let again = stage.run(&["vote", "cast", "release", "yes", "--as", "ada"]).expect(0);
    again.shows(&["had been in before"]);
    stage.run(&["vote", "cast", "release", "no", "--as", "eve"]).expect(0);
    stage.run(&["vote", "cast", "release", "yes", "--as", "bob"]).expect(0);
    let done = stage.run(&["vote", "watch", "release"]).expect(0);
    done.shows(&["decided: passed", "ada votes yes", "eve votes no", "bob votes yes"]);
    stage.run(&["vote", "recount", "release"]).expect(0).shows(&["everything is as it says"]);
}

/// Copies what a folder keeps, with other bytes in the place of these.
async fn altered((from, into): (&Embedded, &Embedded), (old, new): (&[u8], &[u8])) -> usize {
    let log = Journal::of(from, ShardId(0)).unwrap().log().clone();
    let (mut end, mut found) = (Sequence(0), 0);
    loop {
        let entries = from.logs().read(&log, Sequence(end.0 + 1), 1 << 20).await.unwrap();
        if entries.is_empty() {
            return found;
        }
        for entry in entries {
            let mut record = entry.record.to_vec();
            let at = record.windows(old.len()).position(|window| window == old);
            if let Some(at) = at {
                record[at..at + new.len()].copy_from_slice(new);
                found += 1;
            }
            end = into.logs().append(&log, end, Bytes::from(record)).await.unwrap();
        }
    }
}

/// Copies the folder with other bytes in the place of these; answers how often they were there.
fn copied(desk: &Desk, bytes: (&[u8], &[u8])) -> usize {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let from = Embedded::open_read_only(desk.path("data")).unwrap();
        let into = Embedded::open(desk.path("copy")).unwrap();
        let found = altered((&from, &into), bytes).await;
        from.close().await;
        into.close().await;
        found
    })
}

#[test]
fn a_recount_finds_the_place_where_a_journal_was_altered() {
    let desk = desk();
    desk.write("release.toml", RELEASE);
    vote(&desk, &["call", "release.toml"]).expect(0);
    for (voter, word, why) in
        [("ada", "yes", "the tests pass"), ("eve", "no", "not yet"), ("bob", "yes", "as ada says")]
    {
        vote(&desk, &["cast", "release", word, "--as", voter, "--because", why]).expect(0);
    }
    let sound = vote(&desk, &["recount", "release"]).expect(0);
    sound.shows(&["passed; record ", "everything is as it says"]);
    let before = vote(&desk, &["recount", "release", "-o", "json"]).expect(0).json();
    let got = vote(&desk, &["get", "release", "-o", "json"]).expect(0).json();
    assert_eq!(before["rounds"][0]["record"], got["record"]);
    assert_eq!(before["difference"], Value::Null);
    vote(&desk, &["recount", "lunch"]).expect(2).says(&["there is no vote lunch"]);

    assert_eq!(copied(&desk, (b"the tests pass", b"the tests fail")), 1, "nothing was altered");
    let rows = desk.run(&["audit", "list", "--data-dir", "copy", "-o", "json"]).expect(0).json();
    let cast = |row: &&Value| row["event_type"] == "vote_cast" && row["details"]["voter"] == "ada";
    let row = rows.as_array().unwrap().iter().find(cast).unwrap().clone();
    let told = desk.run(&["vote", "recount", "release", "--data-dir", "copy", "-o", "json"]);
    let difference = told.expect(1).json()["difference"].clone();
    assert_eq!(difference["number"], row["number"], "{difference} is not at {row}");
}

const LUNCH: &str = r#"{"id": "lunch", "proposer": "ada", "classic": "majority",
    "options": ["soup", "rice", "bread"], "voters": ["a", "b", "c", "d", "e"],
    "ladder": {"rungs": ["reask", "runoff"]}}"#;

#[test]
fn a_recount_follows_a_question_through_its_rounds_whichever_of_them_is_named() {
    let desk = desk();
    desk.write("lunch.json", LUNCH);
    vote(&desk, &["call", "lunch.json"]).expect(0);
    let cast = |round: &str, voter: &str, option: &str, why: &str| {
        let words = ["cast", round, "--choice", option, "--as", voter, "--because", why];
        vote(&desk, &words).expect(0);
    };
    let said = [("a", "soup"), ("b", "soup"), ("c", "rice"), ("d", "rice"), ("e", "bread")];
    for (voter, option) in said {
        cast("lunch", voter, option, "it is warm");
    }
    for (voter, option) in said {
        cast("lunch.r2", voter, option, "it is still warm");
    }
    for voter in ["a", "b", "e"] {
        cast("lunch.r3", voter, "soup", "it is there");
    }
    let told = vote(&desk, &["recount", "lunch"]).expect(0);
    told.shows(&[
        "undecided, goes on as lunch.r2 (asked again); record ",
        "undecided, goes on as lunch.r3 (runoff); record ",
        "chosen: soup; record ",
        "vote lunch was counted again: everything is as it says",
    ]);
    for round in ["lunch", "lunch.r2", "lunch.r3"] {
        let told = vote(&desk, &["recount", round, "-o", "json"]).expect(0).json();
        let rounds = told["rounds"].as_array().unwrap();
        let names: Vec<&str> = rounds.iter().filter_map(|round| round["vote"].as_str()).collect();
        assert_eq!(names, ["lunch", "lunch.r2", "lunch.r3"], "{told:#}");
        assert_eq!(told["difference"], Value::Null);
        let got = vote(&desk, &["get", round, "-o", "json"]).expect(0).json();
        let counted = rounds.iter().find(|counted| counted["vote"] == round).unwrap();
        assert_eq!(counted["record"], got["record"]);
    }
    // What was altered in the second round is found, though the third is asked for.
    let old = b"it is still warm";
    assert_eq!(copied(&desk, (old, b"it is nearly hot")), 5);
    let told = desk.run(&["vote", "recount", "lunch.r3", "--data-dir", "copy", "-o", "json"]);
    let difference = told.expect(1).json()["difference"].clone();
    let got = vote(&desk, &["get", "lunch.r2", "-o", "json"]).expect(0).json();
    let opened = got["view"]["number"].as_u64().unwrap();
    let found = difference["number"].as_u64().unwrap();
    assert_eq!(found, opened + 1, "{difference} is not the first ballot of that round");
}

#[test]
fn what_follows_from_a_vote_called_over_nats_is_of_the_namespace_that_it_was_called_in() {
    let stage = Stage::new();
    let _node = stage.node("node-1");
    stage.leader_of(orkestra_runtime::leadership::placement::shard_of("team", 16));
    let go = r#"{"id": "go", "proposer": "ada", "voters": ["ada"],
        "then": {"passed": [{"id": "announce"}], "namespace": "of-somebody-else"}}"#;
    stage.desk.write("go.json", go);
    let team = ["--namespace", "team"];
    let within = |words: &[&'static str]| [words, &team[..]].concat();
    stage.run(&within(&["vote", "call", "go.json"])).expect(0);
    stage.run(&within(&["vote", "cast", "go", "yes", "--as", "ada"])).expect(0);
    let is_there = |tasks: &Value| tasks.to_string().contains("\"announce\"");
    stage.await_that(&within(&["task", "list"]), is_there);
    let other = stage.run(&["task", "list", "--namespace", "of-somebody-else"]).expect(2);
    other.says(&["there is no run in the namespace \"of-somebody-else\""]);
}

/// The first block of the page about votes in a language.
fn shown(language: &str) -> String {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = std::fs::read_to_string(root.join("docs/voting.md")).unwrap();
    let fence = format!("```{language}\n");
    let block = page.split(&fence).nth(1).and_then(|rest| rest.split("```").next());
    block.unwrap().to_owned()
}

#[test]
fn what_the_page_about_votes_shows_can_be_done_as_it_shows_it() {
    let desk = desk();
    desk.write("release.toml", &shown("toml"));
    let mut done = 0;
    for line in shown("sh").lines() {
        let words = line.strip_prefix("orkestra ").unwrap();
        // Only what is said why stands between quotes, and at the end.
        let (words, because) = words.split_once('\'').unwrap_or((words, ""));
        let mut words: Vec<&str> = words.split_whitespace().collect();
        words.extend((!because.is_empty()).then(|| because.trim_end_matches('\'')));
        words.extend(["--data-dir", "data"]);
        desk.run(&words).expect(0);
        done += 1;
    }
    assert_eq!(done, 8);
}
