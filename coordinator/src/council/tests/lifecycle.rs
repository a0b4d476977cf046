//! Councils come and go.

use std::collections::BTreeMap;

use orkestra_runtime::{ErrorKind, machine::ReplyTo};

use super::script::{Script, agent, request};
use crate::council::{
    Capabilities, CheckWeights, CouncilCommand, CouncilConfig, CouncilEvent, CouncilRefusal,
    CouncilReply, DeliberationRequest, NewCouncil, Registration,
    view::{CouncilStatus, CouncilView, SeatStatus},
};

fn council(role: &str, num_agents: u32) -> NewCouncil {
    NewCouncil { role: role.to_owned(), num_agents, ..NewCouncil::default() }
}

fn registration(role: &str, name: &str) -> Registration {
    Registration {
        namespace: String::new(),
        role: role.to_owned(),
        agent_id: agent(name),
        capabilities: Capabilities::default(),
        endpoint: String::new(),
        metadata: BTreeMap::new(),
    }
}

fn register(script: &mut Script, role: &str, name: &str) -> Result<String, CouncilRefusal> {
    let registration = Box::new(registration(role, name));
    match script.tell(CouncilCommand::Register { to: ReplyTo(1), registration })? {
        CouncilReply::Registered { council_id } => Ok(council_id),
        other => panic!("{other:?}"),
    }
}

fn delete(script: &mut Script, role: &str, force: bool) -> Result<u32, CouncilRefusal> {
    let (to, namespace, role) = (ReplyTo(1), String::new(), role.to_owned());
    match script.tell(CouncilCommand::Delete { to, namespace, role, force })? {
        CouncilReply::Deleted { agents_removed } => Ok(agents_removed),
        other => panic!("{other:?}"),
    }
}

fn unregister(script: &mut Script, role: &str, agent: &str) -> Result<(), CouncilRefusal> {
    let (to, namespace) = (ReplyTo(1), String::new());
    let [role, agent] = [role, agent].map(str::to_owned);
    script.tell(CouncilCommand::Unregister { to, namespace, role, agent }).map(drop)
}

fn seats(view: &CouncilView) -> Vec<(&str, &str)> {
    view.seats.iter().map(|seat| (seat.id.as_str(), seat.worker.as_str())).collect()
}

#[test]
fn a087_five_roles_have_three_seats_each_and_lose_them_when_they_are_deleted() {
    let mut script = Script::new(&["ann", "bob"]);
    script.join("eve", &["qa"], 4);
    for role in ["DEV", "QA", "ARCHITECT", "DEVOPS", "DATA"] {
        let made = script.create(council(role, 3)).unwrap();
        assert_eq!((made.role.as_str(), made.status), (role, CouncilStatus::Active));
        assert_eq!(made.id, format!("council-{}", role.to_lowercase()));
    }
    let all = script.councils();
    assert_eq!(all.len(), 5);
    // Two for any council take three seats in turn; who can do a role sits in it too.
    let found = |role: &str| all.iter().find(|council| council.role == role).unwrap();
    let of_dev = [("agent-dev-001", "ann"), ("agent-dev-002", "bob"), ("agent-dev-003", "ann")];
    assert_eq!(seats(found("DEV")), of_dev);
    let of_qa = [("agent-qa-001", "ann"), ("agent-qa-002", "bob"), ("agent-qa-003", "eve")];
    assert_eq!(seats(found("QA")), of_qa);
    assert_eq!(delete(&mut script, "dev", false).unwrap(), 3);
    assert_eq!(script.councils().len(), 4);
    let gone = delete(&mut script, "DEV", false).unwrap_err();
    assert_eq!(gone, CouncilRefusal::NoCouncil { role: "DEV".to_owned() });
    script.check();
}

#[test]
fn a087_a_council_is_idle_active_or_busy_as_its_seats_and_its_work_are() {
    let mut script = Script::seated(&["ann", "bob"], CouncilConfig::default());
    assert_eq!(script.councils()[0].status, CouncilStatus::Active);
    script.ask(request("one")).unwrap();
    let busy = &script.councils()[0];
    assert_eq!(
        (busy.status, &busy.deliberations[..]),
        (CouncilStatus::Busy, &["one".to_owned()][..])
    );
    let refused = delete(&mut script, "DEV", false).unwrap_err();
    assert!(refused.to_string().contains("is at deliberation one"), "{refused}");
    script.run();
    assert_eq!(script.councils()[0].status, CouncilStatus::Active);
    script.leave("ann");
    script.leave("bob");
    let idle = &script.councils()[0];
    assert_eq!((idle.status, idle.seats[0].status), (CouncilStatus::Idle, SeatStatus::Offline));
    assert_eq!(idle.seats[0].reason.as_deref(), Some("its worker is not there"));
}

