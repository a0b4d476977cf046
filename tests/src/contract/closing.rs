//! What the end of a fabric promises: what is open is told so, and nothing is begun any more.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use orkestra_runtime::fabric::{Fabric, Key, LogName, Pattern, Sequence, Subject};

use super::{SOON, next, promises};

promises! {
    whoever_follows_watches_or_listens_is_told_of_the_end,
    an_ask_that_is_open_ends_with_the_fabric,
    nothing_is_begun_after_the_end,
    closing_twice_does_nothing,
}

async fn whoever_follows_watches_or_listens_is_told_of_the_end(fabric: Arc<dyn Fabric>) {
    let log = LogName::new("journal").unwrap();
    let mut follow = fabric.logs().follow(&log, Sequence(1));
    let mut watch = fabric.registers().watch(&Key::new("lease").unwrap());
    let pattern = Pattern::new("news").unwrap();
    let mut listener = fabric.messages().subscribe(&pattern, None, 8).await.unwrap();
    assert_eq!(next(&mut watch).await.unwrap(), None);
    let (followed, watched, heard, ()) =
        futures::join!(next(&mut follow), next(&mut watch), next(&mut listener), fabric.close());
    assert!(followed.is_err() && watched.is_err() && heard.is_err());
    assert!(follow.next().await.is_none());
    assert!(watch.next().await.is_none());
    assert!(listener.next().await.is_none());
}

async fn an_ask_that_is_open_ends_with_the_fabric(fabric: Arc<dyn Fabric>) {
    let subject = Subject::new("sum").unwrap();
    let pattern = Pattern::new("sum").unwrap();
    let mut listener = fabric.messages().subscribe(&pattern, None, 8).await.unwrap();
    let ask = fabric.messages().ask(&subject, Bytes::new(), 100 * SOON);
    let close = async {
        let held = next(&mut listener).await;
        fabric.close().await;
        held
    };
    let (answered, _held) = futures::join!(ask, close);
    assert!(!answered.unwrap_err().is_surely_undone());
}

async fn nothing_is_begun_after_the_end(fabric: Arc<dyn Fabric>) {
    let (log, key) = (LogName::new("journal").unwrap(), Key::new("lease").unwrap());
    let (logs, registers, blobs) = (fabric.logs(), fabric.registers(), fabric.blobs());
    let messages = fabric.messages();
    logs.append(&log, Sequence(0), Bytes::from_static(b"before")).await.unwrap();
    fabric.close().await;
    assert!(logs.append(&log, Sequence(1), Bytes::from_static(b"after")).await.is_err());
    assert!(logs.read(&log, Sequence(1), 1).await.is_err());
    assert!(registers.create(&key, Bytes::new()).await.is_err());
    assert!(registers.get(&key).await.is_err());
    assert!(blobs.put(Bytes::new()).await.is_err());
    assert!(messages.publish(&Subject::new("x").unwrap(), Bytes::new()).await.is_err());
    assert!(messages.ask(&Subject::new("x").unwrap(), Bytes::new(), SOON).await.is_err());
    assert!(messages.subscribe(&Pattern::new("x").unwrap(), None, 1).await.is_err());
    assert!(next(&mut logs.follow(&log, Sequence(1))).await.is_err());
}

async fn closing_twice_does_nothing(fabric: Arc<dyn Fabric>) {
    fabric.close().await;
    fabric.close().await;
}
