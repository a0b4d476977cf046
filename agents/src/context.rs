//! What an agent may do at work.

use std::{
    fmt,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use bytes::Bytes;
use orkestra_runtime::{
    Error,
    fabric::{BlobName, Blobs, seal},
    id::{Attempt, Incarnation, TaskNo, Token},
    protocol::{
        agent::{Artifact, Progress},
        lock::Grant,
        task::{Failure, FailureKind},
        understanding::Understanding,
    },
};
use tokio::sync::watch;

use crate::{
    redaction::Redaction,
    secret::{Secret, Secrets},
    shipped::{Laid, Repositories},
};

/// Where an agent's progress goes to.
pub type ProgressSink = Arc<dyn Fn(Progress) + Send + Sync>;

/// How many artifacts one attempt may keep.
pub const ARTIFACTS_MAX: usize = 1_024;

/// One attempt of one task.
pub(crate) type AttemptKey = (TaskNo, Attempt);

/// Who hears the signs of life of attempts.
pub(crate) trait Signs: Send + Sync + 'static {
    /// The attempt lives; with progress, it has come this far.
    fn sign(&self, of: AttemptKey, progress: Option<Progress>);
    /// The attempt kept something.
    fn kept(&self, of: AttemptKey, artifact: Artifact);
    /// The agent understands this now.
    fn understood(&self, understanding: Understanding);
}

struct ToClosure(ProgressSink);

impl Signs for ToClosure {
    fn sign(&self, _: AttemptKey, progress: Option<Progress>) {
        if let Some(progress) = progress {
            (self.0)(progress);
        }
    }

    fn kept(&self, _: AttemptKey, _: Artifact) {}
    fn understood(&self, _: Understanding) {}
}

/// What is the same for all attempts of a worker.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) blobs: Option<Arc<dyn Blobs>>,
    pub(crate) secrets: Option<Arc<dyn Secrets>>,
    pub(crate) signs: Arc<dyn Signs>,
    /// What was shipped to this node; none where nothing is.
    pub(crate) repositories: Option<Arc<Repositories>>,
}

/// What an agent may do at work: tell how far it is, see whether it was cancelled, keep its outside
/// effects idempotent, use a folder of its own, keep artifacts and read secrets. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    inner: Arc<Inner>,
}

struct Inner {
    key: AttemptKey,
    given: Given,
    place: Place,
    /// Worked out when it is first asked for: most attempts need none.
    folder: OnceLock<PathBuf>,
    cancelled: watch::Receiver<bool>,
    artifacts: Mutex<Vec<Artifact>>,
    confidence: Mutex<Confidence>,
    /// The shipped repositories that it works with: they stay while it does.
    held: Mutex<Vec<Arc<Laid>>>,
    surroundings: Arc<Surroundings>,
}

/// What of an attempt must not be seen.
#[derive(Clone, Default)]
pub(crate) struct Confidence {
    /// What is taken out of whatever it says.
    pub(crate) redaction: Arc<Redaction>,
    /// Whether its artifacts go to sealed blobs.
    pub(crate) seals_artifacts: bool,
    /// Whether its output goes to a sealed blob, and may say anything but secrets.
    pub(crate) seals_output: bool,
}

impl Confidence {
    /// What is taken out of an output.
    pub(crate) fn of_output(&self) -> Arc<Redaction> {
        if self.seals_output {
            Arc::new(self.redaction.of_secrets())
        } else {
            Arc::clone(&self.redaction)
        }
    }
}

/// What an attempt is given for what it does outside.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    /// What makes outside effects idempotent.
    pub(crate) effect_key: Box<str>,
    /// The locks that it holds.
    pub(crate) locks: Vec<Grant>,
}

/// Where an attempt's folder is, once it is made.
#[derive(Clone)]
pub(crate) enum Place {
    /// This one.
    Own(Arc<Path>),
    /// One for this attempt, under the folder of a life of its worker.
    Under(Arc<PathBuf>, Incarnation),
}

impl Place {
    fn of(&self, (task, attempt): AttemptKey) -> PathBuf {
        match self {
            Self::Own(folder) => folder.to_path_buf(),
            Self::Under(root, life) => root.join(format!("{life}-{task}-{attempt}")),
        }
    }
}

impl Context {
    /// A context for one attempt. `folder` need not exist yet.
    pub fn new(
        effect_key: &str,
        folder: PathBuf,
        cancelled: watch::Receiver<bool>,
        progress: ProgressSink,
    ) -> Self {
        let signs = Arc::new(ToClosure(progress));
        let surroundings = Surroundings { blobs: None, secrets: None, signs, repositories: None };
        let key = (TaskNo(0), Attempt(1));
        let place = Place::Own(folder.into());
        let given = Given { effect_key: effect_key.into(), locks: Vec::new() };
        Self::of_attempt(key, given, place, cancelled, Arc::new(surroundings))
    }

