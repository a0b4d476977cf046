use std::{sync::Arc, time::Duration};

use tokio::task::JoinHandle;

use super::*;
use crate::{
    fabric::{Fabric as _, Key, embedded::Embedded},
    id::{Epoch, Incarnation, NodeId},
    machine::Machine as _,
    time::{Clock as _, Moment, Now, SystemClock, Wall},
};

const LEASE: Duration = Duration::from_secs(1);

fn node(name: &str) -> NodeId {
    NodeId::new(name).unwrap()
}

fn at(ms: u64) -> Now {
    Now { moment: Moment::from_ms(ms), wall: Wall::default() }
}

/// One candidate, told what it sees.
struct Script(LeaseMachine);

impl Script {
    fn new(name: &str, boot: u64, rank: u32) -> Self {
        let settings = LeaseSettings {
            lease: LEASE,
            renew_every: Duration::from_millis(250),
            stagger: Duration::from_millis(10),
            heir_wait: Duration::from_millis(250),
        };
        let mut script = Self(LeaseMachine::new(node(name), Incarnation(boot), settings));
        script.at(0, Event::Rank(Some(rank)));
        script
    }

    fn at(&mut self, ms: u64, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.0.step(at(ms), event, &mut effects);
        effects
    }

    fn tick(&mut self, ms: u64) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.0.tick(at(ms), &mut effects);
        effects
    }

    fn wakes(&self) -> Option<u64> {
        self.0.wakeup().map(|moment| moment.as_nanos() / 1_000_000)
    }

    /// Takes an absent register at `ms`, which becomes revision 1.
    fn leads(mut self, ms: u64) -> Self {
        self.at(ms, seen(None));
        self.at(ms, Event::SetDone(Ok(Revision(1))));
        assert!(self.0.leads_until().is_some());
        self
    }
}

fn held(name: &str, boot: u64, turn: u64) -> Standing {
    let (node, boot, lease_ms) = (node(name), Incarnation(boot), 1_000);
    Standing::Held(Held { node, boot, turn, epoch: Epoch(0), lease_ms })
}

fn seen(what: Option<(u64, Standing)>) -> Event {
    Event::Seen(what.map(|(revision, standing)| Seen { revision: Revision(revision), standing }))
}

fn set(at: Option<u64>, standing: Standing) -> Effect {
    Effect::Set { at: at.map(Revision), standing }
}

fn holder(standing: &Standing) -> Effect {
    Effect::Holder(standing.holder().cloned())
}

fn until(ms: u64) -> Moment {
    Moment::from_ms(ms)
}

#[test]
fn an_absent_register_is_taken_and_the_term_counts_from_before_the_write_was_sent() {
    let mut a = Script::new("a", 1, 0);
    assert_eq!(a.at(10, seen(None)), [set(None, held("a", 1, 1))]);
    assert_eq!(a.wakes(), None);
    let lead = Effect::Lead { until: until(1_010), revision: Revision(1) };
    let done = a.at(150, Event::SetDone(Ok(Revision(1))));
    assert_eq!(done, [lead, holder(&held("a", 1, 1))]);
    assert_eq!(a.wakes(), Some(260));
    assert_eq!(a.tick(260), [set(Some(1), held("a", 1, 2))]);
    let renewed = a.at(300, Event::SetDone(Ok(Revision(2))));
    assert_eq!(renewed, [Effect::Renewed { until: until(1_260) }]);
}

#[test]
fn the_number_of_a_reign_stands_in_the_register_with_the_next_renewal_and_goes_with_it() {
    let numbered = |turn, epoch| match held("a", 1, turn) {
        Standing::Held(held) => Standing::Held(Held { epoch: Epoch(epoch), ..held }),
        other => other,
    };
    let mut a = Script::new("a", 1, 0).leads(0);
    assert_eq!(a.at(20, Event::Reign(Epoch(7))), []);
    assert_eq!(a.tick(250), [set(Some(1), numbered(2, 7))]);
    let renewed = Effect::Renewed { until: until(1_250) };
    let done = a.at(260, Event::SetDone(Ok(Revision(2))));
    assert_eq!(done, [renewed, holder(&numbered(2, 7))], "whoever looks is told");
    // Another one led meanwhile: how the next reign is numbered is not known when it is claimed.
    a.at(300, seen(Some((3, held("b", 1, 1)))));
    assert_eq!(a.tick(1_350), [set(Some(3), numbered(3, 0))]);
}

