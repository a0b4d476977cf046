//! What a task that is a vote waits for.

use orkestra_runtime::id::TaskNo;

use super::{Blocker, Sight};
use crate::committee::{CommitteeAnswer, CommitteeQuery};

pub(super) fn open(sight: Sight<'_>, no: TaskNo) -> (Vec<Blocker>, String) {
    let opens = || (Vec::new(), "its vote is opened in a moment".to_owned());
    let Some((vote, beside)) = sight.machine.vote_of(no).zip(sight.beside) else { return opens() };
    let get = |vote| match beside.votes.answer(&CommitteeQuery::Get(vote)) {
        CommitteeAnswer::Vote(found) => found,
        _ => None,
    };
    let Some(found) = get(vote) else { return opens() };
    // Of a question with several rounds the last one goes on.
    let last = found.rounds.last().map(|(vote, _)| vote.clone());
    let found = last.and_then(get).unwrap_or(found);
    let vote = found.view.vote.to_string();
    let missing: Vec<String> = found.missing.iter().map(ToString::to_string).collect();
    let next = match &missing[..] {
        [] => format!("vote {vote} is about to be decided"),
        missing => format!("vote {vote} waits for {}", missing.join(", ")),
    };
    (vec![Blocker::Vote { vote, missing, cast: found.view.cast }], next)
}
