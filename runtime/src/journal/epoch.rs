//! Reigns: their numbers, and the record that begins one.

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::{Journal, Position};
use crate::{
    error::{Error, ErrorKind, Result},
    fabric::{AppendError, Sequence, SetError, Value},
    id::{Epoch, Number},
    record::{Head, Kind, seal_epoch},
    time::Wall,
};

/// How often a race for a number or for the end of the log is run before it is given up.
const TRIES_MAX: u32 = 32;

impl Journal {
    /// The next reign's number: larger than all before, and nobody else's.
    ///
    /// After an error of kind `Unavailable` a number may be lost, which does no harm.
    pub async fn next_epoch(&self) -> Result<Epoch> {
        for _ in 0..TRIES_MAX {
            let held = self.registers.get(&self.epoch_key).await?;
            let last = read_epoch(held.as_ref())?;
            let next = last.0.checked_add(1).map(Epoch).ok_or_else(|| {
                self.cannot(
                    "begin a reign",
                    ErrorKind::Corrupt,
                    "its register is at the last number",
                )
            })?;
            let bytes = Bytes::from(next.to_string());
            let set = match held {
                None => self.registers.create(&self.epoch_key, bytes).await,
                Some(Value { revision, .. }) => {
                    self.registers.compare_and_set(&self.epoch_key, revision, bytes).await
                }
            };
            match set {
                Ok(_) => return Ok(next),
                // Somebody else took it, or we did without learning of it: the next one is free.
                Err(SetError::Conflict(_) | SetError::Unknown(_)) => {}
                Err(SetError::Full) => {
                    return Err(self.cannot("begin a reign", ErrorKind::Full, "there is no room"));
                }
            }
        }
        Err(self.cannot("begin a reign", ErrorKind::Unavailable, "its register cannot be set"))
    }

    /// Begins the reign `epoch`: folds to the end of the journal and appends the reign's record
    /// there, reading on as often as somebody else was faster.
    ///
    /// Success proves that `position` is the end and that appends of older reigns fail from here
    /// on. An error of kind `Conflict` means that a later reign has begun; `Unavailable` and `Full`
    /// that it may work later, with the same number.
    pub async fn promote<E: DeserializeOwned>(
        &self,
        epoch: Epoch,
        wall: Wall,
        position: &mut Position,
        mut apply: impl FnMut(Number, Wall, &E) + Send,
    ) -> Result<()> {
        let mut last_word = String::from("somebody else keeps writing");
        for _ in 0..TRIES_MAX {
            self.read_on(position, Sequence(u64::MAX), &mut apply).await?;
            if position.epoch == epoch {
                return Ok(()); // an append of ours that seemed lost has landed
            }
            if position.epoch > epoch {
                let why = format!("epoch {} has begun already", position.epoch);
                return Err(self.cannot("begin a reign", ErrorKind::Conflict, &why));
            }
            let head = Head {
                shard: self.shard,
                epoch,
                first: position.number.next(),
                last: position.number,
                at: wall.max(position.at),
            };
            let record = Bytes::from(seal_epoch(&head)?);
            match self.append(position.sequence(), record).await {
                Ok(sequence) => return position.pass(self.shard, sequence, Kind::Epoch, &head),
                Err(AppendError::Conflict(_)) => {}
                Err(AppendError::Unknown(why)) => last_word = why,
                Err(error @ AppendError::Full) => {
                    return Err(self.cannot("begin a reign", ErrorKind::Full, &error.to_string()));
                }
                Err(error @ AppendError::TooLarge) => {
                    return Err(self.cannot("begin a reign", ErrorKind::Fault, &error.to_string()));
                }
            }
        }
        Err(self.cannot("begin a reign", ErrorKind::Unavailable, &last_word))
    }

    pub(super) fn cannot(&self, what: &str, kind: ErrorKind, why: &str) -> Error {
        Error::new(kind, format!("cannot {what} of shard {}: {why}", self.shard))
    }
}

fn read_epoch(held: Option<&Value>) -> Result<Epoch> {
    let Some(value) = held else { return Ok(Epoch(0)) };
    let number = std::str::from_utf8(&value.bytes).ok().and_then(|text| text.parse().ok());
    number.map(Epoch).ok_or_else(|| {
        Error::new(ErrorKind::Corrupt, "the register of a shard's epoch does not hold a number")
    })
}
