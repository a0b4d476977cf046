//! Who is answered a command: the token that stands in it.

use orkestra_runtime::machine::ReplyTo;

use crate::task::{TaskCommand, redact::SensitiveCommand};

impl TaskCommand {
    /// The token of whoever asks; none in what nobody asks for.
    pub fn asker(&mut self) -> Option<&mut ReplyTo> {
        match self {
            Self::Open { to, .. }
            | Self::Submit { to, .. }
            | Self::Seal { to, .. }
            | Self::Cancel { to, .. }
            | Self::CancelRun { to, .. }
            | Self::Retry { to, .. }
            | Self::AwaitRun { to, .. }
            | Self::Follow { to, .. }
            | Self::Unfollow { to }
            | Self::Decide { to, .. }
            | Self::Pause { to, .. }
            | Self::Resume { to, .. }
            | Self::Drain { to, .. }
            | Self::Return { to, .. }
            | Self::Heal { to }
            | Self::Sensitive(
                SensitiveCommand::Redact { to, .. } | SensitiveCommand::Reveal { to, .. },
            ) => Some(to),
            Self::Heard(_)
            | Self::NodeLost(_)
            | Self::Guard(_)
            | Self::Confirm(_)
            | Self::Examine(_)
            | Self::Locks(_)
            | Self::WantLocks(_)
            | Self::AskForLocks
            | Self::AskForVotes
            | Self::Vote(_)
            | Self::VoteOver(..)
            | Self::Council(_)
            | Self::Want
            | Self::Schedule
            | Self::Sweep => None,
        }
    }
}
