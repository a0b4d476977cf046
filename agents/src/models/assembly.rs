//! An answer that is being put together, whole or from pieces, within bounds.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    error::{ModelError, Sort, Spent},
    words::{Answer, Piece, Stop, ToolCall, Usage},
};

/// The longest text of an answer, and the longest arguments of a call, in bytes.
pub const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The most calls that one answer may ask for.
pub const CALLS_MAX: usize = 128;
/// The longest id, name or signature of a call, in bytes.
const WORD_BYTES_MAX: usize = 64 * 1024;

/// Who hears an answer while it is coming.
pub type Hear<'a> = &'a mut (dyn FnMut(Piece<'_>) + Send);

/// What is known of a call so far.
#[derive(Debug, Default)]
pub(super) struct Calling {
    pub(super) id: String,
    pub(super) name: String,
    /// JSON in pieces.
    pub(super) arguments: String,
    pub(super) signature: Option<String>,
}

/// What is known of an answer so far.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    text: String,
    calls: BTreeMap<u64, Calling>,
    pub(super) stop: Option<Stop>,
    pub(super) usage: Option<Usage>,
    pub(super) model: Option<String>,
    pub(super) id: Option<String>,
    /// Why the model does not want to answer.
    pub(super) refused: Option<String>,
}

impl Assembly {
    /// More of the text.
    pub(super) fn text(
        &mut self,
        text: &str,
        hear: &mut Option<Hear<'_>>,
    ) -> Result<(), ModelError> {
        if self.text.len() + text.len() > ANSWER_BYTES_MAX {
            return Err(too_long());
        }
        self.text.push_str(text);
        if let Some(hear) = hear
            && !text.is_empty()
        {
            hear(Piece::Text(text));
        }
        Ok(())
    }

    /// The call of a number; begun if there is none yet.
    pub(super) fn call(&mut self, number: u64) -> Result<&mut Calling, ModelError> {
        if self.calls.len() >= CALLS_MAX && !self.calls.contains_key(&number) {
            let why = format!("the model asks for more than {CALLS_MAX} calls at once");
            return Err(ModelError::spoiled(why));
        }
        Ok(self.calls.entry(number).or_default())
    }

    /// How many calls there are.
    pub(super) fn calls(&self) -> u64 {
        self.calls.len() as u64
    }

    /// What the call took, as far as it was said.
    pub(super) fn spent(&self) -> Spent {
        self.usage.map_or(Spent::Unknown, Spent::Known)
    }

    /// The answer, now that nothing more comes.
    pub(super) fn finish(self) -> Result<Answer, ModelError> {
        let spent = self.spent();
        if let Some(why) = self.refused {
            return Err(ModelError::new(Sort::Refused, why).having_spent(spent));
        }
        let Some(stop) = self.stop else {
            let why = "the answer ends before its end: the connection or the server broke off";
            return Err(ModelError::spoiled(why).having_spent(spent));
        };
        // A call that is cut in its middle is none.
        let keeps_calls = !matches!(stop, Stop::MaxTokens);
        let calls = self.calls.into_values().filter(|_| keeps_calls);
        let calls: Result<Vec<ToolCall>, ModelError> = calls
            .enumerate()
            .map(|(at, call)| call.whole(at).map_err(|error| error.having_spent(spent)))
            .collect();
        let (calls, text) = (calls?, self.text);
        let stop = if calls.is_empty() { stop } else { Stop::ToolCalls };
        Ok(Answer { text, calls, stop, usage: self.usage, model: self.model, id: self.id })
    }
}

impl Calling {
    /// More of the arguments.
    pub(super) fn push(&mut self, arguments: &str) -> Result<(), ModelError> {
        if self.arguments.len() + arguments.len() > ANSWER_BYTES_MAX {
            return Err(too_long());
        }
        self.arguments.push_str(arguments);
        Ok(())
    }

    fn whole(self, at: usize) -> Result<ToolCall, ModelError> {
        let Self { id, name, arguments, signature } = self;
        let words = id.len() + name.len() + signature.as_ref().map_or(0, String::len);
        if name.is_empty() || words > WORD_BYTES_MAX {
            return Err(ModelError::spoiled(
                "the model asks for a call of something without a name",
            ));
        }
        let arguments = match arguments.trim() {
            "" => Value::Object(Map::new()),
            // serde_json does not read deeper than 127.
            text => serde_json::from_str(text).map_err(|error| {
                ModelError::spoiled(format!(
                    "the model calls {name:?} with what is no JSON: {error}"
                ))
            })?,
        };
        let id = if id.is_empty() { format!("call-{at}") } else { id };
        Ok(ToolCall { id, name, arguments, signature })
    }
}

fn too_long() -> ModelError {
    let why = format!(
        "the answer is longer than {ANSWER_BYTES_MAX} bytes, which nobody asked for: set a smaller \
         max_tokens"
    );
    ModelError::new(Sort::FixTheRequest, why).having_spent(Spent::Unknown)
}
