//! Looks at jobs: ends those that are over, tells how each ended, and forgets it in the end.
//!
//! An end is kept before it is told, and that it was told afterwards: who dies between the two tells it
//! again, with the same ids.

use orkestra_runtime::{Error, ErrorKind, Result, fabric::Revision};

use super::{
    announce,
    collect::{Answers, Doer, Job, JobEnd},
    desk::{Planning, failed_end, ms},
    ports::{Deliberated, Standing},
};

/// How often a job is tried to be set while others set it.
const TRIES_MAX: usize = 10;

impl Planning {
    /// Looks at one job: ends it if it is over, and tells its end until that is told.
    pub async fn look_at(&self, namespace: &str, id: &str) -> Result<()> {
        for _ in 0..TRIES_MAX {
            let Some((job, found)) = self.store.job(namespace, id).await? else { return Ok(()) };
            if self.looked(job, found).await? {
                return Ok(());
            }
        }
        Err(Error::new(ErrorKind::Unavailable, format!("the job {id} is changed all the time")))
    }

    /// One look; says whether nothing more is to be done now.
    async fn looked(&self, mut job: Job, found: Revision) -> Result<bool> {
        let now = self.now_ms();
        if job.told {
            let is_old = job
                .end
                .as_ref()
                .is_none_or(|end| now.saturating_sub(end.at_ms) >= ms(self.settings.keep_for));
            if is_old {
                self.store.forget(&job, found).await?;
            }
            return Ok(true);
        }
        let (answers, over) = match &job.doer {
            Doer::Agents { .. } => (self.store.answers(&job.namespace, &job.id).await?, None),
            Doer::Council { deliberation } => {
                let standing = self.team.standing(&job.namespace, deliberation).await?;
                (Answers::new(), Some(standing))
            }
        };
        let Some(end) = job.end.clone() else {
            let end = match over {
                Some(Standing::Over(it)) => Some(council_end(&it, now)),
                Some(Standing::Unknown) => {
                    Some(failed_end(now, "its deliberation is not known any more".to_owned()))
                }
                Some(Standing::GoesOn) | None => job.ends(&answers, now),
            };
            if end.is_none() {
                return Ok(true);
            }
            job.end = end;
            // Whether set here or by another: look again.
            self.store.set_job(&job, found).await?;
            return Ok(false);
        };
        let results = match over {
            Some(Standing::Over(it)) => it.results,
            Some(Standing::GoesOn | Standing::Unknown) | None => Vec::new(),
        };
        self.tellers.tell(announce::job_ended(&job, &end, &answers, &results)).await?;
        job.told = true;
        self.store.set_job(&job, found).await
    }

    /// Looks at all jobs of the namespaces that this node looks after. What goes wrong with one is told
    /// when all were looked at.
    pub async fn sweep(&self) -> Result<()> {
        let mut wrong = None;
        for (job, _) in self.store.jobs().await? {
            if self.team.is_led_here(&job.namespace)
                && let Err(error) = self.look_at(&job.namespace, &job.id).await
            {
                wrong = Some(error);
            }
        }
        wrong.map_or(Ok(()), Err)
    }
}

fn council_end(it: &Deliberated, now: u64) -> JobEnd {
    JobEnd {
        how: it.how,
        at_ms: now,
        winner_id: it.winner_id.clone(),
        error: it.error.clone(),
        heard: Vec::new(),
    }
}
