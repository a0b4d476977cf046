//! Files as they are written.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny},
};

use super::{
    VoteFile, check,
    place::{Place, Step, at_byte, fault},
};
use crate::{
    committee::{
        motion::{Base, MotionBallot, QuorumOf},
        tally::{Exact, Kind, Ranking, Vote, Weight},
    },
    written::{Fault, Faults},
};

/// Keys that are not known.
#[derive(Default)]
pub(super) struct Rest(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Rest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> de::Visitor<'de> for Keys {
            type Value = Rest;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Rest, A::Error> {
                let mut keys = Vec::new();
                while let Some((key, IgnoredAny)) = map.next_entry()? {
                    keys.push(key);
                }
                Ok(Rest(keys))
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

/// One candidate, or `null`, which is an abstention; or nothing said.
#[derive(Default)]
pub(super) enum Said {
    #[default]
    Nothing,
    Choice(Option<u16>),
}

impl Said {
    /// The vote, if one is there.
    pub(super) const fn vote(self) -> Option<Vote> {
        match self {
            Self::Nothing => None,
            Self::Choice(choice) => Some(Vote::Choice(choice)),
        }
    }
}

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::Choice)
    }
}

#[derive(Deserialize)]
pub(super) struct WrittenFile {
    #[serde(default)]
    pub(super) elections: Option<Vec<WrittenElection>>,
    #[serde(default)]
    pub(super) motions: Option<Vec<WrittenMotion>>,
    #[serde(flatten)]
    pub(super) rest: Rest,
}

#[derive(Deserialize)]
pub(super) struct WrittenElection {
    pub(super) id: String,
    pub(super) kind: Kind,
    pub(super) candidates: Vec<String>,
    pub(super) tie_break: Option<Vec<usize>>,
    pub(super) seats: Option<usize>,
    pub(super) score_max: Option<u16>,
    pub(super) methods: Option<Vec<String>>,
    pub(super) ballots: Vec<WrittenBallot>,
    #[serde(default, rename = "expected")]
    _expected: Option<IgnoredAny>,
    #[serde(flatten)]
    pub(super) rest: Rest,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenBallot {
    #[serde(default = "one")]
    pub(super) count: u64,
    #[serde(default)]
    pub(super) weight: Weight,
    pub(super) ranking: Option<Ranking>,
    pub(super) approved: Option<Box<[u16]>>,
    pub(super) scores: Option<Box<[u16]>>,
    #[serde(default)]
    pub(super) choice: Said,
    pub(super) points: Option<Box<[u16]>>,
}

const fn one() -> u64 {
    1
}

#[derive(Deserialize)]
pub(super) struct WrittenMotion {
    pub(super) id: String,
    pub(super) voters: BTreeMap<String, Exact>,
    pub(super) rule: Rule,
    pub(super) base: Base,
    pub(super) quorum: Exact,
    #[serde(default)]
    pub(super) quorum_of: QuorumOf,
    pub(super) fraction: Option<Exact>,
    #[serde(default)]
    pub(super) veto_holders: Vec<String>,
    pub(super) delegations_max: Option<usize>,
    pub(super) ballots: BTreeMap<String, MotionBallot>,
    #[serde(default)]
    pub(super) delegations: BTreeMap<String, String>,
    #[serde(default, rename = "expected")]
    _expected: Option<IgnoredAny>,
    #[serde(flatten)]
    pub(super) rest: Rest,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Rule {
    Majority,
    Supermajority,
    Unanimity,
    Consent,
}

pub(super) fn read(text: &str, name: &str) -> Result<VoteFile, Faults> {
    let refused = |fault| Faults { file: name.to_owned(), faults: vec![fault] };
    let written: WrittenFile = serde_json::from_str(text).map_err(|_| refused(unreadable(text)))?;
    check::check(text, name, written)
}

/// Why a text is no such file. It is read again in a slower way that knows where it is.
fn unreadable(text: &str) -> Fault {
    let mut json = serde_json::Deserializer::from_str(text);
    let Err(error) = serde_path_to_error::deserialize::<_, WrittenFile>(&mut json) else {
        // What follows the document made it fail the first time.
        let message = "something follows the end of the document";
        return at_byte(text, json_end(text), ("", message), Some("remove it".to_owned()));
    };
    let place = error.path().iter().fold(Place::default(), |place, segment| match segment {
        serde_path_to_error::Segment::Seq { index } => place.item(*index),
        serde_path_to_error::Segment::Map { key } => place.key(key),
        serde_path_to_error::Segment::Enum { variant } => place.with(Step::Key(variant.clone())),
        serde_path_to_error::Segment::Unknown => place,
    });
    let inner = error.inner();
    let message = inner.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what);
    let help = help_for(&place, inner);
    if inner.is_syntax() || inner.is_eof() {
        let key = place.to_string();
        let told = if key.is_empty() { message.to_owned() } else { format!("{key}: {message}") };
        return at_byte(text, byte_of(text, inner.line(), inner.column()), (&key, &told), help);
    }
    fault(text, &place, message, help)
}

fn help_for(place: &Place, error: &serde_json::Error) -> Option<String> {
    if error.is_syntax() {
        return Some("the file is no JSON from here on: mend it, or write it anew".to_owned());
    }
    if error.is_eof() {
        return Some("the file ends too early: it was cut off, or a bracket is missing".to_owned());
    }
    Some(match place.last_key()? {
        "weight" | "quorum" | "fraction" | "voters" => {
            "write a whole number, or \"p/q\" such as \"3/2\": decimals are not exact".to_owned()
        }
        "count" => "write how many voters cast this ballot, as a whole number".to_owned(),
        "ranking" => {
            "write groups of candidates by index, best first: [[2], [0, 1]] ranks 0 and 1 equal"
                .to_owned()
        }
        "kind" => {
            let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
            format!("known are: {}", known.join(", "))
        }
        _ => return None,
    })
}

fn byte_of(text: &str, line: usize, column: usize) -> usize {
    let mut begin = 0;
    for _ in 1..line {
        begin += text[begin..].find('\n').map_or(0, |newline| newline + 1);
    }
    begin + column.saturating_sub(1)
}

fn json_end(text: &str) -> usize {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    let _ = values.next();
    let end = values.byte_offset();
    end + text[end..].len() - text[end..].trim_start().len()
}
