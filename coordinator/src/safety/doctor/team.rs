//! Agents: who cannot work, and why.

use std::panic::{AssertUnwindSafe, catch_unwind};

use orkestra_agents::worker::AgentFactory;
use orkestra_runtime::{
    protocol::{
        agent::Availability,
        check::{Category, Level},
    },
    time::Now,
};

use super::Finding;
use crate::{
    inspect::Inspection,
    scenario::{AgentConfig, AgentKind},
    task::{Answer, Query, view::AgentView},
    team::{self, Shared},
};

fn finding(category: Category, name: &str, level: Level, message: impl Into<String>) -> Finding {
    Finding::new(("team", category), name, level, message)
}

/// The agents that the journal knows.
pub(super) fn known(inspection: &Inspection, now: Now, findings: &mut Vec<Finding>) {
    let Answer::Agents(agents) = inspection.tasks().answer(now, &Query::Agents) else { return };
    let out: Vec<&AgentView> = agents.iter().filter(|agent| agent.reason.is_some()).collect();
    if out.is_empty() {
        let message = format!("none of {} agents said that it cannot work", agents.len());
        findings.push(finding(Category::Resources, "Agents", Level::Pass, message));
    }
    for agent in out {
        let reason = agent.reason.as_deref().unwrap_or_default();
        let message = format!("{}: {reason}", agent.state);
        let name = format!("Agent {}", agent.id);
        findings.push(finding(Category::Resources, &name, Level::Warning, message).advise(
            match &*agent.state {
                "drained" => "return it when it may work again",
                "open" => "see why its tasks failed: `orkestra audit list --type task_retry`",
                _ => "give it what it lacks; it is asked again at each start",
            },
        ));
    }
}

/// The agents of a scenario: whether each can work here and now, and has its keys. No value is
/// shown.
pub(super) async fn wanted(agents: &[AgentConfig], shared: &Shared, findings: &mut Vec<Finding>) {
    for config in agents {
        let name = format!("Agent {}", config.id);
        let named = |level, message: String| finding(Category::Resources, &name, level, message);
        let member = match team::member(config, shared) {
            Ok(Some(member)) => member,
            Ok(None) => continue,
            Err(error) => {
                findings.push(named(Level::Fail, error.to_string()));
                continue;
            }
        };
        let factory = member.factory;
        // Looking for a program may take its time, and an agent's code may panic.
        let asked = tokio::task::spawn_blocking(move || availability(&factory));
        findings.push(match asked.await {
            Ok(Ok(Availability::Available)) => named(Level::Pass, "it can work".to_owned()),
            Ok(Ok(Availability::Unavailable { reason })) => {
                named(Level::Fail, reason).advise("give it what it lacks")
            }
            Ok(Err(why)) => named(Level::Warning, format!("cannot check: {why}")),
            Err(error) => named(Level::Warning, format!("cannot check: {error}")),
        });
        let AgentKind::Command(command) = &config.kind else { continue };
        for key in command.secrets.keys() {
            let read = member.secrets.as_ref().map(|secrets| secrets.secret(key).map(drop));
            let name = format!("Key {key} of {}", config.id);
            let named = |level, message: String| finding(Category::Security, &name, level, message);
            findings.push(match read {
                Some(Ok(())) => named(Level::Pass, "it is there".to_owned()),
                Some(Err(error)) => named(Level::Fail, error.to_string())
                    .advise("set it where the scenario says that it is read from"),
                None => named(Level::Warning, "cannot check: this agent reads no keys".to_owned()),
            });
        }
    }
}

fn availability(factory: &AgentFactory) -> Result<Availability, &'static str> {
    catch_unwind(AssertUnwindSafe(|| factory().availability())).map_err(|_| "it panicked")
}
