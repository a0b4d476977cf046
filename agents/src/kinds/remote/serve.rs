//! Carries what an agent that works elsewhere and its worker say to each other.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture};
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{Headers, Message, Messages, Pattern, Subject, Subscription},
    id::AgentId,
    names,
};

use super::{
    line::Line,
    words::{Code, Trouble},
};

/// How many words of one agent may wait; one more is lost, and the agent says it again.
const WAITING_MAX: usize = 4_096;

/// Where the words of an agent go, below the cluster's prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subjects {
    /// It joins.
    pub join: Subject,
    /// Who hosts it already hears of it that it joins again.
    pub host: Subject,
    /// It gives signs of life.
    pub beat: Subject,
    /// It is given work.
    pub work: Subject,
    /// It says what becomes of that.
    pub say: Subject,
}

impl Subjects {
    /// Those of an agent.
    pub fn of(agent: &AgentId) -> Result<Self> {
        let subject = |what: &str| names::agent(agent, what);
        Ok(Self {
            join: subject("join")?,
            host: subject("host")?,
            beat: subject("beat")?,
            work: subject("work")?,
            say: subject("say")?,
        })
    }
}

/// Who answers a join of an agent that is hosted here.
pub type Refusals = Arc<dyn Fn(&[u8]) -> Result<Vec<u8>, Trouble> + Send + Sync>;

/// Answers a message with what came of it.
pub fn answered(message: Message, answer: Result<Vec<u8>, Trouble>) {
    let Some(reply) = message.reply else { return };
    match answer {
        Ok(body) => reply.answer(body.into()),
        Err(trouble) => match headers(&trouble) {
            Ok(headers) => reply.answer_with(headers, trouble.answer().into()),
            Err(_) => reply.answer(trouble.answer().into()),
        },
    }
}

/// What clients of micro services look at.
fn headers(trouble: &Trouble) -> Result<Headers> {
    Headers::new()
        .with("Nats-Service-Error", trouble.code.as_str())?
        .with("Nats-Service-Error-Code", &trouble.code.number().to_string())
}

impl Line {
    /// Listens to the agent. Do this before it is told that it has joined.
    pub async fn listen(&self, agent: &AgentId, messages: Arc<dyn Messages>) -> Result<Listening> {
        let subjects = Subjects::of(agent)?;
        let to = async |subject: &Subject| {
            messages.subscribe(&Pattern::new(subject.as_str())?, None, WAITING_MAX).await
        };
        let (hosts, beats) = (to(&subjects.host).await?, to(&subjects.beat).await?);
        let says = to(&subjects.say).await?;
        let line = self.clone();
        Ok(Listening { line, work: subjects.work, hosts, beats, says, messages })
    }
}

/// The ears at one line.
pub struct Listening {
    line: Line,
    work: Subject,
    hosts: Subscription,
    beats: Subscription,
    says: Subscription,
    messages: Arc<dyn Messages>,
}

impl Listening {
    /// Serves the line until the agent has been away for so long that it is forgotten; `rejoin`
    /// answers when it joins again meanwhile.
    pub async fn serve(mut self, rejoin: Refusals) -> Result<()> {
        loop {
            let Some(next) = self.line.tick() else { return Ok(()) };
            for word in self.line.outgoing() {
                self.send(word).await?;
            }
            let wait = next.since(self.line.now()).max(Duration::from_millis(10));
            tokio::select! {
                biased;
                message = self.hosts.next() => {
                    if let Some(message) = heard(message)? {
                        let answer = rejoin(&message.body);
                        answered(message, answer);
                    }
                }
                message = self.beats.next() => {
                    if let Some(message) = heard(message)? {
                        let answer = self.line.beat(&message.body);
                        answered(message, answer);
                    }
                }
                message = self.says.next() => {
                    if let Some(message) = heard(message)? {
                        let answer = self.line.say(&message.body).await;
                        answered(message, answer);
                    }
                }
                () = self.line.news() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn send(&self, word: Bytes) -> BoxFuture<'static, Result<()>> {
        let sent = self.messages.publish(&self.work, word);
        // What cannot be sent now is sent again after the agent's next sign of life.
        sent.map(|sent| {
            sent.or_else(|error| if error.is_retryable() { Ok(()) } else { Err(error) })
        })
        .boxed()
    }
}

/// A message that came; none where some were lost, which their senders notice.
fn heard(message: Option<Result<Message>>) -> Result<Option<Message>> {
    match message {
        Some(Ok(message)) => Ok(Some(message)),
        Some(Err(error)) if error.kind() == ErrorKind::Full => Ok(None),
        Some(Err(error)) => Err(error),
        None => Err(Error::new(ErrorKind::Unavailable, "the fabric is closed")),
    }
}

impl std::fmt::Debug for Listening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listening").field("work", &self.work).finish_non_exhaustive()
    }
}

impl Trouble {
    /// Nobody could take it in time.
    pub fn unavailable(why: impl std::fmt::Display) -> Self {
        Self::new(Code::Unavailable, why.to_string())
    }
}
