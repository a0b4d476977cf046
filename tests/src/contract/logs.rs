//! What logs promise.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use futures::{FutureExt as _, future::join_all};
use orkestra_runtime::{
    ErrorKind,
    fabric::{AppendError, Entry, Fabric, LogName, Logs, Sequence},
    limits::RECORD_BYTES_MAX,
};

use super::{next, promises};

promises! {
    a_record_is_appended_only_if_the_log_ends_where_its_writer_thinks,
    a_refused_append_leaves_no_trace,
    a_log_that_nobody_wrote_to_ends_at_zero,
    records_come_back_byte_for_byte_and_in_order,
    a_read_stops_at_its_bound_but_gives_at_least_one_record,
    logs_do_not_share_their_positions,
    of_many_writers_who_think_alike_one_wins,
    writers_to_many_logs_do_not_disturb_each_other,
    a_record_of_the_largest_size_is_kept_and_a_larger_one_refused,
    an_append_that_was_dropped_happens_once_or_not_at_all,
    a_follower_gets_old_and_new_records_without_a_gap,
    a_follower_may_wait_for_a_log_that_is_not_there_yet,
    trimming_forgets_what_is_below_and_never_moves_the_end,
    trimming_everything_leaves_the_end_where_it_was,
    a_log_that_never_was_can_begin_where_another_one_was_trimmed,
}

fn log(name: &str) -> LogName {
    LogName::new(name).unwrap()
}

