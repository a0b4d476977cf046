//! What is sensitive, through a whole node.

use std::{path::Path, sync::Arc};

use orkestra_agents::{Context, Work};
use orkestra_runtime::protocol::task::{Failure, RetryPolicy, TaskSpec};

use super::*;
use crate::system::System;

const CANARY: &str = "a canary that sings";

async fn echo(work: Work, context: Context) -> Result<Json, Failure> {
    context.progress(50, format!("reading {}", work.input));
    context.artifact("notes", work.input.as_str().to_owned()).await?;
    if work.id.as_str() == "fails" {
        return Err(Failure::error(format!("cannot bear {}", work.input)).for_good());
    }
    assert!(work.id.as_str() != "panics", "nobody can work on {}", work.input);
    let heard = work.results.first().map_or_else(|| work.input.clone(), |(_, json)| json.clone());
    Ok(heard)
}

fn id(name: &str) -> TaskId {
    TaskId::new(name).unwrap()
}

fn run() -> RunId {
    RunId::new("r").unwrap()
}

fn graph() -> Vec<TaskSpec> {
    let sensitive = |name, output| {
        let task = TaskSpec::named(name).unwrap().given(CANARY).unwrap();
        task.sensitive(true, output)
    };
    let after = TaskSpec::named("after").unwrap().needs(["keeps"]).unwrap();
    let panics = TaskSpec {
        retry: RetryPolicy { retries_max: 0, ..RetryPolicy::DEFAULT },
        ..sensitive("panics", false)
    };
    vec![sensitive("keeps", true), sensitive("fails", false), panics, after]
}

async fn node(folder: &Path) -> System {
    let builder = System::builder().data_dir(folder).unwrap();
    // One at a time: an agent that panics is restarted, what it did beside that is done again, and
    // its blobs would be there twice.
    builder.function("echo", 1, echo).unwrap().start().await.unwrap()
}

async fn view(tasks: &Tasks, name: &str) -> crate::task::view::TaskView {
    match tasks.query(Query::Task(run(), id(name))).await.unwrap() {
        Answer::Task(Some(view)) => *view,
        other => panic!("there is no {name}: {other:?}"),
    }
}

/// The files below a folder that contain a text.
fn containing(folder: &Path, text: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(containing(&path, text));
        } else if path.is_file() {
            // A node at work removes files of its own meanwhile.
            let Ok(bytes) = std::fs::read(&path) else { continue };
            let is_in = bytes.windows(text.len()).any(|part| part == text.as_bytes());
            found.extend(is_in.then_some(path));
        }
    }
    found
}

fn are_sealed(found: &[std::path::PathBuf]) -> bool {
    found.iter().all(|path| orkestra_runtime::fabric::is_sealed(&std::fs::read(path).unwrap()))
}

#[tokio::test]
async fn what_is_sensitive_stands_in_sealed_blobs_alone_until_it_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let system = node(folder.path()).await;
    let tasks = system.tasks();
    // Begun twice: a blob with another name each time would make it another run.
    for _ in 0..2 {
        tasks.begin(&run(), graph()).await.unwrap();
        tasks.wait(&run()).await.unwrap();
    }
    let keeps = view(tasks, "keeps").await;
    assert_eq!(keeps.input.to_string(), "(sensitive, 21 bytes)");
    assert_eq!(keeps.output.unwrap().to_string(), "(sensitive, 21 bytes)");
    let failure = view(tasks, "fails").await.last_failure.unwrap();
    assert_eq!(failure.message, "cannot bear \"[sensitive]\"");
    let failure = view(tasks, "panics").await.last_failure.unwrap();
    assert_eq!(failure.message, "the agent panicked: nobody can work on \"[sensitive]\"");
    // Nothing is sensitive in it, so what it heard is taken out of what it says.
    assert_eq!(view(tasks, "after").await.output.unwrap().to_string(), "\"[sensitive]\"");
    // Three inputs, an output, three artifacts; and nowhere else.
    let found = containing(folder.path(), CANARY);
    assert!(found.len() == 7 && are_sealed(&found), "{found:?}");

    let revealed = tasks.reveal(&run(), &id("keeps"), "ann").await.unwrap();
    assert_eq!(revealed.output.unwrap().read::<String>().unwrap(), CANARY);
    let none = tasks.redact(&run(), Some(&id("after")), "ann").await.unwrap_err();
    assert!(none.to_string().contains("keeps nothing that is sensitive"), "{none}");
    let deleted = tasks.redact(&run(), Some(&id("keeps")), "ann").await.unwrap();
    assert_eq!(deleted, Deleted { tasks: 1, blobs: 3 });
    // Asking again finishes what may have been broken off, and records nothing.
    assert_eq!(tasks.redact(&run(), Some(&id("keeps")), "bob").await.unwrap().tasks, 0);
    let told = tasks.output(&run(), &id("keeps")).await.unwrap_err().to_string();
    assert!(told.contains("was deleted at 20") && told.contains(" by ann"), "{told}");
    let refused = tasks.reveal(&run(), &id("keeps"), "ann").await.unwrap_err().to_string();
    assert!(refused.contains("by ann"), "{refused}");

    // The last of them, and the key with it.
    let rest = tasks.redact(&run(), None, "ann").await.unwrap();
    assert_eq!(rest, Deleted { tasks: 2, blobs: 5 });
    let again = tasks.retry(&run(), &id("fails"), "ann").await.unwrap_err().to_string();
    assert!(again.contains("by ann: it cannot be tried again"), "{again}");
    assert_eq!(containing(folder.path(), CANARY), [""; 0].map(std::path::PathBuf::from));
    assert_eq!(tasks.blobs().sealed().await.unwrap(), []);
    system.stop().await.unwrap();
}

