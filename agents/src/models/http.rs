//! Models that are asked over HTTP.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use orkestra_runtime::{Error, ErrorKind, Result, time::Clock};
use reqwest::{
    Client, Response, StatusCode, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};
use serde_json::Value;

use super::{
    address::{base_url, check_name, is_here},
    assembly::{Assembly, Hear},
    body::{failed, is_stream, read, silent, too_large},
    error::{ModelError, Sort, Spent},
    model::{Credential, Model},
    prices::Traits,
    provider::Provider,
    retry_after::retry_after,
    sse::{Events, Spoiled},
    wire::{self, Asked, Heard, Wire},
    words::{Answer, ChatRequest},
};
use crate::{redaction::Redaction, secret::Secret};

/// How long the end of a stream is waited for after its last word.
const AFTER_THE_END: Duration = Duration::from_millis(50);

/// How long a call may take, and how much may come of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallLimits {
    /// From the first byte to the last.
    pub total: Duration,
    /// The longest silence within an answer, and before one that comes in pieces.
    pub idle: Duration,
    /// Until there is a connection.
    pub connect: Duration,
    /// The largest answer, as it travels, in bytes.
    pub body_bytes_max: usize,
    /// The largest piece of one, in bytes.
    pub piece_bytes_max: usize,
    /// How much is read of an error, in bytes.
    pub error_bytes_max: usize,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            total: Duration::from_mins(1),
            idle: Duration::from_secs(30),
            connect: Duration::from_secs(10),
            body_bytes_max: 16 * 1024 * 1024,
            piece_bytes_max: 8 * 1024 * 1024,
            error_bytes_max: 64 * 1024,
        }
    }
}

/// Which model, where, and how it is asked.
#[derive(Clone, Debug)]
pub struct HttpSpec {
    /// Who offers it.
    pub provider: Provider,
    /// How its provider calls it.
    pub model: String,
    /// Where the provider is found; none: where it always is.
    pub base_url: Option<String>,
    /// Its key; none for a server that asks for none.
    pub credential: Option<Credential>,
    /// What is known of the model.
    pub traits: Traits,
    /// How long a call may take, and how much may come of it.
    pub limits: CallLimits,
}

/// A model that is asked over HTTP, in the format that its provider documents.
///
/// Redirects are not followed, so that a key never goes where nobody meant it to go. Nothing is
/// tried again here.
#[derive(Debug)]
pub struct HttpModel {
    spec: HttpSpec,
    base: Url,
    wire: Box<dyn Wire>,
    client: Client,
    clock: Arc<dyn Clock>,
}

impl HttpModel {
    /// Checks a spec; an error of kind `Invalid` says what is wrong with it.
    pub fn new(spec: HttpSpec, clock: Arc<dyn Clock>) -> Result<Self> {
        let base = base_url(spec.provider, spec.base_url.as_deref())?;
        check_name(&spec.model)?;
        let mut client = Client::builder()
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(spec.limits.connect)
            .user_agent(concat!("orkestra/", env!("CARGO_PKG_VERSION")));
        if is_here(&base) {
            // A server on this machine is not behind a proxy.
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| {
            Error::new(ErrorKind::Io, "cannot prepare calls over HTTP").because(error)
        })?;
        Ok(Self { wire: wire::wire(spec.provider), base, spec, client, clock })
    }

    async fn call(
        &self,
        request: &ChatRequest,
        mut hear: Option<Hear<'_>>,
    ) -> Result<Answer, ModelError> {
        let key =
            self.secret().map_err(|error| ModelError::new(Sort::NoAccess, error.to_string()))?;
        let is_streamed = hear.is_some();
        let Self { spec: HttpSpec { model, traits, limits, .. }, .. } = self;
        let asked = Asked { model, traits: *traits, request, is_streamed };
        let in_words = self.wire.is_told_in_words(&asked).then(|| in_words(request)).flatten();
        let asked = Asked { request: in_words.as_ref().unwrap_or(request), ..asked };
        let url = format!("{}{}", self.base.as_str().trim_end_matches('/'), self.wire.path(&asked));
        let body = serde_json::to_vec(&self.wire.body(&asked)).map_err(|error| {
            ModelError::new(Sort::FixTheRequest, format!("the question cannot be written: {error}"))
        })?;
        let sent = self.client.post(url).headers(self.headers(key.as_ref())?).body(body).send();
        let response = if is_streamed {
            let begun = tokio::time::timeout(limits.idle, sent).await;
            begun.map_err(|_| silent(limits.idle))?
        } else {
            sent.await
        };
        let response = response.map_err(|error| failed(&error))?;
        if response.status() != StatusCode::OK {
            return Err(self.refused(response).await);
        }
        let assembly = if is_streamed && is_stream(&response) {
            self.pieces(response, &asked, &mut hear).await?
        } else {
            self.whole(response, &asked).await?
        };
        assembly.finish()
    }

