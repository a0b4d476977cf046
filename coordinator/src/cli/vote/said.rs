//! Ballots as they are typed.

use std::collections::BTreeMap;

use orkestra_runtime::{
    Error, ErrorKind, Result,
    id::{OptionId, VoterId},
};

use super::args::SaidArgs;
use crate::committee::Content;

/// What a ballot says.
pub(super) fn content(said: &SaidArgs) -> Result<Content> {
    if let Some(choice) = &said.choice {
        return Ok(Content::Choice(OptionId::new(choice)?));
    }
    if let Some(ranking) = &said.ranking {
        let group = |group: &str| group.split('=').map(option).collect();
        return Ok(Content::Ranking(ranking.split(',').map(group).collect::<Result<_>>()?));
    }
    if let Some(approved) = &said.approve {
        return Ok(Content::Approved(options(approved)?.into_iter().collect()));
    }
    if let Some(scores) = &said.scores {
        return Ok(Content::Scores(numbers(scores)?));
    }
    if let Some(points) = &said.points {
        return Ok(Content::Points(numbers(points)?));
    }
    if let Some(voter) = &said.delegate {
        return Ok(Content::Delegate(VoterId::new(voter)?));
    }
    match said.word.as_deref() {
        Some("yes") => Ok(Content::Yes),
        Some("no") => Ok(Content::No),
        Some("abstain") => Ok(Content::Abstain),
        Some("veto") => Ok(Content::Veto),
        Some(_) | None => Err(Error::new(ErrorKind::Invalid, "the ballot says nothing")),
    }
}

fn option(text: &str) -> Result<OptionId> {
    OptionId::new(text.trim())
}

/// Options with commas between them.
pub(super) fn options(text: &str) -> Result<Vec<OptionId>> {
    text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(option).collect()
}

fn numbers(text: &str) -> Result<BTreeMap<OptionId, u16>> {
    let mut all = BTreeMap::new();
    for one in text.split(',').map(str::trim).filter(|one| !one.is_empty()) {
        let wrong = |why: &str| {
            Error::new(
                ErrorKind::Invalid,
                format!("{one:?} {why}: write ID=N, with commas between"),
            )
        };
        let (id, number) = one.split_once('=').ok_or_else(|| wrong("has no number"))?;
        let number = number.trim().parse().map_err(|_| wrong("has no whole number up to 65535"))?;
        if all.insert(option(id)?, number).is_some() {
            return Err(wrong("is there twice"));
        }
    }
    Ok(all)
}
