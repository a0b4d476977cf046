//! Carries out what is asked of councils.

use std::time::Duration;

use orkestra_runtime::Error;
use serde_json::{Map, Value, json};

use super::{
    answer::{Trouble, list, told},
    desk::{Desk, WAIT_MAX, by},
    kept_namespace,
    request::councils::{CouncilWord, OfDeliberation},
};
use crate::{
    client::councils::{CouncilError, Councils},
    door::Code,
};

type Answered = Result<Map<String, Value>, Trouble>;

impl From<CouncilError> for Trouble {
    fn from(error: CouncilError) -> Self {
        Self::from(Error::from(error))
    }
}

impl Desk {
    /// Carries out one request.
    pub(super) async fn council(&self, word: CouncilWord) -> Answered {
        match word {
            CouncilWord::Create(mut council) => {
                let (councils, kept) = self.councils(Some(&council.namespace));
                council.namespace = kept;
                told(&councils.create(*council).await?)
            }
            CouncilWord::List(of) => {
                let (councils, kept) = self.councils(of.namespace.as_deref());
                list("councils", &councils.list(&kept, of.role.as_deref()).await?)
            }
            CouncilWord::Delete(of) => {
                let (councils, kept) = self.councils(of.namespace.as_deref());
                let removed = councils.delete(&kept, &of.role, of.force).await?;
                told(&json!({ "agents_removed": removed }))
            }
            CouncilWord::Register(mut registration) => {
                let (councils, kept) = self.councils(Some(&registration.namespace));
                registration.namespace = kept;
                let council_id = councils.register(*registration).await?;
                told(&json!({ "council_id": council_id }))
            }
            CouncilWord::Unregister(of) => {
                let (councils, kept) = self.councils(of.namespace.as_deref());
                councils.unregister(&kept, &of.role, of.agent_id.as_str()).await?;
                told(&json!({ "agent_id": of.agent_id }))
            }
            CouncilWord::Deliberate(mut request) => {
                let (councils, kept) = self.councils(Some(&request.namespace));
                request.namespace = kept;
                told(&councils.deliberate(*request).await?)
            }
            CouncilWord::Get(of) => self.deliberation(of).await,
            CouncilWord::Minutes(of) => {
                let (councils, kept) = self.councils(of.namespace.as_deref());
                self.deliberation_over(&councils, &kept, &of).await?;
                match councils.minutes(&kept, &of.id).await? {
                    Some(minutes) => list("minutes", &minutes),
                    None => Err(no_deliberation(&of.id)),
                }
            }
            CouncilWord::Cancel(of) => {
                let (councils, kept) = self.councils(of.namespace.as_deref());
                let by = by(of.r#as.as_ref());
                let changed = councils.cancel(&kept, &of.id, &by, of.reason.as_str()).await?;
                told(&json!({ "id": of.id, "changed": changed }))
            }
        }
    }

    /// The way to the councils of a namespace, and how that is kept.
    fn councils(&self, namespace: Option<&str>) -> (Councils, String) {
        let kept = kept_namespace(namespace).to_owned();
        (Councils::beside(&self.shards.of(&kept).tasks), kept)
    }

    async fn deliberation(&self, of: OfDeliberation) -> Answered {
        let (councils, kept) = self.councils(of.namespace.as_deref());
        self.deliberation_over(&councils, &kept, &of).await?;
        match councils.result(&kept, &of.id).await? {
            Some(found) => told(&found),
            None => Err(no_deliberation(&of.id)),
        }
    }

    /// Waits until a deliberation is over, as long as was asked for.
    async fn deliberation_over(
        &self,
        councils: &Councils,
        kept: &str,
        of: &OfDeliberation,
    ) -> Result<(), Trouble> {
        if of.wait_ms > 0 {
            let wait = Duration::from_millis(of.wait_ms).min(WAIT_MAX);
            if let Ok(over) = tokio::time::timeout(wait, councils.wait(kept, &of.id)).await {
                over?;
            }
        }
        Ok(())
    }
}

fn no_deliberation(id: &str) -> Trouble {
    let message = format!("there is no deliberation {id:?}, or it is forgotten");
    Trouble::new(Code::NotFound, message).advised("`council.list` shows which go on")
}
