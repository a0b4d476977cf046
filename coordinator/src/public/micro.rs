//! Every node is a NATS micro service: whoever asks `$SRV.PING`, `$SRV.INFO` or `$SRV.STATS` is told
//! what there is.

use std::sync::{Arc, atomic::Ordering};

use futures::StreamExt as _;
use orkestra_runtime::{
    Error, ErrorKind, Result, duty,
    fabric::{Messages, Pattern, listen},
    names::token,
    supervise::{ChildSpec, Started, Starting},
    time::Wall,
};
use serde_json::{Value, json};

use super::{Parts, QUEUE, SUBJECTS, serve::Figures};

/// The name of the service.
const SERVICE: &str = "orkestra";
/// How many questions may wait.
const WAITING_MAX: usize = 1_024;

/// What a service says of itself.
struct Service {
    id: String,
    started: Wall,
    prefix: String,
    node: String,
    figures: Arc<Figures>,
}

/// Whoever answers what service discovery asks, as a child.
pub(super) fn child(
    parts: &Parts,
    outside: &Arc<dyn Messages>,
    figures: &Arc<Figures>,
) -> ChildSpec {
    let (parts, outside, figures) = (parts.clone(), Arc::clone(outside), Arc::clone(figures));
    ChildSpec::worker("service", move |starting: Starting| {
        let (outside, clock) = (Arc::clone(&outside), Arc::clone(&parts.clock));
        let started = clock.now().wall;
        let service = Service {
            id: format!("{}-{}", token(parts.node.as_str()), started.as_ms()),
            started,
            prefix: parts.prefix.clone(),
            node: parts.node.to_string(),
            figures: Arc::clone(&figures),
        };
        async move {
            let duty = service.answer(outside);
            let cell = duty::spawn_linked(duty, clock, starting.supervisor).await?;
            Ok(Started::from(cell))
        }
    })
}

impl Service {
    async fn answer(self, outside: Arc<dyn Messages>) -> Result<()> {
        let mut asked = Vec::new();
        for verb in ["PING", "INFO", "STATS"] {
            let places = [format!("$SRV.{verb}"), format!("$SRV.{verb}.{SERVICE}"), self.own(verb)];
            for place in places {
                let pattern = Pattern::outside(&place)?;
                asked.push(listen(&outside, &pattern, None, WAITING_MAX).await?);
            }
        }
        let mut asked = futures::stream::select_all(asked);
        loop {
            match asked.next().await {
                Some(Ok(message)) => {
                    let verb = message.subject.as_str().split('.').nth(1);
                    let answer = match verb {
                        Some("PING") => self.ping(),
                        Some("INFO") => self.info(),
                        _ => self.stats(),
                    };
                    if let Some(reply) = message.reply {
                        reply.answer(answer.to_string().into_bytes().into());
                    }
                }
                Some(Err(error)) if error.kind() == ErrorKind::Full => {}
                Some(Err(error)) => return Err(error),
                None => return Err(Error::new(ErrorKind::Unavailable, "the fabric is closed")),
            }
        }
    }

    fn own(&self, verb: &str) -> String {
        format!("$SRV.{verb}.{SERVICE}.{}", self.id)
    }

    fn ping(&self) -> Value {
        json!({
            "type": "io.nats.micro.v1.ping_response",
            "name": SERVICE,
            "id": self.id,
            "version": env!("CARGO_PKG_VERSION"),
            "metadata": { "node": self.node },
        })
    }

    fn info(&self) -> Value {
        let mut info = self.ping();
        info["type"] = json!("io.nats.micro.v1.info_response");
        info["description"] = json!("Takes tasks and gives them to a supervised team of agents");
        info["endpoints"] = SUBJECTS.iter().map(|subject| self.endpoint(subject)).collect();
        info
    }

    fn stats(&self) -> Value {
        let mut stats = self.ping();
        stats["type"] = json!("io.nats.micro.v1.stats_response");
        stats["started"] = json!(self.started.to_string());
        let counted = SUBJECTS.iter().zip(&self.figures.0).map(|(subject, figure)| {
            let asked = figure.asked.load(Ordering::Relaxed);
            let worked = figure.worked_ns.load(Ordering::Relaxed);
            let mut endpoint = self.endpoint(subject);
            endpoint["num_requests"] = json!(asked);
            endpoint["num_errors"] = json!(figure.refused.load(Ordering::Relaxed));
            endpoint["last_error"] = json!("");
            endpoint["processing_time"] = json!(worked);
            endpoint["average_processing_time"] = json!(worked.checked_div(asked).unwrap_or(0));
            endpoint
        });
        stats["endpoints"] = counted.collect();
        stats
    }

    fn endpoint(&self, subject: &str) -> Value {
        json!({
            "name": subject.replace('.', "-"),
            "subject": format!("{}{subject}", self.prefix),
            "queue_group": QUEUE,
            "metadata": {},
        })
    }
}
