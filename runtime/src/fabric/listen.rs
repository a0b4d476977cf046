//! Listening, however long it takes until servers answer.

use std::sync::Arc;

use super::{Messages, Pattern, Subscription};
use crate::{error::Result, patience::patiently};

/// Listens as [`Messages::subscribe`] does, and waits while servers are away or silent. An error says
/// that it can never work.
///
/// Whoever is supervised listens this way: what is wrong with the servers must not use up the
/// restarts that a supervisor bears.
pub async fn listen(
    messages: &Arc<dyn Messages>,
    pattern: &Pattern,
    queue: Option<&str>,
    capacity: usize,
) -> Result<Subscription> {
    let what = format!("listen to {}", pattern.as_str());
    patiently(&what, || messages.subscribe(pattern, queue, capacity)).await
}
