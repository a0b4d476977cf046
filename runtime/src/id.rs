//! Names and numbers. Two things that could be swapped have two types.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    error::{Error, ErrorKind},
    limits::NAME_BYTES_MAX,
};

/// Checks a name: 1 to 128 bytes of `A-Z a-z 0-9 _ - . : / @`, beginning with a letter, a digit or `_`.
fn check_name(what: &str, name: &str) -> Result<(), Error> {
    let fault = if name.is_empty() {
        "it is empty".to_owned()
    } else if name.len() > NAME_BYTES_MAX {
        format!("it has {} bytes, and at most {NAME_BYTES_MAX} are allowed", name.len())
    } else if let Some(bad) =
        name.chars().find(|c| !c.is_ascii_alphanumeric() && !"_-.:/@".contains(*c))
    {
        format!("{bad:?} is not allowed (letters, digits and _ - . : / @ are)")
    } else if !name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
        "it must begin with a letter, a digit or _".to_owned()
    } else {
        return Ok(());
    };
    let shown: String = name.chars().take(40).collect();
    Err(Error::new(ErrorKind::Invalid, format!("{shown:?} cannot name {what}: {fault}")))
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        ///
        /// A checked name: 1 to 128 bytes of `A-Z a-z 0-9 _ - . : / @`. Cheap to clone.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Arc<str>);

        impl $type {
            /// Checks and keeps a name.
            pub fn new(name: impl AsRef<str>) -> Result<Self, Error> {
                check_name($what, name.as_ref())?;
                Ok(Self(name.as_ref().into()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $type {
            type Err = Error;
            fn from_str(name: &str) -> Result<Self, Error> {
                Self::new(name)
            }
        }

        impl std::borrow::Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::new(name).map_err(de::Error::custom)
            }
        }
    };
}

name!(
    /// What a user calls a task; unique within its run.
    TaskId,
    "a task"
);
name!(
    /// An agent.
    AgentId,
    "an agent"
);
name!(
    /// One run of a scenario: a graph of tasks that begins and ends together.
    RunId,
    "a run"
);
name!(
    /// A node: one process of a cluster.
    NodeId,
    "a node"
);
name!(
    /// Something that an agent can do and a task may require.
    Capability,
    "a capability"
);
name!(
    /// What a lock is called.
    LockKey,
    "a lock"
);
name!(
    /// What a session is called that holds locks: of a client, for as long as it lives.
    SessionId,
    "a session"
);
name!(
    /// What a vote is called.
    VoteId,
    "a vote"
);
name!(
    /// Who votes.
    VoterId,
    "a voter"
);
name!(
    /// What may be chosen in a vote.
    OptionId,
    "an option"
);

macro_rules! number {
    ($(#[$doc:meta])* $type:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $type(pub $inner);

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number!(
    /// The position of an event in its shard's journal: contiguous, from 1.
    Number(u64)
);
number!(
    /// A task within its shard: the number of the event that submitted it.
    TaskNo(u64)
);
number!(
    /// Which try of a task this is, from 1. It is the fence: an old one changes nothing.
    Attempt(u32)
);
number!(
    /// Which reign of a shard this is, from 1. It only rises.
    Epoch(u64)
);
number!(
    /// A shard: the unit of order.
    ShardId(u16)
);
number!(
    /// Which life of something that restarts under the same name this is. It only rises.
    Incarnation(u64)
);
number!(
    /// What whoever holds a lock was given with it: the number of the event that granted it, so that
    /// of two of one lock the later is the greater. It is the fence: an old one changes nothing.
    Token(u64)
);
number!(
    /// A session within its shard: the number of the event that opened it.
    SessionNo(u64)
);
number!(
    /// A place in the queues of a shard's locks: the number of the event that gave it.
    WaitNo(u64)
);
number!(
    /// A vote within its shard: the number of the event that opened it.
    VoteNo(u64)
);
number!(
    /// What a client calls one thing that it asks for, within its session: from 1, and rising.
    RequestNo(u64)
);

impl Number {
    /// The number after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Attempt {
    /// The attempt after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_name_is_refused_and_told_why() {
        let told = |name: &str| TaskId::new(name).map(|_| ()).unwrap_err().to_string();
        assert_eq!(told(""), "\"\" cannot name a task: it is empty");
        assert_eq!(
            told("a b"),
            "\"a b\" cannot name a task: ' ' is not allowed (letters, digits and _ - . : / @ are)"
        );
        assert!(told(&"x".repeat(129)).contains("129 bytes"));
        assert!(told("-x").contains("must begin"));
    }

    #[test]
    fn an_integer_is_a_name_too() {
        assert_eq!(TaskId::new("17").unwrap().as_str(), "17");
    }

    #[test]
    fn a_name_read_from_outside_is_checked() {
        assert!(serde_json::from_str::<AgentId>("\"no spaces please\"").is_err());
        let name: AgentId = serde_json::from_str("\"ok\"").unwrap();
        assert_eq!(serde_json::to_string(&name).unwrap(), "\"ok\"");
    }
}
