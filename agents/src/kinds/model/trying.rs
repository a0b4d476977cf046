//! One attempt's calls: in turn, again where that may help, and each accounted for.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

use orkestra_runtime::chance::Chance;

use super::spec::ModelSpec;
use crate::{
    agent::Work,
    context::Context,
    models::{Answer, Called, ChatRequest, Cost, ModelError, Piece, Sort, Spent, Usage},
};

/// Before the second try, at most; doubled before each one that follows.
const WAIT_BASE: Duration = Duration::from_secs(1);
/// How often an attempt that waits says that it lives.
const SIGN_EVERY: Duration = Duration::from_secs(1);

/// What the calls of an attempt took so far; none: of at least one it is unknown.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) calls: u32,
    pub(super) usage: Option<Usage>,
    pub(super) cost: Option<Cost>,
}

/// One attempt's calls.
pub(super) struct Attempt<'a> {
    spec: &'a ModelSpec,
    context: &'a Context,
    by: String,
    chance: Chance,
    account: Account,
    /// Whether any call's cost is unknown for good.
    is_unpriced: bool,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(spec: &'a ModelSpec, work: &Work, context: &'a Context) -> Self {
        let by = format!("{}/{}/{}", work.run, work.id, work.attempt);
        let mut hasher = DefaultHasher::new();
        (context.effect_key(), &by).hash(&mut hasher);
        let chance = Chance::from_seed(hasher.finish());
        let account = Account { calls: 0, usage: Some(Usage::default()), cost: None };
        Self { spec, context, by, chance, account, is_unpriced: false }
    }

    pub(super) const fn account(&self) -> &Account {
        &self.account
    }

    /// Asks, and again where that may help.
    pub(super) async fn ask(&mut self, request: &ChatRequest) -> Result<Answer, ModelError> {
        let mut tries = 1;
        loop {
            let error = match self.call(request).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let Sort::Retry { after } = error.sort else { return Err(error) };
            if let Some(after) = after {
                // For everybody who uses the same key.
                self.spec.pace.pause(after);
            }
            let most = WAIT_BASE.saturating_mul(1 << (tries - 1).min(16)).min(self.spec.wait_max);
            let wait = after.unwrap_or_else(|| self.chance.up_to(most));
            if tries >= self.spec.tries || wait > self.spec.wait_max {
                return Err(error);
            }
            let (model, asked) = (self.spec.model.name(), tries);
            tracing::debug!(model, asked, ?wait, %error, "a model is asked again");
            self.living(tokio::time::sleep(wait)).await;
            tries += 1;
        }
    }

    /// One call, in its turn.
    async fn call(&mut self, request: &ChatRequest) -> Result<Answer, ModelError> {
        self.living(self.spec.pace.turn()).await;
        let began = self.spec.clock.now().moment;
        let context = self.context;
        let mut hear = |_: Piece<'_>| context.heartbeat();
        let ended = self.spec.model.chat(request, Some(&mut hear)).await;
        let now = self.spec.clock.now();
        let (spent, cost) = Called::account(&ended, self.spec.price.as_ref());
        self.count(spent, cost.clone());
        let called = Called {
            by: self.by.clone(),
            model: self.spec.model.name().to_owned(),
            provider: self.spec.model.provider().to_owned(),
            at: now.wall,
            took: now.moment.since(began),
            spent,
            cost,
            ended: match &ended {
                Ok(answer) => answer.stop.as_str(),
                Err(error) => error.sort.as_str(),
            },
            success: ended.is_ok(),
        };
        self.tell(&called);
        ended
    }

    fn count(&mut self, spent: Spent, cost: Option<Cost>) {
        self.account.calls += 1;
        match spent {
            Spent::Nothing => return,
            Spent::Unknown => self.account.usage = None,
            Spent::Known(usage) => self.account.usage = self.account.usage.map(|sum| sum + usage),
        }
        self.is_unpriced |= cost.is_none();
        let so_far = self.account.cost.take();
        self.account.cost = match (so_far, cost) {
            _ if self.is_unpriced => None,
            (Some(mut sum), Some(cost)) => {
                sum.picos = sum.picos.saturating_add(cost.picos);
                Some(sum)
            }
            (None, cost) => cost,
            (sum, None) => sum,
        };
    }

    /// Says what a call took to ledgers, to people who watch the task, and to the log.
    fn tell(&self, called: &Called) {
        for ledger in &self.spec.ledgers {
            ledger.called(called);
        }
        let tokens = match called.spent {
            Spent::Nothing => "no tokens".to_owned(),
            Spent::Unknown => "an unknown number of tokens".to_owned(),
            Spent::Known(usage) => {
                let Usage { input, cached_input, output } = usage;
                format!("{input} + {cached_input} cached tokens in, {output} out")
            }
        };
        let cost =
            called.cost.as_ref().map_or_else(|| "price unknown".to_owned(), ToString::to_string);
        let percent = if called.success { 90 } else { 10 };
        self.context.progress(percent, format!("{}: {tokens}, {cost}", called.model));
        let Called { model, provider, took, ended, .. } = called;
        tracing::debug!(model, provider, ?took, ended, tokens, cost, "a model was asked");
    }

    /// Waits for something, with signs of life.
    async fn living(&self, what: impl Future<Output = ()>) {
        let mut what = std::pin::pin!(what);
        loop {
            self.context.heartbeat();
            tokio::select! {
                biased;
                () = &mut what => return,
                () = tokio::time::sleep(SIGN_EVERY) => {}
            }
        }
    }
}
