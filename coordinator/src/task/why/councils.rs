//! What a task that is a deliberation waits for.

use orkestra_runtime::id::TaskNo;

use super::{Blocker, Sight};
use crate::council::{CouncilAnswer, CouncilQuery};

pub(super) fn open(sight: Sight<'_>, no: TaskNo) -> (Vec<Blocker>, String) {
    let begins = || (Vec::new(), "its council begins in a moment".to_owned());
    let Some((request, beside)) = sight.machine.deliberation_of(no).zip(sight.beside) else {
        return begins();
    };
    let (namespace, id) = (request.namespace, request.id.clone());
    let query = CouncilQuery::Deliberation { namespace, id: request.id };
    match beside.councils.answer(sight.now, &query, sight.machine) {
        CouncilAnswer::Deliberation(Some(found)) => {
            let (step, percent) = (found.current_step.clone(), found.percent);
            let next = format!("deliberation {id} is {step}");
            (vec![Blocker::Deliberation { id, step, percent }], next)
        }
        _ => begins(),
    }
}
