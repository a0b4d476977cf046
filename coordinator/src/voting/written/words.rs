//! Parts of a proposal that may be one word or a table.

use std::{collections::BTreeMap, fmt, marker::PhantomData, str::FromStr};

use orkestra_runtime::id::{OptionId, VoterId};
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, value::MapAccessDeserializer},
};

use crate::committee::{
    VoterKey,
    tally::{Exact, Weight},
};

/// Something that is written as a table, or as one word that stands for it.
pub(super) trait Worded: Sized {
    /// What it is, for whoever wrote something else.
    const WHAT: &'static str;
    /// How it is written as a table.
    type Table: DeserializeOwned + Into<Self>;

    /// What one word stands for.
    fn of_word(word: &str) -> Result<Self, String>;
}

/// Reads a word or a table; where a fault is stays known.
pub(super) struct WordOrTable<T>(pub(super) PhantomData<T>);

impl<'de, T: Worded> de::Visitor<'de> for WordOrTable<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::WHAT)
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<T, E> {
        T::of_word(word).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        T::of_word(&number.to_string()).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        T::of_word(&number.to_string()).map_err(E::custom)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::Table::deserialize(MapAccessDeserializer::new(map)).map(Into::into)
    }
}

pub(super) fn parsed<T: FromStr<Err: fmt::Display>>(word: &str) -> Result<T, String> {
    word.parse().map_err(|error: T::Err| error.to_string())
}

/// An option as it is written: its id, or a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionWords {
    /// What ballots call it.
    pub id: OptionId,
    /// What people call it.
    pub title: String,
    /// What it is.
    pub text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OptionTable {
    id: OptionId,
    #[serde(default)]
    title: String,
    #[serde(default)]
    text: String,
}

impl From<OptionTable> for OptionWords {
    fn from(OptionTable { id, title, text }: OptionTable) -> Self {
        Self { id, title, text }
    }
}

impl Worded for OptionWords {
    const WHAT: &'static str = "the id of an option, or a table with `id`, `title` and `text`";
    type Table = OptionTable;

    fn of_word(word: &str) -> Result<Self, String> {
        let id = OptionId::new(word).map_err(|error| error.to_string())?;
        Ok(Self { id, title: String::new(), text: String::new() })
    }
}

impl<'de> Deserialize<'de> for OptionWords {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordOrTable(PhantomData))
    }
}

/// A voter as it is written: what it weighs, or a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberWords {
    /// What it weighs.
    pub weight: Weight,
    /// By which key its ballots are signed.
    pub key: Option<VoterKey>,
    /// Of which kind it is.
    pub family: Option<String>,
    /// Whether its veto blocks a motion.
    pub veto: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MemberTable {
    #[serde(default)]
    weight: Weight,
    #[serde(default)]
    key: Option<VoterKey>,
    #[serde(default)]
    family: Option<String>,
    #[serde(default)]
    veto: bool,
}

impl From<MemberTable> for MemberWords {
    fn from(MemberTable { weight, key, family, veto }: MemberTable) -> Self {
        Self { weight, key, family, veto }
    }
}

impl Worded for MemberWords {
    const WHAT: &'static str =
        "what a voter weighs (2, or \"3/2\"), or a table with `weight`, `key`, `family` and `veto`";
    type Table = MemberTable;

    fn of_word(word: &str) -> Result<Self, String> {
        let weight = Weight::of(&parsed::<Exact>(word)?).ok_or_else(|| {
            format!("{word:?} is no weight: it is a whole number, or a fraction such as \"3/2\"")
        })?;
        Ok(Self { weight, ..Self::default() })
    }
}

impl<'de> Deserialize<'de> for MemberWords {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordOrTable(PhantomData))
    }
}

/// Who may vote: a list of names, or a table of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Voters(pub BTreeMap<VoterId, MemberWords>);

impl<'de> Deserialize<'de> for Voters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> de::Visitor<'de> for All {
            type Value = Voters;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of voters, or a table of them with what each weighs")
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut names: A) -> Result<Voters, A::Error> {
                let mut all = BTreeMap::new();
                while let Some(voter) = names.next_element::<VoterId>()? {
                    if all.insert(voter.clone(), MemberWords::default()).is_some() {
                        return Err(de::Error::custom(format!("{voter} is named twice")));
                    }
                }
                Ok(Voters(all))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Voters, A::Error> {
                let mut all = BTreeMap::new();
                while let Some((voter, member)) = map.next_entry::<VoterId, MemberWords>()? {
                    if all.insert(voter.clone(), member).is_some() {
                        return Err(de::Error::custom(format!("{voter} is named twice")));
                    }
                }
                Ok(Voters(all))
            }
        }
        deserializer.deserialize_any(All)
    }
}
