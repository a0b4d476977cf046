//! What the committee promises, proved.

mod bounds;
mod chances;
mod climbing;
mod composed;
mod crowds;
pub(super) mod draws;
mod families;
mod histories;
mod honest;
mod kept;
mod oracle;
mod properties;
mod records;
mod recounts;
mod rules;
mod script;
mod settled;
mod stalls;
mod stuck;
mod views;
mod voting;
