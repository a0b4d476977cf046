//! The specialty table: which words in a task's text a specialty answers to.
//!
//! The five classic agents and the first four word lists are the sources' (4.4); the sources gave
//! the other specialties no list, so that they answered only to their own names. Here each has one,
//! its own name included.

/// A specialty and the words that it answers to, in lower case.
const WORDS: &[(&str, &[&str])] = &[
    ("firebase", &["firebase", "firestore", "cloud", "database", "scaling", "migration"]),
    ("copywriting", &["copy", "marketing", "landing", "newsletter", "content", "write"]),
    ("documentation", &["review", "test", "documentation", "mobile", "ux", "tone"]),
    ("coding", &["code", "function", "api", "implement", "refactor", "bug"]),
    ("design", &["design", "svg", "icon", "visual", "graphic", "ui"]),
    ("system", &["setup", "config", "system", "environment", "deploy"]),
    ("google_cloud", &["google_cloud", "google cloud", "gcp", "cloud run"]),
    ("database_design", &["database_design", "database design", "schema", "index"]),
    ("scaling", &["scaling", "scale", "load", "throughput"]),
    ("cost_optimization", &["cost_optimization", "cost", "billing", "spend"]),
    ("marketing", &["marketing", "campaign", "audience"]),
    ("creative_content", &["creative_content", "creative content", "story", "slogan"]),
    ("content_review", &["content_review", "proofread", "content review"]),
    ("tone_validation", &["tone_validation", "tone", "voice"]),
    ("code_review", &["code_review", "code review", "pull request", "diff"]),
    ("architecture", &["architecture", "architect", "module", "boundary"]),
    ("testing", &["testing", "unit test", "coverage", "regression"]),
    ("debugging", &["debugging", "debug", "crash", "stack trace"]),
    ("refactoring", &["refactoring", "refactor", "clean up"]),
    ("api_design", &["api_design", "api design", "endpoint", "interface"]),
    ("system_maintenance", &["system_maintenance", "maintenance", "upgrade"]),
    ("deployment", &["deployment", "deploy", "release", "rollout"]),
    ("research", &["research", "survey", "literature"]),
    ("analysis", &["analysis", "analyse", "analyze", "measure"]),
    ("problem_solving", &["problem_solving", "problem", "puzzle"]),
    ("innovation", &["innovation", "novel", "prototype"]),
    ("creative_solutions", &["creative_solutions", "brainstorm", "idea"]),
];

/// Whether a specialty answers to a text that is in lower case already. One without a list answers
/// to its own name.
pub(super) fn answers(specialty: &str, text: &str) -> bool {
    WORDS.iter().find(|(name, _)| *name == specialty).map_or_else(
        || text.contains(&specialty.to_lowercase()),
        |(_, words)| words.iter().any(|word| text.contains(word)),
    )
}
