//! What is known of models, and what they cost: one table, which users extend.
//!
//! Amounts are whole numbers of picos, a millionth of a millionth of the currency, so that no sum
//! ever depends on the order of its parts.

use std::{collections::BTreeMap, fmt, sync::Arc};

use orkestra_runtime::{Error, ErrorKind, Result};
use serde::Deserialize;

use super::{provider::Provider, words::Usage};

/// The version of the table that is read.
const VERSION: u32 = 1;
/// The table that is built in.
const BUILT_IN: &str = include_str!("../../../config/models.toml");
/// The highest price that is believed, for a million tokens.
const PRICE_MAX: f64 = 1_000_000.0;

/// How an answer of a given form is asked for. It is checked in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Structured {
    /// By a field of the request.
    Native,
    /// By a tool whose arguments are the answer.
    Tool,
    /// In words alone.
    Prompt,
}

/// What of a model matters when it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traits {
    /// How an answer of a given form is asked for.
    pub structured: Structured,
    /// Whether it takes a temperature.
    pub takes_temperature: bool,
}

impl Traits {
    /// What holds for models of a provider that nobody described.
    pub const fn usual(provider: Provider) -> Self {
        let structured = match provider {
            // Each of its models takes tools; only newer ones take the field.
            Provider::Anthropic => Structured::Tool,
            Provider::Openai
            | Provider::Gemini
            | Provider::Github
            | Provider::Xai
            | Provider::Compatible => Structured::Native,
        };
        Self { structured, takes_temperature: true }
    }
}

/// What something cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Of what.
    pub currency: Arc<str>,
    /// How much, in millionths of a millionth.
    pub picos: u64,
}

/// With six places, rounded up: nothing that cost something reads as free.
impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.picos.div_ceil(1_000_000);
        write!(f, "{}.{:06} {}", micros / 1_000_000, micros % 1_000_000, self.currency)
    }
}

/// What a model costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    currency: Arc<str>,
    usual: Rates,
    long: Option<(u64, Rates)>,
}

/// In picos for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rates {
    input: u64,
    output: u64,
    cached_input: Option<u64>,
}

impl Price {
    /// What a call cost; none where it read from a cache whose price is unknown.
    pub fn of(&self, usage: Usage) -> Option<Cost> {
        let read = usage.input.saturating_add(usage.cached_input);
        let long = self.long.filter(|(over, _)| read > *over);
        let rates = long.map_or(self.usual, |(_, rates)| rates);
        let cached = match (usage.cached_input, rates.cached_input) {
            (0, _) => 0,
            (tokens, rate) => tokens.saturating_mul(rate?),
        };
        let input = usage.input.saturating_mul(rates.input);
        let output = usage.output.saturating_mul(rates.output);
        let picos = input.saturating_add(output).saturating_add(cached);
        Some(Cost { currency: Arc::clone(&self.currency), picos })
    }
}

/// What is known of one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// What of it matters when it is asked.
    pub traits: Traits,
    /// What it costs; none: unknown.
    pub price: Option<Price>,
}

/// What is known of models.
#[derive(Clone, Debug, Default)]
pub struct Table {
    models: BTreeMap<(Provider, String), Known>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    currency: String,
    #[expect(dead_code, reason = "for people: when the prices were read")]
    #[serde(default)]
    as_of: Option<String>,
    #[serde(default)]
    anthropic: BTreeMap<String, Entry>,
    #[serde(default)]
    openai: BTreeMap<String, Entry>,
    #[serde(default)]
    gemini: BTreeMap<String, Entry>,
    #[serde(default)]
    github: BTreeMap<String, Entry>,
    #[serde(default)]
    xai: BTreeMap<String, Entry>,
    #[serde(default)]
    compatible: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    input: Option<f64>,
    output: Option<f64>,
    cached_input: Option<f64>,
    long: Option<Long>,
    #[serde(default)]
    aliases: Vec<String>,
    structured: Option<Structured>,
    temperature: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Long {
    over_tokens: u64,
    input: f64,
    output: f64,
    cached_input: Option<f64>,
}

impl Table {
    /// The table that is built in.
    pub fn built_in() -> Result<Self> {
        Self::default().and(BUILT_IN, "the built-in table of models")
    }

