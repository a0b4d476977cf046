//! Messages within one process: at most once, bounded, nothing waits for a slow listener.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture};
use tokio::sync::{mpsc, watch};

use super::{
    inbox::{Inbox, Listening},
    signals::closed,
};
use crate::{
    error::{Error, ErrorKind, Result},
    fabric::{AskError, Headers, Message, Messages, Pattern, Reply, Subject, Subscription},
    limits::FRAME_BYTES_MAX,
};

/// The most subscriptions that one fabric holds.
pub const SUBSCRIPTIONS_MAX: usize = 65_536;
/// The most messages that may wait for one subscription.
pub const SUBSCRIPTION_CAPACITY_MAX: usize = 65_536;

/// Those who share a pattern and a queue; alone when there is no queue.
#[derive(Debug, Default)]
struct Group {
    members: Vec<(u64, Arc<Inbox>)>,
    turn: AtomicU64,
}

impl Group {
    /// Gives a message to the next member that has room; when none has, the next one loses it.
    fn deliver(&self, message: Message) {
        let count = self.members.len() as u64;
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let member = |step: u64| {
            let index = usize::try_from((turn + step) % count.max(1)).unwrap_or(0);
            self.members.get(index).map(|(_, inbox)| inbox)
        };
        let chosen = (0..count).filter_map(member).find(|inbox| inbox.has_room());
        if let Some(inbox) = chosen.or_else(|| member(0)) {
            inbox.push(message);
        }
    }
}

type Queue = Option<Arc<str>>;

#[derive(Debug, Default)]
struct Routes {
    /// Patterns without a wildcard, which are most: found without looking at the others.
    exact: BTreeMap<Arc<str>, BTreeMap<Queue, Vec<Group>>>,
    wild: BTreeMap<(Pattern, Queue), Vec<Group>>,
    count: usize,
    last: u64,
    closed: bool,
}

#[derive(Debug)]
struct Shared {
    routes: Mutex<Routes>,
    closed: watch::Sender<bool>,
    strict: bool,
}

/// The messages of one process. Cheap to clone; clones are the same bus.
#[derive(Clone, Debug)]
pub(super) struct Bus(Arc<Shared>);

/// The way back to an asker, who takes as many answers as fit; ended when all who hold it let go.
type Port = mpsc::Sender<(Headers, Bytes)>;

impl Bus {
    /// A bus without listeners. A strict one hands out copies.
    pub(super) fn new(strict: bool) -> Self {
        Self(Arc::new(Shared { routes: Mutex::default(), closed: watch::channel(false).0, strict }))
    }

    /// Tells every listener and every asker that it is over.
    pub(super) fn close(&self) {
        let mut routes = self.routes();
        routes.closed = true;
        let exact = std::mem::take(&mut routes.exact).into_values().flat_map(BTreeMap::into_values);
        let wild = std::mem::take(&mut routes.wild).into_values();
        for (_, inbox) in exact.chain(wild).flatten().flat_map(|group| group.members) {
            inbox.close();
        }
        drop(routes);
        self.0.closed.send_replace(true);
    }

    fn routes(&self) -> MutexGuard<'_, Routes> {
        self.0.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a message to all who listen; false when nobody does.
    fn deliver(
        &self,
        subject: &Subject,
        headers: &Headers,
        body: &Bytes,
        port: Option<&Port>,
    ) -> bool {
        let routes = self.routes();
        let exact = routes.exact.get(subject.as_str()).into_iter().flat_map(BTreeMap::values);
        let wild = routes
            .wild
            .iter()
            .filter(|((pattern, _), _)| pattern.matches(subject))
            .map(|(_, groups)| groups);
        let mut heard = false;
        for group in exact.chain(wild).flatten() {
            heard = true;
            let body = if self.0.strict { Bytes::copy_from_slice(body) } else { body.clone() };
            group.deliver(Message {
                subject: subject.clone(),
                headers: headers.clone(),
                body,
                reply: port.cloned().map(answer_through),
            });
        }
        heard
    }

    fn remove(&self, id: u64, pattern: &Pattern, queue: &Queue) {
        fn without(groups: &mut Vec<Group>, id: u64) -> bool {
            for group in &mut *groups {
                group.members.retain(|(member, _)| *member != id);
            }
            groups.retain(|group| !group.members.is_empty());
            groups.is_empty()
        }
        let mut routes = self.routes();
        routes.count = routes.count.saturating_sub(1);
        if is_wild(pattern) {
            let key = (pattern.clone(), queue.clone());
            if routes.wild.get_mut(&key).is_some_and(|groups| without(groups, id)) {
                routes.wild.remove(&key);
            }
        } else if let Some(queues) = routes.exact.get_mut(pattern.as_str()) {
            if queues.get_mut(queue).is_some_and(|groups| without(groups, id)) {
                queues.remove(queue);
            }
            if queues.is_empty() {
                routes.exact.remove(pattern.as_str());
            }
        }
    }

    fn listen(&self, pattern: Pattern, queue: Queue, capacity: usize) -> Result<Subscription> {
        let mut routes = self.routes();
        if routes.closed {
            return Err(closed());
        }
        if routes.count >= SUBSCRIPTIONS_MAX {
            return Err(Error::new(
                ErrorKind::Full,
                format!(
                    "cannot listen to {}: there are {SUBSCRIPTIONS_MAX} subscriptions already",
                    pattern.as_str()
                ),
            ));
        }
        routes.count += 1;
        routes.last += 1;
        let (id, inbox) = (routes.last, Inbox::new(capacity));
        let groups = if is_wild(&pattern) {
            routes.wild.entry((pattern.clone(), queue.clone())).or_default()
        } else {
            let queues = routes.exact.entry(pattern.as_str().into()).or_default();
            queues.entry(queue.clone()).or_default()
        };
        // Without a queue everybody is a group of his own.
        if queue.is_none() || groups.is_empty() {
            groups.push(Group::default());
        }
        if let Some(group) = groups.last_mut() {
            group.members.push((id, Arc::clone(&inbox)));
        }
        drop(routes);
        let bus = self.clone();
        let leave = move || bus.remove(id, &pattern, &queue);
        Ok(Listening::new(inbox, Box::new(leave)).boxed())
    }
}

