//! Snapshots of sub-machines: bytes that say their version first, and are read for ever.

use orkestra_runtime::{Error, ErrorKind, Result};
use serde::{Deserialize, de::DeserializeOwned};

/// What every version of a snapshot says of itself.
#[derive(Deserialize)]
struct Version {
    v: u32,
}

/// Reads a snapshot of `what`, of version `latest` or an older one.
///
/// An error of kind `TooNew`: a newer program wrote it, and it is not looked into any further;
/// `Corrupt`: it cannot be read.
pub(crate) fn read<T: DeserializeOwned>(what: &str, latest: u32, bytes: &[u8]) -> Result<T> {
    let corrupt = |error| {
        Error::new(ErrorKind::Corrupt, format!("cannot read the snapshot of {what}")).because(error)
    };
    let Version { v } = rmp_serde::from_slice(bytes).map_err(corrupt)?;
    if v > latest {
        return Err(Error::new(
            ErrorKind::TooNew,
            format!(
                "the snapshot of {what} has version {v}, and this program reads up to {latest}: \
                 use the newer program"
            ),
        ));
    }
    rmp_serde::from_slice(bytes).map_err(corrupt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        context::{ContextMachine, ContextSettings},
        shard::{Mind as _, machine::ShardMachine},
        task::{TaskMachine, TaskSettings},
    };

    /// A machine that reads a snapshot, and fails.
    type Restore<'a> = &'a dyn Fn(&[u8]) -> Error;

    #[test]
    fn what_a_newer_program_wrote_is_too_new_for_every_machine_and_junk_is_damaged() {
        let context = |bytes: &[u8]| {
            ContextMachine::restore(ContextSettings::default(), bytes).map(drop).unwrap_err()
        };
        let tasks = |bytes: &[u8]| {
            TaskMachine::restore(TaskSettings::default(), bytes).map(drop).unwrap_err()
        };
        let shard = |bytes: &[u8]| ShardMachine::restore(bytes).map(drop).unwrap_err();
        let all: [(&str, Restore<'_>); 3] =
            [("the context", &context), ("the task machine", &tasks), ("this shard", &shard)];
        for (what, restore) in all {
            // A map that begins with the version, 99, and goes on as nobody knows yet.
            let newer = restore(&[0x82, 0xa1, b'v', 99, 0xa1, b'x', 0xc0]);
            assert_eq!(newer.kind(), ErrorKind::TooNew, "{newer}");
            let told = newer.to_string();
            assert!(told.contains(&format!("snapshot of {what} has version 99")), "{told}");
            assert!(told.contains("use the newer program"), "{told}");
            for junk in [&[][..], &[0xc1], &[0x81, 0xa1, b'x', 1]] {
                let damaged = restore(junk);
                assert_eq!(damaged.kind(), ErrorKind::Corrupt, "{damaged}");
            }
        }
    }
}
