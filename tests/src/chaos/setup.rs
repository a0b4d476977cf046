//! What a run is made of.

use std::{path::PathBuf, time::Duration};

use super::{plan::Fault, plant::Plant, troubles::Hits};

/// How long nothing may come to its end, once all is well again, before there is no rest.
const REST: Duration = Duration::from_secs(90);
/// How long all of a small run may take.
const LIMIT: Duration = Duration::from_mins(5);

/// What a run is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The program of a node.
    pub program: PathBuf,
    /// One server, or three.
    pub servers: usize,
    /// How many nodes lead.
    pub coordinators: usize,
    /// How many nodes host agents.
    pub agents: usize,
    /// How many shards there are.
    pub shards: u16,
    /// How many tasks are submitted.
    pub tasks: usize,
    /// How many clients take turns at locks.
    pub lockers: usize,
    /// How many tasks may be unfinished before no more are asked for.
    pub backlog: u64,
    /// How many things go wrong, or how many nodes are killed where that is counted.
    pub faults: u64,
    /// Whether only kills are counted.
    pub counts_kills: bool,
    /// What goes wrong, and how often each.
    pub kinds: Vec<(Fault, u64)>,
    /// Which nodes are hit.
    pub hits: Hits,
    /// How far apart two things go wrong at most.
    pub apart: Duration,
    /// Where chance comes from.
    pub seed: u64,
    /// What is planted.
    pub plant: Plant,
    /// Whether it is over as soon as something is found that must never be.
    pub until_found: bool,
    /// How long nothing may come to its end, once all is well again, before there is no rest.
    pub patience: Duration,
    /// How long all of it may take.
    pub limit: Duration,
    /// Where everything is written; a temporary folder if there is none.
    pub folder: Option<PathBuf>,
}

impl Setup {
    /// A small cluster without trouble.
    pub fn new(program: impl Into<PathBuf>, seed: u64) -> Self {
        Self {
            program: program.into(),
            servers: 1,
            coordinators: 2,
            agents: 2,
            shards: 4,
            tasks: 1_000,
            lockers: 6,
            backlog: 2_000,
            faults: 0,
            counts_kills: false,
            kinds: Fault::ALL.to_vec(),
            hits: Hits::All,
            apart: Duration::from_millis(1_200),
            seed,
            plant: Plant::Nothing,
            until_found: false,
            patience: REST,
            limit: LIMIT,
            folder: None,
        }
    }

    /// A small cluster with a bug, and the trouble that brings this bug to light, again and again
    /// until it does. Work never stops meanwhile.
    pub fn planted(program: impl Into<PathBuf>, seed: u64, plant: Plant) -> Self {
        let (fault, hits) = match plant {
            // A leader that goes on after another took over is one that stood still.
            Plant::Unfenced => (Fault::Pause, Hits::Leaders),
            // What a leader alone knew goes with it.
            Plant::AnswerEarly | Plant::OutcomeTwice | Plant::SubmitForgotten => {
                (Fault::Kill, Hits::Leaders)
            }
            // A task is given a second time when whoever had it is gone.
            Plant::OutcomeStale | Plant::AttemptAgain => (Fault::Kill, Hits::Agents),
            Plant::GrantForgotten => (Fault::Kill, Hits::Leaders),
            Plant::Nothing | Plant::LineLost => (Fault::Kill, Hits::All),
        };
        let mut kinds = vec![(fault, 1)];
        if plant == Plant::Nothing {
            kinds.push((Fault::Pause, 1));
        }
        let (tasks, faults) = match plant {
            Plant::Nothing | Plant::LineLost => (600, 4),
            Plant::Unfenced
            | Plant::AnswerEarly
            | Plant::OutcomeStale
            | Plant::AttemptAgain
            | Plant::OutcomeTwice
            | Plant::SubmitForgotten
            | Plant::GrantForgotten => (1_000_000, 20),
        };
        Self {
            shards: 1,
            tasks,
            backlog: 200,
            faults,
            kinds,
            hits,
            plant,
            until_found: plant != Plant::Nothing,
            patience: Duration::from_secs(20),
            limit: Duration::from_mins(2),
            ..Self::new(program, seed)
        }
    }
}
