//! What registers promise.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use futures::future::join_all;
use orkestra_runtime::fabric::{
    Fabric, Key, REGISTER_BYTES_MAX, Registers, Revision, SetError, Value,
};

use super::{next, promises};

promises! {
    a_register_is_created_only_while_it_is_absent,
    a_register_is_set_only_at_the_revision_that_its_setter_saw,
    a_register_is_deleted_only_at_the_revision_that_was_seen,
    revisions_rise_over_all_keys_and_across_deletes,
    of_many_who_create_one_wins,
    of_many_who_saw_the_same_revision_one_wins,
    a_value_of_the_largest_size_is_kept_and_a_larger_one_refused,
    a_watcher_sees_the_present_value_first_and_then_the_latest,
    a_watcher_of_an_absent_register_sees_it_come_and_go,
    a_list_has_all_registers_under_a_prefix_and_no_others,
    a_watcher_of_many_sees_all_present_ones_first_and_then_each_change,
    a_watcher_of_many_is_told_each_revision_once_and_of_the_last_one_surely,
}

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn value(revision: Revision, text: &str) -> Value {
    Value { revision, bytes: bytes(text) }
}

async fn create(registers: &dyn Registers, name: &str, text: &str) -> Revision {
    registers.create(&key(name), bytes(text)).await.unwrap()
}

async fn a_register_is_created_only_while_it_is_absent(fabric: Arc<dyn Fabric>) {
    let (registers, lease) = (fabric.registers(), key("shard.0.lease"));
    assert_eq!(registers.get(&lease).await.unwrap(), None);
    let first = create(&*registers, "shard.0.lease", "n1").await;
    let held = value(first, "n1");
    let refused = registers.create(&lease, bytes("n2")).await;
    assert_eq!(refused, Err(SetError::Conflict(Some(held.clone()))));
    assert_eq!(registers.get(&lease).await.unwrap(), Some(held));
}

async fn a_register_is_set_only_at_the_revision_that_its_setter_saw(fabric: Arc<dyn Fabric>) {
    let (registers, lease) = (fabric.registers(), key("lease"));
    let absent = registers.compare_and_set(&lease, Revision(1), bytes("x")).await;
    assert_eq!(absent, Err(SetError::Conflict(None)));
    let first = create(&*registers, "lease", "one").await;
    let second = registers.compare_and_set(&lease, first, bytes("two")).await.unwrap();
    assert!(second > first);
    let late = registers.compare_and_set(&lease, first, bytes("late")).await;
    assert_eq!(late, Err(SetError::Conflict(Some(value(second, "two")))));
    assert_eq!(registers.get(&lease).await.unwrap(), Some(value(second, "two")));
}

async fn a_register_is_deleted_only_at_the_revision_that_was_seen(fabric: Arc<dyn Fabric>) {
    let (registers, lease) = (fabric.registers(), key("lease"));
    let first = create(&*registers, "lease", "one").await;
    let second = registers.compare_and_set(&lease, first, bytes("two")).await.unwrap();
    let late = registers.delete(&lease, first).await;
    assert_eq!(late, Err(SetError::Conflict(Some(value(second, "two")))));
    assert_eq!(registers.delete(&lease, second).await, Ok(()));
    assert_eq!(registers.get(&lease).await.unwrap(), None);
    assert_eq!(registers.delete(&lease, second).await, Err(SetError::Conflict(None)));
}

async fn revisions_rise_over_all_keys_and_across_deletes(fabric: Arc<dyn Fabric>) {
    let registers = fabric.registers();
    let mut last = Revision(0);
    for turn in 0..5 {
        for name in ["a", "b.c", "b"] {
            let revision = create(&*registers, name, &format!("{turn}")).await;
            assert!(revision > last, "{revision:?} after {last:?}");
            last = revision;
            if name != "a" {
                registers.delete(&key(name), revision).await.unwrap();
            }
        }
        let a = registers.get(&key("a")).await.unwrap().unwrap();
        registers.delete(&key("a"), a.revision).await.unwrap();
    }
}

async fn of_many_who_create_one_wins(fabric: Arc<dyn Fabric>) {
    let (registers, lease) = (fabric.registers(), key("lease"));
    let tries = (0..20).map(|node| registers.create(&lease, bytes(&format!("n{node}"))));
    let verdicts = join_all(tries).await;
    let winners: Vec<_> = (0..).zip(&verdicts).filter(|(_, verdict)| verdict.is_ok()).collect();
    let [(winner, Ok(revision))] = winners[..] else { panic!("not one winner: {verdicts:?}") };
    let held = registers.get(&lease).await.unwrap();
    assert_eq!(held, Some(value(*revision, &format!("n{winner}"))));
}

async fn of_many_who_saw_the_same_revision_one_wins(fabric: Arc<dyn Fabric>) {
    let (registers, lease) = (fabric.registers(), key("lease"));
    let seen = create(&*registers, "lease", "before").await;
    let tries = (0..20).map(|node| {
        let text = bytes(&format!("n{node}"));
        registers.compare_and_set(&lease, seen, text)
    });
    let verdicts = join_all(tries).await;
    assert_eq!(verdicts.iter().filter(|verdict| verdict.is_ok()).count(), 1);
    let held = registers.get(&lease).await.unwrap().unwrap();
    assert!(held.revision > seen && verdicts.contains(&Ok(held.revision)));
}

