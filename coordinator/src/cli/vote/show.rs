//! How counts look to a person.

use std::fmt::Write as _;

use super::tally::{Counted, CountedElection, CountedMotion};
use crate::{
    committee::tally::{Answer, Exact},
    output::Table,
};

/// How many tied sets are named before the rest is counted only.
const SETS_MAX: usize = 4;

pub(super) fn counted(counted: &Counted<'_>, compare: bool) -> String {
    let elections = counted.elections.iter().map(|one| election(one, compare));
    let motions = counted.motions.iter().map(motion);
    elections.chain(motions).collect::<Vec<_>>().join("\n")
}

fn election(counted: &CountedElection<'_>, compare: bool) -> String {
    let CountedElection { filed, voters, comparison } = counted;
    let kind = filed.election.kind();
    let names = &filed.names;
    let mut text = format!(
        "{}: {} candidates, ballots of kind {kind} that weigh {voters}\n",
        filed.election.id(),
        names.len(),
    );
    if compare {
        let mut table = Table::new(["elects", "methods"]);
        for outcome in &comparison.outcomes {
            let methods: Vec<&str> = outcome.methods.iter().map(|one| one.as_str()).collect();
            table.row([sets(&outcome.elects, names), methods.join(" ")]);
        }
        text.push_str(&table.render());
    } else {
        let mut table = Table::new(["method", "elects", "scores"]);
        for (method, answer) in &comparison.answers {
            let elects = sets(&answer.elected_sets(), names);
            table.row([method.as_str().to_owned(), elects, scores(answer, names)]);
        }
        text.push_str(&table.render());
    }
    if comparison.is_agreed() {
        text.push_str("all methods that elect somebody agree\n");
    } else {
        let contested: Vec<usize> = comparison.contested.clone();
        let _ = writeln!(text, "methods disagree about {}", joined(&contested, names, ", "));
    }
    text
}

fn joined(members: &[usize], names: &[String], between: &str) -> String {
    let name = |one: &usize| names.get(*one).cloned().unwrap_or_else(|| one.to_string());
    members.iter().map(name).collect::<Vec<_>>().join(between)
}

/// Who may be elected: tied winners with "or" between them, members of a committee with "and".
fn sets(sets: &[Vec<usize>], names: &[String]) -> String {
    if sets.is_empty() {
        return "nobody".to_owned();
    }
    let shown = sets.iter().take(SETS_MAX).map(|set| joined(set, names, " and "));
    let mut text = shown.collect::<Vec<_>>().join(" or ");
    if let Some(more) = sets.len().checked_sub(SETS_MAX).filter(|more| *more > 0) {
        let _ = write!(text, " or {more} more");
    }
    text
}

fn scores(answer: &Answer, names: &[String]) -> String {
    let Some(scores) = answer.scores.as_ref().or(answer.worst_defeat.as_ref()) else {
        return String::new();
    };
    let mut order: Vec<(usize, &Exact)> = scores.iter().enumerate().collect();
    if answer.scores.is_some() {
        order.sort_by(|one, other| other.1.cmp(one.1));
    } else {
        order.sort_by(|one, other| one.1.cmp(other.1));
    }
    let shown =
        order.into_iter().map(|(one, score)| format!("{} {score}", joined(&[one], names, "")));
    shown.collect::<Vec<_>>().join(", ")
}

fn motion(counted: &CountedMotion<'_>) -> String {
    let count = &counted.at_deadline;
    let settled = match counted.settled_now {
        Some(outcome) => format!("settled: nothing can change that it is {outcome}"),
        None => "open: what is missing can still change it".to_owned(),
    };
    format!(
        "{}: {}\n  yes {}, no {}, abstain {}; {} of {} present\n  {settled}\n",
        counted.id,
        count.outcome,
        count.yes,
        count.no,
        count.abstain,
        count.present,
        count.electorate,
    )
}
