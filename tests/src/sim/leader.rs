//! One simulated leader: a real sequencer, and an append that is away.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use orkestra_coordinator::shard::{
    Fold, Genesis, Mind, Pool,
    sequencer::Sequencer,
    toy::{Event, Toy},
};
use orkestra_runtime::{
    ErrorKind,
    chance::Chance,
    fabric::{Key, Sequence},
    id::{Epoch, Number, ShardId},
    journal::Journal,
    machine::ReplyTo,
    time::{Now, Wall},
};

use super::{Plant, Store};

/// The shard that is simulated.
pub(super) const SHARD: ShardId = ShardId(0);

/// An append that a leader has sent.
#[derive(Clone, Debug)]
pub(super) struct Away {
    pub(super) end: Sequence,
    pub(super) record: Bytes,
}

/// A sequencer and what it waits for.
#[derive(Debug)]
pub(super) struct Leader {
    pub(super) sequencer: Sequencer<Toy>,
    pub(super) away: Option<Away>,
    /// Permits that have not come back, a pool each.
    pub(super) permits: [i64; Pool::ALL.len()],
    /// The last token that was answered when settled; they only rise.
    pub(super) answered: ReplyTo,
}

/// The state before the first event.
pub(super) fn genesis() -> Genesis<Toy> {
    Arc::new(Toy::default)
}

/// Waits for what is ready at once.
pub(super) fn ready<T>(future: impl Future<Output = T>) -> Result<T, String> {
    future.now_or_never().ok_or_else(|| "a simulated store made somebody wait".into())
}

/// Begins a reign as a node does; none when it did not work this time.
pub(super) fn promote(
    store: &Store,
    plant: Plant,
    chance: Chance,
    now: Now,
) -> Result<Option<Leader>, String> {
    let journal = journal(store)?;
    if plant == Plant::EpochAgain {
        let key = Key::new("shard.0.epoch").map_err(|error| error.to_string())?;
        store.forget_epoch(&key);
    }
    let began = ready(begin(&journal, plant, now.wall))?;
    let (mind, position) = match began {
        Ok(began) => began,
        Err(error) => {
            // Later may work; anything else is a fault of what was kept.
            return match error.kind() {
                ErrorKind::Unavailable | ErrorKind::Full => Ok(None),
                _ => Err(error.to_string()),
            };
        }
    };
    let sequencer = Sequencer::new(SHARD, position, mind, chance, now);
    let permits = [0; Pool::ALL.len()];
    Ok(Some(Leader { sequencer, away: None, permits, answered: ReplyTo(0) }))
}

/// The real journal over the simulated store.
pub(super) fn journal(store: &Store) -> Result<Journal, String> {
    let (logs, registers, blobs) =
        (Arc::new(store.clone()), Arc::new(store.clone()), Arc::new(store.clone()));
    Journal::over(SHARD, logs, registers, blobs).map_err(|error| error.to_string())
}

type Began = orkestra_runtime::Result<(Toy, orkestra_runtime::journal::Position)>;

async fn begin(journal: &Journal, plant: Plant, wall: Wall) -> Began {
    let epoch = journal.next_epoch().await?;
    match plant {
        Plant::NoEpochRecord => {
            let mut fold = Fold::restore(journal.clone(), genesis()).await?;
            fold.read_on(Sequence(u64::MAX)).await?;
            let (mind, mut position) = fold.into_parts();
            position.epoch = epoch;
            Ok((mind, position))
        }
        Plant::ApplyTwice | Plant::ForgetfulSnapshot | Plant::ShortReplay | Plant::DrawAgain => {
            begin_wrongly(journal, plant, (epoch, wall)).await
        }
        _ => {
            let mut fold = Fold::restore(journal.clone(), genesis()).await?;
            fold.promote(epoch, wall).await?;
            Ok(fold.into_parts())
        }
    }
}

async fn begin_wrongly(journal: &Journal, plant: Plant, (epoch, wall): (Epoch, Wall)) -> Began {
    let latest = journal.latest().await?;
    let restored = latest.is_some();
    let (mut mind, mut position) = match latest {
        Some(snapshot) => (Toy::restore(&snapshot.bytes)?, snapshot.position),
        None => (Toy::default(), orkestra_runtime::journal::Position::default()),
    };
    if plant == Plant::ForgetfulSnapshot && restored {
        mind.forget_keys();
    }
    let end = journal.end().await?;
    let apply = |number: Number, at: Wall, event: &Event| {
        match event {
            Event::Moved { key, from, to, amount, lot } if plant == Plant::DrawAgain => {
                let (key, from, to) = (*key, *from, *to);
                let again = Event::Moved { key, from, to, amount: *amount, lot: lot + 1 };
                mind.apply(number, at, &again);
            }
            _ => mind.apply(number, at, event),
        }
        if plant == Plant::ApplyTwice {
            mind.apply(number, at, event);
        }
    };
    let until = if plant == Plant::ShortReplay { end.0.saturating_sub(1) } else { end.0 };
    journal.read_on(&mut position, Sequence(until), apply).await?;
    let blind = |_: Number, _: Wall, _: &Event| {};
    journal.promote(epoch, wall, &mut position, blind).await?;
    Ok((mind, position))
}
