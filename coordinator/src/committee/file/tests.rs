use super::VoteFile;
use crate::written::Fault;

const GOOD: &str = r#"{"elections": [
  {"id": "lunch", "kind": "ranked_weak", "candidates": ["soup", "rice", "bread"],
   "tie_break": [2, 0, 1], "seats": 1, "family": "a remark", "name": "Lunch", "told_by": 3,
   "ballots": [
     {"count": 3, "weight": "1/2", "ranking": [[0], [1, 2]]},
     {"ranking": []}
   ]},
  {"id": "dinner", "kind": "single", "candidates": ["soup", "rice"],
   "ballots": [{"choice": 1}, {"choice": null, "count": 2}]}
 ],
 "motions": [
  {"id": "go", "voters": {"ada": 1, "bob": "3/2"}, "rule": "supermajority", "fraction": "2/3",
   "base": "cast", "quorum": "1/2", "ballots": {"ada": "yes"}, "delegations": {"bob": "ada"}}
 ]}"#;

fn faults(text: &str) -> Vec<Fault> {
    VoteFile::read(text, "votes.json").map_or_else(|faults| faults.faults, |_| Vec::new())
}

/// The one fault that the good file has once a part of it is another.
fn fault(part: &str, other: &str) -> Fault {
    assert!(GOOD.contains(part), "{part} is not in the file");
    let faults = faults(&GOOD.replacen(part, other, 1));
    assert_eq!(faults.len(), 1, "{part} -> {other}: {faults:?}");
    faults.into_iter().next().unwrap()
}

fn assert_told((part, other): (&str, &str), place: (usize, &str), says: &[&str]) {
    let fault = fault(part, other);
    let told = format!("{} {}", fault.message, fault.help.clone().unwrap_or_default());
    assert_eq!((fault.line, fault.key.as_str()), place, "{part} -> {other}: {fault:?}");
    for words in says {
        assert!(told.contains(words), "{words}: {told}");
    }
}

#[test]
fn a_file_is_read_as_it_is_meant() {
    let file = VoteFile::read(GOOD, "votes.json").unwrap();
    assert_eq!(file.elections.len(), 2);
    assert_eq!(file.elections[0].names, ["soup", "rice", "bread"]);
    assert_eq!(file.elections[0].election.ballots()[1].count, 1, "a ballot is one voter's");
    assert_eq!(file.motions[0].cast.delegations["bob"], "ada");
}

#[test]
fn what_is_wrong_with_a_ballot_is_told_with_its_place() {
    let ballot = "elections[0].ballots[0]";
    let of = |field: &str| format!("{ballot}.{field}");
    let cases = [
        (("[1, 2]", "[1, 3]"), (5, of("ranking")), &["no candidate 3", "0 to 2"][..]),
        (("[1, 2]", "[1, 0]"), (5, of("ranking")), &["0 is named twice"]),
        (("[1, 2]", "[1, \"2\"]"), (5, of("ranking[1][1]")), &["string"]),
        (("[1, 2]", "[]"), (5, of("ranking[1]")), &["empty"]),
        (("\"1/2\",", "\"1/0\","), (5, of("weight")), &["\"1/0\"", "q above zero"]),
        (("\"1/2\",", "\"-1/2\","), (5, of("weight")), &["zero or more"]),
        (("\"1/2\",", "0.5,"), (5, of("weight")), &["floating point", "decimals are not exact"]),
        (("\"count\": 3", "\"count\": 0"), (5, of("count")), &["nobody"]),
        (("\"count\": 3", "\"count\": -3"), (5, of("count")), &["-3"]),
        (("\"weight\"", "\"weigth\""), (5, of("weigth")), &["unknown field `weigth`"]),
        (("\"ranking\": [[0]", "\"approved\": [[0]"), (5, of("approved[0]")), &["sequence"]),
    ];
    for (change, (line, key), says) in cases {
        assert_told(change, (line, &key), says);
    }
    let other = ("\"ranking\": []", "\"choice\": 1");
    assert_told(other, (6, "elections[0].ballots[1]"), &["ranked_weak", "\"ranking\""]);
}

#[test]
fn what_is_wrong_with_an_election_is_told_with_its_place() {
    let cases = [
        (("ranked_weak", "rankd"), (2, "elections[0].kind"), &["rankd", "known are: ranked,"][..]),
        (("[2, 0, 1]", "[2, 0, 0]"), (3, "elections[0].tie_break"), &["0 to 2 once"]),
        (("\"seats\": 1", "\"seats\": 4"), (3, "elections[0].seats"), &["1 to 3 seats"]),
        (("\"seats\"", "\"seat\""), (3, "elections[0].seat"), &["did you mean \"seats\"?"]),
        (("\"dinner\"", "\"lunch\""), (8, "elections[1].id"), &["twice"]),
        (("\"id\": \"dinner\", ", ""), (8, "elections[1]"), &["missing field `id`"]),
        (("[\"soup\", \"rice\"]", "[]"), (8, "elections[1].candidates"), &["0 candidates"]),
        (
            ("\"ranked_weak\"", "\"ranked\""),
            (5, "elections[0].ballots[0].ranking"),
            &["ranked_weak"],
        ),
    ];
    for (change, place, says) in cases {
        assert_told(change, place, says);
    }
    let methods = ("\"seats\": 1", "\"methods\": [\"schulze_margins\", \"schultze\"]");
    assert_told(methods, (3, "elections[0].methods[1]"), &["\"schultze\"", "\"schulze\"?"]);
}

