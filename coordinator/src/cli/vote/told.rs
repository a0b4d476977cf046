//! How a vote looks to a person.

use std::{fmt::Write as _, time::Duration};

use orkestra_runtime::{id::VoterId, time::Wall};

use crate::{
    committee::{
        Count, Outcome, Proposal, Question,
        tally::{Comparison, Exact},
        view::{PhaseView, VoteDetail},
    },
    output::{Table, duration},
};

/// How many who have not voted are named.
const MISSING: usize = 10;
/// How many sets of winners of one row are named.
const SETS: usize = 4;

/// A vote with what happened in it.
pub(super) fn vote(vote: &VoteDetail, minutes: &[String], now: Wall) -> String {
    let VoteDetail { view, proposal, .. } = vote;
    let mut text = format!("vote {}", view.vote);
    // Writing to a text cannot fail.
    if !view.title.is_empty() {
        let _ = write!(text, " \"{}\"", view.title);
    }
    let _ = writeln!(text, ": {}", asked(proposal));
    let _ = writeln!(text, "state: {}", state(vote, now));
    for option in &proposal.options {
        let _ = match &option.title[..] {
            "" => writeln!(text, "option {}", option.id),
            title => writeln!(text, "option {}: {title}", option.id),
        };
    }
    if view.decision.is_empty() && !vote.missing.is_empty() {
        let names: Vec<&str> = vote.missing.iter().take(MISSING).map(VoterId::as_str).collect();
        let more = (view.eligible - view.cast).saturating_sub(names.len() as u64);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let _ = writeln!(text, "not yet: {}{more}", names.join(" "));
    }
    if let Some(outcome) = &vote.outcome {
        text.push_str(&came_to(proposal, outcome));
    }
    text.push_str("minutes:\n");
    for line in minutes {
        let _ = writeln!(text, "  {line}");
    }
    let _ = writeln!(text, "record: {} (event {} is the last)", vote.record, vote.last);
    text
}

fn asked(proposal: &Proposal) -> String {
    match &proposal.question {
        Question::Motion { quorum, .. } => format!("a motion, quorum {quorum}"),
        Question::Classic(rule) => format!("a classic vote, quorum {}", rule.quorum),
        Question::Election { kind, method, .. } => {
            format!("an election by {method}, {kind} ballots")
        }
    }
}

fn state(vote: &VoteDetail, now: Wall) -> String {
    let view = &vote.view;
    let left =
        |until: &Wall| duration(Duration::from_millis(until.as_ms().saturating_sub(now.as_ms())));
    let voted = format!("{} of {} have voted", view.cast, view.eligible);
    match &view.phase {
        PhaseView::Voting { until } => format!("open for {}; {voted}", left(until)),
        PhaseView::Revealing { until } => {
            format!("sealed ballots are revealed for {}; {voted}", left(until))
        }
        PhaseView::Mediating { until } => format!("a mediator is waited for, {} more", left(until)),
        PhaseView::Person { until } => format!("a person is to decide, within {}", left(until)),
        PhaseView::Counting => format!("closed, and being counted; {voted}"),
        PhaseView::Decided => format!("decided: {}", view.decision),
    }
}

fn name(proposal: &Proposal, place: usize) -> String {
    proposal.option(place).map_or_else(|| place.to_string(), ToString::to_string)
}

fn came_to(proposal: &Proposal, outcome: &Outcome) -> String {
    let tallied = &outcome.tallied;
    let mut text = String::new();
    match &tallied.count {
        Count::Motion(count) => {
            let mut table = Table::new(["yes", "no", "abstain", "present", "all"]);
            let parts = [&count.yes, &count.no, &count.abstain, &count.present, &count.electorate];
            table.row(parts.map(ToString::to_string));
            text.push_str(&table.render());
        }
        Count::Classic(count) => text.push_str(&totals(proposal, &count.totals)),
        Count::Election { answer, table, .. } => {
            let scores = answer.scores.as_ref().or(answer.worst_defeat.as_ref());
            if let Some(scores) = scores {
                text.push_str(&totals(proposal, scores));
            }
            if let Some(rows) = table {
                text.push_str(&against(proposal, rows));
            }
        }
        Count::Refused(why) => {
            let _ = writeln!(text, "not counted: {why}");
        }
        Count::Nothing => {}
    }
    if let Some(others) = &tallied.others {
        text.push_str(&methods(proposal, others));
    }
    if let Some(effective) = &tallied.effective {
        let _ = writeln!(
            text,
            "those who voted are worth {effective} independent voters, going by their records"
        );
    }
    text
}

fn totals(proposal: &Proposal, totals: &[Exact]) -> String {
    let mut table = Table::new(["option", "has"]);
    let mut order: Vec<(usize, &Exact)> = totals.iter().enumerate().collect();
    order.sort_by(|one, other| other.1.cmp(one.1));
    for (place, total) in order {
        table.row([name(proposal, place), total.to_string()]);
    }
    table.render()
}

/// How much is for each option (row) over each other (column).
fn against(proposal: &Proposal, rows: &[Vec<Exact>]) -> String {
    let names = (0..rows.len()).map(|place| name(proposal, place));
    let header = std::iter::once("over".to_owned()).chain(names);
    let mut table = Table::of(header.collect());
    for (place, row) in rows.iter().enumerate() {
        let cells = row.iter().enumerate().map(|(other, weight)| {
            if other == place { "-".to_owned() } else { weight.to_string() }
        });
        table.row(std::iter::once(name(proposal, place)).chain(cells));
    }
    table.render()
}

fn methods(proposal: &Proposal, others: &Comparison) -> String {
    let mut table = Table::new(["elects", "methods"]);
    for outcome in &others.outcomes {
        let set = |set: &Vec<usize>| {
            let names: Vec<String> = set.iter().map(|place| name(proposal, *place)).collect();
            names.join(" and ")
        };
        let sets: Vec<String> = outcome.elects.iter().take(SETS).map(set).collect();
        let sets = if sets.is_empty() { "nobody".to_owned() } else { sets.join(" or ") };
        let methods: Vec<&str> = outcome.methods.iter().map(|method| method.as_str()).collect();
        table.row([sets, methods.join(" ")]);
    }
    let mut text = table.render();
    if others.is_agreed() {
        text.push_str("all methods agree\n");
    } else {
        let contested: Vec<String> =
            others.contested.iter().map(|place| name(proposal, *place)).collect();
        let _ = writeln!(text, "methods disagree about {}", contested.join(", "));
    }
    text
}
