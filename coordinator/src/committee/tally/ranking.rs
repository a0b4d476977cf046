//! Rankings, with ties and cut short.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeSeq as _};

use super::ballots::CANDIDATES_MAX;

/// The mark of a candidate that is ranked equal to the one before it.
pub(super) const TIED: u16 = 1 << 15;

/// A ranking, best first, candidates by index; those who are not listed are below all listed ones
/// and equal among themselves. An empty one is an abstention.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ranking(Box<[u16]>);

impl Ranking {
    /// The ranking with these candidates in this order, each below the one before it.
    pub fn strict(order: impl IntoIterator<Item = u16>) -> Self {
        Self(order.into_iter().map(|candidate| candidate & !TIED).collect())
    }

    /// The ranking with these groups of equals, best first; empty groups are nothing.
    pub fn of_groups<G: AsRef<[u16]>>(groups: impl IntoIterator<Item = G>) -> Self {
        let mut marks = Vec::new();
        for group in groups {
            for (place, candidate) in group.as_ref().iter().enumerate() {
                let tied = if place == 0 { 0 } else { TIED };
                marks.push((candidate & !TIED) | tied);
            }
        }
        Self(marks.into())
    }

    /// The same ranking, equals in the order of the candidates.
    #[must_use]
    pub fn canonical(&self) -> Self {
        let mut groups = self.groups();
        for group in &mut groups {
            group.sort_unstable();
        }
        Self::of_groups(groups)
    }

    pub(super) fn marks(&self) -> &[u16] {
        &self.0
    }

    /// The groups of equals, best first.
    pub fn groups(&self) -> Vec<Vec<u16>> {
        groups(&self.0).map(|group| group.iter().map(|mark| mark & !TIED).collect()).collect()
    }
}

/// The groups of equals in the marks of a ranking; candidates still bear the mark of a tie.
pub(super) fn groups(marks: &[u16]) -> impl Iterator<Item = &[u16]> {
    marks.chunk_by(|_, next| next & TIED != 0)
}

/// The candidate that a mark of a ranking stands for.
pub(super) const fn candidate(mark: u16) -> usize {
    (mark & !TIED) as usize
}

/// How many are strictly above each candidate; who is not listed is below all who are.
pub(super) fn ranks(marks: &[u16], candidates: usize) -> Vec<usize> {
    let mut ranks = vec![marks.len(); candidates];
    let mut above = 0;
    for group in groups(marks) {
        for mark in group {
            ranks[candidate(*mark)] = above;
        }
        above += group.len();
    }
    ranks
}

impl Serialize for Ranking {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let groups = self.groups();
        let mut list = serializer.serialize_seq(Some(groups.len()))?;
        groups.iter().try_for_each(|group| list.serialize_element(group))?;
        list.end()
    }
}

/// Reads one group of equals into the marks of a ranking.
struct Group<'a>(&'a mut Vec<u16>);

impl<'de> de::DeserializeSeed<'de> for Group<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> de::Visitor<'de> for Group<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of candidates that are ranked equal, by index")
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut tied = 0;
        while let Some(candidate) = list.next_element::<u16>()? {
            if usize::from(candidate) >= CANDIDATES_MAX {
                return Err(de::Error::custom(format!("there is no candidate {candidate}")));
            }
            self.0.push(candidate | tied);
            tied = TIED;
        }
        if tied == 0 {
            return Err(de::Error::custom("a group of equals is empty: leave it out"));
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Ranking {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Groups;
        impl<'de> de::Visitor<'de> for Groups {
            type Value = Ranking;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of groups of candidates, best first")
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Ranking, A::Error> {
                let mut marks = Vec::with_capacity(list.size_hint().unwrap_or(0).min(64));
                while list.next_element_seed(Group(&mut marks))?.is_some() {}
                Ok(Ranking(marks.into()))
            }
        }
        deserializer.deserialize_seq(Groups)
    }
}
