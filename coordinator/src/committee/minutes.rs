//! What happened in a vote, as lines for people: who voted what and why, and what it came to.

use std::fmt::Write as _;

use orkestra_runtime::id::{VoteNo, VoterId};

use super::{
    ballot::Content,
    consensus::ConsensusLevel,
    families,
    machine::CommitteeMachine,
    motion::MotionOutcome,
    outcome::{Count, Outcome},
    proposal::Proposal,
    state::{Kept, Vote},
    tally::tie::{TieReason, TieStep},
};

/// How many ballots the minutes tell.
const BALLOTS_MAX: usize = 200;
/// How many families they name.
const FAMILIES_MAX: usize = 20;
/// How much of a reason they tell.
const REASON_CHARS_MAX: usize = 300;

impl CommitteeMachine {
    /// The minutes of a vote: what its ballots say only when it is closed.
    pub fn minutes(&self, no: VoteNo) -> Vec<String> {
        let Some(vote) = self.durable.votes.get(&no) else { return Vec::new() };
        let mut lines = vec![self.opening_line(vote)];
        if !vote.note.is_empty() {
            let mediator = vote.proposal.ladder.mediator.as_ref();
            let who = mediator.map_or("the mediator", |mediator| mediator.as_str());
            lines.push(format!("{who} says to all: {}", short(&vote.note)));
        }
        lines.extend(self.family_line(vote));
        if vote.is_open() {
            let cast = vote.ballots.len().max(vote.sealed.len());
            lines.push(format!("{cast} have voted; what they say is told when it is closed"));
        } else {
            let mut ballots: Vec<(&VoterId, &Kept)> = vote.ballots.iter().collect();
            ballots.sort_by_key(|(_, kept)| kept.number);
            let told = ballots.iter().take(BALLOTS_MAX);
            lines.extend(told.map(|(voter, kept)| ballot_line(&vote.proposal, voter, kept)));
            let more = ballots.len().saturating_sub(BALLOTS_MAX);
            if more > 0 {
                lines.push(format!("and {more} more ballots"));
            }
        }
        for (voter, why) in vote.aside.iter().take(BALLOTS_MAX) {
            lines.push(format!("{voter} counts as absent: {why}"));
        }
        if let Some(outcome) = vote.outcome() {
            lines.extend(outcome_lines(&vote.proposal, outcome));
        }
        lines
    }

    /// Which families were held to their share.
    fn family_line(&self, vote: &Vote) -> Option<String> {
        let cap = vote.proposal.family_cap.as_ref()?;
        Some(families::told(&self.durable.members(vote), cap, FAMILIES_MAX))
    }

    fn opening_line(&self, vote: &Vote) -> String {
        let Proposal { id, title, proposer, .. } = &*vote.proposal;
        let members = self.durable.rolls.get(&vote.roll).map_or(0, |roll| roll.members.len());
        let turnout = vote.outcome().map(|outcome| outcome.turnout.eligible);
        let members = turnout.unwrap_or(members as u64);
        let title = if title.is_empty() { String::new() } else { format!(" \"{title}\"") };
        let by = match vote.rung() {
            None => format!("{proposer} proposes it"),
            Some(rung) => format!("round {}: {rung}", vote.round()),
        };
        format!("vote {id}{title}: {by}; {members} may vote")
    }
}

fn short(text: &str) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut told: String = one_line.chars().take(REASON_CHARS_MAX).collect();
    if told.len() < one_line.len() {
        told.push('…');
    }
    told
}

fn ballot_line(proposal: &Proposal, voter: &VoterId, kept: &Kept) -> String {
    let mut line = format!("{voter} {}", says(&proposal.content(&kept.said)));
    if kept.replaced > 0 {
        let _ = write!(line, " (changed {} times)", kept.replaced);
    }
    if !kept.reason.is_empty() {
        let _ = write!(line, ": {}", short(&kept.reason));
    }
    line
}

