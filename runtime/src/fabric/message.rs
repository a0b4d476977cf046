//! The message ability: publish, subscribe, ask.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture, stream::BoxStream};

use super::Headers;
use crate::error::{Error, ErrorKind, Result};

/// Where a message goes: tokens of `A-Z a-z 0-9 _ -` with dots between, 256 bytes at most.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(Arc<str>);

/// What a subscription listens to: a subject in which `*` stands for one token and a last `>` for
/// one or more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(Arc<str>);

fn check_tokens(what: &str, text: &str, wild: bool, dollar: bool) -> Result<()> {
    let byte_fits =
        |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-' || (dollar && b == b'$');
    let token_fits = |token: &str, last: bool| {
        (wild && (token == "*" || (last && token == ">")))
            || (!token.is_empty() && token.bytes().all(byte_fits))
    };
    let count = text.split('.').count();
    let fits = text.len() <= 256
        && text.split('.').enumerate().all(|(index, token)| token_fits(token, index + 1 == count));
    if fits {
        return Ok(());
    }
    let shown: String = text.chars().take(40).collect();
    Err(Error::new(
        ErrorKind::Invalid,
        format!(
            "{shown:?} is not a {what}: use tokens of letters, digits, _ and - with dots between"
        ),
    ))
}

impl Subject {
    /// Checks and keeps a subject.
    pub fn new(text: &str) -> Result<Self> {
        check_tokens("subject", text, false, false)?;
        Ok(Self(text.into()))
    }

    /// Checks and keeps a subject for [`Fabric::outside`](super::Fabric::outside), where others
    /// speak too: `$` is allowed beside the rest.
    pub fn outside(text: &str) -> Result<Self> {
        check_tokens("subject", text, false, true)?;
        Ok(Self(text.into()))
    }

    /// The subject as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Pattern {
    /// Checks and keeps a pattern.
    pub fn new(text: &str) -> Result<Self> {
        check_tokens("pattern", text, true, false)?;
        Ok(Self(text.into()))
    }

    /// Checks and keeps a pattern for [`Fabric::outside`](super::Fabric::outside), where others
    /// speak too: `$` is allowed beside the rest.
    pub fn outside(text: &str) -> Result<Self> {
        check_tokens("pattern", text, true, true)?;
        Ok(Self(text.into()))
    }

    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it listens to a subject.
    pub fn matches(&self, subject: &Subject) -> bool {
        let mut tokens = subject.as_str().split('.');
        for part in self.0.split('.') {
            match (part, tokens.next()) {
                (">", Some(_)) => return true,
                ("*", Some(_)) => {}
                (part, Some(token)) if part == token => {}
                (_, _) => return false,
            }
        }
        tokens.next().is_none()
    }
}

/// A message as a subscriber gets it.
pub struct Message {
    /// Where it was sent to.
    pub subject: Subject,
    /// What was said beside the body.
    pub headers: Headers,
    /// What was sent.
    pub body: Bytes,
    /// Answers whoever asked; none if nobody waits.
    pub reply: Option<Reply>,
}

/// The way back to whoever asked. Cheap to clone; clones lead to the same asker.
///
/// An [`ask`](Messages::ask) takes the first answer, and a second one, or one that comes too late,
/// does nothing. A [`gather`](Messages::gather) takes them all. An answer is sent at most once and
/// never waits: what cannot be sent at once is lost, and the asker's time runs out.
#[derive(Clone)]
pub struct Reply(Arc<dyn Fn(Headers, Bytes) + Send + Sync>);

impl Reply {
    /// A way back that calls a function, which must not block.
    pub fn new(send: impl Fn(Headers, Bytes) + Send + Sync + 'static) -> Self {
        Self(Arc::new(send))
    }

    /// Answers.
    pub fn answer(self, body: Bytes) {
        self.answer_with(Headers::default(), body);
    }

    /// Answers with headers.
    pub fn answer_with(self, headers: Headers, body: Bytes) {
        self.part(headers, body);
    }

    /// Sends one of several answers.
    pub fn part(&self, headers: Headers, body: Bytes) {
        (self.0)(headers, body);
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("subject", &self.subject)
            .field("headers", &self.headers)
            .field("bytes", &self.body.len())
            .field("asked", &self.reply.is_some())
            .finish()
    }
}

/// Messages as they come, until it is dropped. A subscriber that falls behind by more than its
/// capacity loses messages, and the stream says so with an error of kind `Full`.
pub type Subscription = BoxStream<'static, Result<Message>>;