#[test]
fn what_is_wrong_with_a_motion_is_told_with_its_place() {
    let cases = [
        (
            ("\"bob\": \"ada\"", "\"bob\": \"eve\""),
            (13, "motions[0].delegations.bob"),
            &["\"eve\""][..],
        ),
        (
            ("{\"ada\": \"yes\"}", "{\"adda\": \"yes\"}"),
            (13, "motions[0].ballots.adda"),
            &["\"ada\"?"],
        ),
        (("\"yes\"", "\"aye\""), (13, "motions[0].ballots.ada"), &["aye", "`yes`"]),
        (("\"2/3\"", "\"4/3\""), (12, "motions[0].fraction"), &["from 0 to 1"]),
        (("\"fraction\": \"2/3\",", ""), (12, "motions[0]"), &["\"fraction\""]),
        (("\"3/2\"", "1.5"), (12, "motions[0].voters.bob"), &["floating point"]),
        (("\"3/2\"", "\"-1\""), (12, "motions[0].voters.bob"), &["below zero"]),
        (("\"base\"", "\"bass\""), (12, "motions[0]"), &["missing field `base`"]),
        (("\"delegations\"", "\"delegation\""), (13, "motions[0].delegation"), &["delegations"]),
        (("\"quorum\": \"1/2\"", "\"quorum\": \"half\""), (13, "motions[0].quorum"), &["half"]),
    ];
    for (change, place, says) in cases {
        assert_told(change, place, says);
    }
}

#[test]
fn all_that_can_be_told_at_once_is() {
    let text = GOOD.replace("[1, 2]", "[1, 3]").replace("\"4/3\"", "").replace("[2, 0, 1]", "[2]");
    let text = text.replace("\"choice\": 1", "\"choice\": 7").replace("\"2/3\"", "\"7\"");
    let lines: Vec<usize> = faults(&text).iter().map(|fault| fault.line).collect();
    assert_eq!(lines, [5, 9, 12], "one of each election and motion");
}

#[test]
fn a_file_that_is_no_json_is_told_where_it_breaks() {
    let broken = fault("\"ranking\": []", "\"ranking\": [");
    assert_eq!(broken.line, 6);
    let cut = &GOOD[..GOOD.len() - 20];
    let told = faults(cut);
    assert_eq!(told.len(), 1);
    assert!(told[0].help.as_ref().unwrap().contains("cut off"), "{told:?}");
    assert_eq!(faults("")[0].line, 1);
    let told = faults(&format!("{GOOD}\n]"));
    assert_eq!((told[0].line, told[0].message.contains("follows the end")), (15, true), "{told:?}");
    assert!(faults("{}")[0].message.contains("nothing to count"));
    assert!(faults("[]")[0].message.contains("invalid type"), "{:?}", faults("[]"));
    assert!(faults("{\"electons\": []}").iter().any(|fault| fault.key == "electons"));
}

#[test]
fn a_place_is_found_past_texts_and_escapes() {
    let tricky = r#"{"no\"te": "] } , \\", "meta": {"a": [1, {"b": "}"}], "c": ""}, "motions": [],
 "elections": [{"id": "é\u00e9 [", "kind": "single", "candidates": ["a", "b"],
 "ballots": [{"choice": 0}, {"choice": 1}, {"choice": 2}]}]}"#;
    let told = faults(tricky);
    assert_eq!((told[0].line, told[0].column), (3, 55), "{told:?}");
    assert_eq!(told[0].key, "elections[0].ballots[2].choice");
}

#[test]
fn whatever_comes_in_is_an_answer_or_a_fault() {
    // Every beginning of a good file, and every byte of it made another one.
    for end in (0..GOOD.len()).filter(|end| GOOD.is_char_boundary(*end)) {
        assert!(!faults(&GOOD[..end]).is_empty());
    }
    for at in 0..GOOD.len() {
        for other in ["9", "\"", "[", "}", "-", "\u{0}"] {
            let mut text = GOOD.to_owned();
            text.replace_range(at..=at, other);
            for fault in faults(&text) {
                assert!(fault.line >= 1 && !fault.message.is_empty());
            }
        }
    }
}
