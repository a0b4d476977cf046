//! What is interrupted goes on, unless it has become something else.

use std::fs;

use orkestra_tests::command::{Desk, Signal};

use crate::{RUN_SLOW, SLOW, desk, repository::Repository, slow};

/// Runs a command until two tasks have ended, and interrupts it in order.
fn interrupt(desk: &Desk, args: &[&str]) {
    let mut running = desk.start(args);
    running.await_line("task_ended");
    running.await_line("task_ended");
    running.signal(Signal::INT);
    running.end().expect(130).says(&["interrupted; the same command goes on where it was"]);
}

#[test]
fn an_interrupted_run_goes_on_where_it_was_and_the_next_is_another() {
    let desk = desk();
    desk.write("slow.toml", &SLOW.replace("300", "40"));
    interrupt(&desk, &RUN_SLOW);
    let said =
        desk.run(&RUN_SLOW).expect(0).says(&["run slow-1 goes on where it was: ", " of 30 tasks"]);
    let ended = said.lines().into_iter().filter(|line| line["event"] == "task_ended");
    let (before, now): (Vec<_>, Vec<_>) = ended.partition(|line| line["caught_up"] == true);
    assert!(before.len() >= 2 && now.len() <= 28, "what had ended was done again");
    assert_eq!(before.len() + now.len(), 30);
    let again = desk.run(&["run", "slow.toml", "--data-dir", "data"]).expect(0);
    again.says(&["run slow-2: 30 tasks (30 completed, 0 failed, 0 cancelled), 30 attempts"]);
}

#[test]
fn a_run_of_another_scenario_or_input_is_refused_and_a_fresh_one_begins() {
    let desk = slow();
    interrupt(&desk, &RUN_SLOW);
    desk.write("slow.toml", &SLOW.replace("repeat = { n = 30 }", "repeat = { n = 31 }"));
    let refused = desk.run(&RUN_SLOW).expect(2);
    check_refusal(&refused.err, "slow-1", "scenario");

    desk.write("slow.toml", SLOW);
    let refused = desk.run(&[&RUN_SLOW[..], &["--set", "ms=0"]].concat()).expect(2);
    check_refusal(&refused.err, "slow-1", "input");

    let fresh = [&RUN_SLOW[..4], &["--set", "ms=0", "--fresh"]].concat();
    desk.run(&fresh).expect(0).says(&[
        "run slow-1 was cancelled, since --fresh begins anew",
        "run slow-2: 30 tasks (30 completed, 0 failed, 0 cancelled)",
    ]);
    let old = [
        "task",
        "list",
        "--data-dir",
        "data",
        "--run",
        "slow-1",
        "--state",
        "cancelled",
        "-o",
        "json",
    ];
    let cancelled = desk.run(&old).expect(0).json();
    assert!(cancelled.as_array().unwrap().len() >= 20, "{cancelled}");
}

#[test]
fn who_asks_twice_does_not_wait_for_what_is_at_work() {
    let desk = slow().env("ORKESTRA_SHUTDOWN__DRAIN_WITHIN", "100s");
    let mut running = desk.start(&[&RUN_SLOW[..], &["--set", "ms=90000"]].concat());
    running.await_line("\"task\":\"nap-0\"");
    running.signal(Signal::INT);
    running.signal(Signal::TERM);
    let said = running.end().expect(130);
    assert!(!said.err.contains("interrupted;"), "it waited: {}", said.err);
    let said = said.says(&["stopping: agents finish or hand back; once more aborts"]);
    assert!(!said.out.contains("task_ended"), "{}", said.out);
}

/// The message names both hashes and what to do.
fn check_refusal(talk: &str, run: &str, what: &str) {
    assert!(talk.contains(&format!("run {run} was interrupted and began with {what} ")), "{talk}");
    assert!(talk.contains("restore it to go on, or begin anew with --fresh"), "{talk}");
    let is_hash = |word: &&str| word.len() == 12 && word.chars().all(|c| c.is_ascii_hexdigit());
    let words = talk.split(|c: char| !c.is_ascii_alphanumeric());
    let hashes: Vec<&str> = words.filter(is_hash).collect();
    assert_eq!(hashes.len(), 2, "{talk}");
    assert_ne!(hashes[0], hashes[1]);
}

#[test]
fn a_repository_with_another_commit_is_another_input() {
    let desk = desk();
    let repository = Repository::with(&desk.path("repo"), &[("a.txt", "one\n")]);
    let scenario =
        SLOW.replace("[inputs.ms]", "[inputs.repo]\ntype = \"repository\"\n\n[inputs.ms]");
    desk.write("slow.toml", &scenario);
    let run = [&RUN_SLOW[..], &["--set", "repo=repo"]].concat();
    interrupt(&desk, &run);

    // A change that is not committed is not looked at, and said not to be.
    fs::write(desk.path("repo/a.txt"), "two\n").unwrap();
    interrupt(&desk, &run);
    repository.commit();
    let refused = desk.run(&run).expect(2);
    check_refusal(&refused.err, "slow-1", "input");
}
