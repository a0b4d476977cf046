//! What the committee promises, proved.

pub(super) mod draws;
mod oracle;
mod properties;
mod settled;
mod stuck;
