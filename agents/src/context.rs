//! What an agent may do at work.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use orkestra_runtime::protocol::agent::Progress;
use tokio::sync::watch;

/// Where an agent's progress goes to.
pub type ProgressSink = Arc<dyn Fn(Progress) + Send + Sync>;

/// What an agent may do at work: tell how far it is, see whether it was cancelled, keep its outside
/// effects idempotent, and use a folder of its own. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    effect_key: Arc<str>,
    folder: Arc<Path>,
    cancelled: watch::Receiver<bool>,
    progress: ProgressSink,
}

impl Context {
    /// A context for one attempt. `folder` need not exist yet.
    pub fn new(
        effect_key: &str,
        folder: PathBuf,
        cancelled: watch::Receiver<bool>,
        progress: ProgressSink,
    ) -> Self {
        Self { effect_key: effect_key.into(), folder: folder.into(), cancelled, progress }
    }

    /// A context outside any run: never cancelled, progress goes nowhere. For trying an agent.
    pub fn alone(folder: PathBuf) -> Self {
        let (_, cancelled) = watch::channel(false);
        Self::new("alone", folder, cancelled, Arc::new(|_| {}))
    }

    /// Tells how far the attempt is; each call is a sign of life. `percent` above 100 counts as 100.
    pub fn progress(&self, percent: u8, message: impl Into<String>) {
        (self.progress)(Progress { percent: percent.min(100), message: message.into() });
    }

    /// Whether the attempt was cancelled: blocking work should look now and then, and return.
    pub fn is_cancelled(&self) -> bool {
        *self.cancelled.borrow()
    }

    /// Waits until the attempt is cancelled; for ever if it never is.
    pub async fn cancelled(&self) {
        let mut cancelled = self.cancelled.clone();
        if cancelled.wait_for(|cancelled| *cancelled).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The same for every attempt of a task, and of no other task: give it to whatever must not
    /// happen twice.
    pub fn effect_key(&self) -> &str {
        &self.effect_key
    }

    /// A folder of this attempt's own; created when first asked for, removed after the attempt.
    pub fn folder(&self) -> std::io::Result<&Path> {
        std::fs::create_dir_all(&self.folder)?;
        Ok(&self.folder)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("effect_key", &self.effect_key)
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}
