//! What a supervisor is told about its children and itself, as plain data.

use std::{borrow::Borrow, collections::BTreeSet, fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    backoff::Backoff,
    error::{Error, ErrorKind, Result},
    limits::NAME_BYTES_MAX,
    restart::{Intensity, Restart},
};

/// The name of a child, unique under its supervisor; one step of a path. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChildId(Arc<str>);

impl ChildId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn fault(&self) -> Option<&'static str> {
        if self.0.is_empty() {
            Some("it is empty")
        } else if self.0.len() > NAME_BYTES_MAX {
            Some("it is longer than 128 bytes")
        } else if self.0.contains(|c: char| c == '/' || c.is_whitespace() || c.is_control()) {
            Some("a slash, a space or a control character is not allowed in a step of a path")
        } else {
            None
        }
    }
}

impl<T: AsRef<str>> From<T> for ChildId {
    /// Unchecked; a supervisor refuses a bad name with the spec that has it.
    fn from(name: T) -> Self {
        Self(name.as_ref().into())
    }
}

impl Borrow<str> for ChildId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ChildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl fmt::Display for ChildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// How a child is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shutdown {
    /// Killed at once, without a chance to clean up.
    Brutal,
    /// Asked, and killed when it takes longer.
    Within(Duration),
    /// Asked, and waited for as long as it takes.
    Infinite,
}

/// What a child is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Does work.
    #[default]
    Worker,
    /// Supervises children of its own.
    Supervisor,
}

/// Who else is restarted with a child that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// Nobody.
    #[default]
    OneForOne,
    /// Everybody.
    OneForAll,
    /// Those who were started after it.
    RestForOne,
    /// Nobody; all children are instances of one template, started by name and forgotten when they
    /// end, at most so many at a time. They are stopped together, in no order.
    Dynamic {
        /// The most instances at a time.
        children_max: usize,
    },
}

/// Whether a supervisor ends when significant children have ended by themselves for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AutoShutdown {
    /// Never.
    #[default]
    Never,
    /// With the first.
    AnySignificant,
    /// With the last.
    AllSignificant,
}

/// What holds for one child. The defaults are OTP's; the additions are off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Whether it is started again.
    pub restart: Restart,
    /// How it is stopped.
    pub shutdown: Shutdown,
    /// What it is.
    pub kind: Kind,
    /// Whether its end counts for [`AutoShutdown`].
    pub significant: bool,
    /// How long to wait before it is started again; none: at once.
    pub backoff: Option<Backoff>,
    /// How many tries in a row it gets before it is parked; none: no bound but the intensity.
    pub attempts_max: Option<u32>,
    /// How long it may be silent before it is taken for hung; none: as long as it likes.
    pub heartbeat_within: Option<Duration>,
    /// How long a start may take; none: as long as it likes.
    pub start_within: Option<Duration>,
    /// How long it may go on with what it has before it is stopped; none: it is stopped at once.
    pub drain_within: Option<Duration>,
}

impl Rules {
    /// A permanent worker with five seconds to stop.
    pub const fn worker() -> Self {
        Self {
            restart: Restart::Permanent,
            shutdown: Shutdown::Within(Duration::from_secs(5)),
            kind: Kind::Worker,
            significant: false,
            backoff: None,
            attempts_max: None,
            heartbeat_within: None,
            start_within: None,
            drain_within: None,
        }
    }

    /// A permanent supervisor, which may take its time to stop its own children.
    pub const fn supervisor() -> Self {
        Self { kind: Kind::Supervisor, shutdown: Shutdown::Infinite, ..Self::worker() }
    }

    pub(super) fn check(&self, child: &ChildId, plan: &Plan) -> Result<()> {
        let groups = matches!(plan.strategy, Strategy::OneForAll | Strategy::RestForOne);
        let zero = |limit: Option<Duration>| limit.is_some_and(|limit| limit.is_zero());
        let fault = if let Some(fault) = child.fault() {
            fault
        } else if self.significant && plan.auto_shutdown == AutoShutdown::Never {
            "it is significant, and its supervisor's auto-shutdown is never"
        } else if self.significant && self.restart == Restart::Permanent {
            "it is significant and permanent, so it never ends for good"
        } else if self.attempts_max == Some(0) {
            "it has no attempts at all"
        } else if self.attempts_max.is_some() && groups {
            "it would be parked alone, and its siblings restart with it"
        } else if zero(self.heartbeat_within) || zero(self.start_within) || zero(self.drain_within)
        {
            "a limit of zero can never be kept; leave it out if there should be none"
        } else {
            return self.backoff.map_or(Ok(()), |backoff| backoff.check());
        };
        Err(Error::new(ErrorKind::Invalid, format!("cannot supervise {child:?}: {fault}")))
    }
}

/// What holds for a supervisor, and the children that it begins with, in the order of their start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Who is restarted with whom.
    pub strategy: Strategy,
    /// How many restarts are borne.
    pub intensity: Intensity,
    /// Whether it ends with its significant children.
    pub auto_shutdown: AutoShutdown,
    /// The children that it begins with; under [`Strategy::Dynamic`] exactly one, the template.
    pub children: Vec<(ChildId, Arc<Rules>)>,
}

impl Plan {
    /// Refuses what cannot be supervised.
    pub fn check(&self) -> Result<()> {
        let dynamic = matches!(self.strategy, Strategy::Dynamic { .. });
        if self.intensity.period.is_zero() {
            return Err(Error::new(ErrorKind::Invalid, "cannot supervise with a period of zero"));
        }
        if dynamic && self.children.len() != 1 {
            let given = self.children.len();
            let text = format!("cannot supervise instances of {given} templates: give exactly one");
            return Err(Error::new(ErrorKind::Invalid, text));
        }
        let mut ids = BTreeSet::new();
        for (child, rules) in &self.children {
            rules.check(child, self)?;
            if !ids.insert(child) {
                let text = format!("cannot supervise two children called {child:?}");
                return Err(Error::new(ErrorKind::Conflict, text));
            }
        }
        Ok(())
    }
}
