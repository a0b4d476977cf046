//! What every fabric promises, as one list; each promise is proved on a fabric of its own.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a broken promise ends the test")]

mod blobs;
mod closing;
mod logs;
mod messages;
mod registers;

use std::{any::Any, future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::{FutureExt as _, Stream, StreamExt as _, future::BoxFuture};
use orkestra_runtime::fabric::Fabric;

/// How long a promise may take that is kept at once.
const SOON: Duration = Duration::from_secs(20);

/// One promise and its proof.
#[derive(Clone, Copy)]
pub struct Promise {
    /// A sentence with underscores.
    pub name: &'static str,
    /// Panics when the promise is broken.
    pub check: fn(Arc<dyn Fabric>) -> BoxFuture<'static, ()>,
}

impl std::fmt::Debug for Promise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// The promises of one ability, by the names of their proofs.
macro_rules! promises {
    ($($name:ident),* $(,)?) => {
        pub(super) const PROMISES: &[super::Promise] = &[
            $(super::Promise { name: stringify!($name), check: |fabric| Box::pin($name(fabric)) }),*
        ];
    };
}
use promises;

/// All promises.
pub fn all() -> Vec<Promise> {
    [logs::PROMISES, registers::PROMISES, blobs::PROMISES, messages::PROMISES, closing::PROMISES]
        .concat()
}

/// Proves every promise on a fabric of its own, and names all that are broken.
pub async fn prove<Made: Future<Output = Arc<dyn Fabric>>>(make: impl Fn(usize) -> Made) {
    let mut broken = Vec::new();
    for (number, promise) in all().into_iter().enumerate() {
        let fabric = make(number).await;
        let proof = tokio::time::timeout(3 * SOON, (promise.check)(Arc::clone(&fabric)));
        match AssertUnwindSafe(proof).catch_unwind().await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => broken.push(format!("{}: not kept in time", promise.name)),
            Err(why) => broken.push(format!("{}: {}", promise.name, text(&*why))),
        }
        fabric.close().await;
    }
    assert!(broken.is_empty(), "broken promises:\n  {}", broken.join("\n  "));
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

/// What a stream gives next; it must give something.
async fn next<T>(stream: &mut (impl Stream<Item = T> + Unpin)) -> T {
    let given = tokio::time::timeout(SOON, stream.next()).await;
    given.unwrap_or_else(|_| panic!("the stream gave nothing")).unwrap()
}