async fn a_value_of_the_largest_size_is_kept_and_a_larger_one_refused(fabric: Arc<dyn Fabric>) {
    let registers = fabric.registers();
    let largest = Bytes::from(vec![b'x'; REGISTER_BYTES_MAX]);
    registers.create(&key("large"), largest.clone()).await.unwrap();
    assert_eq!(registers.get(&key("large")).await.unwrap().unwrap().bytes, largest);
    let larger = Bytes::from(vec![b'x'; REGISTER_BYTES_MAX + 1]);
    assert_eq!(registers.create(&key("larger"), larger).await, Err(SetError::Full));
    assert_eq!(registers.get(&key("larger")).await.unwrap(), None);
}

async fn a_watcher_sees_the_present_value_first_and_then_the_latest(fabric: Arc<dyn Fabric>) {
    let (registers, lease) = (fabric.registers(), key("lease"));
    let mut revision = create(&*registers, "lease", "0").await;
    let mut watch = registers.watch(&lease);
    assert_eq!(next(&mut watch).await.unwrap(), Some(value(revision, "0")));
    let mut told = vec![revision];
    for turn in 1..=20 {
        let text = bytes(&turn.to_string());
        revision = registers.compare_and_set(&lease, revision, text).await.unwrap();
    }
    while told.last() != Some(&revision) {
        told.push(next(&mut watch).await.unwrap().unwrap().revision);
    }
    assert!(told.is_sorted(), "told out of order: {told:?}");
}

async fn a_watcher_of_an_absent_register_sees_it_come_and_go(fabric: Arc<dyn Fabric>) {
    let (registers, lease) = (fabric.registers(), key("lease"));
    let mut watch = registers.watch(&lease);
    assert_eq!(next(&mut watch).await.unwrap(), None);
    create(&*registers, "another", "x").await;
    let revision = create(&*registers, "lease", "here").await;
    assert_eq!(next(&mut watch).await.unwrap(), Some(value(revision, "here")));
    registers.delete(&lease, revision).await.unwrap();
    assert_eq!(next(&mut watch).await.unwrap(), None);
}

async fn a_list_has_all_registers_under_a_prefix_and_no_others(fabric: Arc<dyn Fabric>) {
    let registers = fabric.registers();
    assert_eq!(registers.list(&key("node")).await.unwrap(), []);
    for name in ["node", "node-a", "nodes.a", "other.node.a"] {
        create(&*registers, name, "no").await;
    }
    let gone = create(&*registers, "node.gone", "gone").await;
    let b = create(&*registers, "node.b.deep.er", "b").await;
    let a = create(&*registers, "node.a", "a").await;
    registers.delete(&key("node.gone"), gone).await.unwrap();
    let expected = [(key("node.a"), value(a, "a")), (key("node.b.deep.er"), value(b, "b"))];
    assert_eq!(registers.list(&key("node")).await.unwrap(), expected);
    assert_eq!(registers.list(&key("node.b.deep")).await.unwrap(), expected[1..]);
}

async fn a_watcher_of_many_sees_all_present_ones_first_and_then_each_change(
    fabric: Arc<dyn Fabric>,
) {
    let registers = fabric.registers();
    let a = create(&*registers, "node.a", "1").await;
    let b = create(&*registers, "node.b.c", "1").await;
    create(&*registers, "nodes.x", "not under it").await;
    let mut watch = registers.watch_under(&key("node"));
    let mut present = [next(&mut watch).await.unwrap(), next(&mut watch).await.unwrap()];
    present.sort_by(|one, other| one.0.cmp(&other.0));
    let expected = [(key("node.a"), Some(value(a, "1"))), (key("node.b.c"), Some(value(b, "1")))];
    assert_eq!(present, expected);
    let a = registers.compare_and_set(&key("node.a"), a, bytes("2")).await.unwrap();
    assert_eq!(next(&mut watch).await.unwrap(), (key("node.a"), Some(value(a, "2"))));
    registers.delete(&key("node.b.c"), b).await.unwrap();
    assert_eq!(next(&mut watch).await.unwrap(), (key("node.b.c"), None));
    create(&*registers, "nodes.y", "not under it").await;
    let c = create(&*registers, "node.c", "1").await;
    assert_eq!(next(&mut watch).await.unwrap(), (key("node.c"), Some(value(c, "1"))));
}

async fn a_watcher_of_many_is_told_each_revision_once_and_of_the_last_one_surely(
    fabric: Arc<dyn Fabric>,
) {
    let registers = fabric.registers();
    let mut watch = registers.watch_under(&key("node"));
    let mut last = BTreeMap::new();
    for name in ["node.a", "node.b", "node.c"] {
        last.insert(key(name), create(&*registers, name, "0").await);
    }
    for turn in 1..=20 {
        for (key, revision) in &mut last {
            let text = bytes(&turn.to_string());
            *revision = registers.compare_and_set(key, *revision, text).await.unwrap();
        }
    }
    let mut told = BTreeMap::new();
    while told != last {
        let (key, value) = next(&mut watch).await.unwrap();
        let revision = value.unwrap().revision;
        let before = told.insert(key, revision);
        assert!(before.is_none_or(|before| before < revision), "told twice, or out of order");
    }
}
