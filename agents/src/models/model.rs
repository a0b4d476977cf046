//! The trait that every model is: a provider's, a scripted one, a recorded one.

use std::{fmt, sync::Arc};

use futures::future::BoxFuture;
use orkestra_runtime::{Result, protocol::agent::Availability};

use super::{
    assembly::Hear,
    error::ModelError,
    words::{Answer, ChatRequest},
};
use crate::secret::{Secret, Secrets};

/// A model that can be asked.
pub trait Model: Send + Sync + fmt::Debug + 'static {
    /// How reports call it: the name it is asked for by.
    fn name(&self) -> &str;

    /// Who offers it, as reports spell it.
    fn provider(&self) -> &str;

    /// Asks it once. With somebody to hear, the answer comes in pieces as well; what is answered in
    /// the end is the same. Dropping the future ends the call: its connection is closed.
    fn chat<'a>(
        &'a self,
        request: &'a ChatRequest,
        hear: Option<Hear<'a>>,
    ) -> BoxFuture<'a, Result<Answer, ModelError>>;

    /// The key that it is asked with, so that it can be taken out of whatever is said; none where it
    /// needs none. The error says what is missing.
    fn secret(&self) -> Result<Option<Secret>> {
        Ok(None)
    }

    /// Whether it can be asked at all. Without its key it cannot, and says so.
    fn availability(&self) -> Availability {
        match self.secret() {
            Ok(_) => Availability::Available,
            Err(error) => Availability::Unavailable { reason: error.to_string() },
        }
    }
}

/// A key, by the name that its value is read by at each call.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Where values come from.
    pub secrets: Arc<dyn Secrets>,
    /// Which one.
    pub name: String,
}

impl Credential {
    /// Reads it.
    pub fn read(&self) -> Result<Secret> {
        self.secrets.secret(&self.name)
    }
}
