//! Answers questions: what councils look like, what they deliberate about, and figures.

use std::collections::BTreeMap;

use orkestra_runtime::{
    id::AgentId,
    time::{Now, Wall},
};

use super::{
    event::{EndStatus, Ranked},
    machine::CouncilMachine,
    reading::Sight,
    seats::Team,
    state::{Deliberation, Proposal},
    stats::{Tallies, Tally, mean},
    view::{
        CouncilAnswer, CouncilGauges, CouncilHealth, CouncilMetricsView, CouncilQuery,
        CouncilStatus, CouncilView, DeliberationStatus, DeliberationView, OutView, Phase,
        ProposalView, RankedView, SeatStatus,
    },
    words::{Kind, Selection, role_key},
};
use crate::task::TaskMachine;

/// How many bytes of earlier versions one answer carries; beyond that the oldest are left out.
const REVISIONS_BYTES_MAX: usize = 1024 * 1024;

impl CouncilMachine {
    /// Answers a question.
    pub fn answer(&self, now: Now, query: &CouncilQuery, tasks: &TaskMachine) -> CouncilAnswer {
        match query {
            CouncilQuery::List { namespace, role } => {
                CouncilAnswer::Councils(self.list(namespace, role.as_deref(), tasks))
            }
            CouncilQuery::Deliberation { namespace, id } => {
                let found = self.durable.named(namespace, id);
                let view = found.map(|(_, found)| Box::new(deliberation(now, found, tasks)));
                CouncilAnswer::Deliberation(view)
            }
            CouncilQuery::Minutes { namespace, id } => {
                let found = self.durable.named(namespace, id);
                let lines = found.map(|(_, found)| super::minutes::of(Sight { found, tasks }));
                CouncilAnswer::Minutes(lines)
            }
            CouncilQuery::Metrics { namespace, range_ms } => {
                let metrics = self.metrics(now, namespace.as_deref(), *range_ms, tasks);
                CouncilAnswer::Metrics(Box::new(metrics))
            }
            CouncilQuery::Gauges => CouncilAnswer::Gauges(Box::new(self.gauges())),
        }
    }

    fn list(&self, namespace: &str, role: Option<&str>, tasks: &TaskMachine) -> Vec<CouncilView> {
        let team = Team::of(tasks);
        let wanted = role.map(|role| role_key(role).unwrap_or_default());
        let councils = self.durable.councils.iter().filter(|(key, _)| {
            key.0 == namespace && wanted.as_ref().is_none_or(|wanted| *wanted == key.1)
        });
        councils.map(|council| self.council_view(&team, council)).collect()
    }

    /// What a deliberation came to, for whoever waits for it as a task.
    pub(crate) fn deliberation(
        &self,
        now: Now,
        no: super::command::DeliberationNo,
        tasks: &TaskMachine,
    ) -> Option<(DeliberationView, Vec<String>, String)> {
        let found = self.durable.deliberations.get(&no).filter(|found| !found.is_open())?;
        let lines = super::minutes::of(Sight { found, tasks });
        let run = found.opening.run.to_string();
        Some((deliberation(now, found, tasks), lines, run))
    }

    fn metrics(
        &self,
        now: Now,
        namespace: Option<&str>,
        range_ms: Option<u64>,
        tasks: &TaskMachine,
    ) -> CouncilMetricsView {
        let since = range_ms.map(|range| Wall::from_ms(now.wall.as_ms().saturating_sub(range)));
        let tallies = self.durable.stats.of(namespace, since);
        let mut view = figures(&tallies);
        let open = self.durable.open().filter(|(_, found)| {
            namespace.is_none_or(|namespace| found.opening.request.namespace == namespace)
        });
        view.open = open.count() as u64;
        let team = Team::of(tasks);
        let councils = self.durable.councils.iter();
        let councils = councils.filter(|(key, _)| namespace.is_none_or(|name| key.0 == name));
        for (key, council) in councils {
            let seen = self.council_view(&team, (key, council));
            add_council(&mut view, &seen, &tallies, key);
        }
        view
    }

    fn gauges(&self) -> CouncilGauges {
        let tallies = self.durable.stats.of(None, None);
        let mut gauges = CouncilGauges {
            councils: self.durable.councils.len() as u64,
            seats: self.durable.councils.values().map(|council| council.seats.len() as u64).sum(),
            ..CouncilGauges::default()
        };
        for (_, found) in self.durable.open() {
            *gauges.open.entry(found.phase().as_str().to_owned()).or_default() += 1;
        }
        let mut all = Tally::default();
        for kind in [Kind::Deliberate, Kind::Orchestrate] {
            let tally = of_kind(&tallies, kind);
            for status in
                [EndStatus::Completed, EndStatus::Failed, EndStatus::Timeout, EndStatus::Cancelled]
            {
                gauges.ended.push((kind, status.as_str().to_owned(), tally.of(status)));
            }
            all.merge(&tally);
        }
        gauges.quantiles_ms = [50, 95, 99].map(|percent| all.durations.quantile(percent));
        gauges.sum_ms = all.sum_ms;
        gauges
    }
}

