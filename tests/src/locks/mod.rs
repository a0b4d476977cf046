//! Histories of those who take turns at locks, and what must hold of them.
//!
//! | part | what |
//! |---|---|
//! | [`crowd`] | clients that take, write under, give back and lose locks, and write down each call |
//! | [`table`] | what the journal says of locks, held against what it must never say |
//! | [`holder`] | a process that holds a lock and can be paused |
//! | [`tricks`] | what is done to a leader, to see what becomes of its locks |
//! | [`history`] | what the clients saw, held against what one lock at a time can do |
//!
//! Promises: an unknown result stays open to the end, and nothing of a node's memory is believed.

pub mod crowd;
pub mod history;
pub mod holder;
pub mod table;
pub mod tricks;