#[test]
fn a_holder_is_followed_only_after_a_whole_lease_of_stillness_and_a_margin() {
    let mut b = Script::new("b", 1, 0);
    assert_eq!(b.at(10, seen(Some((4, held("a", 1, 1))))), [holder(&held("a", 1, 1))]);
    assert_eq!(b.wakes(), Some(1_060));
    // A renewal begins the wait anew; the same revision seen again, or an older one, does not.
    assert_eq!(b.at(900, seen(Some((5, held("a", 1, 2))))), []);
    assert_eq!(b.at(1_500, seen(Some((5, held("a", 1, 2))))), []);
    assert_eq!(b.at(1_500, seen(Some((4, held("a", 1, 1))))), []);
    assert_eq!(b.tick(1_949), []);
    assert_eq!(b.tick(1_950), [set(Some(5), held("b", 1, 1))]);
    // The holder was there after all.
    let lost = Event::SetDone(Err(SetFault::Conflict(Some(Seen {
        revision: Revision(6),
        standing: held("a", 1, 3),
    }))));
    assert_eq!(b.at(1_960, lost), []);
    assert_eq!(b.wakes(), Some(1_960 + 1_050));
}

#[test]
fn candidates_claim_one_after_another() {
    let wakes = [0, 1, 2].map(|rank| {
        let mut one = Script::new("b", 1, rank);
        one.at(0, seen(Some((4, held("a", 1, 1)))));
        one.wakes().unwrap()
    });
    assert_eq!(wakes, [1_050, 1_060, 1_070]);
    let mut never = Script::new("b", 1, 0);
    never.at(0, Event::Rank(None));
    never.at(0, seen(Some((4, held("a", 1, 1)))));
    assert_eq!(never.wakes(), None);
}

#[test]
fn a_lease_that_is_longer_than_can_be_is_not_believed() {
    let mut b = Script::new("b", 1, 0);
    let Standing::Held(mut boast) = held("a", 1, 1) else { unreachable!() };
    boast.lease_ms = u64::MAX;
    b.at(0, seen(Some((4, Standing::Held(boast)))));
    assert_eq!(b.wakes(), Some(63_000));
}

#[test]
fn a_write_without_an_answer_is_looked_for_and_counts_from_when_it_was_begun() {
    let mut a = Script::new("a", 1, 0).leads(0);
    a.tick(250);
    assert_eq!(a.at(500, Event::SetDone(Err(SetFault::Unknown))), [Effect::Look]);
    // It had landed.
    let landed = Seen { revision: Revision(2), standing: held("a", 1, 2) };
    let renewed = [Effect::Renewed { until: until(1_250) }];
    assert_eq!(a.at(510, Event::Looked(Ok(Some(landed)))), renewed);

    let mut a = Script::new("a", 1, 0).leads(0);
    a.tick(250);
    a.at(500, Event::SetDone(Err(SetFault::Unknown)));
    // It had not, as far as can be seen, and may land later: then the next one conflicts with it.
    let before = Seen { revision: Revision(1), standing: held("a", 1, 1) };
    assert_eq!(a.at(510, Event::Looked(Ok(Some(before)))), []);
    assert_eq!(a.0.leads_until(), Some(until(1_000)));
    assert_eq!(a.tick(625), [set(Some(1), held("a", 1, 3))]);
    let landed = Seen { revision: Revision(2), standing: held("a", 1, 2) };
    let conflict = Event::SetDone(Err(SetFault::Conflict(Some(landed))));
    assert_eq!(a.at(640, conflict)[..1], renewed);
}

