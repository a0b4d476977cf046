//! Tasks that are votes, as a scenario describes them.

use orkestra_runtime::{
    id::{TaskId, VoteId},
    protocol::{
        payload::Json,
        vote::{BALLOT_AT, TaskVote, TaskVoter},
    },
};
use serde_json::{Map, Value, json};

use super::{
    agents::duration,
    task_words::TaskWritten,
    tasks::{check_pointer, ms},
    vote_words::{BaseWritten, RuleWritten, VoteWritten, VoterWritten},
};
use crate::{
    task::{fault_of_all, votes::proposal},
    written::{Findings, Path},
};

/// For how long a vote is open if nothing is said.
const DEADLINE_MS: u64 = 3_600_000;

/// Reads the vote that a task is, if it is one.
pub(super) fn check_vote(
    task: &TaskWritten,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Option<TaskVote> {
    let written = task.vote.as_ref()?;
    let given = [
        ("ask", task.ask.is_some()),
        ("locks", !task.locks.is_empty()),
        ("timeout", task.timeout.is_some()),
        ("retry", task.retry.is_some()),
        ("requires", !task.requires.is_empty()),
        ("agents", !task.agents.is_empty()),
        ("workspace", task.workspace.is_some()),
    ];
    for (key, _) in given.into_iter().filter(|(_, given)| *given) {
        let message = format!("a task that is a vote has no attempts, and so no {key:?}");
        findings.add(&at.key(key), message, Some("remove it".to_owned()));
    }
    let at = at.key("vote");
    let mut voters = Vec::new();
    let mut electorate = Map::new();
    for (index, voter) in written.voters.iter().enumerate() {
        let place = at.key("voters").index(index);
        let Some((name, of_task)) = who(voter, &place, findings) else { continue };
        voters.extend(of_task);
        let member = json!({ "weight": voter.weight.unwrap_or(1), "veto": voter.veto });
        if electorate.insert(name.clone(), member).is_some() {
            findings.add(&place, format!("{name:?} votes twice"), None);
        }
    }
    let electorate_size = electorate.len();
    let open = duration(written.deadline.as_ref(), &at.key("deadline"), findings).map(ms);
    let mut fields = Map::from_iter([
        ("question".to_owned(), question(written, &at, findings)),
        ("electorate".to_owned(), Value::Object(electorate)),
        ("deadline_ms".to_owned(), json!(open.unwrap_or(DEADLINE_MS))),
        ("binding".to_owned(), json!(true)),
        ("security_critical".to_owned(), json!(written.security_critical)),
    ]);
    if voters.len() == electorate_size {
        // All is in as soon as it is opened: to close early would only keep the last ballots from
        // the minutes.
        fields.insert("early".to_owned(), json!(false));
    }
    for (key, value) in [
        ("options", &written.options),
        ("ties", &written.ties),
        ("ladder", &written.ladder),
        ("then", &written.then),
    ] {
        if let Some(value) = value {
            fields.insert(key.to_owned(), value.clone());
        }
    }
    let vote = TaskVote { proposal: Json::of(&fields).unwrap_or_default(), voters };
    let name = findings.keep(&at, VoteId::new("a-vote"))?;
    let read = proposal(&name, "", &vote);
    let fault = read.map_or_else(Some, |read| {
        let then = [&read.then.passed, &read.then.failed];
        let then = then.into_iter().find_map(|tasks| fault_of_all(tasks));
        let then = then.map(|fault| format!("of what follows from it, {fault}"));
        then.or_else(|| read.fault().map(|fault| fault.to_string()))
    });
    if let Some(fault) = fault {
        findings.add(&at, format!("it cannot be voted on: {fault}"), None);
    }
    Some(vote)
}

/// What a voter is called, and which task it is, if it is one.
fn who(
    voter: &VoterWritten,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Option<(String, Option<TaskVoter>)> {
    check_pointer(voter.ballot.as_deref(), &at.key("ballot"), findings);
    match (&voter.task, &voter.name) {
        (Some(task), None) => {
            let task = findings.keep(&at.key("task"), TaskId::new(task))?;
            let pointer = voter.ballot.clone().unwrap_or_else(|| BALLOT_AT.to_owned());
            Some((task.to_string(), Some(TaskVoter { task, pointer })))
        }
        (None, Some(name)) if voter.ballot.is_none() => Some((name.clone(), None)),
        (None, Some(_)) => {
            let message = "only the ballot of a task stands somewhere";
            findings.add(&at.key("ballot"), message, Some("remove it".to_owned()));
            None
        }
        (Some(_), Some(_)) | (None, None) => {
            let help = Some("say task = \"…\" or name = \"…\"".to_owned());
            findings.add(at, "a voter is a task, or somebody by name", help);
            None
        }
    }
}

fn question(written: &VoteWritten, at: &Path, findings: &mut Findings<'_>) -> Value {
    if let Some(question) = &written.question {
        let of_motions = [
            ("rule", written.rule.is_some()),
            ("share", written.share.is_some()),
            ("of", written.of.is_some()),
            ("quorum", written.quorum.is_some()),
        ];
        for (key, _) in of_motions.into_iter().filter(|(_, given)| *given) {
            let message = format!("with a question in full there is no {key:?} beside it");
            findings.add(&at.key(key), message, Some("say it in the question".to_owned()));
        }
        return question.clone();
    }
    let rule = match (written.rule.unwrap_or(RuleWritten::Majority), &written.share) {
        (RuleWritten::Supermajority, share) => {
            let share = share.clone().unwrap_or_else(|| "2/3".to_owned());
            json!({ "rule": "supermajority", "fraction": share })
        }
        (rule, share) => {
            if share.is_some() {
                let help = Some("make it rule = \"supermajority\"".to_owned());
                findings.add(&at.key("share"), "only a supermajority has a share", help);
            }
            match rule {
                RuleWritten::Majority | RuleWritten::Supermajority => json!({ "rule": "majority" }),
                RuleWritten::Unanimity => json!({ "rule": "unanimity" }),
                RuleWritten::Consent => json!({ "rule": "consent" }),
            }
        }
    };
    let base = match written.of.unwrap_or(BaseWritten::Cast) {
        BaseWritten::Cast => "cast",
        BaseWritten::Present => "present",
        BaseWritten::Electorate => "electorate",
    };
    let mut motion = json!({ "rule": rule, "base": base });
    if let Some(quorum) = &written.quorum {
        motion["quorum"] = json!(quorum);
    }
    json!({ "motion": motion })
}

/// A voter whose task was left out has no vote.
pub(super) fn without_left_out(vote: &mut TaskVote, is_there: impl Fn(&TaskId) -> bool) {
    let left_out: Vec<TaskId> =
        vote.voters.iter().map(|voter| voter.task.clone()).filter(|task| !is_there(task)).collect();
    if left_out.is_empty() {
        return;
    }
    vote.voters.retain(|voter| !left_out.contains(&voter.task));
    let Ok(mut written) = vote.proposal.read::<Value>() else { return };
    if let Some(electorate) = written.get_mut("electorate").and_then(Value::as_object_mut) {
        electorate.retain(|name, _| left_out.iter().all(|task| task.as_str() != name));
    }
    vote.proposal = Json::of(&written).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use orkestra_runtime::protocol::task::DependencyKind;

    use crate::scenario::tests::{prepare, read, told};

    const VOTERS: &str = "[[tasks]]\nid = 'a'\n[[tasks]]\nid = 'b'\nwhen = '0'\n";

    #[test]
    fn a_vote_needs_its_voters_softly_and_leaves_out_who_is_left_out() {
        let body = format!(
            "{VOTERS}[[tasks]]\nid = 'v'\n[tasks.vote]\nrule = 'supermajority'\nshare = '2/3'\n\
             quorum = '1/3'\ndeadline = '10m'\nvoters = [{{ task = 'a', veto = true, weight = 2 }}, \
             {{ task = 'b', ballot = '/vote' }}, {{ name = 'anna' }}]\n"
        );
        let prepared = prepare(&body).unwrap();
        let task = prepared.tasks.iter().find(|task| task.id.as_str() == "v").unwrap();
        let needs: Vec<_> =
            task.dependencies.iter().map(|need| (need.on.as_str(), &need.kind)).collect();
        assert_eq!(needs, [("a", &DependencyKind::Soft)]);
        let vote = task.vote.as_ref().unwrap();
        assert_eq!((vote.voters.len(), vote.voters[0].pointer.as_str()), (1, "/ballot"));
        let proposal: serde_json::Value = vote.proposal.read().unwrap();
        assert_eq!(
            proposal["electorate"],
            serde_json::json!({
                "a": { "weight": 2, "veto": true }, "anna": { "weight": 1, "veto": false },
            })
        );
        assert_eq!(proposal["deadline_ms"], 600_000);
        assert_eq!(proposal["early"], serde_json::Value::Null, "anna may still come");
    }

    #[test]
    fn what_is_wrong_with_a_vote_is_told_with_its_place() {
        let vote = |rest: &str| {
            let body = format!("{VOTERS}[[tasks]]\nid = 'v'\n{rest}");
            told(read(&body)).join("\n")
        };
        let told =
            vote("retry = 'none'\n[tasks.vote]\nshare = '1/2'\nvoters = [{ task = 'a' }, {}]\n");
        assert!(told.contains("tasks[2].retry: a task that is a vote has no attempts"), "{told}");
        assert!(told.contains("tasks[2].vote.share: only a supermajority has a share"), "{told}");
        assert!(told.contains("tasks[2].vote.voters[1]: a voter is a task, or somebody"), "{told}");
        let told = vote("[tasks.vote]\nquorum = '3/2'\nvoters = [{ task = 'a' }]\n");
        assert!(told.contains("tasks[2].vote: it cannot be voted on: "), "{told}");
        let told = vote(
            "[tasks.vote]\nvoters = [{ name = 'p' }]\nthen = { passed = [{ id = 'x' }, { id = 'x' }] }\n",
        );
        assert!(told.contains("of what follows from it, task \"x\" is there twice"), "{told}");
        let told = vote("[tasks.vote]\nvoters = []\n");
        assert!(told.contains("tasks[2].vote: it cannot be voted on: "), "{told}");
        let told = vote(
            "[tasks.vote]\nrule = 'consent'\nquestion = { motion = {} }\nvoters = [{ name = 'p' }]\n",
        );
        assert!(told.contains("tasks[2].vote.rule: with a question in full"), "{told}");
    }
}
