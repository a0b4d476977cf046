//! Questions to another process: a bare request, one over the fabric, and one to a shard's leader.

use std::{future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt as _, stream::FuturesUnordered};
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{AskError, Fabric as _, Messages, Subject, nats::Bare},
    id::RunId,
    time::Clock,
    wire::{self, Kind, Wire},
};
use serde::{Deserialize, Serialize};

use super::{CLIENT, Site};
use crate::{
    bench::{
        Figure, Part,
        figure::{Durations, rate},
    },
    client::Tasks,
    node::Node,
    task::{Answer, Query},
};

/// Where questions are answered, with the cluster's prefix and without it.
pub(super) const SUBJECT: &str = "bench-echo";
/// How many bytes a question has.
const BYTES: usize = 256;
/// How many turns each way of asking takes, and how long one turn is.
const TURNS: usize = 6;
const TURN: Duration = Duration::from_millis(500);
const WITHIN: Duration = Duration::from_secs(5);
/// How long may pass until the other side is there.
const THERE_WITHIN: Duration = Duration::from_secs(20);

/// What is asked, and answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Question(#[serde(with = "serde_bytes")] Vec<u8>);

impl Wire for Question {
    const KIND: Kind = Kind::new("bench.question", 1);
}

/// The ways of asking that are measured.
struct Ways {
    bare: Bare,
    messages: Arc<dyn Messages>,
    subject: Subject,
    tasks: Tasks,
    run: RunId,
    body: Bytes,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Bare,
    Fabric,
    Shard,
}

impl Ways {
    async fn ask(&self, way: Way) -> Result<()> {
        match way {
            Way::Bare => self.bare.request(SUBJECT, self.body.clone()).await.map(drop),
            Way::Fabric => {
                let question = wire::encode(&Question(self.body.to_vec()))?;
                let answer = self.messages.ask(&self.subject, question, WITHIN).await;
                let answer = answer.map_err(|error| unanswered(&error))?;
                wire::decode::<Question>(&answer).map(drop).map_err(Into::into)
            }
            Way::Shard => match self.tasks.query(Query::Run(self.run.clone())).await? {
                Answer::Run(_) => Ok(()),
                _ => Err(Error::new(ErrorKind::Fault, "a leader answered something else")),
            },
        }
    }

    /// Asks again and again for one turn, so many questions at once.
    async fn turn(
        &self,
        way: Way,
        (clock, at_once): (&dyn Clock, usize),
        took: &mut Durations,
    ) -> Result<f64> {
        let began = clock.now().moment;
        let mut under_way = FuturesUnordered::new();
        let mut count = 0;
        let timed = || async {
            let began = clock.now().moment;
            self.ask(way).await.map(|()| clock.now().moment.since(began))
        };
        for _ in 0..at_once {
            under_way.push(timed());
        }
        while let Some(one) = under_way.next().await {
            took.push(one?);
            count += 1;
            if clock.now().moment.since(began) < TURN {
                under_way.push(timed());
            }
        }
        Ok(rate(count, clock.now().moment.since(began)))
    }
}

pub(super) async fn measure(site: &Site) -> Result<Vec<Figure>> {
    let echo = site.peer(Part::NatsEcho, "echo")?;
    let leader = site.peer(Part::NatsCoordinator, "leader")?;
    let (bare, fabric) = (site.bare().await?, site.fabric().await?);
    let client = site.node("client", CLIENT).await?;
    let ways = Ways {
        bare,
        messages: fabric.messages(),
        subject: Subject::new(SUBJECT)?,
        tasks: client.tasks_of("bench").clone(),
        run: RunId::new("asked")?,
        body: Bytes::from_static(&[7; BYTES]),
    };
    for way in [Way::Bare, Way::Fabric, Way::Shard] {
        until_there(|| ways.ask(way)).await?;
    }
    let figures = compared(site, &ways).await;
    ways.bare.close().await;
    stop(client).await?;
    fabric.close().await;
    echo.stop().await?;
    leader.stop().await?;
    figures
}

async fn stop(node: Node) -> Result<()> {
    node.stop().await
}

/// Ways take turns, since what else the machine does changes within seconds.
async fn compared(site: &Site, ways: &Ways) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for at_once in [1, 64] {
        let all = [Way::Bare, Way::Fabric, Way::Shard];
        let mut rates = [0.0, 0.0, 0.0];
        let mut took = [Durations::default(), Durations::default(), Durations::default()];
        for _ in 0..TURNS {
            for (index, way) in all.into_iter().enumerate() {
                let clock = site.place.clock.as_ref();
                rates[index] += ways.turn(way, (clock, at_once), &mut took[index]).await?;
            }
        }
        let names = ["bare", "fabric", "shard"].map(|name| format!("nats.ask.{at_once}.{name}"));
        let [bare, fabric, shard] = took;
        let [first, ..] = &names;
        let turns = f64::from(u32::try_from(TURNS).unwrap_or(u32::MAX));
        let bare_rate = Figure::new(format!("{first}.rate"), rates[0] / turns, "/s");
        let bare = bare.figures(first);
        for (name, took, rate) in [(&names[1], fabric, rates[1]), (&names[2], shard, rates[2])] {
            let rate = Figure::new(format!("{name}.rate"), rate / turns, "/s");
            figures.push(rate.beside(&bare_rate));
            let beside = took.figures(name).into_iter().zip(&bare);
            figures.extend(beside.map(|(figure, bare)| figure.beside(bare)));
        }
    }
    Ok(figures)
}

/// Tries until it works.
pub(super) async fn until_there<F: Future<Output = Result<()>>>(
    mut once: impl FnMut() -> F,
) -> Result<()> {
    let trying = async {
        while once().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(THERE_WITHIN, trying).await.map_err(|_| {
        Error::new(ErrorKind::Unavailable, "what runs in its own process was not there in time")
    })
}

fn unanswered(error: &AskError) -> Error {
    Error::new(ErrorKind::Unavailable, format!("a question was not answered: {error}"))
}
