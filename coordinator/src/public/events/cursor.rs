//! A place in a journal, and the names that are known there.

use std::collections::{BTreeMap, VecDeque};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::Sequence,
    id::{Number, RunId},
    journal::{Journal, Position},
    time::{Now, Wall},
};

use super::event::PublicEvent;
use crate::{
    audit::Auditor,
    shard::{
        Mind as _,
        machine::{Event, ShardMachine},
    },
    task::{Answer, Query, Scope, TaskEvent},
};

/// How many bytes of records are read at once.
const READ_BYTES: usize = 128 * 1024;

/// What the next event is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About<'a> {
    pub(crate) number: Number,
    pub(crate) at: Wall,
    /// As it is audited: `task_completed`.
    pub(crate) kind: &'static str,
    /// As it is kept: the default one has an empty name.
    pub(crate) namespace: &'a str,
    /// With which look at the journal it was read. What belongs to one was durable before any of it
    /// is handed on.
    pub(crate) look: u64,
}

/// An event as it was read, of which nothing public was made.
#[derive(Debug)]
struct Found {
    number: Number,
    at: Wall,
    event: Event,
}

/// Reads a journal on as public events, in order.
#[derive(Debug)]
pub(crate) struct Cursor {
    journal: Journal,
    position: Position,
    auditor: Auditor,
    namespaces: BTreeMap<RunId, String>,
    /// What was read and not handed on yet.
    ahead: VecDeque<Found>,
    /// How often the journal was looked at.
    looks: u64,
    /// The number of the last event that was handed on.
    last: Number,
    /// How many events were folded: names are remembered for each.
    folded: u64,
}

impl Cursor {
    /// Stands where the journal begins: before its first event or, where that was trimmed, at the
    /// oldest snapshot that is kept.
    pub(crate) async fn begin(journal: Journal) -> Result<Self> {
        let shard = journal.shard().0;
        let mut cursor = Self {
            journal,
            position: Position::default(),
            auditor: Auditor::of_shard(shard),
            namespaces: BTreeMap::new(),
            ahead: VecDeque::new(),
            looks: 0,
            last: Number(0),
            folded: 0,
        };
        if cursor.journal.first().await? <= Sequence(1) {
            return Ok(cursor);
        }
        let Some(snapshot) = cursor.journal.oldest().await? else {
            let why = "the beginning of the journal was trimmed, and there is no snapshot";
            return Err(Error::new(ErrorKind::Corrupt, why));
        };
        let machine = ShardMachine::restore(&snapshot.bytes)?;
        cursor.auditor = Auditor::knowing(shard, machine.tasks());
        let now = Now { wall: snapshot.position.at, ..Now::default() };
        if let Answer::Runs(runs) = machine.tasks().answer(now, &Query::Runs) {
            let named = runs.into_iter().map(|run| (run.summary.run, run.opening.namespace));
            cursor.namespaces = named.collect();
        }
        cursor.last = snapshot.position.number;
        cursor.position = snapshot.position;
        Ok(cursor)
    }

    /// The number of the last event that was handed on.
    pub(crate) const fn last(&self) -> Number {
        self.last
    }

    /// How many events it has seen.
    pub(crate) const fn folded(&self) -> u64 {
        self.folded
    }

    /// The next event; none at the end of what is durable.
    pub(crate) async fn next(&mut self) -> Result<Option<PublicEvent>> {
        Ok(self.next_if(|_| true).await?.flatten())
    }

    /// Goes past the next event, and makes it public if it is wanted: few are, and most of the work
    /// is in that. None at the end of what is durable.
    pub(crate) async fn next_if(
        &mut self,
        wanted: impl FnOnce(About<'_>) -> bool + Send,
    ) -> Result<Option<Option<PublicEvent>>> {
        if self.ahead.is_empty() {
            self.read_on().await?;
        }
        let Some(Found { number, at, event }) = self.ahead.pop_front() else { return Ok(None) };
        self.last = number;
        if let Event::Task(TaskEvent::RunOpened { run, opening }) = &event {
            self.namespaces.insert(run.clone(), opening.namespace.clone());
        }
        let (kind, run) = self.auditor.pass(number, &event);
        let namespace = namespace_of(run, &event, &self.namespaces).to_owned();
        if !wanted(About { number, at, kind, namespace: &namespace, look: self.looks }) {
            return Ok(Some(None));
        }
        let row = self.auditor.row(number, at, &event);
        Ok(Some(Some(PublicEvent::of(self.journal.shard(), &row, &namespace))))
    }

    async fn read_on(&mut self) -> Result<()> {
        let Self { journal, position, ahead, folded, looks, .. } = self;
        let fold = |number, at: Wall, event: &Event| {
            *folded += 1;
            ahead.push_back(Found { number, at, event: event.clone() });
        };
        *looks += 1;
        let read = journal.read_once(position, Sequence(u64::MAX), READ_BYTES, fold).await;
        read.map(drop)
    }
}

/// What belongs to no run and no namespace is told under the default one.
fn namespace_of<'a>(
    run: Option<&RunId>,
    event: &'a Event,
    known: &'a BTreeMap<RunId, String>,
) -> &'a str {
    if let Event::Task(
        TaskEvent::Paused { scope: Scope::Namespace(name), .. }
        | TaskEvent::Resumed { scope: Scope::Namespace(name), .. },
    ) = event
    {
        return name;
    }
    run.and_then(|run| known.get(run)).map_or("", String::as_str)
}
