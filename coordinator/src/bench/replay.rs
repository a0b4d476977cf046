//! A million events, folded without a snapshot.
//!
//! They are what a stream of tasks leaves: submitted, given out, completed, and forgotten by
//! hundreds, each as the journal stores it. Only the fold is measured: reading, decoding, applying.

use std::sync::Arc;

use bytes::Bytes;
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{Fabric as _, Sequence, embedded::Embedded},
    id::{AgentId, Attempt, Number, RunId, ShardId, TaskId, TaskNo},
    journal::{Journal, Position, READ_BYTES},
    protocol::{
        agent::{AgentProfile, Availability},
        payload::{Json, Payload},
        task::TaskSpec,
    },
    record::{Head, encode_event, seal},
};

use super::{Figure, Place, cannot, figure::number};
use crate::{
    shard::{
        Fold,
        machine::{Event, ShardMachine, ShardSettings},
    },
    task::{RunNo, RunOpening, Score, TaskEvent},
};

const EVENTS: u64 = 1_000_000;
/// How many bytes of events a record has.
const RECORD_BYTES: usize = 400 * 1024;
/// How many tasks are given out together.
const WAVE: u64 = 100;

pub(super) async fn measure(place: &Place) -> Result<Vec<Figure>> {
    let fabric = Embedded::open(place.room("data"))?;
    let journal = Journal::of(&fabric, ShardId(0))?;
    let bytes = Writer::begin(&journal, place).await?.write().await?;
    let genesis = Arc::new(|| ShardMachine::new(ShardSettings::default()));
    let began = place.clock.now().moment;
    let mut fold = Fold::restore(journal, genesis).await?;
    fold.read_on(Sequence(u64::MAX)).await?;
    let took = place.clock.now().moment.since(began);
    let events = fold.position().number.0;
    drop(fold);
    let bare = read_alone(&fabric, place).await?;
    fabric.close().await;
    if events < EVENTS {
        return Err(Error::new(ErrorKind::Fault, format!("only {events} events were folded")));
    }
    let each = number(bytes) / number(usize::try_from(events).unwrap_or(usize::MAX));
    Ok(vec![
        Figure::new("replay.million", took.as_secs_f64(), "s").beside(&bare),
        Figure::new("replay.event_bytes", each, "B"),
    ])
}

/// How long it takes to read the same records and do nothing with them.
async fn read_alone(fabric: &Embedded, place: &Place) -> Result<Figure> {
    let journal = Journal::of(fabric, ShardId(0))?;
    let began = place.clock.now().moment;
    let mut next = Sequence(1);
    loop {
        let entries = fabric.logs().read(journal.log(), next, READ_BYTES).await?;
        let Some(last) = entries.last() else { break };
        next = Sequence(last.sequence.0 + 1);
    }
    let took = place.clock.now().moment.since(began);
    Ok(Figure::new("records read alone", took.as_secs_f64(), "s"))
}

/// Writes records as a sequencer does.
struct Writer<'a> {
    journal: &'a Journal,
    position: Position,
    next: Number,
    first: Number,
    buffer: Vec<u8>,
    bytes: usize,
}

impl<'a> Writer<'a> {
    async fn begin(journal: &'a Journal, place: &Place) -> Result<Self> {
        let mut position = Position::default();
        let (epoch, wall) = (journal.next_epoch().await?, place.clock.now().wall);
        journal.promote(epoch, wall, &mut position, |_, _, _: &Event| ()).await?;
        let next = position.number.next();
        Ok(Self { journal, position, next, first: next, buffer: Vec::new(), bytes: 0 })
    }

    async fn write(mut self) -> Result<usize> {
        let run = RunNo(self.next.0);
        let opening = RunOpening { stream: true, ..RunOpening::default() };
        self.event(TaskEvent::RunOpened { run: RunId::new("replay")?, opening }).await?;
        let agent = AgentId::new("worker")?;
        self.event(TaskEvent::AgentDescribed { profile: profile(agent.clone()) }).await?;
        while self.next.0 <= EVENTS {
            self.wave(run, &agent).await?;
        }
        self.flush().await?;
        Ok(self.bytes)
    }

    /// Tasks from their submission to their leaving memory.
    async fn wave(&mut self, run: RunNo, agent: &AgentId) -> Result<()> {
        let first = self.next.0;
        let tasks: Vec<TaskNo> = (first..first + WAVE).map(TaskNo).collect();
        for task in &tasks {
            self.event(TaskEvent::Submitted { run, spec: Arc::new(spec(*task)?) }).await?;
        }
        for task in &tasks {
            let score = Score { suitability: 50, penalty: 20, history: 0 };
            let (task, attempt, agent) = (*task, Attempt(1), agent.clone());
            self.event(TaskEvent::Assigned { task, attempt, agent, score }).await?;
        }
        for task in &tasks {
            let output = Payload::Inline(Json::of(&"x".repeat(200))?);
            let (task, attempt) = (*task, Attempt(1));
            self.event(TaskEvent::Completed { task, attempt, output, worked_ms: 1 }).await?;
        }
        self.event(TaskEvent::TasksForgotten { tasks }).await
    }

    async fn event(&mut self, event: TaskEvent) -> Result<()> {
        self.bytes += encode_event(&Event::Task(event), &mut self.buffer)?;
        self.next = self.next.next();
        if self.buffer.len() >= RECORD_BYTES { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let (shard, last) = (self.journal.shard(), Number(self.next.0 - 1));
        let Position { epoch, at, .. } = self.position;
        let head = Head { shard, epoch, first: self.first, last, at };
        let record = Bytes::from(seal(&head, &self.buffer)?);
        let appended = self.journal.append(self.position.sequence(), record).await;
        let sequence = appended.map_err(|error| cannot("append a record", error))?;
        self.position.pass(shard, sequence, orkestra_runtime::record::Kind::Events, &head)?;
        self.first = self.next;
        self.buffer.clear();
        Ok(())
    }
}

fn spec(task: TaskNo) -> Result<TaskSpec> {
    let mut spec = TaskSpec::new(TaskId::new(format!("task-{task}"))?);
    spec.title.push_str("One of very many tasks");
    spec.instructions = "Do what the title says, and answer with a text. ".repeat(3);
    Ok(spec)
}

fn profile(id: AgentId) -> AgentProfile {
    AgentProfile {
        id,
        kind: "function".to_owned(),
        description: String::new(),
        capabilities: Vec::new(),
        specialties: Vec::new(),
        capacity: 1_000,
        availability: Availability::Available,
    }
}
