//! Which node should lead which shard, and in which shard a namespace lives: pure, the same on every
//! node that knows the same.
//!
//! Both are rendezvous hashes: of all pairs of the thing and a candidate, the candidate whose pair
//! has the highest score. So a candidate that comes takes an even share of all, one that goes gives
//! its own to all, and nothing else moves. The score is the first eight bytes, big endian, of the
//! SHA-256 of the two names with a zero byte between; it is kept for ever, since stored tasks lie
//! where it put them.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::Wish;
use crate::id::{NodeId, ShardId};

/// How long a node must have been there before a shard is handed over to it.
pub const STABLE_AFTER: Duration = Duration::from_secs(3);

/// How many nodes follow a shard warmly beside its leader.
pub const WARM_FOLLOWERS: usize = 1;

/// A node that may lead shards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Which.
    pub node: NodeId,
    /// For how long it has been there without a break.
    pub up_for: Duration,
    /// Whether it is to lead nothing more.
    pub draining: bool,
}

/// What one node is to do about one shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// What it tells its steward.
    pub wish: Wish,
    /// To whom it hands over, if it leads.
    pub hand_over: Option<NodeId>,
}

/// The shard in which a namespace lives, of so many.
pub fn shard_of(namespace: &str, shards: u16) -> ShardId {
    let of = |shard: &u16| score(namespace, &shard.to_string());
    ShardId((0..shards).max_by_key(of).unwrap_or(0))
}

/// All who may lead a shard, the one that should first: a pinned node if it is there, then by score.
/// Nodes that are drained come last, since a shard that only they could lead is better led by them.
pub fn ranked<'a>(
    shard: ShardId,
    pin: Option<&NodeId>,
    candidates: &'a [Candidate],
) -> Vec<&'a Candidate> {
    let mut ranked: Vec<&Candidate> = candidates.iter().collect();
    let name = format!("shard-{shard}");
    ranked.sort_by_cached_key(|candidate| {
        let score = score(&name, candidate.node.as_str());
        let is_pinned = pin == Some(&candidate.node);
        (candidate.draining, !is_pinned, u64::MAX - score, candidate.node.clone())
    });
    ranked
}

/// What `me` is to do about a shard. It hands over only to a node that has been there for `stable`,
/// so that a node that comes and goes does not take shards with it each time; but one that is drained
/// hands over at once.
pub fn place(
    me: &NodeId,
    shard: ShardId,
    pin: Option<&NodeId>,
    candidates: &[Candidate],
    stable: Duration,
) -> Place {
    let ranked = ranked(shard, pin, candidates);
    let Some(rank) = ranked.iter().position(|candidate| candidate.node == *me) else {
        return Place::default();
    };
    let is_drained = ranked.get(rank).is_some_and(|own| own.draining);
    let other = |candidate: &&&Candidate| candidate.node != *me && !candidate.draining;
    let heir = ranked.iter().find(other).map(|candidate| candidate.node.clone());
    let better = ranked.first().filter(|first| {
        first.node != *me && !first.draining && (is_drained || first.up_for >= stable)
    });
    let hand_over = better.map(|first| first.node.clone());
    // While somebody else can lead, whoever is drained does not ask for it.
    let wants = !is_drained || heir.is_none();
    let wish = Wish {
        rank: wants.then(|| u32::try_from(rank).unwrap_or(u32::MAX)),
        warm: wants && rank <= WARM_FOLLOWERS,
        heir,
    };
    Place { wish, hand_over }
}