#[test]
fn a_holder_that_was_paused_leads_on_only_if_nobody_took_the_register() {
    let mut a = Script::new("a", 1, 0).leads(0);
    assert_eq!(a.tick(9_000), [set(Some(1), held("a", 1, 2))]);
    assert_eq!(a.0.leads_until(), Some(until(1_000)), "its term is over until the write is made");
    let taken = Seen { revision: Revision(7), standing: held("b", 1, 1) };
    let lost = a.at(9_010, Event::SetDone(Err(SetFault::Conflict(Some(taken)))));
    assert_eq!(lost, [Effect::Lost, holder(&held("b", 1, 1))]);
    assert_eq!(a.0.leads_until(), None);

    let mut a = Script::new("a", 1, 0).leads(0);
    a.tick(9_000);
    let on = a.at(9_010, Event::SetDone(Ok(Revision(2))));
    assert_eq!(on, [Effect::Renewed { until: until(10_000) }]);
}

#[test]
fn another_life_of_the_same_node_holds_nothing() {
    let mut again = Script::new("a", 2, 0);
    assert_eq!(again.at(0, seen(Some((3, held("a", 1, 9))))), [holder(&held("a", 1, 9))]);
    assert_eq!(again.0.leads_until(), None);
    assert_eq!(again.wakes(), Some(1_050));
}

#[test]
fn an_orderly_hand_over_closes_then_gives_back_and_the_heir_takes_it_at_once() {
    let (mut a, mut b) = (Script::new("a", 1, 0).leads(0), Script::new("b", 1, 1));
    let heir = Some(node("b"));
    b.at(0, seen(Some((1, held("a", 1, 1)))));
    assert_eq!(a.at(100, Event::HandOver { heir: heir.clone() }), [Effect::Close]);
    // The lease runs on while the reign is closed.
    assert_eq!(a.tick(250), [set(Some(1), held("a", 1, 2))]);
    a.at(260, Event::SetDone(Ok(Revision(2))));
    let vacant = Standing::Vacant { heir };
    assert_eq!(a.at(300, Event::Closed { heir: None }), [set(Some(2), vacant.clone())]);
    let taken = b.at(301, seen(Some((3, vacant.clone()))));
    assert_eq!(taken, [Effect::Holder(None), set(Some(3), held("b", 1, 1))]);
    let released = a.at(302, Event::SetDone(Ok(Revision(3))));
    assert_eq!(released, [Effect::Released, Effect::Holder(None)]);
    // Where the heir does not come, others take it a little later, and the giver last.
    let mut c = Script::new("c", 1, 2);
    c.at(301, seen(Some((3, vacant))));
    assert_eq!((c.wakes(), a.wakes()), (Some(581), Some(1_302)));
    // But where it is itself named, it takes the register at once.
    let back = Standing::Vacant { heir: Some(node("a")) };
    assert_eq!(a.at(310, seen(Some((5, back)))), [set(Some(5), held("a", 1, 3))]);
}

#[test]
fn a_release_without_an_answer_is_tried_until_it_is_seen() {
    let mut a = Script::new("a", 1, 0).leads(0);
    a.at(10, Event::HandOver { heir: None });
    a.at(20, Event::Closed { heir: None });
    assert_eq!(a.at(30, Event::SetDone(Err(SetFault::Unknown))), [Effect::Look]);
    let vacant = Seen { revision: Revision(2), standing: Standing::Vacant { heir: None } };
    let released = a.at(40, Event::Looked(Ok(Some(vacant))));
    assert_eq!(released, [Effect::Released, Effect::Holder(None)]);
}

#[test]
fn a_claim_that_lands_when_it_is_not_wanted_any_more_is_given_back() {
    let mut a = Script::new("a", 1, 0);
    a.at(0, seen(None));
    a.at(200, Event::SetDone(Err(SetFault::Unknown)));
    a.at(210, Event::Rank(None));
    let late = Seen { revision: Revision(1), standing: held("a", 1, 1) };
    let back = a.at(220, Event::Looked(Ok(Some(late))));
    assert_eq!(back, [holder(&held("a", 1, 1))]);
    assert_eq!(a.tick(400), [set(Some(1), Standing::Vacant { heir: None })]);
}