#[tokio::test]
async fn what_may_still_be_needed_is_not_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let system = System::builder().data_dir(folder.path()).unwrap().start().await.unwrap();
    let tasks = system.tasks();
    tasks.begin(&run(), graph()).await.unwrap();
    for task in [Some(id("keeps")), None] {
        let refused = tasks.redact(&run(), task.as_ref(), "ann").await.unwrap_err().to_string();
        assert!(refused.contains("wait for it, or cancel it first"), "{refused}");
    }
    tasks.cancel_run(&run(), "ann", "changed her mind").await.unwrap();
    assert_eq!(tasks.redact(&run(), None, "ann").await.unwrap().tasks, 3);
    system.stop().await.unwrap();
}

#[tokio::test]
async fn a_deletion_that_was_broken_off_is_finished_by_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let system = node(folder.path()).await;
    let tasks = system.tasks();
    tasks.begin(&run(), graph()).await.unwrap();
    tasks.wait(&run()).await.unwrap();
    // On the record, and then the process dies.
    let redact = |to| {
        let (run, by) = (run(), "ann".to_owned());
        TaskCommand::Sensitive(SensitiveCommand::Redact { to, run, task: None, by })
    };
    tasks.repeated(redact).await.unwrap();
    let unnamed = Json::of(CANARY).unwrap();
    orkestra_runtime::fabric::keep_sealed(&unnamed, tasks.blobs().as_ref()).await.unwrap();
    assert_eq!(containing(folder.path(), CANARY).len(), 8);
    system.stop().await.unwrap();

    let system = node(folder.path()).await;
    assert_eq!(system.tasks().blobs().sealed().await.unwrap(), []);
    assert_eq!(containing(folder.path(), CANARY).len(), 0);
    let again = system.tasks().begin(&run(), graph()).await.unwrap_err();
    assert!(again.to_string().contains("begin another run"), "{again}");
    system.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_named_survives_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let system = node(folder.path()).await;
    system.tasks().begin(&run(), graph()).await.unwrap();
    system.tasks().wait(&run()).await.unwrap();
    system.stop().await.unwrap();
    let system = node(folder.path()).await;
    let tasks = system.tasks();
    tasks.begin(&run(), graph()).await.unwrap();
    let output = tasks.output(&run(), &id("keeps")).await.unwrap().unwrap();
    assert_eq!(output.read::<String>().unwrap(), CANARY);
    assert_eq!(tasks.blobs().sealed().await.unwrap().len(), 8);
    system.stop().await.unwrap();
}

#[tokio::test]
async fn a_sensitive_input_that_is_not_sealed_is_not_recorded() {
    let system = System::builder().start().await.unwrap();
    let task = TaskSpec::named("t").unwrap().given(CANARY).unwrap().sensitive(true, false);
    system.tasks().open(&run(), crate::task::RunOpening::default()).await.unwrap();
    let submit = |to| {
        let tasks = vec![Arc::new(task.clone())];
        TaskCommand::Submit { to, run: run(), tasks }
    };
    let refused = system.tasks().repeated(submit).await.unwrap_err().to_string();
    assert_eq!(refused, "task \"t\" has a sensitive input that is not in a sealed blob");
    system.stop().await.unwrap();
}
