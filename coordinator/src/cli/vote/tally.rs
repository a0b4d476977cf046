//! `orkestra vote tally`: files of elections and motions, counted.

use std::{collections::BTreeMap, io::Read as _, path::Path};

use orkestra_runtime::{Error, ErrorKind};
use serde::Serialize;

use super::{args::TallyArgs, show};
use crate::{
    cli::failure::Failure,
    committee::{
        file::{FiledElection, FiledMotion, VoteFile},
        motion::{MotionBallot, MotionCount, MotionOutcome},
        tally::{Answer, Comparison, Counting, Kind, Method, Refused},
    },
    output::{Console, Exit},
    written::did_you_mean,
};

/// What an election comes to.
pub(super) struct CountedElection<'a> {
    pub(super) filed: &'a FiledElection,
    pub(super) voters: String,
    pub(super) comparison: Comparison,
}

/// What a motion comes to.
#[derive(Serialize)]
pub(super) struct CountedMotion<'a> {
    #[serde(skip)]
    pub(super) id: &'a str,
    pub(super) at_deadline: MotionCount,
    pub(super) settled_now: Option<MotionOutcome>,
    pub(super) effective: BTreeMap<String, Option<MotionBallot>>,
}

/// Everything a file comes to.
pub(super) struct Counted<'a> {
    pub(super) elections: Vec<CountedElection<'a>>,
    pub(super) motions: Vec<CountedMotion<'a>>,
}

/// One entry of what is written for programs.
#[derive(Serialize)]
#[serde(untagged)]
enum Entry<'a> {
    Answers(&'a BTreeMap<Method, Answer>),
    Comparison(&'a Comparison),
    Motion(&'a CountedMotion<'a>),
}

pub(super) fn tally(args: &TallyArgs, console: &mut Console) -> Result<Exit, Failure> {
    let asked = methods(&args.methods)?;
    let file = VoteFile::read(&text_of(&args.file)?, &args.file.display().to_string())?;
    let elections = file.elections.iter().map(|filed| count(filed, &asked)).collect();
    let motions = file.motions.iter().map(decide).collect();
    let counted = Counted { elections, motions };
    let is_all_answered = tell_refused(&counted, !asked.is_empty(), console)?;
    let entries: BTreeMap<&str, Entry<'_>> = entries(&counted, args.compare).collect();
    console.item(&entries, |_| show::counted(&counted, args.compare))?;
    Ok(if is_all_answered { Exit::Done } else { Exit::Negative })
}

fn entries<'a>(
    counted: &'a Counted<'a>,
    compare: bool,
) -> impl Iterator<Item = (&'a str, Entry<'a>)> {
    let elections = counted.elections.iter().map(move |one| {
        let entry = if compare {
            Entry::Comparison(&one.comparison)
        } else {
            Entry::Answers(&one.comparison.answers)
        };
        (one.filed.election.id(), entry)
    });
    elections.chain(counted.motions.iter().map(|one| (one.id, Entry::Motion(one))))
}

fn text_of(file: &Path) -> Result<String, Error> {
    let read = if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    read.map_err(|error| {
        let message = format!("cannot read the votes {}", file.display());
        Error::new(ErrorKind::Invalid, message).because(error)
    })
}

/// The methods of these names.
fn methods(names: &[String]) -> Result<Vec<Method>, Error> {
    let find = |name: &String| {
        name.parse::<Method>().map_err(|unknown| {
            let known = Method::ALL.iter().map(|method| method.as_str());
            let help = did_you_mean(name, known).unwrap_or_default();
            Error::new(ErrorKind::Invalid, format!("{unknown}: {help}"))
        })
    };
    names.iter().map(find).collect()
}

fn count<'a>(filed: &'a FiledElection, asked: &[Method]) -> CountedElection<'a> {
    let kind: Kind = filed.election.kind();
    let methods: Vec<Method> = match (&filed.methods, asked) {
        (_, [_, ..]) => asked.to_vec(),
        (Some(methods), []) => methods.clone(),
        (None, []) => Method::of(kind).collect(),
    };
    let counting = Counting::of(&filed.election);
    let comparison = counting.compare(&methods);
    CountedElection { filed, voters: counting.total().to_string(), comparison }
}

fn decide(filed: &FiledMotion) -> CountedMotion<'_> {
    let FiledMotion { id, motion, cast } = filed;
    CountedMotion {
        id,
        at_deadline: motion.at_deadline(cast),
        settled_now: motion.settled_now(cast),
        effective: motion.effective(cast),
    }
}

/// Says what has no answer; answers whether everything that was asked for by name has one.
fn tell_refused(
    counted: &Counted<'_>,
    is_asked: bool,
    console: &mut Console,
) -> Result<bool, Error> {
    let mut is_all_answered = true;
    for one in &counted.elections {
        let is_named = is_asked || one.filed.methods.is_some();
        for why in one.comparison.refused.values() {
            let is_news = match why {
                Refused::TooCostly { .. } => true,
                // Of all methods there are always some that do not fit.
                Refused::NotDefined { .. }
                | Refused::NoTieBreak { .. }
                | Refused::NoSeats { .. } => is_named,
            };
            is_all_answered &= !is_named;
            if is_news {
                console.warn(format!("{}: {why}", one.filed.election.id()))?;
            }
        }
    }
    Ok(is_all_answered)
}
