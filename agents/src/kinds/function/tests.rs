//! Functions on threads.

use std::{
    sync::{Arc, Condvar, Mutex, mpsc},
    time::Duration,
};

use orkestra_runtime::protocol::{agent::Availability, payload::Json, task::Failure};

use super::{BlockingPool, FunctionAgent};
use crate::{
    Context,
    agent::{Agent, Work},
    testing::{json, stage, work},
};

/// Holds threads until it is opened.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn wait(&self) {
        let shut = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(shut, |open| !*open).unwrap());
    }
}

/// Begins to work on an agent, and gives up once its thread has begun.
async fn give_up<A: Agent>(agent: &A, begun: &mpsc::Receiver<()>) {
    let mut attempt = Box::pin(agent.work(work("null"), stage().context));
    assert!(futures::poll!(attempt.as_mut()).is_pending());
    begun.recv().unwrap();
    drop(attempt);
}

async fn until(mut holds: impl FnMut() -> bool) {
    let looks = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), looks).await.unwrap();
}

#[tokio::test]
async fn an_async_function_is_an_agent() {
    let agent = FunctionAgent::new(|work: Work, _| async move {
        let number: u32 = work.input()?;
        Ok(Json::of(&(number + 1)).unwrap())
    });
    assert_eq!(Agent::work(&agent, work("41"), stage().context).await, Ok(json("42")));
    let failed = Agent::work(&agent, work("\"x\""), stage().context).await.unwrap_err();
    assert!(!failed.retryable);
}

#[tokio::test]
async fn a_blocking_function_runs_on_a_thread_of_the_pool() {
    let agent = FunctionAgent::blocking(BlockingPool::new(2), |_, _| {
        Ok(Json::of(std::thread::current().name().unwrap_or("none")).unwrap())
    });
    let name = agent.work(work("null"), stage().context).await;
    assert_eq!(name, Ok(json("\"orkestra-blocking\"")));
}

#[tokio::test]
async fn no_more_threads_work_than_the_pool_has() {
    let (begun, begins) = mpsc::channel();
    let gate = Gate::default();
    let held = gate.clone();
    let agent = FunctionAgent::blocking(BlockingPool::new(2), move |_, _| {
        begun.send(()).unwrap();
        held.wait();
        Ok(Json::null())
    });
    let mut attempts: Vec<_> =
        (0..3).map(|_| Box::pin(agent.work(work("null"), stage().context))).collect();
    for attempt in &mut attempts {
        assert!(futures::poll!(attempt.as_mut()).is_pending());
    }
    begins.recv().unwrap();
    begins.recv().unwrap();
    assert!(begins.try_recv().is_err());
    gate.open();
    let ended = futures::future::join_all(attempts).await;
    assert_eq!(ended, [Ok(Json::null()), Ok(Json::null()), Ok(Json::null())]);
    assert_eq!(agent.lost(), 0);
}

#[tokio::test]
async fn a_lost_thread_is_counted_replaced_and_counted_back() {
    let (begun, begins) = mpsc::channel();
    let gate = Gate::default();
    let held = gate.clone();
    let pool = BlockingPool::with_lost_max(1, 2);
    let stuck = FunctionAgent::blocking(pool.clone(), move |_: Work, _: Context| {
        begun.send(()).unwrap();
        held.wait();
        Ok(Json::null())
    });
    let quick = FunctionAgent::blocking(pool.clone(), |_, _| Ok(Json::null()));
    give_up(&stuck, &begins).await;
    assert_eq!(pool.lost(), 1);
    assert_eq!(stuck.availability(), Availability::Available);
    assert_eq!(quick.work(work("null"), stage().context).await, Ok(Json::null()));
    give_up(&stuck, &begins).await;
    assert_eq!(pool.lost(), 2);
    let Availability::Unavailable { reason } = quick.availability() else { panic!("available") };
    assert!(reason.starts_with("2 of its threads hang in work that was given up"), "{reason}");
    gate.open();
    until(|| pool.lost() == 0).await;
    assert_eq!(quick.availability(), Availability::Available);
    assert_eq!(quick.work(work("null"), stage().context).await, Ok(Json::null()));
}

#[tokio::test]
async fn work_that_is_given_up_before_it_begins_never_does() {
    let (begun, begins) = mpsc::channel();
    let gate = Gate::default();
    let held = gate.clone();
    let agent = FunctionAgent::blocking(BlockingPool::new(1), move |work: Work, _: Context| {
        begun.send(work.input).unwrap();
        held.wait();
        Ok(Json::null())
    });
    let mut first = Box::pin(agent.work(work("1"), stage().context));
    assert!(futures::poll!(first.as_mut()).is_pending());
    assert_eq!(begins.recv().unwrap(), json("1"));
    let mut second = Box::pin(agent.work(work("2"), stage().context));
    assert!(futures::poll!(second.as_mut()).is_pending());
    drop(second);
    let third = agent.work(work("3"), stage().context);
    gate.open();
    let (first, third) = futures::join!(first, third);
    assert_eq!((first, third), (Ok(Json::null()), Ok(Json::null())));
    assert_eq!(begins.try_iter().collect::<Vec<_>>(), [json("3")]);
}

#[tokio::test]
async fn a_panic_on_a_thread_panics_the_attempt_and_the_thread_works_on() {
    use futures::FutureExt as _;
    let agent = FunctionAgent::blocking(BlockingPool::new(1), |work: Work, _| {
        assert!(work.input == json("1"), "not one");
        Ok(Json::null())
    });
    let attempt = agent.work(work("2"), stage().context);
    let panic = std::panic::AssertUnwindSafe(attempt).catch_unwind().await.unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"not one"));
    assert_eq!(agent.work(work("1"), stage().context).await, Ok(Json::null()));
    let failed: Result<Json, Failure> = Err(Failure::error("no"));
    let agent = FunctionAgent::blocking(BlockingPool::new(1), move |_, _| failed.clone());
    assert_eq!(agent.work(work("1"), stage().context).await, Err(Failure::error("no")));
}
