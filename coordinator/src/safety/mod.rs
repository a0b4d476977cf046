//! Whether all is well: checks before and after each attempt, and of the whole folder.
//!
//! | file | what |
//! |---|---|
//! | `doctor/` | what is wrong with a folder, a machine, a team, and what to do |
//! | `heal.rs` | repairs, in a fixed order |
//! | `record.rs` | the record checks of an attempt, as functions of facts |
//! | `remedy.rs` | what was done about failures, and how well it worked |
//!
//! The file checks of an attempt are made by its agent's worker (`orkestra_agents`).

pub mod doctor;
pub mod heal;
pub mod record;
pub mod remedy;
