//! Whether all is well: checks before and after each attempt, and of the whole folder.
//!
//! | file | what |
//! |---|---|
//! | `record.rs` | the record checks of an attempt, as functions of facts |
//!
//! The file checks of an attempt are made by its agent's worker (`orkestra_agents`).

pub mod record;
