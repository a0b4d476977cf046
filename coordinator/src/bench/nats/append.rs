//! One durable append after another, and a bare publish with its acknowledgement.

use std::time::Duration;

use bytes::Bytes;
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{Fabric as _, LogName, Sequence, nats::Bare},
    time::Clock,
};

use super::{Site, ask::until_there};
use crate::bench::{
    Figure,
    figure::{Durations, rate},
};

const STREAM: &str = "ORK_BENCH_BARE";
const SUBJECT: &str = "bench-bare";
const RECORD: Bytes = Bytes::from_static(&[7; 256]);
/// How many are published where many are under way at once.
const MANY: usize = 8_192;
/// How many turns each way takes, and how long one turn is.
const TURNS: usize = 4;
const TURN: Duration = Duration::from_millis(300);

/// A stream of a bare client, to be measured beside ours.
pub(super) struct Kept(Bare);

impl Kept {
    pub(super) async fn new(site: &Site) -> Result<Self> {
        let bare = site.bare().await?;
        // A bench that was killed has left it behind.
        let _ = bare.remove_stream(STREAM).await;
        // Servers that were just started may have to elect who keeps streams.
        let replicas = site.settings().replicas;
        until_there(|| bare.make_stream(STREAM, SUBJECT, replicas)).await?;
        Ok(Self(bare))
    }

    /// Publishes for a while, each message acknowledged before the next: how many in what time.
    pub(super) async fn publish(
        &self,
        (clock, within): (&dyn Clock, Duration),
        took: &mut Durations,
    ) -> Result<(usize, Duration)> {
        let began = clock.now().moment;
        let (mut count, mut before) = (0, began);
        while before.since(began) < within {
            self.0.keep(SUBJECT, &RECORD, (1, 1)).await?;
            let now = clock.now().moment;
            took.push(now.since(before));
            before = now;
            count += 1;
        }
        Ok((count, before.since(began)))
    }

    /// Publishes with so many under way at once: how many in what time.
    pub(super) async fn publish_at_once(
        &self,
        clock: &dyn Clock,
        at_once: usize,
    ) -> Result<(usize, Duration)> {
        let began = clock.now().moment;
        self.0.keep(SUBJECT, &RECORD, (MANY, at_once)).await?;
        Ok((MANY, clock.now().moment.since(began)))
    }

    pub(super) async fn remove(self) -> Result<()> {
        let removed = self.0.remove_stream(STREAM).await;
        self.0.close().await;
        removed
    }
}

pub(super) async fn measure(group: &str, site: &Site) -> Result<Vec<Figure>> {
    let kept = Kept::new(site).await?;
    let fabric = site.fabric().await?;
    let (logs, log) = (fabric.logs(), LogName::new("bench")?);
    let (mut bare, mut ours) = (Durations::default(), Durations::default());
    let (mut bare_sum, mut ours_sum) = ((0, Duration::ZERO), (0, Duration::ZERO));
    let mut end = Sequence(0);
    let clock = site.place.clock.as_ref();
    for _ in 0..TURNS {
        let (count, time) = kept.publish((clock, TURN), &mut bare).await?;
        bare_sum = (bare_sum.0 + count, bare_sum.1 + time);
        let began = clock.now().moment;
        let mut before = began;
        while before.since(began) < TURN {
            end = logs.append(&log, end, RECORD).await.map_err(|error| {
                Error::new(ErrorKind::Unavailable, format!("cannot append: {error}"))
            })?;
            let now = clock.now().moment;
            ours.push(now.since(before));
            before = now;
            ours_sum.0 += 1;
        }
        ours_sum.1 += before.since(began);
    }
    kept.remove().await?;
    fabric.close().await;
    let publish = format!("{group}.bare");
    let bare_rate = Figure::new(format!("{publish}.rate"), rate(bare_sum.0, bare_sum.1), "/s");
    let ours_rate = Figure::new(format!("{group}.rate"), rate(ours_sum.0, ours_sum.1), "/s");
    let mut figures = vec![ours_rate.beside(&bare_rate)];
    let bare = bare.figures(&publish);
    figures.extend(ours.figures(group).into_iter().zip(&bare).map(|(one, bare)| one.beside(bare)));
    Ok(figures)
}
