//! Councils, and what they think about, as a scenario describes them.

use std::collections::BTreeMap;

use minijinja::{Environment, Value as Rendered};
use orkestra_agents::builtin::proposal_checks;
use orkestra_runtime::{
    id::AgentId,
    protocol::{
        council::{ChecksSpec, DryRunSpec, LintSpec, Pattern, PolicySpec, TaskCouncil, TextFormat},
        payload::Json,
    },
};

use super::{
    agents::duration,
    council_words::{
        ChecksWritten, CouncilWritten, DeliberationWritten, ExchangeWritten, FormatWritten,
        LintWritten, PatternFull, PatternWritten, SelectionFull, SelectionName, SelectionWritten,
    },
    task_words::TaskWritten,
    tasks::ms,
    text::Text,
    words::Written,
};
use crate::{
    committee::tally::Method,
    council::{
        CheckWeights, CouncilConfig, DeliberationRequest, Exchange, Kind, NewCouncil, Selection,
    },
    written::{Findings, Path, did_you_mean},
};

/// Reads all councils of a scenario.
pub(super) fn check_councils(written: &Written, findings: &mut Findings<'_>) -> Vec<NewCouncil> {
    let mut councils = Vec::new();
    for (role, council) in &written.councils {
        let at = Path::root().key("councils").key(role);
        let is_token = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if role.is_empty() || role.len() > 64 || !role.chars().all(is_token) {
            let help = Some("use 1 to 64 letters, digits, _ and -".to_owned());
            findings.add_key(&at, format!("{role:?} cannot name a role"), help);
        }
        if let Some(other) =
            written.councils.keys().find(|it| *it < role && it.eq_ignore_ascii_case(role))
        {
            findings.add_key(&at, format!("{other:?} and {role:?} are one role"), None);
        }
        councils.push(NewCouncil {
            namespace: written.scenario.namespace.clone().unwrap_or_default(),
            role: role.clone(),
            num_agents: council.seats.unwrap_or(0),
            agents: agents(&council.agents, written, &at.key("agents"), findings),
            config: config(council, written, &at, findings),
        });
    }
    councils
}

fn config(
    council: &CouncilWritten,
    written: &Written,
    at: &Path,
    findings: &mut Findings<'_>,
) -> CouncilConfig {
    let default = CouncilConfig::default();
    let weights = council.weights.map_or(default.weights, |weights| CheckWeights {
        policy: weights.policy.unwrap_or(1),
        lint: weights.lint.unwrap_or(1),
        dry_run: weights.dry_run.unwrap_or(1),
    });
    let checks = council.checks.as_ref();
    CouncilConfig {
        deliberation_rounds: council.rounds.unwrap_or(default.deliberation_rounds),
        model_profile: council.model.clone().unwrap_or(default.model_profile),
        custom_params: council.params.clone(),
        exchange: council.exchange.map(exchange).unwrap_or_default(),
        selection: selection(council.selection.as_ref(), at, findings).unwrap_or_default(),
        checks: checks.map(|it| checked(it, written, at, findings)).unwrap_or_default(),
        weights,
        judges: agents(&council.judges, written, &at.key("judges"), findings),
        ..CouncilConfig::default()
    }
}

fn agents(
    names: &[String],
    written: &Written,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Vec<AgentId> {
    let mut agents = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let place = at.index(index);
        if !written.agents.contains_key(name) {
            let help = did_you_mean(name, written.agents.keys().map(String::as_str));
            findings.add(&place, format!("there is no agent {name:?}"), help);
            continue;
        }
        agents.extend(findings.keep(&place, AgentId::new(name)));
    }
    agents
}

const fn exchange(written: ExchangeWritten) -> Exchange {
    match written {
        ExchangeWritten::Ring => Exchange::Ring,
        ExchangeWritten::All => Exchange::All,
        ExchangeWritten::None => Exchange::None,
    }
}