fn of_kind(tallies: &Tallies, kind: Kind) -> Tally {
    let mut all = Tally::default();
    for tally in tallies.values().filter_map(|kinds| kinds.get(&kind)) {
        all.merge(tally);
    }
    all
}

fn figures(tallies: &Tallies) -> CouncilMetricsView {
    let [deliberate, orchestrate] =
        [Kind::Deliberate, Kind::Orchestrate].map(|kind| of_kind(tallies, kind));
    let mut all = deliberate.clone();
    all.merge(&orchestrate);
    let mut role_counts: BTreeMap<String, u64> = BTreeMap::new();
    for ((_, role), kinds) in tallies {
        let count: u64 = kinds.values().map(Tally::all).sum();
        *role_counts.entry(role.to_ascii_uppercase()).or_default() += count;
    }
    CouncilMetricsView {
        total_deliberations: deliberate.all(),
        total_orchestrations: orchestrate.all(),
        avg_deliberation_ms: deliberate.average_ms(),
        avg_orchestration_ms: orchestrate.average_ms(),
        p50_ms: all.durations.quantile(50),
        p95_ms: all.durations.quantile(95),
        p99_ms: all.durations.quantile(99),
        completed: all.completed,
        failed: all.failed + all.cancelled,
        timed_out: all.timed_out,
        role_counts,
        avg_response_ms: mean(all.answered_ms, all.answered),
        ..CouncilMetricsView::default()
    }
}

fn add_council(
    view: &mut CouncilMetricsView,
    seen: &CouncilView,
    tallies: &Tallies,
    key: &super::state::CouncilKey,
) {
    let count =
        |status: SeatStatus| seen.seats.iter().filter(|seat| seat.status == status).count() as u64;
    let (ready, busy) = (count(SeatStatus::Ready), count(SeatStatus::Busy));
    let seats = seen.seats.len() as u64;
    view.councils_total += 1;
    view.active_councils += u64::from(seen.status != CouncilStatus::Idle);
    view.agents_total += seats;
    view.agents_active += ready + busy;
    *view.agents_per_role.entry(seen.role.to_ascii_uppercase()).or_default() += seats;
    let kinds = tallies.get(key).into_iter().flat_map(BTreeMap::values);
    let (done, all) =
        kinds.fold((0, 0), |(done, all), tally| (done + tally.completed, all + tally.all()));
    view.health.push(CouncilHealth {
        council_id: seen.id.clone(),
        namespace: seen.namespace.clone(),
        role: seen.role.clone(),
        status: seen.status,
        available_agents: ready,
        busy_agents: busy,
        success_rate: if all == 0 { 1.0 } else { mean(done, all) },
    });
}

/// A deliberation as it is now.
fn deliberation(now: Now, found: &Deliberation, tasks: &TaskMachine) -> DeliberationView {
    let sight = Sight { found, tasks };
    let opening = &found.opening;
    let phase = found.phase();
    let (status, ended, ending) = match &found.ended {
        None if phase == Phase::Pending => (DeliberationStatus::Pending, None, None),
        None => (DeliberationStatus::InProgress, None, None),
        Some((at, ending)) => (status_of(ending.status), Some(*at), Some(ending)),
    };
    let until = ended.unwrap_or(now.wall);
    let seat_id = |seat: u32| found.place(seat).map(|place| place.id.clone());
    let (current_step, current_agent) = current(&sight);
    let out = found
        .out
        .iter()
        .filter_map(|one| Some(OutView { seat: seat_id(one.seat)?, why: one.why.clone() }));
    let left_out = opening.left_out.iter();
    let left_out = left_out.map(|one| OutView { seat: one.seat.clone(), why: one.why.clone() });
    DeliberationView {
        id: opening.request.id.clone(),
        namespace: opening.request.namespace.clone(),
        role: opening.role.clone(),
        kind: opening.request.kind,
        status,
        phase,
        round: found.stages.last().map_or(0, |stage| stage.round),
        percent: percent(&sight),
        current_step,
        current_agent,
        seats: opening.seats.iter().map(|place| place.id.clone()).collect(),
        results: results(&sight),
        winner_id: ending.and_then(|ending| seat_id(ending.winner?)),
        selected_by: ending.map(|ending| ending.selected_by.clone()).unwrap_or_default(),
        out: out.chain(left_out).collect(),
        remarks: found.remarks.clone(),
        opened_at_ms: found.opened.as_ms(),
        until_ms: opening.until.as_ms(),
        ended_at_ms: ended.map(Wall::as_ms),
        duration_ms: until.as_ms().saturating_sub(found.opened.as_ms()),
        error_message: ending.and_then(|ending| ending.why.clone()),
        seed: opening.seed,
        notes: opening.request.notes.clone(),
    }
}

