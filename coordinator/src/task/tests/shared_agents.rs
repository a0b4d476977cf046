//! Shards, agents and a network between them: the task machines of several shards and the credit
//! machine of each agent, as nodes would drive them.

mod numbers;
mod world;

use std::{collections::BTreeSet, time::Duration};

use orkestra_runtime::id::Epoch;

use self::world::{Weather, World};

const CALM: Weather = Weather { loss: 0, double: 0, delay_us: 400 };
const ROUGH: Weather = Weather { loss: 50, double: 50, delay_us: 100_000 };

#[test]
fn with_words_lost_doubled_and_late_no_agent_is_overfull_and_every_task_ends() {
    for seed in 0..6 {
        let mut world = World::new(seed, 5, &[1, 3, 6], ROUGH);
        for shard in 0..5 {
            world.submit(shard, 60);
        }
        for _ in 0..300 {
            world.next();
        }
        // A shard is led by another one: it replays, begins without credit and asks who is there.
        world.wake(2);
        world.shards[2].1.restart();
        world.shards[2].0 = Epoch(2);
        world.introduce(2);
        world.run(Duration::from_mins(20));
        assert!(world.hosts.iter().all(|host| host.most > 0), "nobody gives one of them work");
        let handed_back: usize = world.hosts.iter().map(|host| host.handed_back).sum();
        assert!(handed_back < 30, "{handed_back} of 300 were handed back");
    }
}

#[test]
fn one_busy_shard_among_idle_ones_works_at_full_speed_and_says_little() {
    let mut world = World::new(1, 16, &[16], CALM);
    world.submit(3, 4_000);
    let took = world.run(Duration::from_mins(1));
    // What the agent alone needs, with the way there and back for each of its places.
    let ideal = (world.work + Duration::from_millis(1)) * 4_000 / 16;
    assert!(took < ideal * 11 / 10, "{took:?}, and could be {ideal:?}");
    assert!(world.about_credit < 30, "{} words about credit", world.about_credit);
}

#[test]
fn many_shards_share_one_agent_without_leaving_it_idle_for_long() {
    let mut world = World::new(2, 8, &[32], CALM);
    for shard in 0..8 {
        world.submit(shard, 400);
    }
    let took = world.run(Duration::from_mins(1));
    let ideal = (world.work + Duration::from_millis(1)) * 3_200 / 32;
    assert!(took < ideal * 13 / 10, "{took:?}, and could be {ideal:?}");
    assert!(world.about_credit < 400, "{} words about credit", world.about_credit);
}

#[test]
fn more_shards_than_an_agent_can_hold_attempts_all_get_their_turn() {
    let mut world = World::new(3, 16, &[2], CALM);
    let began = world.now;
    for shard in 0..16 {
        world.submit(shard, 40);
    }
    let took = world.run(Duration::from_mins(2));
    let ideal = world.work * (16 * 40) / 2;
    assert!(took < ideal * 3 / 2, "{took:?}, and could be {ideal:?}");
    let waited = world.first_given.values().map(|at| at.since(began)).max().unwrap();
    assert!(waited < Duration::from_secs(4), "one waited for {waited:?}");
    let shards: BTreeSet<u16> = world.first_given.keys().copied().collect();
    assert_eq!(shards.len(), 16);
}
