//! Voters in pages, where they are too many for one record.

use crate::committee::{Electorate, Proposal};

/// How many voters stand in a proposal itself at most, and in one page.
const PAGE: usize = 500;

/// A proposal, and the pages in which its voters are enrolled before if they are many: then none of
/// them stands in it.
pub(crate) fn paged(mut proposal: Proposal) -> (Vec<Electorate>, Proposal) {
    if proposal.electorate.len() <= PAGE {
        return (Vec::new(), proposal);
    }
    let mut pages: Vec<Electorate> = Vec::new();
    for (place, (voter, member)) in std::mem::take(&mut proposal.electorate).into_iter().enumerate()
    {
        if place % PAGE == 0 {
            pages.push(Electorate::new());
        }
        if let Some(page) = pages.last_mut() {
            page.insert(voter, member);
        }
    }
    (pages, proposal)
}
