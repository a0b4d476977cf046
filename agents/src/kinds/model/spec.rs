//! What an agent that is a model is told when it is made.

use std::{sync::Arc, time::Duration};

use orkestra_runtime::{Error, ErrorKind, Result, time::Clock};

use super::form::Form;
use crate::models::{AnswerSchema, Ledger, Model, ModelSettings, Pace, Price, Table};

/// The longest system prompt, in bytes.
pub const SYSTEM_BYTES_MAX: usize = 256 * 1024;

/// What an agent that is a model is told when it is made.
#[derive(Clone, Debug)]
pub struct ModelSpec {
    /// Which model, and how it is reached.
    pub model: Arc<dyn Model>,
    /// What it is to be and what holds for all its work.
    pub system: String,
    /// How freely it chooses its words.
    pub temperature: Option<f64>,
    /// The most that it may answer, in tokens.
    pub max_tokens: Option<u32>,
    /// What its answers must look like, unless a task says otherwise; none: text.
    pub schema: Option<AnswerSchema>,
    /// What it costs; none: unknown, and said so.
    pub price: Option<Price>,
    /// How fast its key is used. Agents that use the same key are to share it.
    pub pace: Pace,
    /// How often one question is asked, at most, when asking again may help.
    pub tries: u32,
    /// The longest wait before asking again; a provider that asks for more ends the attempt.
    pub wait_max: Duration,
    /// Who keeps account of its calls.
    pub ledgers: Vec<Arc<dyn Ledger>>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
}

impl ModelSpec {
    /// A model with a system prompt, without a limit of its pace.
    pub fn new(model: Arc<dyn Model>, system: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self {
            model,
            system: system.into(),
            temperature: None,
            max_tokens: None,
            schema: None,
            price: None,
            pace: Pace::per_minute(0, Arc::clone(&clock)),
            tries: 3,
            wait_max: Duration::from_mins(1),
            ledgers: Vec::new(),
            clock,
        }
    }

    /// A model as its settings say it.
    pub fn of_settings(
        settings: &ModelSettings,
        table: &Table,
        system: impl Into<String>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self> {
        let model = Arc::new(settings.model(table, Arc::clone(clock))?);
        Ok(Self {
            temperature: Some(settings.temperature),
            max_tokens: Some(settings.max_tokens),
            price: table.of(settings.provider, &settings.model).price,
            pace: Pace::per_minute(settings.per_minute, Arc::clone(clock)),
            ..Self::new(model, system, Arc::clone(clock))
        })
    }

    pub(super) fn check(&self) -> Result<()> {
        let refused = |why: String| {
            Err(Error::new(ErrorKind::Invalid, format!("cannot use this as a model agent: {why}")))
        };
        if self.system.len() > SYSTEM_BYTES_MAX {
            let bytes = self.system.len();
            return refused(format!(
                "its system prompt has {bytes} bytes, at most {SYSTEM_BYTES_MAX}"
            ));
        }
        if self.tries == 0 {
            return refused("with 0 tries it never asks".into());
        }
        if let Some(schema) = &self.schema
            && let Err(why) = Form::of(schema.clone())
        {
            return refused(why);
        }
        Ok(())
    }
}
