//! `orkestra vote tally`: files of elections and motions.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::desk;

/// A file of what two independent libraries answer.
fn oracle(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("oracles/voting").join(name)
}

const LUNCH: &str = r#"{"elections": [
 {"id": "lunch", "kind": "ranked", "candidates": ["soup", "rice", "bread", "fruit"],
  "ballots": [
   {"count": 42, "ranking": [[0], [1], [2], [3]]},
   {"count": 26, "ranking": [[1], [2], [3], [0]]},
   {"count": 15, "ranking": [[2], [3], [1], [0]]},
   {"count": 17, "ranking": [[3], [2], [1], [0]]}
  ]}]}"#;

#[test]
fn what_is_written_for_programs_is_what_two_libraries_answer() {
    let desk = desk();
    let file = oracle("public.json");
    let written =
        desk.run(&["vote", "tally", file.to_str().unwrap(), "-o", "json"]).expect(0).json();
    let asked: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let mut right = 0;
    for election in asked["elections"].as_array().unwrap() {
        let id = election["id"].as_str().unwrap();
        for (method, expected) in election["expected"].as_object().unwrap() {
            for (key, value) in expected.as_object().unwrap() {
                assert_eq!(&written[id][method][key], value, "{id} {method} {key}");
            }
            right += 1;
        }
    }
    assert_eq!(right, 2_133);
    assert!(!desk.path(".orkestra").exists(), "counting left something behind");
}

#[test]
fn motions_are_told_at_their_deadline_and_as_they_stand() {
    let file = oracle("motions_public.json");
    let written =
        desk().run(&["vote", "tally", file.to_str().unwrap(), "-o", "json"]).expect(0).json();
    let asked: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    for motion in asked["motions"].as_array().unwrap() {
        let id = motion["id"].as_str().unwrap();
        assert_eq!(written[id], motion["expected"], "{id}");
    }
}

#[test]
fn a_person_sees_names_and_where_methods_disagree() {
    let desk = desk();
    desk.write("votes.json", LUNCH);
    let told = desk.run(&["vote", "tally", "votes.json"]).expect(0);
    told.shows(&["lunch: 4 candidates", "rice", "methods disagree about soup, rice, bread, fruit"]);
    let two = ["--method", "schulze", "--method", "plurality"];
    let compared = [&["vote", "tally", "votes.json", "--compare", "-o", "json"][..], &two].concat();
    let compared = desk.run(&compared).expect(0).json();
    assert_eq!(compared["lunch"]["contested"], json!([0, 1]));
}

#[test]
fn what_is_asked_for_by_name_and_cannot_be_answered_is_said() {
    let desk = desk();
    desk.write("votes.json", LUNCH);
    let asked = ["vote", "tally", "votes.json", "-o", "json", "--method", "irv_tb"];
    desk.run(&asked).expect(1).says(&["lunch: irv_tb", "add tie_break"]);
    let asked = ["vote", "tally", "votes.json", "--method", "schultze"];
    desk.run(&asked)
        .expect(2)
        .says(&["there is no method \"schultze\"", "did you mean \"schulze\"?"]);
}

#[test]
fn a_fault_of_a_file_is_told_with_its_place_and_with_what_to_do() {
    let desk = desk();
    desk.write("votes.json", &LUNCH.replace("[[2], [3], [1], [0]]", "[[2], [3], [4], [0]]"));
    let told = desk.run(&["vote", "tally", "votes.json"]).expect(2);
    told.says(&[
        "votes.json:6:29: elections[0].ballots[2].ranking: there is no candidate 4",
        "candidates are named by index, 0 to 3",
    ]);
    let json = desk.run(&["vote", "tally", "votes.json", "-o", "json"]).expect(2).json();
    assert_eq!(json["faults"][0]["line"], 6);
    desk.run(&["vote", "tally", "gone.json"]).expect(2).says(&["cannot read the votes gone.json"]);
}
