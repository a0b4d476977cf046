//! What planning keeps: plans, jobs and answers, in registers of the fabric.
//!
//! | register | holds | is made |
//! |---|---|---|
//! | `planning.plan.<hash>` | a plan as it was approved | once, by its first approval |
//! | `planning.job.<hash>` | a job, and how it ended | once; its end is set once, by its revision |
//! | `planning.answer.<job>.<agent>` | one agent's answer | once: a second one finds the first |
//!
//! Promises: what a method acknowledged is there after any restart; two coordinators that do the same
//! at once do it once.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use orkestra_runtime::{
    Error, ErrorKind, Result,
    fabric::{Key, Registers, Revision, SetError},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    collect::{Answers, Ended, Job, JobEnd, RECORD_VERSION},
    event::PlanApproval,
    response::{Response, Said},
    words::fingerprint,
};
use crate::public::kept_namespace;

/// How often a register is tried to be set while others set it.
const TRIES_MAX: usize = 10;

/// A plan as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptPlan {
    /// The version of this record.
    pub v: u32,
    /// Whose it is.
    pub namespace: String,
    /// What was approved.
    pub plan: PlanApproval,
    /// When it was first approved here, in milliseconds since 1970.
    pub kept_ms: u64,
    /// Its jobs that are over and forgotten, and how they ended: they are not given out again.
    #[serde(default)]
    pub over: BTreeMap<String, Ended>,
}

/// An answer as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KeptAnswer {
    v: u32,
    job: String,
    agent: String,
    said: Said,
}

/// A job, and when it was set.
pub type Found = (Job, Revision);

/// Where planning keeps what it keeps. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store(Arc<dyn Registers>);

impl Store {
    /// In these registers.
    pub fn new(registers: Arc<dyn Registers>) -> Self {
        Self(registers)
    }