    /// The same table with what another one says; of each model that counts as a whole. `from` names
    /// it in errors.
    pub fn and(mut self, text: &str, from: &str) -> Result<Self> {
        let wrong =
            |why: String| Error::new(ErrorKind::Invalid, format!("cannot read {from}: {why}"));
        let file: File = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if file.version > VERSION {
            let why = format!("{from} has version {}, and {VERSION} is read", file.version);
            return Err(Error::new(ErrorKind::TooNew, why));
        }
        if file.currency.is_empty() || file.currency.len() > 16 {
            return Err(wrong("the currency is to be its code, as in \"USD\"".into()));
        }
        let currency: Arc<str> = file.currency.into();
        let providers = [
            (Provider::Anthropic, file.anthropic),
            (Provider::Openai, file.openai),
            (Provider::Gemini, file.gemini),
            (Provider::Github, file.github),
            (Provider::Xai, file.xai),
            (Provider::Compatible, file.compatible),
        ];
        for (provider, models) in providers {
            for (name, entry) in models {
                let of = |why: String| wrong(format!("{provider}.{name:?}: {why}"));
                let known = entry.known(provider, &currency).map_err(of)?;
                for alias in entry.aliases {
                    self.models.insert((provider, alias), known.clone());
                }
                self.models.insert((provider, name), known);
            }
        }
        Ok(self)
    }

