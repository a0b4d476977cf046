//! What is said to a model and what it answers, the same for every provider.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One call of a model: everything that it is to know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChatRequest {
    /// What holds for the whole conversation.
    #[serde(default)]
    pub system: Option<String>,
    /// The conversation so far, oldest first.
    pub messages: Vec<Message>,
    /// What it may ask to be called.
    #[serde(default)]
    pub tools: Vec<Tool>,
    /// What its answer must look like; none: text.
    #[serde(default)]
    pub answer: Option<AnswerSchema>,
    /// How freely it chooses its words; left out for models that take none.
    #[serde(default)]
    pub temperature: Option<f64>,
    /// The most that it may answer, in tokens; none: what its provider takes for granted.
    #[serde(default)]
    pub max_tokens: Option<u32>,
}

impl ChatRequest {
    /// A question without anything around it.
    pub fn asking(text: impl Into<String>) -> Self {
        Self { messages: vec![Message::User { text: text.into() }], ..Self::default() }
    }
}

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message {
    /// What somebody asks of the model.
    User {
        /// As text.
        text: String,
    },
    /// What the model answered earlier.
    Assistant {
        /// As text; may be empty where it only asked for calls.
        #[serde(default)]
        text: String,
        /// What it asked to be called.
        #[serde(default)]
        calls: Vec<ToolCall>,
    },
    /// What came of a call that it asked for.
    Tool {
        /// Which call: its [`ToolCall::id`].
        call: String,
        /// The tool's name.
        name: String,
        /// What it gave.
        content: String,
        /// Whether the call failed.
        #[serde(default)]
        is_error: bool,
    },
}

/// Something that a model may ask to be called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// Letters, digits, `_` and `-`, at most 64 of them: what every provider takes.
    pub name: String,
    /// What it does and when to use it.
    pub description: String,
    /// What it is called with, as a JSON Schema of an object.
    pub parameters: Value,
}

/// What an answer must look like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnswerSchema {
    /// Letters, digits, `_` and `-`, at most 64 of them.
    pub name: String,
    /// A JSON Schema.
    pub schema: Value,
}

/// A call that a model asks for. Whether it is made is for others to decide.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Tells it from the other calls of the conversation.
    pub id: String,
    /// The tool's name, as the model said it: it may name one that was never offered.
    pub name: String,
    /// What to call it with: any JSON, not checked against the tool's schema.
    pub arguments: Value,
    /// What the provider wants to have back with the call, as it was.
    #[serde(default)]
    pub signature: Option<String>,
}

/// What a model answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// As text; JSON in text where an [`AnswerSchema`] was given. May be empty where it asks for
    /// calls.
    pub text: String,
    /// The calls that it asks for, in its order.
    #[serde(default)]
    pub calls: Vec<ToolCall>,
    /// Why it ended.
    pub stop: Stop,
    /// What it took; none where the provider did not say.
    pub usage: Option<Usage>,
    /// Which model answered, as the provider calls it.
    #[serde(default)]
    pub model: Option<String>,
    /// How the provider calls this answer, for questions to its support.
    #[serde(default)]
    pub id: Option<String>,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// It was done.
    Done,
    /// It may not say more: the answer is cut.
    MaxTokens,
    /// It waits for calls.
    ToolCalls,
}

impl Stop {
    /// Its name, as reports spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::MaxTokens => "max_tokens",
            Self::ToolCalls => "tool_calls",
        }
    }
}

/// How many tokens a call took, as its provider counts them. The same words for all: what was read
/// from a cache is counted apart, and what a model thinks counts as output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Read at the full price.
    pub input: u64,
    /// Read from the provider's cache.
    pub cached_input: u64,
    /// Written, thoughts included.
    pub output: u64,
}

impl Usage {
    /// All of them.
    pub const fn total(self) -> u64 {
        self.input.saturating_add(self.cached_input).saturating_add(self.output)
    }
}

impl std::ops::Add for Usage {
    type Output = Self;
    /// Saturates.
    fn add(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            cached_input: self.cached_input.saturating_add(other.cached_input),
            output: self.output.saturating_add(other.output),
        }
    }
}

/// A piece of an answer that is still coming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// More of its text.
    Text(&'a str),
    /// It begins to ask for a call of this tool.
    Calling(&'a str),
}
