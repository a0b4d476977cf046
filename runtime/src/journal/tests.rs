use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use super::*;
use crate::{
    ErrorKind,
    fabric::embedded::Embedded,
    id::{Epoch, Number},
    record::{Head, encode_event, seal},
    time::Wall,
};

/// A journal of words, in memory.
struct Script {
    fabric: Embedded,
    journal: Journal,
}

impl Script {
    fn new() -> Self {
        let fabric = Embedded::memory();
        let journal = Journal::of(&fabric, ShardId(0)).unwrap();
        Self { fabric, journal }
    }

    /// Begins a reign and answers what was folded on the way.
    async fn promote(&self, epoch: u64, position: &mut Position) -> Result<Vec<(u64, String)>> {
        let mut words = Vec::new();
        let fold = |number: Number, _, word: &String| words.push((number.0, word.clone()));
        self.journal.promote(Epoch(epoch), Wall::from_ms(5), position, fold).await?;
        Ok(words)
    }

    /// Appends one word as the writer that folded up to `position`.
    async fn write(&self, position: &mut Position, word: &str) -> Result<(), AppendError> {
        let (head, record) = sealed(ShardId(0), position, word);
        let at = self.journal.append(position.sequence(), record).await?;
        position.pass(ShardId(0), at, crate::record::Kind::Events, &head).unwrap();
        Ok(())
    }

    async fn read(&self) -> Result<Vec<String>> {
        let mut words = Vec::new();
        let fold = |_, _, word: &String| words.push(word.clone());
        self.journal.read_on(&mut Position::default(), Sequence(u64::MAX), fold).await?;
        Ok(words)
    }
}

fn sealed(shard: ShardId, position: &Position, word: &str) -> (Head, Bytes) {
    let (first, at) = (position.number.next(), Wall::from_ms(5));
    let head = Head { shard, epoch: position.epoch, first, last: first, at };
    let mut events = Vec::new();
    encode_event(&word, &mut events).unwrap();
    (head, seal(&head, &events).unwrap().into())
}

fn told<T: fmt::Debug>(result: Result<T>) -> (ErrorKind, String) {
    let error = result.unwrap_err();
    (error.kind(), error.to_string())
}

