//! What hangs on what.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

/// Orders nodes so that whatever one needs stands before it, and otherwise keeps their order. The
/// needs of a node are positions of other nodes.
///
/// The error is a cycle: each of its nodes needs the next, and the last is the first again.
pub(super) fn order(needs: &[Vec<usize>]) -> Result<Vec<usize>, Vec<usize>> {
    let mut waiting: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); needs.len()];
    for (node, needed) in needs.iter().enumerate() {
        for other in needed {
            if let Some(list) = followers.get_mut(*other) {
                list.push(node);
            }
        }
    }
    let free = waiting.iter().enumerate().filter(|(_, count)| **count == 0);
    let mut ready: BinaryHeap<Reverse<usize>> = free.map(|(node, _)| Reverse(node)).collect();
    let mut ordered = Vec::with_capacity(needs.len());
    while let Some(Reverse(node)) = ready.pop() {
        ordered.push(node);
        for follower in followers.get(node).into_iter().flatten() {
            if let Some(count) = waiting.get_mut(*follower) {
                *count -= 1;
                if *count == 0 {
                    ready.push(Reverse(*follower));
                }
            }
        }
    }
    if ordered.len() == needs.len() { Ok(ordered) } else { Err(cycle(needs, &waiting)) }
}

/// Whoever still waits needs somebody who still waits: following that, one comes round.
fn cycle(needs: &[Vec<usize>], waiting: &[usize]) -> Vec<usize> {
    let waits = |node: &usize| waiting.get(*node).is_some_and(|count| *count > 0);
    let mut at = waiting.iter().position(|count| *count > 0);
    let mut walked: Vec<usize> = Vec::new();
    let mut seen: HashMap<usize, usize> = HashMap::new();
    while let Some(node) = at {
        if let Some(first) = seen.insert(node, walked.len()) {
            walked.push(node);
            return walked.split_off(first);
        }
        walked.push(node);
        at = needs.get(node).and_then(|needed| needed.iter().copied().find(waits));
    }
    walked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_comes_first_and_the_rest_keeps_its_order() {
        assert_eq!(order(&[vec![2], vec![], vec![]]), Ok(vec![1, 2, 0]));
        assert_eq!(order(&[vec![], vec![0], vec![0, 1]]), Ok(vec![0, 1, 2]));
    }

    #[test]
    fn a_cycle_is_told_with_its_path() {
        assert_eq!(order(&[vec![1], vec![2], vec![0]]), Err(vec![0, 1, 2, 0]));
        assert_eq!(order(&[vec![1], vec![2], vec![1]]), Err(vec![1, 2, 1]));
        assert_eq!(order(&[vec![0]]), Err(vec![0, 0]));
    }
}
