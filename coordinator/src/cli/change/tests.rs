//! A run that failed, is repaired on the command line, and goes on.

use std::{
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex},
};

use orkestra_runtime::{ErrorKind, fabric::Fabric as _, time::SystemClock};

use super::*;
use crate::{
    cli::{
        args::{RunArgs, WatchingArgs},
        failure::Failure,
        run::{self, open},
        settings::Settings,
    },
    config::{Config, Layers},
    output::Surroundings,
};

/// One task that fails at its first attempt, and one that needs it.
const SCENARIO: &str = r#"
[scenario]
name = "mend"

[agents.fails]
kind = "function"
function = "demo-fail"
description = "fails at its first attempt"
capabilities = ["fails"]

[agents.steady]
kind = "function"
function = "noop"
description = "does its work"
capabilities = ["steady"]

[[tasks]]
id = "first"
title = "Fail once"
input = { times = 1 }
requires = ["fails"]
retry = { max = 0 }

[[tasks]]
id = "second"
title = "Needs the first"
requires = ["steady"]
needs = ["first"]
"#;

/// Keeps what is written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A folder with a scenario and a journal.
struct Place {
    dir: tempfile::TempDir,
    settings: Settings,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("mend.toml"), SCENARIO).unwrap();
        let data_dir = dir.path().join("data").to_string_lossy().into_owned();
        let flags = [("data_dir".to_owned(), data_dir)];
        let config = Config::load(&Layers { file: None, env: &[], flags: &flags }).unwrap();
        Self { dir, settings: Settings::of_folder(config) }
    }

    fn data_dir(&self) -> &Path {
        self.settings.data_dir()
    }

    /// Runs the scenario; answers how that ended and what was said.
    async fn run(&self) -> (Exit, String) {
        let file = self.dir.path().join("mend.toml");
        let watching = WatchingArgs::default();
        let args = RunArgs {
            file,
            set: Vec::new(),
            fresh: false,
            no_wait: false,
            report: None,
            replace_agents: false,
            watching,
        };
        let (mut console, said) = console();
        let exit = match run::run(&args, &self.settings, &mut console).await {
            Ok(exit) => exit,
            Err(Failure::Error(error)) => panic!("{error:?}"),
            Err(Failure::Faults(faults)) => panic!("{faults}"),
        };
        (exit, said.text())
    }

    async fn change(&self, change: TaskChange) -> Result<String> {
        let (mut console, said) = console();
        let asking = Asking { settings: &self.settings, clock: SystemClock::start() };
        task(&change, &asking, &mut console).await?;
        Ok(said.text())
    }

    async fn retry(&self, task: &str) -> Result<String> {
        self.change(TaskChange::Retry { task: task.to_owned(), run: RunChoice { run: None } }).await
    }
}

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn console() -> (Console, Kept) {
    let said = Kept::default();
    let streams: (Box<dyn Write + Send>, Box<dyn Write + Send>) =
        (Box::new(io::sink()), Box::new(said.clone()));
    (Console::new(streams, Format::Table, Surroundings::default()), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_retried_opens_its_run_and_the_same_command_goes_on_with_it() {
    let place = Place::new();
    let (exit, said) = place.run().await;
    assert_eq!(exit, Exit::Negative, "{said}");

    let said = place.retry("first").await.unwrap();
    assert_eq!(
        said,
        "task first of run mend-1 is retried, and one task with it\n\
         2 tasks of the run have not ended: `orkestra run …` with the file of scenario mend goes \
         on with them\n"
    );
    let refused = place.retry("first").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    assert!(refused.to_string().contains("has not ended: there is nothing to retry"), "{refused}");

    let (exit, said) = place.run().await;
    assert_eq!(exit, Exit::Done, "{said}");
    // How many have ended by then depends on how soon the agents are there.
    assert!(said.contains("run mend-1 goes on where it was: "), "{said}");
    assert!(said.contains("run mend-1: 2 tasks (2 completed, 0 failed, 0 cancelled)"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_cancelled_ends_what_needs_it() {
    let place = Place::new();
    place.run().await;
    place.retry("first").await.unwrap();
    let (task, run) = ("first".to_owned(), RunChoice { run: None });
    let reason = "not wanted".to_owned();
    let said = place.change(TaskChange::Cancel { task, run, reason }).await.unwrap();
    assert_eq!(
        said,
        "task first of run mend-1 is cancelled, and one task with it\n\
         every task of the run has ended: `orkestra task list` shows how\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_wrong_and_a_folder_that_is_held_change_nothing() {
    let place = Place::new();
    let nothing = place.retry("first").await.unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::NotFound);
    assert!(!place.data_dir().exists(), "asking made a folder");

    place.run().await;
    let unknown = place.retry("third").await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
    assert_eq!(
        unknown.to_string(),
        "run \"mend-1\" has no task \"third\": `orkestra task list` shows all"
    );

    let held = open(place.data_dir()).unwrap();
    let refused = place.retry("first").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    let pid = std::process::id();
    assert_eq!(
        refused.to_string(),
        format!(
            "cannot change anything in {}: process {pid} is at work there and has no control \
             door; interrupt it (Ctrl-C, or `kill {pid}`), then ask again",
            place.data_dir().display()
        )
    );
    held.close().await;
}
