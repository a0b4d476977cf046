//! Numbers of tasks, in their shard and on their way.

use orkestra_runtime::{
    id::{Attempt, ShardId, TaskNo},
    protocol::{
        agent::{FromAgent, ToAgent},
        desk::{tagged, untagged},
    },
};

use crate::node::credits::AttemptKey;

/// The same with the numbers that workers know.
pub(super) fn to_wire(shard: ShardId, mut message: ToAgent) -> ToAgent {
    let wide = |task: &mut TaskNo| *task = tagged(shard, *task);
    match &mut message {
        ToAgent::Assign(batch) => batch.iter_mut().for_each(|one| wide(&mut one.task)),
        ToAgent::AssignLocked(batch) => {
            for one in batch {
                wide(&mut one.assignment.task);
            }
        }
        ToAgent::Cancel { task, .. } => wide(task),
        ToAgent::Acknowledged(keys) => keys.iter_mut().for_each(|(task, _)| wide(task)),
        ToAgent::WhoIsThere | ToAgent::Want { .. } => {}
    }
    message
}

/// What of a word is for a shard, with its own numbers.
pub(super) fn of_shard(shard: ShardId, mut news: FromAgent) -> Option<FromAgent> {
    let own = |(task, attempt): &AttemptKey| -> Option<(TaskNo, Attempt)> {
        let (of, task) = untagged(*task);
        (of == shard).then_some((task, *attempt))
    };
    match &mut news {
        FromAgent::Beat { held, .. } => *held = held.iter().filter_map(own).collect(),
        FromAgent::Ended { reports, .. } => {
            for report in reports {
                report.task = own(&(report.task, report.attempt))?.0;
            }
        }
        _ => {}
    }
    Some(news)
}
