//! Nothing of a program is left, however its attempt ends.

use std::{path::PathBuf, sync::Arc, time::Duration};

use orkestra_runtime::{
    id::{AgentId, Incarnation},
    protocol::{
        agent::{AgentProfile, Assignment, Availability, FromAgent, Report, ToAgent},
        task::{Failure, FailureKind, Outcome},
    },
    time::SystemClock,
};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{CommandAgent, CommandSpec};
use crate::{
    agent::Agent as _,
    testing::{MemoryBlobs, Stage, assignment, stage, work},
    worker::{self, Terms, WorkerAddress, WorkerMail, WorkerSpec},
};

/// Starts a child, tells its number as progress, and waits for it.
const PARENT: &str =
    r#"sleep 1000 & printf '{"type":"progress","message":"%s"}\n' "$!"; wait; sleep 1000"#;

/// The same, and neither of the two hears `SIGTERM`.
const STUBBORN: &str = r#"trap '' TERM; sleep 1000 &
printf '{"type":"progress","message":"%s"}\n' "$!"; wait; sleep 1000"#;

fn agent(script: &str) -> CommandAgent {
    CommandAgent::new(CommandSpec::new(["sh", "-c", script])).unwrap()
}

/// Whether a process lives; one that is dead and was not fetched yet does not.
fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// The system tells nobody but its parent that a process has died, so this looks again and again.
async fn dies(pid: &str) {
    let looks = async {
        while lives(pid) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), looks).await.unwrap();
}

async fn child_of(stage: &mut Stage) -> String {
    let child = stage.progress.recv().await.unwrap().message;
    assert!(lives(&child));
    child
}

#[tokio::test]
async fn a_cancelled_program_ends_with_its_children() {
    for script in [PARENT, STUBBORN] {
        let mut stage = stage();
        let (agent, context) = (agent(script), stage.context.clone());
        let attempt = agent.work(work("null"), context);
        let cancel = async {
            let child = child_of(&mut stage).await;
            stage.cancel.send_replace(true);
            child
        };
        let (ended, child) = futures::join!(attempt, cancel);
        assert_eq!(ended, Err(Failure::error("it was told to end")));
        dies(&child).await;
    }
}

#[tokio::test]
async fn a_cancelled_program_may_put_its_things_away() {
    let mut stage = stage();
    let file = stage.root.path().join("put-away");
    let script = format!("trap 'echo done > {}; exit' TERM; {PARENT}", file.display());
    let (agent, context) = (agent(&script), stage.context.clone());
    let cancel = async {
        child_of(&mut stage).await;
        stage.cancel.send_replace(true);
    };
    let (_, ()) = futures::join!(agent.work(work("null"), context), cancel);
    assert_eq!(std::fs::read_to_string(file).unwrap(), "done\n");
}

#[tokio::test]
async fn a_program_whose_future_is_dropped_is_killed_with_its_children() {
    let mut stage = stage();
    let (agent, context) = (agent(STUBBORN), stage.context.clone());
    let child = tokio::select! {
        child = child_of(&mut stage) => child,
        ended = agent.work(work("null"), context) => panic!("{ended:?}"),
    };
    dies(&child).await;
}

#[tokio::test]
async fn children_that_are_left_behind_are_killed_and_not_waited_for() {
    let mut stage = stage();
    let script = r#"sleep 1000 & printf '{"type":"progress","message":"%s"}\n' "$!"
echo '{"type":"completed"}'"#;
    agent(script).work(work("null"), stage.context.clone()).await.unwrap();
    dies(&stage.progress.recv().await.unwrap().message).await;
}

#[tokio::test]
async fn a_child_that_left_the_group_does_not_hold_up_the_end() {
    let script = r#"setsid sleep 5 & echo '{"type":"completed","output":1}'; sleep 0.1"#;
    let output = agent(script).work(work("null"), stage().context).await.unwrap();
    assert_eq!(output.as_str(), "1");
}