#[test]
fn deleting_by_force_cancels_what_is_being_deliberated_down_to_the_agents() {
    let mut script = Script::seated(&["ann", "bob"], CouncilConfig::default());
    script.ask(request("one")).unwrap();
    assert_eq!(script.at_work(), "draft-1 draft-2");
    assert_eq!(delete(&mut script, "DEV", true).unwrap(), 2);
    assert_eq!(script.at_work(), "");
    let view = script.view("one");
    assert_eq!(view.status.as_str(), "failed");
    assert!(view.error_message.unwrap().contains("the council of role DEV was deleted"));
    script.check();
}

#[test]
fn agents_are_registered_and_unregistered_live_and_a_missing_council_is_made() {
    let mut script = Script::new(&["ann"]);
    assert_eq!(register(&mut script, "Writers", "ann").unwrap(), "council-writers");
    assert_eq!(register(&mut script, "WRITERS", "remote-1").unwrap(), "council-writers");
    let all = script.councils();
    assert_eq!((all.len(), all[0].role.as_str()), (1, "Writers"));
    let stands: Vec<_> = all[0].seats.iter().map(|seat| seat.status).collect();
    assert_eq!(stands, [SeatStatus::Ready, SeatStatus::Offline]);
    let why = all[0].seats[1].reason.clone().unwrap();
    assert!(why.contains("no agent remote-1 has ever joined"), "{why}");
    let twice = register(&mut script, "writers", "ann").unwrap_err();
    assert_eq!(twice.kind(), ErrorKind::Conflict);
    script.join("remote-1", &[], 1);
    assert_eq!(script.councils()[0].seats[1].status, SeatStatus::Ready);
    unregister(&mut script, "writers", "ann").unwrap();
    let gone = unregister(&mut script, "writers", "ann").unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    assert_eq!(script.councils()[0].seats.len(), 1);
    script.check();
}

#[test]
fn a085_who_asks_where_nobody_can_answer_is_told_the_role_and_what_to_do() {
    let mut script = Script::new(&[]);
    let nobody = script.create(council("DEV", 3)).unwrap_err();
    let told = nobody.to_string();
    assert!(told.contains("as DEV") && told.contains(r#"capability "dev" or "council""#), "{told}");
    let none = script.ask(request("one")).unwrap_err();
    assert_eq!(none.kind(), ErrorKind::NotFound);
    assert!(none.to_string().contains("role DEV has no council"), "{none}");
    register(&mut script, "DEV", "ghost").unwrap();
    let offline = script.ask(request("one")).unwrap_err().to_string();
    assert!(offline.contains("as DEV: no seat of its council is there (ghost"), "{offline}");
    unregister(&mut script, "DEV", "ghost").unwrap();
    let empty = script.ask(request("one")).unwrap_err().to_string();
    assert!(empty.contains("as DEV: its council has no seats"), "{empty}");
    assert!(script.events().all(|event| !matches!(event, CouncilEvent::Opened { .. })));
}

#[test]
fn what_is_out_of_bounds_is_refused_with_its_field_and_nothing_is_done() {
    let mut script = Script::seated(&["ann"], CouncilConfig::default());
    let twice = script.create(council("dev", 3)).unwrap_err();
    assert_eq!(twice, CouncilRefusal::CouncilExists { role: "DEV".to_owned() });
    let faulty = |config: CouncilConfig| NewCouncil { config, ..council("QA", 1) };
    let rounds = CouncilConfig { deliberation_rounds: 6, ..CouncilConfig::default() };
    let weights = CheckWeights { policy: 0, lint: 0, dry_run: 0 };
    let weights = CouncilConfig { weights, ..CouncilConfig::default() };
    let before = script.journal.len();
    for (council, field) in [
        (council("", 3), "role"),
        (council("a b", 3), "role"),
        (faulty(rounds), "config.deliberation_rounds"),
        (faulty(weights), "config.weights"),
    ] {
        let refused = script.create(council).unwrap_err();
        assert!(
            matches!(&refused, CouncilRefusal::Invalid { field: at, .. } if at == field),
            "{refused}"
        );
    }
    let long = "x".repeat(17 * 1024);
    for (request, field) in [
        (DeliberationRequest { task: " ".to_owned(), ..request("a") }, "task"),
        (DeliberationRequest { task: long, ..request("a") }, "task"),
        (DeliberationRequest { rounds: Some(6), ..request("a") }, "rounds"),
        (request("a:b"), "id"),
        (request(""), "id"),
    ] {
        let refused = script.ask(request).unwrap_err();
        assert!(
            matches!(&refused, CouncilRefusal::Invalid { field: at, .. } if at == field),
            "{refused}"
        );
    }
    assert_eq!(script.journal.len(), before, "something was written");
}
