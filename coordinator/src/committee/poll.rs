//! The ballots of a vote that is closed: all that counting needs, and nothing else.

use std::{collections::BTreeMap, sync::Arc};

use orkestra_runtime::id::{VoteNo, VoterId};

use super::{
    deadlock::RoundEnd,
    independence::Together,
    outcome::Tallied,
    papers::Papers,
    proposal::{Choice, Electorate, Proposal, Question, Said},
    settings::{INLINE_MEMBERS_MAX, INLINE_OPTIONS_MAX},
    state::Kept,
    tally::Method,
};

/// With so few options every method is quick.
const FEW_OPTIONS: usize = 5;

/// The ballots of a vote that is closed. Taking it costs nothing, however many they are; counting it
/// is a function: the same on every machine, now and later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poll {
    /// Which vote.
    pub(super) number: VoteNo,
    /// What was proposed, without the voters.
    pub(super) proposal: Arc<Proposal>,
    /// Who might vote.
    pub(super) members: Arc<Electorate>,
    /// What they said: who is not here is absent.
    pub(super) ballots: Arc<BTreeMap<VoterId, Kept>>,
    /// What was proposed, and said, in the first round.
    pub(super) root: (Arc<Proposal>, Arc<BTreeMap<VoterId, Kept>>),
    /// How the rounds before ended.
    pub(super) rounds: Vec<RoundEnd>,
    /// Who errs together with whom; only of those who voted.
    pub(super) pairs: BTreeMap<(VoterId, VoterId), Together>,
    /// How many have neither voted nor count as absent.
    pub(super) reachable: usize,
    /// Whether it was closed since no ballots came any more.
    pub(super) is_stalled: bool,
}

impl Poll {
    /// Counts. Methods that could take for ever are bounded, and say so.
    pub fn count(&self) -> Tallied {
        self.papers().count()
    }

    /// Whether it is counted within the step that closes it.
    pub(super) fn is_small(&self) -> bool {
        let options = self.proposal.options.len();
        let method = match &self.proposal.question {
            Question::Motion { .. } | Question::Classic(_) => None,
            Question::Election { method, .. } => Some(method),
        };
        let mut methods = self.proposal.tallies.iter().chain(method);
        self.members.len() <= INLINE_MEMBERS_MAX
            && options <= INLINE_OPTIONS_MAX
            && (options <= FEW_OPTIONS || methods.all(|method| is_quick(*method)))
    }

    pub(super) fn papers(&self) -> Papers {
        let said = |(voter, kept): (&VoterId, &Kept)| (voter.clone(), kept.said.clone());
        let changed = |(voter, kept): (&VoterId, &Kept)| {
            let first = kept.first.as_ref().filter(|first| **first != kept.said)?;
            Some((voter.clone(), first.clone()))
        };
        Papers {
            number: self.number,
            proposal: Arc::clone(&self.proposal),
            members: Arc::clone(&self.members),
            said: self.ballots.iter().map(said).collect(),
            changed: self.ballots.iter().filter_map(changed).collect(),
            first: self.first_said(),
            places: self.places(),
            rounds: self.rounds.clone(),
            pairs: self.pairs.clone(),
            reachable: self.reachable,
            is_stalled: self.is_stalled,
        }
    }

    /// What each was for first of all, by the places of this vote.
    fn first_said(&self) -> BTreeMap<VoterId, usize> {
        let (root, ballots) = &self.root;
        let options = self.proposal.options.len();
        let here = |place: usize| {
            let option = root.option(place)?;
            Some(self.proposal.place(option).unwrap_or(options + place))
        };
        let is_motion = self.proposal.question.is_motion();
        let first = |(voter, kept): (&VoterId, &Kept)| {
            let said: &Said = kept.first.as_ref().unwrap_or(&kept.said);
            let place = said.first()?;
            Some((voter.clone(), if is_motion { place } else { here(place)? }))
        };
        ballots.iter().filter_map(first).collect()
    }

    /// The place of each option in the first round, new ones after those.
    fn places(&self) -> Vec<usize> {
        let (root, _) = &self.root;
        let place = |(here, choice): (usize, &Choice)| {
            root.place(&choice.id).unwrap_or(root.options.len() + here)
        };
        self.proposal.options.iter().enumerate().map(place).collect()
    }
}

/// Whether a method needs no more time for more options than a polynomial of few degrees.
const fn is_quick(method: Method) -> bool {
    !matches!(
        method,
        Method::IrvPut
            | Method::BenhamPut
            | Method::SmithIrvPut
            | Method::CoombsPut
            | Method::BaldwinPut
            | Method::TopTwoRunoffPut
            | Method::RankedPairsPut
            | Method::Kemeny
            | Method::Pav
            | Method::Cc
            | Method::MinimaxAv
            | Method::StvMeek
            | Method::SeqPhragmen
            | Method::EqualShares
            | Method::EqualSharesWithoutCompletion
    )
}
