//! What is tried when a vote decides nothing.
//!
//! Rungs are climbed in the order in which the proposal lists them, each at most once and never one
//! before the last, so it ends: every vote either decides or is followed by one that stands higher.

use std::{sync::Arc, time::Duration};

use orkestra_runtime::{
    id::{OptionId, VoteId, VoteNo},
    time::Now,
};

use super::{
    compromise::{self, Template},
    decision::{CommitteeDecision, CommitteeNews, Told},
    digest::Digest,
    event::{Climb, CommitteeEvent},
    machine::CommitteeMachine,
    motion::QuorumOf,
    outcome::Tallied,
    proposal::{Choice, Proposal, Question, Rung, TieWay, round_id},
    settings::{MEDIATOR_MS, PERSON_MS},
    state::Vote,
    tally::{Exact, Kind, Method},
};

impl CommitteeMachine {
    /// The vote that is tried next: its name, how it is tried, and the event that opens it.
    pub(super) fn next_rung(
        &self,
        now: Now,
        (no, vote): (VoteNo, &Vote),
        tallied: &Tallied,
    ) -> Option<(VoteId, Rung, CommitteeEvent)> {
        let ladder = &vote.proposal.ladder;
        let begin = vote.climb.as_ref().map_or(0, |climb| climb.place as usize + 1);
        let round = vote.round() + 1;
        let root = &self.durable.votes.get(&vote.root)?.proposal;
        let id = round_id(&root.id, round)?;
        for (place, rung) in ladder.rungs.iter().enumerate().skip(begin) {
            if *rung != Rung::Person && round > ladder.rounds_max {
                continue;
            }
            let Some(mut proposal) = proposal_of(*rung, &vote.proposal, tallied) else { continue };
            proposal.id = id.clone();
            let open_ms = ladder.round_ms.unwrap_or(proposal.deadline_ms);
            proposal.deadline_ms = open_ms;
            let ms = match rung {
                Rung::Reask | Rung::Runoff | Rung::Approval | Rung::Compromise => open_ms,
                Rung::Mediator => ladder.patience_ms.unwrap_or(MEDIATOR_MS),
                Rung::Person => ladder.patience_ms.unwrap_or(PERSON_MS),
            };
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            let event = CommitteeEvent::Opened {
                proposal: Arc::new(proposal),
                realm: vote.realm.clone(),
                until: now.wall + Duration::from_millis(ms),
                sent: Digest([0; 32]),
                enrolled: None,
                climb: Some(Climb { from: no, rung: *rung, place, round }),
            };
            return Some((id, *rung, event));
        }
        None
    }

    /// Opens the vote that is tried next.
    pub(super) fn climbed(
        (_, before): (VoteNo, &Vote),
        event: CommitteeEvent,
        out: &mut CommitteeDecision,
    ) {
        let CommitteeEvent::Opened { proposal, climb: Some(climb), .. } = &event else { return };
        let (id, ladder) = (proposal.id.clone(), &before.proposal.ladder);
        let told = match climb.rung {
            Rung::Reask | Rung::Runoff | Rung::Approval | Rung::Compromise => Told::Opened,
            Rung::Mediator => ladder.mediator.clone().map_or(Told::Opened, Told::Mediate),
            Rung::Person => Told::Decide(ladder.person.clone()),
        };
        let number = VoteNo(out.event(event).0);
        out.tell((&id, number), told);
        if let Some(task) = before.proposal.for_task {
            out.news.push(CommitteeNews::Climbed { task, vote: id, number });
        }
    }
}

/// What a rung puts to the vote; none where it has nothing to put.
fn proposal_of(rung: Rung, before: &Proposal, tallied: &Tallied) -> Option<Proposal> {
    let same = before.clone();
    match rung {
        Rung::Reask | Rung::Mediator | Rung::Person => Some(same),
        Rung::Runoff => {
            let is_for_one = !matches!(before.question, Question::Election { seats: Some(_), .. });
            let left = tallied.runoff.as_ref().filter(|_| is_for_one)?;
            let left =
                left.iter().filter_map(|place| before.options.get(*place)).cloned().collect();
            Some(with_options(same, left))
        }
        Rung::Approval => {
            let question = by_approval(&before.question)?;
            (before.options.len() > 1).then_some(Proposal { question, tallies: Vec::new(), ..same })
        }
        Rung::Compromise => {
            let options = compromises(before, tallied);
            if before.question.is_motion() || options.len() < 2 {
                return None;
            }
            let question = by_approval(&before.question).unwrap_or_else(|| before.question.clone());
            Some(with_options(Proposal { question, tallies: Vec::new(), ..same }, options))
        }
    }
}

