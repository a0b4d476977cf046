//! Messages through the generic actor.

use std::sync::Arc;

use orkestra_runtime::{
    Result,
    machine::Machine,
    shell::{Hands, Outbox, Parts, spawn},
    time::{Moment, Now},
};
use tokio::sync::oneshot;

use super::{
    Place,
    baseline::{Baselines, MESSAGES, message_rate, ractor},
    cannot,
    figure::Figure,
};

/// Counts, and says when it has counted all.
#[derive(Debug, Default)]
struct Counter(usize);

impl Machine for Counter {
    type Event = u64;
    type Effect = ();

    fn step(&mut self, _: Now, _: u64, effects: &mut Vec<()>) {
        self.0 += 1;
        if self.0 == MESSAGES {
            effects.push(());
        }
    }

    fn tick(&mut self, _: Now, _: &mut Vec<()>) {}

    fn wakeup(&self) -> Option<Moment> {
        None
    }
}

struct Teller(Option<oneshot::Sender<()>>);

impl Hands for Teller {
    type Machine = Counter;
    type Mail = u64;

    fn receive(&mut self, number: u64) -> Option<u64> {
        Some(number)
    }

    fn carry_out(&mut self, (): (), outbox: &mut Outbox<u64>) {
        if let Some(done) = self.0.take() {
            // Whoever measures waits for it.
            let _ = done.send(());
        }
        outbox.stop(None);
    }
}

pub(super) async fn measure(place: &Place, baselines: &Baselines) -> Result<Vec<Figure>> {
    // Taken anew: what else the machine does changes within seconds.
    let ractor = ractor(&place.clock).await?;
    let (done, counted) = oneshot::channel();
    let clock = Arc::clone(&place.clock);
    let parts = Parts { machine: Counter::default(), hands: Teller(Some(done)), clock };
    let (address, handle) = spawn(parts).await.map_err(|error| cannot("start an actor", error))?;
    let began = place.clock.now().moment;
    for number in 0..MESSAGES as u64 {
        // It ends only after the last.
        let _ = address.send(number);
    }
    counted.await.map_err(|error| cannot("wait for an actor", error))?;
    let figure = message_rate("shell.messages", place.clock.as_ref(), began);
    handle.await.map_err(|error| cannot("stop an actor", error))?;
    let mut bare = figure.clone().beside(&baselines.channel);
    bare.name.push_str(".of_channel");
    Ok(vec![figure.beside(&ractor), bare])
}
