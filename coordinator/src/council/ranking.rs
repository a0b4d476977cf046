//! Scores, ranks, and who wins: whole numbers throughout, so that everybody comes to the same.

use std::cmp::Reverse;

use orkestra_runtime::protocol::council::{LintFound, PolicyFound};

use super::{
    event::{Marks, Ranked, StepRole, Version},
    reading::{Sight, checked, tried},
    view::{CheckView, DryRunView},
    words::{CheckWeights, Selection},
};

/// How many are looked at where an architect selects and nothing is said.
const ARCHITECT_K: u32 = 3;
/// What is said of a proposal that nobody tried out because nobody was asked to.
const NOT_CONFIGURED: &str = "not configured";

impl Sight<'_> {
    /// What was found in a proposal.
    pub(super) fn checks(&self, seat: u32) -> (CheckView, Marks) {
        let (policy, lint, is_checked) = match self.found_by(StepRole::Check, seat) {
            Some(stands) => match checked(&stands) {
                Ok(found) => (found.policy, found.lint, true),
                Err(why) => unchecked(why),
            },
            None => unchecked("not checked".to_owned()),
        };
        let dryrun = self.dry_run(seat);
        let marks = Marks {
            checked: is_checked,
            policy: policy.passed && policy.violations.is_empty(),
            lint: lint.passed && lint.error_count == 0 && lint.warning_count == 0,
            dry_run: dryrun.passed,
            findings: count(policy.violations.len())
                .saturating_add(lint.error_count)
                .saturating_add(lint.warning_count)
                .saturating_add(u32::from(!dryrun.passed)),
        };
        let all_passed = marks.all_passed();
        (CheckView { policy, lint, dryrun, additional: Vec::new(), all_passed }, marks)
    }

    fn dry_run(&self, seat: u32) -> DryRunView {
        if self.found.opening.checks.dry_run.is_none() {
            let message = NOT_CONFIGURED.to_owned();
            return DryRunView { passed: true, message, ..DryRunView::default() };
        }
        let tried = match self.found_by(StepRole::DryRun, seat) {
            Some(stands) => tried(&stands),
            None => Err("not tried out".to_owned()),
        };
        match tried {
            Ok(found) => {
                let exit_code = found.exit_code.unwrap_or(-1);
                let message = format!("the validator ended with exit code {exit_code}");
                DryRunView { passed: exit_code == 0, output: found.output, exit_code, message }
            }
            Err(message) => DryRunView { exit_code: -1, message, ..DryRunView::default() },
        }
    }

    /// Proposals, best first: by score, then by fewer findings, then by place.
    pub(super) fn ranking(&self, versions: &[Version]) -> Vec<Ranked> {
        let weights = self.found.opening.weights;
        let mut ranking: Vec<Ranked> = versions
            .iter()
            .map(|version| {
                let (_, marks) = self.checks(version.seat);
                let (points, of) = (points(marks, weights), weights.total());
                Ranked { seat: version.seat, task: version.task.clone(), marks, points, of }
            })
            .collect();
        ranking.sort_by_key(|one| (Reverse(one.points), one.marks.findings, one.seat));
        ranking
    }

    /// Whose proposal wins, and why that one.
    pub(super) fn winner(&self, ranking: &[Ranked]) -> (Option<u32>, String) {
        let Some(first) = ranking.first() else { return (None, String::new()) };
        let by_score = if first.points == 0 {
            "first by place: nothing passed any check".to_owned()
        } else {
            format!("first by score, with {}", score(first))
        };
        match self.found.opening.selection {
            Selection::Score => (Some(first.seat), by_score),
            Selection::Architect { k } => {
                let k = if k == 0 { ARCHITECT_K } else { k };
                architect(ranking, (k, first.seat), &by_score)
            }
            Selection::Committee { method } => {
                let Some(chosen) = self.verdict() else {
                    let why = "no committee came to a decision";
                    return (Some(first.seat), format!("{by_score}; {why}"));
                };
                let among = |one: &&Ranked| chosen.seats.contains(&one.seat);
                match (ranking.iter().find(among), chosen.seats.len()) {
                    (Some(one), 1) => {
                        let why = format!("chosen by a committee, counted by {method}");
                        (Some(one.seat), why)
                    }
                    (Some(one), _) => {
                        let why = "of those whom a committee chose with equal right";
                        (Some(one.seat), format!("{why}, the first by score"))
                    }
                    (None, _) => {
                        let why = format!("the committee chose nobody: {}", chosen.decision);
                        (Some(first.seat), format!("{by_score}; {why}"))
                    }
                }
            }
        }
    }
}

/// Of the first so many, the first that is well formed and works; else the first.
fn architect(ranking: &[Ranked], (k, first): (u32, u32), by_score: &str) -> (Option<u32>, String) {
    let mut looked_at = ranking.iter().take(k as usize);
    if let Some(one) = looked_at.find(|one| one.marks.lint && one.marks.dry_run) {
        let why = format!("of the first {k} by score, the first that is well formed and works");
        return (Some(one.seat), why);
    }
    (Some(first), format!("{by_score}; none of the first {k} is well formed and works"))
}

fn unchecked(why: String) -> (PolicyFound, LintFound, bool) {
    let policy = PolicyFound { message: why.clone(), ..PolicyFound::default() };
    let lint = LintFound { errors: vec![why], ..LintFound::default() };
    (policy, lint, false)
}

fn points(marks: Marks, weights: CheckWeights) -> u32 {
    let of = |passed: bool, weight: u32| if passed { weight } else { 0 };
    of(marks.policy, weights.policy)
        + of(marks.lint, weights.lint)
        + of(marks.dry_run, weights.dry_run)
}

/// A score as people write it: a fraction in lowest terms.
pub(super) fn score(ranked: &Ranked) -> String {
    let (mut a, mut b) = (ranked.points, ranked.of);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    let by = a.max(1);
    match (ranked.points / by, ranked.of / by) {
        (points, 1) => points.to_string(),
        (0, _) => "0".to_owned(),
        (points, of) => format!("{points}/{of}"),
    }
}

fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