#[tokio::test]
async fn the_numbers_of_reigns_only_rise_whoever_asks() {
    let script = Script::new();
    let other = Journal::of(&script.fabric, ShardId(0)).unwrap();
    let mut epochs = Vec::new();
    for _ in 0..3 {
        let (one, two) = futures::join!(script.journal.next_epoch(), other.next_epoch());
        epochs.extend([one.unwrap().0, two.unwrap().0]);
    }
    epochs.sort_unstable();
    assert_eq!(epochs, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn a_new_reign_has_folded_everything_and_fences_the_old_one_off() {
    let script = Script::new();
    let (mut old, mut new) = (Position::default(), Position::default());
    script.promote(1, &mut old).await.unwrap();
    script.write(&mut old, "a").await.unwrap();
    assert_eq!(script.promote(2, &mut new).await.unwrap(), [(1, "a".to_owned())]);
    assert_eq!(script.write(&mut old, "late").await, Err(AppendError::Conflict(Sequence(3))));
    script.write(&mut new, "b").await.unwrap();
    assert_eq!(script.read().await.unwrap(), ["a", "b"]);
    assert_eq!(new.number, Number(2));
}

#[tokio::test]
async fn a_reign_that_another_one_has_followed_cannot_begin() {
    let script = Script::new();
    script.promote(2, &mut Position::default()).await.unwrap();
    let late = script.promote(1, &mut Position::default()).await;
    let why = "cannot begin a reign of shard 0: epoch 2 has begun already";
    assert_eq!(told(late), (ErrorKind::Conflict, why.to_owned()));
}

#[tokio::test]
async fn a_record_that_does_not_follow_is_refused() {
    let script = Script::new();
    let mut position = Position::default();
    script.promote(1, &mut position).await.unwrap();
    let but = |change: fn(&mut Position)| {
        let mut wrong = position;
        change(&mut wrong);
        wrong
    };
    let refused = [
        (ShardId(9), position, "it belongs to shard 9"),
        (
            ShardId(0),
            but(|wrong| wrong.number = Number(4)),
            "it begins with event 5, and the last one was 0",
        ),
        (ShardId(0), but(|wrong| wrong.epoch = Epoch(2)), "it is of epoch 2, which has not begun"),
        (
            ShardId(0),
            but(|wrong| wrong.epoch = Epoch(0)),
            "it is of epoch 0, and epoch 1 had begun",
        ),
    ];
    for (shard, wrong, why) in refused {
        let (_, record) = sealed(shard, &wrong, "x");
        let entry = crate::fabric::Entry { sequence: Sequence(2), record };
        let folded = position.fold::<String>(ShardId(0), &entry, &mut |_, _, _| {});
        let expected = format!("record 2 of the journal of shard 0 does not fit: {why}");
        assert_eq!(told(folded), (ErrorKind::Corrupt, expected));
    }
}

#[tokio::test]
async fn what_was_trimmed_is_missed_and_named() {
    let script = Script::new();
    let mut position = Position::default();
    script.promote(1, &mut position).await.unwrap();
    script.write(&mut position, "a").await.unwrap();
    script.journal.trim(Sequence(1)).await.unwrap();
    let why = "cannot read the journal of shard 0: records 1 to 1 were trimmed";
    assert_eq!(told(script.read().await), (ErrorKind::NotFound, why.to_owned()));
}

/// A leader keeps and forgets on a thread of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_oldest_snapshot_is_read_while_a_leader_forgets_it() {
    let script = Script::new();
    let mut position = Position::default();
    script.promote(1, &mut position).await.unwrap();
    let keep = |position, n: u32| {
        let bytes = Bytes::from(n.to_string().repeat(1000));
        script.journal.keep(Snapshot { position, bytes, version: 1 })
    };
    keep(position, 0).await.unwrap();
    let (runtime, ended) = (tokio::runtime::Handle::current(), AtomicBool::new(false));
    std::thread::scope(|threads| {
        threads.spawn(|| {
            for n in 1..500 {
                runtime.block_on(script.write(&mut position, "word")).unwrap();
                runtime.block_on(keep(position, n)).unwrap();
            }
            ended.store(true, Ordering::Release);
        });
        let (mut last, mut reads) = (0, 0);
        while !ended.load(Ordering::Acquire) {
            let read = tokio::task::block_in_place(|| runtime.block_on(script.journal.oldest()));
            let snapshot = read.unwrap().unwrap();
            assert!(snapshot.position.number.0 >= last, "an older one than before");
            (last, reads) = (snapshot.position.number.0, reads + 1);
        }
        assert!(reads > 0, "nothing was read: this test is blind");
    });
}

#[tokio::test]
async fn two_snapshots_are_kept_and_a_lost_one_is_passed_over() {
    let script = Script::new();
    let mut position = Position::default();
    script.promote(1, &mut position).await.unwrap();
    let mut behind = Vec::new();
    for word in ["a", "b", "c"] {
        script.write(&mut position, word).await.unwrap();
        let snapshot = Snapshot { position, bytes: Bytes::from(word), version: 1 };
        behind.push(script.journal.keep(snapshot).await.unwrap().0);
    }
    assert_eq!(behind, [0, 2, 3]);
    let marks = script.journal.snapshots().await.unwrap();
    assert_eq!(marks.len(), 2);
    assert_eq!(script.journal.latest().await.unwrap().unwrap().bytes, "c");
    script.fabric.blobs().delete(&marks[1].blob).await.unwrap();
    assert_eq!(script.journal.latest().await.unwrap().unwrap().bytes, "b");
    script.fabric.blobs().delete(&marks[0].blob).await.unwrap();
    assert_eq!(told(script.journal.latest().await).0, ErrorKind::Corrupt);
    let gone = crate::fabric::BlobName::of(b"a");
    assert_eq!(script.fabric.blobs().get(&gone).await.unwrap(), None);
}

#[tokio::test]
async fn a_snapshot_that_is_larger_than_a_blob_is_kept_in_parts_and_forgotten_whole() {
    let script = Script::new();
    let mut position = Position::default();
    script.promote(1, &mut position).await.unwrap();
    let large: Vec<u8> = (0..70 * 1024 * 1024_u32).map(|at| (at >> 12).to_le_bytes()[0]).collect();
    let large = Bytes::from(large);
    let snapshot = Snapshot { position, bytes: large.clone(), version: 1 };
    script.journal.keep(snapshot).await.unwrap();
    let mark = script.journal.snapshots().await.unwrap().remove(0);
    assert_eq!(mark.blobs().count(), 3);
    assert!(script.journal.latest().await.unwrap().unwrap().bytes == large);
    for word in ["a", "b"] {
        script.write(&mut position, word).await.unwrap();
        let snapshot = Snapshot { position, bytes: Bytes::from(word), version: 1 };
        script.journal.keep(snapshot).await.unwrap();
    }
    for blob in mark.blobs() {
        assert_eq!(script.fabric.blobs().get(blob).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_snapshot_that_is_not_newer_is_not_kept() {
    let script = Script::new();
    let snapshot = Snapshot { position: Position::default(), bytes: Bytes::from("a"), version: 1 };
    script.journal.keep(snapshot.clone()).await.unwrap();
    let again = Snapshot { bytes: Bytes::from("b"), ..snapshot };
    script.journal.keep(again).await.unwrap();
    assert_eq!(script.journal.latest().await.unwrap().unwrap().bytes, "a");
}

#[tokio::test]
async fn what_a_newer_program_kept_is_refused_before_anything_is_read_of_it() {
    let script = Script::new();
    let mut position = Position::default();
    script.journal.check(1).await.unwrap();
    script.promote(1, &mut position).await.unwrap();
    let snapshot = Snapshot { position, bytes: Bytes::from("a"), version: 2 };
    script.journal.keep(snapshot).await.unwrap();
    script.journal.check(2).await.unwrap();
    let (kind, told_of_state) = told(script.journal.check(1).await);
    assert_eq!(kind, ErrorKind::TooNew);
    assert!(told_of_state.contains("reads up to version 1: a newer program kept it"));

    let newer = rmp_serde::to_vec_named(&serde_json::json!({ "v": 3, "kind": "index" })).unwrap();
    script.journal.append(position.sequence(), newer.into()).await.unwrap();
    let (kind, told_of_record) = told(script.journal.check(2).await);
    assert_eq!(kind, ErrorKind::TooNew);
    assert!(told_of_record.starts_with("a record has version 3"), "{told_of_record}");
}
