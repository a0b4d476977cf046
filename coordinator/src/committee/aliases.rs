//! Names of options that each voter has for itself.
//!
//! A text that is voted on may try to say how to vote. It cannot know what the voter calls the options:
//! every voter is shown them under other names and in another order, worked out from the vote, the
//! voter and the option, so that the same is shown after a restart. What comes back is translated
//! before it is cast: the record holds the options' own ids.

use orkestra_runtime::id::{OptionId, VoterId};

use super::{
    ballot::{Content, Scope},
    digest::Canon,
};

/// What the hash of an alias begins with.
const ALIAS: &str = "orkestra-alias-v1";

/// What one voter calls the options of one vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aliases(Vec<(OptionId, OptionId)>);

impl Aliases {
    /// Those of a voter.
    pub fn of<'a>(
        scope: &Scope,
        voter: &VoterId,
        options: impl IntoIterator<Item = &'a OptionId>,
    ) -> Self {
        let alias = |option: &OptionId| {
            let hash = Canon::of(ALIAS)
                .text(&scope.realm)
                .text(scope.vote.as_str())
                .number(scope.number.0)
                .number(u64::from(scope.round))
                .text(voter.as_str())
                .text(option.as_str())
                .digest()
                .to_string();
            // Twelve digits of a hash are a name, and no two of a few hundred are the same.
            let alias = OptionId::new(format!("o{}", &hash[..12]));
            (alias.unwrap_or_else(|_| option.clone()), option.clone())
        };
        let mut aliases: Vec<(OptionId, OptionId)> = options.into_iter().map(alias).collect();
        aliases.sort_unstable();
        Self(aliases)
    }

    /// The options in the order in which they are shown: the name for this voter, and the option.
    pub fn shown(&self) -> impl Iterator<Item = (&OptionId, &OptionId)> {
        self.0.iter().map(|(alias, option)| (alias, option))
    }

    /// What a ballot says, in the options' own ids; none if it names anything that is not one of this
    /// voter's names, an option's own id included.
    #[must_use]
    pub fn translated(&self, content: &Content) -> Option<Content> {
        let own = |name: &OptionId| {
            let found = self.0.iter().find(|(alias, _)| alias == name);
            found.map(|(_, option)| option.clone())
        };
        let numbered = |(name, number): (&OptionId, &u16)| Some((own(name)?, *number));
        Some(match content {
            Content::Choice(option) => Content::Choice(own(option)?),
            Content::Ranking(groups) => {
                let group = |group: &Vec<OptionId>| group.iter().map(own).collect();
                Content::Ranking(groups.iter().map(group).collect::<Option<_>>()?)
            }
            Content::Approved(options) => {
                Content::Approved(options.iter().map(own).collect::<Option<_>>()?)
            }
            Content::Scores(given) => {
                Content::Scores(given.iter().map(numbered).collect::<Option<_>>()?)
            }
            Content::Points(given) => {
                Content::Points(given.iter().map(numbered).collect::<Option<_>>()?)
            }
            Content::Yes
            | Content::No
            | Content::Abstain
            | Content::Veto
            | Content::Delegate(_) => content.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use orkestra_runtime::id::{VoteId, VoteNo};

    use super::*;

    #[test]
    fn every_voter_has_names_of_its_own_for_the_options_and_what_it_says_is_translated() {
        let vote = VoteId::new("v").unwrap();
        let scope = Scope { realm: "here".to_owned(), vote, number: VoteNo(7), round: 1 };
        let options = ["a", "b", "c"].map(|name| OptionId::new(name).unwrap());
        let of = |name: &str| Aliases::of(&scope, &VoterId::new(name).unwrap(), &options);
        let (ann, ben) = (of("ann"), of("ben"));
        assert_eq!(ann, of("ann"), "the same after a restart");
        let mut seen: Vec<&OptionId> = ann.shown().chain(ben.shown()).map(|(one, _)| one).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 6);
        let all: Vec<OptionId> = ann.shown().map(|(alias, _)| alias.clone()).collect();
        let said = Content::Ranking(all.into_iter().map(|alias| vec![alias]).collect());
        let own: Vec<Vec<OptionId>> = ann.shown().map(|(_, own)| vec![own.clone()]).collect();
        assert_eq!(ann.translated(&said), Some(Content::Ranking(own)));
        assert_eq!(ben.translated(&said), None, "another's names say nothing");
        assert_eq!(ann.translated(&Content::Choice(options[0].clone())), None, "nor does its own");
        assert_eq!(ann.translated(&Content::Abstain), Some(Content::Abstain));
    }
}