/// The question, answered by naming all that one can live with; none where it is already, or has no
/// options.
fn by_approval(question: &Question) -> Option<Question> {
    let (seats, quorum, quorum_of) = match question {
        Question::Motion { .. } | Question::Election { kind: Kind::Approval, .. } => return None,
        Question::Classic(rule) => (None, rule.quorum.clone(), rule.quorum_of),
        Question::Election { seats, quorum, quorum_of, .. } => (*seats, quorum.clone(), *quorum_of),
    };
    Some(approval(seats, quorum, quorum_of))
}

fn approval(seats: Option<usize>, quorum: Exact, quorum_of: QuorumOf) -> Question {
    let method = if seats.is_some() { Method::Av } else { Method::Approval };
    let (kind, score_max, ahead_by) = (Kind::Approval, 1, None);
    Question::Election { kind, method, seats, score_max, quorum, quorum_of, ahead_by }
}

/// The same proposal among other options: lists for breaking ties keep their order, and what is new
/// comes last in them.
fn with_options(mut proposal: Proposal, options: Vec<Choice>) -> Proposal {
    for way in &mut proposal.ties {
        if let TieWay::List(list) = way {
            list.retain(|one| options.iter().any(|choice| choice.id == *one));
            for choice in &options {
                if !list.contains(&choice.id) {
                    list.push(choice.id.clone());
                }
            }
        }
    }
    if let Question::Election { seats: Some(seats), .. } = &mut proposal.question {
        *seats = (*seats).min(options.len());
    }
    Proposal { options, ..proposal }
}

/// What the ballots propose, and a new option made of the two that lead.
fn compromises(before: &Proposal, tallied: &Tallied) -> Vec<Choice> {
    let mut places: Vec<usize> = Vec::new();
    for proposal in &tallied.compromises {
        match proposal {
            compromise::Proposal::LeastBad { options, .. }
            | compromise::Proposal::Middle { options }
            | compromise::Proposal::MostAcceptable { options, .. } => places.extend(options),
            compromise::Proposal::Shared { sets } => places.extend(sets.iter().flatten()),
        }
    }
    let mixed = tallied.template.and_then(|(shape, a, b)| {
        let (a, b) = (before.options.get(a)?, before.options.get(b)?);
        mixed(shape, a, b).filter(|new| before.place(&new.id).is_none()).map(|new| (new, [a, b]))
    });
    if let Some((_, [a, b])) = &mixed {
        places.extend([before.place(&a.id), before.place(&b.id)].into_iter().flatten());
    }
    places.sort_unstable();
    places.dedup();
    let old = places.into_iter().filter_map(|place| before.options.get(place)).cloned();
    old.chain(mixed.map(|(new, _)| new)).collect()
}

/// A new option of two, in a shape that people or agents fill.
fn mixed(shape: Template, a: &Choice, b: &Choice) -> Option<Choice> {
    let (word, text) = match shape {
        Template::Split => ("split", "each does the part that it touches"),
        Template::Hybrid => ("hybrid", "both together, made into one"),
        Template::Sequential => ("sequential", "the first, and the second should it fail"),
        Template::SideBySide => {
            ("side-by-side", "both beside each other; what measures better stays")
        }
    };
    let id = OptionId::new(format!("{word}.{}.{}", a.id, b.id)).ok()?;
    let name = |choice: &Choice| {
        let title = if choice.title.is_empty() { choice.id.as_str() } else { &choice.title };
        title.chars().take(100).collect::<String>()
    };
    let (first, second) = (name(a), name(b));
    let title = format!("{word}: {first} / {second}");
    let text = format!("Made of {} and {}: {text}.", a.id, b.id);
    Some(Choice { id, title, text })
}
