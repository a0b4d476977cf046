//! The bugs that can be planted in the simulated hands, and which promise each of them breaks.
//!
//! Each must be found by the [`Books`](super::Books), by the journal itself, or by the last look
//! at a world that has come to rest; a bug that only stops the world does not count as found. One
//! that is found by nobody shows that the simulator is blind there.

/// A bug that is planted in the simulated hands, to see whether the books find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// None.
    Nothing,
    /// An append is answered as durable before it is made.
    AnswerEarly,
    /// The log takes appends wherever their writer thinks it ends.
    NoFence,
    /// A reign begins without its record.
    NoEpochRecord,
    /// A replay applies every event twice.
    ApplyTwice,
    /// Effects are carried out last to first.
    Backwards,
    /// An append that timed out is taken as made.
    UnknownIsDone,
    /// A snapshot leaves out what outlives the journal.
    ForgetfulSnapshot,
    /// The log is trimmed up to its end.
    TrimTooFar,
    /// Queries are answered from memory without waiting.
    DirtyReads,
    /// A replay leaves out the last record.
    ShortReplay,
    /// The number of a reign is given out again.
    EpochAgain,
    /// A leader is not told that its lease has lapsed.
    NoLease,
    /// A crash leaves a part of a record in the log.
    TornRecord,
    /// An append that found no room is taken as made.
    FullIsDone,
    /// An append after which somebody else has written is taken as made.
    ConflictIsDone,
    /// What a query is answered while the log is full is taken as settled.
    ParkedIsSettled,
    /// An answer leaves twice.
    AnswerTwice,
    /// Permits that come back together are lost.
    PermitLost,
    /// A replay draws its lots again.
    DrawAgain,
    /// A snapshot is taken of what is not durable yet.
    DirtySnapshot,
    /// The log is trimmed behind the newest snapshot, which may be lost.
    OneSnapshot,
    /// A record in the middle of the log is lost.
    LostRecord,
    /// A record of another shard stands in the log.
    ForeignRecord,
    /// A record is written with the time of long ago.
    EarlierTime,
}

/// Every bug, and the promise that it breaks.
pub const MUTANTS: [(Plant, &str); 24] = [
    (Plant::AnswerEarly, "nothing leaves before everything it depends on is durable"),
    (Plant::NoFence, "one record, only if the journal still ends where the writer thinks"),
    (Plant::NoEpochRecord, "no append of an older reign can land any more"),
    (Plant::ApplyTwice, "every event is handed on once"),
    (Plant::Backwards, "effects are released in order"),
    (Plant::UnknownIsDone, "after a restart nothing leaves any more"),
    (Plant::ForgetfulSnapshot, "a snapshot is the whole of the durable state"),
    (Plant::TrimTooFar, "the log is trimmed only behind both snapshots"),
    (Plant::DirtyReads, "an answer shows nothing that may be lost"),
    (Plant::ShortReplay, "a reign has folded everything"),
    (Plant::EpochAgain, "a reign's number that no other caller ever gets"),
    (Plant::NoLease, "what no append proves leaves only under a lease"),
    (Plant::TornRecord, "all events of a step stand in one record"),
    (Plant::FullIsDone, "while the journal is full nothing is lost"),
    (Plant::ConflictIsDone, "another reign shows by a conflict"),
    (Plant::ParkedIsSettled, "queries of a parked shard are marked as not settled"),
    (Plant::AnswerTwice, "a token is answered once"),
    (Plant::PermitLost, "permits come back when the command's effects are released"),
    (Plant::DrawAgain, "what was drawn stands in the event"),
    (Plant::DirtySnapshot, "snapshots are folded from durable records only"),
    (Plant::OneSnapshot, "a snapshot that is lost is passed over for the one before it"),
    (Plant::LostRecord, "a gap is refused"),
    (Plant::ForeignRecord, "a foreign record is refused"),
    (Plant::EarlierTime, "shard time does not go back"),
];

/// A bug that is planted around the task machine of the simulated team.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TeamPlant {
    /// None.
    Nothing,
    /// The outcome of an old attempt is taken for that of the present one.
    StaleCounts,
    /// What a task needs is not looked at.
    NeedsIgnored,
    /// An agent is believed to have room for one more.
    RoomForMore,
    /// Each attempt has an effect key of its own.
    KeyPerAttempt,
    /// The results of what a task needs do not reach its agent.
    ResultsLost,
    /// A replay gives the number of an attempt out again.
    AttemptAgain,
    /// A replay leaves out some of the outcomes.
    OutcomeForgotten,
    /// A replay takes each failure twice.
    FailedTwice,
    /// A replay leaves out what came of a task.
    ResultForgotten,
    /// A replay takes each word of a person twice.
    DecisionTwice,
    /// A replay leaves out what people said.
    DecisionForgotten,
    /// A replay leaves out that a question was handed on: its time fires twice.
    EscalationForgotten,
    /// A replay leaves out what people settled.
    QuestionReopened,
    /// A new leader does not know what is paused.
    PauseForgotten,
    /// A new leader does not know who is drained.
    DrainForgotten,
    /// A new leader does not know which breakers are open.
    BreakerForgotten,
    /// A breaker lets a trial through before its time.
    BreakerTooSoon,
    /// A breaker never lets a trial through.
    BreakerForEver,
    /// What a task declares is not looked at.
    LocksIgnored,
    /// The tokens of what a task holds do not reach its agent.
    TokensLost,
    /// A new leader does not know which locks were given.
    GrantForgotten,
}

/// Every bug of the team, and the promise that it breaks.
pub const TEAM_MUTANTS: [(TeamPlant, &str); 21] = [
    (TeamPlant::StaleCounts, "the attempt number is the fence"),
    (TeamPlant::NeedsIgnored, "a task begins only when what it depends on allows it"),
    (TeamPlant::RoomForMore, "an agent never holds more attempts than its capacity"),
    (TeamPlant::KeyPerAttempt, "agents get an effect key that is the same for all attempts"),
    (TeamPlant::ResultsLost, "an agent is given the results of what its task needs"),
    (TeamPlant::AttemptAgain, "attempts rise, whoever leads"),
    (TeamPlant::OutcomeForgotten, "a task reaches exactly one end"),
    (TeamPlant::FailedTwice, "durable state is the fold of the journal"),
    (TeamPlant::ResultForgotten, "the first outcome of the attempt is what is recorded"),
    (TeamPlant::DecisionTwice, "a decision that was acknowledged counts once"),
    (TeamPlant::DecisionForgotten, "a decision that was acknowledged is never lost"),
    (TeamPlant::EscalationForgotten, "the time of a question comes once for each circle"),
    (TeamPlant::QuestionReopened, "a settled question never changes"),
    (TeamPlant::PauseForgotten, "nothing of what is paused is given out, whoever leads"),
    (TeamPlant::DrainForgotten, "a drained agent is given nothing, whoever leads"),
    (TeamPlant::BreakerForgotten, "a breaker that is open stays open across restarts"),
    (TeamPlant::BreakerTooSoon, "a breaker that is open gets nothing before its time"),
    (TeamPlant::BreakerForEver, "a breaker lets a trial through when its time has come"),
    (TeamPlant::LocksIgnored, "a task holds all its locks before it begins"),
    (TeamPlant::TokensLost, "an agent is given the token of each lock that its attempt holds"),
    (TeamPlant::GrantForgotten, "two tasks never hold the same lock at once, whoever leads"),
];
