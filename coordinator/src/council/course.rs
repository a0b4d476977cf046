//! How a deliberation goes on: from phase to phase as their tasks end, and to its end.

use std::time::Duration;

use orkestra_runtime::{
    id::RunId,
    machine::ReplyTo,
    time::{Now, Wall},
};

use super::{
    command::DeliberationNo,
    decision::{CouncilDecision, CouncilNews},
    event::{CouncilEvent, EndStatus, Ending, Opening, Out, Step, StepRole},
    machine::CouncilMachine,
    reading::{Sight, Standing},
    seats::Team,
    state::Deliberation,
    steps::Stepping,
    view::Phase,
    words::{Exchange, Selection},
};
use crate::task::{RunOpening, TaskCommand, TaskMachine};

/// Who asks for what nobody waits for.
const NOBODY: ReplyTo = ReplyTo(u64::MAX);
/// Who cancels what a deliberation has no use for any more.
const BY: &str = "orkestra";
/// How long a step may wait for an agent that is not there.
const ABSENT_FOR: Duration = Duration::from_secs(30);

impl CouncilMachine {
    pub(super) fn decide_look(
        &self,
        now: Now,
        no: DeliberationNo,
        tasks: &TaskMachine,
        out: &mut CouncilDecision,
    ) {
        let found = self.durable.deliberations.get(&no).filter(|found| found.is_open());
        let Some(found) = found else { return };
        let sight = Sight { found, tasks };
        let is_late = found.opening.until <= now.wall;
        if !found.stages.is_empty() {
            let run = tasks.run_called(&found.opening.run);
            if run.is_none_or(|run| run.sealed || run.ended.is_some()) {
                let why = "its run was cancelled".to_owned();
                return Self::end((no, found), (EndStatus::Cancelled, Some(why)), tasks, out);
            }
            if sight.has_open_steps() && !is_late {
                return give_up_absent(&sight, now.wall, out);
            }
        }
        let standing = sight.standing();
        if found.phase() == Phase::Drafting
            && standing.versions.is_empty()
            && !sight.has_open_steps()
        {
            let why = every_agent_failed(found, &standing.out);
            return Self::end((no, found), (EndStatus::Failed, Some(why)), tasks, out);
        }
        match next(&sight, &standing, now.wall) {
            Some(_) if is_late => {
                let why = format!("its time was over while it was {}", found.phase().as_str());
                Self::end((no, found), (EndStatus::Timeout, Some(why)), tasks, out);
            }
            // Something of the last phase goes on still.
            None if is_late && sight.has_open_steps() => {
                let why = format!("its time was over while it was {}", found.phase().as_str());
                Self::end((no, found), (EndStatus::Timeout, Some(why)), tasks, out);
            }
            Some(begin) => Self::begin(now, (no, sight), standing, begin, out),
            None => Self::end((no, found), (EndStatus::Completed, None), tasks, out),
        }
    }

