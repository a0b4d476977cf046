//! Askers at the door: those who ask well, and all the others.

use std::{path::Path, sync::Arc};

use orkestra_agents::{Context, Work};
use orkestra_runtime::{
    ErrorKind, Result as Done,
    id::{AgentId, RunId, TaskId},
    protocol::{payload::Json, task::Failure, task::TaskSpec},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    sync::{Notify, watch},
    task::JoinSet,
};

use super::{frame::Lines, serve::serve, socket::Socket, *};
use crate::{
    system::System,
    task::{Answer, Query},
};

const STATUS: &str = "{\"v\":1,\"id\":\"s\",\"command\":\"status\"}\n";

async fn sleep(_: Work, _: Context) -> Done<Json, Failure> {
    std::future::pending().await
}

async fn echo(work: Work, _: Context) -> Done<Json, Failure> {
    Ok(work.input)
}

/// A node that keeps nothing, with a run of one task that never ends, and a door in a folder.
struct Place {
    system: System,
    folder: tempfile::TempDir,
    close: watch::Sender<bool>,
    served: JoinSet<Done<()>>,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let builder = System::builder().function("sleeper", 1, sleep).unwrap();
        let system = builder.start().await.unwrap();
        let run = RunId::new("r").unwrap();
        system.tasks().begin(&run, vec![TaskSpec::named("nap").unwrap()]).await.unwrap();
        let (close, closing) = watch::channel(false);
        let socket = Socket::open(folder.path(), &[]).unwrap();
        let mut served = JoinSet::new();
        served.spawn(serve(socket, Arc::clone(system.clerk()), closing));
        Self { system, folder, close, served }
    }

    fn socket(&self) -> std::path::PathBuf {
        self.folder.path().join("control.sock")
    }

    async fn connect(&self) -> Raw {
        Raw::to(&self.socket()).await
    }

    async fn stop(mut self) {
        self.close.send_replace(true);
        self.served.join_next().await.unwrap().unwrap().unwrap();
        assert!(!self.socket().exists(), "the socket outlived its door");
        self.system.stop().await.unwrap();
    }
}

/// An asker who writes what he likes.
struct Raw {
    lines: Lines<tokio::net::unix::OwnedReadHalf>,
    writer: tokio::net::unix::OwnedWriteHalf,
}

impl Raw {
    async fn to(socket: &Path) -> Self {
        let (reader, writer) = UnixStream::connect(socket).await.unwrap().into_split();
        Self { lines: Lines::of(reader, ANSWER_BYTES_MAX), writer }
    }

    async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.writer.write_all(bytes.as_ref()).await.unwrap();
    }

    /// The next answer; none when the door has closed the connection.
    async fn hear(&mut self) -> Option<Value> {
        let line = self.lines.next().await.ok()??;
        Some(serde_json::from_slice(&line).unwrap())
    }

    async fn ask(&mut self, line: &str) -> Value {
        self.write(line).await;
        self.hear().await.unwrap()
    }

    async fn code_of(&mut self, line: &str) -> String {
        self.ask(line).await["error"]["code"].as_str().unwrap().to_owned()
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_says_what_it_is_and_takes_changes_in_the_name_of_who_asks() {
    let place = Place::new().await;
    let mut link = Link::open(place.folder.path()).await.unwrap().unwrap();
    let status: Status = link.ask(&Request::Status {}, None).await.unwrap();
    let node = status.node.unwrap();
    assert_eq!((node.durability.as_str(), node.boot, node.full), ("memory", 1, false));
    assert_eq!((status.open_runs, status.runs[0].total), (1, 1));

    let task = TaskId::new("nap").unwrap();
    let reason = Reason::new("no time").unwrap();
    let cancel = Request::TaskCancel { run: None, task: task.clone(), reason };
    let grace = AgentId::new("grace").unwrap();
    let changed: Changed = link.ask(&cancel, Some(&grace)).await.unwrap();
    assert_eq!((changed.change.as_str(), changed.tasks, changed.open), ("cancelled", 1, 0));

    let query = Query::Task(changed.run.clone(), task.clone());
    let Answer::Task(Some(view)) = place.system.tasks().query(query).await.unwrap() else {
        panic!("the task is gone");
    };
    let by = Asker::of_process().await.to_string();
    let reason = view.reason.unwrap();
    assert!(reason.contains(&format!("grace, asked by {by}")), "{reason}");
    assert!(reason.contains("no time"), "{reason}");

    // What is refused is told, and the link goes on.
    let refused = link.ask::<Changed>(&cancel, None).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    let other = RunId::new("other").unwrap();
    let nowhere = Request::TaskRetry { run: Some(other), task };
    let refused = link.ask::<Changed>(&nowhere, None).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotFound);
    assert_eq!(refused.to_string(), "there is no run \"other\"; there are r");
    place.stop().await;
}

