//! One suite for all providers, against a server that speaks their formats.

mod answers;
mod team;
mod troubles;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use orkestra_runtime::{Error, ErrorKind, Result, time::SystemClock};

use super::{
    Answer, CallLimits, ChatRequest, Credential, HttpModel, HttpSpec, Model as _, ModelError,
    Piece, Provider, Structured, Traits, testing::ProviderServer,
};
use crate::secret::{Secret, Secrets};

/// Secrets that a test knows.
#[derive(Clone, Debug, Default)]
struct Known(BTreeMap<String, Secret>);

impl Secrets for Known {
    fn secret(&self, name: &str) -> Result<Secret> {
        let missing = || Error::new(ErrorKind::NotFound, format!("${name} is not set"));
        self.0.get(name).cloned().ok_or_else(missing)
    }
}

/// Limits that a test does not wait for.
fn brisk() -> CallLimits {
    let (total, idle) = (Duration::from_secs(20), Duration::from_secs(10));
    CallLimits { total, idle, ..CallLimits::default() }
}

fn spec(server: &ProviderServer, provider: Provider) -> HttpSpec {
    let secrets = Known(BTreeMap::from([("A_KEY".into(), Secret::new(server.key()))]));
    HttpSpec {
        provider,
        model: "the-model".into(),
        base_url: Some(server.url()),
        credential: Some(Credential { secrets: Arc::new(secrets), name: "A_KEY".into() }),
        traits: Traits::usual(provider),
        limits: brisk(),
    }
}

fn model(spec: HttpSpec) -> HttpModel {
    HttpModel::new(spec, SystemClock::start()).unwrap()
}

async fn stage(provider: Provider) -> (ProviderServer, HttpModel) {
    let server = ProviderServer::start(provider).await.unwrap();
    let model = model(spec(&server, provider));
    (server, model)
}

/// How an answer may come.
const WAYS: [bool; 2] = [false, true];

/// Asks, whole or in pieces; with the text as it was heard.
async fn ask(
    model: &HttpModel,
    request: &ChatRequest,
    is_streamed: bool,
) -> Result<(Answer, String), ModelError> {
    let mut heard = String::new();
    let mut hear = |piece: Piece<'_>| match piece {
        Piece::Text(text) => heard.push_str(text),
        Piece::Calling(tool) => heard.extend(["<", tool, ">"]),
    };
    let answer = model.chat(request, is_streamed.then_some(&mut hear)).await?;
    Ok((answer, heard))
}

/// A provider in each way that it can be asked for an answer of a given form.
fn structured() -> Vec<(Provider, Traits)> {
    let usual = Provider::ALL.map(|provider| (provider, Traits::usual(provider)));
    let other = |structured| Traits { structured, takes_temperature: true };
    let native = (Provider::Anthropic, other(Structured::Native));
    let in_words = Provider::ALL.map(|provider| (provider, other(Structured::Prompt)));
    usual.into_iter().chain([native]).chain(in_words).collect()
}
