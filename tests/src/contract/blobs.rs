//! What blobs promise.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::join_all;
use orkestra_runtime::{
    ErrorKind,
    fabric::{BlobName, Fabric, seal},
    limits::BLOB_BYTES_MAX,
};

use super::promises;

promises! {
    a_blob_is_named_by_its_bytes_and_comes_back_the_same,
    an_absent_blob_is_none,
    keeping_the_same_bytes_again_is_free_of_effect,
    a_deleted_blob_is_gone_and_deleting_it_again_does_nothing,
    many_may_keep_the_same_bytes_at_once,
    a_blob_of_some_mebibytes_comes_back_whole,
    a_blob_beyond_the_largest_size_is_refused,
    sealed_blobs_are_found_until_they_are_deleted,
}

async fn a_blob_is_named_by_its_bytes_and_comes_back_the_same(fabric: Arc<dyn Fabric>) {
    let blobs = fabric.blobs();
    for bytes in [Bytes::new(), Bytes::from_static(b"a"), Bytes::from(vec![0; 70_000])] {
        let name = blobs.put(bytes.clone()).await.unwrap();
        assert_eq!(name, BlobName::of(&bytes));
        assert_eq!(blobs.get(&name).await.unwrap(), Some(bytes));
    }
}

async fn an_absent_blob_is_none(fabric: Arc<dyn Fabric>) {
    let blobs = fabric.blobs();
    assert_eq!(blobs.get(&BlobName::of(b"never kept")).await.unwrap(), None);
}

async fn keeping_the_same_bytes_again_is_free_of_effect(fabric: Arc<dyn Fabric>) {
    let (blobs, bytes) = (fabric.blobs(), Bytes::from_static(b"twice"));
    let first = blobs.put(bytes.clone()).await.unwrap();
    assert_eq!(blobs.put(bytes.clone()).await.unwrap(), first);
    assert_eq!(blobs.get(&first).await.unwrap(), Some(bytes));
}

async fn a_deleted_blob_is_gone_and_deleting_it_again_does_nothing(fabric: Arc<dyn Fabric>) {
    let blobs = fabric.blobs();
    let kept = blobs.put(Bytes::from_static(b"kept")).await.unwrap();
    let name = blobs.put(Bytes::from_static(b"gone")).await.unwrap();
    blobs.delete(&name).await.unwrap();
    assert_eq!(blobs.get(&name).await.unwrap(), None);
    blobs.delete(&name).await.unwrap();
    assert!(blobs.get(&kept).await.unwrap().is_some());
}

async fn many_may_keep_the_same_bytes_at_once(fabric: Arc<dyn Fabric>) {
    let (blobs, bytes) = (fabric.blobs(), Bytes::from(vec![3; 100_000]));
    let names = join_all((0..10).map(|_| blobs.put(bytes.clone()))).await;
    let expected = BlobName::of(&bytes);
    assert!(names.into_iter().all(|name| name.unwrap() == expected));
    assert_eq!(blobs.get(&expected).await.unwrap(), Some(bytes));
}

async fn a_blob_of_some_mebibytes_comes_back_whole(fabric: Arc<dyn Fabric>) {
    let bytes: Bytes =
        (0..5_000_000_u32).map(|index| index.to_le_bytes()[index as usize % 4]).collect();
    let name = fabric.blobs().put(bytes.clone()).await.unwrap();
    assert!(fabric.blobs().get(&name).await.unwrap() == Some(bytes), "the bytes have changed");
}

async fn a_blob_beyond_the_largest_size_is_refused(fabric: Arc<dyn Fabric>) {
    let refused = fabric.blobs().put(Bytes::from(vec![0; BLOB_BYTES_MAX + 1])).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Invalid);
}

async fn sealed_blobs_are_found_until_they_are_deleted(fabric: Arc<dyn Fabric>) {
    let blobs = fabric.blobs();
    blobs.put(Bytes::from_static(b"plain")).await.unwrap();
    assert_eq!(blobs.sealed().await.unwrap(), []);
    let sealed = [seal(b"same").unwrap(), seal(b"same").unwrap()];
    let one = blobs.put(sealed[0].clone()).await.unwrap();
    let two = blobs.put(sealed[1].clone()).await.unwrap();
    assert_eq!(blobs.put(sealed[1].clone()).await.unwrap(), two);
    assert_eq!(blobs.get(&one).await.unwrap(), Some(sealed[0].clone()));
    let mut found = blobs.sealed().await.unwrap();
    found.sort();
    let mut both = vec![one.clone(), two.clone()];
    both.sort();
    assert_eq!(found, both);
    blobs.delete(&one).await.unwrap();
    blobs.delete(&one).await.unwrap();
    assert_eq!(blobs.sealed().await.unwrap(), [two]);
    assert_eq!(blobs.get(&one).await.unwrap(), None);
}