fn selection(
    written: Option<&SelectionWritten>,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Option<Selection> {
    let at = at.key("selection");
    match written? {
        SelectionWritten::Name(SelectionName::Score) => Some(Selection::Score),
        SelectionWritten::Name(SelectionName::Architect) => Some(Selection::Architect { k: 0 }),
        SelectionWritten::Name(SelectionName::Committee) => {
            Some(Selection::Committee { method: Method::Schulze })
        }
        SelectionWritten::Full(SelectionFull { architect: Some(k), committee: None }) => {
            Some(Selection::Architect { k: *k })
        }
        SelectionWritten::Full(SelectionFull { architect: None, committee: Some(method) }) => {
            let method = findings.keep(&at.key("committee"), method.parse::<Method>())?;
            Some(Selection::Committee { method })
        }
        SelectionWritten::Full(_) => {
            let help = Some("say { architect = 3 } or { committee = \"schulze\" }".to_owned());
            findings.add(&at, "a selection is by the architect or by a committee", help);
            None
        }
    }
}

/// Reads what proposals are checked for; the agent that tries them out must be there.
fn checked(
    checks: &ChecksWritten,
    written: &Written,
    at: &Path,
    findings: &mut Findings<'_>,
) -> ChecksSpec {
    let at = at.key("checks");
    if let Some(agent) = checks.dry_run.as_ref().filter(|it| !written.agents.contains_key(*it)) {
        let help = did_you_mean(agent, written.agents.keys().map(String::as_str));
        findings.add(&at.key("dry_run"), format!("there is no agent {agent:?}"), help);
    }
    match checks.spec() {
        Ok(spec) => spec,
        Err(why) => {
            findings.add(&at, why, None);
            ChecksSpec::default()
        }
    }
}

impl ChecksWritten {
    /// The checks that are meant; an error says what is wrong with them.
    pub(crate) fn spec(&self) -> Result<ChecksSpec, String> {
        let patterns = |of: &[PatternWritten]| of.iter().map(pattern).collect::<Result<_, _>>();
        let dry_run = self.dry_run.as_ref().map(|agent| {
            let agent = AgentId::new(agent).map_err(|error| error.to_string())?;
            Ok::<_, String>(DryRunSpec { agent })
        });
        let spec = ChecksSpec {
            policy: PolicySpec {
                required: patterns(&self.policy.required)?,
                forbidden: patterns(&self.policy.forbidden)?,
            },
            lint: lint(&self.lint),
            dry_run: dry_run.transpose()?,
        };
        proposal_checks::fault(&spec).map_or(Ok(spec), Err)
    }
}

fn pattern(written: &PatternWritten) -> Result<Pattern, String> {
    let full = match written {
        PatternWritten::Text(text) => return Ok(Pattern::literal(text)),
        PatternWritten::Full(full) => full,
    };
    let PatternFull { text, regex, ignore_case, words, message } = full;
    let (text, regex) = match (text, regex) {
        (Some(text), None) => (text.clone(), false),
        (None, Some(regex)) => (regex.clone(), true),
        (Some(_), Some(_)) | (None, None) => {
            return Err("a pattern is a text or a regular expression: { text = \"…\" } or \
                        { regex = \"…\" }"
                .to_owned());
        }
    };
    let (ignore_case, words, message) = (*ignore_case, *words, message.clone());
    Ok(Pattern { text, regex, ignore_case, message, words })
}

fn lint(written: &LintWritten) -> LintSpec {
    let default = LintSpec::default();
    LintSpec {
        format: match written.format {
            None | Some(FormatWritten::Text) => TextFormat::Text,
            Some(FormatWritten::Markdown) => TextFormat::Markdown,
            Some(FormatWritten::Json) => TextFormat::Json,
            Some(FormatWritten::Toml) => TextFormat::Toml,
        },
        min_bytes: written.min_bytes.unwrap_or(default.min_bytes),
        max_bytes: written.max_bytes.unwrap_or(default.max_bytes),
        max_line: written.max_line,
        required_headings: written.required_headings.clone(),
        no_trailing_space: written.no_trailing_space,
        max_sentence: written.max_sentence,
        no_tabs: written.no_tabs,
    }
}

/// Reads what a task gives to a council, if it does; its texts are still templates.
pub(super) fn check_deliberation(
    task: &TaskWritten,
    written: &Written,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Option<DeliberationRequest> {
    let deliberation = task.council.as_ref()?;
    let given = [
        ("ask", task.ask.is_some()),
        ("vote", task.vote.is_some()),
        ("locks", !task.locks.is_empty()),
        ("timeout", task.timeout.is_some()),
        ("retry", task.retry.is_some()),
        ("requires", !task.requires.is_empty()),
        ("agents", !task.agents.is_empty()),
        ("workspace", task.workspace.is_some()),
        ("input", task.input.is_some()),
    ];
    for (key, _) in given.into_iter().filter(|(_, given)| *given) {
        let message =
            format!("a task that a council thinks about has no attempts, and so no {key:?}");
        findings.add(&at.key(key), message, Some("remove it".to_owned()));
    }
    let at = at.key("council");
    let known = written.councils.keys().find(|it| it.eq_ignore_ascii_case(&deliberation.role));
    if known.is_none() && !written.councils.is_empty() {
        let help = did_you_mean(&deliberation.role, written.councils.keys().map(String::as_str));
        let message = format!("there is no council {:?} in this scenario", deliberation.role);
        findings.add(&at.key("role"), message, help);
    }
    let DeliberationWritten { timeout, checks, .. } = deliberation;
    let timeout = duration(timeout.as_ref(), &at.key("timeout"), findings).map(ms);
    Some(DeliberationRequest {
        namespace: written.scenario.namespace.clone().unwrap_or_default(),
        role: deliberation.role.clone(),
        max_iterations: deliberation.tries.unwrap_or(0),
        timeout_ms: timeout.unwrap_or(0),
        rounds: deliberation.rounds,
        num_agents: deliberation.seats.unwrap_or(0),
        selection: selection(deliberation.selection.as_ref(), &at, findings),
        exchange: deliberation.exchange.map(exchange),
        checks: checks.as_ref().map(|it| checked(it, written, &at, findings)),
        seed: deliberation.seed,
        kind: Kind::Orchestrate,
        ..DeliberationRequest::default()
    })
}

/// The texts of what a task gives to a council.
pub(super) struct BriefTexts<'t> {
    task: Option<Text<'t>>,
    rubric: Text<'t>,
    requirements: Vec<Text<'t>>,
    metadata: BTreeMap<&'t str, Text<'t>>,
}

impl<'t> BriefTexts<'t> {
    pub(super) fn compile(
        environment: &'t Environment<'t>,
        written: &'t DeliberationWritten,
    ) -> Result<Self, String> {
        let text = |text: &'t str| Text::compile(environment, text);
        let requirements = written.requirements.iter().map(|one| text(one));
        let metadata = written.metadata.iter().map(|(key, one)| Ok((key.as_str(), text(one)?)));
        Ok(Self {
            task: written.task.as_deref().map(text).transpose()?,
            rubric: text(&written.rubric)?,
            requirements: requirements.collect::<Result<_, String>>()?,
            metadata: metadata.collect::<Result<_, String>>()?,
        })
    }

    /// What the task gives to the council. The error says at which key, and why.
    pub(super) fn fill(
        &self,
        names: &Rendered,
        fixed: &DeliberationRequest,
        instructions: &str,
    ) -> Result<TaskCouncil, (String, String)> {
        let of = |key: &'static str| move |why: String| (format!("council.{key}"), why);
        let mut request = fixed.clone();
        request.task = match &self.task {
            Some(task) => task.string(names).map_err(of("task"))?,
            None => instructions.to_owned(),
        };
        if request.task.trim().is_empty() {
            let why = "it says not what is to be done: give it a task, or instructions";
            return Err(("council".to_owned(), why.to_owned()));
        }
        request.rubric = self.rubric.string(names).map_err(of("rubric"))?;
        let requirements = self.requirements.iter().map(|one| one.string(names));
        request.requirements =
            requirements.collect::<Result<_, String>>().map_err(of("requirements"))?;
        let metadata =
            self.metadata.iter().map(|(key, one)| Ok(((*key).to_owned(), one.string(names)?)));
        request.metadata = metadata.collect::<Result<_, String>>().map_err(of("metadata"))?;
        let request = Json::of(&request).map_err(|error| of("task")(error.to_string()))?;
        Ok(TaskCouncil { request })
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        council::{DeliberationRequest, Exchange, Selection},
        scenario::tests::{prepare, read, told},
    };

    const COUNCIL: &str = "[councils.dev]\nagents = ['a']\nrounds = 2\nexchange = 'all'\n\
        selection = { architect = 5 }\n[councils.dev.checks]\ndry_run = 'a'\n\
        [councils.dev.checks.policy]\nforbidden = ['x', { regex = '^y', words = true }]\n\
        [councils.dev.checks.lint]\nformat = 'markdown'\nmax_sentence = 20\n";

    #[test]
    fn a_council_and_what_it_thinks_about_are_read_and_who_checks_comes_with_them() {
        let body = format!(
            "[inputs.text]\ntype = 'string'\ndefault = 'a text'\n{COUNCIL}[[tasks]]\nid = 't'\n\
             instructions = 'Improve it.'\n[tasks.council]\nrole = 'DEV'\nseats = 2\n\
             requirements = ['{{{{ inputs.text }}}} is short']\ntimeout = '1m'\n\
             metadata = {{ text = '{{{{ inputs.text }}}}' }}\n"
        );
        let prepared = prepare(&body).unwrap();
        let council = &prepared.councils[0];
        assert_eq!((council.role.as_str(), council.agents[0].as_str()), ("dev", "a"));
        assert_eq!(council.config.selection, Selection::Architect { k: 5 });
        assert_eq!(council.config.exchange, Exchange::All);
        assert_eq!(council.config.checks.lint.max_sentence, Some(20));
        assert!(council.config.checks.policy.forbidden[1].regex);
        let names: Vec<&str> = prepared.agents.iter().map(|agent| agent.id.as_str()).collect();
        assert_eq!(names, ["a", "proposal-checks"]);
        let request = &prepared.tasks[0].council.as_ref().unwrap().request;
        let request: DeliberationRequest = request.read().unwrap();
        assert_eq!((request.task.as_str(), request.num_agents), ("Improve it.", 2));
        assert_eq!(request.requirements, ["a text is short"]);
        assert_eq!(request.metadata["text"], "a text");
        assert_eq!((request.timeout_ms, request.checks), (60_000, None));
    }

    #[test]
    fn what_is_wrong_with_a_council_is_told_with_its_place() {
        let council = |rest: &str| told(read(&format!("{rest}\n[[tasks]]\nid = 't'\n"))).join("\n");
        let told_of = council("[councils.dev]\nagents = ['b']\n[councils.DEV]\n");
        assert!(told_of.contains("councils.dev.agents[0]: there is no agent \"b\""), "{told_of}");
        assert!(told_of.contains("councils.dev: \"DEV\" and \"dev\" are one role"), "{told_of}");
        let told_of =
            council("[councils.'a b']\nselection = {}\n[councils.'a b'.checks]\ndry_run = 'c'\n");
        assert!(told_of.contains("\"a b\" cannot name a role"), "{told_of}");
        assert!(told_of.contains("a selection is by the architect or by a committee"), "{told_of}");
        assert!(told_of.contains("checks.dry_run: there is no agent \"c\""), "{told_of}");
        let told_of = council("[councils.d.checks.policy]\nrequired = [{ regex = '(' }]\n");
        assert!(told_of.contains("councils.d.checks: /(/ is no pattern"), "{told_of}");
        let told_of =
            council("[councils.d.checks.policy]\nrequired = [{ text = 'a', regex = 'b' }]\n");
        assert!(told_of.contains("a pattern is a text or a regular expression"), "{told_of}");
    }

    #[test]
    fn a_task_for_a_council_has_no_agent_of_its_own_and_says_what_is_to_be_done() {
        let body = format!(
            "{COUNCIL}[[tasks]]\nid = 't'\nretry = 'none'\nagents = ['a']\n[tasks.council]\nrole = 'qa'\n"
        );
        let told_of = told(read(&body)).join("\n");
        assert!(
            told_of.contains("tasks[0].retry: a task that a council thinks about"),
            "{told_of}"
        );
        assert!(told_of.contains("tasks[0].agents: a task that a council"), "{told_of}");
        assert!(told_of.contains("tasks[0].council.role: there is no council \"qa\""), "{told_of}");
        let body = format!("{COUNCIL}[[tasks]]\nid = 't'\n[tasks.council]\nrole = 'dev'\n");
        let told_of = told(prepare(&body)).join("\n");
        assert!(told_of.contains("tasks[0].council: it says not what is to be done"), "{told_of}");
    }
}
