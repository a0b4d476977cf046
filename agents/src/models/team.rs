//! Models by name: asked one at a time or all at once, for whoever is not a task.
//!
//! Nothing here fails: what went wrong stands in the [`Response`].

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::future::join_all;
use orkestra_runtime::{
    Result,
    protocol::agent::Availability,
    time::{Clock, Wall},
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    error::{ModelError, Sort, Spent},
    model::Model,
    pace::Pace,
    prices::{Price, Table},
    settings::{ModelSettings, STANDARD, TIMEOUT, Variables},
    statistics::{Called, Counted, Ledger as _, Statistics},
    words::{Answer, ChatRequest, Usage},
};

/// How long a probe may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);
/// The most that a probe has answered, in tokens; some models do not take less.
const PROBE_TOKENS: u32 = 16;

/// One model, and how it is asked.
#[derive(Clone, Debug)]
pub struct Member {
    /// The model.
    pub model: Arc<dyn Model>,
    /// How freely it chooses its words, where a question does not say.
    pub temperature: Option<f64>,
    /// The most that it answers, where a question does not say.
    pub max_tokens: Option<u32>,
    /// How long a call may take, its turn not counted.
    pub timeout: Duration,
    /// How fast its key is used.
    pub pace: Pace,
    /// What it costs; none: unknown.
    pub price: Option<Price>,
}

impl Member {
    /// A model without a limit of its pace.
    pub fn new(model: Arc<dyn Model>, clock: Arc<dyn Clock>) -> Self {
        let pace = Pace::per_minute(0, clock);
        Self { model, temperature: None, max_tokens: None, timeout: TIMEOUT, pace, price: None }
    }

    /// A model as its settings say it.
    pub fn of_settings(
        settings: &ModelSettings,
        table: &Table,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self> {
        Ok(Self {
            model: Arc::new(settings.model(table, Arc::clone(clock))?),
            temperature: Some(settings.temperature),
            max_tokens: Some(settings.max_tokens),
            timeout: settings.timeout,
            pace: Pace::per_minute(settings.per_minute, Arc::clone(clock)),
            price: table.of(settings.provider, &settings.model).price,
        })
    }
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Response {
    /// Who was asked.
    pub agent_name: String,
    /// What it answered; empty where it did not.
    pub content: String,
    /// When.
    pub timestamp: Wall,
    /// Which model answered, or was to.
    pub model: String,
    /// How many tokens it took; none: unknown.
    pub tokens_used: Option<u64>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Whether there is an answer.
    pub success: bool,
    /// Why there is none.
    pub error: Option<String>,
    /// The rest: `usage`, `cost`, `stop`, `calls`, or the `sort` of the error.
    pub metadata: Map<String, Value>,
}

/// What a probe found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Probe {
    /// It answers.
    Healthy,
    /// Its key is missing.
    Unconfigured {
        /// What is missing.
        reason: String,
    },
    /// It was asked too often.
    RateLimited {
        /// What it says.
        reason: String,
    },
    /// Its key is refused.
    AuthFailed {
        /// What it says.
        reason: String,
    },
    /// Anything else.
    Error {
        /// What it says.
        reason: String,
    },
}

/// Models by name.
#[derive(Debug)]
pub struct Team {
    members: BTreeMap<String, (Member, Statistics)>,
    absent: BTreeMap<String, String>,
    clock: Arc<dyn Clock>,
}

impl Team {
    /// Nobody yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { members: BTreeMap::new(), absent: BTreeMap::new(), clock }
    }

    /// Those of the five whose key is set. A setting that is nonsense is an error.
    pub fn standard(
        table: &Table,
        variables: Variables<'_>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self> {
        let mut team = Self::new(Arc::clone(clock));
        for standard in &STANDARD {
            let settings = ModelSettings::standard(standard, variables)?;
            let member = Member::of_settings(&settings, table, clock)?;
            team.add(standard.name, member);
        }
        Ok(team)
    }

    /// Takes a model in, if it can be asked at all; otherwise it counts as absent.
    pub fn add(&mut self, name: impl Into<String>, member: Member) {
        match member.model.availability() {
            Availability::Available => {
                self.members.insert(name.into(), (member, Statistics::default()));
            }
            Availability::Unavailable { reason } => {
                self.absent.insert(name.into(), reason);
            }
        }
    }

    /// Who can be asked.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }

    /// Who cannot be asked, and why.
    pub const fn absent(&self) -> &BTreeMap<String, String> {
        &self.absent
    }

