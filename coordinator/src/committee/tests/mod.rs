//! What the committee promises, proved.

mod climbing;
pub(super) mod draws;
mod honest;
mod oracle;
mod properties;
mod recounts;
mod script;
mod settled;
mod stuck;
mod voting;
