//! How the service stands, and its figures.

use orkestra_proto::orchestrator::v1::{
    AgentMetrics, CouncilHealth, CouncilMetrics, GetMetricsRequest, GetMetricsResponse,
    GetStatusResponse, OrchestratorStats, PerformanceMetrics,
};
use tonic::Status;

use super::{Orchestrator, refusal, shown};
use crate::{
    council::view::CouncilMetricsView,
    grpc::{credential::Caller, status::invalid_field},
};

/// What can be asked for; nothing is all.
const TYPES: [&str; 4] = ["performance", "agents", "councils", "all"];

impl Orchestrator {
    pub(super) async fn status(
        &self,
        caller: &Caller,
        include_stats: bool,
    ) -> Result<GetStatusResponse, Status> {
        let stands = if self.standing.is_closing() {
            "stopping"
        } else if self.standing.reading(&caller.namespace).await.is_ready {
            "healthy"
        } else {
            "unavailable"
        };
        let stats = if include_stats { Some(self.stats(caller).await?) } else { None };
        let uptime = self.standing.uptime().as_secs();
        let uptime_seconds = shown::signed(uptime);
        Ok(GetStatusResponse { status: stands.to_owned(), uptime_seconds, stats })
    }

    async fn stats(&self, caller: &Caller) -> Result<OrchestratorStats, Status> {
        let figures = self.figures(caller, None).await?;
        let counts = figures.role_counts.into_iter();
        Ok(OrchestratorStats {
            total_deliberations: shown::signed(figures.total_deliberations),
            total_orchestrations: shown::signed(figures.total_orchestrations),
            avg_deliberation_time_ms: figures.avg_deliberation_ms,
            active_councils: shown::small(figures.active_councils),
            role_counts: counts.map(|(role, count)| (role, shown::signed(count))).collect(),
        })
    }

    pub(super) async fn metrics(
        &self,
        caller: &Caller,
        asked: &GetMetricsRequest,
    ) -> Result<GetMetricsResponse, Status> {
        let wanted = if asked.metric_type.is_empty() { "all" } else { asked.metric_type.as_str() };
        if !TYPES.contains(&wanted) {
            let why = format!("is {wanted:?}, and may be {}", TYPES.join(", "));
            return Err(invalid_field("metric_type", why));
        }
        let Ok(range) = u64::try_from(asked.time_range_ms) else {
            return Err(invalid_field("time_range_ms", "is less than 0"));
        };
        let figures = self.figures(caller, (range > 0).then_some(range)).await?;
        let is_wanted = |name: &str| wanted == "all" || wanted == name;
        Ok(GetMetricsResponse {
            performance: is_wanted("performance").then(|| performance(&figures)),
            agents: is_wanted("agents").then(|| agents(&figures)),
            councils: is_wanted("councils").then(|| councils(&figures)),
        })
    }

    async fn figures(
        &self,
        caller: &Caller,
        range_ms: Option<u64>,
    ) -> Result<CouncilMetricsView, Status> {
        let figures = self.councils(caller).metrics_of(&caller.namespace, range_ms).await;
        figures.map_err(|error| refusal::told(&error))
    }
}

#[expect(clippy::cast_precision_loss, reason = "no deliberation takes 2^53 milliseconds")]
fn performance(figures: &CouncilMetricsView) -> PerformanceMetrics {
    PerformanceMetrics {
        avg_deliberation_ms: figures.avg_deliberation_ms,
        avg_orchestration_ms: figures.avg_orchestration_ms,
        p50: figures.p50_ms as f64,
        p95: figures.p95_ms as f64,
        p99: figures.p99_ms as f64,
    }
}

fn agents(figures: &CouncilMetricsView) -> AgentMetrics {
    let per_role = figures.agents_per_role.iter();
    AgentMetrics {
        total: shown::small(figures.agents_total),
        active: shown::small(figures.agents_active),
        per_role: per_role.map(|(role, count)| (role.clone(), shown::small(*count))).collect(),
        avg_response_ms: figures.avg_response_ms,
    }
}

fn councils(figures: &CouncilMetricsView) -> CouncilMetrics {
    let health = figures.health.iter().map(|council| {
        let health = CouncilHealth {
            status: council.status.as_str().to_owned(),
            available_agents: shown::small(council.available_agents),
            busy_agents: shown::small(council.busy_agents),
            success_rate: council.success_rate,
        };
        (council.council_id.clone(), health)
    });
    CouncilMetrics {
        total: shown::small(figures.councils_total),
        active: shown::small(figures.active_councils),
        health_per_council: health.collect(),
    }
}
