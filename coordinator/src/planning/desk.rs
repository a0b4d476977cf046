//! Planning as others use it: takes what the planning side says, derives tasks, collects answers, and
//! tells how jobs end.
//!
//! Everything here may be done again: what is kept first decides, and finds itself afterwards. So a
//! message is acknowledged when its method has returned `Ok`, and comes again when it has not.

use std::{sync::Arc, time::Duration};

use orkestra_runtime::{Error, ErrorKind, Result, time::Clock};

use super::{
    announce,
    collect::{Counted, Doer, Ended, Job, JobEnd, RECORD_VERSION, job_of},
    derive::{AtomicTask, Derivation, DerivationStrategy, derive},
    event::{PlanApproval, PlanningEvent, StoryTransition},
    ports::{Team, Tellers, Wanted},
    response::Response,
    store::{Found, KeptPlan, Store},
    words::{RoleName, invalid, short, shown},
};

/// How long after the end of its time a deliberation is waited for.
const GRACE: Duration = Duration::from_secs(30);

/// How planning behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanningSettings {
    /// Whose the events of NATS are.
    pub namespace: String,
    /// How long agents elsewhere are waited for.
    pub answer_within: Duration,
    /// How long an ended job is kept, so that what comes late is known to be late.
    pub keep_for: Duration,
    /// To how many agents elsewhere a role is given that has no council; 0: to none, and it fails.
    pub agents_elsewhere: u32,
}

impl Default for PlanningSettings {
    fn default() -> Self {
        Self {
            namespace: crate::public::DEFAULT_NAMESPACE.to_owned(),
            answer_within: Duration::from_mins(5),
            keep_for: Duration::from_hours(1),
            agents_elsewhere: 0,
        }
    }
}

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Processed {
    /// A sentence.
    pub message: String,
    /// The jobs that were given out, or that failed at once.
    pub job_ids: Vec<String>,
}

/// Planning. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Planning {
    pub(super) store: Store,
    pub(super) team: Arc<dyn Team>,
    pub(super) tellers: Tellers,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) settings: PlanningSettings,
}

impl Planning {
    /// Over what it keeps, whom it asks and whom it tells.
    pub fn new(
        store: Store,
        team: Arc<dyn Team>,
        tellers: Tellers,
        clock: Arc<dyn Clock>,
        settings: PlanningSettings,
    ) -> Self {
        Self { store, team, tellers, clock, settings }
    }

    /// Whose the events of NATS are.
    pub fn namespace(&self) -> &str {
        &self.settings.namespace
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.clock.now().wall.as_ms()
    }

    /// Does what follows from an event. An error that may work later says that not all of it is done:
    /// the same again does the rest.
    pub async fn process(&self, namespace: &str, event: PlanningEvent) -> Result<Processed> {
        match event {
            PlanningEvent::Transitioned(said) => self.transitioned(&said).await,
            PlanningEvent::Approved(plan) => Box::pin(self.approved(namespace, &plan)).await,
        }
    }

    async fn transitioned(&self, said: &StoryTransition) -> Result<Processed> {
        self.tellers.tell(vec![announce::phase_changed(said, self.now_ms())]).await?;
        let StoryTransition { story_id, from_state, to_state, .. } = said;
        let message = format!("the story {story_id} went from {from_state} to {to_state}");
        Ok(Processed { message, job_ids: Vec::new() })
    }

    /// One job a role; what goes wrong with one is its own.
    async fn approved(&self, namespace: &str, plan: &PlanApproval) -> Result<Processed> {
        let (kept, is_new) = self.store.keep_plan(namespace, plan, self.now_ms()).await?;
        let (mut jobs, mut over, mut later) = (Vec::new(), Vec::new(), None);
        for role in &plan.roles {
            let id = job_of(&plan.plan_id, role);
            if kept.over.contains_key(&id) {
                over.push(id);
                continue;
            }
            match self.dispatch(namespace, plan, role).await {
                Ok(job) => jobs.push(job),
                Err(error) => later = Some(error),
            }
        }
        if let Some(error) = later {
            return Err(error);
        }
        if !jobs.is_empty() {
            self.tellers.tell(vec![announce::plan_taken(plan, &jobs, self.now_ms())]).await?;
        }
        let failed = jobs.iter().filter(|job| job.end.as_ref().is_some_and(is_failure)).count();
        let how = if is_new { "was approved" } else { "was approved before" };
        let message = format!(
            "the plan {} {how}: {} of {} roles were given their work",
            plan.plan_id,
            jobs.len() + over.len() - failed,
            plan.roles.len()
        );
        let job_ids = jobs.into_iter().map(|job| job.id).chain(over).collect();
        Ok(Processed { message, job_ids })
    }

