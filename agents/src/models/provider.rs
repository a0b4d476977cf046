//! Who offers models, and how each is spoken to: the one table of their differences.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who offers models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// Claude, by Anthropic.
    Anthropic,
    /// `ChatGPT`, by `OpenAI`.
    Openai,
    /// Gemini, by Google.
    Gemini,
    /// Copilot's models, by GitHub Models.
    Github,
    /// Grok, by xAI.
    Xai,
    /// Anybody who speaks `OpenAI`'s format: Ollama, vLLM, llama.cpp, a gateway of one's own.
    Compatible,
}

/// How a provider is spoken to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Format {
    Anthropic,
    OpenAi(&'static Dialect),
    Gemini,
}

/// What differs between those who speak the format of Chat Completions.
#[derive(Debug)]
pub(super) struct Dialect {
    pub(super) headers: &'static [(&'static str, &'static str)],
    pub(super) max_tokens: MaxTokens,
}

/// By which name the longest answer is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MaxTokens {
    /// `max_completion_tokens`: the only one that models take which think first.
    Completion,
    /// `max_tokens`: what everybody else knows.
    Plain,
}

const OPENAI: Dialect = Dialect { headers: &[], max_tokens: MaxTokens::Completion };
const XAI: Dialect = Dialect { headers: &[], max_tokens: MaxTokens::Completion };
const GITHUB: Dialect = Dialect {
    headers: &[("accept", "application/vnd.github+json"), ("x-github-api-version", "2022-11-28")],
    max_tokens: MaxTokens::Plain,
};
const COMPATIBLE: Dialect = Dialect { headers: &[], max_tokens: MaxTokens::Plain };

impl Provider {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Anthropic, Self::Openai, Self::Gemini, Self::Github, Self::Xai, Self::Compatible];

    /// Its name, as the table of models and reports spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Openai => "openai",
            Self::Gemini => "gemini",
            Self::Github => "github",
            Self::Xai => "xai",
            Self::Compatible => "compatible",
        }
    }

    /// Where it is found unless somebody says otherwise; none where it must be said.
    pub const fn base_url(self) -> Option<&'static str> {
        match self {
            Self::Anthropic => Some("https://api.anthropic.com"),
            Self::Openai => Some("https://api.openai.com/v1"),
            Self::Gemini => Some("https://generativelanguage.googleapis.com"),
            Self::Github => Some("https://models.github.ai/inference"),
            Self::Xai => Some("https://api.x.ai/v1"),
            Self::Compatible => None,
        }
    }

    /// Whether it answers nobody without a key.
    pub const fn needs_key(self) -> bool {
        match self {
            Self::Anthropic | Self::Openai | Self::Gemini | Self::Github | Self::Xai => true,
            Self::Compatible => false,
        }
    }

    pub(super) const fn format(self) -> Format {
        match self {
            Self::Anthropic => Format::Anthropic,
            Self::Openai => Format::OpenAi(&OPENAI),
            Self::Gemini => Format::Gemini,
            Self::Github => Format::OpenAi(&GITHUB),
            Self::Xai => Format::OpenAi(&XAI),
            Self::Compatible => Format::OpenAi(&COMPATIBLE),
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