/// What a ballot says, after the name of who says it.
fn says(content: &Content) -> String {
    let list = |names: Vec<String>| names.join(", ");
    match content {
        Content::Yes => "votes yes".to_owned(),
        Content::No => "votes no".to_owned(),
        Content::Abstain => "abstains".to_owned(),
        Content::Veto => "vetoes it".to_owned(),
        Content::Delegate(voter) => format!("lets {voter} vote"),
        Content::Choice(option) => format!("is for {option}"),
        Content::Ranking(groups) => {
            let group = |group: &Vec<_>| {
                let names: Vec<String> = group.iter().map(ToString::to_string).collect();
                names.join(" = ")
            };
            let groups: Vec<String> = groups.iter().map(group).collect();
            format!("ranks {}", groups.join(" > "))
        }
        Content::Approved(options) => {
            format!("can live with {}", list(options.iter().map(ToString::to_string).collect()))
        }
        Content::Scores(given) | Content::Points(given) => {
            let one = |(option, number): (&_, &u16)| format!("{option} {number}");
            format!("gives {}", list(given.iter().map(one).collect()))
        }
    }
}

fn outcome_lines(proposal: &Proposal, outcome: &Outcome) -> Vec<String> {
    let turnout = &outcome.turnout;
    let mut lines = vec![format!(
        "closed, since {}: {} of {} voted, {} abstained",
        outcome.why, turnout.cast, turnout.eligible, turnout.abstained
    )];
    for (many, what) in
        [(turnout.unrevealed, "did not reveal their ballots"), (turnout.late, "came too late")]
    {
        if many > 0 {
            lines.push(format!("{many} {what}"));
        }
    }
    lines.extend(count_line(proposal, &outcome.tallied.count));
    if let Some(tie) = &outcome.tallied.tie {
        lines.extend(tie.steps.iter().map(|step| tie_line(proposal, step)));
        if tie.chosen.is_none() {
            lines.push("the tie stays one".to_owned());
        }
    }
    if let Some(others) = outcome.tallied.others.as_ref().filter(|others| !others.is_agreed()) {
        lines.push(format!("methods disagree: {} outcomes", others.outcomes.len()));
    }
    let level = match outcome.tallied.level {
        ConsensusLevel::None => "",
        ConsensusLevel::Split => " (split)",
        ConsensusLevel::Strong => " (strong agreement)",
        ConsensusLevel::Unanimous => " (unanimous)",
    };
    lines.push(format!("decision: {}{level}", outcome.decision));
    if outcome.tallied.switched.switched > 0 {
        lines.push(format!(
            "{} of {} said something else than at first",
            outcome.tallied.switched.switched, outcome.tallied.switched.asked_twice
        ));
    }
    lines
}

fn count_line(proposal: &Proposal, count: &Count) -> Option<String> {
    let named = |place: usize| proposal.option(place).map(ToString::to_string).unwrap_or_default();
    let totals = |totals: &[super::tally::Exact]| {
        let one = |(place, total)| format!("{} {total}", named(place));
        totals.iter().enumerate().map(one).collect::<Vec<_>>().join(", ")
    };
    match count {
        Count::Motion(count) => {
            let no_quorum = match count.outcome {
                MotionOutcome::NoQuorum => "; too few were present: no quorum",
                MotionOutcome::Passed | MotionOutcome::Failed | MotionOutcome::Vetoed => "",
            };
            Some(format!(
                "by weight: {} yes, {} no, {} abstained, of {}{no_quorum}",
                count.yes, count.no, count.abstain, count.electorate
            ))
        }
        Count::Classic(count) => Some(format!("count: {}", totals(&count.totals))),
        Count::Election { method, answer, .. } => {
            let scores = answer.scores.as_deref().map(totals);
            let scores = scores.map(|scores| format!(": {scores}")).unwrap_or_default();
            Some(format!("counted by {method}{scores}"))
        }
        Count::Refused(refused) => Some(format!("not counted: {refused}")),
        Count::Nothing => None,
    }
}

fn tie_line(proposal: &Proposal, step: &TieStep) -> String {
    let because = match &step.because {
        TieReason::FirstInList => "it is the first in the list".to_owned(),
        TieReason::NotInList => "none is in the list".to_owned(),
        TieReason::BackedBy(who) => format!("whoever weighs most is for it ({})", who.join(", ")),
        TieReason::ExpertsUndecided(_) => "those who weigh most are not for one of them".to_owned(),
        TieReason::ChosenBy(who) => format!("{who}, who proposed it, is for it"),
        TieReason::ProposerUndecided(who) => format!("{who}, who proposed it, is for none of them"),
        TieReason::Drawn(seed) => format!("drawn by lot with seed {seed}"),
    };
    let chosen = step.chosen.and_then(|place| proposal.option(place));
    chosen.map_or_else(
        || format!("tie not broken: {because}"),
        |option| format!("tie broken for {option}: {because}"),
    )
}
