//! Looks into the data directory of a run, alive or dead, or at a shard of a cluster, and changes
//! nothing.

use std::{path::Path, sync::Arc};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{
        Durability, Fabric, Sequence,
        embedded::{Embedded, holder},
    },
    id::{NodeId, Number, ShardId},
    journal::{Journal, Position},
    supervise::log::Record,
    time::{Now, Wall},
};

use crate::{
    audit::{AuditRow, Auditor},
    committee::{CommitteeAnswer, CommitteeEvent, CommitteeQuery},
    context::{ContextAnswer, ContextQuery},
    health::{Tending, Vitals},
    lock::{LockAnswer, LockQuery},
    shard::{
        Mind as _,
        fold::Fold,
        machine::{Event, ShardMachine, ShardSettings},
    },
    system,
    task::{Answer as TaskAnswer, Query as TaskQuery, TaskEvent, TaskMachine},
};

/// What a data directory, or a shard of a cluster, holds.
#[derive(Debug)]
pub struct Inspection {
    fabric: Arc<dyn Fabric>,
    journal: Journal,
    machine: ShardMachine,
    position: Position,
    held_by: Option<u32>,
}

impl Inspection {
    /// Opens a data directory and folds its journal.
    ///
    /// An error of kind `NotFound` means that nothing was ever run there, `Corrupt` names the file
    /// that is damaged.
    pub async fn of(data_dir: &Path) -> Result<Self> {
        if !data_dir.exists() {
            let shown = data_dir.display();
            return Err(Error::new(
                ErrorKind::NotFound,
                format!(
                    "there is no run in {shown}: name another folder with --data-dir, or run something"
                ),
            ));
        }
        let held_by = holder(data_dir)?;
        let fabric = Arc::new(Embedded::open_read_only(data_dir)?);
        Self::fold(fabric, ShardId(0), held_by).await
    }

    /// Folds the journal of a shard over a fabric that others use too; it stays open.
    pub async fn over(fabric: Arc<dyn Fabric>, shard: ShardId) -> Result<Self> {
        Self::fold(fabric, shard, None).await
    }

    async fn fold(fabric: Arc<dyn Fabric>, shard: ShardId, held_by: Option<u32>) -> Result<Self> {
        let journal = Journal::of(fabric.as_ref(), shard)?;
        journal.check(ShardMachine::SNAPSHOT_VERSION).await?;
        let genesis = Arc::new(|| ShardMachine::new(ShardSettings::default()));
        let mut fold = Fold::restore(journal.clone(), genesis).await?;
        fold.read_on(Sequence(u64::MAX)).await?;
        let (machine, position) = fold.into_parts();
        Ok(Self { fabric, journal, machine, position, held_by })
    }

    /// Reads what was added meanwhile. An error of kind `NotFound` says that the beginning of it was
    /// forgotten already: inspect anew.
    pub async fn read_on(&mut self) -> Result<()> {
        let machine = &mut self.machine;
        let apply = |number, at, event: &Event| machine.apply(number, at, event);
        self.journal.read_on(&mut self.position, Sequence(u64::MAX), apply).await.map(drop)
    }

    /// The process that runs in the directory now, if one does; what is shown is then what was
    /// durable when it was opened.
    pub const fn held_by(&self) -> Option<u32> {
        self.held_by
    }

    /// What survives which failure.
    pub fn durability(&self) -> Durability {
        self.fabric.durability()
    }

    /// The shard time of the last record.
    pub const fn last_record(&self) -> Wall {
        self.position.at
    }

    /// How often a node was started here.
    pub async fn boots(&self, node: &NodeId) -> Result<u64> {
        system::boots(self.fabric.registers().as_ref(), node).await
    }

    /// Reads every snapshot that is kept, and folds it; answers how many are sound, and what is
    /// wrong with the others.
    pub async fn verify_snapshots(&self) -> Result<(u64, Vec<String>)> {
        let (mut sound, mut faults) = (0, Vec::new());
        for mark in self.journal.snapshots().await? {
            let read = self.journal.load(&mark).await;
            match read.and_then(|snapshot| ShardMachine::restore(&snapshot.bytes)) {
                Ok(_) => sound += 1,
                Err(error) => faults.push(error.to_string()),
            }
        }
        Ok((sound, faults))
    }

    /// The tasks, runs and agents.
    pub const fn tasks(&self) -> &TaskMachine {
        self.machine.tasks()
    }