    /// Gives a role its job, or finds that it has it. A refusal ends the job; only what may work later
    /// is an error.
    async fn dispatch(&self, namespace: &str, plan: &PlanApproval, role: &RoleName) -> Result<Job> {
        let id = job_of(&plan.plan_id, role);
        let task = task_of(plan, role);
        let found = match self.store.job(namespace, &id).await? {
            Some((job, _)) => job,
            None => self.open(namespace, plan, (role, id), &task).await?,
        };
        if found.end.as_ref().is_some_and(is_failure) {
            // Told by whoever looks after jobs.
            return Ok(found);
        }
        let mut told = vec![announce::job_dispatched(&found, &task)];
        if matches!(found.doer, Doer::Agents { .. }) {
            told.extend(announce::requests(&found, plan, (role, &task)));
        }
        self.tellers.tell(told).await?;
        Ok(found)
    }

    async fn open(
        &self,
        namespace: &str,
        plan: &PlanApproval,
        (role, id): (&RoleName, String),
        task: &str,
    ) -> Result<Job> {
        let deliberation = format!("plan-{}", short([namespace, &plan.plan_id, &role.lower()]));
        let wanted = Wanted {
            id: deliberation.clone(),
            namespace: namespace.to_owned(),
            role: role.clone(),
            task: task.to_owned(),
            constraints: constraints_of(plan, role),
        };
        let begun = self.team.begin(wanted).await;
        let now = self.now_ms();
        let mut job = Job {
            v: RECORD_VERSION,
            namespace: namespace.to_owned(),
            id,
            plan_id: plan.plan_id.clone(),
            case_id: plan.case_id.clone(),
            role: role.as_str().to_owned(),
            doer: Doer::Council { deliberation },
            opened_ms: now,
            until_ms: now,
            end: None,
            told: false,
        };
        match begun {
            Ok(until) => job.until_ms = until.saturating_add(ms(GRACE)),
            Err(error) if error.is_retryable() => return Err(error),
            Err(_) if self.settings.agents_elsewhere > 0 && self.tellers.is_somebody() => {
                job.doer = Doer::Agents { expected: self.settings.agents_elsewhere };
                job.until_ms = now.saturating_add(ms(self.settings.answer_within));
            }
            Err(error) => job.end = Some(failed_end(now, error.to_string())),
        }
        let ((job, _), _) = self.store.open_job(&job).await?;
        Ok(job)
    }

    /// What there is to do for a plan that was approved. With `auto_publish_to_nats` it is told too.
    pub async fn derive(
        &self,
        namespace: &str,
        plan_id: &str,
        (roles, strategy): (&[RoleName], DerivationStrategy),
    ) -> Result<Derivation> {
        let Some(KeptPlan { plan, .. }) = self.store.plan(namespace, plan_id).await? else {
            let message = format!(
                "there is no plan {:?}: it is known when planning.plan.approved, or \
                 ProcessPlanningEvent, has told it",
                shown(plan_id)
            );
            return Err(Error::new(ErrorKind::NotFound, message));
        };
        let derived = derive(&plan, roles, strategy)?;
        if strategy.auto_publish_to_nats {
            self.publish(namespace, &plan.plan_id, &derived.tasks).await?;
        }
        Ok(derived)
    }