fn is_wild(pattern: &Pattern) -> bool {
    pattern.as_str().contains(['*', '>'])
}

/// What does not fit comes too late, or its asker has given up.
fn answer_through(port: Port) -> Reply {
    Reply::new(move |headers, body| drop(port.try_send((headers, body))))
}

/// Answers until there are `max`, the time is out, or nobody can answer any more.
struct Asked {
    answers: mpsc::Receiver<(Headers, Bytes)>,
    closing: watch::Receiver<bool>,
}

impl Bus {
    /// Sends a question whose asker takes `max` answers.
    fn question(
        &self,
        subject: &Subject,
        headers: &Headers,
        body: &Bytes,
        max: usize,
    ) -> Result<Asked, AskError> {
        if body.len() > FRAME_BYTES_MAX {
            return Err(AskError::TooLarge);
        }
        let closing = self.0.closed.subscribe();
        let (port, answers) = mpsc::channel(max.max(1));
        // After this only the listeners hold the port: when all have let go, no answer comes.
        if !self.deliver(subject, headers, body, Some(&port)) {
            return Err(AskError::NoOne);
        }
        Ok(Asked { answers, closing })
    }

    /// The next answer; none when no more can come.
    async fn answer(&self, asked: &mut Asked) -> Result<Option<(Headers, Bytes)>, AskError> {
        let heard = tokio::select! {
            biased;
            heard = asked.answers.recv() => heard,
            _ = asked.closing.wait_for(|closed| *closed) => return Err(AskError::NoAnswer),
        };
        match heard {
            Some((_, body)) if body.len() > FRAME_BYTES_MAX => Err(AskError::Unreadable),
            Some((headers, body)) if self.0.strict => {
                Ok(Some((headers, Bytes::copy_from_slice(&body))))
            }
            other => Ok(other),
        }
    }
}

impl Messages for Bus {
    fn publish_with(
        &self,
        subject: &Subject,
        headers: Headers,
        body: Bytes,
    ) -> BoxFuture<'static, Result<()>> {
        let published = self.publish_heard(subject, headers, body);
        published.map(|heard| heard.map(drop)).boxed()
    }

    fn publish_heard(
        &self,
        subject: &Subject,
        headers: Headers,
        body: Bytes,
    ) -> BoxFuture<'static, Result<bool>> {
        let (this, subject) = (self.clone(), subject.clone());
        async move {
            if body.len() > FRAME_BYTES_MAX {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    format!(
                        "cannot send {} bytes to {}: at most {FRAME_BYTES_MAX} are allowed",
                        body.len(),
                        subject.as_str()
                    ),
                ));
            }
            if this.routes().closed {
                return Err(closed());
            }
            Ok(this.deliver(&subject, &headers, &body, None))
        }
        .boxed()
    }

    fn subscribe(
        &self,
        pattern: &Pattern,
        queue: Option<&str>,
        capacity: usize,
    ) -> BoxFuture<'static, Result<Subscription>> {
        let (this, pattern) = (self.clone(), pattern.clone());
        let queue = queue.map(Arc::from);
        async move {
            if !(1..=SUBSCRIPTION_CAPACITY_MAX).contains(&capacity) {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    format!(
                        "cannot listen to {} with a capacity of {capacity}: use 1 to {SUBSCRIPTION_CAPACITY_MAX}",
                        pattern.as_str()
                    ),
                ));
            }
            this.listen(pattern, queue, capacity)
        }
        .boxed()
    }

    fn ask_with(
        &self,
        subject: &Subject,
        headers: Headers,
        body: Bytes,
        within: Duration,
    ) -> BoxFuture<'static, Result<(Headers, Bytes), AskError>> {
        let (this, subject) = (self.clone(), subject.clone());
        async move {
            let mut asked = this.question(&subject, &headers, &body, 1)?;
            match tokio::time::timeout(within, this.answer(&mut asked)).await {
                Ok(answer) => answer?.ok_or(AskError::NoAnswer),
                Err(_) => Err(AskError::NoAnswer),
            }
        }
        .boxed()
    }

    fn gather(
        &self,
        subject: &Subject,
        body: Bytes,
        within: Duration,
        max: usize,
    ) -> BoxFuture<'static, Result<Vec<Bytes>, AskError>> {
        let (this, subject) = (self.clone(), subject.clone());
        async move {
            let max = max.min(SUBSCRIPTIONS_MAX);
            let mut asked = match this.question(&subject, &Headers::new(), &body, max) {
                Ok(asked) => asked,
                Err(AskError::NoOne) => return Ok(Vec::new()),
                Err(error) => return Err(error),
            };
            let mut gathered = Vec::new();
            let all = async {
                while gathered.len() < max
                    && let Some((_, body)) = this.answer(&mut asked).await?
                {
                    gathered.push(body);
                }
                Ok(())
            };
            // The time being out is not a fault: what has come is the answer.
            tokio::time::timeout(within, all).await.unwrap_or(Ok(()))?;
            Ok(gathered)
        }
        .boxed()
    }
}
