//! How councils and deliberations look to a person.

use std::{fmt::Write as _, time::Duration};

use crate::{
    council::view::{CouncilView, DeliberationView, RankedView},
    output::{Table, counted, duration},
};

/// One council.
pub(super) fn council(council: &CouncilView) -> String {
    let CouncilView { id, role, status, seats, .. } = council;
    let count = counted(seats.len() as u64, "seat");
    let mut text = format!("{id} of role {role} is {} with {count}\n", status.as_str());
    text.push_str(&self::seats(std::slice::from_ref(council)).render());
    text
}

/// The seats of councils.
pub(super) fn seats(councils: &[CouncilView]) -> Table {
    let mut table = Table::new(["COUNCIL", "STATUS", "SEAT", "AGENT", "STANDS", "WHY"]);
    for council in councils {
        let whose = [council.id.clone(), council.status.as_str().to_owned()];
        if council.seats.is_empty() {
            table.row(whose.clone().into_iter().chain([const { String::new() }; 4]));
        }
        for seat in &council.seats {
            let [id, worker] = [&seat.id, &seat.worker].map(ToString::to_string);
            let why = seat.reason.clone().unwrap_or_default();
            let of_seat = [id, worker, seat.status.as_str().to_owned(), why];
            table.row(whose.clone().into_iter().chain(of_seat));
        }
    }
    table
}

/// One deliberation, with what happened in it.
pub(super) fn deliberation(found: &DeliberationView, minutes: &[String]) -> String {
    let DeliberationView { id, role, status, percent, .. } = found;
    let took = duration(Duration::from_millis(found.duration_ms));
    let mut text = format!("deliberation {id} of role {role}: {}", status.as_str());
    // Writing to a text cannot fail.
    let _ = if status.is_over() {
        writeln!(text, " after {took}")
    } else {
        writeln!(text, ", {percent} % after {took}: {}", found.current_step)
    };
    if let Some(error) = &found.error_message {
        let _ = writeln!(text, "{error}");
    }
    if let Some(winner) = &found.winner_id {
        let _ = writeln!(text, "{winner} wins: {}", found.selected_by);
    }
    if !found.results.is_empty() {
        text.push_str(&ranked(&found.results).render());
    }
    for out in &found.out {
        let _ = writeln!(text, "{} has no proposal: {}", out.seat, out.why);
    }
    text.push_str("minutes:\n");
    for line in minutes {
        let _ = writeln!(text, "  {line}");
    }
    text
}

fn ranked(results: &[RankedView]) -> Table {
    let mut table = Table::new(["RANK", "AUTHOR", "SCORE", "POLICY", "LINT", "DRY RUN", "REVISED"]);
    let passed = |passed: bool| if passed { "passed" } else { "failed" }.to_owned();
    for RankedView { proposal, checks, score, rank } in results {
        let is_checked = *rank > 0;
        let of = |it: bool| if is_checked { passed(it) } else { String::new() };
        table.row([
            if is_checked { rank.to_string() } else { String::new() },
            proposal.author_id.to_string(),
            if is_checked { format!("{score:.2}") } else { String::new() },
            of(checks.policy.passed),
            of(checks.lint.passed),
            of(checks.dryrun.passed),
            proposal.revisions.len().to_string(),
        ]);
    }
    table
}
