//! The checks by name: what each is about, when and where it is made, how bad its failure is.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Level;

/// What a check is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Files and folders.
    FileSystem,
    /// Whether what is stored makes sense.
    DataIntegrity,
    /// What must have happened first.
    Dependencies,
    /// Who may do what.
    Permissions,
    /// Room, time, hands.
    Resources,
    /// Whether what belongs together agrees.
    Consistency,
    /// Whether the work is good.
    Quality,
    /// Secrets, and who can read them.
    Security,
}

impl Category {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FileSystem => "file_system",
            Self::DataIntegrity => "data_integrity",
            Self::Dependencies => "dependencies",
            Self::Permissions => "permissions",
            Self::Resources => "resources",
            Self::Consistency => "consistency",
            Self::Quality => "quality",
            Self::Security => "security",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// When a check is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before the agent begins.
    Pre,
    /// After it has answered with a result, before that is recorded.
    Post,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pre => "pre",
            Self::Post => "post",
        })
    }
}

/// Where a check is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// By the coordinator, on the state that the step leaves.
    Record,
    /// By the agent's worker, on the files of the task's workspace.
    Files,
}

macro_rules! checks {
    ($($name:ident $word:literal $title:literal: $phase:ident $place:ident $category:ident
        $level:ident $optional:literal, $meaning:literal;)*) => {
        /// A check by name.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(rename_all = "snake_case")]
        pub enum CheckName {
            $(#[doc = $meaning] $name,)*
        }

        impl CheckName {
            /// All of them: before the attempt, after it, then those that are off by default.
            pub const ALL: [Self; [$($word),*].len()] = [$(Self::$name),*];

            /// Its name, as scenarios and records spell it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// Its name for people.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// When it is made.
            pub const fn phase(self) -> Phase {
                match self { $(Self::$name => Phase::$phase,)* }
            }

            /// Where it is made.
            pub const fn place(self) -> Place {
                match self { $(Self::$name => Place::$place,)* }
            }

            /// What it is about.
            pub const fn category(self) -> Category {
                match self { $(Self::$name => Category::$category,)* }
            }

            /// How bad its failure is; the worst, if that depends.
            pub const fn level(self) -> Level {
                match self { $(Self::$name => Level::$level,)* }
            }

            /// Whether it is off unless somebody switches it on.
            pub const fn is_optional(self) -> bool {
                match self { $(Self::$name => $optional,)* }
            }

            /// What it verifies, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }
        }
    };
}

// New checks at the end: frames spell them by position.
checks! {
    TaskQueueExists "task_queue_exists" "Task Queue Exists": Pre Record FileSystem Critical false,
        "The run of the task is there.";
    ValidJson "valid_json" "Valid JSON": Pre Record DataIntegrity Critical false,
        "What was folded from the journal adds up: its run counts the task, its input is JSON.";
    TaskExists "task_exists" "Task Exists": Pre Record DataIntegrity Fail false,
        "The task is in its run.";
    TaskStatus "task_status" "Task Status": Pre Record DataIntegrity Fail false,
        "The task waited to be given out, and nobody else works on it.";
    DependenciesMet "dependencies_met" "Dependencies Met": Pre Record Dependencies Fail false,
        "Every dependency allows it to begin.";
    NoLockConflict "no_lock_conflict" "No Lock Conflict": Pre Record Consistency Fail false,
        "Nobody else holds a lock that the task declares.";
    AgentAvailable "agent_available" "Agent Available": Pre Record Resources Warning false,
        "The agent works on nothing else.";
    OutputWritable "output_writable" "Output Writable": Pre Files Permissions Fail false,
        "The output folder can be made, and a file can be written there.";
    GitClean "git_clean" "Git Clean": Pre Files Consistency Warning false,
        "Nothing in the workspace's repository is uncommitted.";
    DiskSpace "disk_space" "Disk Space": Pre Files Resources Critical false,
        "At least 10 % of the workspace's disk are free; below 5 % it is critical.";
    TaskCompleted "task_completed" "Task Completed": Post Record DataIntegrity Fail false,
        "The task is completed by this outcome.";
    OutputExists "output_exists" "Output Exists": Post Files FileSystem Fail false,
        "The output file is there.";
    OutputNotEmpty "output_not_empty" "Output Not Empty": Post Files Quality Warning false,
        "The output file is not empty.";
    LockReleased "lock_released" "Lock Released": Post Record Consistency Warning false,
        "No lock of the task is left.";
    CompletionTime "completion_time" "Completion Time": Post Record DataIntegrity Warning false,
        "The time of its end is recorded, and does not lie before its beginning.";
    NoErrors "no_errors" "No Errors": Post Files Quality Warning false,
        "The output file has none of ERROR, FAILED, Exception, Traceback.";
    GitCommitted "git_committed" "Git Committed": Post Files Consistency Warning false,
        "Nothing in the workspace's repository is uncommitted.";
    QueueConsistent "queue_consistent" "Queue Consistent": Post Record DataIntegrity Fail false,
        "The counts of its run add up.";
    InputFilesExist "input_files_exist" "Input Files Exist": Pre Files FileSystem Fail true,
        "The input files are there.";
    AgentActive "agent_active" "Agent Active": Pre Record Resources Fail true,
        "The agent's worker is there, and can work.";
    RetryCount "retry_count" "Retry Count": Pre Record Consistency Fail true,
        "The task failed less than three times.";
    NoOrphanTempFiles "no_orphan_temp_files" "No Orphan Temp Files":
        Post Files FileSystem Warning true,
        "No temporary file is left in the output folder, or in the workspace.";
}

impl CheckName {
    /// The check of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|check| check.as_str() == name)
    }

    /// Whether time, or another attempt, may mend what it found.
    pub const fn may_mend(self) -> bool {
        match self {
            Self::TaskQueueExists
            | Self::ValidJson
            | Self::TaskExists
            | Self::TaskStatus
            | Self::DependenciesMet
            | Self::RetryCount
            | Self::TaskCompleted
            | Self::CompletionTime
            | Self::QueueConsistent => false,
            Self::NoLockConflict
            | Self::AgentAvailable
            | Self::OutputWritable
            | Self::GitClean
            | Self::DiskSpace
            | Self::OutputExists
            | Self::OutputNotEmpty
            | Self::LockReleased
            | Self::NoErrors
            | Self::GitCommitted
            | Self::InputFilesExist
            | Self::AgentActive
            | Self::NoOrphanTempFiles => true,
        }
    }
}

impl fmt::Display for CheckName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
