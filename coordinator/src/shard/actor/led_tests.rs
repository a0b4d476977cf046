//! Shards that several nodes may lead.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture};
use orkestra_runtime::{
    Result,
    chance::Chance,
    fabric::{
        Fabric as _, Key, Registers, Revision, SetError, Value, Watch, WatchUnder,
        embedded::Embedded,
    },
    id::{Incarnation, NodeId, ShardId},
    journal::Journal,
    leadership::{LeaseSettings, Role, Seat, StewardParts, Wish, steward},
    record::{Head, encode_event, seal},
    time::{Clock, SystemClock},
};
use tokio::task::JoinHandle;

use super::{Settings, ShardError, ShardHandle, ShardParts, shard, tests::ToyHands};
use crate::shard::{
    Ceiling, Pool, StepFault,
    sequencer::Refusal,
    toy::{Answer, Command, Query, Reply, Toy},
};

const SOON: Duration = Duration::from_secs(30);

/// Registers that can be cut off: then no call is answered, and nothing is seen.
#[derive(Debug)]
struct Cut {
    inner: Arc<dyn Registers>,
    off: Arc<AtomicBool>,
}

impl Cut {
    fn pass<T: Send + 'static>(&self, call: BoxFuture<'static, T>) -> BoxFuture<'static, T> {
        if self.off.load(Ordering::SeqCst) { std::future::pending().boxed() } else { call }
    }
}

impl Registers for Cut {
    fn get(&self, key: &Key) -> BoxFuture<'static, Result<Option<Value>>> {
        self.pass(self.inner.get(key))
    }

    fn create(&self, key: &Key, bytes: Bytes) -> BoxFuture<'static, Result<Revision, SetError>> {
        self.pass(self.inner.create(key, bytes))
    }

    fn compare_and_set(
        &self,
        key: &Key,
        revision: Revision,
        bytes: Bytes,
    ) -> BoxFuture<'static, Result<Revision, SetError>> {
        self.pass(self.inner.compare_and_set(key, revision, bytes))
    }

    fn delete(&self, key: &Key, revision: Revision) -> BoxFuture<'static, Result<(), SetError>> {
        self.pass(self.inner.delete(key, revision))
    }

    fn watch(&self, key: &Key) -> Watch {
        let off = Arc::clone(&self.off);
        let seen = self.inner.watch(key);
        seen.filter(move |_| std::future::ready(!off.load(Ordering::SeqCst))).boxed()
    }

    fn list(&self, prefix: &Key) -> BoxFuture<'static, Result<Vec<(Key, Value)>>> {
        self.pass(self.inner.list(prefix))
    }

    fn watch_under(&self, prefix: &Key) -> WatchUnder {
        let off = Arc::clone(&self.off);
        let seen = self.inner.watch_under(prefix);
        seen.filter(move |_| std::future::ready(!off.load(Ordering::SeqCst))).boxed()
    }
}

/// A node that may lead the shard.
struct Node {
    shard: ShardHandle<Toy, ToyHands>,
    seat: Seat,
    cut: Arc<AtomicBool>,
    runs: JoinHandle<Result<()>>,
    stewards: JoinHandle<Result<()>>,
}

/// A fabric and the time on it.
struct Stage {
    fabric: Embedded,
    clock: Arc<SystemClock>,
    boots: u64,
}

impl Stage {
    fn new() -> Self {
        Self { fabric: Embedded::memory(), clock: SystemClock::following_tokio(), boots: 0 }
    }

    #[expect(clippy::disallowed_methods, reason = "the test owns what it starts and ends it")]
    async fn node(&mut self, name: &str, rank: u32) -> Node {
        self.boots += 1;
        let cut = Arc::new(AtomicBool::new(false));
        let cut_off = Arc::new(Cut { inner: self.fabric.registers(), off: Arc::clone(&cut) });
        let (seat, steward) = steward(StewardParts {
            registers: cut_off,
            key: Key::new("shard.0.leader").unwrap(),
            node: NodeId::new(name).unwrap(),
            boot: Incarnation(self.boots),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            settings: LeaseSettings::default(),
        });
        let (shard, runner) = shard(ShardParts {
            journal: Journal::of(&self.fabric, ShardId(0)).unwrap(),
            genesis: Arc::new(Toy::default),
            hands: Arc::new(|_| ToyHands),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            chance: Chance::from_seed(self.boots),
            settings: Settings { snapshot_every: 50, records_kept: 5, ..Settings::default() },
        });
        let stewards = tokio::spawn(steward.run());
        let runs = tokio::spawn(runner.led_by(seat.clone()).run());
        let heir = NodeId::new(if name == "a" { "b" } else { "a" }).unwrap();
        seat.wish(Wish { rank: Some(rank), warm: true, heir: Some(heir) }).await;
        Node { shard, seat, cut, runs, stewards }
    }

