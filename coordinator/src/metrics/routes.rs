//! What is answered to whom.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Query, State},
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE},
    },
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use orkestra_runtime::{Error, ErrorKind, Result};
use serde::Serialize;

use super::{exporter::Exporter, listener::Door};
use crate::health::Health;

/// The type of the text of metrics.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

type Shown = State<Arc<Exporter>>;

/// Answers whoever comes, for ever.
pub(super) async fn serve(listener: std::net::TcpListener, exporter: Arc<Exporter>) -> Result<()> {
    let cannot =
        |error| Error::new(ErrorKind::Io, "cannot let anybody read metrics").because(error);
    let listener = tokio::net::TcpListener::from_std(listener).map_err(cannot)?;
    axum::serve(Door::of(listener), router(exporter)).await.map_err(cannot)
}

fn router(exporter: Arc<Exporter>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/healthz", get(healthz))
        .route("/version", get(version))
        .layer(middleware::map_response(last_words))
        .with_state(exporter)
}

/// Each connection is for one request, and each answer for one moment.
async fn last_words(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn metrics(State(exporter): Shown) -> Response {
    match tokio::time::timeout(ANSWER_WITHIN, exporter.text()).await {
        Ok(Ok(text)) => ([(CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Ok(Err(error)) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "it takes too long\n").into_response(),
    }
}

/// `ok`, or the names of the checks that fail; with `verbose` all of them, and what is wrong.
async fn readyz(
    State(exporter): Shown,
    Query(asked): Query<Vec<(String, String)>>,
) -> (StatusCode, String) {
    let checks = exporter.checks().await;
    let failing: Vec<&str> =
        checks.iter().filter(|check| check.fault.is_some()).map(|check| check.name).collect();
    let status = if failing.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut text = String::new();
    if asked.iter().any(|(name, _)| name == "verbose") {
        for check in &checks {
            // Writing to a text cannot fail.
            let _ = match &check.fault {
                None => writeln!(text, "[+] {} ok", check.name),
                Some(fault) => writeln!(text, "[-] {} failed: {fault}", check.name),
            };
        }
    }
    let end = if failing.is_empty() {
        "ok\n".to_owned()
    } else {
        format!("not ready: {}\n", failing.join(", "))
    };
    (status, text + &end)
}

async fn healthz(State(exporter): Shown) -> Response {
    let health = exporter.health();
    let status = if health.health <= Health::Degraded {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    json(status, &health)
}

async fn version() -> Response {
    #[derive(Serialize)]
    struct Version {
        name: &'static str,
        version: &'static str,
    }
    json(StatusCode::OK, &Version { name: "orkestra", version: env!("CARGO_PKG_VERSION") })
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_string(value) {
        Ok(text) => (status, [(CONTENT_TYPE, "application/json")], text + "\n").into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}
