//! Whoever submits tasks, and writes down each call before and after it.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use orkestra_coordinator::client::Cluster;
use orkestra_runtime::{
    fabric::{Fabric, Subject},
    id::RunId,
    protocol::task::TaskSpec,
};
use serde_json::{Value, json};

use super::books::{Book, Call};

/// How many tasks a submission has.
pub(super) const BATCH: usize = 20;
/// In how many namespaces.
const NAMESPACES: usize = 12;
/// At which submissions the public requests are used.
const PUBLIC_EVERY: usize = 3;
/// How long a call waits at most. Whoever was to answer may be dead, and the same again is free of
/// effect.
const WITHIN: Duration = Duration::from_secs(10);
/// How long is waited before a call that failed is made again.
const AGAIN: Duration = Duration::from_millis(200);

/// A client with a connection of its own.
#[derive(Debug)]
pub(super) struct Client {
    cluster: Cluster,
    fabric: Arc<dyn Fabric>,
    book: Book,
    next: AtomicU64,
    is_over: AtomicBool,
    /// How many tasks may be asked for by now.
    pub(super) allowed: AtomicU64,
    /// How many were asked for, and how many of them are acknowledged.
    pub(super) asked: AtomicU64,
    /// How many are acknowledged.
    pub(super) acknowledged: AtomicU64,
}

/// The namespace of a submission.
pub(super) fn namespace_of(batch: usize) -> String {
    format!("n{}", batch % NAMESPACES)
}

/// The run of a submission.
pub(super) fn run_of(batch: usize) -> String {
    format!("batch-{batch}")
}

impl Client {
    /// A client over a fabric, who writes in a book.
    pub(super) fn new(fabric: &Arc<dyn Fabric>, shards: u16, book: &Path) -> Self {
        let cluster = Cluster::over(fabric.as_ref(), shards).expect("a cluster");
        let book = Book::open(book).expect("the client's book opens");
        Self {
            cluster,
            fabric: Arc::clone(fabric),
            book,
            next: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
            allowed: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
        }
    }

    /// The way to the cluster.
    pub(super) const fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Submits what is allowed until so many tasks are acknowledged; several may do so at once.
    pub(super) async fn submit(&self, tasks: usize) {
        loop {
            let batch = usize::try_from(self.next.fetch_add(1, Ordering::SeqCst)).unwrap_or(0);
            if batch * BATCH >= tasks {
                return;
            }
            while self.allowed.load(Ordering::SeqCst) < (batch * BATCH) as u64 {
                if self.is_over.load(Ordering::SeqCst) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            if self.is_over.load(Ordering::SeqCst) {
                return;
            }
            self.one(batch).await;
        }
    }

    /// Begins nothing more; what was begun is asked for until it is acknowledged.
    pub(super) fn ask_no_more(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    async fn one(&self, batch: usize) {
        let (namespace, run) = (namespace_of(batch), run_of(batch));
        self.asked.fetch_add(BATCH as u64, Ordering::SeqCst);
        loop {
            let (namespace, run) = (namespace.clone(), run.clone());
            self.write(&Call::Asks { namespace, run: run.clone(), tasks: BATCH });
            let called = if batch.is_multiple_of(PUBLIC_EVERY) {
                self.publicly(batch).await
            } else {
                self.directly(batch).await
            };
            match called {
                Ok(()) => {
                    self.write(&Call::Acknowledged { run });
                    self.acknowledged.fetch_add(BATCH as u64, Ordering::SeqCst);
                    return;
                }
                Err(why) => {
                    self.write(&Call::Failed { run, why });
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    async fn directly(&self, batch: usize) -> Result<(), String> {
        let tasks = self.cluster.tasks_of(&namespace_of(batch));
        let run = RunId::new(run_of(batch)).map_err(|error| error.to_string())?;
        let specs = (0..BATCH).map(|task| TaskSpec::named(format!("t{task}"))?.given(&task));
        let specs = specs.collect::<orkestra_runtime::Result<Vec<_>>>();
        let specs = specs.map_err(|error| error.to_string())?;
        tasks.begin(&run, specs).await.map_err(|error| format!("{error:?}"))
    }

    async fn publicly(&self, batch: usize) -> Result<(), String> {
        let word = |task| json!({ "id": format!("t{task}"), "input": task });
        let tasks: Vec<Value> = (0..BATCH).map(word).collect();
        let (namespace, run) = (namespace_of(batch), run_of(batch));
        let word = json!({ "namespace": namespace, "run": run, "tasks": tasks, "seal": true });
        let subject = Subject::new("task.submit").map_err(|error| error.to_string())?;
        let asked = self.fabric.messages().ask(&subject, word.to_string().into(), WITHIN);
        let answer = asked.await.map_err(|error| format!("task.submit: {error:?}"))?;
        let answer: Value =
            serde_json::from_slice(&answer).map_err(|error| format!("task.submit: {error}"))?;
        if answer["sealed"] == json!(true) {
            return Ok(());
        }
        Err(format!("task.submit: {answer}"))
    }

    fn write(&self, call: &Call) {
        self.book.write(call).expect("the client's book takes a line");
    }
}