fn record(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// Appends `count` records named after their positions.
async fn fill(logs: &dyn Logs, log: &LogName, count: u64) {
    for end in 0..count {
        let text = record(&format!("record {}", end + 1));
        assert_eq!(logs.append(log, Sequence(end), text).await, Ok(Sequence(end + 1)));
    }
}

fn named(entries: &[Entry]) -> Vec<(u64, String)> {
    entries
        .iter()
        .map(|entry| (entry.sequence.0, String::from_utf8(entry.record.to_vec()).unwrap()))
        .collect()
}

fn expected(positions: impl IntoIterator<Item = u64>) -> Vec<(u64, String)> {
    positions.into_iter().map(|position| (position, format!("record {position}"))).collect()
}

async fn a_record_is_appended_only_if_the_log_ends_where_its_writer_thinks(
    fabric: Arc<dyn Fabric>,
) {
    let (logs, log) = (fabric.logs(), log("journal"));
    assert_eq!(logs.append(&log, Sequence(0), record("a")).await, Ok(Sequence(1)));
    let conflict = Err(AppendError::Conflict(Sequence(1)));
    assert_eq!(logs.append(&log, Sequence(0), record("b")).await, conflict);
    assert_eq!(logs.append(&log, Sequence(2), record("b")).await, conflict);
    assert_eq!(logs.append(&log, Sequence(1), record("b")).await, Ok(Sequence(2)));
}

async fn a_refused_append_leaves_no_trace(fabric: Arc<dyn Fabric>) {
    let (logs, log) = (fabric.logs(), log("journal"));
    let conflict = Err(AppendError::Conflict(Sequence(0)));
    assert_eq!(logs.append(&log, Sequence(7), record("no")).await, conflict);
    assert_eq!(logs.end(&log).await.unwrap(), Sequence(0));
    assert_eq!(logs.read(&log, Sequence(1), 1_000).await.unwrap(), []);
}

async fn a_log_that_nobody_wrote_to_ends_at_zero(fabric: Arc<dyn Fabric>) {
    let (logs, log) = (fabric.logs(), log("nobody"));
    assert_eq!(logs.end(&log).await.unwrap(), Sequence(0));
    assert_eq!(logs.read(&log, Sequence(0), 1_000).await.unwrap(), []);
    logs.trim(&log, Sequence(9)).await.unwrap();
    assert_eq!(logs.end(&log).await.unwrap(), Sequence(0));
}

async fn records_come_back_byte_for_byte_and_in_order(fabric: Arc<dyn Fabric>) {
    let (logs, log) = (fabric.logs(), log("journal"));
    let records = [Bytes::new(), Bytes::from_static(&[0, 255, 10, 0]), Bytes::from(vec![7; 9_000])];
    for (end, record) in (0..).zip(&records) {
        logs.append(&log, Sequence(end), record.clone()).await.unwrap();
    }
    let entries = logs.read(&log, Sequence(0), usize::MAX).await.unwrap();
    let found: Vec<_> = entries.iter().map(|entry| (entry.sequence.0, &entry.record)).collect();
    assert_eq!(found, [(1, &records[0]), (2, &records[1]), (3, &records[2])]);
}

async fn a_read_stops_at_its_bound_but_gives_at_least_one_record(fabric: Arc<dyn Fabric>) {
    let (logs, log) = (fabric.logs(), log("journal"));
    fill(&*logs, &log, 9).await;
    let read = |from, bytes_max| {
        let entries = logs.read(&log, Sequence(from), bytes_max);
        async move { named(&entries.await.unwrap()) }
    };
    assert_eq!(read(3, 0).await, expected([3]));
    assert_eq!(read(3, 16).await, expected([3, 4]));
    assert_eq!(read(3, 23).await, expected([3, 4]));
    assert_eq!(read(8, 1_000).await, expected([8, 9]));
    assert_eq!(read(10, 1_000).await, []);
    assert_eq!(read(99, 1_000).await, []);
}

async fn logs_do_not_share_their_positions(fabric: Arc<dyn Fabric>) {
    let logs = fabric.logs();
    fill(&*logs, &log("one"), 3).await;
    fill(&*logs, &log("two"), 2).await;
    logs.trim(&log("one"), Sequence(3)).await.unwrap();
    assert_eq!(logs.end(&log("one")).await.unwrap(), Sequence(3));
    let two = logs.read(&log("two"), Sequence(1), 1_000).await.unwrap();
    assert_eq!(named(&two), expected([1, 2]));
}

async fn of_many_writers_who_think_alike_one_wins(fabric: Arc<dyn Fabric>) {
    let (logs, log) = (fabric.logs(), log("journal"));
    for end in 0..5 {
        let tries = (0..20).map(|writer: u64| {
            logs.append(&log, Sequence(end), record(&format!("{end} by {writer}")))
        });
        let verdicts = join_all(tries).await;
        let winners: Vec<_> =
            (0..).zip(&verdicts).filter(|(_, verdict)| verdict.is_ok()).map(|(n, _)| n).collect();
        let [winner]: [u64; 1] = winners.try_into().unwrap();
        let fits = |verdict: &Result<_, _>| {
            matches!(
                verdict,
                Ok(Sequence(at)) | Err(AppendError::Conflict(Sequence(at))) if *at == end + 1
            )
        };
        assert!(verdicts.iter().all(fits), "{verdicts:?}");
        let kept = logs.read(&log, Sequence(end + 1), 1_000).await.unwrap();
        assert_eq!(named(&kept), [(end + 1, format!("{end} by {winner}"))]);
    }
}

async fn writers_to_many_logs_do_not_disturb_each_other(fabric: Arc<dyn Fabric>) {
    let logs = fabric.logs();
    let names: Vec<_> = (0..10).map(|number| log(&format!("journal-{number}"))).collect();
    join_all(names.iter().map(|name| fill(&*logs, name, 20))).await;
    for name in &names {
        let entries = logs.read(name, Sequence(1), usize::MAX).await.unwrap();
        assert_eq!(named(&entries), expected(1..=20));
    }
}

async fn a_record_of_the_largest_size_is_kept_and_a_larger_one_refused(fabric: Arc<dyn Fabric>) {
    let (logs, log) = (fabric.logs(), log("journal"));
    let largest = Bytes::from(vec![b'x'; RECORD_BYTES_MAX]);
    assert_eq!(logs.append(&log, Sequence(0), largest.clone()).await, Ok(Sequence(1)));
    let larger = Bytes::from(vec![b'x'; RECORD_BYTES_MAX + 1]);
    assert_eq!(logs.append(&log, Sequence(1), larger).await, Err(AppendError::TooLarge));
    let entries = logs.read(&log, Sequence(1), 1).await.unwrap();
    assert_eq!(entries, [Entry { sequence: Sequence(1), record: largest }]);
    assert_eq!(logs.end(&log).await.unwrap(), Sequence(1));
}

async fn an_append_that_was_dropped_happens_once_or_not_at_all(fabric: Arc<dyn Fabric>) {
    let (logs, log) = (fabric.logs(), log("journal"));
    // Begun, and dropped before its answer.
    let _ = logs.append(&log, Sequence(0), record("dropped")).now_or_never();
    let mut end = logs.end(&log).await.unwrap();
    loop {
        match logs.append(&log, end, record("after")).await {
            Ok(_) => break,
            Err(AppendError::Conflict(found)) => end = found,
            Err(other) => panic!("an append by the only writer failed: {other}"),
        }
    }
    let entries = logs.read(&log, Sequence(1), 1_000).await.unwrap();
    let texts: Vec<_> = named(&entries).into_iter().map(|(_, text)| text).collect();
    assert!(texts == ["after"] || texts == ["dropped", "after"], "found {texts:?}");
}

async fn a_follower_gets_old_and_new_records_without_a_gap(fabric: Arc<dyn Fabric>) {
    let (logs, log) = (fabric.logs(), log("journal"));
    fill(&*logs, &log, 3).await;
    let mut follow = logs.follow(&log, Sequence(2));
    let write = async {
        for end in 3..60 {
            let text = record(&format!("record {}", end + 1));
            logs.append(&log, Sequence(end), text).await.unwrap();
        }
    };
    let read = async {
        let mut entries = Vec::new();
        while entries.len() < 59 {
            entries.push(next(&mut follow).await.unwrap());
        }
        entries
    };
    let ((), entries) = futures::join!(write, read);
    assert_eq!(named(&entries), expected(2..=60));
}

async fn a_follower_may_wait_for_a_log_that_is_not_there_yet(fabric: Arc<dyn Fabric>) {
    let (logs, log) = (fabric.logs(), log("later"));
    let mut follow = logs.follow(&log, Sequence(1));
    let (entry, ()) = futures::join!(next(&mut follow), fill(&*logs, &log, 1));
    assert_eq!(named(&[entry.unwrap()]), expected([1]));
}

async fn trimming_forgets_what_is_below_and_never_moves_the_end(fabric: Arc<dyn Fabric>) {
    let (logs, log) = (fabric.logs(), log("journal"));
    fill(&*logs, &log, 6).await;
    logs.trim(&log, Sequence(4)).await.unwrap();
    logs.trim(&log, Sequence(2)).await.unwrap();
    let entries = logs.read(&log, Sequence(1), usize::MAX).await.unwrap();
    assert_eq!(named(&entries), expected([4, 5, 6]));
    assert_eq!(logs.end(&log).await.unwrap(), Sequence(6));
    let mut follow = logs.follow(&log, Sequence(1));
    let followed: BTreeSet<u64> = [next(&mut follow).await, next(&mut follow).await]
        .into_iter()
        .map(|entry| entry.unwrap().sequence.0)
        .collect();
    assert_eq!(followed, BTreeSet::from([4, 5]));
}

async fn trimming_everything_leaves_the_end_where_it_was(fabric: Arc<dyn Fabric>) {
    let (logs, log) = (fabric.logs(), log("journal"));
    fill(&*logs, &log, 3).await;
    logs.trim(&log, Sequence(99)).await.unwrap();
    assert_eq!(logs.end(&log).await.unwrap(), Sequence(3));
    assert_eq!(logs.read(&log, Sequence(1), 1_000).await.unwrap(), []);
    let conflict = Err(AppendError::Conflict(Sequence(3)));
    assert_eq!(logs.append(&log, Sequence(0), record("no")).await, conflict);
    assert_eq!(logs.append(&log, Sequence(3), record("record 4")).await, Ok(Sequence(4)));
    let entries = logs.read(&log, Sequence(1), 1_000).await.unwrap();
    assert_eq!(named(&entries), expected([4]));
}

async fn a_log_that_never_was_can_begin_where_another_one_was_trimmed(fabric: Arc<dyn Fabric>) {
    let (logs, log) = (fabric.logs(), log("journal"));
    logs.begin(&log, Sequence(1)).await.unwrap();
    assert_eq!(logs.end(&log).await.unwrap(), Sequence(0));
    logs.begin(&log, Sequence(7)).await.unwrap();
    logs.begin(&log, Sequence(7)).await.unwrap();
    assert_eq!(logs.end(&log).await.unwrap(), Sequence(6));
    assert_eq!(logs.read(&log, Sequence(1), 1_000).await.unwrap(), []);
    let conflict = Err(AppendError::Conflict(Sequence(6)));
    assert_eq!(logs.append(&log, Sequence(0), record("no")).await, conflict);
    assert_eq!(logs.append(&log, Sequence(6), record("record 7")).await, Ok(Sequence(7)));
    let entries = logs.read(&log, Sequence(1), 1_000).await.unwrap();
    assert_eq!(named(&entries), expected([7]));
    let refused = logs.begin(&log, Sequence(20)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict, "{refused}");
    logs.begin(&log, Sequence(8)).await.unwrap();
}
