//! Self-healing of the record.

use orkestra_runtime::Result;

use super::{Tasks, odd};
use crate::task::{Healing, Repair, Reply, TaskCommand};

impl Tasks {
    /// Repairs what nothing else would: tasks in progress without news for more than an hour are
    /// given out again, tasks that need what is not there fail. Answers what was done, in that
    /// order. Doing it again is free of effect.
    pub async fn heal(&self) -> Result<Vec<Repair>> {
        let mut all = Vec::new();
        loop {
            match self.repeated(|to| TaskCommand::Heal { to }).await? {
                Reply::Healed(Healing { repairs, more }) => {
                    all.extend(repairs);
                    if !more {
                        return Ok(all);
                    }
                }
                reply => return Err(odd(&reply)),
            }
        }
    }
}
