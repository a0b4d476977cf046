//! The five agents of the house and whoever joins them, set by variables of the environment.
//!
//! Of each agent, by its name in capitals: `<NAME>_API_KEY`, `<NAME>_MODEL`, `<NAME>_TEMPERATURE`,
//! `<NAME>_MAX_TOKENS`, `<NAME>_TIMEOUT` (seconds), `<NAME>_RATE_LIMIT` (calls a minute) and
//! `<NAME>_BASE_URL`. What is set is read strictly: a number that is none is an error and not the
//! default. A variable that is set to nothing counts as not set.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use orkestra_runtime::{Error, ErrorKind, Result, time::Clock};

use super::{
    address,
    http::{CallLimits, HttpModel, HttpSpec},
    model::Credential,
    prices::Table,
    provider::Provider,
};
use crate::secret::{SecretSource, Secrets};

/// What an agent does unless somebody says otherwise.
pub const TEMPERATURE: f64 = 0.7;
/// The most that it answers, in tokens.
pub const MAX_TOKENS: u32 = 4_000;
/// How long a call may take.
pub const TIMEOUT: Duration = Duration::from_mins(1);
/// How many calls it makes in a minute.
pub const RATE_LIMIT: u32 = 50;

/// One of the agents that are known by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standard {
    /// Its name.
    pub name: &'static str,
    /// Who offers its model.
    pub provider: Provider,
    /// Which model, unless somebody says otherwise.
    pub model: &'static str,
    /// What it is asked to be.
    pub role: &'static str,
    /// What it is good at, by the names of the specialty table.
    pub specialties: &'static [&'static str],
}

/// The five.
pub const STANDARD: [Standard; 5] = [
    Standard {
        name: "claude",
        provider: Provider::Anthropic,
        model: "claude-3-5-sonnet-20241022",
        role: "architecture, design and user experience",
        specialties: &["documentation", "code_review", "architecture", "testing", "debugging"],
    },
    Standard {
        name: "chatgpt",
        provider: Provider::Openai,
        model: "gpt-4o",
        role: "content, writing and marketing",
        specialties: &[
            "copywriting",
            "marketing",
            "creative_content",
            "content_review",
            "tone_validation",
        ],
    },
    Standard {
        name: "gemini",
        provider: Provider::Gemini,
        model: "gemini-1.5-pro",
        role: "cloud, databases and Firebase",
        specialties: &[
            "firebase",
            "google_cloud",
            "database_design",
            "scaling",
            "cost_optimization",
        ],
    },
    Standard {
        name: "copilot",
        provider: Provider::Github,
        model: "gpt-4",
        role: "deployment, code and operations",
        specialties: &["coding", "refactoring", "api_design", "system_maintenance", "deployment"],
    },
    Standard {
        name: "grok",
        provider: Provider::Xai,
        model: "grok-beta",
        role: "innovation, research and analysis",
        specialties: &[
            "research",
            "analysis",
            "problem_solving",
            "innovation",
            "creative_solutions",
        ],
    },
];

/// Where variables come from: the environment, or a test's own.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The variables of this process. One that is not text reads as a sign that no setting takes.
pub fn environment(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// How one agent asks its model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSettings {
    /// Its name.
    pub name: String,
    /// Who offers its model.
    pub provider: Provider,
    /// Which model.
    pub model: String,
    /// Which variable holds its key.
    pub key_variable: String,
    /// How freely it chooses its words.
    pub temperature: f64,
    /// The most that it answers, in tokens.
    pub max_tokens: u32,
    /// How long a call may take.
    pub timeout: Duration,
    /// How many calls it makes in a minute.
    pub per_minute: u32,
    /// Where its provider is found; none: where it always is.
    pub base_url: Option<String>,
}

impl ModelSettings {
    /// What holds for an agent, with what variables say of it. The error names the variable.
    pub fn read(
        name: &str,
        provider: Provider,
        model: &str,
        variables: Variables<'_>,
    ) -> Result<Self> {
        let read = Read { prefix: name.to_ascii_uppercase().replace('-', "_"), variables };
        let temperature = match provider {
            Provider::Anthropic => read.number("TEMPERATURE", TEMPERATURE, 0.0..=1.0)?,
            Provider::Openai
            | Provider::Gemini
            | Provider::Github
            | Provider::Xai
            | Provider::Compatible => read.number("TEMPERATURE", TEMPERATURE, 0.0..=2.0)?,
        };
        let seconds = read.number("TIMEOUT", TIMEOUT.as_secs_f64(), 1.0..=86_400.0)?;
        let model = read.text("MODEL").unwrap_or_else(|| model.to_owned());
        address::check_name(&model).map_err(|error| read.wrong("MODEL", &error.to_string()))?;
        let base_url = read.text("BASE_URL");
        address::base_url(provider, base_url.as_deref())
            .map_err(|error| read.wrong("BASE_URL", &error.to_string()))?;
        Ok(Self {
            name: name.to_owned(),
            provider,
            model,
            key_variable: read.variable("API_KEY"),
            temperature,
            max_tokens: read.number("MAX_TOKENS", MAX_TOKENS, 1..=1_000_000)?,
            timeout: Duration::from_secs_f64(seconds),
            per_minute: read.number("RATE_LIMIT", RATE_LIMIT, 1..=1_000_000)?,
            base_url,
        })
    }

    /// What holds for one of the five.
    pub fn standard(of: &Standard, variables: Variables<'_>) -> Result<Self> {
        Self::read(of.name, of.provider, of.model, variables)
    }

    /// How the model is asked. The key is read from its variable at each call.
    pub fn http(&self, table: &Table) -> HttpSpec {
        let source = SecretSource::Environment(self.key_variable.clone());
        let secrets = BTreeMap::from([(self.key_variable.clone(), source)]);
        self.http_with(table, Some(Arc::new(secrets)))
    }

