//! Agents that do little, or misbehave on request: for trying out supervision and for measuring.
//!
//! None of them pretends to have done anything: each does exactly what its name says.

use std::{fmt, io::Write as _, path::PathBuf, time::Duration};

use futures::{FutureExt as _, future::BoxFuture};
use orkestra_runtime::{
    Result,
    protocol::{payload::Json, task::Failure},
};
use serde::Deserialize;

use crate::{Context, Work};

/// What a demonstration does with one attempt.
pub type Play = fn(Work, Context) -> BoxFuture<'static, Result<Json, Failure>>;

/// A demonstration, by name.
#[derive(Clone, Copy)]
pub struct Demo {
    /// What scenarios call it.
    pub name: &'static str,
    /// One line for people.
    pub description: &'static str,
    /// Works on one attempt, without blocking.
    pub play: Play,
}

impl fmt::Debug for Demo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Demo").field("name", &self.name).finish_non_exhaustive()
    }
}

/// All demonstrations.
pub const ALL: [Demo; 6] = [
    Demo {
        name: "noop",
        description: "does nothing and says so",
        play: |_, _| std::future::ready(Ok(Json::null())).boxed(),
    },
    Demo {
        name: "demo-sleep",
        description: "waits for `ms` milliseconds",
        play: |work, _| sleep(work).boxed(),
    },
    Demo {
        name: "demo-fail",
        description: "fails the first `times` attempts",
        play: |work, _| std::future::ready(fail(&work)).boxed(),
    },
    Demo {
        name: "demo-panic",
        description: "panics in the first `times` attempts",
        play: |work, _| async move { panic_at_first(&work) }.boxed(),
    },
    Demo {
        name: "demo-hang",
        description: "gives no sign of life in the first `times` attempts",
        play: |work, _| hang(work).boxed(),
    },
    Demo {
        name: "demo-trace",
        description: "waits for `ms` milliseconds, appends a line to the file `trace`, fails the first `times` attempts, and answers with `bytes` bytes more",
        play: |work, context| trace(work, context).boxed(),
    },
];

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Input {
    times: u32,
    ms: u64,
    trace: Option<PathBuf>,
    bytes: usize,
}

fn input(work: &Work) -> Result<Input, Failure> {
    Ok(work.input::<Option<Input>>()?.unwrap_or_default())
}

/// Says at which attempt it was done.
fn done(work: &Work) -> Result<Json, Failure> {
    Json::of(&serde_json::json!({ "attempt": work.attempt }))
        .map_err(|error| Failure::error(error.to_string()))
}

async fn sleep(work: Work) -> Result<Json, Failure> {
    tokio::time::sleep(Duration::from_millis(input(&work)?.ms)).await;
    done(&work)
}

fn fail(work: &Work) -> Result<Json, Failure> {
    let times = input(work)?.times;
    if work.attempt.0 <= times {
        return Err(Failure::error(format!("attempt {} of {times} that fail", work.attempt)));
    }
    done(work)
}

fn panic_at_first(work: &Work) -> Result<Json, Failure> {
    let times = input(work)?.times;
    assert!(work.attempt.0 > times, "attempt {} of {times} that panic", work.attempt);
    done(work)
}

async fn hang(work: Work) -> Result<Json, Failure> {
    if work.attempt.0 <= input(&work)?.times {
        std::future::pending::<()>().await;
    }
    done(&work)
}

/// Leaves a trace outside for each attempt that was executed to its end: one line, appended in one
/// write, so that a kill leaves it whole or not at all.
async fn trace(work: Work, context: Context) -> Result<Json, Failure> {
    let Input { ms, trace, bytes, .. } = input(&work)?;
    let trace = trace.ok_or_else(|| Failure::error("`trace` names no file").for_good())?;
    tokio::time::sleep(Duration::from_millis(ms)).await;
    let line = format!("{} {} {}\n", work.id, work.attempt, context.effect_key());
    let file = std::fs::OpenOptions::new().append(true).create(true).open(&trace);
    file.and_then(|mut file| file.write_all(line.as_bytes()))
        .map_err(|error| Failure::error(format!("cannot write {}: {error}", trace.display())))?;
    let small = fail(&work)?;
    if bytes == 0 {
        return Ok(small);
    }
    let large = serde_json::json!({ "attempt": work.attempt, "filling": "x".repeat(bytes) });
    Ok(Json::of(&large)?)
}

/// A demonstration by name.
pub fn find(name: &str) -> Option<&'static Demo> {
    const { &ALL }.iter().find(|demo| demo.name == name)
}