    /// What is known of a model: by its exact name or an alias. Of one that nobody described the
    /// price is unknown, and what is usual holds.
    pub fn of(&self, provider: Provider, model: &str) -> Known {
        let found = self.models.get(&(provider, model.to_owned())).cloned();
        found.unwrap_or_else(|| Known { traits: Traits::usual(provider), price: None })
    }
}

impl Entry {
    fn known(&self, provider: Provider, currency: &Arc<str>) -> Result<Known, String> {
        let usual = Traits::usual(provider);
        let traits = Traits {
            structured: self.structured.unwrap_or(usual.structured),
            takes_temperature: self.temperature.unwrap_or(usual.takes_temperature),
        };
        let price = match (self.input, self.output) {
            (Some(input), Some(output)) => {
                let long = self.long.as_ref().map(|long| {
                    let rates = Rates::of(long.input, long.output, long.cached_input)?;
                    Ok::<_, String>((long.over_tokens, rates))
                });
                let usual = Rates::of(input, output, self.cached_input)?;
                Some(Price { currency: Arc::clone(currency), usual, long: long.transpose()? })
            }
            (None, None) if self.cached_input.is_none() && self.long.is_none() => None,
            (_, _) => return Err("a price needs both input and output".into()),
        };
        Ok(Known { traits, price })
    }
}

impl Rates {
    fn of(input: f64, output: f64, cached_input: Option<f64>) -> Result<Self, String> {
        let cached_input = cached_input.map(picos).transpose()?;
        Ok(Self { input: picos(input)?, output: picos(output)?, cached_input })
    }
}

/// From the price of a million tokens to that of one, in picos.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked before")]
fn picos(price: f64) -> Result<u64, String> {
    if !(0.0..=PRICE_MAX).contains(&price) {
        return Err(format!("{price} cannot be the price of a million tokens"));
    }
    Ok((price * 1e6).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(input: u64, cached_input: u64, output: u64) -> Usage {
        Usage { input, cached_input, output }
    }

    fn told(table: &Table, provider: Provider, model: &str, of: Usage) -> Option<String> {
        table.of(provider, model).price.and_then(|price| price.of(of)).map(|cost| cost.to_string())
    }

    #[test]
    fn a_call_costs_what_the_table_says() {
        let table = Table::built_in().unwrap();
        let cost = |of| told(&table, Provider::Openai, "gpt-4o", of).unwrap();
        assert_eq!(cost(usage(1_000_000, 0, 0)), "2.500000 USD");
        assert_eq!(cost(usage(0, 1_000_000, 1_000_000)), "11.250000 USD");
        assert_eq!(cost(usage(1, 0, 0)), "0.000003 USD");
        assert_eq!(cost(usage(0, 0, 0)), "0.000000 USD");
        assert_eq!(
            table.of(Provider::Openai, "gpt-4o-2024-08-06"),
            table.of(Provider::Openai, "gpt-4o")
        );
    }

    #[test]
    fn a_long_call_has_the_price_of_long_calls() {
        let table = Table::built_in().unwrap();
        let cost = |of| told(&table, Provider::Gemini, "gemini-2.5-pro", of).unwrap();
        assert_eq!(cost(usage(200_000, 0, 0)), "0.250000 USD");
        assert_eq!(cost(usage(200_000, 1, 0)), "0.500001 USD");
    }

    #[test]
    fn a_price_that_nobody_said_is_unknown_and_never_guessed() {
        let table = Table::built_in().unwrap();
        for (provider, model) in [
            (Provider::Openai, "gpt-4o-of-tomorrow"),
            (Provider::Xai, "gpt-4o"),
            (Provider::Github, "gpt-4"),
            (Provider::Compatible, "qwen3:8b"),
        ] {
            assert_eq!(table.of(provider, model).price, None, "{provider} {model}");
        }
        // Of this one the price of the cache is unknown, and so that of a call which read from it.
        assert_eq!(told(&table, Provider::Xai, "grok-beta", usage(1, 1, 0)), None);
        assert!(told(&table, Provider::Xai, "grok-beta", usage(1, 0, 0)).is_some());
    }

    #[test]
    fn a_users_table_adds_and_replaces() {
        let own = "version = 1\ncurrency = \"EUR\"\n[compatible.\"qwen3:8b\"]\ninput = 0.0\n\
                   output = 0.5\n[openai.gpt-4o]\ninput = 1\noutput = 2\ntemperature = false";
        let table = Table::built_in().unwrap().and(own, "own.toml").unwrap();
        let million = usage(1_000_000, 0, 1_000_000);
        let qwen = told(&table, Provider::Compatible, "qwen3:8b", million);
        assert_eq!(qwen.as_deref(), Some("0.500000 EUR"));
        assert_eq!(
            told(&table, Provider::Openai, "gpt-4o", million).as_deref(),
            Some("3.000000 EUR")
        );
        assert!(!table.of(Provider::Openai, "gpt-4o").traits.takes_temperature);
        assert!(told(&table, Provider::Openai, "gpt-4.1", million).is_some());
    }

    #[test]
    fn a_table_with_an_error_is_refused_with_the_place() {
        let head = "version = 1\ncurrency = \"USD\"\n";
        for (text, expected) in [
            ("version = 2\ncurrency = \"USD\"".to_owned(), "has version 2"),
            (format!("{head}[openai.a]\ninput = 1"), "openai.\"a\": a price needs both"),
            (format!("{head}[openai.a]\ninput = -1\noutput = 1"), "-1 cannot be the price"),
            (format!("{head}[openai.a]\ninput = nan\noutput = 1"), "cannot be the price"),
            (format!("{head}[openai.a]\nprice = 1"), "unknown field `price`"),
            (format!("{head}[opanai.a]"), "unknown field `opanai`"),
            ("version = 1\ncurrency = \"\"".to_owned(), "its code"),
        ] {
            let error = Table::default().and(&text, "own.toml").unwrap_err().to_string();
            assert!(error.contains("own.toml") && error.contains(expected), "{error}");
        }
    }
}
