//! The floor of Orkestra: words, minds and hands.
//!
//! Three floors, arrows pointing down only (a test in `tests/` enforces them):
//!
//! - **words**: [`id`], [`time`], [`chance`], [`limits`], [`error`], [`wire`], [`record`], [`protocol`].
//! - **minds**: [`machine`], [`backoff`], [`restart`], `supervise::machine`. Pure: time, chance and
//!   input come in, effects go out.
//! - **hands**: [`shell`], [`supervise`], [`fabric`], [`names`], [`journal`], [`leadership`],
//!   [`presence`], [`directory`], [`patience`].
//!
//! Nothing here is global: a node owns its clock, its fabric and its chance, and ten nodes live in
//! one test process.

pub mod address;
pub mod backoff;
pub mod chance;
pub mod directory;
pub mod duty;
pub mod error;
pub mod fabric;
pub mod id;
pub mod journal;
pub mod leadership;
pub mod limits;
pub mod machine;
pub mod names;
pub mod patience;
pub mod presence;
pub mod protocol;
pub mod record;
pub mod restart;
pub mod shell;
pub mod supervise;
pub mod time;
pub mod wire;

pub use error::{Error, ErrorKind, Result};
