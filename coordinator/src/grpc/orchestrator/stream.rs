//! A deliberation as it goes on: what is done now, how far it is, and the best so far.

use std::{collections::VecDeque, time::Duration};

use futures::stream::unfold;
use orkestra_proto::orchestrator::v1::{DeliberateRequest, DeliberationUpdate};
use tonic::{Response, Status, metadata::MetadataValue};

use super::{Orchestrator, asking, course::Course, course::outcome, refusal, shown};
use crate::{
    council::view::{DeliberationStatus, DeliberationView, Phase},
    grpc::{
        credential::Caller,
        streams::{self, overdue},
    },
};

/// How often it is looked at, at first and at most.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(250));
/// The metadata in which the name of the deliberation is told before anything else.
const NAME: &str = "orkestra-execution-id";

/// What is told, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Generating,
    Reviewing,
    Scoring,
    Complete,
}

impl Stage {
    const fn of(phase: Phase) -> Self {
        match phase {
            Phase::Pending | Phase::Drafting => Self::Generating,
            Phase::Critique | Phase::Revising => Self::Reviewing,
            Phase::Checking | Phase::Judging => Self::Scoring,
            Phase::Ended => Self::Complete,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Generating => "generating",
            Self::Reviewing => "reviewing",
            Self::Scoring => "scoring",
            Self::Complete => "complete",
        }
    }
}

/// Whoever tells how a deliberation goes.
struct Teller {
    course: Course,
    told: Option<DeliberationUpdate>,
    stage: Option<Stage>,
    ahead: VecDeque<Result<DeliberationUpdate, Status>>,
    wait: Duration,
    is_over: bool,
}

impl Orchestrator {
    pub(super) async fn stream(
        &self,
        caller: &Caller,
        stream: streams::Stream,
        asked: DeliberateRequest,
    ) -> Result<Response<<Self as super::OrchestratorService>::StreamDeliberationStream>, Status>
    {
        let request = asking::deliberation(asked, caller)?;
        let course = self.begin(caller, request).await?;
        let name = course.id.clone();
        let deadline = stream.within.map(|within| Box::pin(tokio::time::sleep(within)));
        let teller = Teller::of(course);
        let told = unfold(Some((teller, stream, deadline)), |state| async move {
            let (mut teller, mut stream, mut deadline) = state?;
            let late = async {
                match deadline.as_mut() {
                    Some(deadline) => deadline.await,
                    None => std::future::pending().await,
                }
            };
            let next = tokio::select! {
                next = teller.next() => next?,
                status = stream.closing() => {
                    // It goes on, and its name finds it when the node is back.
                    teller.course.waiting.is_over();
                    Err(status)
                }
                () = late => Err(overdue()),
            };
            let goes_on = next.is_ok().then_some((teller, stream, deadline));
            Some((next, goes_on))
        });
        let mut response: Response<<Self as super::OrchestratorService>::StreamDeliberationStream> =
            Response::new(Box::pin(told));
        if let Ok(name) = MetadataValue::try_from(name) {
            response.metadata_mut().insert(NAME, name);
        }
        Ok(response)
    }
}

impl Teller {
    const fn of(course: Course) -> Self {
        let (told, stage, wait) = (None, None, LOOK_EVERY.0);
        Self { course, told, stage, ahead: VecDeque::new(), wait, is_over: false }
    }

    /// What is to be told next; none when all was.
    async fn next(&mut self) -> Option<Result<DeliberationUpdate, Status>> {
        loop {
            if let Some(next) = self.ahead.pop_front() {
                return Some(next);
            }
            if self.is_over {
                return None;
            }
            if self.told.is_some() {
                tokio::time::sleep(self.wait).await;
                self.wait = LOOK_EVERY.1.min(self.wait * 2);
            }
            let Course { councils, namespace, id, .. } = &self.course;
            match councils.result(namespace, id).await {
                Ok(Some(found)) => self.take(found),
                Ok(None) => {
                    let gone = crate::council::CouncilRefusal::NotFound { id: id.clone() };
                    self.end(Some(refusal::told(&gone.into())));
                }
                Err(error) => self.end(Some(refusal::told(&error))),
            }
        }
    }

    fn take(&mut self, found: DeliberationView) {
        // One that failed has not gone through all.
        let has_winner = found.status == DeliberationStatus::Completed;
        let now = match Stage::of(found.phase) {
            Stage::Complete if !has_winner => self.stage.unwrap_or(Stage::Generating),
            now => now,
        };
        self.tell_stages_before(now, found.round > 0);
        let percent = shown::small(found.percent.min(100)).max(self.percent());
        let outcome = outcome(&found);
        let is_over = found.status.is_over();
        let winner = found.winner_id.clone();
        let mut results = found.results.into_iter();
        let best = match &winner {
            Some(winner) => results.find(|result| result.proposal.author_id == *winner),
            None => results.next(),
        };
        let update = DeliberationUpdate {
            status: now.as_str().to_owned(),
            progress_percent: if has_winner { 100 } else { percent },
            current_step: found.current_step,
            current_agent: found.current_agent.map(|agent| agent.to_string()).unwrap_or_default(),
            partial_result: best.map(shown::result),
        };
        if self.told.as_ref() != Some(&update) {
            self.wait = LOOK_EVERY.0;
            self.tell(now, update);
        }
        if is_over {
            self.end(outcome.err());
        }
    }

    /// What it went through since it was looked at last.
    fn tell_stages_before(&mut self, now: Stage, was_reviewed: bool) {
        for stage in [Stage::Generating, Stage::Reviewing, Stage::Scoring] {
            let is_new = self.stage.is_none_or(|before| before < stage) && stage < now;
            if is_new && (stage != Stage::Reviewing || was_reviewed) {
                let update = DeliberationUpdate {
                    status: stage.as_str().to_owned(),
                    progress_percent: self.percent(),
                    ..DeliberationUpdate::default()
                };
                self.tell(stage, update);
            }
        }
    }

    fn tell(&mut self, stage: Stage, update: DeliberationUpdate) {
        self.stage = Some(stage);
        self.told = Some(update.clone());
        self.ahead.push_back(Ok(update));
    }

    /// How far it was told to be.
    fn percent(&self) -> i32 {
        self.told.as_ref().map_or(0, |told| told.progress_percent)
    }

    fn end(&mut self, why: Option<Status>) {
        self.is_over = true;
        self.course.waiting.is_over();
        self.ahead.extend(why.map(Err));
    }
}