    /// Asks one of them, in its turn. A name that nobody has is a failed response.
    pub async fn call(&self, name: &str, request: &ChatRequest) -> Response {
        let Some((member, statistics)) = self.members.get(name) else {
            let missing = || format!("nobody is called {name:?}");
            let why = self.absent.get(name).cloned().unwrap_or_else(missing);
            let error = ModelError::new(Sort::FixTheRequest, why);
            return self.response(name, "", Duration::ZERO, (Err(error), None));
        };
        member.pace.turn().await;
        let mut request = request.clone();
        request.temperature = request.temperature.or(member.temperature);
        request.max_tokens = request.max_tokens.or(member.max_tokens);
        let began = self.clock.now().moment;
        let ended = ask(member, &request, member.timeout).await;
        if let Err(ModelError { sort: Sort::Retry { after: Some(after) }, .. }) = &ended {
            member.pace.pause(*after);
        }
        let now = self.clock.now();
        let took = now.moment.since(began);
        let (spent, cost) = Called::account(&ended, member.price.as_ref());
        let called = Called {
            by: name.to_owned(),
            model: member.model.name().to_owned(),
            provider: member.model.provider().to_owned(),
            at: now.wall,
            took,
            spent,
            cost: cost.clone(),
            ended: ended.as_ref().map_or_else(|error| error.sort.as_str(), |it| it.stop.as_str()),
            success: ended.is_ok(),
        };
        statistics.called(&called);
        let cost = cost.map(|cost| cost.to_string());
        self.response(name, member.model.name(), took, (ended, cost))
    }

    /// Asks all of them at once; in the order of their names.
    pub async fn call_all(&self, request: &ChatRequest) -> Vec<Response> {
        join_all(self.members.keys().map(|name| self.call(name, request))).await
    }

    /// What was counted of each.
    pub fn statistics(&self) -> BTreeMap<&str, Counted> {
        let counted = self.members.iter();
        counted.map(|(name, (_, statistics))| (name.as_str(), statistics.counted())).collect()
    }

    /// Asks each of them something small, all at once, and says what came of it; of those who cannot
    /// be asked, what is missing. It is a real call, and is paid for.
    pub async fn probe(&self) -> BTreeMap<String, Probe> {
        let request =
            ChatRequest { max_tokens: Some(PROBE_TOKENS), ..ChatRequest::asking("Say yes.") };
        let asked = self.members.iter().map(|(name, (member, _))| async {
            let ended = ask(member, &request, PROBE_TIMEOUT).await;
            (name.clone(), probed(ended))
        });
        let found = join_all(asked).await;
        let absent = self
            .absent
            .iter()
            .map(|(name, reason)| (name.clone(), Probe::Unconfigured { reason: reason.clone() }));
        found.into_iter().chain(absent).collect()
    }

    fn response(
        &self,
        name: &str,
        model: &str,
        took: Duration,
        (ended, cost): (Result<Answer, ModelError>, Option<String>),
    ) -> Response {
        let (spent, _) = Called::account(&ended, None);
        let (tokens_used, usage) = match spent {
            Spent::Nothing => (Some(0), Some(Usage::default())),
            Spent::Unknown => (None, None),
            Spent::Known(usage) => (Some(usage.total()), Some(usage)),
        };
        let mut metadata = Map::new();
        metadata.insert("usage".into(), json!(usage));
        metadata.insert("cost".into(), json!(cost));
        let mut response = Response {
            agent_name: name.to_owned(),
            content: String::new(),
            timestamp: self.clock.now().wall,
            model: model.to_owned(),
            tokens_used,
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            success: ended.is_ok(),
            error: None,
            metadata,
        };
        match ended {
            Ok(answer) => {
                response.metadata.insert("stop".into(), json!(answer.stop));
                response.metadata.insert("calls".into(), json!(answer.calls));
                response.model = answer.model.unwrap_or(response.model);
                response.content = answer.text;
            }
            Err(error) => {
                response.metadata.insert("sort".into(), json!(error.sort.as_str()));
                response.error = Some(error.message);
            }
        }
        response
    }
}

async fn ask(
    member: &Member,
    request: &ChatRequest,
    timeout: Duration,
) -> Result<Answer, ModelError> {
    let ended = tokio::time::timeout(timeout, member.model.chat(request, None)).await;
    ended.unwrap_or_else(|_| {
        let why = format!("{} did not answer within {timeout:?}", member.model.name());
        Err(ModelError::spoiled(why))
    })
}

fn probed(ended: Result<Answer, ModelError>) -> Probe {
    let Err(ModelError { sort, message: reason, status, .. }) = ended else {
        return Probe::Healthy;
    };
    match sort {
        Sort::Retry { .. } if status == Some(429) => Probe::RateLimited { reason },
        Sort::NoAccess => Probe::AuthFailed { reason },
        Sort::Retry { .. } | Sort::FixTheRequest | Sort::Refused | Sort::TooLong => {
            Probe::Error { reason }
        }
    }
}