    /// Submitted first: what is told is there.
    async fn publish(&self, namespace: &str, plan: &str, tasks: &[AtomicTask]) -> Result<()> {
        if !self.tellers.is_somebody() {
            return Err(invalid(
                "cannot publish what was derived: this node is not on NATS; leave out \
                 auto_publish_to_nats, or ask a coordinator of a cluster",
            ));
        }
        self.team.submit(namespace, plan, tasks).await?;
        let told: Vec<_> = tasks.iter().flat_map(announce::task_published).collect();
        self.tellers.tell(told).await
    }

    /// Counts an answer of an agent elsewhere. Returns when it is kept, and when what follows from it
    /// is told. An error of kind `NotFound` says that nobody knows its job.
    pub async fn heard(&self, namespace: &str, response: &Response) -> Result<Counted> {
        let Some((job, _)) = self.job_for(namespace, response).await? else {
            let message = format!(
                "nobody gave out the job {:?}: an answer to another's job says num_agents",
                shown(&response.task_id)
            );
            return Err(Error::new(ErrorKind::NotFound, message));
        };
        if let Doer::Council { .. } = job.doer {
            let message =
                format!("the job {} is with a council, not with agents elsewhere", job.id);
            return Err(invalid(message));
        }
        let there = self.store.answers(namespace, &job.id).await?;
        let mut counted = job.counts(response, &there);
        if counted == Counted::First && !self.store.keep_answer(namespace, response).await? {
            counted = Counted::Twice;
        }
        // Also what came twice may be the rest of what was begun before a crash.
        self.look_at(namespace, &job.id).await?;
        Ok(counted)
    }

    /// The job of an answer: one that was given out, or one of others, which its first answer tells of.
    async fn job_for(&self, namespace: &str, response: &Response) -> Result<Option<Found>> {
        let found = self.store.job(namespace, &response.task_id).await?;
        let (Some(expected), None) = (response.num_agents, &found) else { return Ok(found) };
        let now = self.now_ms();
        let job = Job {
            v: RECORD_VERSION,
            namespace: namespace.to_owned(),
            id: response.task_id.clone(),
            plan_id: String::new(),
            case_id: String::new(),
            role: response.role.clone(),
            doer: Doer::Agents { expected },
            opened_ms: now,
            until_ms: now.saturating_add(ms(self.settings.answer_within)),
            end: None,
            told: false,
        };
        Ok(Some(self.store.open_job(&job).await?.0))
    }
}

fn is_failure(end: &JobEnd) -> bool {
    end.how == Ended::Failed
}

pub(super) fn failed_end(now: u64, error: String) -> JobEnd {
    JobEnd { how: Ended::Failed, at_ms: now, winner_id: String::new(), error, heard: Vec::new() }
}

pub(super) fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// What a role's council is to deliberate: what the plan says, and no more.
fn task_of(plan: &PlanApproval, role: &RoleName) -> String {
    let own: Vec<String> =
        plan.of_role(role).map(|subtask| format!("- {}", subtask.description)).collect();
    let mut parts = Vec::new();
    if !plan.description.trim().is_empty() {
        parts.push(plan.description.clone());
    }
    if !own.is_empty() {
        parts.push(format!("What {} has to do:\n{}", role.as_str(), own.join("\n")));
    }
    if parts.is_empty() {
        let story = if plan.story_id.is_empty() { &plan.case_id } else { &plan.story_id };
        let of = if story.is_empty() { String::new() } else { format!(" of {story}") };
        parts.push(format!(
            "The plan {}{of} was approved. Propose what {} does for it.",
            plan.plan_id,
            role.as_str()
        ));
    }
    let mut text = parts.join("\n\n");
    text.truncate(text.floor_char_boundary(super::words::TASK_BYTES_MAX));
    text
}

/// What a role is held to: what its subtasks say, where they all say the same, or the plan.
fn constraints_of(plan: &PlanApproval, role: &RoleName) -> super::words::Constraints {
    let mut own = plan.of_role(role).map(|subtask| plan.constraints_of(subtask));
    let first = own.next().unwrap_or(&plan.constraints);
    if own.all(|other| other == first) { first.clone() } else { plan.constraints.clone() }
}