/// How well a candidate suits a thing, the same everywhere and for ever: see above.
pub fn score(thing: &str, candidate: &str) -> u64 {
    let hash = Sha256::new().chain_update(thing).chain_update([0]).chain_update(candidate);
    let first = hash.finalize().into_iter().take(8);
    first.fold(0, |score, byte| score << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn node(name: &str) -> NodeId {
        NodeId::new(name).unwrap()
    }

    fn up(name: &str) -> Candidate {
        Candidate { node: node(name), up_for: Duration::from_mins(1), draining: false }
    }

    fn nodes(count: usize) -> Vec<Candidate> {
        (0..count).map(|at| up(&format!("n{at}"))).collect()
    }

    fn leaders(candidates: &[Candidate]) -> BTreeMap<u16, NodeId> {
        (0..1_000)
            .map(|shard| (shard, ranked(ShardId(shard), None, candidates)[0].node.clone()))
            .collect()
    }

    #[test]
    fn where_a_namespace_lives_never_changes() {
        let at = ["default", "a", "tenant-7", "ä/ö"].map(|name| shard_of(name, 16).0);
        assert_eq!(at, [7, 3, 14, 12]);
        assert_eq!(shard_of("anything", 1), ShardId(0));
        assert_eq!(score("default", "0"), 16_336_374_281_319_744_663);
    }

    #[test]
    fn namespaces_and_shards_are_spread_evenly() {
        let mut homes = BTreeMap::new();
        for at in 0..16_000 {
            *homes.entry(shard_of(&format!("namespace-{at}"), 16)).or_insert(0) += 1;
        }
        assert!(homes.len() == 16 && homes.values().all(|held| (850..1_150).contains(held)));
        let mut led = BTreeMap::new();
        for node in leaders(&nodes(4)).into_values() {
            *led.entry(node).or_insert(0) += 1;
        }
        assert!(led.len() == 4 && led.values().all(|held| (200..300).contains(held)), "{led:?}");
    }

    #[test]
    fn whoever_comes_or_goes_moves_its_own_share_and_nothing_else() {
        let (four, five) = (leaders(&nodes(4)), leaders(&nodes(5)));
        let moved = four.iter().filter(|(shard, node)| five[shard] != **node);
        let to: Vec<_> = moved.map(|(shard, _)| five[shard].as_str()).collect();
        assert!(to.iter().all(|node| *node == "n4"), "{to:?}");
        assert!((150..250).contains(&to.len()), "{}", to.len());
    }

    #[test]
    fn a_pinned_node_leads_while_it_is_there_and_a_drained_one_only_if_it_is_alone() {
        let candidates = nodes(3);
        let pinned = node("n1");
        for shard in (0..16).map(ShardId) {
            assert_eq!(ranked(shard, Some(&pinned), &candidates)[0].node, pinned);
            assert_ne!(ranked(shard, Some(&node("gone")), &candidates)[0].node, node("gone"));
            let drained = Candidate { draining: true, ..up("n1") };
            let mixed = [up("n0"), drained.clone()];
            assert_eq!(ranked(shard, Some(&pinned), &mixed)[0].node, node("n0"));
            let own = place(&pinned, shard, None, &mixed, STABLE_AFTER);
            assert_eq!((own.wish.rank, own.hand_over), (None, Some(node("n0"))));
            let alone = place(&pinned, shard, None, &[drained], STABLE_AFTER);
            assert_eq!((alone.wish.rank, alone.hand_over), (Some(0), None));
        }
    }

    #[test]
    fn a_shard_is_handed_to_its_preferred_node_once_that_has_been_there_for_a_while() {
        let mut candidates = nodes(3);
        let shard = ShardId(5);
        let order: Vec<NodeId> =
            ranked(shard, None, &candidates).iter().map(|one| one.node.clone()).collect();
        let at = |candidates: &[Candidate], me: &NodeId| {
            place(me, shard, None, candidates, STABLE_AFTER)
        };
        let first = at(&candidates, &order[0]);
        assert_eq!((first.wish.rank, first.wish.warm, first.hand_over), (Some(0), true, None));
        assert_eq!(first.wish.heir.as_ref(), Some(&order[1]));
        let second = at(&candidates, &order[1]);
        assert_eq!((second.wish.rank, second.wish.warm), (Some(1), true));
        assert_eq!(second.hand_over.as_ref(), Some(&order[0]));
        assert!(!at(&candidates, &order[2]).wish.warm);
        let fresh = candidates.iter_mut().find(|one| one.node == order[0]).unwrap();
        fresh.up_for = Duration::from_secs(1);
        assert_eq!(at(&candidates, &order[1]).hand_over, None);
        assert_eq!(at(&candidates, &node("gone")), Place::default());
    }
}
