//! One shard on one node: led here, followed here, or only reached from here.

use std::sync::Arc;

use orkestra_runtime::{
    Result,
    chance::Chance,
    fabric::Blobs,
    id::{Incarnation, ShardId},
    journal::Journal,
    leadership::{Seat, StewardParts, steward},
    names,
    patience::patiently,
    presence::Presence,
};

use super::{
    NodeSpec, Reached,
    desk::Desk,
    ear::{self, EarParts, Ears, Far},
    tree::{self, ShardChildren},
};
use crate::{
    client::Tasks,
    context::Contexts,
    reach::{Server, Shard, There},
    refused::Refused,
    shard::{
        Mind as _,
        actor::{Settings as ShardPace, ShardParts, shard},
        machine::{ShardMachine, ShardSettings},
    },
    system::{Followers, Standing, Team, TeamHands, bell, bell_child, porter_of, reigns_child},
    voting::teller_of,
};

/// What a shard on a node is made of.
pub(crate) struct LedParts<'a> {
    pub(crate) spec: &'a NodeSpec,
    pub(crate) shard: ShardId,
    pub(crate) boot: Incarnation,
    pub(crate) desk: Option<Desk>,
    pub(crate) ears: Arc<Ears>,
    pub(crate) presence: Presence,
    pub(crate) refused: Refused,
}

/// A shard as this node reaches it, and its children where this node may lead it.
#[expect(clippy::too_many_lines, reason = "the parts of a shard are tied to each other here")]
pub(crate) async fn led(
    parts: &LedParts<'_>,
    there: There,
) -> Result<(Reached, Option<ShardChildren>)> {
    let LedParts { spec, shard: number, .. } = parts;
    let (number, blobs) = (*number, spec.fabric.blobs());
    let followers = Followers::default();
    if !spec.roles.coordinator {
        let way = Shard::of_cluster(None, there);
        return Ok((reached(number, way, (followers, blobs), None), None));
    }
    let journal = Journal::of(spec.fabric.as_ref(), number)?;
    let what = format!("look at the journal of shard {number}");
    patiently(&what, || journal.check(ShardMachine::SNAPSHOT_VERSION)).await?;
    let (seat, steward) = steward(StewardParts {
        registers: spec.fabric.registers(),
        key: names::leader_key(number)?,
        node: spec.name.clone(),
        boot: parts.boot,
        clock: Arc::clone(&spec.clock),
        settings: spec.lease,
    });
    let (porter, porter_inbox) = porter_of();
    let (teller, to_count) = teller_of();
    let (words, hears) = ear::words();
    let (ring, to_tell) = bell();
    let settings = settings_of(&spec.settings, number);
    let clock = Arc::clone(&spec.clock);
    let (handle, runner) = shard(ShardParts {
        journal,
        genesis: Arc::new(move || ShardMachine::new(settings.clone())),
        hands: {
            let (followers, sink) = (Arc::clone(&followers), porter.sink());
            let told = (Arc::new(Standing::default()), Arc::clone(&clock), ring);
            Arc::new(move |epoch| {
                let team: Arc<dyn Team> = Arc::new(Far::begun(epoch, words.clone()));
                let of = (team, Arc::clone(&followers), Arc::clone(&sink));
                TeamHands::new(of, told.clone()).counted_by(&teller)
            })
        },
        clock: Arc::clone(&clock),
        chance: Chance::from_seed(spec.seed ^ u64::from(number.0)),
        settings: ShardPace { needs_lease: true, ..spec.pace },
    });
    let ear = ear::ear(
        EarParts {
            shard: number,
            node: spec.name.clone(),
            here: handle.clone(),
            porter: porter.clone(),
            messages: spec.fabric.messages(),
            desk: parts.desk.clone(),
            ears: Arc::clone(&parts.ears),
            presence: parts.presence.clone(),
            clock: Arc::clone(&clock),
            refused: parts.refused.clone(),
        },
        hears,
    );
    let runner = runner.led_by(seat.clone());
    let way = Shard::of_cluster(Some(handle.clone()), there);
    let at = reached(number, way, (followers, blobs), Some(seat));
    let (both, junk) = ((handle.clone(), at.tasks.clone()), parts.refused.clone());
    let server = Arc::new(Server::new(number, both, spec.fabric.messages(), junk));
    let children = vec![
        tree::once("steward", steward.run(), &clock),
        reigns_child(handle.clone(), runner, Arc::clone(&clock)),
        porter.child(porter_inbox, handle.clone(), Arc::clone(&clock)),
        to_count.child(handle, Arc::clone(&clock)),
        tree::again("ear", move || Arc::clone(&ear).run(), &clock),
        tree::again("server", move || Arc::clone(&server).serve(), &clock),
        bell_child(to_tell, (spec.fabric.messages(), number), Arc::clone(&clock)),
    ];
    let children = ShardChildren { name: format!("shard-{number}"), children };
    Ok((at, Some(children)))
}

fn reached(
    shard: ShardId,
    way: Shard,
    (followers, blobs): (Followers, Arc<dyn Blobs>),
    seat: Option<Seat>,
) -> Reached {
    let tasks = Tasks::new(way.clone(), followers, blobs);
    let contexts = Contexts::new(way.clone());
    Reached { shard, tasks, contexts, way, seat }
}

fn settings_of(settings: &ShardSettings, shard: ShardId) -> ShardSettings {
    let mut settings = settings.clone();
    settings.tasks.shard = shard;
    // An agent's capacity is shared by all shards.
    settings.tasks.needs_credit = true;
    settings
}
