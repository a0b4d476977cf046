//! What is wrong in a file that can be read.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    FiledElection, FiledMotion, VoteFile,
    place::{Place, fault},
    written::{Rest, Rule, WrittenBallot, WrittenElection, WrittenFile, WrittenMotion},
};
use crate::{
    committee::{
        motion::{Cast, Motion, MotionRule},
        tally::{
            Ballot, CANDIDATES_MAX, Election, ElectionFault, Exact, Kind, Method, SCORE_MAX, Vote,
            VoteFault,
        },
    },
    written::{Fault, Faults, did_you_mean, nearest},
};

const FILE_KEYS: [&str; 2] = ["elections", "motions"];
const ELECTION_KEYS: [&str; 9] = [
    "id",
    "kind",
    "candidates",
    "tie_break",
    "seats",
    "score_max",
    "methods",
    "ballots",
    "expected",
];
const MOTION_KEYS: [&str; 12] = [
    "id",
    "voters",
    "rule",
    "base",
    "quorum",
    "quorum_of",
    "fraction",
    "veto_holders",
    "delegations_max",
    "ballots",
    "delegations",
    "expected",
];

/// Keys that are remarks whatever they look like.
const REMARKS: [&str; 8] =
    ["name", "title", "family", "note", "notes", "source", "comment", "description"];

/// What a file that can be read comes to; everything that is wrong in it.
pub(super) fn check(text: &str, name: &str, written: WrittenFile) -> Result<VoteFile, Faults> {
    let mut checking = Checking { text, faults: Vec::new(), ids: BTreeSet::new() };
    if written.elections.is_none() && written.motions.is_none() {
        let help = "write {\"elections\": [...]} or {\"motions\": [...]}";
        checking.wrong(&Place::default(), "there is nothing to count", Some(help));
    }
    checking.remarks(&Place::default(), &written.rest, &FILE_KEYS);
    let elections = written.elections.unwrap_or_default().into_iter().enumerate();
    let elections: Vec<_> = elections.filter_map(|(at, one)| checking.election(at, one)).collect();
    let motions = written.motions.unwrap_or_default().into_iter().enumerate();
    let motions: Vec<_> = motions.filter_map(|(at, one)| checking.motion(at, one)).collect();
    Faults::unless_none(name, checking.faults)?;
    Ok(VoteFile { elections, motions })
}

/// The vote of a ballot, if it has the one that its election counts and no other.
fn vote_of(kind: Kind, ballot: WrittenBallot) -> Option<Vote> {
    let WrittenBallot { ranking, approved, scores, choice, points, .. } = ballot;
    let votes = [
        ranking.map(Vote::Ranking),
        approved.map(Vote::Approved),
        scores.map(Vote::Scores),
        choice.vote(),
        points.map(Vote::Points),
    ];
    let mut votes = votes.into_iter().flatten();
    let (vote, other) = (votes.next()?, votes.next());
    let is_wanted = match kind {
        Kind::Ranked | Kind::RankedTruncated | Kind::RankedWeak => {
            matches!(vote, Vote::Ranking(_))
        }
        Kind::Approval => matches!(vote, Vote::Approved(_)),
        Kind::Score => matches!(vote, Vote::Scores(_)),
        Kind::Single => matches!(vote, Vote::Choice(_)),
        Kind::Cumulative => matches!(vote, Vote::Points(_)),
    };
    (is_wanted && other.is_none()).then_some(vote)
}

struct Checking<'a> {
    text: &'a str,
    faults: Vec<Fault>,
    ids: BTreeSet<String>,
}