#[tokio::test(start_paused = true)]
async fn junk_is_answered_and_disturbs_neither_its_sender_nor_others() {
    let place = Place::new().await;
    let (mut one, mut two) = (place.connect().await, place.connect().await);
    // Half a line of one does not keep the other waiting.
    one.write("{\"v\":1,\"id\":").await;
    assert_eq!(two.ask(STATUS).await["ok"]["open_runs"], 1);
    one.write("9,\"command\":\"status\"}\n").await;
    assert_eq!(one.hear().await.unwrap()["id"], 9);

    assert_eq!(two.code_of("\u{7f}ELF\u{1}\u{0}\n").await, "UNREADABLE");
    two.write(b"\xff\xfe\n").await;
    assert_eq!(two.hear().await.unwrap()["error"]["code"], "UNREADABLE");
    assert_eq!(two.code_of("{\"v\":9,\"id\":1,\"command\":\"status\"}\n").await, "UNKNOWN_VERSION");
    assert_eq!(two.code_of("{\"v\":1,\"id\":1,\"command\":\"dance\"}\n").await, "UNKNOWN_COMMAND");
    // Several lines at once are answered one after the other.
    two.write(STATUS.repeat(3)).await;
    for _ in 0..3 {
        assert_eq!(two.hear().await.unwrap()["id"], "s");
    }
    drop(two);
    assert_eq!(one.ask(STATUS).await["id"], "s");
    place.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_line_without_end_is_refused_before_it_is_read_whole() {
    let place = Place::new().await;
    let mut one = place.connect().await;
    one.write(vec![b'x'; LINE_BYTES_MAX + 1]).await;
    assert_eq!(one.hear().await.unwrap()["error"]["code"], "TOO_LONG");
    assert_eq!(one.hear().await, None);

    let mut cut = place.connect().await;
    cut.write("{\"v\":1,").await;
    cut.writer.shutdown().await.unwrap();
    assert_eq!(cut.hear().await.unwrap()["error"]["code"], "UNREADABLE");
    assert_eq!(cut.hear().await, None);
    place.stop().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_says_nothing_or_never_reads_is_let_go_of() {
    let place = Place::new().await;
    let mut silent = place.connect().await;
    let mut slow = place.connect().await;
    slow.write("{\"v\":1,\"id\":1").await;
    assert_eq!(silent.hear().await, None);
    assert_eq!(slow.hear().await, None);

    let mut deaf = place.connect().await;
    let wrote = deaf.writer.write_all(STATUS.repeat(100_000).as_bytes()).await;
    assert!(wrote.is_err(), "every answer was kept for an asker who reads none");
    assert_eq!(place.connect().await.ask(STATUS).await["id"], "s");
    place.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_asker_too_many_is_told_so_and_let_in_when_another_has_gone() {
    let place = Place::new().await;
    let mut askers = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        let mut asker = place.connect().await;
        assert_eq!(asker.ask(STATUS).await["id"], "s");
        askers.push(asker);
    }
    let mut late = place.connect().await;
    let told = late.hear().await.unwrap();
    assert_eq!((&told["id"], &told["error"]["code"]), (&Value::Null, &"BUSY".into()));
    assert_eq!(late.hear().await, None);
    let mut link = Link::open(place.folder.path()).await.unwrap().unwrap();
    let refused = link.ask::<Status>(&Request::Status {}, None).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Full);
    assert!(refused.to_string().contains("64 connections are open"), "{refused}");

    // Those who are in are not disturbed, and one of them goes.
    assert_eq!(askers[0].ask(STATUS).await["id"], "s");
    let mut gone = askers.pop().unwrap();
    gone.writer.shutdown().await.unwrap();
    assert_eq!(gone.hear().await, None);
    let mut next = place.connect().await;
    let mut told = next.ask(STATUS).await;
    while told["error"]["code"] == "BUSY" {
        next = place.connect().await;
        told = next.ask(STATUS).await;
    }
    assert_eq!(told["id"], "s");
    place.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_door_that_closes_lets_go_of_those_who_ask_nothing() {
    let place = Place::new().await;
    let mut idle = place.connect().await;
    assert_eq!(idle.ask(STATUS).await["id"], "s");
    place.close.send_replace(true);
    assert_eq!(idle.hear().await, None);
    place.stop().await;
}

#[tokio::test]
async fn a_socket_of_the_dead_is_replaced_and_no_other_file_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    assert!(Link::open(folder.path()).await.unwrap().is_none(), "a dead socket answered");

    let first = Socket::open(folder.path(), &[]).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    // A door that ends late does not take away the socket of the next.
    let second = Socket::open(folder.path(), &[]).unwrap();
    drop(first);
    assert!(Link::open(folder.path()).await.unwrap().is_some());
    drop(second);
    assert!(!path.exists());

    std::fs::write(&path, "mine").unwrap();
    let refused = Socket::open(folder.path(), &[]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_a_folder_has_a_door_and_works_without_one_if_it_must() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name| RunId::new(name).unwrap();
    let start = || async {
        let builder = System::builder().data_dir(folder.path()).unwrap();
        builder.function("echo", 1, echo).unwrap().start().await.unwrap()
    };
    let system = start().await;
    let mut link = Link::open(folder.path()).await.unwrap().unwrap();
    let status: Status = link.ask(&Request::Status {}, None).await.unwrap();
    assert_eq!(status.pid, Some(std::process::id()));
    system.stop().await.unwrap();
    assert!(Link::open(folder.path()).await.unwrap().is_none());
    assert!(!folder.path().join("control.sock").exists());

    std::fs::create_dir(folder.path().join("control.sock")).unwrap();
    let system = start().await;
    let task = TaskSpec::named("a").unwrap().given("x").unwrap();
    system.tasks().begin(&run("r"), vec![task]).await.unwrap();
    assert_eq!(system.tasks().wait(&run("r")).await.unwrap().counts.completed, 1);
    system.stop().await.unwrap();
    let log = std::fs::read_to_string(folder.path().join("supervision.jsonl")).unwrap();
    assert!(log.contains("something that is no socket is there; move it away"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_can_be_cancelled_while_a_node_waits_for_it_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let builder = System::builder().data_dir(folder.path()).unwrap();
    let begun = Arc::new(Notify::new());
    let begins = Arc::clone(&begun);
    let nap = move |work, context| {
        begins.notify_one();
        sleep(work, context)
    };
    let system = builder.function("sleeper", 1, nap).unwrap().start().await.unwrap();
    let run = RunId::new("r").unwrap();
    system.tasks().begin(&run, vec![TaskSpec::named("nap").unwrap()]).await.unwrap();
    // A node that is asked to stop begins nothing more.
    begun.notified().await;
    let tree = system.tree().clone();
    let cancel = async {
        // The agents are asked to finish first of all.
        while !tree.tree().await.unwrap().to_string().contains("agents  stopping") {}
        let mut link = Link::open(folder.path()).await.unwrap().unwrap();
        let cancel = Request::RunCancel { run, reason: Reason::default() };
        link.ask::<Changed>(&cancel, None).await.unwrap()
    };
    let (stopped, changed) = tokio::join!(system.stop(), cancel);
    stopped.unwrap();
    assert_eq!((changed.tasks, changed.open), (1, 0));
    assert!(!folder.path().join("control.sock").exists());
}

#[tokio::test]
async fn a_stream_that_is_closed_in_an_answer_is_told_as_unanswered() {
    let folder = tempfile::tempdir().unwrap();
    let socket = Socket::open(folder.path(), &[]).unwrap();
    let mut link = Link::open(folder.path()).await.unwrap().unwrap();
    let (mut stream, _) = socket.listener.accept().await.unwrap();
    let answer = async {
        let mut asked = vec![0; 16];
        stream.read_exact(&mut asked).await.unwrap();
        stream.write_all(b"{\"v\":1,\"id\":").await.unwrap();
        drop(stream);
    };
    let status = Request::Status {};
    let (refused, ()) = tokio::join!(link.ask::<Status>(&status, None), answer);
    let refused = refused.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert!(refused.to_string().contains("it may have been done"), "{refused}");
}