#[test]
fn what_a_newer_program_wrote_is_left_alone_for_the_longest_lease() {
    let newer = Standing::from_bytes(br#"{"v":2,"node":"a","how":"else"}"#);
    assert_eq!(newer, Standing::Unreadable);
    assert_eq!(Standing::from_bytes(b"junk"), Standing::Unreadable);
    let mut b = Script::new("b", 1, 0);
    b.at(0, seen(Some((4, newer))));
    assert_eq!(b.wakes(), Some(63_000));
}

#[test]
fn what_stands_in_the_register_is_spelled_as_it_always_was() {
    let text = r#"{"v":1,"node":"a","boot":3,"turn":17,"epoch":0,"lease_ms":1000}"#;
    assert_eq!(held("a", 3, 17).to_bytes().unwrap(), text);
    assert_eq!(Standing::from_bytes(text.as_bytes()), held("a", 3, 17));
    let vacant = Standing::Vacant { heir: Some(node("b")) };
    assert_eq!(Standing::from_bytes(&vacant.to_bytes().unwrap()), vacant);
}

/// A steward over a fabric on paused time.
struct Stage {
    seat: Seat,
    runs: JoinHandle<crate::Result<()>>,
}

#[expect(clippy::disallowed_methods, reason = "the test owns the steward and aborts it")]
async fn stage(fabric: &Embedded, clock: &Arc<SystemClock>, name: &str, rank: u32) -> Stage {
    let parts = StewardParts {
        registers: fabric.registers(),
        key: Key::new("shard.0.leader").unwrap(),
        node: node(name),
        boot: Incarnation(1),
        clock: Arc::clone(clock) as _,
        settings: LeaseSettings::default(),
    };
    let (seat, steward) = steward(parts);
    let runs = tokio::spawn(steward.run());
    let heir = if name == "a" { "b" } else { "a" };
    seat.wish(Wish { rank: Some(rank), warm: true, heir: Some(node(heir)) }).await;
    Stage { seat, runs }
}

async fn leads(seat: &Seat) -> Moment {
    let mut role = seat.role();
    let leads = role.wait_for(|role| matches!(role, Role::Leading { .. })).await.unwrap();
    match *leads {
        Role::Leading { until, .. } => until,
        Role::Following { .. } | Role::HandingOver { .. } => Moment::START,
    }
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_is_gone_is_followed_within_its_lease_and_a_little() {
    let (fabric, clock) = (Embedded::memory(), SystemClock::following_tokio());
    let a = stage(&fabric, &clock, "a", 0).await;
    let b = stage(&fabric, &clock, "b", 1).await;
    leads(&a.seat).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(*b.seat.role().borrow(), Role::Following { warm: true });
    let gone = clock.now().moment;
    a.runs.abort();
    leads(&b.seat).await;
    let took = clock.now().moment.since(gone);
    assert!((Duration::from_millis(960)..Duration::from_millis(1_310)).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_seat_that_is_left_is_taken_by_the_heir_at_once() {
    let (fabric, clock) = (Embedded::memory(), SystemClock::following_tokio());
    let a = stage(&fabric, &clock, "a", 0).await;
    let b = stage(&fabric, &clock, "b", 1).await;
    leads(&a.seat).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let left = clock.now().moment;
    assert!(a.seat.leave(Duration::from_secs(1)).await);
    leads(&b.seat).await;
    assert!(clock.now().moment.since(left) < Duration::from_millis(5));
    assert_eq!(a.seat.holder().borrow().as_ref().map(|held| held.node.clone()), Some(node("b")));
    // Whoever has left does not come back, whatever the placement wants.
    a.seat.wish(Wish { rank: Some(0), warm: true, heir: None }).await;
    b.runs.abort();
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(*a.seat.role().borrow(), Role::Following { warm: false });
}
