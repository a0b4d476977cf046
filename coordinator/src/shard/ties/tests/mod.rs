//! Stories about tasks that hold locks, and tasks that are votes.

mod ends;
mod rounds;
mod script;
mod votes;
mod waits;