    fn headers(&self, key: Option<&Secret>) -> Result<HeaderMap, ModelError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in self.wire.headers() {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        if let Some(key) = key {
            let (name, value) = self.wire.key(key.reveal());
            let mut value = HeaderValue::from_str(&value).map_err(|_| {
                let why = "the key holds characters that no key has: a line break, perhaps";
                ModelError::new(Sort::NoAccess, why)
            })?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static(name), value);
        }
        Ok(headers)
    }

    async fn whole(&self, response: Response, asked: &Asked<'_>) -> Result<Assembly, ModelError> {
        let limits = &self.spec.limits;
        let body = read(response, limits.body_bytes_max, limits.idle).await?;
        // serde_json does not read deeper than 127.
        let whole: Value = serde_json::from_slice(&body).map_err(|error| {
            ModelError::spoiled(format!("what came is no answer but something else: {error}"))
        })?;
        if whole.get("error").is_some_and(|error| !error.is_null()) {
            let refusal = self.wire.refusal(500, &whole);
            return Err(wire::broken_off(refusal));
        }
        self.wire.read(&whole, asked)
    }

    async fn pieces(
        &self,
        mut response: Response,
        asked: &Asked<'_>,
        hear: &mut Option<Hear<'_>>,
    ) -> Result<Assembly, ModelError> {
        let limits = &self.spec.limits;
        let mut reader = self.wire.reader(asked);
        let (mut events, mut whole) = (Events::new(limits.piece_bytes_max), Vec::new());
        let mut bytes = 0_usize;
        'stream: loop {
            let next = tokio::time::timeout(limits.idle, response.chunk()).await;
            let next = next.map_err(|_| silent(limits.idle))?;
            let Some(chunk) = next.map_err(|error| failed(&error))? else { break };
            bytes = bytes.saturating_add(chunk.len());
            if bytes > limits.body_bytes_max {
                return Err(too_large(limits.body_bytes_max));
            }
            events.feed(&chunk, &mut whole).map_err(|why| match why {
                Spoiled::TooLarge => too_large(limits.piece_bytes_max),
                Spoiled::NotText => ModelError::spoiled("a piece of the answer is not text"),
            })?;
            for event in whole.drain(..) {
                match reader.event(&event, hear)? {
                    Heard::More => {}
                    Heard::Whole => {
                        // Whoever hears the end out may use the connection again.
                        let _ = tokio::time::timeout(AFTER_THE_END, response.chunk()).await;
                        break 'stream;
                    }
                }
            }
        }
        Ok(reader.assembly())
    }

    /// What an answer that is no success means.
    async fn refused(&self, response: Response) -> ModelError {
        let status = response.status();
        let limits = &self.spec.limits;
        let after = retry_after(response.headers(), self.clock.now().wall);
        if status.is_redirection() {
            let why = format!(
                "the server sends us elsewhere (status {}), which is not followed, so that no key goes \
                 astray: set the base URL to where it really is",
                status.as_u16()
            );
            return ModelError::new(Sort::FixTheRequest, why);
        }
        // An error whose words are missing is still an error.
        let body = read(response, limits.error_bytes_max, limits.idle).await.unwrap_or_default();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let refusal = self.wire.refusal(status.as_u16(), &body);
        let sort = match refusal.sort {
            Sort::Retry { after: told } => Sort::Retry { after: after.or(told) },
            sort @ (Sort::FixTheRequest | Sort::NoAccess | Sort::Refused | Sort::TooLong) => sort,
        };
        // Some show the key, or most of it, when they do not know it.
        let said = if status == StatusCode::UNAUTHORIZED { "" } else { refusal.said.as_str() };
        let mut why = format!("status {}", status.as_u16());
        if !said.is_empty() {
            why.push_str(": ");
            why.push_str(said);
        }
        if sort == Sort::NoAccess
            && let Some(credential) = &self.spec.credential
        {
            why.push_str("; check the key ");
            why.push_str(&credential.name);
        }
        let spent = if status.is_server_error() { Spent::Unknown } else { Spent::Nothing };
        let error = ModelError::new(sort, why).having_spent(spent);
        ModelError { status: Some(status.as_u16()), ..error }
    }
}

impl Model for HttpModel {
    fn name(&self) -> &str {
        &self.spec.model
    }

    fn provider(&self) -> &str {
        self.spec.provider.as_str()
    }

    fn chat<'a>(
        &'a self,
        request: &'a ChatRequest,
        hear: Option<Hear<'a>>,
    ) -> BoxFuture<'a, Result<Answer, ModelError>> {
        Box::pin(async move {
            let total = self.spec.limits.total;
            let ended = tokio::time::timeout(total, self.call(request, hear)).await;
            let ended = ended.unwrap_or_else(|_| {
                Err(ModelError::spoiled(format!("there is no whole answer after {total:?}")))
            });
            ended.map_err(|mut error| {
                let (model, provider) = (&self.spec.model, self.spec.provider);
                let why = format!("{provider} did not answer as {model}: {}", error.message);
                let mut redaction = Redaction::default();
                if let Ok(Some(key)) = self.secret() {
                    redaction.add_secret(&key);
                }
                error.message = redaction.clean(&why).into_owned();
                error
            })
        })
    }

    fn secret(&self) -> Result<Option<Secret>> {
        match &self.spec.credential {
            Some(credential) => credential.read().map(Some),
            None if self.spec.provider.needs_key() => {
                let why = format!("{} answers nobody without a key", self.spec.provider);
                Err(Error::new(ErrorKind::NotFound, why))
            }
            None => Ok(None),
        }
    }
}

/// The same question with the form of its answer told in words; none where it has none.
fn in_words(request: &ChatRequest) -> Option<ChatRequest> {
    let schema = &request.answer.as_ref()?.schema;
    let told =
        format!("Answer with JSON alone, without a fence, that fits this JSON Schema:\n{schema}");
    let system = request
        .system
        .as_ref()
        .map_or_else(|| told.clone(), |system| format!("{system}\n\n{told}"));
    Some(ChatRequest { system: Some(system), ..request.clone() })
}
