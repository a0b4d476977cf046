use super::*;

fn plan() -> Plan {
    Plan::new("main", 2, &["example", "other"]).unwrap()
}

/// Whether a subject of the server's kind is among those that a pattern stands for.
fn covers(pattern: &str, subject: &str) -> bool {
    let (mut patterns, mut tokens) = (pattern.split('.'), subject.split('.'));
    loop {
        match (patterns.next(), tokens.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some(a), Some(b)) if a == "*" || a == b => {}
            _ => return false,
        }
    }
}

fn may(subjects: &[String], subject: &str) -> bool {
    subjects.iter().any(|pattern| covers(pattern, subject))
}

#[test]
fn only_a_coordinators_login_to_the_store_writes_journals_and_leases() {
    for user in plan().users() {
        let is_writer = user.role == Role::CoordinatorStore;
        for subject in ["$KV.ORK_STATE_main.shard.0.leader", "$KV.ORK_STATE_main.cluster"] {
            assert_eq!(may(&user.grant.publish, subject), is_writer, "{} {subject}", user.name);
        }
        if user.role.account() == Account::Store {
            assert!(may(&user.grant.publish, "ork.v1.main.journal.shard-0"));
        }
    }
    for opening in plan().opened_to_agents().iter().chain(&plan().opened_to_operators()) {
        let subject = &opening.subject;
        let starts = ["STREAM.INFO.", "STREAM.MSG.GET.", "DIRECT.GET."];
        let starts = starts.map(|start| format!("$JS.API.{start}"));
        let is_harmless = subject.starts_with("ork.v1.main.blob.")
            || starts.iter().any(|start| subject.starts_with(start.as_str()))
            || ["$KV.ORK_STATE_main.node.*", "$KV.ORK_STATE_main.lives"].contains(&&**subject);
        assert!(is_harmless, "{subject} of the store is open to others");
    }
}

#[test]
fn what_is_opened_for_planning_is_of_no_cluster_and_of_no_interface() {
    for opening in Plan::opened_to_planning() {
        let subject = &opening.subject;
        assert!(!subject.starts_with('$') && !subject.starts_with("ork."), "{subject}");
        assert_eq!(opening.asked, *subject);
    }
    for user in plan().users() {
        let tells = user.role == Role::Coordinator;
        let told = "orchestration.task.completed";
        assert_eq!(may(&user.grant.publish, told), tells, "{}", user.name);
        let plans = user.role == Role::Planning;
        for said in ["planning.plan.approved", "agent.response.completed"] {
            assert_eq!(may(&user.grant.publish, said), plans, "{} {said}", user.name);
        }
    }
}

#[test]
fn nobody_has_a_root_of_the_interface_or_the_inboxes_of_others() {
    for user in plan().users() {
        for subject in &user.grant.publish {
            let is_root = [">", "$JS.>", "$JS.API.>", "$JS.API.STREAM.>", "$KV.>", "$SYS.>"];
            assert!(!is_root.contains(&&**subject), "{} may publish {subject}", user.name);
            assert!(!subject.starts_with("$JS.API.STREAM.DELETE"), "{} {subject}", user.name);
            assert!(!subject.starts_with("$JS.API.STREAM.UPDATE"), "{} {subject}", user.name);
        }
        for other in plan().users().iter().filter(|other| other.name != user.name) {
            let inbox = format!("{}.x", other.inbox());
            assert!(!may(&user.grant.subscribe, &inbox), "{} hears {inbox}", user.name);
        }
        assert!(may(&user.grant.subscribe, &format!("{}.x", user.inbox())));
    }
}

#[test]
fn an_agent_has_its_own_subjects_and_nothing_more() {
    let user = plan().user(Role::Agent, Some("example"));
    assert!(may(&user.grant.publish, "ork.v1.main.agent.example.say"));
    assert!(may(&user.grant.subscribe, "ork.v1.main.agent.example.work"));
    assert!(!may(&user.grant.subscribe, "ork.v1.main.agent.other.work"));
    assert!(!may(&user.grant.publish, "ork.v1.main.agent.other.say"));
    assert_eq!(user.grant.publish.len() + user.grant.subscribe.len(), 6);
}

#[test]
fn a_client_takes_locks_and_only_those_who_run_the_cluster_steal_them() {
    for user in plan().users() {
        let runs = matches!(user.role, Role::Coordinator | Role::Operator);
        let takes = runs || user.role == Role::Client;
        assert_eq!(may(&user.grant.publish, "ork.v1.main.lock.acquire"), takes, "{}", user.name);
        assert_eq!(may(&user.grant.publish, "ork.v1.main.lock.steal"), runs, "{}", user.name);
    }
}

#[test]
fn what_would_break_out_of_a_subject_is_refused() {
    for name in ["", "a.b", "*", ">", "a b", "a\"", &"a".repeat(65)] {
        assert!(Plan::new(name, 1, &[]).is_err(), "{name:?}");
        assert!(Plan::new("main", 1, &[name]).is_err(), "{name:?}");
    }
    assert!(Plan::new("main", 0, &[]).is_err());
    assert!(Plan::new("main", SHARDS_MAX + 1, &[]).is_err());
}
