//! What a person or a program reads: the one module that prints.
//!
//! Data goes to the standard output, in the [`Format`] that was asked for; talk goes to the
//! standard error. A closed pipe is not an error: whoever reads has seen enough. Colour and bars
//! only on a terminal, and never with `NO_COLOR` or `CI` set.

mod console;
mod exit;
mod human;
mod log;
mod progress;
mod table;

pub use console::{Console, Format, Surroundings, is_reader_gone};
pub use exit::Exit;
pub use human::{age, counted, duration, size};
pub use log::begin_log;
pub use progress::{Progress, Running, Snapshot};
pub use table::Table;
