//! Ballots read by a proposal: ids become places, and what is no ballot is refused.

use std::collections::{BTreeMap, BTreeSet};

use orkestra_runtime::id::{OptionId, VoterId};
use serde::{Deserialize, Serialize};

use super::{BallotFault, Proposal, Question};
use crate::committee::{
    ballot::{Ballot, Content},
    consensus::{ClassicBallot, ClassicMethod},
    motion::MotionBallot,
    settings,
    tally::{Kind, Ranking, Vote},
};

/// What a ballot says, as it is counted: options by their places.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// To a motion.
    Motion(MotionBallot),
    /// To a motion: whatever this voter says.
    Delegate(VoterId),
    /// In a classic vote.
    Classic(ClassicBallot),
    /// In an election; none abstains.
    Election(Option<Vote>),
}

impl Said {
    /// Whether it is present and for nothing.
    pub fn is_abstention(&self) -> bool {
        match self {
            Self::Motion(ballot) => *ballot == MotionBallot::Abstain,
            Self::Classic(ballot) => *ballot == ClassicBallot::Abstain,
            Self::Election(vote) => vote.is_none(),
            Self::Delegate(_) => false,
        }
    }

    /// The option that it is for before all others, if there is one. Of a motion: 0 is yes, 1 no.
    pub fn first(&self) -> Option<usize> {
        match self {
            Self::Motion(MotionBallot::Yes) => Some(0),
            Self::Motion(MotionBallot::No | MotionBallot::Veto) => Some(1),
            Self::Motion(MotionBallot::Abstain)
            | Self::Delegate(_)
            | Self::Classic(ClassicBallot::Abstain | ClassicBallot::Veto) => None,
            Self::Classic(ClassicBallot::For(option)) => Some(*option),
            Self::Classic(ClassicBallot::Ranking(ranking)) => ranking.first().copied(),
            Self::Election(vote) => vote.as_ref().and_then(first_of),
        }
    }
}

fn first_of(vote: &Vote) -> Option<usize> {
    match vote {
        Vote::Choice(choice) => choice.map(usize::from),
        Vote::Ranking(ranking) => match &ranking.groups().first()?[..] {
            [one] => Some(usize::from(*one)),
            [] | [_, ..] => None,
        },
        Vote::Approved(approved) => match &approved[..] {
            [one] => Some(usize::from(*one)),
            [] | [_, ..] => None,
        },
        Vote::Scores(given) | Vote::Points(given) => {
            let most = given.iter().max()?;
            let mut best = given.iter().enumerate().filter(|(_, one)| *one == most);
            match (best.next(), best.next()) {
                (Some((place, _)), None) => Some(place),
                (Some(_), Some(_)) | (None, _) => None,
            }
        }
    }
}

impl Proposal {
    /// What a ballot says, or why it is none. Nothing is guessed: what is not said clearly is not said.
    pub fn read(&self, ballot: &Ballot) -> Result<Said, BallotFault> {
        if ballot.seq == 0 {
            return Err(BallotFault::Seq);
        }
        if ballot.reason.len() > settings::REASON_BYTES_MAX {
            return Err(BallotFault::Reason { max: settings::REASON_BYTES_MAX as u64 });
        }
        if ballot.confidence.is_some_and(|sure| sure.parts().0 > sure.parts().1) {
            return Err(BallotFault::Confidence);
        }
        self.said(&ballot.content)
    }

    /// What content says, or why it says nothing here.
    pub fn said(&self, content: &Content) -> Result<Said, BallotFault> {
        match &self.question {
            Question::Motion { .. } => match content {
                Content::Yes => Ok(Said::Motion(MotionBallot::Yes)),
                Content::No => Ok(Said::Motion(MotionBallot::No)),
                Content::Abstain => Ok(Said::Motion(MotionBallot::Abstain)),
                Content::Veto => Ok(Said::Motion(MotionBallot::Veto)),
                Content::Delegate(voter) => Ok(Said::Delegate(voter.clone())),
                other @ (Content::Choice(_)
                | Content::Ranking(_)
                | Content::Approved(_)
                | Content::Scores(_)
                | Content::Points(_)) => {
                    Err(other_kind(other, "yes, no, abstain, veto or a delegate"))
                }
            },
            Question::Classic(rule) => {
                self.classic(content, rule.method == ClassicMethod::RankedChoice)
            }
            Question::Election { kind, score_max, .. } => {
                if *content == Content::Abstain {
                    return Ok(Said::Election(None));
                }
                self.vote(content, *kind, *score_max).map(|vote| Said::Election(Some(vote)))
            }
        }
    }

    /// The same in the words of a ballot.
    pub(in crate::committee) fn content(&self, said: &Said) -> Content {
        let named = |place: usize| self.option(place).cloned();
        match said {
            Said::Motion(MotionBallot::Yes) => Content::Yes,
            Said::Motion(MotionBallot::No) => Content::No,
            Said::Motion(MotionBallot::Veto) | Said::Classic(ClassicBallot::Veto) => Content::Veto,
            Said::Motion(MotionBallot::Abstain)
            | Said::Classic(ClassicBallot::Abstain)
            | Said::Election(None) => Content::Abstain,
            Said::Delegate(voter) => Content::Delegate(voter.clone()),
            Said::Classic(ClassicBallot::For(place)) => {
                named(*place).map_or(Content::Abstain, Content::Choice)
            }
            Said::Classic(ClassicBallot::Ranking(places)) => {
                let one = |place: &usize| named(*place).map(|option| vec![option]);
                Content::Ranking(places.iter().filter_map(one).collect())
            }
            Said::Election(Some(vote)) => self.content_of(vote),
        }
    }

