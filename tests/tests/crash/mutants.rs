//! Bugs that are planted in a real process and in its folder: each must be found by the checks that
//! the test of two hundred kills makes, in a small run with a few kills.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use orkestra_runtime::chance::Chance;
use orkestra_tests::{
    command::Desk,
    crooked::{CROOK_VARIABLE, CROOKS, Crook},
    store::copy,
};

use crate::{
    Told, desk,
    history::{Asked, check},
    lives::{Moment, RUN, first_life, live, needs_of, scenario},
};

const TASKS: usize = 200;
/// How many kills a bug may survive.
const KILLS: usize = 6;
/// How many small runs go on at a time.
const AT_ONCE: usize = 3;

/// A bug, wherever it is planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutant {
    /// None: the small run must be sound, or what is found in it proves nothing.
    Nothing,
    /// In what the process remembers with.
    Crook(Crook),
    /// The disk forgets what it was told to keep: the folder is as it was a life ago.
    LostTail,
    /// Each attempt has an effect key of its own.
    KeyPerAttempt,
}

/// What the checks say of each bug: one of these.
const FOUND: &[(Mutant, &[&str])] = &[
    (Mutant::Crook(Crook::AnswerEarly), &["was said to have ended twice", "executed twice"]),
    (Mutant::Crook(Crook::OutcomeForgotten), &["was said to have ended twice", "executed twice"]),
    (Mutant::Crook(Crook::OutcomeTwice), &["something follows the end"]),
    (Mutant::Crook(Crook::OutcomeStale), &["an attempt ended that was not open"]),
    (Mutant::Crook(Crook::AttemptAgain), &["attempts do not rise", "that was not open"]),
    (Mutant::Crook(Crook::SubmitForgotten), &["given before", "tasks are missing"]),
    (Mutant::Crook(Crook::NeedsForgotten), &["given before"]),
    (Mutant::Crook(Crook::ReignAgain), &["fewer reigns"]),
    (Mutant::Crook(Crook::TimeBack), &["does not fit", "time goes back"]),
    (Mutant::Crook(Crook::TrimTooFar), &["numbers have a gap", "were trimmed"]),
    (
        Mutant::Crook(Crook::BlobLate),
        &["a result was named that is not there", "it ended by itself"],
    ),
    (Mutant::Crook(Crook::LockLetGo), &["two processes work in one folder", "\"holds it; stop"]),
    (Mutant::LostTail, &["was said to have ended twice", "executed twice"]),
    (Mutant::KeyPerAttempt, &["the effect key of"]),
];

fn needs(task: &str) -> Vec<String> {
    needs_of(task, TASKS)
}

/// A small history under a bug, with all checks.
async fn history(mutant: Mutant) {
    let mut chance = Chance::from_seed(7);
    let mut desk = desk().env("ORKESTRA_JOURNAL__SNAPSHOT_EVERY_RECORDS", "20");
    if let Mutant::Crook(crook) = mutant {
        desk = desk.env(CROOK_VARIABLE, crook.name());
    }
    let mut told = Told::default();
    desk.write("killed.toml", &scenario(TASKS));
    first_life(&desk, &mut told);
    for kill in 1..KILLS {
        let before = desk.path("before");
        copy(&desk.path("data"), &before);
        let endings = 3 + chance.below(8);
        live(&desk, &Moment::Amidst(endings, Duration::from_millis(5)), &mut told, kill == 2);
        if mutant == Mutant::LostTail {
            fs::remove_dir_all(desk.path("data")).unwrap();
            copy(&before, &desk.path("data"));
        }
        fs::remove_dir_all(before).unwrap();
    }
    let said = desk.run(&RUN);
    assert_eq!(said.code, Some(0), "it ended by itself: {}", said.err);
    told.listen(&said);
    if mutant == Mutant::KeyPerAttempt {
        rename_keys(&desk);
    }
    let figures = check(&desk, &told, &Asked { tasks: TASKS, needs }).await;
    assert!(figures.reigns > KILLS, "fewer reigns than lives: {figures}");
    assert!(figures.large >= 3, "{figures}");
}

/// Makes the trace what it would be if each attempt had a key of its own.
fn rename_keys(desk: &Desk) {
    let trace = desk.read("trace");
    let renamed = trace.lines().map(|line| {
        let attempt = line.split(' ').nth(1).unwrap();
        format!("{line}-{attempt}\n")
    });
    desk.write("trace", &renamed.collect::<String>());
}

/// What the checks say of a history; nothing when all of it holds.
fn judged(mutant: Mutant) -> Option<String> {
    let judge = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(history(mutant));
    };
    let panic = catch_unwind(AssertUnwindSafe(judge)).err()?;
    let text = panic.downcast_ref::<String>().cloned();
    Some(text.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned())).unwrap())
}

#[expect(clippy::print_stderr, reason = "the findings are for whoever reads the test's output")]
#[test]
fn every_bug_that_is_planted_is_found_and_where_none_is_nothing_is() {
    let mutants: Vec<Mutant> =
        [Mutant::Nothing].into_iter().chain(FOUND.iter().map(|(mutant, _)| *mutant)).collect();
    let next = AtomicUsize::new(0);
    let judge = || {
        let mut verdicts = Vec::new();
        while let Some(mutant) = mutants.get(next.fetch_add(1, Ordering::SeqCst)) {
            verdicts.push((*mutant, judged(*mutant)));
        }
        verdicts
    };
    let verdicts: Vec<(Mutant, Option<String>)> = std::thread::scope(|scope| {
        let judges: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(judge)).collect();
        judges.into_iter().flat_map(|judge| judge.join().unwrap()).collect()
    });
    assert_eq!(verdicts.len(), mutants.len());
    for (mutant, verdict) in &verdicts {
        let told = verdict.as_deref().unwrap_or("nothing is found").lines().next();
        eprintln!("{mutant:?}: {}", told.unwrap_or_default());
        let Some((_, found)) = FOUND.iter().find(|(other, _)| other == mutant) else {
            assert_eq!(*verdict, None, "a small run without a bug is not sound");
            continue;
        };
        let told = verdict.as_deref().unwrap_or_else(|| panic!("{mutant:?} is found by nobody"));
        assert!(found.iter().any(|words| told.contains(words)), "{mutant:?} is found by: {told}");
    }
}

#[test]
fn every_crook_is_looked_for() {
    for (crook, name, promise) in CROOKS {
        assert!(
            FOUND.iter().any(|(mutant, _)| *mutant == Mutant::Crook(*crook)),
            "{name}: {promise}"
        );
    }
}
