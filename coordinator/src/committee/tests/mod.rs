//! What the committee promises, proved.

mod bounds;
mod climbing;
mod composed;
mod crowds;
pub(super) mod draws;
mod histories;
mod honest;
mod kept;
mod oracle;
mod properties;
mod records;
mod recounts;
mod script;
mod settled;
mod stuck;
mod voting;
