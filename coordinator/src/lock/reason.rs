//! Why a lock is no longer held.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a lock is no longer held. The names stand in events and in what programs read; some have
/// older names, which are read too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LockReason {
    /// What it was held for is done.
    #[default]
    #[serde(alias = "COMPLETED")]
    Complete,
    /// What it was held for went wrong.
    #[serde(alias = "FAILED")]
    Error,
    /// The work was given to somebody else.
    ReassignBlocked,
    /// The work had been done before.
    AlreadyComplete,
    /// What the work needs is not there yet.
    DependencyNotMet,
    /// What was to be worked on could not be read.
    JsonError,
    /// The program that held it came to its end.
    ScriptExit,
    /// Somebody wished it so.
    Manual,
    /// Its session was not renewed in time.
    #[serde(alias = "STALE_TIMEOUT")]
    Timeout,
    /// It was found stale when locks were cleaned.
    Stale,
    /// What went before a restart is taken up again.
    Recovery,
    /// The process that held it is gone.
    DeadProcess,
    /// The task that held it has ended.
    TaskCompleted,
}

impl LockReason {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Complete,
        Self::Error,
        Self::ReassignBlocked,
        Self::AlreadyComplete,
        Self::DependencyNotMet,
        Self::JsonError,
        Self::ScriptExit,
        Self::Manual,
        Self::Timeout,
        Self::Stale,
        Self::Recovery,
        Self::DeadProcess,
        Self::TaskCompleted,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "COMPLETE",
            Self::Error => "ERROR",
            Self::ReassignBlocked => "REASSIGN_BLOCKED",
            Self::AlreadyComplete => "ALREADY_COMPLETE",
            Self::DependencyNotMet => "DEPENDENCY_NOT_MET",
            Self::JsonError => "JSON_ERROR",
            Self::ScriptExit => "SCRIPT_EXIT",
            Self::Manual => "MANUAL",
            Self::Timeout => "TIMEOUT",
            Self::Stale => "STALE",
            Self::Recovery => "RECOVERY",
            Self::DeadProcess => "DEAD_PROCESS",
            Self::TaskCompleted => "TASK_COMPLETED",
        }
    }

    /// Whether a holder may give it; the others are for whoever keeps the locks.
    pub const fn is_of_holder(self) -> bool {
        match self {
            Self::Complete
            | Self::Error
            | Self::ReassignBlocked
            | Self::AlreadyComplete
            | Self::DependencyNotMet
            | Self::JsonError
            | Self::ScriptExit
            | Self::Manual => true,
            Self::Timeout
            | Self::Stale
            | Self::Recovery
            | Self::DeadProcess
            | Self::TaskCompleted => false,
        }
    }

    /// Whether the holder surely does nothing more under the lock. After any other end the lock is
    /// given to nobody for a while.
    pub const fn is_clean(self) -> bool {
        self.is_of_holder() || matches!(self, Self::TaskCompleted)
    }
}

impl fmt::Display for LockReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_spelled_as_they_are_called_and_older_names_are_read() {
        for reason in LockReason::ALL {
            let spelled = serde_json::to_string(&reason).unwrap();
            assert_eq!(spelled, format!("{:?}", reason.as_str()));
        }
        let read = |name: &str| serde_json::from_str::<LockReason>(name).unwrap();
        assert_eq!(read("\"COMPLETED\""), LockReason::Complete);
        assert_eq!(read("\"FAILED\""), LockReason::Error);
        assert_eq!(read("\"STALE_TIMEOUT\""), LockReason::Timeout);
    }
}