    /// Everything that the record adds up to.
    pub(crate) const fn shard(&self) -> &ShardMachine {
        &self.machine
    }

    /// Answers a question about tasks.
    pub fn answer(&self, now: Now, query: &TaskQuery) -> TaskAnswer {
        self.machine.answer_tasks(now, query)
    }

    /// Answers a question about the context.
    pub fn context(&self, query: &ContextQuery) -> ContextAnswer {
        self.machine.context().answer(query, self.machine.tasks())
    }

    /// Answers a question about locks; times that only a leader measures are missing.
    pub fn locks(&self, now: Now, query: &LockQuery) -> LockAnswer {
        self.machine.answer_locks(now, query)
    }

    /// Answers a question about votes.
    pub fn votes(&self, query: &CommitteeQuery) -> CommitteeAnswer {
        self.machine.committee().answer(query)
    }

    /// Hands on every event of the journal, oldest first, as a row; where its beginning was trimmed,
    /// every event after the oldest snapshot that is kept.
    pub async fn audit(&self, mut each: impl FnMut(AuditRow) + Send) -> Result<()> {
        let shard = self.journal.shard().0;
        let (mut auditor, mut position) = (Auditor::of_shard(shard), Position::default());
        let hand_on = |number, at, event: &Event| each(auditor.row(number, at, event));
        let read = self.journal.read_on(&mut position, Sequence(u64::MAX), hand_on).await;
        let trimmed = match read {
            Err(error) if error.kind() == ErrorKind::NotFound => error,
            read => return read.map(drop),
        };
        let Some(snapshot) = self.journal.oldest().await? else { return Err(trimmed) };
        let machine = ShardMachine::restore(&snapshot.bytes)?;
        let (mut auditor, mut position) =
            (Auditor::knowing(shard, machine.tasks()), snapshot.position);
        let hand_on = |number, at, event: &Event| each(auditor.row(number, at, event));
        self.journal.read_on(&mut position, Sequence(u64::MAX), hand_on).await.map(drop)
    }

    /// What the journal says of its health, together with the lines of its supervision log.
    pub async fn health(&self, records: &[Record]) -> Result<(Vitals, Tending)> {
        let mut tending = Tending::default();
        for record in records {
            tending.add(record);
        }
        let (mut vitals, mut position) = Vitals::beginning(&self.journal).await?;
        let fold = |number, at, event: &Event| {
            tending.hear(at);
            if let Event::Task(event) = event {
                vitals.apply(number, at, event, &mut |_| {});
            }
        };
        self.journal.read_on(&mut position, Sequence(u64::MAX), fold).await?;
        Ok((vitals, tending))
    }

    /// Hands on every event of the journal that is kept, oldest first.
    pub async fn each_event(&self, mut each: impl FnMut(&TaskEvent) + Send) -> Result<()> {
        let mut hand_on = |_: Number, _: Wall, event: &Event| {
            if let Event::Task(event) = event {
                each(event);
            }
        };
        let mut position = Position::default();
        let read = self.journal.read_on(&mut position, Sequence(u64::MAX), &mut hand_on).await;
        let trimmed = match read {
            Err(error) if error.kind() == ErrorKind::NotFound => error,
            read => return read.map(drop),
        };
        let marks = self.journal.snapshots().await?;
        let Some(oldest) = marks.first() else { return Err(trimmed) };
        let mut position = oldest.position;
        self.journal.read_on(&mut position, Sequence(u64::MAX), hand_on).await.map(drop)
    }

    /// Hands on every event of votes that is kept, oldest first; answers whether they are all that
    /// ever were.
    pub async fn each_of_votes(
        &self,
        mut each: impl FnMut(Number, Wall, &CommitteeEvent) + Send,
    ) -> Result<bool> {
        let mut hand_on = |number: Number, at: Wall, event: &Event| {
            if let Event::Committee(event) = event {
                each(number, at, event);
            }
        };
        let mut position = Position::default();
        let read = self.journal.read_on(&mut position, Sequence(u64::MAX), &mut hand_on).await;
        let trimmed = match read {
            Err(error) if error.kind() == ErrorKind::NotFound => error,
            read => return read.map(|_| true),
        };
        let marks = self.journal.snapshots().await?;
        let Some(oldest) = marks.first() else { return Err(trimmed) };
        let mut position = oldest.position;
        self.journal.read_on(&mut position, Sequence(u64::MAX), hand_on).await.map(|_| false)
    }

    /// Closes the directory.
    pub async fn close(self) {
        self.fabric.close().await;
    }
}
