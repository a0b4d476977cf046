//! What the tests of this crate share.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture};
use orkestra_runtime::{
    Result,
    fabric::{BlobName, Blobs, is_sealed},
    id::{Attempt, RunId, TaskId, TaskNo},
    protocol::{
        agent::{Assignment, Progress},
        check::Switches,
        payload::{Json, Payload},
    },
};
use tokio::sync::{mpsc, watch};

use crate::{agent::Work, context::Context};

/// Blobs that live as long as the test.
#[derive(Debug, Default)]
pub(crate) struct MemoryBlobs(Mutex<HashMap<BlobName, Bytes>>);

impl Blobs for MemoryBlobs {
    fn put(&self, bytes: Bytes) -> BoxFuture<'static, Result<BlobName>> {
        let name = BlobName::of(&bytes);
        self.0.lock().unwrap().insert(name.clone(), bytes);
        async { Ok(name) }.boxed()
    }

    fn get(&self, name: &BlobName) -> BoxFuture<'static, Result<Option<Bytes>>> {
        let found = self.0.lock().unwrap().get(name).cloned();
        async { Ok(found) }.boxed()
    }

    fn delete(&self, name: &BlobName) -> BoxFuture<'static, Result<()>> {
        self.0.lock().unwrap().remove(name);
        async { Ok(()) }.boxed()
    }

    fn sealed(&self) -> BoxFuture<'static, Result<Vec<BlobName>>> {
        let blobs = self.0.lock().unwrap();
        let sealed = blobs.iter().filter(|(_, bytes)| is_sealed(bytes));
        let names = sealed.map(|(name, _)| name.clone()).collect();
        async { Ok(names) }.boxed()
    }
}

pub(crate) fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}

pub(crate) fn task(name: &str) -> TaskId {
    TaskId::new(name).unwrap()
}

pub(crate) fn assignment(number: u64) -> Assignment {
    Assignment {
        task: TaskNo(number),
        attempt: Attempt(1),
        run: RunId::new("run").unwrap(),
        id: task(&format!("task-{number}")),
        title: String::new(),
        instructions: String::new(),
        input: Payload::null(),
        results: Vec::new(),
        timeout_ms: None,
        effect_key: format!("effect-{number}"),
        workspace: None,
        checks: Switches::default(),
        sensitive_output: false,
        locks: Vec::new(),
    }
}

pub(crate) fn work(input: &str) -> Work {
    Work {
        run: RunId::new("run").unwrap(),
        id: task("task"),
        attempt: Attempt(2),
        title: "a title".into(),
        instructions: "what to do".into(),
        input: json(input),
        results: vec![(task("before"), json("[1,\n2]"))],
        timeout_ms: None,
    }
}

/// A context whose attempt can be cancelled, and where its progress is seen.
pub(crate) struct Stage {
    pub(crate) context: Context,
    pub(crate) cancel: watch::Sender<bool>,
    pub(crate) progress: mpsc::UnboundedReceiver<Progress>,
    pub(crate) root: tempfile::TempDir,
}

pub(crate) fn stage() -> Stage {
    let root = tempfile::tempdir().unwrap();
    let (cancel, cancelled) = watch::channel(false);
    let (tell, progress) = mpsc::unbounded_channel();
    let sink = Arc::new(move |one| tell.send(one).unwrap());
    let folder: PathBuf = root.path().join("attempt");
    let context = Context::new("effect", folder, cancelled, sink);
    Stage { context, cancel, progress, root }
}