    pub(crate) fn of_attempt(
        key: AttemptKey,
        given: Given,
        place: Place,
        cancelled: watch::Receiver<bool>,
        surroundings: Arc<Surroundings>,
    ) -> Self {
        let (folder, artifacts) = (OnceLock::new(), Mutex::new(Vec::new()));
        let (confidence, held) = (Mutex::default(), Mutex::default());
        let inner = Inner {
            key,
            given,
            place,
            folder,
            cancelled,
            artifacts,
            confidence,
            held,
            surroundings,
        };
        Self { inner: Arc::new(inner) }
    }

    /// A context outside any run: never cancelled, progress goes nowhere. For trying an agent.
    pub fn alone(folder: PathBuf) -> Self {
        let (_, cancelled) = watch::channel(false);
        Self::new("alone", folder, cancelled, Arc::new(|_| {}))
    }

    /// The same context, before it is shared, with a place for artifacts.
    #[must_use]
    pub fn with_blobs(self, blobs: Arc<dyn Blobs>) -> Self {
        self.changed(|surroundings| surroundings.blobs = Some(blobs))
    }

    /// The same context, before it is shared, with secrets.
    #[must_use]
    pub fn with_secrets(self, secrets: Arc<dyn Secrets>) -> Self {
        self.changed(|surroundings| surroundings.secrets = Some(secrets))
    }

    /// The same context, before it is shared, with locks that its attempt holds.
    #[must_use]
    pub fn with_locks(self, locks: Vec<Grant>) -> Self {
        let old = &self.inner;
        let given = Given { locks, ..old.given.clone() };
        let (place, cancelled) = (old.place.clone(), old.cancelled.clone());
        Self::of_attempt(old.key, given, place, cancelled, Arc::clone(&old.surroundings))
    }

    /// The same context, before it is shared, with repositories that were shipped to this node.
    #[must_use]
    pub fn with_repositories(self, repositories: Arc<Repositories>) -> Self {
        self.changed(|surroundings| surroundings.repositories = Some(repositories))
    }

    fn changed(self, change: impl FnOnce(&mut Surroundings)) -> Self {
        let old = &self.inner;
        let mut surroundings = (*old.surroundings).clone();
        change(&mut surroundings);
        let (place, cancelled) = (old.place.clone(), old.cancelled.clone());
        Self::of_attempt(old.key, old.given.clone(), place, cancelled, Arc::new(surroundings))
    }

    /// Tells how far the attempt is; each call is a sign of life. `percent` above 100 counts as 100.
    /// The newest is what counts: calls in quick succession may be told as one.
    pub fn progress(&self, percent: u8, message: impl Into<String>) {
        let message = self.confidence().redaction.clean(&message.into()).into_owned();
        let progress = Progress { percent: percent.min(100), message };
        self.inner.surroundings.signs.sign(self.inner.key, Some(progress));
    }

    /// A sign of life without news: for work that is watched for silence and has no progress to
    /// tell.
    pub fn heartbeat(&self) {
        self.inner.surroundings.signs.sign(self.inner.key, None);
    }

    /// Tells what the agent understands now: of all its attempts the newest word counts, and stays
    /// after them. Calls in quick succession may be told as one, and the same is told once. It is
    /// kept in the journal for everybody to read, so secrets and sensitive texts are taken out. A
    /// failure when it is out of its bounds: see [`Understanding::check`].
    pub fn understand(&self, understanding: Understanding) -> Result<(), Failure> {
        let refused = |error: Error| Failure::new(FailureKind::BadOutput, error.to_string());
        understanding.check().map_err(refused)?;
        let understanding = self.confidence().redaction.clean_understanding(understanding);
        self.inner.surroundings.signs.understood(understanding);
        Ok(())
    }

    /// Whether the attempt was cancelled: blocking work should look now and then, and return.
    pub fn is_cancelled(&self) -> bool {
        *self.inner.cancelled.borrow()
    }

