//! What a worker costs: an attempt that has nothing to do, and an idle worker's memory.
//!
//! `cargo bench -p orkestra-agents --bench worker`. Each line is a figure with its ratio to a
//! baseline from the same run: a message through a bare Tokio channel, carrying the same assignment.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench that fails should stop")]

use std::{path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture};
use orkestra_agents::{
    DynAgent,
    kinds::function::FunctionAgent,
    worker::{Sink, Terms, WorkerMail, WorkerSpec, spawn},
};
use orkestra_runtime::{
    Result,
    fabric::{BlobName, Blobs},
    id::{AgentId, Attempt, Incarnation, RunId, TaskId, TaskNo},
    protocol::{
        agent::{AgentProfile, Assignment, Availability, FromAgent, ToAgent},
        check::Switches,
        payload::{Json, Payload},
    },
    time::{Clock, Moment, SystemClock},
};
use tokio::sync::mpsc;

const BATCH: u64 = 2_000;
const BATCHES: u64 = 100;
const IDLE_WORKERS: usize = 10_000;

#[derive(Debug)]
struct NoBlobs;

impl Blobs for NoBlobs {
    fn put(&self, bytes: Bytes) -> BoxFuture<'static, Result<BlobName>> {
        async move { Ok(BlobName::of(&bytes)) }.boxed()
    }
    fn get(&self, _: &BlobName) -> BoxFuture<'static, Result<Option<Bytes>>> {
        async { Ok(None) }.boxed()
    }
    fn delete(&self, _: &BlobName) -> BoxFuture<'static, Result<()>> {
        async { Ok(()) }.boxed()
    }
    fn sealed(&self) -> BoxFuture<'static, Result<Vec<BlobName>>> {
        async { Ok(Vec::new()) }.boxed()
    }
}

fn spec(clock: &Arc<SystemClock>, sink: Sink) -> WorkerSpec {
    let agent: Arc<dyn DynAgent> = Arc::new(FunctionAgent::new(|_, _| async { Ok(Json::null()) }));
    WorkerSpec {
        profile: AgentProfile {
            id: AgentId::new("a").expect("a name"),
            kind: "function".into(),
            description: String::new(),
            capabilities: Vec::new(),
            specialties: Vec::new(),
            capacity: u32::MAX,
            availability: Availability::Available,
        },
        incarnation: Incarnation(1),
        factory: Arc::new(move || Arc::clone(&agent)),
        terms: Arc::new(Terms::default()),
        folder: Arc::new(PathBuf::from("unused")),
        blobs: Arc::new(NoBlobs),
        secrets: None,
        repositories: None,
        sink,
        introduce: None,
        heart: None,
        clock: Arc::clone(clock) as _,
    }
}

fn batch(first: u64) -> Vec<Assignment> {
    let (run, id) = (RunId::new("run").expect("a name"), TaskId::new("task").expect("a name"));
    let one = |number| Assignment {
        task: TaskNo(number),
        attempt: Attempt(1),
        run: run.clone(),
        id: id.clone(),
        title: String::new(),
        instructions: String::new(),
        input: Payload::null(),
        results: Vec::new(),
        timeout_ms: None,
        effect_key: "effect".into(),
        workspace: None,
        checks: Switches::default(),
        sensitive_output: false,
        locks: Vec::new(),
    };
    (first..first + BATCH).map(one).collect()
}

fn each(took: Duration) -> u128 {
    took.as_nanos() / u128::from(BATCH * BATCHES)
}

async fn channel(clock: &SystemClock) -> Duration {
    let (send, mut receive) = mpsc::unbounded_channel();
    let took = |from: Moment| clock.now().moment.since(from);
    let batches: Vec<_> = (0..BATCHES).map(|n| batch(n * BATCH)).collect();
    let began = clock.now().moment;
    for assignment in batches.into_iter().flatten() {
        send.send(assignment).unwrap();
        receive.recv().await.unwrap();
    }
    took(began)
}

async fn attempts(clock: &Arc<SystemClock>) -> Duration {
    let (say, mut said) = mpsc::unbounded_channel();
    let sink: Sink = Arc::new(move |one| drop(say.send(one)));
    let (worker, _) = spawn(spec(clock, sink)).await.unwrap();
    let batches: Vec<_> = (0..BATCHES).map(|n| batch(n * BATCH)).collect();
    let began = clock.now().moment;
    for batch in batches {
        worker.send(WorkerMail::ToAgent(ToAgent::Assign(batch))).unwrap();
        let reports = loop {
            if let FromAgent::Ended { reports, .. } = said.recv().await.unwrap() {
                break reports;
            }
        };
        let heard = reports.iter().map(|report| (report.task, report.attempt)).collect();
        worker.send(WorkerMail::ToAgent(ToAgent::Acknowledged(heard))).unwrap();
    }
    clock.now().moment.since(began)
}

fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * 4_096
}

async fn idle_bytes(clock: &Arc<SystemClock>) -> u64 {
    let sink: Sink = Arc::new(|_| ());
    let mut workers = Vec::with_capacity(IDLE_WORKERS);
    let before = resident_bytes();
    for _ in 0..IDLE_WORKERS {
        workers.push(spawn(spec(clock, Arc::clone(&sink))).await.unwrap());
    }
    (resident_bytes() - before) / IDLE_WORKERS as u64
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let clock = SystemClock::start();
    // First, while no memory was given back that the workers could use again.
    println!("idle worker with its actor:        {} bytes", idle_bytes(&clock).await);
    let baseline = each(channel(&clock).await).max(1);
    let attempt = each(attempts(&clock).await);
    println!("assignment through a bare channel: {baseline} ns");
    println!("attempt that has nothing to do:    {attempt} ns ({} times)", attempt / baseline);
}
