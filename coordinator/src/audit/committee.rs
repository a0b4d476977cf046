//! Rows of votes. What a ballot says is told when its vote is closed and not before, so its row names
//! its hash; the vote's own view tells the rest.

use orkestra_runtime::id::Number;
use serde_json::{Value, json};

use crate::committee::CommitteeEvent;

/// The type of an event, by name.
pub(super) const fn type_of(event: &CommitteeEvent) -> &'static str {
    match event {
        CommitteeEvent::Enrolled { .. } => "vote_enrolled",
        CommitteeEvent::Opened { .. } => "vote_opened",
        CommitteeEvent::Cast { .. } => "vote_cast",
        CommitteeEvent::Committed { .. } => "vote_sealed",
        CommitteeEvent::Equivocated { .. } => "vote_equivocated",
        CommitteeEvent::Late { .. } => "vote_late",
        CommitteeEvent::Malformed { .. } => "vote_malformed",
        CommitteeEvent::SetAside { .. } => "vote_set_aside",
        CommitteeEvent::Unsealing { .. } => "vote_unsealing",
        CommitteeEvent::Mediated { .. } => "vote_mediated",
        CommitteeEvent::Closed { .. } => "vote_closed",
        CommitteeEvent::Decided { .. } => "vote_decided",
        CommitteeEvent::Judged { .. } => "vote_judged",
        CommitteeEvent::Forgotten { .. } => "votes_forgotten",
    }
}

/// What an event says beyond its subject.
pub(super) fn details_of(number: Number, event: &CommitteeEvent) -> Value {
    let no = event.vote(number);
    match event {
        CommitteeEvent::Enrolled { vote, members } => {
            json!({ "vote": vote, "members": members.len() })
        }
        CommitteeEvent::Opened { proposal, until, enrolled, climb, .. } => json!({
            "number": no,
            "vote": proposal.id,
            "title": proposal.title,
            "proposer": proposal.proposer,
            "members": proposal.electorate.len(),
            "enrolled": enrolled.as_ref().map(|(count, _)| count),
            "until": until,
            "follows": climb,
        }),
        CommitteeEvent::Cast { voter, ballot, hash, signature, .. } => json!({
            "number": no,
            "voter": voter,
            "seq": ballot.seq,
            "hash": hash,
            "signed": signature.is_some(),
        }),
        CommitteeEvent::Committed { voter, seq, sealed, .. } => {
            json!({ "number": no, "voter": voter, "seq": seq, "sealed": sealed })
        }
        CommitteeEvent::Equivocated { voter, first, seq, hash, .. } => {
            json!({ "number": no, "voter": voter, "seq": seq, "first": first, "hash": hash })
        }
        CommitteeEvent::Late { voter, hash, .. } => {
            json!({ "number": no, "voter": voter, "hash": hash })
        }
        CommitteeEvent::Malformed { voter, why, .. } => {
            json!({ "number": no, "voter": voter, "why": why })
        }
        CommitteeEvent::SetAside { voter, why, .. } => {
            json!({ "number": no, "voter": voter, "why": why.to_string() })
        }
        CommitteeEvent::Unsealing { why, until, .. } => {
            json!({ "number": no, "why": why.to_string(), "until": until })
        }
        CommitteeEvent::Mediated { by, options, until, .. } => {
            json!({ "number": no, "by": by, "options": options.len(), "until": until })
        }
        CommitteeEvent::Closed { why, .. } => json!({ "number": no, "why": why.to_string() }),
        CommitteeEvent::Decided { outcome, .. } => json!({
            "number": no,
            "vote": outcome.vote,
            "round": outcome.round,
            "decision": outcome.decision,
            "cast": outcome.turnout.cast,
            "eligible": outcome.turnout.eligible,
            "record": outcome.record,
        }),
        CommitteeEvent::Judged { truth, by, why, .. } => {
            json!({ "number": no, "truth": truth, "by": by, "why": why })
        }
        CommitteeEvent::Forgotten { ballots, votes, drafts } => {
            json!({ "ballots": ballots, "votes": votes, "drafts": drafts })
        }
    }
}
