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
    audit::{AuditRow, Auditor},
    shard::{
        Mind as _,
        machine::{Event, ShardMachine},
    },
    task::{Answer, Query, Scope, TaskEvent},
};

/// How many records are read before anybody looks at what they hold.
const STRIDE: u64 = 16;

/// Reads a journal on as public events, in order.
#[derive(Debug)]
pub(super) struct Cursor {
    journal: Journal,
    position: Position,
    auditor: Auditor,
    namespaces: BTreeMap<RunId, String>,
    /// What was read and not handed on yet.
    ahead: VecDeque<PublicEvent>,
    /// The number of the last event that was handed on.
    last: Number,
    /// How many events were folded: names are remembered for each.
    folded: u64,
}

impl Cursor {
    /// Stands where the journal begins: before its first event or, where that was trimmed, at the
    /// oldest snapshot that is kept.
    pub(super) async fn begin(journal: Journal) -> Result<Self> {
        let shard = journal.shard().0;
        let mut cursor = Self {
            journal,
            position: Position::default(),
            auditor: Auditor::of_shard(shard),
            namespaces: BTreeMap::new(),
            ahead: VecDeque::new(),
            last: Number(0),
            folded: 0,
        };
        if cursor.journal.first().await? <= Sequence(1) {
            return Ok(cursor);
        }
        let marks = cursor.journal.snapshots().await?;
        let Some(oldest) = marks.first() else {
            let why = "the beginning of the journal was trimmed, and there is no snapshot";
            return Err(Error::new(ErrorKind::Corrupt, why));
        };
        let snapshot = cursor.journal.load(oldest).await?;
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
    pub(super) const fn last(&self) -> Number {
        self.last
    }

    /// How many events it has seen.
    pub(super) const fn folded(&self) -> u64 {
        self.folded
    }

    /// The next event; none at the end of what is durable.
    pub(super) async fn next(&mut self) -> Result<Option<PublicEvent>> {
        if self.ahead.is_empty() {
            self.read_on().await?;
        }
        let next = self.ahead.pop_front();
        if let Some(event) = &next {
            self.last = event.number;
        }
        Ok(next)
    }

    async fn read_on(&mut self) -> Result<()> {
        let Self { journal, position, auditor, namespaces, ahead, folded, .. } = self;
        let (shard, until) = (journal.shard(), Sequence(position.sequence().0 + STRIDE));
        let fold = |number, at: Wall, event: &Event| {
            *folded += 1;
            if let Event::Task(TaskEvent::RunOpened { run, opening }) = event {
                namespaces.insert(run.clone(), opening.namespace.clone());
            }
            let row = auditor.row(number, at, event);
            let namespace = namespace_of(&row, event, namespaces);
            ahead.push_back(PublicEvent::of(shard, &row, &namespace));
        };
        journal.read_on(position, until, fold).await.map(drop)
    }
}

/// What belongs to no run and no namespace is told under the default one.
fn namespace_of(row: &AuditRow, event: &Event, known: &BTreeMap<RunId, String>) -> String {
    if let Event::Task(
        TaskEvent::Paused { scope: Scope::Namespace(name), .. }
        | TaskEvent::Resumed { scope: Scope::Namespace(name), .. },
    ) = event
    {
        return name.clone();
    }
    row.run.as_ref().and_then(|run| known.get(run)).cloned().unwrap_or_default()
}