    /// Keeps a plan, or finds it kept. Another one of the same name is refused.
    pub async fn keep_plan(
        &self,
        namespace: &str,
        plan: &PlanApproval,
        now: u64,
    ) -> Result<(KeptPlan, bool)> {
        let kept = KeptPlan {
            v: RECORD_VERSION,
            namespace: namespace.to_owned(),
            plan: plan.clone(),
            kept_ms: now,
            over: BTreeMap::new(),
        };
        if self.made(&plan_key(namespace, &plan.plan_id)?, &kept).await? {
            return Ok((kept, true));
        }
        match self.plan(namespace, &plan.plan_id).await? {
            Some(found) if found.plan.content_hash() == plan.content_hash() => Ok((found, false)),
            Some(_) => Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "the plan {} was approved before with another content: give the new one a name of \
                     its own",
                    plan.plan_id
                ),
            )),
            None => Err(unsettled("the plan")),
        }
    }

    /// A plan that was approved.
    pub async fn plan(&self, namespace: &str, plan_id: &str) -> Result<Option<KeptPlan>> {
        let found = self.read::<KeptPlan>(&plan_key(namespace, plan_id)?).await?;
        Ok(found.map(|(kept, _)| kept))
    }

    /// Remembers with its plan that a job is over, so that the job itself can be forgotten.
    async fn remember_end(&self, job: &Job, end: &JobEnd) -> Result<()> {
        let key = plan_key(&job.namespace, &job.plan_id)?;
        for _ in 0..TRIES_MAX {
            let Some((mut kept, found)) = self.read::<KeptPlan>(&key).await? else { return Ok(()) };
            if kept.over.insert(job.id.clone(), end.how) == Some(end.how) {
                return Ok(());
            }
            match self.0.compare_and_set(&key, found, written(&kept)?).await {
                Ok(_) => return Ok(()),
                Err(SetError::Conflict(_)) => {}
                Err(error) => return Err(not_set(&key, error)),
            }
        }
        Err(unsettled("the plan"))
    }

    /// Forgets plans that were kept before a time; no event that tells of them is kept any more.
    pub async fn forget_plans(&self, before_ms: u64) -> Result<()> {
        for (key, value) in self.0.list(&Key::new("planning.plan")?).await? {
            let kept: Result<KeptPlan> = decoded(&value.bytes);
            if kept.is_ok_and(|kept| kept.kept_ms < before_ms) {
                self.removed(&key, value.revision).await?;
            }
        }
        Ok(())
    }

    /// Keeps a job, or finds it; says whether it is new.
    pub async fn open_job(&self, job: &Job) -> Result<(Found, bool)> {
        let is_new = self.made(&job_key(&job.namespace, &job.id)?, job).await?;
        let found = self.job(&job.namespace, &job.id).await?;
        found.map(|found| (found, is_new)).ok_or_else(|| unsettled("the job"))
    }

    /// A job.
    pub async fn job(&self, namespace: &str, id: &str) -> Result<Option<Found>> {
        self.read(&job_key(namespace, id)?).await
    }

    /// Sets a job that is still as it was found; says whether it was.
    pub async fn set_job(&self, job: &Job, found: Revision) -> Result<bool> {
        let (key, bytes) = (job_key(&job.namespace, &job.id)?, written(job)?);
        match self.0.compare_and_set(&key, found, bytes).await {
            Ok(_) => Ok(true),
            Err(SetError::Conflict(_)) => Ok(false),
            Err(error) => Err(not_set(&key, error)),
        }
    }

    /// All jobs.
    pub async fn jobs(&self) -> Result<Vec<Found>> {
        let found = self.0.list(&Key::new("planning.job")?).await?;
        let jobs = found.into_iter().map(|(_, value)| Ok((decoded(&value.bytes)?, value.revision)));
        // One that cannot be read must not keep the others from being looked at.
        Ok(jobs.filter_map(|job: Result<Found>| job.ok()).collect())
    }

    /// Keeps an answer; says whether it is the first of its agent.
    pub async fn keep_answer(&self, namespace: &str, response: &Response) -> Result<bool> {
        let answer = KeptAnswer {
            v: RECORD_VERSION,
            job: response.task_id.clone(),
            agent: response.agent_id.clone(),
            said: response.said.clone(),
        };
        let under = answers_key(namespace, &response.task_id)?;
        let agent = hash(&[&response.agent_id]);
        self.made(&Key::new(&format!("{}.{agent}", under.as_str()))?, &answer).await
    }

    /// The answers to a job.
    pub async fn answers(&self, namespace: &str, job: &str) -> Result<Answers> {
        let found = self.0.list(&answers_key(namespace, job)?).await?;
        let answers = found.into_iter().map(|(_, value)| {
            let answer: KeptAnswer = decoded(&value.bytes)?;
            Ok((answer.agent, answer.said))
        });
        answers.collect()
    }

    /// Forgets a job and its answers: the job last, so that what is left is found again. Its plan knows
    /// that it is over.
    pub async fn forget(&self, job: &Job, found: Revision) -> Result<()> {
        if let Some(end) = job.end.as_ref().filter(|_| !job.plan_id.is_empty()) {
            self.remember_end(job, end).await?;
        }
        for (key, value) in self.0.list(&answers_key(&job.namespace, &job.id)?).await? {
            self.removed(&key, value.revision).await?;
        }
        self.removed(&job_key(&job.namespace, &job.id)?, found).await
    }

    async fn removed(&self, key: &Key, revision: Revision) -> Result<()> {
        match self.0.delete(key, revision).await {
            Ok(()) | Err(SetError::Conflict(_)) => Ok(()),
            Err(error) => Err(not_set(key, error)),
        }
    }

    /// Makes a register; says whether it was absent.
    async fn made<T: Serialize + Sync>(&self, key: &Key, value: &T) -> Result<bool> {
        match self.0.create(key, written(value)?).await {
            Ok(_) => Ok(true),
            Err(SetError::Conflict(_)) => Ok(false),
            Err(error) => Err(not_set(key, error)),
        }
    }

    async fn read<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<(T, Revision)>> {
        let found = self.0.get(key).await?;
        found.map(|value| Ok((decoded(&value.bytes)?, value.revision))).transpose()
    }
}

fn hash(parts: &[&str]) -> String {
    let mut text = fingerprint(parts.iter().copied());
    text.truncate(32);
    text
}

fn plan_key(namespace: &str, plan: &str) -> Result<Key> {
    Key::new(&format!("planning.plan.{}", hash(&[kept_namespace(Some(namespace)), plan])))
}

fn job_key(namespace: &str, job: &str) -> Result<Key> {
    Key::new(&format!("planning.job.{}", hash(&[kept_namespace(Some(namespace)), job])))
}

fn answers_key(namespace: &str, job: &str) -> Result<Key> {
    Key::new(&format!("planning.answer.{}", hash(&[kept_namespace(Some(namespace)), job])))
}

fn written<T: Serialize>(value: &T) -> Result<Bytes> {
    let bytes = serde_json::to_vec(value).map_err(|error| {
        Error::new(ErrorKind::Fault, "cannot write a record of planning").because(error)
    })?;
    Ok(bytes.into())
}

fn decoded<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    let corrupt = |error| {
        Error::new(ErrorKind::Corrupt, "a record of planning cannot be read").because(error)
    };
    let Version { v } = serde_json::from_slice(bytes).map_err(corrupt)?;
    if v > RECORD_VERSION {
        let message = format!(
            "a record of planning was written by a newer program (version {v}): use that one"
        );
        return Err(Error::new(ErrorKind::TooNew, message));
    }
    serde_json::from_slice(bytes).map_err(corrupt)
}

fn not_set(key: &Key, error: SetError) -> Error {
    let message = format!("the register {} was not set", key.as_str());
    Error::new(ErrorKind::Unavailable, message).because(error)
}

fn unsettled(what: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("{what} is made and removed at once: ask again"))
}