    fn begin(
        now: Now,
        (no, sight): (DeliberationNo, Sight<'_>),
        standing: Standing,
        Begin { phase, round, steps }: Begin,
        out: &mut CouncilDecision,
    ) {
        let (found, tasks) = (sight.found, sight.tasks);
        let team = Team::of(tasks);
        let ranking = sight.ranking(&standing.versions);
        let (versions, ranking) = (&standing.versions[..], &ranking[..]);
        let stepping = Stepping { sight, team: &team, versions, ranking, now: now.wall };
        let specs = stepping.specs(&steps, round);
        let run = found.opening.run.clone();
        if found.stages.is_empty() {
            out.tasks.push(open(&run, &found.opening));
        }
        out.tasks.push(TaskCommand::Submit { to: NOBODY, run, tasks: specs });
        let Standing { versions, out: gone, remarks } = standing;
        let (gone, tasks) = (news(found, gone), steps);
        out.events.push(CouncilEvent::PhaseBegun {
            no,
            phase,
            round,
            versions,
            out: gone,
            tasks,
            remarks,
        });
    }

    /// Ends a deliberation with what there is.
    pub(super) fn end(
        (no, found): (DeliberationNo, &Deliberation),
        (status, why): (EndStatus, Option<String>),
        tasks: &TaskMachine,
        out: &mut CouncilDecision,
    ) {
        let sight = Sight { found, tasks };
        let mut standing = sight.standing();
        if found.phase() == Phase::Drafting {
            standing.out.extend(silent(&sight));
        }
        let ranking = sight.ranking(&standing.versions);
        let (winner, selected_by) = match status {
            EndStatus::Completed | EndStatus::Timeout => sight.winner(&ranking),
            EndStatus::Failed | EndStatus::Cancelled => (None, String::new()),
        };
        let (answered, answered_ms) = answered(&sight);
        let ending = Ending {
            status,
            ranking,
            winner,
            selected_by,
            out: news(found, standing.out),
            why: why.map(|why| super::shortened(&why)),
            remarks: standing.remarks,
            answered,
            answered_ms,
        };
        out.events.push(CouncilEvent::Ended { no, ending: Box::new(ending) });
        out.tasks.extend(close(&sight, status));
        out.news.extend(found.opening.task.map(|task| CouncilNews::Over { task, no }));
    }
}

/// Gives up steps whose agent has gone and has not come back for a while: the others go on.
fn give_up_absent(sight: &Sight<'_>, now: Wall, out: &mut CouncilDecision) {
    let Some(stage) = sight.last_stage().filter(|stage| stage.began + ABSENT_FOR <= now) else {
        return;
    };
    let team = Team::of(sight.tasks);
    for step in &stage.steps {
        let task = sight.task(&step.task);
        let Some(task) = task.filter(|task| team.is_nobody_there_for(task)) else { continue };
        out.tasks.push(TaskCommand::Cancel {
            to: NOBODY,
            run: sight.found.opening.run.clone(),
            task: task.spec.id.clone(),
            by: BY.to_owned(),
            reason: "its agent is not there, or takes no work".to_owned(),
        });
    }
}

/// What comes next.
struct Begin {
    phase: Phase,
    round: u32,
    steps: Vec<Step>,
}

/// The next phase in which there is something to do; none when all is done.
fn next(sight: &Sight<'_>, standing: &Standing, now: Wall) -> Option<Begin> {
    let (team, ranking) = (Team::of(sight.tasks), sight.ranking(&standing.versions));
    let (versions, ranking) = (&standing.versions[..], &ranking[..]);
    let stepping = Stepping { sight: *sight, team: &team, versions, ranking, now };
    let last = sight.last_stage();
    let mut at = last.map_or((Phase::Pending, 0), |stage| (stage.phase, stage.round));
    loop {
        at = following(at, &sight.found.opening)?;
        let (phase, round) = at;
        let steps = stepping.steps(phase, round);
        if !steps.is_empty() {
            return Some(Begin { phase, round, steps });
        }
    }
}

fn following((phase, round): (Phase, u32), opening: &Opening) -> Option<(Phase, u32)> {
    let goes_on = round < opening.rounds && opening.exchange != Exchange::None;
    match phase {
        Phase::Pending => Some((Phase::Drafting, 0)),
        Phase::Drafting | Phase::Revising if goes_on => Some((Phase::Critique, round + 1)),
        Phase::Drafting | Phase::Revising => Some((Phase::Checking, round)),
        Phase::Critique => Some((Phase::Revising, round)),
        Phase::Checking => match opening.selection {
            Selection::Committee { .. } => Some((Phase::Judging, round)),
            Selection::Score | Selection::Architect { .. } => None,
        },
        Phase::Judging | Phase::Ended => None,
    }
}

fn open(run: &RunId, opening: &Opening) -> TaskCommand {
    let namespace = opening.request.namespace.clone();
    let opening = RunOpening { stream: true, namespace, ..RunOpening::default() };
    TaskCommand::Open { to: NOBODY, run: run.clone(), opening }
}

/// Lets the run end: as it is, or with what is still at work cancelled.
fn close(sight: &Sight<'_>, status: EndStatus) -> Option<TaskCommand> {
    let (to, name) = (NOBODY, sight.found.opening.run.clone());
    let run = sight.tasks.run_called(&name)?;
    if run.ended.is_some() {
        return None;
    }
    Some(match status {
        EndStatus::Completed | EndStatus::Failed => {
            TaskCommand::Seal { to, run: name, tasks: run.counts.total }
        }
        EndStatus::Timeout | EndStatus::Cancelled => {
            let reason = match status {
                EndStatus::Timeout => "the time of the deliberation was over",
                _ => "the deliberation was cancelled",
            };
            TaskCommand::CancelRun { to, run: name, by: BY.to_owned(), reason: reason.to_owned() }
        }
    })
}

/// Who has not drafted anything by now.
fn silent(sight: &Sight<'_>) -> Vec<Out> {
    let steps = sight.last_stage().map(|stage| &stage.steps).into_iter().flatten();
    let open = steps.filter(|step| sight.stands(&step.task).is_open());
    let why = "it had not answered when the deliberation ended";
    open.map(|step| Out { seat: step.seat, why: why.to_owned() }).collect()
}

/// Those of whom it is not known yet that they are out.
fn news(found: &Deliberation, out: Vec<Out>) -> Vec<Out> {
    out.into_iter().filter(|one| found.out.iter().all(|known| known.seat != one.seat)).collect()
}

fn every_agent_failed(found: &Deliberation, out: &[Out]) -> String {
    let told: Vec<String> =
        out.iter().map(|one| format!("{}: {}", found.name(one.seat), one.why)).collect();
    format!("every agent failed: {}", told.join("; "))
}

/// How many steps agents have answered, and how long that took together.
fn answered(sight: &Sight<'_>) -> (u64, u64) {
    let steps = sight.found.stages.iter().flat_map(|stage| &stage.steps);
    let took = steps.filter(|step| step.role != StepRole::Verdict).filter_map(|step| {
        let ended = sight.ended_at(&step.task)?;
        sight.answer(&step.task)?;
        let asked = sight.task(&step.task)?.submitted;
        Some(ended.as_ms().saturating_sub(asked.as_ms()))
    });
    took.fold((0, 0), |(count, sum), ms| (count + 1, sum + ms))
}