    fn content_of(&self, vote: &Vote) -> Content {
        let named = |mark: &u16| self.option(usize::from(*mark)).cloned();
        let numbered = |marks: &[u16]| {
            let named = self.options.iter().map(|choice| choice.id.clone());
            named.zip(marks.iter().copied()).collect()
        };
        match vote {
            Vote::Choice(choice) => {
                choice.as_ref().and_then(named).map_or(Content::Abstain, Content::Choice)
            }
            Vote::Ranking(ranking) => {
                let group = |group: Vec<u16>| group.iter().filter_map(named).collect();
                Content::Ranking(ranking.groups().into_iter().map(group).collect())
            }
            Vote::Approved(marks) => Content::Approved(marks.iter().filter_map(named).collect()),
            Vote::Scores(marks) => Content::Scores(numbered(marks)),
            Vote::Points(marks) => Content::Points(numbered(marks)),
        }
    }

    fn classic(&self, content: &Content, is_ranked: bool) -> Result<Said, BallotFault> {
        let asked = if is_ranked {
            "a ranking, a choice, abstain or veto"
        } else {
            "a choice, abstain or veto"
        };
        let ballot = match content {
            Content::Abstain => ClassicBallot::Abstain,
            Content::Veto => ClassicBallot::Veto,
            Content::Choice(option) => ClassicBallot::For(self.place_of(option)?),
            Content::Ranking(groups) if is_ranked => {
                let ranking = self.ranking(groups, false)?;
                let places = ranking.groups().into_iter().flatten();
                ClassicBallot::Ranking(places.map(usize::from).collect())
            }
            Content::Yes
            | Content::No
            | Content::Delegate(_)
            | Content::Ranking(_)
            | Content::Approved(_)
            | Content::Scores(_)
            | Content::Points(_) => return Err(other_kind(content, asked)),
        };
        Ok(Said::Classic(ballot))
    }

    fn vote(&self, content: &Content, kind: Kind, most: u16) -> Result<Vote, BallotFault> {
        match (kind, content) {
            (Kind::Single, Content::Choice(option)) => Ok(Vote::Choice(Some(self.mark(option)?))),
            (Kind::Ranked | Kind::RankedTruncated | Kind::RankedWeak, Content::Ranking(groups)) => {
                let ranking = self.ranking(groups, kind == Kind::RankedWeak)?;
                let named = ranking.groups().iter().map(Vec::len).sum::<usize>();
                if named == 0 || (kind == Kind::Ranked && named < self.options.len()) {
                    return Err(BallotFault::Incomplete);
                }
                Ok(Vote::Ranking(ranking.canonical()))
            }
            (Kind::Approval, Content::Approved(options)) => {
                let mut marks =
                    options.iter().map(|one| self.mark(one)).collect::<Result<Vec<_>, _>>()?;
                marks.sort_unstable();
                Ok(Vote::Approved(marks.into()))
            }
            (Kind::Score, Content::Scores(given)) => {
                let marks = self.numbers(given)?;
                if given.len() < self.options.len() {
                    return Err(BallotFault::Incomplete);
                }
                if let Some((option, _)) = given.iter().find(|(_, score)| **score > most) {
                    return Err(BallotFault::Score { option: option.clone(), max: most });
                }
                Ok(Vote::Scores(marks))
            }
            (Kind::Cumulative, Content::Points(given)) => {
                let marks = self.numbers(given)?;
                if marks.iter().map(|points| u64::from(*points)).sum::<u64>() > u64::from(most) {
                    return Err(BallotFault::Points { max: most });
                }
                Ok(Vote::Points(marks))
            }
            (
                Kind::Single
                | Kind::Ranked
                | Kind::RankedTruncated
                | Kind::RankedWeak
                | Kind::Approval
                | Kind::Score
                | Kind::Cumulative,
                other,
            ) => Err(other_kind(other, &format!("{} or abstain", kind.field()))),
        }
    }

    fn place_of(&self, option: &OptionId) -> Result<usize, BallotFault> {
        self.place(option).ok_or_else(|| BallotFault::NoOption { option: option.clone() })
    }

    fn mark(&self, option: &OptionId) -> Result<u16, BallotFault> {
        let place = self.place_of(option)?;
        u16::try_from(place).map_err(|_| BallotFault::NoOption { option: option.clone() })
    }

    fn ranking(&self, groups: &[Vec<OptionId>], equals: bool) -> Result<Ranking, BallotFault> {
        let mut seen = BTreeSet::new();
        let mut places = Vec::with_capacity(groups.len());
        for group in groups {
            if group.len() > 1 && !equals {
                return Err(BallotFault::Equal);
            }
            let mut marks = Vec::with_capacity(group.len());
            for option in group {
                marks.push(self.mark(option)?);
                if !seen.insert(option) {
                    return Err(BallotFault::Twice { option: option.clone() });
                }
            }
            places.push(marks);
        }
        Ok(Ranking::of_groups(places))
    }

    fn numbers(&self, given: &BTreeMap<OptionId, u16>) -> Result<Box<[u16]>, BallotFault> {
        let mut marks = vec![0; self.options.len()];
        for (option, number) in given {
            marks[self.place_of(option)?] = *number;
        }
        Ok(marks.into())
    }
}

fn other_kind(content: &Content, asked: &str) -> BallotFault {
    BallotFault::OtherKind { says: content.kind().to_owned(), asked: asked.to_owned() }
}
