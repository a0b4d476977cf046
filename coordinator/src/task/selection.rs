//! Who suits a task best, in points (the sources' 4.3 and 4.4).
//!
//! suitability = 50 + 15 per specialty that answers to the text, 100 at most;
//! penalty = min(100, ⌊total × 20 × (1 − 0.3 × success rate)⌋), in exact arithmetic.

use orkestra_runtime::protocol::task::TaskSpec;

use crate::task::{roster::AgentRecord, specialties};

/// How well an agent's specialties fit a text: 50 to 100.
pub fn suitability(specialties: &[String], title: &str, instructions: &str) -> i32 {
    if specialties.is_empty() || (title.is_empty() && instructions.is_empty()) {
        return 50;
    }
    let text = format!("{title} {instructions}").to_lowercase();
    let hits = specialties.iter().filter(|name| specialties::answers(name, &text)).count();
    i32::try_from(50 + 15 * hits.min(4)).unwrap_or(100).min(100)
}

/// What a workload costs: 0 to 100. `total` counts distinct tasks; the success rate is
/// `completed / (completed + failed)`, 1 without history.
pub fn penalty(total: u32, completed: u64, failed: u64) -> i32 {
    let (succeeded, tried) =
        if completed + failed == 0 { (1, 1) } else { (completed, completed + failed) };
    let points = u128::from(total) * 20 * (10 * u128::from(tried) - 3 * u128::from(succeeded))
        / (10 * u128::from(tried));
    i32::try_from(points.min(100)).unwrap_or(100)
}

/// The load that the older selection compared: total ÷ max(success rate, 0.1), in thousandths.
pub fn adjusted_load_milli(total: u32, completed: u64, failed: u64) -> u64 {
    let tried = completed + failed;
    let rate_milli = (completed * 1_000).checked_div(tried).unwrap_or(1_000);
    u64::from(total) * 1_000_000 / rate_milli.max(100)
}

/// The agents that a category prefers, when any of them is there; none: all agents alike.
pub(super) fn pool_of(category: &str) -> Option<&'static [&'static str]> {
    Some(match category {
        "technical" => &["copilot", "claude"],
        "content" => &["claude", "chatgpt"],
        "creative" => &["chatgpt", "claude"],
        "firebase" | "cloud" | "architecture" => &["gemini", "copilot"],
        _ => return None,
    })
}

/// Who comes next when a task of this category failed: the sources' failover order (4.5).
pub(super) fn failover_order(category: &str) -> &'static [&'static str] {
    match category {
        "content" => &["chatgpt", "claude", "grok", "gemini"],
        "creative" | "design" => &["grok", "chatgpt", "claude", "gemini"],
        "firebase" => &["gemini", "chatgpt", "claude", "grok"],
        _ => &["claude", "chatgpt", "grok", "gemini"],
    }
}

/// The suitability and penalty of an agent that holds `outstanding` attempts.
pub(super) fn parts(agent: &AgentRecord, outstanding: u32, spec: &TaskSpec) -> (i32, i32) {
    (
        suitability(&agent.profile.specialties, &spec.title, &spec.instructions),
        penalty(outstanding, agent.completed, agent.failed),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copilot() -> Vec<String> {
        ["coding", "refactoring", "api_design", "system_maintenance", "deployment"]
            .map(String::from)
            .to_vec()
    }

    #[test]
    fn a110_load_is_divided_by_success_and_never_by_less_than_a_tenth() {
        assert_eq!(adjusted_load_milli(2, 0, 0), 2_000);
        assert_eq!(adjusted_load_milli(2, 1, 1), 4_000);
        assert_eq!(adjusted_load_milli(1, 0, 9), 10_000);
    }

    #[test]
    fn a111_the_three_vectors_of_the_sources() {
        assert_eq!(suitability(&copilot(), "Fix bug in API code", ""), 65);
        assert_eq!(65 - penalty(2, 0, 0), 37);
        assert_eq!(penalty(3, 1, 1), 51);
        assert_eq!(penalty(6, 0, 5), 100);
        assert_eq!(penalty(60, 0, 5), 100);
    }

    #[test]
    fn a111_a_specialty_hits_once_and_the_sum_is_capped() {
        let text = "code function api bug refactor api design deploy maintenance";
        assert_eq!(suitability(&copilot(), "code code code", "code"), 65);
        assert_eq!(suitability(&copilot(), text, ""), 100);
        assert_eq!(suitability(&[], text, ""), 50);
        assert_eq!(suitability(&["own_word".to_owned()], "My Own_Word", ""), 65);
    }

    #[test]
    fn a112_a_penalty_is_exact() {
        assert_eq!(penalty(2, 7, 0), 28);
        assert_eq!(penalty(1, 1, 2), 18);
        assert_eq!(penalty(0, 0, 0), 0);
    }
}