/// Why no answer came, and whether the thing may have been done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AskError {
    /// Nobody listens: surely not done; ask again later.
    NoOne,
    /// Somebody listens, and no answer came in time: perhaps done.
    NoAnswer,
    /// The question is larger than a message may be: surely not done.
    TooLarge,
    /// An answer came that cannot be read: done.
    Unreadable,
}

impl AskError {
    /// Whether the thing was surely not done, so that asking again cannot do it twice.
    pub const fn is_surely_undone(self) -> bool {
        match self {
            Self::NoOne | Self::TooLarge => true,
            Self::NoAnswer | Self::Unreadable => false,
        }
    }
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoOne => "nobody listens",
            Self::NoAnswer => "no answer came in time",
            Self::TooLarge => "the question is too large",
            Self::Unreadable => "the answer cannot be read",
        })
    }
}

impl std::error::Error for AskError {}

/// Messages between nodes: at most once.
pub trait Messages: Send + Sync + fmt::Debug + 'static {
    /// Sends to every subscription that listens, and to one of each queue group. Done means sent,
    /// not received.
    fn publish(&self, subject: &Subject, body: Bytes) -> BoxFuture<'static, Result<()>> {
        self.publish_with(subject, Headers::default(), body)
    }

    /// Sends with headers.
    fn publish_with(
        &self,
        subject: &Subject,
        headers: Headers,
        body: Bytes,
    ) -> BoxFuture<'static, Result<()>>;

    /// Sends with headers, and says whether anybody listened when it was sent, as far as that can be
    /// told: true where it cannot. Whoever listens may see a way back, on which nobody waits.
    fn publish_heard(
        &self,
        subject: &Subject,
        headers: Headers,
        body: Bytes,
    ) -> BoxFuture<'static, Result<bool>> {
        let sent = self.publish_with(subject, headers, body);
        sent.map(|sent| sent.map(|()| true)).boxed()
    }

    /// Listens. With `queue`, shares the messages with all others of the same pattern and queue.
    /// `capacity` is how many messages may wait.
    fn subscribe(
        &self,
        pattern: &Pattern,
        queue: Option<&str>,
        capacity: usize,
    ) -> BoxFuture<'static, Result<Subscription>>;

    /// Asks one listener and waits for its answer for at most `within`.
    fn ask(
        &self,
        subject: &Subject,
        body: Bytes,
        within: Duration,
    ) -> BoxFuture<'static, Result<Bytes, AskError>> {
        let asked = self.ask_with(subject, Headers::default(), body, within);
        asked.map(|answer| answer.map(|(_, body)| body)).boxed()
    }

    /// Asks with headers, and answers those of the answer too.
    fn ask_with(
        &self,
        subject: &Subject,
        headers: Headers,
        body: Bytes,
        within: Duration,
    ) -> BoxFuture<'static, Result<(Headers, Bytes), AskError>>;

    /// Asks everybody who listens, and answers all that came within a time, in the order in which
    /// it came; sooner when `max` have come or no more can come. Empty when nobody listens.
    fn gather(
        &self,
        subject: &Subject,
        body: Bytes,
        within: Duration,
        max: usize,
    ) -> BoxFuture<'static, Result<Vec<Bytes>, AskError>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_token_by_token() {
        let matches = |pattern: &str, subject: &str| {
            Pattern::new(pattern).unwrap().matches(&Subject::new(subject).unwrap())
        };
        assert!(matches("a.b", "a.b"));
        assert!(matches("a.*", "a.b"));
        assert!(matches("a.>", "a.b.c"));
        assert!(!matches("a.>", "a"));
        assert!(!matches("a.*", "a.b.c"));
        assert!(!matches("a.b", "a"));
        assert!(!matches("a", "a.b"));
    }

    #[test]
    fn user_text_cannot_become_a_level() {
        assert!(Subject::new("a..b").is_err());
        assert!(Subject::new("a.*").is_err());
        assert!(Subject::new("a b").is_err());
        assert!(Pattern::new("a.>.b").is_err());
    }

    #[test]
    fn a_dollar_belongs_to_what_is_outside() {
        assert!(Subject::new("$SRV.PING").is_err());
        assert!(Subject::outside("$SRV.PING").is_ok());
        assert!(Pattern::outside("$SRV.PING.>").is_ok());
        assert!(Subject::outside("$SRV.*").is_err());
    }
}