struct Hired {
    worker: WorkerAddress,
    end: JoinHandle<()>,
    said: mpsc::UnboundedReceiver<FromAgent>,
    folder: tempfile::TempDir,
}

async fn hire(script: &str, terms: Terms) -> Hired {
    let (say, said) = mpsc::unbounded_channel();
    let folder = tempfile::tempdir().unwrap();
    let agent: Arc<dyn crate::agent::DynAgent> = Arc::new(agent(script));
    let profile = AgentProfile {
        id: AgentId::new("a").unwrap(),
        kind: "command".into(),
        description: String::new(),
        capabilities: Vec::new(),
        specialties: Vec::new(),
        capacity: 1,
        availability: Availability::Available,
    };
    let spec = WorkerSpec {
        profile,
        incarnation: Incarnation(1),
        factory: Arc::new(move || Arc::clone(&agent)),
        terms: Arc::new(terms),
        folder: Arc::new(PathBuf::from(folder.path())),
        blobs: Arc::new(MemoryBlobs::default()),
        secrets: None,
        repositories: None,
        sink: Arc::new(move |one| drop(say.send(one))),
        introduce: None,
        heart: None,
        clock: SystemClock::start(),
    };
    let (worker, end) = worker::spawn(spec).await.unwrap();
    Hired { worker, end, said, folder }
}

impl Hired {
    fn assign(&self, assignment: Assignment) {
        self.worker.send(WorkerMail::ToAgent(ToAgent::Assign(vec![assignment]))).unwrap();
    }

    async fn child(&mut self) -> String {
        loop {
            let said = self.said.recv().await.unwrap();
            if let FromAgent::Progressed { progress, .. } = said {
                return progress.message;
            }
        }
    }

    async fn report(&mut self) -> Report {
        loop {
            let said = self.said.recv().await.unwrap();
            if let FromAgent::Ended { mut reports, .. } = said {
                return reports.remove(0);
            }
        }
    }
}

fn kind(report: &Report) -> Option<FailureKind> {
    match &report.outcome {
        Outcome::Failed(failure) => Some(failure.kind),
        Outcome::Completed(_) | Outcome::Cancelled => None,
    }
}

#[tokio::test]
async fn a_program_that_takes_too_long_is_timed_out_and_its_folder_is_removed() {
    let mut hired = hire(STUBBORN, Terms::default()).await;
    hired.assign(Assignment { timeout_ms: Some(300), ..assignment(1) });
    let child = hired.child().await;
    assert_eq!(std::fs::read_dir(hired.folder.path()).unwrap().count(), 1);
    assert_eq!(kind(&hired.report().await), Some(FailureKind::TimedOut));
    dies(&child).await;
    assert_eq!(std::fs::read_dir(hired.folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_program_that_falls_silent_is_hung_and_its_worker_ends() {
    let terms = Terms { silence_max: Some(Duration::from_millis(300)), ..Terms::default() };
    let mut hired = hire(PARENT, terms).await;
    hired.assign(assignment(1));
    let child = hired.child().await;
    assert_eq!(kind(&hired.report().await), Some(FailureKind::Hung));
    hired.end.await.unwrap();
    dies(&child).await;
}

#[tokio::test]
async fn a_program_that_is_killed_from_outside_ends_its_worker() {
    let mut hired = hire("kill -9 $$", Terms::default()).await;
    hired.assign(assignment(1));
    let report = hired.report().await;
    let told = Failure::new(FailureKind::Killed, "program \"sh\" was killed by SIGKILL");
    assert_eq!(report.outcome, Outcome::Failed(told));
    hired.end.await.unwrap();
}

#[tokio::test]
async fn the_end_of_a_worker_ends_its_programs_and_removes_their_folders() {
    let mut hired = hire(STUBBORN, Terms::default()).await;
    hired.assign(assignment(1));
    let child = hired.child().await;
    hired.worker.cell().kill();
    hired.end.await.unwrap();
    dies(&child).await;
    let looks = async {
        while std::fs::read_dir(hired.folder.path()).unwrap().count() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), looks).await.unwrap();
}
