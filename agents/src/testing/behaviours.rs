//! Agents that take part in councils in a way that is known beforehand.
//!
//! What they propose follows from the brief alone, so that the same council comes to the same end.
//!
//! | behaviour | draft | critique | revision |
//! |---|---|---|---|
//! | `NORMAL` | all requirements but the last | says what is missing | adds what it was told |
//! | `EXCELLENT` | all requirements, well built | says what is missing | keeps all of it |
//! | `POOR` | the task, and nothing of what is required | says nothing useful | as its draft |
//! | `VERBOSE` | as `EXCELLENT`, and very much more | goes on and on | goes on and on |
//! | `CONCISE` | one line with all requirements | one word | the same line |
//! | `ERROR_PRONE` | broken: a control character, an open fence | as `NORMAL` | stays broken |
//! | `INCONSISTENT` | as `EXCELLENT` or as `POOR`, by its task | the same | the same |
//! | `STUBBORN` | as `NORMAL` | approves without a word | its version, unchanged |

use std::{fmt::Write as _, sync::Arc};

use orkestra_runtime::{
    Result,
    protocol::{council::content_of, payload::Json, task::Failure},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{DynAgent, Work, kinds::function::FunctionAgent};

/// How an agent behaves in councils.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Behaviour {
    /// Does what is asked, and forgets the last requirement.
    Normal,
    /// Does all that is asked.
    Excellent,
    /// Does next to nothing.
    Poor,
    /// Does what is asked and does not come to an end.
    Verbose,
    /// Does what is asked in one line.
    Concise,
    /// Does what cannot pass a check of form.
    ErrorProne,
    /// Is excellent or poor.
    Inconsistent,
    /// Finds nothing wrong with others, and nothing to change in its own.
    Stubborn,
}

impl Behaviour {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Normal,
        Self::Excellent,
        Self::Poor,
        Self::Verbose,
        Self::Concise,
        Self::ErrorProne,
        Self::Inconsistent,
        Self::Stubborn,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "NORMAL",
            Self::Excellent => "EXCELLENT",
            Self::Poor => "POOR",
            Self::Verbose => "VERBOSE",
            Self::Concise => "CONCISE",
            Self::ErrorProne => "ERROR_PRONE",
            Self::Inconsistent => "INCONSISTENT",
            Self::Stubborn => "STUBBORN",
        }
    }

    /// An agent that behaves so.
    pub fn agent(self) -> Arc<dyn DynAgent> {
        Arc::new(FunctionAgent::new(move |work: Work, _| std::future::ready(self.answer(&work))))
    }

    /// Takes one step of a deliberation.
    pub fn answer(self, work: &Work) -> Result<Json, Failure> {
        let input: Input = work.input()?;
        let is_second = work.id.as_str().bytes().map(u32::from).sum::<u32>() % 2 == 1;
        let answer = match &*input.step {
            "draft" => json!({ "content": self.draft(&input.brief, is_second) }),
            "critique" => self.critique(&input, work),
            "revise" => json!({ "content": self.revise(&input, work, is_second) }),
            other => {
                let why = format!("no council asks for the step {other:?}");
                return Err(Failure::error(why).for_good());
            }
        };
        Ok(Json::of(&answer)?)
    }

    fn draft(self, brief: &Brief, is_second: bool) -> String {
        let all = brief.requirements.as_slice();
        match self {
            Self::Excellent => built(brief, all),
            Self::Normal | Self::Stubborn => {
                built(brief, all.split_last().map_or(all, |(_, most)| most))
            }
            Self::Poor => format!("{}\n", brief.task),
            Self::Verbose => {
                let more = "Moreover, much could be said about this. ".repeat(20);
                format!("{}\n## More\n\n{}\n", built(brief, all), format!("{more}\n\n").repeat(10))
            }
            Self::Concise => format!("{}: {}\n", brief.task, all.join("; ")),
            Self::ErrorProne => {
                format!("{}\n#### A step too deep\n\n```\nno end \u{7}\n", built(brief, all))
            }
            Self::Inconsistent if is_second => Self::Poor.draft(brief, is_second),
            Self::Inconsistent => Self::Excellent.draft(brief, is_second),
        }
    }

    fn critique(self, input: &Input, work: &Work) -> Value {
        let of = |subject: &String| {
            let version = work.results.iter().find(|(id, _)| id.as_str() == *subject);
            let content = version.and_then(|(_, output)| content_of(output)).unwrap_or_default();
            let missing: Vec<&str> = input
                .brief
                .requirements
                .iter()
                .map(String::as_str)
                .filter(|one| !content.contains(*one))
                .collect();
            let text = match self {
                Self::Stubborn => String::new(),
                Self::Poor => "Fine, I think.".to_owned(),
                Self::Concise if missing.is_empty() => "Good.".to_owned(),
                Self::Concise => "Incomplete.".to_owned(),
                Self::Verbose => "One could look at this from many sides. ".repeat(25),
                Self::Normal | Self::Excellent | Self::ErrorProne | Self::Inconsistent => {
                    match missing.as_slice() {
                        [] => "All that is required is there.".to_owned(),
                        missing => format!("Missing: {}.", missing.join("; ")),
                    }
                }
            };
            let approves = missing.is_empty() || matches!(self, Self::Stubborn | Self::Poor);
            json!({ "of": subject, "text": text, "approves": approves })
        };
        json!({ "critiques": input.subjects.iter().map(of).collect::<Vec<_>>() })
    }

    fn revise(self, input: &Input, work: &Work, is_second: bool) -> String {
        let is_critique = |id: &str| id.starts_with("critique-");
        let own = work.results.iter().find(|(id, _)| !is_critique(id.as_str()));
        let own = own.and_then(|(_, output)| content_of(output));
        let Some(mut version) = own else { return self.draft(&input.brief, is_second) };
        match self {
            Self::Stubborn | Self::Poor | Self::Concise | Self::Excellent | Self::ErrorProne => {
                version
            }
            Self::Verbose => version + "And there is more to be said.\n",
            Self::Inconsistent => self.draft(&input.brief, is_second),
            Self::Normal => {
                let critiques = work.results.iter().filter(|(id, _)| is_critique(id.as_str()));
                let count = critiques.count();
                // Writing to a text cannot fail.
                let _ = writeln!(version, "\nRevised after {count} critiques.");
                version
            }
        }
    }
}

