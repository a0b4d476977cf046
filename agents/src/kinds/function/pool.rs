//! A bounded pool of threads for work that blocks.
//!
//! Threads of its own rather than Tokio's: Tokio's blocking pool is shared with files and
//! name look-ups, cannot say which of its threads are stuck, and keeps a process from ending for as
//! long as one is. Here a thread whose work was given up is counted, replaced up to a limit, and
//! counted back when it returns after all.

use std::{
    any::Any,
    collections::VecDeque,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use orkestra_runtime::protocol::task::{Failure, FailureKind};
use tokio::sync::oneshot;

/// How many jobs may wait for a thread.
pub const QUEUE_MAX: usize = 4_096;

/// After how long without a job a thread ends.
const IDLE_MAX: Duration = Duration::from_secs(10);

/// A bounded pool of threads, started when needed. Cheap to clone; the threads end when the last
/// clone is gone and they have nothing to do.
#[derive(Clone)]
pub struct BlockingPool {
    handle: Arc<Handle>,
}

/// Closes the pool with its last owner; threads hold only what is shared.
struct Handle(Arc<Shared>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.wake.notify_all();
    }
}

struct Shared {
    threads_max: usize,
    lost_max: usize,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    /// All that have not ended, lost ones among them.
    threads: usize,
    idle: usize,
    lost: usize,
    closed: bool,
}

struct Job {
    stage: Arc<AtomicU8>,
    run: Box<dyn FnOnce() + Send>,
}

const QUEUED: u8 = 0;
const RUNNING: u8 = 1;
const GIVEN_UP: u8 = 2;
const DONE: u8 = 3;

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many threads there may be: lost ones are replaced up to the limit.
    fn allowed(&self, state: &State) -> usize {
        self.threads_max + state.lost.min(self.lost_max)
    }
}

impl BlockingPool {
    /// A pool of at most `threads_max` threads that work, and as many again in place of lost ones.
    pub fn new(threads_max: usize) -> Self {
        Self::with_lost_max(threads_max, threads_max)
    }

    /// The same with another limit: when `lost_max` threads are lost, agents on this pool are
    /// unavailable. Both count at least 1.
    pub fn with_lost_max(threads_max: usize, lost_max: usize) -> Self {
        let shared = Shared {
            threads_max: threads_max.max(1),
            lost_max: lost_max.max(1),
            state: Mutex::default(),
            wake: Condvar::new(),
        };
        Self { handle: Arc::new(Handle(Arc::new(shared))) }
    }

    /// How many threads are held by work that was given up.
    pub fn lost(&self) -> usize {
        self.handle.0.lock().lost
    }

    /// Why the pool takes no more work, if so.
    pub fn exhausted(&self) -> Option<String> {
        let (lost, most) = (self.lost(), self.handle.0.lost_max);
        (lost >= most).then(|| {
            format!(
                "{lost} of its threads hang in work that was given up and cannot be killed (at most \
                 {most} may); make the function look at `is_cancelled`, or use a command agent, and \
                 start the process again"
            )
        })
    }

    /// Runs a function on a thread of the pool. When the future is dropped, a function that has not
    /// begun never will, and the thread of one that has counts as lost until it returns.
    ///
    /// # Panics
    /// With what the function panicked with.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        function: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let (answer, answered) = oneshot::channel();
        let stage = Arc::new(AtomicU8::new(QUEUED));
        let run = Box::new(move || {
            let done: Result<T, Box<dyn Any + Send>> = catch_unwind(AssertUnwindSafe(function));
            // Nobody hears it if the work was given up.
            let _ = answer.send(done);
        });
        self.submit(Job { stage: Arc::clone(&stage), run })?;
        let mut waiting = Waiting { shared: Arc::clone(&self.handle.0), stage, answered: false };
        let answered = answered.await;
        waiting.answered = true;
        match answered {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(Failure::error("the pool of threads ended before the work began")),
        }
    }

    fn submit(&self, job: Job) -> Result<(), Failure> {
        let shared = &self.handle.0;
        let mut state = shared.lock();
        if state.queue.len() >= QUEUE_MAX {
            let why = format!("{QUEUE_MAX} jobs wait for a thread already");
            return Err(Failure::new(FailureKind::HandedBack, why));
        }
        state.queue.push_back(job);
        if state.idle >= state.queue.len() {
            shared.wake.notify_one();
        } else if state.threads < shared.allowed(&state) {
            let started = start_thread(shared, &mut state);
            if let Err(error) = started
                && state.threads == state.lost
            {
                state.queue.pop_back();
                return Err(Failure::error(format!("cannot start a thread: {error}")));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for BlockingPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = &self.handle.0;
        let state = shared.lock();
        f.debug_struct("BlockingPool")
            .field("threads_max", &shared.threads_max)
            .field("threads", &state.threads)
            .field("idle", &state.idle)
            .field("lost", &state.lost)
            .finish_non_exhaustive()
    }
}

/// Held while an answer is waited for: dropped early, it gives the work up.
struct Waiting {
    shared: Arc<Shared>,
    stage: Arc<AtomicU8>,
    answered: bool,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.answered {
            return;
        }
        let mut state = self.shared.lock();
        if self.stage.swap(GIVEN_UP, Ordering::AcqRel) != RUNNING {
            return;
        }
        state.lost += 1;
        let replace = !state.queue.is_empty() && state.threads < self.shared.allowed(&state);
        if replace && let Err(error) = start_thread(&self.shared, &mut state) {
            tracing::warn!(%error, "thread of a blocking pool not replaced");
        }
        tracing::warn!(lost = state.lost, "thread of a blocking pool lost");
    }
}

fn start_thread(shared: &Arc<Shared>, state: &mut State) -> std::io::Result<()> {
    let of_thread = Arc::clone(shared);
    std::thread::Builder::new()
        .name("orkestra-blocking".to_owned())
        .spawn(move || serve(&of_thread))?;
    state.threads += 1;
    Ok(())
}

/// The life of one thread.
fn serve(shared: &Shared) {
    let mut state = shared.lock();
    loop {
        let surplus = state.threads > shared.allowed(&state);
        if let Some(job) = (!surplus).then(|| state.queue.pop_front()).flatten() {
            // Under the lock, so that giving up and beginning cannot both win.
            if job.stage.swap(RUNNING, Ordering::AcqRel) == GIVEN_UP {
                continue;
            }
            drop(state);
            (job.run)();
            state = shared.lock();
            if job.stage.swap(DONE, Ordering::AcqRel) == GIVEN_UP {
                state.lost -= 1;
                tracing::info!(lost = state.lost, "thread of a blocking pool came back");
            }
            continue;
        }
        if state.closed || surplus {
            break;
        }
        state.idle += 1;
        let (woken, waited) =
            shared.wake.wait_timeout(state, IDLE_MAX).unwrap_or_else(PoisonError::into_inner);
        state = woken;
        state.idle -= 1;
        if waited.timed_out() && state.queue.is_empty() {
            break;
        }
    }
    state.threads -= 1;
}
