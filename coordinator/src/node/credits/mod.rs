//! Who may give an agent how much: its capacity, shared by all shards of a cluster.
//!
//! An agent can hold so many attempts at once, and any shard may have work for it. Each shard is
//! led somewhere, words between nodes may be lost, doubled, delayed and overtaken, and still the
//! worker must never be given more than it can hold, nobody may wait for ever, and one busy shard
//! must not ask for each task. So capacity is lent out as **credits**: a
//! [`Granted`](orkestra_runtime::protocol::agent::FromAgent::Granted) says how many attempts its
//! shard may have outstanding, until a term ends. [`CreditMachine`] stands before the worker, on
//! its node: it hears what shards want, sees what they give out and what ends, and decides;
//! [`Counter`] puts that into words.
//!
//! | promise | by what |
//! |---|---|
//! | what all shards together have outstanding or may still give out is at most the capacity | a grant counts until its shard confirmed a later one or its term is over, by the clock of this node alone; the shard counts the same term from before it asked |
//! | what comes late, after its grant was over, takes no room from others | it is handed back unless there is room |
//! | whoever wants is granted something in bounded time | shares are equal as far as wishes go; where there are more shards than capacity, each keeps its turn for a slice and then makes room for who has waited longest |
//! | what is not used flows back | a shard says how much it could use, and wants nothing any more when it is idle; one that is silent for a term holds nothing |
//! | one busy shard costs no message a task | alone it is granted everything at once; it renews a few times a term |
//!
//! | fault | what becomes of it |
//! |---|---|
//! | a wish is lost | it is said again after a quarter of the term |
//! | a grant is lost | the next wish is answered with a new one; what was lost counts until its term is over |
//! | either is doubled or overtaken | numbers rise: the old one is ignored |
//! | the leader of a shard changes | the new one is granted credits of its own; those of the old one share the same claim and are void when their term is over |
//! | the worker begins another life | so does its machine, without claims; shards drop their credits when they hear of it |

mod account;
mod counter;
mod machine;
mod share;
#[cfg(test)]
mod tests;
mod words;

pub use counter::{Counter, Said};
pub use machine::CreditMachine;
pub use words::{AttemptKey, CreditSettings, Effect, Event, Grant, Leader, Want};