    fn passed(&self, since: orkestra_runtime::time::Moment) -> Duration {
        self.clock.now().moment.since(since)
    }
}

impl Node {
    async fn leads(&self) {
        let mut role = self.seat.role();
        role.wait_for(|role| matches!(role, Role::Leading { .. })).await.unwrap();
    }

    async fn follows(&self) {
        let mut role = self.seat.role();
        role.wait_for(|role| matches!(role, Role::Following { .. })).await.unwrap();
    }

    async fn fund(&self) -> Result<Reply, ShardError> {
        let make = |reply| Command::Fund { account: 1, amount: 1_000, reply };
        self.shard.command(make, Pool::Outcomes, SOON).await
    }

    async fn move_one(&self, key: u64) -> Result<Reply, ShardError> {
        let make = |reply| Command::Move { key, from: 1, to: 2, amount: 1, reply };
        self.shard.command(make, Pool::Outcomes, SOON).await
    }

    async fn read(&self) -> Answer {
        self.shard.query(Query, SOON).await.unwrap().answer
    }

    /// Without a word, as by a kill.
    fn dies(self) {
        self.runs.abort();
        self.stewards.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_dies_without_a_word_is_followed_within_a_lease_and_loses_nothing() {
    let mut stage = Stage::new();
    let (a, b) = (stage.node("a", 0).await, stage.node("b", 1).await);
    a.fund().await.unwrap();
    a.move_one(7).await.unwrap();
    let nobody = b.shard.query(Query, Duration::from_secs(1)).await;
    assert_eq!(nobody, Err(ShardError::NoAnswer), "a follower answers nothing");
    let died = stage.clock.now().moment;
    a.dies();
    b.move_one(8).await.unwrap();
    let took = stage.passed(died);
    assert!(took < Duration::from_millis(1_400), "{took:?}");
    assert_eq!(b.read().await.accounts, [(1, 998), (2, 2)].into());
}

#[tokio::test(start_paused = true)]
async fn a_hand_over_answers_whoever_is_inside_and_the_heir_leads_at_once() {
    let mut stage = Stage::new();
    let (a, b) = (stage.node("a", 0).await, stage.node("b", 1).await);
    a.fund().await.unwrap();
    let began = stage.clock.now().moment;
    let (inside, ()) = futures::join!(a.move_one(7), a.seat.hand_over(None));
    inside.unwrap();
    b.move_one(8).await.unwrap();
    assert!(stage.passed(began) < Duration::from_millis(100), "{:?}", stage.passed(began));
    assert!(!a.shard.is_open() && b.shard.is_open());
    assert_eq!(b.read().await.moved, 2);
    // And back again, as often as one likes.
    b.seat.hand_over(None).await;
    a.move_one(9).await.unwrap();
    assert_eq!(a.read().await.moved, 3);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_cut_off_says_nothing_after_its_term_and_its_late_writes_change_nothing() {
    let mut stage = Stage::new();
    let (a, b) = (stage.node("a", 0).await, stage.node("b", 1).await);
    a.fund().await.unwrap();
    assert_eq!(a.read().await.moved, 0);
    a.cut.store(true, Ordering::SeqCst);
    b.leads().await;
    b.move_one(7).await.unwrap();
    // It does not know that it leads no more, but that its term is over.
    assert!(a.shard.is_open());
    let lapsed = ShardError::Refused(Refusal::Step(StepFault::Lapsed));
    assert_eq!(a.shard.query(Query, SOON).await, Err(lapsed));
    assert_eq!(a.move_one(8).await, Err(ShardError::NoAnswer));
    // It does not begin a reign again before it has heard of its lease.
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(!a.shard.is_open() && b.shard.is_open());
    a.cut.store(false, Ordering::SeqCst);
    a.follows().await;
    assert_eq!(b.read().await.moved, 1);
    b.dies();
    a.move_one(9).await.unwrap();
    assert_eq!(a.read().await.moved, 2);
}

#[tokio::test(start_paused = true)]
async fn a_reign_that_a_rival_ended_goes_on_as_the_next_one_while_the_lease_is_held() {
    let mut stage = Stage::new();
    let a = stage.node("a", 0).await;
    a.fund().await.unwrap();
    let journal = Journal::of(&stage.fabric, ShardId(0)).unwrap();
    let mut fold =
        crate::shard::Fold::restore(journal.clone(), Arc::new(Toy::default)).await.unwrap();
    let epoch = journal.next_epoch().await.unwrap();
    fold.promote(epoch, stage.clock.now().wall).await.unwrap();
    assert_eq!(a.move_one(7).await, Err(ShardError::NoAnswer));
    a.move_one(7).await.unwrap();
    assert_eq!(a.read().await.moved, 1);
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_is_closed_gives_its_lease_back_and_does_not_take_it_again() {
    let mut stage = Stage::new();
    let (a, b) = (stage.node("a", 0).await, stage.node("b", 1).await);
    a.fund().await.unwrap();
    let began = stage.clock.now().moment;
    assert!(a.shard.close(SOON).await);
    a.runs.await.unwrap().unwrap();
    b.move_one(7).await.unwrap();
    assert!(stage.passed(began) < Duration::from_millis(100));
    b.dies();
    tokio::time::sleep(SOON).await;
    assert!(matches!(*a.seat.role().borrow(), Role::Following { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_ceiling_holds_for_the_reign_that_is_there_and_for_those_that_come() {
    let mut stage = Stage::new();
    let a = stage.node("a", 0).await;
    a.fund().await.unwrap();
    let node = NodeId::new("b").unwrap();
    let ceiling = Ceiling { level: 1, node, version: "0.0.9".into() };
    a.shard.limit(Some(ceiling));
    let stamp = || a.shard.command(|_| Command::Stamp, Pool::Outcomes, Duration::from_secs(1));
    let is_refused = |answer| {
        matches!(answer, Err(ShardError::Refused(Refusal::Step(StepFault::TooNew { .. }))))
    };
    // Whatever was told before the ceiling may have come before it.
    while !is_refused(stamp().await) {}
    let rival = Journal::of(&stage.fabric, ShardId(0)).unwrap();
    let mut fold =
        crate::shard::Fold::restore(rival.clone(), Arc::new(Toy::default)).await.unwrap();
    let epoch = rival.next_epoch().await.unwrap();
    fold.promote(epoch, stage.clock.now().wall).await.unwrap();
    assert_eq!(a.move_one(7).await, Err(ShardError::NoAnswer), "another reign follows");
    a.move_one(7).await.unwrap();
    assert!(is_refused(stamp().await));
}

/// Appends a record with an event of a kind that this program does not know.
async fn written_by_a_newer_program(stage: &Stage) {
    let journal = Journal::of(&stage.fabric, ShardId(0)).unwrap();
    let mut fold =
        crate::shard::Fold::restore(journal.clone(), Arc::new(Toy::default)).await.unwrap();
    let epoch = journal.next_epoch().await.unwrap();
    fold.promote(epoch, stage.clock.now().wall).await.unwrap();
    let position = fold.position();
    let number = position.number.next();
    let (shard, at) = (ShardId(0), stage.clock.now().wall);
    let head = Head { shard, epoch, first: number, last: number, at };
    let mut event = Vec::new();
    encode_event(&"nobody_knows", &mut event).unwrap();
    let record = seal(&head, &event).unwrap();
    journal.append(position.sequence(), record.into()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn whoever_cannot_read_the_journal_leads_no_more_and_does_not_die_of_it() {
    let mut stage = Stage::new();
    let a = stage.node("a", 0).await;
    a.fund().await.unwrap();
    written_by_a_newer_program(&stage).await;
    assert_eq!(a.move_one(7).await, Err(ShardError::NoAnswer));
    a.follows().await;
    // One that follows warmly finds it as well.
    let b = stage.node("b", 0).await;
    tokio::time::sleep(Duration::from_mins(5)).await;
    for node in [&a, &b] {
        assert!(!node.shard.is_open());
        assert!(!node.runs.is_finished(), "it is not begun again and again");
        assert!(matches!(*node.seat.role().borrow(), Role::Following { .. }));
    }
    // It can be stopped in order all the same.
    assert!(a.shard.close(SOON).await);
    a.runs.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_hundred_take_overs_lose_nothing_that_was_acknowledged() {
    let mut stage = Stage::new();
    let mut led = stage.node("a", 0).await;
    let mut next = stage.node("b", 1).await;
    led.fund().await.unwrap();
    let mut key = 0;
    for round in 0..100 {
        let mut acknowledged = 0;
        for _ in 0..round % 7 {
            key += 1;
            led.move_one(key).await.unwrap();
            acknowledged += 1;
        }
        // One more is on its way, and may or may not be done.
        let on_its_way = key + 1;
        let (asked, ()) = {
            let asked = led.move_one(on_its_way);
            futures::join!(tokio::time::timeout(Duration::ZERO, asked), async {})
        };
        led.dies();
        next.leads().await;
        let shown = next.read().await.moved;
        let certain = key + u64::from(matches!(asked, Ok(Ok(_))));
        assert!(
            (certain..=on_its_way).contains(&shown),
            "{shown} of {certain}, {acknowledged} new"
        );
        key = on_its_way;
        next.move_one(key).await.unwrap();
        led = next;
        next = stage.node(if round % 2 == 0 { "a" } else { "b" }, 1).await;
    }
    assert_eq!(led.read().await.moved, key);
}