    /// The same with keys from elsewhere, by the names of their variables; none: without a key.
    pub fn http_with(&self, table: &Table, secrets: Option<Arc<dyn Secrets>>) -> HttpSpec {
        let named = |secrets| Credential { secrets, name: self.key_variable.clone() };
        HttpSpec {
            provider: self.provider,
            model: self.model.clone(),
            base_url: self.base_url.clone(),
            credential: secrets.map(named),
            traits: table.of(self.provider, &self.model).traits,
            limits: CallLimits { total: self.timeout, ..CallLimits::default() },
        }
    }

    /// The model itself.
    pub fn model(&self, table: &Table, clock: Arc<dyn Clock>) -> Result<HttpModel> {
        HttpModel::new(self.http(table), clock)
    }
}

struct Read<'a> {
    prefix: String,
    variables: Variables<'a>,
}

impl Read<'_> {
    fn variable(&self, what: &str) -> String {
        format!("{}_{what}", self.prefix)
    }

    fn text(&self, what: &str) -> Option<String> {
        let text = (self.variables)(&self.variable(what))?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn number<T>(&self, what: &str, usual: T, within: std::ops::RangeInclusive<T>) -> Result<T>
    where
        T: std::str::FromStr + PartialOrd + std::fmt::Display,
    {
        let Some(text) = self.text(what) else { return Ok(usual) };
        let number = text.parse::<T>().ok().filter(|number| within.contains(number));
        number.ok_or_else(|| {
            let (least, most) = (within.start(), within.end());
            self.wrong(what, &format!("{text:?} is no number from {least} to {most}"))
        })
    }

    fn wrong(&self, what: &str, why: &str) -> Error {
        Error::new(ErrorKind::Invalid, format!("cannot use ${}: {why}", self.variable(what)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, variables: &[(&str, &str)]) -> Result<ModelSettings> {
        let of = STANDARD.iter().find(|standard| standard.name == name).unwrap();
        let find = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        ModelSettings::standard(of, &find)
    }

    #[test]
    fn each_of_the_five_has_its_defaults() {
        let models =
            ["claude-3-5-sonnet-20241022", "gpt-4o", "gemini-1.5-pro", "gpt-4", "grok-beta"];
        for (standard, model) in STANDARD.iter().zip(models) {
            let settings = read(standard.name, &[]).unwrap();
            assert_eq!(settings.model, model);
            assert_eq!((settings.temperature, settings.max_tokens), (0.7, 4_000));
            assert_eq!((settings.timeout, settings.per_minute), (Duration::from_mins(1), 50));
            assert_eq!(settings.key_variable, format!("{}_API_KEY", standard.name.to_uppercase()));
        }
    }

    #[test]
    fn variables_override_all_settings() {
        let settings = read(
            "grok",
            &[
                ("GROK_MODEL", " grok-4 "),
                ("GROK_TEMPERATURE", "1.5"),
                ("GROK_MAX_TOKENS", "17"),
                ("GROK_TIMEOUT", "2.5"),
                ("GROK_RATE_LIMIT", "600"),
                ("GROK_BASE_URL", "http://127.0.0.1:9/v1"),
                ("CLAUDE_MODEL", "other"),
            ],
        );
        let expected = ModelSettings {
            name: "grok".into(),
            provider: Provider::Xai,
            model: "grok-4".into(),
            key_variable: "GROK_API_KEY".into(),
            temperature: 1.5,
            max_tokens: 17,
            timeout: Duration::from_millis(2_500),
            per_minute: 600,
            base_url: Some("http://127.0.0.1:9/v1".into()),
        };
        assert_eq!(settings.unwrap(), expected);
    }

    #[test]
    fn what_is_set_to_nonsense_is_an_error_that_names_the_variable() {
        for (variable, value) in [
            ("CLAUDE_TEMPERATURE", "warm"),
            ("CLAUDE_TEMPERATURE", "NaN"),
            ("CLAUDE_TEMPERATURE", "1.1"),
            ("CLAUDE_MAX_TOKENS", "0"),
            ("CLAUDE_MAX_TOKENS", "4000.0"),
            ("CLAUDE_TIMEOUT", "60s"),
            ("CLAUDE_TIMEOUT", "inf"),
            ("CLAUDE_RATE_LIMIT", "-1"),
            ("CLAUDE_MODEL", "a b"),
            ("CLAUDE_MODEL", "../other"),
            ("CLAUDE_BASE_URL", "api.example.org"),
            ("CLAUDE_BASE_URL", "file:///etc/passwd"),
            ("CLAUDE_BASE_URL", "https://me:word@example.org"),
            ("CLAUDE_BASE_URL", "https://example.org/?key=1"),
        ] {
            let error = read("claude", &[(variable, value)]).unwrap_err().to_string();
            assert!(error.contains(&format!("${variable}")), "{error}");
        }
        assert_eq!(read("claude", &[("CLAUDE_TIMEOUT", " ")]).unwrap().timeout, TIMEOUT);
    }

    #[test]
    fn one_who_speaks_the_common_format_must_say_where_it_is() {
        let error = ModelSettings::read("local", Provider::Compatible, "m", &|_| None).unwrap_err();
        assert!(error.to_string().contains("$LOCAL_BASE_URL"), "{error}");
        let found =
            |name: &str| (name == "MY_OWN_BASE_URL").then(|| "http://localhost:11434/v1".into());
        let settings =
            ModelSettings::read("my-own", Provider::Compatible, "qwen3:8b", &found).unwrap();
        assert_eq!(settings.key_variable, "MY_OWN_API_KEY");
    }
}
