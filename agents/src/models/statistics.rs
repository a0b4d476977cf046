//! What came of calls: told to whoever keeps account, counted for people.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use orkestra_runtime::time::Wall;
use serde::Serialize;

use super::{
    error::{ModelError, Spent},
    prices::{Cost, Price},
    words::{Answer, Usage},
};

/// One call of a model that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Called {
    /// For whom: a run, a task and an attempt, or what a person called it.
    pub by: String,
    /// The model, by the name it was asked for by.
    pub model: String,
    /// Who offers it.
    pub provider: String,
    /// When it ended.
    pub at: Wall,
    /// How long it took.
    pub took: Duration,
    /// What it took of tokens.
    pub spent: Spent,
    /// What it cost; none where the usage or the price is unknown.
    pub cost: Option<Cost>,
    /// The name of why it ended: a [`Stop`](super::Stop), or a [`Sort`](super::Sort) when it failed.
    pub ended: &'static str,
    /// Whether there was an answer.
    pub success: bool,
}

impl Called {
    /// What was taken and what it cost, of a call that ended like this.
    pub fn account(
        ended: &Result<Answer, ModelError>,
        price: Option<&Price>,
    ) -> (Spent, Option<Cost>) {
        let spent = match ended {
            Ok(Answer { usage, .. }) => usage.map_or(Spent::Unknown, Spent::Known),
            Err(error) => error.spent,
        };
        let cost = match spent {
            Spent::Known(usage) => price.and_then(|price| price.of(usage)),
            Spent::Nothing | Spent::Unknown => None,
        };
        (spent, cost)
    }
}

/// Who keeps account of calls. It is told of each exactly once, also of those that failed; not of
/// one whose future was dropped.
pub trait Ledger: Send + Sync + fmt::Debug + 'static {
    /// A call has ended. Must not wait.
    fn called(&self, call: &Called);
}

/// What is counted of an agent's calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// How many there were.
    pub call_count: u64,
    /// How many of them had no answer.
    pub failures: u64,
    /// When the last one ended.
    pub last_call: Option<Wall>,
    /// What they took, as far as it is known.
    pub usage: Usage,
    /// Of how many it is unknown what they took.
    pub uncounted: u64,
    /// What they cost in millionths of a millionth of each currency, as far as it is known.
    pub cost_picos: std::collections::BTreeMap<String, u64>,
    /// Of how many that took something it is unknown what they cost.
    pub unpriced: u64,
}

/// Counts calls.
#[derive(Debug, Default)]
pub struct Statistics(Mutex<Counted>);

impl Statistics {
    /// What was counted so far.
    pub fn counted(&self) -> Counted {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Ledger for Statistics {
    fn called(&self, call: &Called) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counted.call_count += 1;
        counted.failures += u64::from(!call.success);
        counted.last_call = Some(call.at);
        match call.spent {
            Spent::Nothing => return,
            Spent::Unknown => counted.uncounted += 1,
            Spent::Known(usage) => counted.usage = counted.usage + usage,
        }
        match &call.cost {
            Some(cost) => {
                let sum = counted.cost_picos.entry(cost.currency.to_string()).or_default();
                *sum = sum.saturating_add(cost.picos);
            }
            None => counted.unpriced += 1,
        }
    }
}
