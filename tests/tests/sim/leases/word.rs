//! What clients and leaders of the model say to each other.

/// What is under way; whatever is never taken out was lost.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Word {
    Ask { from: usize },
    Renew { from: usize, asked: u64 },
    Release { from: usize, token: u64 },
    Write { token: u64 },
    Granted { to: usize, token: u64 },
    Renewed { to: usize, asked: u64 },
    Gone { to: usize },
}

impl Word {
    pub(super) const fn addressee(&self) -> Option<usize> {
        match self {
            Self::Granted { to, .. } | Self::Renewed { to, .. } | Self::Gone { to } => Some(*to),
            Self::Ask { .. } | Self::Renew { .. } | Self::Release { .. } | Self::Write { .. } => {
                None
            }
        }
    }
}