#[derive(Deserialize)]
struct Input {
    step: String,
    #[serde(default)]
    brief: Brief,
    /// What is criticised.
    #[serde(default)]
    subjects: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Brief {
    task: String,
    requirements: Vec<String>,
}

/// A proposal that is well built and meets these requirements.
fn built(brief: &Brief, requirements: &[String]) -> String {
    let mut text = format!("# Proposal\n\n{}\n", brief.task);
    if !requirements.is_empty() {
        text.push_str("\n## Requirements\n\n");
        for one in requirements {
            // Writing to a text cannot fail.
            let _ = writeln!(text, "- {one}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use orkestra_runtime::{id::TaskId, protocol::council::ChecksFound};

    use super::*;
    use crate::{Context, builtin, testing};

    fn work(id: &str, input: &Value, results: &[(&str, Value)]) -> Work {
        let result = |(id, output): &(&str, Value)| (testing::task(id), Json::of(output).unwrap());
        Work {
            id: TaskId::new(id).unwrap(),
            results: results.iter().map(result).collect(),
            ..testing::work(&input.to_string())
        }
    }

    fn answer(who: Behaviour, id: &str, step: &str, results: &[(&str, Value)]) -> Value {
        let subjects: Vec<&str> = results.iter().map(|(id, _)| *id).collect();
        let brief = json!({ "task": "Write a plan.", "requirements": ["tests", "a way back"] });
        let input = json!({ "v": 1, "step": step, "brief": brief, "subjects": subjects });
        who.answer(&work(id, &input, results)).unwrap().read().unwrap()
    }

    fn draft(who: Behaviour) -> Value {
        answer(who, "draft-2", "draft", &[])
    }

    /// How many of the checks a proposal passes without a finding.
    fn passed(proposal: &Value) -> u32 {
        let checks = json!({
            "policy": { "required": [{ "text": "tests" }, { "text": "a way back" }] },
            "lint": { "format": "markdown", "max_line": 200 },
        });
        let work = work("check-1", &json!({ "checks": checks }), &[("draft-2", proposal.clone())]);
        let folder = tempfile::tempdir().unwrap();
        let checks = builtin::find("proposal-checks").unwrap();
        let found = (checks.run)(&work, &Context::alone(folder.path().join("own"))).unwrap();
        let ChecksFound { policy, lint } = found.read().unwrap();
        u32::from(policy.passed) + u32::from(lint.passed && lint.warning_count == 0)
    }

    #[test]
    fn each_behaviour_passes_as_many_checks_as_it_is_known_for() {
        let of = |who: Behaviour| (who.as_str(), passed(&draft(who)));
        let expected = [
            ("NORMAL", 1),
            ("EXCELLENT", 2),
            ("POOR", 1),
            ("VERBOSE", 1),
            ("CONCISE", 2),
            ("ERROR_PRONE", 1),
            ("INCONSISTENT", 2),
            ("STUBBORN", 1),
        ];
        assert_eq!(Behaviour::ALL.map(of), expected);
        let other = answer(Behaviour::Inconsistent, "draft-3", "draft", &[]);
        assert_eq!(passed(&other), 1, "it is another thing the next time");
    }

    #[test]
    fn who_is_stubborn_approves_without_a_word_and_changes_nothing() {
        let own = draft(Behaviour::Stubborn);
        let others = [("draft-1", draft(Behaviour::Poor))];
        let said = answer(Behaviour::Stubborn, "critique-1-2", "critique", &others);
        let critique = json!({ "of": "draft-1", "text": "", "approves": true });
        assert_eq!(said, json!({ "critiques": [critique] }));
        let told = [("draft-2", own.clone()), ("critique-1-1", said)];
        assert_eq!(answer(Behaviour::Stubborn, "revise-1-2", "revise", &told), own);
        assert_ne!(answer(Behaviour::Normal, "revise-1-2", "revise", &told), own);
    }

    #[test]
    fn who_is_not_says_what_is_missing() {
        let others = [("draft-1", draft(Behaviour::Normal))];
        let said = answer(Behaviour::Normal, "critique-1-2", "critique", &others);
        assert_eq!(said["critiques"][0]["text"], "Missing: a way back.");
        assert_eq!(said["critiques"][0]["approves"], false);
    }

    #[tokio::test]
    async fn a_behaviour_is_an_agent() {
        let folder = tempfile::tempdir().unwrap();
        let work = work("draft-2", &json!({ "step": "dance" }), &[]);
        let agent = Behaviour::Normal.agent();
        let failed = agent.work(work, Context::alone(folder.path().into())).await;
        assert!(!failed.unwrap_err().retryable);
    }
}
