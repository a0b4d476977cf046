//! What tasks want of councils, and what councils say to tasks.

use crate::{council::CouncilNews, task::TaskCommand};

/// What councils say to tasks, as commands.
pub(in crate::shard) fn of_councils(news: CouncilNews) -> Option<TaskCommand> {
    match news {
        CouncilNews::Refused { .. } | CouncilNews::Over { .. } => None,
    }
}
