//! Councils and deliberations as they are told over gRPC.

use std::{collections::BTreeMap, fmt::Write as _};

use orkestra_proto::orchestrator::v1 as proto;
use sha2::{Digest as _, Sha256};

use crate::council::{
    Capabilities,
    view::{
        CheckView, CouncilView, DeliberationStatus, DeliberationView, ProposalView, RankedView,
        SeatView,
    },
};

/// How many digits an execution is known by.
const DIGITS: usize = 16;

/// A number as the messages have it.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The same of smaller ones.
pub(super) fn small(number: impl TryInto<i32>) -> i32 {
    number.try_into().unwrap_or(i32::MAX)
}

pub(super) fn result(view: RankedView) -> proto::DeliberationResult {
    proto::DeliberationResult {
        proposal: Some(proposal(view.proposal)),
        checks: Some(checks(view.checks)),
        score: view.score,
        rank: small(view.rank),
    }
}

fn proposal(view: ProposalView) -> proto::Proposal {
    proto::Proposal {
        author_id: view.author_id.to_string(),
        author_role: view.author_role,
        content: view.content,
        created_at_ms: signed(view.created_at_ms),
        revisions: view.revisions,
    }
}

fn checks(view: CheckView) -> proto::CheckSuite {
    let CheckView { policy, lint, dryrun, additional, all_passed } = view;
    let additional = additional.into_iter().map(|check| proto::CheckResult {
        check_type: check.check_type,
        passed: check.passed,
        score: check.score,
        message: check.message,
        details: check.details,
    });
    proto::CheckSuite {
        policy: Some(proto::PolicyResult {
            passed: policy.passed,
            violations: policy.violations,
            message: policy.message,
        }),
        lint: Some(proto::LintResult {
            passed: lint.passed,
            error_count: small(lint.error_count),
            warning_count: small(lint.warning_count),
            errors: lint.errors,
        }),
        dryrun: Some(proto::DryRunResult {
            passed: dryrun.passed,
            output: dryrun.output,
            exit_code: dryrun.exit_code,
            message: dryrun.message,
        }),
        additional_checks: additional.collect(),
        all_passed,
    }
}

pub(super) const fn status(status: DeliberationStatus) -> proto::DeliberationStatus {
    match status {
        DeliberationStatus::Pending => proto::DeliberationStatus::Pending,
        DeliberationStatus::InProgress => proto::DeliberationStatus::InProgress,
        DeliberationStatus::Completed => proto::DeliberationStatus::Completed,
        DeliberationStatus::Failed => proto::DeliberationStatus::Failed,
        DeliberationStatus::Timeout => proto::DeliberationStatus::Timeout,
    }
}

pub(super) fn metadata(view: &DeliberationView, now_ms: i64) -> proto::OrchestratorMetadata {
    let mut tags = BTreeMap::from([
        ("task_id".to_owned(), view.id.clone()),
        ("role".to_owned(), view.role.clone()),
        ("seed".to_owned(), view.seed.to_string()),
    ]);
    if !view.selected_by.is_empty() {
        tags.insert("selected_by".to_owned(), view.selected_by.clone());
    }
    proto::OrchestratorMetadata {
        orchestrator_version: env!("CARGO_PKG_VERSION").to_owned(),
        timestamp_ms: now_ms,
        execution_id: execution_id(&view.id),
        tags,
    }
}

/// By what an execution is known: 16 hexadecimal digits. A deliberation that nobody gave a name has it
/// for its name; of one that has another name it follows from that.
pub(super) fn execution_id(id: &str) -> String {
    let is_one = id.len() == DIGITS
        && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if is_one {
        return id.to_owned();
    }
    let hash = Sha256::digest(id.as_bytes());
    hash.iter().take(DIGITS / 2).fold(String::new(), |mut text, byte| {
        // Writing to text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(super) fn council(view: CouncilView, with_agents: bool) -> proto::CouncilInfo {
    let role = view.role.clone();
    let agents = view.seats.iter().filter(|_| with_agents).map(|seat| agent(seat, &role));
    proto::CouncilInfo {
        num_agents: small(view.seats.len()),
        agents: agents.collect(),
        council_id: view.id,
        role: view.role,
        status: view.status.as_str().to_owned(),
        model: view.config.model_profile,
    }
}

fn agent(seat: &SeatView, role: &str) -> proto::AgentInfo {
    let Capabilities { supported_tasks, model_profile, max_concurrent_tasks, languages } =
        seat.registered.clone();
    let supported_tasks =
        if supported_tasks.is_empty() { seat.capabilities.clone() } else { supported_tasks };
    proto::AgentInfo {
        agent_id: seat.id.to_string(),
        role: role.to_owned(),
        status: seat.status.as_str().to_owned(),
        capabilities: Some(proto::AgentCapabilities {
            supported_tasks,
            model_profile,
            max_concurrent_tasks: small(max_concurrent_tasks),
            languages,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_execution_has_sixteen_digits_which_follow_from_its_name() {
        assert_eq!(execution_id("00ab34cd56ef7890"), "00ab34cd56ef7890");
        let named = execution_id("release-notes");
        assert_eq!(named.len(), 16);
        assert!(named.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(named, execution_id("release-notes"));
        assert_ne!(named, execution_id("release-note"));
    }
}
