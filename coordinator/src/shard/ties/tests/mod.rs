//! Stories about tasks that hold locks.

mod ends;
mod script;
mod waits;
