//! What runs beside the actor: attempts.
//!
//! A batch is tried by one task, which polls each attempt once. Those that end at once cost no task
//! of their own; those that do not are handed back to the actor, which gives each its own.

use std::{panic::AssertUnwindSafe, path::PathBuf, sync::Arc, task::Poll, time::Duration};

use futures::{
    FutureExt as _,
    future::{AbortRegistration, Abortable, BoxFuture},
};
use orkestra_runtime::{
    fabric::Blobs,
    id::Incarnation,
    protocol::{
        agent::Assignment,
        check::{Phase, blocked},
        payload::{Json, Payload},
        task::{Failure, Outcome},
    },
    time::Clock,
};
use tokio::sync::watch;

use super::inbox::Inbox;
use crate::{
    agent::{DynAgent, Work},
    context::{AttemptKey, Confidence, Context, Given, Place, Surroundings},
    outcome,
    redaction::Redaction,
    safety::{Inspector, Subject},
    shipped::place,
};

/// An agent whose first poll takes longer than this gets a task for each attempt that follows in
/// the batch, so that work without a pause runs on several threads.
const QUICK: Duration = Duration::from_micros(100);

/// After how many attempts the task of a batch lets others run.
const BREATH: usize = 256;

/// What the attempts of one worker share.
pub(super) struct Desk {
    pub(super) agent: Arc<dyn DynAgent>,
    pub(super) blobs: Arc<dyn Blobs>,
    pub(super) surroundings: Arc<Surroundings>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) folder: Arc<PathBuf>,
    pub(super) incarnation: Incarnation,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) inspector: Arc<Inspector>,
}

impl Desk {
    /// Makes the checks of a phase and leaves what they found; the failure of an attempt that they
    /// block. Each phase is a sign of life.
    async fn check(&self, phase: Phase, subject: &Arc<Subject>) -> Result<(), Failure> {
        let found = self.inspector.inspect(phase, subject).await;
        let verdict = blocked(phase, &found).map_or(Ok(()), Err);
        let key = subject.attempt;
        self.inbox.leave(|gathered| {
            gathered.signs.entry(key).or_default();
            gathered.checked.push((key, found));
        });
        verdict
    }
}

/// One attempt that is to begin, and how it hears that it is to end.
pub(super) struct Beginning {
    pub(super) assignment: Assignment,
    pub(super) cancelled: watch::Receiver<bool>,
    pub(super) abort: AbortRegistration,
}

/// Begins a batch; everything it has to say goes to the inbox.
pub(super) async fn begin(batch: Vec<Beginning>, desk: Arc<Desk>) {
    let (mut ended, mut going) = (Vec::with_capacity(batch.len()), Vec::new());
    let mut quick = true;
    let mut before = desk.clock.now().moment;
    for (index, beginning) in batch.into_iter().enumerate() {
        let key = (beginning.assignment.task, beginning.assignment.attempt);
        let mut attempt = Box::pin(run(beginning, Arc::clone(&desk)));
        if quick {
            if let Poll::Ready(outcome) = futures::poll!(attempt.as_mut()) {
                ended.push((key, outcome));
            } else {
                going.push(carry_on(key, attempt, Arc::clone(&desk.inbox)));
            }
            let now = desk.clock.now().moment;
            quick = now.since(before) < QUICK;
            before = now;
        } else {
            going.push(carry_on(key, attempt, Arc::clone(&desk.inbox)));
        }
        if index % BREATH == BREATH - 1 {
            tokio::task::yield_now().await;
            before = desk.clock.now().moment;
        }
    }
    desk.inbox.leave(move |gathered| {
        gathered.ended.append(&mut ended);
        gathered.going.append(&mut going);
    });
}

fn carry_on(
    key: AttemptKey,
    attempt: impl Future<Output = Option<Outcome>> + Send + 'static,
    inbox: Arc<Inbox>,
) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let outcome = attempt.await;
        inbox.leave(|gathered| gathered.ended.push((key, outcome)));
    })
}

/// Removes an attempt's folder, also when the attempt is dropped half-way.
struct Folder(Context);

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some(folder) = self.0.folder_made()
            && let Err(error) = std::fs::remove_dir_all(folder)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(folder = %folder.display(), %error, "folder of an attempt stays");
        }
    }
}