    /// Waits until the attempt is cancelled; for ever if it never is.
    pub async fn cancelled(&self) {
        let mut cancelled = self.inner.cancelled.clone();
        if cancelled.wait_for(|cancelled| *cancelled).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The same for every attempt of a task, and of no other task: give it to whatever must not
    /// happen twice.
    pub fn effect_key(&self) -> &str {
        &self.inner.given.effect_key
    }

    /// The locks that the task declares and this attempt holds, each with its token: another attempt
    /// has greater ones. If one is taken from it, the attempt is cancelled.
    pub fn locks(&self) -> &[Grant] {
        &self.inner.given.locks
    }

    /// The token of a lock that the task declares: give it to whatever is written under the lock, and
    /// let that refuse any that is smaller than one it has seen.
    pub fn token(&self, lock: &str) -> Option<Token> {
        self.inner.given.locks.iter().find(|held| held.key.as_str() == lock).map(|held| held.token)
    }

    /// A folder of this attempt's own; created when first asked for, removed after the attempt.
    pub fn folder(&self) -> std::io::Result<&Path> {
        let folder = self.inner.folder.get_or_init(|| self.inner.place.of(self.inner.key));
        // For nobody else: it may hold what is secret.
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        Ok(folder)
    }

    /// Which attempt of which task it is.
    pub(crate) fn key(&self) -> AttemptKey {
        self.inner.key
    }

    /// The folder, if it was ever asked for: what is to be removed after the attempt.
    pub(crate) fn folder_made(&self) -> Option<&Path> {
        self.inner.folder.get().map(PathBuf::as_path)
    }

    /// Keeps bytes as a blob and answers its name; the task's record tells of it, whatever becomes
    /// of the attempt. A failure when there
    /// is no room for them, or too many of them.
    pub async fn artifact(
        &self,
        name: impl Into<String>,
        bytes: impl Into<Bytes> + Send,
    ) -> Result<BlobName, Failure> {
        let confidence = self.confidence();
        let name = confidence.redaction.clean(&name.into()).into_owned();
        let bytes = bytes.into();
        let blobs = self.inner.surroundings.blobs.as_ref().ok_or_else(|| {
            Failure::error(format!("cannot keep the artifact {name:?}: there is no blob store"))
                .for_good()
        })?;
        if self.artifacts().len() >= ARTIFACTS_MAX {
            let why = format!("cannot keep more than {ARTIFACTS_MAX} artifacts of one attempt");
            return Err(Failure::new(FailureKind::BadOutput, why));
        }
        let length = bytes.len() as u64;
        let failed = |error| Failure::error(format!("cannot keep the artifact {name:?}: {error}"));
        let bytes = if confidence.seals_artifacts { seal(&bytes).map_err(failed)? } else { bytes };
        let blob = blobs.put(bytes).await.map_err(failed)?;
        let artifact = Artifact { name, blob: blob.clone(), bytes: length };
        self.inner.surroundings.signs.kept(self.inner.key, artifact.clone());
        self.inner.artifacts.lock().unwrap_or_else(PoisonError::into_inner).push(artifact);
        Ok(blob)
    }

    /// The artifacts that were kept so far, in that order.
    pub fn artifacts(&self) -> Vec<Artifact> {
        self.inner.artifacts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The value of a secret that this agent's node knows by that name. From now on it is taken out
    /// of whatever the attempt says and answers. The failure says why there is none, and never shows
    /// a value.
    pub fn secret(&self, name: &str) -> Result<Secret, Failure> {
        let secrets = self.inner.surroundings.secrets.as_ref().ok_or_else(|| {
            let why = format!("cannot read the secret {name:?}: this agent was given no secrets");
            Failure::new(FailureKind::Unavailable, why)
        })?;
        let secret = secrets
            .secret(name)
            .map_err(|error| Failure::new(FailureKind::Unavailable, error.to_string()))?;
        self.hide(&secret);
        Ok(secret)
    }

    /// From now on this is taken out of whatever the attempt says and answers.
    pub(crate) fn hide(&self, secret: &Secret) {
        let mut confidence = self.inner.confidence.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut confidence.redaction).add_secret(secret);
    }

    /// What was shipped to this node; none where nothing is.
    pub(crate) fn repositories(&self) -> Option<&Arc<Repositories>> {
        self.inner.surroundings.repositories.as_ref()
    }

    /// Keeps a shipped repository where it is while the attempt lasts.
    pub(crate) fn keep_laid(&self, laid: Arc<Laid>) {
        self.inner.held.lock().unwrap_or_else(PoisonError::into_inner).push(laid);
    }

    /// What of this attempt must not be seen, as far as that is known by now.
    pub(crate) fn confidence(&self) -> Confidence {
        self.inner.confidence.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says what of this attempt must not be seen.
    pub(crate) fn confide(&self, confidence: Confidence) {
        *self.inner.confidence.lock().unwrap_or_else(PoisonError::into_inner) = confidence;
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("effect_key", &self.inner.given.effect_key)
            .field("folder", &self.inner.place.of(self.inner.key))
            .finish_non_exhaustive()
    }
}