const fn status_of(status: EndStatus) -> DeliberationStatus {
    match status {
        EndStatus::Completed => DeliberationStatus::Completed,
        EndStatus::Failed | EndStatus::Cancelled => DeliberationStatus::Failed,
        EndStatus::Timeout => DeliberationStatus::Timeout,
    }
}

/// How much is done: each phase that there may be counts the same, and within one its tasks. A phase
/// that is passed over counts as done.
fn percent(sight: &Sight<'_>) -> u32 {
    let found = sight.found;
    if !found.is_open() {
        return 100;
    }
    let Some(stage) = sight.last_stage() else { return 0 };
    let rounds = found.opening.rounds;
    let of_committee = matches!(found.opening.selection, Selection::Committee { .. });
    let all = 2 + 2 * rounds + u32::from(of_committee);
    let done = match stage.phase {
        Phase::Pending | Phase::Drafting => 0,
        Phase::Critique => 1 + 2 * stage.round.saturating_sub(1),
        Phase::Revising => 2 + 2 * stage.round.saturating_sub(1),
        Phase::Checking => 1 + 2 * rounds,
        Phase::Judging | Phase::Ended => 2 + 2 * rounds,
    };
    let ended = stage.steps.iter().filter(|step| !sight.stands(&step.task).is_open()).count();
    let (ended, steps) = (ended as u64, stage.steps.len().max(1) as u64);
    let hundredths = 100 * (u64::from(done) * steps + ended) / (u64::from(all) * steps);
    u32::try_from(hundredths.min(99)).unwrap_or(99)
}

/// What is being done, and whose turn it is.
fn current(sight: &Sight<'_>) -> (String, Option<AgentId>) {
    let found = sight.found;
    let Some(stage) = sight.last_stage() else { return ("waiting to begin".to_owned(), None) };
    let open = || stage.steps.iter().filter(|step| sight.stands(&step.task).is_open());
    if let Some((_, ending)) = &found.ended {
        return (ending.status.as_str().to_owned(), None);
    }
    let (ended, all) = (stage.steps.len() - open().count(), stage.steps.len());
    let round = match stage.phase {
        Phase::Critique | Phase::Revising => format!(", round {}", stage.round),
        _ => String::new(),
    };
    let who = open().next().and_then(|step| found.place(step.seat));
    let word = stage.phase.as_str();
    (format!("{word}{round}: {ended} of {all} done"), who.map(|place| place.id.clone()))
}

/// Proposals, best first; none before all drafts are in, as long as it goes on.
fn results(sight: &Sight<'_>) -> Vec<RankedView> {
    let found = sight.found;
    let mut room = REVISIONS_BYTES_MAX;
    let view = |proposal: &Proposal, ranked: Option<&Ranked>, room: &mut usize, rank: u32| {
        let author_id = found.place(proposal.seat)?.id.clone();
        let (checks, _) = sight.checks(proposal.seat);
        let score = ranked.map_or(0.0, |one| mean(one.points.into(), one.of.into()));
        let content = proposal_view(sight, proposal, author_id, room);
        Some(RankedView { proposal: content, checks, score, rank })
    };
    let by_seat = |seat: u32| found.proposals.iter().find(|proposal| proposal.seat == seat);
    match &found.ended {
        Some((_, ending)) => {
            let ranked = (1..).zip(&ending.ranking);
            ranked
                .filter_map(|(rank, one)| view(by_seat(one.seat)?, Some(one), &mut room, rank))
                .collect()
        }
        None => found.proposals.iter().filter_map(|one| view(one, None, &mut room, 0)).collect(),
    }
}

fn proposal_view(
    sight: &Sight<'_>,
    proposal: &Proposal,
    author_id: AgentId,
    room: &mut usize,
) -> ProposalView {
    let first = proposal.earlier.first().unwrap_or(&proposal.task);
    let created = sight.ended_at(first).unwrap_or(sight.found.opened);
    let mut revisions = Vec::new();
    for earlier in proposal.earlier.iter().rev() {
        let text = sight.content(earlier);
        let Some(left) = room.checked_sub(text.len()) else { break };
        *room = left;
        revisions.push(text);
    }
    revisions.reverse();
    ProposalView {
        author_id,
        author_role: sight.found.opening.role.clone(),
        content: sight.content(&proposal.task),
        created_at_ms: created.as_ms(),
        revisions,
        task: proposal.task.to_string(),
    }
}