/// Runs one attempt to its end; none when it was dropped.
async fn run(beginning: Beginning, desk: Arc<Desk>) -> Option<Outcome> {
    let Beginning { mut assignment, cancelled, abort } = beginning;
    let key = (assignment.task, assignment.attempt);
    let place = Place::Under(Arc::clone(&desk.folder), desk.incarnation);
    let effect_key = std::mem::take(&mut assignment.effect_key).into_boxed_str();
    let surroundings = Arc::clone(&desk.surroundings);
    let given = Given { effect_key, locks: std::mem::take(&mut assignment.locks) };
    let context = Context::of_attempt(key, given, place, cancelled, surroundings);
    let folder = Folder(context.clone());
    let work = AssertUnwindSafe(work(assignment, context.clone(), &desk)).catch_unwind();
    let ended = Abortable::new(work, abort).await;
    if folder.0.folder_made().is_some() {
        // Removing a large folder takes its time, which the other attempts need not wait for.
        let _ = tokio::task::spawn_blocking(move || drop(folder)).await;
    }
    match ended {
        Err(_aborted) => None,
        Ok(Ok(outcome)) => Some(outcome),
        Ok(Err(panic)) => {
            let failure = outcome::panicked(&*panic);
            Some(Outcome::Failed(context.confidence().redaction.clean_failure(failure)))
        }
    }
}

async fn work(mut assignment: Assignment, context: Context, desk: &Desk) -> Outcome {
    let is_sensitive = assignment.sensitive_output;
    let placed = place::assignment(&mut assignment, desk.agent.is_elsewhere(), &context).await;
    let answer = if let Err(failure) = placed {
        Err(failure)
    } else if assignment.workspace.is_none() && assignment.checks.is_empty() {
        answer(assignment, &context, desk).await
    } else {
        let workspace = assignment.workspace.take();
        let switches = std::mem::take(&mut assignment.checks);
        let attempt = (assignment.task, assignment.attempt);
        let subject = Arc::new(Subject { workspace, switches, attempt });
        checked(assignment, &context, desk, &subject).await
    };
    // Known only now: an agent may have asked for secrets at its work.
    let confidence = context.confidence();
    let answer = match answer {
        Ok(json) => confidence.of_output().clean_json(json),
        Err(failure) => Err(failure),
    };
    let answer = answer.map_err(|failure| confidence.redaction.clean_failure(failure));
    outcome::settle(answer, is_sensitive, &desk.blobs).await
}

/// What the agent makes of what it is given.
async fn answer(assignment: Assignment, context: &Context, desk: &Desk) -> Result<Json, Failure> {
    let work = given(assignment, context, desk).await?;
    desk.agent.work(work, context.clone()).await
}

/// The agent's answer, between the checks of its files: what blocks before is never begun, and what
/// blocks after makes a failure of the answer. An attempt that failed by itself is not checked.
async fn checked(
    assignment: Assignment,
    context: &Context,
    desk: &Desk,
    subject: &Arc<Subject>,
) -> Result<Json, Failure> {
    desk.check(Phase::Pre, subject).await?;
    let answer = answer(assignment, context, desk).await?;
    desk.check(Phase::Post, subject).await?;
    Ok(answer)
}

/// Fetches what an attempt is given, and says to its context what of that must not be seen.
async fn given(assignment: Assignment, context: &Context, desk: &Desk) -> Result<Work, Failure> {
    let Assignment { attempt, run, id, title, instructions, input, results: assigned, .. } =
        assignment;
    let timeout_ms = assignment.timeout_ms;
    let mut redaction = Redaction::default();
    let seals_output = assignment.sensitive_output;
    let seals_artifacts = seals_output || input.is_sensitive();
    let is_sensitive = input.is_sensitive();
    let input = fetched(input, "the input", (context, desk)).await?;
    if is_sensitive {
        redaction.add_content(&input);
    }
    let mut results = Vec::with_capacity(assigned.len());
    for (of, payload) in assigned {
        let is_sensitive = payload.is_sensitive();
        let what = format!("the result of task {of:?}");
        let result = fetched(payload, &what, (context, desk)).await?;
        if is_sensitive {
            redaction.add_content(&result);
        }
        results.push((of, result));
    }
    let redaction = Arc::new(redaction);
    context.confide(Confidence { redaction, seals_artifacts, seals_output });
    Ok(Work { run, id, attempt, title, instructions, input, results, timeout_ms })
}

/// Fetches what an attempt is given, with the folders of this machine where it names what was shipped.
async fn fetched(
    payload: Payload,
    what: &str,
    (context, desk): (&Context, &Desk),
) -> Result<Json, Failure> {
    let json = outcome::fetch(payload, what, &desk.blobs).await?;
    if desk.agent.is_elsewhere() {
        return Ok(json);
    }
    place::json(json, context).await
}
