use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use orkestra_runtime::{
    Result,
    chance::Chance,
    fabric::{AppendError, Entry, Fabric, Follow, LogName, Logs, Sequence, embedded::Embedded},
    id::ShardId,
    journal::Journal,
    time::{Moment, SystemClock},
};
use tokio::task::JoinHandle;

use super::{Ports, Read, Settings, ShardError, ShardHandle, ShardHands, ShardParts, shard};
use crate::shard::{
    Pool, StepFault,
    pool::OUTSIDE_PERMITS,
    sequencer::Refusal,
    toy::{Answer, Command, Effect, Query, Reply, Toy},
};

const SOON: Duration = Duration::from_secs(30);

/// What becomes of the next append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Lost,
    LandedUnheard,
    Full,
    Hangs,
}

/// A log whose next appends have their fates.
#[derive(Debug)]
struct Fated {
    logs: Arc<dyn Logs>,
    fates: Mutex<VecDeque<Fate>>,
}

impl Logs for Fated {
    fn append(
        &self,
        log: &LogName,
        end: Sequence,
        record: Bytes,
    ) -> BoxFuture<'static, Result<Sequence, AppendError>> {
        let append = self.logs.append(log, end, record);
        let fate = self.fates.lock().unwrap().pop_front();
        match fate {
            None => append,
            Some(Fate::Full) => std::future::ready(Err(AppendError::Full)).boxed(),
            Some(Fate::Hangs) => std::future::pending().boxed(),
            Some(Fate::Lost) => {
                std::future::ready(Err(AppendError::Unknown("lost".into()))).boxed()
            }
            Some(Fate::LandedUnheard) => append
                .map(|landed| Err(AppendError::Unknown(format!("unheard: {landed:?}"))))
                .boxed(),
        }
    }

    fn end(&self, log: &LogName) -> BoxFuture<'static, Result<Sequence>> {
        self.logs.end(log)
    }

    fn read(
        &self,
        log: &LogName,
        from: Sequence,
        bytes_max: usize,
    ) -> BoxFuture<'static, Result<Vec<Entry>>> {
        self.logs.read(log, from, bytes_max)
    }

    fn follow(&self, log: &LogName, from: Sequence) -> Follow {
        self.logs.follow(log, from)
    }

    fn trim(&self, log: &LogName, first: Sequence) -> BoxFuture<'static, Result<()>> {
        self.logs.trim(log, first)
    }
}

pub(super) struct ToyHands;

impl ShardHands<Toy> for ToyHands {
    type Reply = Reply;
    fn carry_out(&mut self, effect: Effect, ports: &mut Ports<Reply>) {
        match effect {
            Effect::Reply(to, reply) => drop(ports.answer(to, reply)),
            Effect::Notice(_) => {}
        }
    }
}

/// A shard over a fabric, with a log that can be told to fail.
struct Script {
    shard: ShardHandle<Toy, ToyHands>,
    fated: Arc<Fated>,
    journal: Journal,
    runs: JoinHandle<Result<()>>,
}

fn open(fabric: &Embedded) -> Script {
    open_with(fabric, Settings { snapshot_every: 5, records_kept: 2, ..Settings::default() })
}

#[expect(clippy::disallowed_methods, reason = "the test owns the runner and awaits its end")]
fn open_with(fabric: &Embedded, settings: Settings) -> Script {
    let fated = Arc::new(Fated { logs: fabric.logs(), fates: Mutex::default() });
    let (logs, registers) = (Arc::clone(&fated) as Arc<dyn Logs>, fabric.registers());
    let journal = Journal::over(ShardId(0), logs, registers, fabric.blobs()).unwrap();
    let parts = ShardParts {
        journal: journal.clone(),
        genesis: Arc::new(Toy::default),
        hands: Arc::new(|_| ToyHands),
        clock: SystemClock::following_tokio(),
        chance: Chance::from_seed(1),
        settings,
    };
    let (shard, runner) = shard(parts);
    Script { shard, fated, journal, runs: tokio::spawn(runner.run()) }
}

