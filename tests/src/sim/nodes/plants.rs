//! The bugs that can be planted in the hands of simulated nodes, and which promise each breaks.

/// A bug that is planted in the hands of simulated nodes, to see whether it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodePlant {
    /// None.
    Nothing,
    /// A lease is taken over after half of it.
    EarlyTakeover,
    /// A term counts from the answer, not from before the renewal was sent.
    TermFromAnswer,
    /// A term is believed to last for two leases.
    TermTooLong,
    /// A write that conflicts is taken as made.
    ConflictIgnored,
    /// A write without an answer is taken as made.
    UnknownIsHeld,
    /// A node that was paused goes on as if no time had passed.
    ClockStopsInPause,
    /// The clocks of nodes run more unlike than the margin allows.
    ClocksRunApart,
    /// The lease is given back while the reign still answers.
    ReleasesBeforeClosed,
    /// A reign is not told of its lease.
    NoLease,
    /// A reign begins without its record.
    NoEpochRecord,
    /// The number of a reign is given out again.
    EpochAgain,
    /// A reign begins without the last record.
    ShortReplay,
    /// The log takes appends wherever their writer thinks it ends.
    NoFence,
    /// An append without an answer is taken as made.
    UnknownAppendIsDone,
    /// What an earlier life of a node says is believed.
    OldBootBelieved,
    /// A node that was paused misses the others because of that.
    PauseIsSilence,
}

/// Every bug, and the promise that it breaks.
pub const NODE_MUTANTS: [(NodePlant, &str); 16] = [
    (NodePlant::EarlyTakeover, "a lease is taken over only after it stood still for all of it"),
    (NodePlant::TermFromAnswer, "a term counts from before its renewal was sent"),
    (NodePlant::TermTooLong, "a term lasts for one lease"),
    (NodePlant::ConflictIgnored, "a revision has one holder at most"),
    (NodePlant::UnknownIsHeld, "what became of a write is found out by reading"),
    (NodePlant::ClockStopsInPause, "whoever wakes after a pause has a term that is over"),
    (NodePlant::ClocksRunApart, "clocks run at rates that differ by less than the margin"),
    (NodePlant::ReleasesBeforeClosed, "a lease is given back when nobody is answered any more"),
    (NodePlant::NoLease, "what no append proves leaves only under a lease"),
    (NodePlant::NoEpochRecord, "no append of an older reign can land any more"),
    (NodePlant::EpochAgain, "a reign's number that no other caller ever gets"),
    (NodePlant::ShortReplay, "a reign has folded everything"),
    (NodePlant::NoFence, "one record, only if the journal still ends where the writer thinks"),
    (NodePlant::UnknownAppendIsDone, "an append whose fate is unknown ends the reign"),
    (NodePlant::OldBootBelieved, "what an earlier life of a node says is refused"),
    (NodePlant::PauseIsSilence, "whoever was paused itself misses nobody because of that"),
];
