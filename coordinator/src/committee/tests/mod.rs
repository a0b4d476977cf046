//! What the committee promises, proved.

pub(super) mod draws;
mod oracle;
mod properties;
mod script;
mod settled;
mod stuck;
mod voting;
