//! Events to many subscribers, and bare messages with the same headers and body to as many.

use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, stream::FuturesUnordered};
use orkestra_runtime::{
    Result,
    fabric::{Fabric as _, Headers, Pattern},
    names,
};

use super::Site;
use crate::bench::{Figure, cannot, figure::rate};

const SUBJECT: &str = "bench-events";
const SUBSCRIBERS: usize = 8;
/// How many events one turn has: fewer than a subscription holds.
const EVENTS: usize = 4_000;
const TURNS: usize = 4;
const BODY: Bytes = Bytes::from_static(&[b'7'; 256]);
const WITHIN: Duration = Duration::from_secs(30);

pub(super) async fn measure(site: &Site) -> Result<Vec<Figure>> {
    let (bare, fabric) = (site.bare().await?, site.fabric().await?);
    let (messages, clock) = (fabric.messages(), site.place.clock.as_ref());
    let mut theirs = Vec::new();
    let mut ours = Vec::new();
    for _ in 0..SUBSCRIBERS {
        theirs.push(bare.listen(SUBJECT).await?);
        let all = Pattern::new("evt.>")?;
        let heard = messages.subscribe(&all, None, 16_384).await?;
        ours.push(heard.filter_map(|message| std::future::ready(message.ok())).boxed());
    }
    let subject = names::event("bench", "completed")?;
    let mut sums = [Duration::ZERO; 2];
    for _ in 0..TURNS {
        let began = clock.now().moment;
        let publish = async {
            for number in 0..EVENTS {
                let id = number.to_string();
                bare.publish(SUBJECT, &headers(&id), BODY).await?;
            }
            Ok(())
        };
        told(publish, theirs.iter_mut().map(|heard| heard.by_ref().take(EVENTS).count())).await?;
        sums[0] += clock.now().moment.since(began);
        let began = clock.now().moment;
        let publish = async {
            for number in 0..EVENTS {
                let id = number.to_string();
                let mut all = headers(&id).into_iter();
                let all =
                    all.try_fold(Headers::new(), |all, (name, value)| all.with(name, value))?;
                messages.publish_with(&subject, all, BODY).await?;
            }
            Ok(())
        };
        told(publish, ours.iter_mut().map(|heard| heard.by_ref().take(EVENTS).count())).await?;
        sums[1] += clock.now().moment.since(began);
    }
    let each = TURNS * EVENTS * SUBSCRIBERS;
    let bare_figure = Figure::new("nats.events.bare", rate(each, sums[0]), "/s");
    let figure = Figure::new("nats.events.to_8", rate(each, sums[1]), "/s").beside(&bare_figure);
    bare.close().await;
    fabric.close().await;
    Ok(vec![figure])
}

/// What is said beside each event.
const fn headers(id: &str) -> [(&'static str, &str); 4] {
    [
        ("ce-specversion", "1.0"),
        ("ce-id", id),
        ("ce-source", "orkestra/main/0"),
        ("ce-type", "completed"),
    ]
}

/// Publishes, and waits until everybody has heard everything.
async fn told(
    publish: impl Future<Output = Result<()>>,
    heard: impl Iterator<Item = impl Future<Output = usize>>,
) -> Result<()> {
    let heard: FuturesUnordered<_> = heard.collect();
    let all = async { futures::join!(publish, heard.count()).0 };
    let all = tokio::time::timeout(WITHIN, all).await;
    all.map_err(|error| cannot("hear all events", error))?
}
