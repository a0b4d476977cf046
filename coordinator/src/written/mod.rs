//! Files that people write, and where they are wrong.
//!
//! A [`Source`] is the text of a TOML file with the place of each of its values. [`check`](fn@check)
//! holds it against a JSON Schema and finds all faults at once. [`Faults`] shows them as a compiler
//! would, or as JSON.
//!
//! Nothing here reads a file or an environment: text comes in.

mod check;
mod fault;
mod findings;
mod nearest;
mod path;
mod source;
mod units;

pub use check::check;
pub use fault::{Fault, Faults};
pub use findings::Findings;
pub use nearest::{did_you_mean, nearest};
pub use path::{Path, Step};
pub use source::Source;
pub(crate) use source::fault_at;
pub use units::{parse_bytes, parse_duration, show_bytes, show_duration};