impl Script {
    fn fate(&self, fates: &[Fate]) {
        self.fated.fates.lock().unwrap().extend(fates);
    }

    async fn fund(&self) -> Result<Reply, ShardError> {
        let make = |reply| Command::Fund { account: 1, amount: 10, reply };
        self.shard.command(make, Pool::Outside, SOON).await
    }

    async fn move_one(&self, key: u64) -> Result<Reply, ShardError> {
        let make = |reply| Command::Move { key, from: 1, to: 2, amount: 1, reply };
        self.shard.command(make, Pool::Outcomes, SOON).await
    }

    async fn read(&self) -> Read<Answer> {
        self.shard.query(Query, SOON).await.unwrap()
    }

    async fn close(self) {
        assert!(self.shard.close(SOON).await);
        self.runs.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_is_done_answered_and_there_after_a_restart() {
    let fabric = Embedded::memory();
    let script = open(&fabric);
    assert!(matches!(script.fund().await, Ok(Reply::Done { number, .. }) if number.0 == 1));
    script.move_one(7).await.unwrap();
    let before = script.read().await;
    assert_eq!(before.answer.accounts, [(1, 9), (2, 1)].into());
    script.close().await;

    let again = open(&fabric);
    assert_eq!(again.read().await, before);
    again.close().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_gets_no_answer_asks_again_and_it_happens_once() {
    for fate in [Fate::Lost, Fate::LandedUnheard] {
        let script = open(&Embedded::memory());
        script.fund().await.unwrap();
        script.fate(&[fate]);
        assert_eq!(script.move_one(7).await, Err(ShardError::NoAnswer));
        script.move_one(7).await.unwrap();
        assert_eq!(script.read().await.answer.accounts, [(1, 9), (2, 1)].into());
        script.close().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_append_that_hangs_ends_the_reign_and_not_the_shard() {
    let script = open(&Embedded::memory());
    script.fund().await.unwrap();
    script.fate(&[Fate::Hangs]);
    assert_eq!(script.move_one(7).await, Err(ShardError::NoAnswer));
    script.move_one(7).await.unwrap();
    script.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_full_journal_makes_writers_wait_or_go_and_loses_nothing() {
    let script = open(&Embedded::memory());
    script.fund().await.unwrap();
    script.fate(&[Fate::Full, Fate::Full, Fate::Full]);
    let (first, second) = tokio::join!(script.move_one(7), async {
        while script.read().await.settled {
            tokio::task::yield_now().await;
        }
        script.move_one(8).await
    });
    assert!(first.is_ok());
    assert_eq!(second, Err(ShardError::Refused(Refusal::Step(StepFault::Full))));
    script.move_one(8).await.unwrap();
    assert_eq!(script.read().await.answer.moved, 2);
    script.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_is_empty_refuses_and_leaves_the_others_alone() {
    let script = open(&Embedded::memory());
    script.fund().await.unwrap();
    script.fate(&[Fate::Hangs]);
    for _ in 0..OUTSIDE_PERMITS {
        script.shard.tell(Command::Count, Pool::Outside, SOON).await.unwrap();
    }
    assert_eq!(script.fund().await, Err(ShardError::Full));
    assert!(script.shard.tell(Command::Renew(1), Pool::Control, SOON).await.is_ok());
    script.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_permit_comes_back_with_its_effects() {
    let script = open(&Embedded::memory());
    script.fund().await.unwrap();
    for _ in 0..2 {
        for _ in 0..OUTSIDE_PERMITS {
            script.shard.tell(Command::Renew(1), Pool::Outside, SOON).await.unwrap();
        }
        script.read().await; // behind them all
    }
    script.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_command_that_panics_is_refused_and_one_that_breaks_ends_the_reign() {
    let script = open(&Embedded::memory());
    script.fund().await.unwrap();
    let panics = script.shard.command(|_| Command::Panic, Pool::Control, SOON).await;
    let fault = StepFault::Fault("told to panic".into());
    assert_eq!(panics, Err(ShardError::Refused(Refusal::Step(fault))));
    let breaks = script.shard.command(|_| Command::PanicLate, Pool::Control, SOON).await;
    assert_eq!(breaks, Err(ShardError::NoAnswer));
    assert_eq!(script.read().await.answer.counted, 0);
    script.close().await;
}

#[tokio::test(start_paused = true)]
async fn the_journal_is_trimmed_behind_two_verified_snapshots_and_no_further() {
    let fabric = Embedded::memory();
    let script = open(&fabric);
    script.fund().await.unwrap();
    for key in 0..9 {
        script.move_one(key).await.unwrap();
    }
    let log = LogName::new("shard-0").unwrap();
    let first = loop {
        script.fund().await.unwrap();
        let left = fabric.logs().read(&log, Sequence(1), usize::MAX).await.unwrap();
        if left[0].sequence > Sequence(1) {
            break left[0].sequence;
        }
    };
    let snapshots = script.journal.snapshots().await.unwrap();
    assert_eq!(snapshots.len(), 2);
    assert!(first.0 < snapshots[0].position.sequence().0, "two records are kept for audits");
    let before = script.read().await;
    script.close().await;

    let again = open(&fabric);
    assert_eq!(again.read().await, before);
    again.close().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_drops_the_runner_ends_the_shard_and_askers_hear_of_it() {
    let script = open(&Embedded::memory());
    script.fund().await.unwrap();
    script.runs.abort();
    assert!(script.runs.await.unwrap_err().is_cancelled());
    let make = |reply| Command::Fund { account: 1, amount: 10, reply };
    let asked = script.shard.command(make, Pool::Outside, SOON).await;
    assert_eq!(asked, Err(ShardError::NoOne));
}

#[tokio::test(start_paused = true)]
async fn a_reign_that_needs_a_lease_says_what_no_append_proves_only_with_one() {
    let fabric = Embedded::memory();
    let script = open_with(&fabric, Settings { needs_lease: true, ..Settings::default() });
    // Where others may lead nobody waits for a reign.
    assert!(script.shard.reigns().until_open_is(true).await);
    script.fund().await.unwrap();
    let lapsed = ShardError::Refused(Refusal::Step(StepFault::Lapsed));
    assert_eq!(script.shard.query(Query, SOON).await, Err(lapsed));
    script.shard.lease(Moment::from_ms(60_000)).unwrap();
    assert!(script.read().await.settled);
    script.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_command_that_breaks_again_and_again_does_not_take_the_shard_from_others() {
    let script = open(&Embedded::memory());
    for _ in 0..20 {
        script.fund().await.unwrap();
        let breaks = script.shard.command(|_| Command::PanicLate, Pool::Control, SOON).await;
        assert_eq!(breaks, Err(ShardError::NoAnswer));
    }
    assert_eq!(script.read().await.answer.accounts, [(1, 200)].into());
    script.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_only_breaks_is_given_up_with_the_reason() {
    let script = open(&Embedded::memory());
    for _ in 0..5 {
        let breaks = script.shard.command(|_| Command::PanicLate, Pool::Control, SOON).await;
        assert_eq!(breaks, Err(ShardError::NoAnswer));
    }
    let given_up = script.runs.await.unwrap().unwrap_err();
    assert_eq!(
        given_up.to_string(),
        "a step broke in its middle: the program is wrong: told to panic"
    );
}

#[tokio::test]
async fn what_was_acknowledged_is_on_disk_when_the_shard_dies() {
    let dir = tempfile::tempdir().unwrap();
    let fabric = Embedded::open(dir.path()).unwrap();
    let script = open(&fabric);
    script.fund().await.unwrap();
    for key in 0..8 {
        script.move_one(key).await.unwrap();
    }
    let before = script.read().await;
    script.runs.abort();
    assert!(script.runs.await.unwrap_err().is_cancelled());
    drop((script.shard, script.journal, script.fated));
    fabric.close().await;
    drop(fabric);

    let fabric = Embedded::open(dir.path()).unwrap();
    let again = open(&fabric);
    assert_eq!(again.read().await, before);
    again.close().await;
    fabric.close().await;
}