impl Checking<'_> {
    fn wrong(&mut self, place: &Place, message: &str, help: Option<&str>) {
        self.faults.push(fault(self.text, place, message, help.map(str::to_owned)));
    }

    /// Finds keys that look like a known one misspelt; others are remarks.
    fn remarks(&mut self, place: &Place, rest: &Rest, known: &[&str]) {
        for key in rest.0.iter().filter(|key| !REMARKS.contains(&key.as_str())) {
            let reach = if key.chars().count() < 8 { 1 } else { 2 };
            let near = nearest(key, known.iter().copied());
            let near = near.filter(|near| strsim::damerau_levenshtein(key, near) <= reach);
            if let Some(near) = near {
                let message = format!("there is no key {key:?}");
                let help = format!("did you mean {near:?}? any other name is taken for a remark");
                self.wrong(&place.key(key), &message, Some(&help));
            }
        }
    }

    fn id(&mut self, place: &Place, id: &str) {
        if !self.ids.insert(id.to_owned()) {
            let help = "answers are told by id: give each its own";
            self.wrong(&place.key("id"), &format!("{id:?} is there twice"), Some(help));
        }
    }

    fn election(&mut self, at: usize, written: WrittenElection) -> Option<FiledElection> {
        let place = Place::of("elections", at);
        self.id(&place, &written.id);
        self.remarks(&place, &written.rest, &ELECTION_KEYS);
        let all = written.candidates.len();
        let methods = written.methods.map(|names| self.methods(&place, names));
        let mut ballots = Vec::with_capacity(written.ballots.len());
        for (number, ballot) in written.ballots.into_iter().enumerate() {
            let (count, weight) = (ballot.count, ballot.weight);
            let Some(vote) = vote_of(written.kind, ballot) else {
                let (kind, field) = (written.kind, written.kind.field());
                let message =
                    format!("a ballot of kind {kind} must have {field:?}, and no other vote");
                let help = "mend the ballot, or the kind of the election";
                self.wrong(&place.key("ballots").item(number), &message, Some(help));
                return None;
            };
            ballots.push(Ballot { count, weight, vote });
        }
        let kind = (written.kind, all, written.score_max.unwrap_or(SCORE_MAX));
        let election = Election::scored(&written.id, kind, ballots).and_then(|election| {
            let listed = match written.tie_break {
                Some(list) => election.with_tie_break(list)?,
                None => election,
            };
            match written.seats {
                Some(seats) => listed.with_seats(seats),
                None => Ok(listed),
            }
        });
        match election {
            Ok(election) => Some(FiledElection { election, names: written.candidates, methods }),
            Err(fault) => {
                self.election_fault(&place, (written.kind, all), fault);
                None
            }
        }
    }

    fn methods(&mut self, place: &Place, names: Vec<String>) -> Vec<Method> {
        let mut methods = Vec::new();
        for (at, name) in names.into_iter().enumerate() {
            if let Ok(method) = name.parse() {
                methods.push(method);
                continue;
            }
            let help = did_you_mean(&name, Method::ALL.iter().map(|method| method.as_str()));
            let message = format!("there is no method {name:?}");
            self.wrong(&place.key("methods").item(at), &message, help.as_deref());
        }
        methods
    }

    fn election_fault(&mut self, place: &Place, (kind, all): (Kind, usize), fault: ElectionFault) {
        match fault {
            ElectionFault::Candidates => {
                let message =
                    format!("there are {all} candidates: there must be 1 to {CANDIDATES_MAX}");
                self.wrong(&place.key("candidates"), &message, None);
            }
            ElectionFault::Seats => {
                let message = format!("there must be 1 to {all} seats, as many as candidates");
                self.wrong(&place.key("seats"), &message, None);
            }
            ElectionFault::TieBreak => {
                let message = format!("it must name each of the candidates 0 to {} once", all - 1);
                let help = "it is the order in which ties are broken, the highest priority first";
                self.wrong(&place.key("tie_break"), &message, Some(help));
            }
            ElectionFault::NoVoters { ballot } => {
                let place = place.key("ballots").item(ballot).key("count");
                self.wrong(&place, "a ballot of nobody", Some("leave it out, or count from 1"));
            }
            ElectionFault::Vote { ballot, fault } => {
                let place = place.key("ballots").item(ballot).key(kind.field());
                let help = match &fault {
                    VoteFault::NoCandidate { .. } => {
                        format!("candidates are named by index, 0 to {}", all - 1)
                    }
                    VoteFault::Tied { .. } => "kind ranked_weak allows ties".to_owned(),
                    VoteFault::Incomplete => {
                        "kind ranked_truncated allows rankings that stop early".to_owned()
                    }
                    VoteFault::Twice { .. } => "name each candidate at most once".to_owned(),
                    VoteFault::Score { .. } => {
                        "score_max says the best score; 5 if it is not said".to_owned()
                    }
                    VoteFault::Length { .. } | VoteFault::OtherKind { .. } => {
                        "write one number for each candidate, in their order".to_owned()
                    }
                };
                self.wrong(&within(&place, &fault), &fault.to_string(), Some(&help));
            }
        }
    }

    fn motion(&mut self, at: usize, written: WrittenMotion) -> Option<FiledMotion> {
        let place = Place::of("motions", at);
        let faults = self.faults.len();
        self.id(&place, &written.id);
        self.remarks(&place, &written.rest, &MOTION_KEYS);
        for (voter, weight) in &written.voters {
            if weight.is_negative() {
                let place = place.key("voters").key(voter);
                self.wrong(&place, &format!("{weight} is below zero"), None);
            }
        }
        self.share((&place, "quorum"), &written.quorum);
        let rule = match (written.rule, written.fraction) {
            (Rule::Majority, _) => MotionRule::Majority,
            (Rule::Unanimity, _) => MotionRule::Unanimity,
            (Rule::Consent, _) => MotionRule::Consent,
            (Rule::Supermajority, Some(fraction)) => {
                self.share((&place, "fraction"), &fraction);
                MotionRule::Supermajority { fraction }
            }
            (Rule::Supermajority, None) => {
                let help = "add \"fraction\", such as \"2/3\"";
                self.wrong(&place, "a supermajority without its fraction", Some(help));
                return None;
            }
        };
        let named = [
            ("ballots", written.ballots.keys().collect::<Vec<_>>()),
            ("delegations", written.delegations.keys().collect()),
        ];
        for (key, names) in named {
            for voter in names.into_iter().filter(|voter| !written.voters.contains_key(*voter)) {
                self.no_voter(&place.key(key).key(voter), voter, &written.voters);
            }
        }
        for (voter, delegate) in &written.delegations {
            if !written.voters.contains_key(delegate) {
                self.no_voter(&place.key("delegations").key(voter), delegate, &written.voters);
            }
        }
        for (number, holder) in written.veto_holders.iter().enumerate() {
            if !written.voters.contains_key(holder) {
                self.no_voter(&place.key("veto_holders").item(number), holder, &written.voters);
            }
        }
        let motion = Motion {
            voters: written.voters,
            rule,
            base: written.base,
            quorum: written.quorum,
            quorum_of: written.quorum_of,
            veto_holders: written.veto_holders.into_iter().collect(),
            delegations_max: written.delegations_max,
        };
        let cast = Cast { ballots: written.ballots, delegations: written.delegations };
        let is_right = self.faults.len() == faults;
        is_right.then_some(FiledMotion { id: written.id, motion, cast })
    }

    fn share(&mut self, (place, key): (&Place, &str), share: &Exact) {
        if share.is_negative() || *share > Exact::one() {
            let message = format!("{share} is no part of a whole: it must be from 0 to 1");
            self.wrong(&place.key(key), &message, None);
        }
    }

    fn no_voter(&mut self, place: &Place, name: &str, voters: &BTreeMap<String, Exact>) {
        let help = did_you_mean(name, voters.keys().map(String::as_str));
        self.wrong(place, &format!("{name:?} is no voter of this motion"), help.as_deref());
    }
}

/// The place of a fault within a vote.
fn within(place: &Place, fault: &VoteFault) -> Place {
    match fault {
        VoteFault::Score { place: at, .. } => place.item(*at),
        VoteFault::NoCandidate { place: at, .. }
        | VoteFault::Twice { place: at, .. }
        | VoteFault::Tied { place: at }
            if !matches!(place.last_key(), Some("ranking" | "choice")) =>
        {
            place.item(*at)
        }
        VoteFault::NoCandidate { .. }
        | VoteFault::Twice { .. }
        | VoteFault::Tied { .. }
        | VoteFault::OtherKind { .. }
        | VoteFault::Incomplete
        | VoteFault::Length { .. } => place.clone(),
    }
}
